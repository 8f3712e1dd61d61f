"""The mixture's stated probabilities against how often pairs really come, and what it prefers."""

import math
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import entropy, norm

from models.taste import policy
from models.taste.acquisition import POLICIES, information_gain
from models.taste.head import Head, davidson, update
from models.taste.policy import Asked, Mixture, NoPairLeftError, PairPlan, choose, choose_named

SIZE = 4


@cache
def make_head() -> Head:
    head = Head.of(np.zeros(SIZE), 0.3 * np.eye(SIZE), "v1")
    return update(head, np.array([1.0, 0.5, 0.0, -1.0]), np.zeros(SIZE), "left")


def make_clips(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, SIZE))


def flags(count: int, *on: int) -> np.ndarray:
    mask = np.zeros(count, dtype=bool)
    mask[list(on)] = True
    return mask


@dataclass(frozen=True)
class Stated:
    """All unordered pairs that may be drawn, first < second, and their probabilities."""

    first: np.ndarray
    second: np.ndarray
    probability: np.ndarray


def distribution(
    clips: np.ndarray, head: Head, *, offered, picks: int, heard=None, composed=None, mixture=None, seed: int = 0
) -> Stated:
    """The whole mixture that is drawn from, pair by pair."""
    plan = PairPlan(clips, head, Asked(offered, picks, heard, composed, mixture or Mixture(), None, seed))
    first, second = np.triu_indices(plan.clips, k=1)
    probability = np.array([plan.pair_probability(int(a), int(b)) for a, b in zip(first, second, strict=True)])
    kept = probability > 0
    return Stated(first[kept], second[kept], probability[kept])


def drawn_as_stated(clips: np.ndarray, draws: int, generator: np.random.Generator, **given) -> set[str]:
    """Draw pairs and hold their numbers against the stated probabilities; the policies that drew them."""
    whole = distribution(clips, make_head(), **given)
    stated = {(int(a), int(b)): p for a, b, p in zip(whole.first, whole.second, whole.probability, strict=True)}
    assert sum(stated.values()) == pytest.approx(1)
    counts, policies = dict.fromkeys(stated, 0), set()
    for _ in range(draws):
        choice = choose(clips, make_head(), generator=generator, **given)
        pair = (min(choice.left, choice.right), max(choice.left, choice.right))
        assert choice.pair_probability == pytest.approx(stated[pair])
        counts[pair] += 1
        policies.add(choice.policy)
    chi_squared = sum((counts[pair] - draws * p) ** 2 / (draws * p) for pair, p in stated.items())
    degrees = len(stated) - 1
    assert chi_squared < degrees + 4 * math.sqrt(2 * degrees)
    return policies


@pytest.mark.slow
@pytest.mark.parametrize("picks", [0, 40])
def test_pairs_come_as_often_as_their_stated_probability(picks: int) -> None:
    clips, draws = make_clips(7), 1200
    generator = np.random.default_rng(picks)
    given = {"offered": {(0, 1), (5, 2)}, "picks": picks, "heard": flags(7, 0, 3), "composed": flags(7, 4, 6)}
    drawn_as_stated(clips, draws, generator, **given)


def test_a_long_pool_keeps_exact_probabilities_beyond_the_shortlist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "SHORTLIST", 4)
    clips = make_clips(9)
    given = {"offered": {(0, 3)}, "picks": 3, "heard": flags(9, 1), "seed": 5}
    whole = distribution(clips, make_head(), **given)
    assert whole.probability.sum() == pytest.approx(1)
    assert len(whole.probability) == 35  # control reaches every pair that was not offered
    generator = np.random.default_rng(1)
    choices = [choose(clips, make_head(), generator=generator, **given) for _ in range(600)]
    short = {index for choice in choices if choice.policy != "control" for index in (choice.left, choice.right)}
    assert len(short) <= 4
    assert 1 not in short


def test_a_pair_that_two_components_draw_has_both_probabilities() -> None:
    clips, head = make_clips(3), make_head()
    mixture = Mixture(control=0.5, composed=0.5)
    whole = distribution(clips, head, offered=(), picks=0, composed=flags(3, 2), mixture=mixture)
    stated = dict(zip(zip(whole.first.tolist(), whole.second.tolist(), strict=True), whole.probability, strict=True))
    assert stated[0, 1] == pytest.approx(0.5 / 3)
    assert stated[0, 2] == pytest.approx(0.5 / 3 + 0.5 / 2)


def test_every_pair_can_come_and_none_comes_twice() -> None:
    clips, head, generator = make_clips(6), make_head(), np.random.default_rng(0)
    offered: set[tuple[int, int]] = set()
    for picks in range(15):
        choice = choose(clips, head, offered=offered, picks=picks, generator=generator)
        pair = (min(choice.left, choice.right), max(choice.left, choice.right))
        assert pair not in offered
        assert choice.left != choice.right
        offered.add(pair)
    assert offered == set(combinations(range(6), 2))
    with pytest.raises(NoPairLeftError):
        choose(clips, head, offered=offered, picks=15, generator=generator)


@pytest.mark.slow
def test_the_order_of_a_pair_is_a_fair_coin() -> None:
    clips, generator = make_clips(2), np.random.default_rng(0)
    choices = [choose(clips, make_head(), offered=(), picks=0, generator=generator) for _ in range(2000)]
    assert abs(np.mean([choice.left == 0 for choice in choices]) - 0.5) < 0.045
    assert {choice.order_probability for choice in choices} == {0.5}
    assert {choice.pair_probability for choice in choices} == {1.0}


def test_early_pairs_contrast_more_than_late_ones_and_than_control() -> None:
    clips, head = make_clips(40), make_head()

    def mean_distance(picks: int, mixture: Mixture) -> float:
        whole = distribution(clips, head, offered=(), picks=picks, mixture=mixture)
        distance = np.linalg.norm(clips[whole.first] - clips[whole.second], axis=1)
        return float(distance @ whole.probability)

    early, late = mean_distance(0, Mixture(composed=0)), mean_distance(40, Mixture(composed=0))
    control = mean_distance(0, Mixture(control=1, composed=0))
    assert early > late
    assert early > 1.2 * control


def test_clips_that_were_heard_come_less_often() -> None:
    clips, head = make_clips(20), make_head()
    whole = distribution(clips, head, offered=(), picks=5, heard=flags(20, *range(10)), mixture=Mixture(composed=0))
    fresh = (whole.first >= 10) & (whole.second >= 10)
    assert whole.probability[fresh].sum() > 0.8


def test_composed_clips_meet_the_pool_as_often_as_their_share_says() -> None:
    clips, head, generator = make_clips(30), make_head(), np.random.default_rng(2)
    own = flags(30, 28, 29)
    mixture = Mixture(composed=0.4)
    choices = [
        choose(clips, head, offered=(), picks=9, generator=generator, composed=own, mixture=mixture) for _ in range(500)
    ]
    drawn = [choice for choice in choices if choice.policy == "composed"]
    assert abs(len(drawn) / 500 - 0.4) < 0.08
    assert all(own[choice.left] != own[choice.right] for choice in drawn)


def test_information_gain_is_the_mutual_information_that_scipy_integrates() -> None:
    tie = math.log(0.4)

    def outcomes(s: float) -> np.ndarray:
        chance = davidson(s, tie)
        return np.array([chance.left, chance.equal, chance.right])

    def expected(centre: float, sd: float) -> float:
        parts = [quad(lambda s, k=k: outcomes(s)[k] * norm.pdf(s, centre, sd), -12, 12)[0] for k in range(3)]
        known = quad(lambda s: entropy(outcomes(s)) * norm.pdf(s, centre, sd), -12, 12)[0]
        return float(entropy(parts)) - known

    for centre, sd in ((0.0, 1.0), (0.7, 0.4), (-1.5, 1.2)):
        found = information_gain(np.array([centre]), np.array([sd**2]), tie)[0]
        assert found == pytest.approx(expected(centre, sd), abs=2e-3)
    assert information_gain(np.zeros(1), np.zeros(1), tie)[0] == pytest.approx(0, abs=1e-5)


def test_bad_input_is_refused() -> None:
    head, generator = make_head(), np.random.default_rng(0)
    with pytest.raises(ValueError, match="features"):
        choose(np.zeros((3, SIZE + 1)), head, offered=(), picks=0, generator=generator)
    with pytest.raises(ValueError, match="heard"):
        choose(make_clips(3), head, offered=(), picks=0, generator=generator, heard=flags(4))
    with pytest.raises(ValueError, match="indices"):
        choose(make_clips(3), head, offered={(0, 3)}, picks=0, generator=generator)
    with pytest.raises(ValueError, match="shares"):
        Mixture(control=0.8, composed=0.3)
    with pytest.raises(NoPairLeftError):
        choose(make_clips(1), head, offered=(), picks=0, generator=generator)


@pytest.mark.slow
@pytest.mark.parametrize("learning", [{name: 1.0} for name in POLICIES] + [dict.fromkeys(POLICIES, 1.0)])
def test_whatever_policies_are_mixed_pairs_come_as_often_as_stated(learning: dict[str, float]) -> None:
    clips, draws = make_clips(6), 400
    generator = np.random.default_rng(5)
    mixture = Mixture(learning=learning, control=0.2, composed=0.2, sharpness=3)
    given = {"offered": {(0, 1)}, "picks": 7, "composed": flags(6, 5), "mixture": mixture, "seed": 11}
    drawn = drawn_as_stated(clips, draws, generator, **given)
    assert drawn == {"control", "composed", *learning}


def test_named_pairs_come_as_often_as_stated_and_leave_the_rest_to_the_others() -> None:
    mixture, generator, draws = Mixture(repeat=0.1, proof=0.4, tension=0.2), np.random.default_rng(0), 6000
    counts: dict[tuple[str, int], int] = {}
    for _ in range(draws):
        named, share = choose_named(3, 2, generator, mixture, tension=1)
        if named is None:
            assert share == pytest.approx(0.3)
            continue
        assert named.pair_probability == pytest.approx(0.1 / 3 if named.policy == "repeat" else 0.2)
        counts[named.policy, named.index] = counts.get((named.policy, named.index), 0) + 1
    assert set(counts) == {("repeat", i) for i in range(3)} | {("proof", 0), ("proof", 1), ("tension", 0)}
    for (policy_name, _), count in counts.items():
        expected = draws * (0.1 / 3 if policy_name == "repeat" else 0.2)
        assert abs(count - expected) < 4.5 * math.sqrt(expected)
    assert choose_named(0, 0, generator, mixture) == (None, 1)
