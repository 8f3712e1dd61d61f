import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.music.notes import MusicError, Piece
from models.music.tokens import (
    BAR,
    DURATIONS,
    GRID_TICKS,
    LENGTH,
    LOWEST_PITCH,
    METER,
    METERS,
    PITCH,
    PITCHES,
    POSITION,
    POSITIONS,
    TEMPI_BPM,
    VELOCITY_BINS,
    from_tokens,
    meter_index,
    on_grid,
    to_tokens,
    velocity_of,
)


@st.composite
def grid_pieces(draw) -> Piece:
    """Pieces of one meter, perhaps with a pickup, all on the token grid."""
    numerator, denominator = draw(st.sampled_from(METERS))
    whole = 48 * numerator // denominator
    lengths = [draw(st.integers(1, whole)), *[whole] * draw(st.integers(0, 3))]
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    onsets = st.integers(0, sum(lengths) - 1)
    pitches = st.integers(LOWEST_PITCH, LOWEST_PITCH + PITCHES - 1)
    places = draw(st.lists(st.tuples(onsets, pitches), max_size=24, unique=True))
    rows = [
        (
            onset * GRID_TICKS,
            int(DURATIONS[draw(st.integers(0, len(DURATIONS) - 1))]) * GRID_TICKS,
            pitch,
            int(velocity_of(np.array(draw(st.integers(0, VELOCITY_BINS - 1))))),
        )
        for onset, pitch in places
    ]
    bars = [(s * GRID_TICKS, n * GRID_TICKS, numerator, denominator) for s, n in zip(starts, lengths, strict=True)]
    tempo = [TEMPI_BPM[draw(st.integers(0, len(TEMPI_BPM) - 1))] for _ in lengths]
    return Piece(np.array(rows).reshape(-1, 4), np.array(bars), np.array(tempo))


@st.composite
def any_pieces(draw) -> Piece:
    """Pieces of any bar lengths up to eight quarters, any ticks, pitches, velocities and tempi."""
    lengths = draw(st.lists(st.integers(1, 2 * POSITIONS), min_size=1, max_size=4))
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    note = st.tuples(st.integers(0, sum(lengths) - 1), st.integers(1, 1000), st.integers(0, 127), st.integers(1, 127))
    notes = draw(st.lists(note, max_size=30))
    meters = [draw(st.sampled_from([*METERS, (7, 8), (5, 8)])) for _ in lengths]
    bars = [(s, n, *meter) for s, n, meter in zip(starts, lengths, meters, strict=True)]
    tempo = [draw(st.floats(5, 500)) for _ in lengths]
    return Piece(np.array(notes).reshape(-1, 4), np.array(bars), np.array(tempo))


def same(one: Piece, other: Piece) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("notes", "bars", "tempo_bpm"))


@settings(max_examples=80, deadline=None)
@given(grid_pieces())
def test_what_is_on_the_grid_survives_unchanged(piece: Piece) -> None:
    assert same(from_tokens(to_tokens(piece)), piece)


@settings(max_examples=80, deadline=None)
@given(any_pieces())
def test_moving_to_the_grid_twice_moves_nothing_more(piece: Piece) -> None:
    once = on_grid(piece)
    assert same(on_grid(once), once)
    assert len(once.notes) <= len(piece.notes)
    assert len(once.bars) == len(piece.bars)


@settings(max_examples=80, deadline=None)
@given(any_pieces())
def test_a_token_is_a_bar_or_a_note_in_order(piece: Piece) -> None:
    tokens = to_tokens(piece)
    is_bar = tokens[:, POSITION] == BAR
    assert is_bar[0]
    assert is_bar.sum() == len(piece.bars)
    assert ((tokens[~is_bar, POSITION] >= 0) & (tokens[~is_bar, POSITION] < POSITIONS)).all()
    bar = np.cumsum(is_bar)[~is_bar]
    place = [tuple(row) for row in np.stack([bar, tokens[~is_bar, POSITION], tokens[~is_bar, PITCH]], axis=1).tolist()]
    assert place == sorted(set(place))


def four_four(*notes: tuple[int, int, int, int]) -> Piece:
    return Piece(np.array(notes), np.array([[0, 96, 4, 4], [96, 96, 4, 4]]), np.array([120.0, 120.0]))


def test_a_note_just_before_the_downbeat_moves_onto_it_and_stays_in_the_piece_at_its_end() -> None:
    assert on_grid(four_four((95, 12, 60, 80))).notes[0, 0] == 96
    assert on_grid(four_four((191, 12, 60, 80))).notes[0, 0] == 190


def test_notes_outside_the_piano_are_folded_in_by_octaves() -> None:
    grid = on_grid(four_four((0, 12, 0, 80), (2, 12, 20, 80), (4, 12, 109, 80), (6, 12, 127, 80)))
    assert grid.notes[:, 2].tolist() == [24, 32, 97, 103]


def test_of_notes_that_fall_together_the_louder_stays() -> None:
    grid = on_grid(four_four((0, 12, 60, 20), (0, 12, 60, 100)))
    assert grid.notes[:, 3].tolist() == [102]


def test_an_unknown_meter_becomes_the_known_one_of_nearest_length_and_keeps_its_bars() -> None:
    assert METERS[meter_index(7, 8)] in {(4, 4), (3, 4), (2, 2)}
    piece = Piece(np.array([[0, 12, 60, 80]]), np.array([[0, 84, 7, 8]]), np.array([100.0]))
    assert on_grid(piece).bars[0, 1] == 84


def test_a_bar_longer_than_eight_quarters_is_refused() -> None:
    with pytest.raises(MusicError, match=r"8\.16667 quarters; at most 8"):
        to_tokens(Piece(np.zeros((0, 4)), np.array([[0, 196, 4, 2]]), np.array([100.0])))


def test_tokens_out_of_range_are_refused() -> None:
    for row, field, value in ((0, METER, 99), (0, LENGTH, 0), (0, METER, -1), (1, PITCH, 5), (1, 2, 90), (1, 3, -1)):
        tokens = to_tokens(four_four((0, 12, 60, 80)))
        tokens[row, field] = value
        with pytest.raises(MusicError, match=f"{value}; "):
            from_tokens(tokens)


def test_tokens_must_begin_with_a_bar() -> None:
    tokens = to_tokens(four_four((0, 12, 60, 80)))
    for wrong in (tokens[:0], tokens[1:]):
        with pytest.raises(MusicError, match="begin with a bar"):
            from_tokens(wrong)
