"""A clip's utility split over its groups, and the swap that raises it most, beside brute force."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from models.metrics.music_statistics import ATTRIBUTES
from models.style.latents import GROUPS, Latents
from models.taste.explain import UNKNOWN, attribution, best_swaps, chance_of, shapley, swapped
from models.taste.head import Head, utilities
from models.taste.readouts import Readouts
from models.taste.space import TasteSpace, summary


def slow_lover(space: TasteSpace, doubt: float = 0.01) -> Head:
    mean = np.zeros(space.size)
    mean[list(ATTRIBUTES).index("tempo_bpm")] = -1.0
    return Head.of(mean, doubt * np.eye(space.size), space.version)


@pytest.fixture(scope="module")
def sizes(clips) -> dict[str, int]:
    return {name: each.shape[1] for name, each in clips.latents[0].groups.items()}


@pytest.fixture(scope="module")
def reading(clips, sizes) -> TasteSpace:
    """A space whose mode and tempo are read, not linear in the latents."""
    random = np.random.default_rng(1)
    readings = Readouts.fit(
        clips.summaries,
        random.random((len(clips.summaries), 12)),
        sizes=sizes,
        tempo=random.normal(size=(sizes["tempo"] + 1, 5)),
        tempi_bpm=np.array([60.0, 80, 100, 120, 140]),
    )
    return TasteSpace.fit(clips.summaries, clips.attributes, tuple(ATTRIBUTES), "v1", readings=readings)


def test_the_groups_parts_sum_to_the_lines_with_and_without_readings(space, reading, clips, sizes) -> None:
    for each in (space, reading):
        parts = each.parts(clips.summaries, sizes)
        assert parts.shape == (400, len(GROUPS), each.size - len(each.names))
        assert np.allclose(parts.sum(axis=1), each.lines(clips.summaries))
        assert np.allclose(each.with_distances(parts.sum(axis=1)), each.features(clips.summaries))


def test_a_groups_part_is_what_changes_when_that_group_is_swapped(reading, clips, sizes) -> None:
    one, other = clips.latents[:2]
    parts = reading.parts(clips.summaries[:2], sizes)
    for index, name in enumerate(GROUPS):
        mixed = summary(Latents("v1", {**one.groups, name: other.groups[name]}))[None]
        change = reading.lines(mixed) - reading.lines(clips.summaries[:1])
        assert np.allclose(change, parts[1, index] - parts[0, index], atol=1e-5)  # summaries are float32
        change = reading.features(mixed) - reading.features(clips.summaries[:1])
        assert np.allclose(swapped(reading, parts[0], parts[1:], name), change, atol=1e-4)


def test_shapley_is_the_mean_over_all_orders() -> None:
    table = np.random.default_rng(0).normal(size=32)

    def worth(coalitions):
        return table[coalitions @ (1 << np.arange(5))]

    expected = np.zeros(5)
    orders = list(permutations(range(5)))
    for order in orders:
        there = np.zeros((1, 5), dtype=bool)
        for player in order:
            before = worth(there)[0]
            there[0, player] = True
            expected[player] += (worth(there)[0] - before) / len(orders)
    assert np.allclose(shapley(worth, 5), expected)
    several = shapley(lambda coalitions: np.stack([worth(coalitions), -2 * worth(coalitions)], axis=1), 5)
    assert np.allclose(several, np.outer(expected, [1, -2]))


def test_the_split_of_utility_is_exact_and_that_of_the_chance_sums_up(space, clips, sizes) -> None:
    head, parts = slow_lover(space), space.parts(clips.summaries, sizes)
    head = replace(head, joint_mean=np.where(np.arange(len(head.joint_mean)) < space.size, 0.3, head.joint_mean))
    average = parts.mean(axis=0)
    found = attribution(head, space, parts[3], average, {})
    features = space.with_distances(np.stack([parts[3].sum(axis=0), average.sum(axis=0)]))
    both = utilities(head, features).mean
    assert sum(part.utility for part in found.parts) == pytest.approx(found.utility) == pytest.approx(both[0] - both[1])
    assert sum(part.points for part in found.parts) + 0.5 == pytest.approx(found.chance)
    assert found.chance == pytest.approx(chance_of(head, features[0] - features[1])[0])
    assert [part.part for part in found.parts] == list(GROUPS)


def test_a_lover_of_slow_music_is_told_that_the_tempo_adds(space, clips, sizes) -> None:
    head, parts = slow_lover(space), space.parts(clips.summaries, sizes)
    slowest = int(clips.attributes[:, list(ATTRIBUTES).index("tempo_bpm")].argmin())
    traits = {"tempo_bpm": -2.0, "contour": 0.1, "leap": 0.2}
    found = {part.part: part for part in attribution(head, space, parts[slowest], parts.mean(axis=0), traits).parts}
    assert found["tempo"].words == "very slow: adds (decided)"
    assert found["tempo"].utility == max(part.utility for part in found.values())
    assert found["content"].attribute == "leap"
    doubtful = attribution(slow_lover(space, doubt=9.0), space, parts[slowest], parts.mean(axis=0), traits)
    assert any(UNKNOWN in part.words for part in doubtful.parts)


def test_the_best_swap_is_the_best_of_all_by_brute_force(space, clips, sizes) -> None:
    head, parts = slow_lover(space), space.parts(clips.summaries, sizes)
    swaps = best_swaps(head, space, parts[0], parts[1:], kappa=0.0)
    assert [swap.gain for swap in swaps] == sorted((swap.gain for swap in swaps), reverse=True)
    now = utilities(head, space.features(clips.summaries[:1])).mean[0]
    best = -np.inf
    for donor in clips.latents[1:]:
        for name in ("rhythm", "register", "dynamics", "tempo", "texture"):
            mixed = Latents("v1", {**clips.latents[0].groups, name: donor.groups[name]})
            best = max(best, utilities(head, space.features(summary(mixed)[None])).mean[0] - now)
    assert swaps[0].gain == pytest.approx(best, abs=1e-5)


def test_care_keeps_to_swaps_whose_gain_is_sure_and_nothing_is_gained_from_nobody(space, clips, sizes) -> None:
    parts = space.parts(clips.summaries, sizes)
    head = slow_lover(space, doubt=4.0)
    for swap in best_swaps(head, space, parts[0], parts[1:]):
        assert swap.gain > 0.5 * swap.sd
    assert len(best_swaps(head, space, parts[0], parts[1:], kappa=-5.0)) < len(
        best_swaps(head, space, parts[0], parts[1:], kappa=0)
    )
    assert best_swaps(head, space, parts[0], parts[:0]) == []


def test_a_donor_that_sounds_alike_is_no_better(space, clips, sizes) -> None:
    parts = space.parts(clips.summaries, sizes)
    alike = parts[:1] + np.random.default_rng(0).normal(0.0, 1e-12, (20, *parts.shape[1:]))
    assert best_swaps(slow_lover(space), space, parts[0], alike, kappa=0.0) == []
