"""What both would like best, against what each would like alone, and where tastes part."""

from dataclasses import replace

import numpy as np
import pytest

from models.taste.explain import Effect
from models.taste.head import Head
from models.taste.search import JointScore, _verdict, best_for_both, best_latents, compare_tastes
from models.taste.space import TasteSpace, summary


def head_of(space: TasteSpace, likes: dict[str, float], sd: float = 0.1) -> Head:
    """Somebody whose utility rises by so much with one standard deviation of an attribute."""
    mean = np.zeros(space.size)
    for name, effect in likes.items():
        mean[space.names.index(name)] = effect
    return Head.of(mean, sd**2 * np.eye(space.size), space.version)


def features(space: TasteSpace, latents) -> np.ndarray:
    return space.features(np.stack([summary(each) for each in latents]))


def test_a_chance_is_that_of_being_better_than_a_draw_and_doubt_lowers_it(space: TasteSpace, clips) -> None:
    x = features(space, clips.latents[:60])
    sure = head_of(space, {"tempo_bpm": 2.0}, sd=1e-6)
    unsure = head_of(space, {"tempo_bpm": 2.0}, sd=0.8)
    chances = JointScore(sure, unsure, x).chances(x)
    assert ((chances > 0) & (chances < 1)).all()
    utility = x @ sure.mean
    expected = (1 / (1 + np.exp(utility - utility[:, None]))).mean(axis=1)
    assert chances[0] == pytest.approx(expected, abs=1e-4)
    assert (chances[1] < chances[0]).all()


def test_the_clip_for_both_leaves_neither_out(space: TasteSpace, clips) -> None:
    """Two who share one liking and differ in another: each one's own best is worse for the pair."""
    one = head_of(space, {"tempo_bpm": 1.5, "mean_pitch": 1.5})
    other = head_of(space, {"tempo_bpm": 1.5, "mean_pitch": -1.5})
    draws = clips.latents[:80]
    both = JointScore(one, other, features(space, draws))
    for_both = both.chances(features(space, [draws[i] for i in best_for_both(one, other, space, draws, 3)]))
    alone = both.chances(features(space, [each.latents for each in best_latents(one, space, draws, 3)]))
    assert for_both.min(axis=0).mean() > alone.min(axis=0).mean() + 0.1
    assert for_both.min() > 0.6
    assert abs(for_both[0] - for_both[1]).max() < abs(alone[0] - alone[1]).max()


def test_somebody_unknown_does_not_spoil_it_for_the_other(space: TasteSpace, clips) -> None:
    known = head_of(space, {"tempo_bpm": 2.0})
    stranger = Head.of(space.prior_mean, space.prior_covariance, space.version)
    draws = clips.latents[:80]
    both = JointScore(known, stranger, features(space, draws))
    best = [draws[i] for i in best_for_both(known, stranger, space, draws, 3)]
    assert both.chances(features(space, best))[0].min() > 0.75


def test_who_differs_parts_and_who_agrees_does_not(space: TasteSpace) -> None:
    one = head_of(space, {"tempo_bpm": 1.5, "mean_pitch": 1.5, "mean_velocity": 2.5})
    other = head_of(space, {"tempo_bpm": 1.5, "mean_pitch": -1.5, "mean_velocity": 1.0})
    rows = {row.one.attribute: row for row in compare_tastes(one, other, space)}
    assert rows["mean_pitch"].verdict == "part"
    assert rows["mean_pitch"].apart == pytest.approx(rows["mean_pitch"].one.effect - rows["mean_pitch"].other.effect)
    assert rows["mean_velocity"].verdict == "one_more"
    assert {row.verdict for row in compare_tastes(one, one, space)} <= {"both", "open"}
    nobody = Head.of(space.prior_mean, space.prior_covariance, space.version)
    assert {row.verdict for row in compare_tastes(nobody, nobody, space)} == {"open"}
    order = ["part", "one_more", "other_more", "both", "open"]
    found = [order.index(row.verdict) for row in compare_tastes(one, other, space)]
    assert found[0] == 0
    styles = [row.one.style for row in compare_tastes(one, other, space)]
    assert len(styles) == len(set(styles))


def test_nothing_is_said_of_what_a_range_of_95_percent_leaves_open() -> None:
    def effect(value: float, confidence: float) -> Effect:
        return replace(plain, effect=value, confidence=confidence)

    plain = Effect("tempo", "tempo_bpm", 0.0, 0.1, 0.5, "", "", "", 0.5)
    assert _verdict(effect(0.3, 0.96), effect(0.3, 0.99), 0.5) == "open"
    assert _verdict(effect(0.3, 0.98), effect(0.3, 0.99), 0.5) == "both"
    assert _verdict(effect(0.3, 0.98), effect(-0.3, 0.99), 0.99) == "part"
    assert _verdict(effect(0.3, 0.98), effect(-0.1, 0.8), 0.99) == "one_more"
