from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score, recall_score

from models.metrics.retrieval import ranked
from models.title.evaluation import DIRECTIONS, Condition, EvaluationTunes, Outcome, Probe, f1_of_types, results
from models.title.tunes import Tune, make_pool

pytestmark = pytest.mark.slow

KINDS = ("hornpipe", "jig", "reel")


def probe(seed: int, share_right: float) -> Probe:
    """Types of the same 300 tunes, read right as often as said."""
    truth = np.random.default_rng(0).choice(KINDS, size=300, p=[0.2, 0.3, 0.5])
    rng = np.random.default_rng(seed)
    read = np.where(rng.random(300) < share_right, truth, rng.choice(KINDS, size=300))
    return Probe(KINDS, truth, read, truth, tuple(str(i // 2) for i in range(300)))


@pytest.fixture(scope="module")
def test_tunes(made_tunes: list[Tune]) -> EvaluationTunes:
    return EvaluationTunes(make_pool(made_tunes[:80]), [], [])


def outcome(test_tunes: EvaluationTunes, noise: float, seed: int, read: Probe | None = None) -> Outcome:
    right = test_tunes.pool.right
    scores = right + noise * np.random.default_rng(seed).normal(size=right.shape)
    rankings = {DIRECTIONS[0]: ranked(scores, right, seed), DIRECTIONS[1]: ranked(scores.T, right.T, seed)}
    return Outcome(rankings, scores.argmax(1), read)


def test_f1_of_types_is_the_mean_of_sklearns() -> None:
    probes = [probe(1, 0.8), probe(2, 0.6)]
    scores, draws = f1_of_types(probes, draws=300)
    expected = [f1_score(each.truth, each.read, labels=KINDS, average=None) for each in probes]
    assert np.allclose(scores, np.mean(expected, axis=0))
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    assert (low < scores).all()
    assert (scores < high).all()
    assert (high - low < 0.35).all()


def test_every_figure_is_the_mean_over_seeds_and_lies_in_its_interval(test_tunes: EvaluationTunes) -> None:
    found = {Condition("cnn-cnn"): {seed: outcome(test_tunes, 0.5, seed) for seed in (0, 1, 2)}}
    told = list(results(found, outcome(test_tunes, 2.0, 9), test_tunes))
    mine = [row for row in told if (row["comparison"], row["condition"]) == ("variant", "cnn-cnn")]
    whole = next(row for row in mine if row["measure"] == "title_to_melody.mrr" and "seed" not in row)
    seeds = [row["value"] for row in mine if row["measure"] == "title_to_melody.mrr" and "seed" in row]
    by_hand = [(1 / each.rankings[DIRECTIONS[0]].best).mean() for each in found[Condition("cnn-cnn")].values()]
    assert np.allclose(seeds, by_hand)
    assert np.isclose(whole["value"], np.mean(by_hand))
    assert whole["low"] < whole["value"] < whole["high"]
    beside = [row for row in told if row["comparison"] == "against_ridge"]
    assert all(row["low"] > 0 and row["p"] < 0.01 for row in beside)
    shares = [row["value"] for row in told if row["comparison"] == "nearest" and row["genre"] == "reel"]
    assert np.isclose(sum(shares), 2.0)  # of the variant and of the ridge


def test_what_makes_no_difference_is_told_to_make_none_and_what_costs_is_found(test_tunes: EvaluationTunes) -> None:
    base = {seed: outcome(test_tunes, 0.5, seed, probe(seed, 0.9)) for seed in (0, 1)}
    found = {
        Condition("cnn-cnn"): base,
        Condition("cnn-cnn", ("key",)): base,
        Condition("cnn-cnn", ("pitch",)): {s: outcome(test_tunes, 3.0, s, probe(s, 0.2)) for s in (0, 1)},
    }
    told = list(results(found, outcome(test_tunes, 2.0, 9), test_tunes))
    costs = {
        (row["condition"], row["measure"], row.get("genre")): row for row in told if "ablation" in row["comparison"]
    }
    same, less = (costs[f"cnn-cnn-no_{name}", "title_to_melody.mrr", None] for name in ("key", "pitch"))
    assert (same["value"], same["low"], same["high"], same["p"]) == (0, 0, 0, 1)
    assert less["high"] < 0
    assert less["p"] < 0.01
    assert costs["cnn-cnn-no_pitch", "title_to_melody.mrr", "reel"]["n"] == 40
    recalls = [
        np.mean([recall_score(p.truth, p.read, labels=KINDS, average="macro") for p in pair])
        for pair in ([probe(0, 0.2), probe(1, 0.2)], [probe(0, 0.9), probe(1, 0.9)])
    ]
    assert np.isclose(costs["cnn-cnn-no_pitch", "recall", None]["value"], recalls[0] - recalls[1])
    assert costs["cnn-cnn-no_pitch", "reel_or_hornpipe", None]["high"] < 0
    assert costs["cnn-cnn-no_key", "recall", "reel"]["value"] == 0
