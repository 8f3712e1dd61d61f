from __future__ import annotations

import itertools

import numpy as np

from models.title.melody_encoders import MelodyConfig
from models.title.title_encoders import TITLE_KINDS, TitleConfig
from models.title.tunes import FIELD_SIZES, FIELDS, IntTable, Tune
from models.title.two_tower import (
    BAR,
    INTERVAL,
    PITCH,
    POSITION,
    TITLE_INFORMATION,
    TowerConfig,
    TwoTower,
    ablate_title,
    shuffled_bars,
)


def bars_of(notes: IntTable) -> list[bytes]:
    """Each bar without what its place tells: its number, and the interval into it."""
    begins = [0, *(np.flatnonzero(np.diff(notes[:, POSITION]) <= 0) + 1), len(notes)]
    found = []
    for first, last in itertools.pairwise(begins):
        bar = notes[first:last].copy()
        bar[:, BAR] = bar[0, INTERVAL] = 0
        found.append(bar.tobytes())
    return found


def test_shuffled_bars_are_the_same_bars_in_another_order(made_tunes: list[Tune]) -> None:
    for tune in made_tunes[:20]:
        notes = tune.notes.copy()
        notes[1:, INTERVAL] = np.clip(np.diff(notes[:, PITCH]), -12, 12) + 12
        before, shuffled = notes.copy(), shuffled_bars(notes)
        assert np.array_equal(notes, before)
        assert sorted(bars_of(shuffled)) == sorted(bars_of(notes))
        assert bars_of(shuffled) != bars_of(notes)
        assert shuffled[0, INTERVAL] == -1
        assert np.array_equal(shuffled[1:, INTERVAL], np.clip(np.diff(shuffled[:, PITCH]), -12, 12) + 12)
        assert (np.diff(shuffled[:, BAR]) >= 0).all()
        assert np.array_equal(shuffled, shuffled_bars(notes))


def test_a_tune_of_more_bars_than_are_counted_is_shuffled_too(made_tunes: list[Tune]) -> None:
    notes = made_tunes[0].notes[:1].repeat(3 * FIELD_SIZES["bar"], axis=0)  # every note begins a bar
    assert shuffled_bars(notes)[:, BAR].max() == FIELD_SIZES["bar"] - 1


def test_what_was_unknown_before_is_unknown_in_another_order(made_tunes: list[Tune]) -> None:
    for name in ("interval", "pitch", "bar"):
        notes = made_tunes[0].notes.copy()
        notes[:, FIELDS.index(name)] = -1
        assert (shuffled_bars(notes)[:, FIELDS.index(name)] == -1).all()
    begins = np.flatnonzero(np.diff(shuffled_bars(made_tunes[0].notes)[:, POSITION]) <= 0) + 1
    deaf = made_tunes[0].notes.copy()
    deaf[:, PITCH] = -1
    assert (shuffled_bars(deaf)[begins, INTERVAL] == -1).all()


def test_what_is_left_of_a_title() -> None:
    for name, left in (
        ("type_words", "The Fair Lass's"),
        ("words", "xxx xxxx xxxxxx xxxx"),
        ("word_order", "fair lass's reel the"),
        ("all_but_characters", "'aaeeefhillrrssst"),
    ):
        assert ablate_title("The Fair Lass's Reel", (name,)) == left


def test_towers_do_not_read_what_was_taken_from_titles() -> None:
    for kind in TITLE_KINDS[1:]:
        same = {
            "type_words": ("The Roscommon Reel", "The Roscommon Jig"),
            "words": ("The Cow", "The Hen"),
            "word_order": ("The Cow and the Hen", "The Hen and the Cow"),
            "all_but_characters": ("The Horse", "Other She"),
        }
        assert set(same) == set(TITLE_INFORMATION)
        for name, titles in same.items():
            config = TowerConfig(MelodyConfig("bag", 8, 8), TitleConfig(kind, 8, 8, without=(name,)))
            deaf, hearing = (
                TwoTower(config).eval(),
                TwoTower(TowerConfig(config.melody, TitleConfig(kind, 8, 8))).eval(),
            )
            first, second = deaf.titles(titles)
            assert np.array_equal(first, second), name
            first, second = hearing.titles(titles)
            assert not np.allclose(first, second, atol=1e-6), name


def test_the_order_of_bars_is_not_heard_by_towers_without_it(made_tunes: list[Tune]) -> None:
    deaf = TwoTower(TowerConfig(MelodyConfig("cnn", 8, 8, without=("bar_order",)), TitleConfig("bag", 8, 8))).eval()
    notes = deaf.played([made_tunes[0].notes])[0].numpy()
    assert np.array_equal(notes, shuffled_bars(made_tunes[0].notes))
