"""What all hear alike in clips is found, by whom it was not taught, and a clip that nobody judged is placed."""

from __future__ import annotations

import numpy as np
import pytest

from models.taste import clip_effects
from models.taste.clip_effects import Clips, Factor, factor_of, learn_common
from models.taste.head import PLACES, Head, after, answer, answer_four, update
from models.taste.hierarchy import Evidence, PopulationPrior, learn

CLIPS, FEATURES, PEOPLE, VOTES = 30, 2, 40, 40
START = Head.of(np.zeros(FEATURES), np.eye(FEATURES), "v1")
FIXED = PopulationPrior.fixed(START)


class World:
    """Listeners who like one feature alike, differ in it a little, and hear more in some clips than these say."""

    def __init__(self, *, seed: int = 0, effects: float = 1.5) -> None:
        rng = np.random.default_rng(seed)
        self.x = rng.normal(size=(CLIPS, FEATURES))
        self.statistics = rng.normal(size=(CLIPS, 2))
        self.effects = effects * self.statistics[:, 0]
        weights = np.array([1.0, 0.0]) + 0.5 * rng.normal(size=(PEOPLE, FEATURES))
        self.votes = []
        for person in weights:
            utility = self.x @ person + self.effects
            pairs = [rng.permutation(CLIPS)[:2].tolist() for _ in range(VOTES)]
            self.votes.append(
                [
                    (a, b, "left" if rng.random() < 1 / (1 + np.exp(utility[b] - utility[a])) else "right")
                    for a, b in pairs
                ]
            )

    def head(self, votes, begin: Head = START) -> Head:
        for a, b, outcome in votes:
            begin = update(begin, self.x[a], self.x[b], outcome)
        return begin

    def population(self) -> PopulationPrior:
        return learn([Evidence.of(self.head(votes), START) for votes in self.votes], FIXED)

    def factors(self, begin: Head, *, but: int = -1) -> list[Factor]:
        return [
            factor_of(self.answers(begin, [v for v in votes if but not in v[:2]]), len(FIXED.mean))
            for votes in self.votes
        ]

    def answers(self, head: Head, votes):
        for a, b, outcome in votes:
            heard = answer(head, self.x[[a, b]], outcome)
            yield (a, b), heard
            head = after(head, heard)


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture(scope="module")
def population(world: World) -> PopulationPrior:
    return world.population()


def found(world: World, population: PopulationPrior, factors: list[Factor], *, folds: int = 2, statistics: bool = True):
    clips = Clips(world.x, [world.statistics] if statistics else [], np.arange(CLIPS))
    return learn_common(factors, population, FIXED, clips, fold=np.arange(len(factors)) % folds, folds=folds)


def test_a_factor_says_of_the_weights_what_the_head_learned(world: World) -> None:
    votes = world.votes[0][:5]  # none of them a surprise that leaves more doubt than there was
    factor = factor_of(world.answers(START, votes), len(FIXED.mean))
    evidence = Evidence.of(world.head(votes), START)
    size = len(FIXED.mean)
    assert np.allclose(factor.precision[:size, :size], evidence.precision, atol=1e-9)
    assert np.allclose(factor.shift[:size], evidence.shift, atol=1e-9)
    assert set(factor.clips) == {clip for vote in votes for clip in vote[:2]}


@pytest.mark.slow
def test_what_all_hear_in_a_clip_is_found_with_and_without_statistics(world: World, population) -> None:
    factors = world.factors(population.newcomer())
    for statistics in (True, False):
        common = found(world, population, factors, statistics=statistics)
        for effects in common.effects:  # a chance likeness of effects and features is the population's
            told = world.x @ population.mean[:FEATURES] + effects
            assert np.corrcoef(told, world.x[:, 0] + world.effects)[0, 1] > 0.9
    assert common.variances.statistics == ()
    assert common.variances.clip > 0.5


@pytest.mark.slow
def test_where_all_is_in_the_features_the_effects_are_small(population) -> None:
    plain = World(effects=0.0)
    told = plain.population()
    effects = found(plain, told, plain.factors(told.newcomer())).effects
    assert effects.std() < 0.35 < (plain.x @ told.mean[:FEATURES]).std()


def test_a_clip_that_nobody_judged_is_placed_by_its_statistics(world: World, population) -> None:
    loved = int(np.argmax(world.effects))
    factors = world.factors(population.newcomer(), but=loved)
    placed = found(world, population, factors).effects[:, loved]
    unplaced = found(world, population, factors, statistics=False).effects[:, loved]
    assert placed.min() > 0.5
    assert placed.min() > unplaced.max()


def test_the_effects_of_a_fold_are_none_of_its_own_listeners_doing(world: World, population, monkeypatch) -> None:
    # the variances alone are everybody's
    monkeypatch.setattr(clip_effects, "_search", lambda _, __, bases: np.log(np.full(len(bases), 0.3)))
    factors = world.factors(population.newcomer())
    first = found(world, population, factors).effects
    turned = [Factor(each.precision, -each.shift, each.clips) if i % 2 == 0 else each for i, each in enumerate(factors)]
    again = found(world, population, turned)
    assert np.allclose(first[0], again.effects[0])
    assert np.corrcoef(first[1], again.effects[1])[0, 1] < 0


def test_a_pick_among_four_tells_of_the_effects_of_all_four(world: World) -> None:
    heard = answer_four(START, world.x[:4], PLACES[2])
    assert heard is not None
    factor = factor_of([((0, 1, 2, 3), heard)], len(FIXED.mean))
    told = factor.shift[len(FIXED.mean) :]
    assert told[2] > 0
    assert max(told[[0, 1, 3]]) < 0


def test_an_effect_moves_the_guess_and_takes_what_it_explains_from_the_weights(world: World) -> None:
    liked, other = world.x[0], world.x[1]
    plain, expected = update(START, liked, other, "left"), update(START, liked, other, "left", (2.0, 0.0))
    assert np.linalg.norm(expected.mean) < np.linalg.norm(plain.mean)
