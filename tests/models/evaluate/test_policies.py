import json
import warnings

import numpy as np
import pytest

from models.evaluate import policies
from models.evaluate.policies import ceiling, fill, simulate, trial_of, votes_needed, votes_until
from models.experiments.report import Report
from models.metrics.music_statistics import ATTRIBUTES
from models.taste.evaluation.gifts import Pool
from models.taste.evaluation.policies import METHODS, listen_with_gp
from models.taste.simulated_people import KINDS, person
from models.taste.space import TasteSpace

pytestmark = pytest.mark.slow

NAMES = tuple(ATTRIBUTES)


@pytest.fixture(scope="module")
def pool_and_space() -> tuple[Pool, TasteSpace]:
    generator = np.random.default_rng(0)
    latents = generator.normal(size=(90, 20))
    attributes = latents @ generator.normal(size=(20, len(NAMES))) + 0.3 * generator.normal(size=(90, len(NAMES)))
    space = TasteSpace.fit(latents, attributes, NAMES, "v1")
    return Pool("pop", space.features(latents), attributes, "hash"), space


def test_a_taste_is_known_when_it_stays_known(monkeypatch: pytest.MonkeyPatch) -> None:
    lucky = [0.9, 0.5, 0.9, 0.9, 0.9, 0.9, 0.9, 0.5]
    assert votes_until(iter(lucky), 0.8) == 3
    assert votes_until(iter([0.9] * 9), 0.8) == 1
    monkeypatch.setattr(policies, "MOST", 6)
    assert votes_until(iter([0.5] * 99), 0.8) == 6
    assert votes_until(iter([0.5] * 4 + [0.9] * 5), 0.8) == 5
    assert votes_until(iter([0.9] * 3), 0.8) == 6  # the pairs ended before it was sure


def test_the_ceiling_lies_between_chance_and_knowing_the_person(pool_and_space) -> None:
    for kind in KINDS:
        pool, _ = pool_and_space
        trial = trial_of(pool, kind, 3)
        assert not set(trial.played) & {*trial.first, *trial.second}
        knows_all = trial.accuracy(trial.someone.utility)
        assert knows_all == pytest.approx(np.maximum(trial.chance, 1 - trial.chance).mean())
        assert 0.5 < ceiling(pool, trial) <= knows_all + 1e-9
        assert trial.accuracy(np.zeros(len(pool.features))) == 0.5


def test_every_policy_finds_out_a_simple_taste_and_ours_does_sooner_than_chance(pool_and_space) -> None:
    ours = tuple(method for method in METHODS if method != "pairwise_gp")
    simple = [votes_needed(*pool_and_space, "linear", seed, ours) for seed in (0, 1)]
    for method in ours:
        assert 1 <= np.mean([votes[method] for votes in simple]) < 60
    told_by_a_line = [(kind, seed) for kind in ("linear", "tired", "left_handed", "tie_lover") for seed in range(6)]
    votes = [votes_needed(*pool_and_space, kind, seed, ("random", "ours")) for kind, seed in told_by_a_line]
    assert np.mean([each["ours"] for each in votes]) < np.mean([each["random"] for each in votes])


def test_votes_of_every_kind_are_gathered(pool_and_space) -> None:
    votes = simulate(*pool_and_space, [3, 4], methods=("ours",))
    for kind in KINDS:
        assert votes[kind]["ours"].tolist() == [
            votes_needed(*pool_and_space, kind, seed, ("ours",))["ours"] for seed in (3, 4)
        ]


def test_the_report_sets_ours_beside_random_pairs(capsys) -> None:
    rng = np.random.default_rng(0)
    votes = {
        kind: {"random": rng.integers(9, 60, 6).astype(float), "ours": rng.integers(3, 30, 6).astype(float)}
        for kind in KINDS
    }
    report = Report("evaluate.policies", {}, {}, 0)
    fill(report, votes)
    report.print()
    metrics = json.loads(capsys.readouterr().out.splitlines()[-1])["metrics"]
    for kind in KINDS:
        assert metrics[f"policy.{kind}.ours.votes_to_90"]["value"] == votes[kind]["ours"].mean()
        assert metrics[f"policy.{kind}.ours.votes_to_90"]["baseline"] == votes[kind]["random"].mean()
        ratio = metrics[f"policy.{kind}.ours.share_of_random"]
        assert ratio["value"] == pytest.approx(votes[kind]["ours"].mean() / votes[kind]["random"].mean())
        assert ratio["low"] <= ratio["value"] <= ratio["high"]
    every = {method: np.concatenate([votes[kind][method] for kind in KINDS]).mean() for method in ("ours", "random")}
    assert metrics["policy.ours.share_of_random"]["value"] == pytest.approx(every["ours"] / every["random"])
    assert metrics["policy.ours.share_of_random"]["n"] == 6 * len(KINDS)


def test_the_gaussian_process_learns_from_the_pairs_it_asks(pool_and_space, monkeypatch) -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(16, 2))
    someone = person("linear", np.c_[x[:, 0], x[:, 0], x[:, 0]], generator)
    thoughts = listen_with_gp(someone, x, np.arange(16), seed=1)
    before, *_, after = [mean for _, mean in zip(range(14), thoughts, strict=False)]
    assert abs(np.corrcoef(after, someone.utility)[0, 1]) > 0.7
    assert np.corrcoef(after, someone.utility)[0, 1] > np.corrcoef(before, someone.utility)[0, 1]
    monkeypatch.setattr(policies, "MOST", 3)
    monkeypatch.setattr(policies, "STAYS", 1)
    needed = votes_needed(*pool_and_space, "linear", 0, ("pairwise_gp",))
    assert needed["pairwise_gp"] <= 3
    assert needed["gp_searches"] == 1 >= needed["gp_stopped_early"]


def test_searches_that_stop_early_are_counted_and_other_warnings_still_heard(monkeypatch) -> None:
    from models.taste.evaluation import policies as compared_policies
    from models.taste.evaluation.policies import Searches, fitted, import_botorch

    stopping = import_botorch().exceptions.warnings.OptimizationWarning

    def stops(model) -> None:
        warnings.warn("it took too long", stopping, stacklevel=1)
        warnings.warn("something else", UserWarning, stacklevel=1)

    monkeypatch.setattr(compared_policies, "fit", stops)
    searches = Searches()
    x = np.random.default_rng(0).uniform(size=(6, 2))
    winners = [(0, 1), (2, 3), (4, 5)]
    with pytest.warns(UserWarning, match="something else"):
        model = fitted(x, winners, None, 0, searches)
    fitted(x, [*winners, (0, 5)], model, 0, searches)
    assert searches == Searches(1, 1)
    report = Report("evaluate.policies", {}, {}, 0)
    some = {"pairwise_gp": np.array([9.0]), "random": np.array([9.0])}
    fill(report, {"linear": some | {"gp_searches": np.array([4]), "gp_stopped_early": np.array([1])}})
    assert report.metrics["policy.linear.pairwise_gp.stopped_early"].value == 0.25
