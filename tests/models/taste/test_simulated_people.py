import numpy as np
import pytest

from models.taste import simulated_people
from models.taste.head import Head
from models.taste.policy import REPEAT_AFTER, REPEAT_GAP, Mixture
from models.taste.simulated_people import KINDS, LAPSE, Person, listen, person

ATTRIBUTES = np.random.default_rng(0).normal(size=(120, 8))


def outcomes(someone: Person, left: int, right: int, votes_before: int = 0, count: int = 3000) -> dict[str, float]:
    generator = np.random.default_rng(1)
    votes = [someone.vote(left, right, votes_before, generator) for _ in range(count)]
    return {name: votes.count(name) / count for name in ("left", "equal", "right")}


def test_everybody_is_equally_decided_about_what_they_love() -> None:
    for kind in KINDS:
        someone = person(kind, ATTRIBUTES, np.random.default_rng(2))
        assert someone.utility.std() == pytest.approx(simulated_people.UTILITY_SD)
        assert someone.utility.mean() == pytest.approx(0, abs=1e-9)
        wins = someone.wins(np.arange(119), np.arange(1, 120))
        assert (np.sign(wins - 0.5) == np.sign(someone.utility[:-1] - someone.utility[1:])).all()


def test_the_kinds_differ_as_they_are_called() -> None:
    made = {kind: person(kind, ATTRIBUTES, np.random.default_rng(3)) for kind in KINDS}
    apart = np.argsort(made["linear"].utility)
    worst, best = int(apart[0]), int(apart[-1])
    fresh = outcomes(made["tired"], best, worst)["left"]
    late = outcomes(made["tired"], best, worst, votes_before=90)["left"]
    assert fresh == pytest.approx(1 - LAPSE / 2, abs=0.02)
    assert late == pytest.approx(0.75, abs=0.03)
    same = 0
    assert outcomes(made["left_handed"], same, same)["left"] > outcomes(made["left_handed"], same, same)["right"] + 0.2
    assert outcomes(made["tie_lover"], same, same)["equal"] > 0.5
    assert outcomes(made["linear"], same, same)["equal"] < 0.25
    linear = np.linalg.lstsq(np.c_[ATTRIBUTES, np.ones(120)], made["linear"].utility, rcond=None)[1]
    peaked = np.linalg.lstsq(np.c_[ATTRIBUTES, np.ones(120)], made["peaked"].utility, rcond=None)[1]
    assert linear[0] < 1e-9 < peaked[0]


class Scribe:
    """Writes down what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def vote(self, left: int, right: int, votes_before: int, generator: np.random.Generator) -> str:
        self.asked.append((left, right))
        return "left"


def test_repeats_are_mirrored_never_at_once_and_come_once() -> None:
    scribe, x = Scribe(), np.random.default_rng(0).normal(size=(14, 3))
    mixture = Mixture(composed=0, repeat=0.4, proof=0.0, tension=0.0)
    heads = listen(scribe, Head.of(np.zeros(3), np.eye(3), "v1"), x, np.arange(14), mixture=mixture, seed=0)
    for _, _head in zip(range(80), heads, strict=False):
        pass
    first: dict[frozenset[int], int] = {}
    repeats = 0
    for number, pair in enumerate(scribe.asked):
        key = frozenset(pair)
        if key in first:
            before = first.pop(key)
            assert scribe.asked[before] == pair[::-1]
            assert number >= REPEAT_AFTER
            assert number - before > REPEAT_GAP
            repeats += 1
            first[key] = -1  # a third time would not be mirrored
        else:
            first[key] = number
    assert repeats > 10


def test_what_is_closed_is_never_asked() -> None:
    scribe, x = Scribe(), np.random.default_rng(0).normal(size=(4, 3))
    closed = [(0, 1), (3, 2)]
    heads = listen(
        scribe,
        Head.of(np.zeros(3), np.eye(3), "v1"),
        x,
        np.arange(4),
        mixture=Mixture(composed=0),
        seed=0,
        closed=closed,
    )
    assert len(list(heads)) == 4
    assert not {frozenset(pair) for pair in scribe.asked} & {frozenset(pair) for pair in closed}
