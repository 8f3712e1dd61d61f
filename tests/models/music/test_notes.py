import json

import numpy as np
import pytest

from models.music.notes import MAX_NOTES, MusicError, Piece

BARS = [[0, 24, 3, 4], [24, 72, 3, 4], [96, 72, 3, 4]]
NOTES = [[30, 12, 64, 80], [0, 24, 60, 70], [30, 12, 60, 80], [96, 200, 72, 1]]


def piece(notes=NOTES, bars=BARS, tempo=(60.0, 120.0, 120.0), **more) -> Piece:
    return Piece(np.array(notes), np.array(bars), np.array(tempo), **more)


def test_notes_are_sorted_by_onset_then_pitch() -> None:
    assert piece().notes[:, [0, 2]].tolist() == [[0, 60], [30, 60], [30, 64], [96, 72]]


def test_contradictions_are_refused_with_what_was_given() -> None:
    for given, said in (
        ({"bars": [], "tempo": []}, "0 bars"),
        ({"tempo": [120.0]}, "one tempo a bar"),
        ({"bars": [[0, 24, 3, 4], [30, 72, 3, 4], [102, 72, 3, 4]]}, "contiguous"),
        ({"bars": [[5, 19, 3, 4], [24, 72, 3, 4], [96, 72, 3, 4]]}, "contiguous"),
        ({"bars": [[0, 0, 3, 4], [0, 72, 3, 4], [72, 72, 3, 4]]}, "positive lengths"),
        ({"tempo": [60.0, float("nan"), 60.0]}, "finite"),
        ({"tempo": [60.0, 0.0, 60.0]}, "positive"),
        ({"notes": [[-1, 12, 60, 80]]}, "inside the bars"),
        ({"notes": [[168, 12, 60, 80]]}, "inside the bars"),
        ({"notes": [[0, 0, 60, 80]]}, "at least one tick"),
        ({"notes": [[0, 1, 128, 80]]}, "0-127"),
        ({"notes": [[0, 1, 60, 0]]}, "1-127"),
        ({"notes": np.ones((MAX_NOTES + 1, 4), dtype=int)}, "at most"),
        ({"chords": ("C:maj",)}, "chords"),
    ):
        with pytest.raises(MusicError, match=said):
            piece(**given)


def test_a_window_starts_at_tick_0_and_keeps_notes_that_begin_in_it() -> None:
    window = piece(chords=("N", "C:maj", "G:maj")).window(1, 1)
    assert window.notes.tolist() == [[6, 12, 60, 80], [6, 12, 64, 80]]
    assert window.bars.tolist() == [[0, 72, 3, 4]]
    assert (window.chords, window.tempo_bpm.tolist()) == (("C:maj",), [120.0])
    with pytest.raises(MusicError, match="bar 3"):
        piece().window(3, 1)


def test_transposing_there_and_back_changes_nothing_and_leaving_the_range_is_refused() -> None:
    assert np.array_equal(piece().transposed(7).transposed(-7).notes, piece().notes)
    with pytest.raises(MusicError, match="0-127"):
        piece().transposed(60)


def test_seconds_follow_the_tempo_of_each_bar_and_go_on_past_the_end() -> None:
    assert piece().seconds_at([0, 24, 36, 96, 168, 192]).tolist() == pytest.approx([0, 1, 1.25, 2.5, 4, 4.5])


def test_json_gives_the_same_piece_back() -> None:
    given = piece(titles=("A tune",), genre="reel", domain="dance", performed=True, extra={"split": "test"})
    back = Piece.from_json(json.loads(json.dumps(given.to_json())))
    assert np.array_equal(back.notes, given.notes)
    assert np.array_equal(back.bars, given.bars)
    assert back.tempo_bpm.tolist() == given.tempo_bpm.tolist()
    assert (back.titles, back.genre, back.domain, back.performed, back.extra) == (
        given.titles, given.genre, given.domain, given.performed, given.extra,
    )  # fmt: skip


def test_what_is_no_piece_is_refused() -> None:
    for damage in (
        {"ticks_per_quarter": 480},
        {"notes": "abc"},
        {"notes": [[1, 2, 3]]},
        {"bars": None},
        {"notes": [[0, 1, 60, 2**40]]},
        {"tempo_bpm": ["fast"]},
    ):
        with pytest.raises(MusicError):
            Piece.from_json({**piece().to_json(), **damage})
