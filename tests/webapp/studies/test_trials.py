from __future__ import annotations

from collections import Counter
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.studies import trials
from webapp.studies.design import MOODS, Pairs
from webapp.studies.trials import Heard


def clips_of(*each: tuple[str, ...]) -> list[Heard]:
    """Clips of so many systems, items and conditions; their ids, by which they are sorted, are always the same."""
    return [Heard(UUID(int=number), *described) for number, described in enumerate(each)]


CLIPS = clips_of(*((system, f"item{item}") for system in "abc" for item in range(4)))
OF = {each.id: each for each in CLIPS}


def draw(pairs: Pairs, seed: int = 0, **more: object) -> list[trials.Drawn]:
    return trials.draw(pairs, CLIPS, (), "", generator=np.random.default_rng(seed), **more)  # type: ignore[arg-type]


@given(st.integers(1, 40), st.integers(0, 5), st.integers(0, 5), st.integers(0, 1000))
def test_a_draw_has_what_the_design_asks_for(count: int, repeats: int, checks: int, seed: int) -> None:
    repeats = min(count, repeats)
    drawn = draw(Pairs(per_participant=count, repeats=repeats, attention_checks=checks), seed)
    assert Counter(each.kind for each in drawn) == +Counter(main=count, repeat=repeats, attention=checks)
    for each in drawn:
        assert OF[each.left].item == OF[each.right].item
        assert OF[each.left].system != OF[each.right].system
        if each.kind == "repeat":
            first = drawn[each.repeats]
            assert (first.kind, first.left, first.right) == ("main", each.right, each.left)
    systems = Counter(frozenset((OF[each.left].system, OF[each.right].system)) for each in drawn if each.kind == "main")
    assert max(systems.values()) - min(systems[frozenset(pair)] for pair in ("ab", "ac", "bc")) <= 1


def test_each_pair_comes_as_often_as_its_probability_says() -> None:
    found: Counter[frozenset] = Counter()
    for seed in range(2_000):
        first = draw(Pairs(per_participant=2, repeats=0, attention_checks=0), seed)[0]
        assert first.probability == pytest.approx(1 / 12)
        found[frozenset((first.left, first.right))] += 1
    assert len(found) == 12
    assert max(abs(each / 2_000 - 1 / 12) for each in found.values()) < 0.025


def test_an_adaptive_draw_prefers_what_is_open_and_says_how_likely_each_pair_was() -> None:
    weights = {("a", "b"): 9.0, ("a", "c"): 0.5, ("b", "c"): 0.5}
    drawn = draw(Pairs(way="adaptive", per_participant=100, repeats=0, attention_checks=0), weights=weights)
    share = sum({OF[each.left].system, OF[each.right].system} == {"a", "b"} for each in drawn) / 100
    assert share == pytest.approx(0.1 + 0.7 * 0.9, abs=0.12)
    sums: dict[frozenset, float] = {}
    for each in drawn:
        sums[frozenset((OF[each.left].system, OF[each.right].system))] = 4 * each.probability
    assert sum(sums.values()) == pytest.approx(1.0)


def test_conditions_hear_their_own_clips() -> None:
    mine = clips_of(*((system, "", condition) for system in "ab" for condition in ("slow", "fast", "")))
    assert trials.conditions_of(mine) == ["fast", "slow"]
    ids = {each.id: each.condition for each in mine}
    for each in trials.draw(Pairs(), mine, (), "slow", generator=np.random.default_rng(1)):
        assert {ids[each.left], ids[each.right]} <= {"", "slow"}


@pytest.mark.parametrize(
    "pairs",
    [Pairs(per_participant=4), Pairs(per_participant=8), Pairs(way="fixed", per_participant=3), Pairs(way="fixed")],
)
def test_turns_come_as_often_as_they_are_drawn(pairs: Pairs) -> None:
    clips = clips_of(*((system,) for system in "abcd" for _ in range(2)))
    ids = [each.id for each in clips]
    fixed = [(ids[0], ids[2]), (ids[1], ids[3]), (ids[0], ids[4]), (ids[0], ids[1])]  # a-b twice, a-c once, a-a
    turns, generator = trials.turns(pairs, clips, fixed, ""), np.random.default_rng(3)
    assert turns.places[frozenset("ac")] == min(turns.places.values())
    assert len(turns.places) == (2 if pairs.way == "fixed" else 6)
    systems = {each.id: each.system for each in clips}
    drawn = [trials.draw(pairs, clips, fixed, "", generator=generator) for _ in range(2_000)]
    main = [[{systems[each.left], systems[each.right]} for each in one if each.kind == "main"] for one in drawn]
    often = np.array([each.count({"a", "c"}) for each in main])
    foretold = turns.sample(2_000, generator)[:, 0]
    assert foretold.mean() == pytest.approx(often.mean(), abs=0.07)
    assert (foretold > 0).mean() == pytest.approx((often > 0).mean(), abs=0.07)


def test_clips_are_rated_as_often_as_they_are_drawn() -> None:
    clips = clips_of(*((system, mood) for system in "abc" for mood in MOODS if (system, mood) != ("a", "sad")))
    pairs, generator = Pairs(per_participant=5), np.random.default_rng(3)
    systems = {each.id: each.system for each in clips}
    drawn = [trials.draw_rated(pairs, clips, "", generator=generator) for _ in range(2_000)]
    main = [Counter(systems[each.left] for each in one if each.kind == "main") for one in drawn]
    often = np.array([(each["a"], each["b"]) for each in main])
    foretold = trials.turns_rated(pairs, clips, "").sample(2_000, generator)
    assert foretold.mean(axis=0) == pytest.approx(often.mean(axis=0), abs=0.07)
    assert foretold.all(axis=1).mean() == pytest.approx(often.all(axis=1).mean(), abs=0.07)
