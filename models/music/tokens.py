"""Compound tokens: one step a bar and one step a note, lossless back to notes on the token grid.

The grid has 12 positions a quarter (2 ticks), so sixteenths and triplets are exact. Idea: compound words (Hsiao et al.,
AAAI 2021); the field names follow MusicBERT's Octuple (2021).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from models.music.notes import TICKS_PER_QUARTER, MusicError, Piece

GRID_TICKS = 2
POSITIONS = 96  # bars of up to eight quarters
BAR, END = POSITIONS, POSITIONS + 1
POSITION_CLASSES = POSITIONS + 2

DURATIONS = np.array([*range(1, 49), 54, 60, 66, 72, 84, 96, 108, 120, 144, 168, 192], dtype=np.int32)  # grid steps
VELOCITY_BINS = 32
TEMPI_BPM = np.geomspace(20.0, 320.0, 64).astype(np.float32)
METERS: tuple[tuple[int, int], ...] = (
    (4, 4), (2, 4), (3, 4), (6, 8), (9, 8), (12, 8), (2, 2), (3, 2), (3, 8), (6, 4), (4, 2), (5, 4), (1, 4),
)  # fmt: skip
LOWEST_PITCH, PITCHES = 21, 88

FIELDS = ("position", "pitch", "duration", "velocity", "tempo", "meter", "length")
POSITION, PITCH, DURATION, VELOCITY, TEMPO, METER, LENGTH = range(7)

BAR_RANGES = {TEMPO: (0, len(TEMPI_BPM) - 1), METER: (0, len(METERS) - 1), LENGTH: (1, POSITIONS)}
NOTE_RANGES = {
    POSITION: (0, POSITIONS - 1),
    PITCH: (LOWEST_PITCH, LOWEST_PITCH + PITCHES - 1),
    DURATION: (0, len(DURATIONS) - 1),
    VELOCITY: (0, VELOCITY_BINS - 1),
}

TokenArray = npt.NDArray[np.int16]


def _nearest(table: npt.NDArray[np.number], values: npt.NDArray[np.number]) -> npt.NDArray[np.int64]:
    """Index of the nearest entry of a sorted ``table`` for each of ``values``; the lower one of two equally near."""
    right = np.clip(np.searchsorted(table, values), 1, len(table) - 1)
    lower = values - table[right - 1] <= table[right] - values
    return right - lower.astype(np.int64)


def on_grid(piece: Piece) -> Piece:
    """The piece as its tokens tell it: onsets, durations, velocities and tempi moved to the nearest token.

    Pitches outside the piano are folded in by octaves, notes that fall together are merged (the louder stays). Raises
    ``MusicError`` for bars longer than eight quarters.
    """
    return from_tokens(to_tokens(piece), like=piece)


def to_tokens(piece: Piece) -> TokenArray:
    """Tokens of a piece: int16 ``(bars + notes, 7)`` in the order of ``FIELDS``; -1 where a field doesn't apply.

    Each bar is a BAR step (tempo, meter, length in grid steps) followed by its notes by position and pitch.
    Raises ``MusicError`` for a bar longer than eight quarters or a meter that has no token.
    """
    bars = piece.bars
    lengths = np.maximum(1, np.round(bars[:, 1] / GRID_TICKS).astype(np.int64))
    if lengths.max() > POSITIONS:
        raise MusicError(f"a bar lasts {lengths.max() / 12:g} quarters; at most {POSITIONS // 12} are allowed")
    meters = np.array([meter_index(int(n), int(d)) for n, d in bars[:, 2:]], dtype=np.int64)
    steps = np.full((len(bars) + len(piece.notes), 7), -1, dtype=np.int64)

    tempi = _nearest(np.log(TEMPI_BPM), np.log(piece.tempo_bpm))
    steps[: len(bars), [POSITION, TEMPO, METER, LENGTH]] = np.stack(
        [np.full(len(bars), BAR), tempi, meters, lengths], axis=1
    )
    bar_of = np.concatenate([np.arange(len(bars)), np.zeros(len(piece.notes), dtype=np.int64)])
    if len(piece.notes):
        onset, duration, pitch, velocity = piece.notes.T.astype(np.int64)
        bar = np.searchsorted(bars[:, 0], onset, side="right") - 1
        position = np.round((onset - bars[bar, 0]) / GRID_TICKS).astype(np.int64)
        late = (position >= lengths[bar]) & (bar + 1 < len(bars))  # rounded onto the next downbeat
        position, bar = np.where(late, 0, np.minimum(position, lengths[bar] - 1)), bar + late
        pitch = np.where(pitch < LOWEST_PITCH, pitch + 12 * -((pitch - LOWEST_PITCH) // 12), pitch)
        top = LOWEST_PITCH + PITCHES - 1
        pitch = np.where(pitch > top, pitch - 12 * -((top - pitch) // 12), pitch)
        length = _nearest(DURATIONS, np.maximum(1, np.round(duration / GRID_TICKS)))
        steps[len(bars) :, :4] = np.stack([position, pitch, length, velocity * VELOCITY_BINS // 128], axis=1)
        bar_of[len(bars) :] = bar
    place = np.where(steps[:, PITCH] < 0, -1, steps[:, POSITION])  # a BAR step comes before its notes
    order = np.lexsort((-steps[:, DURATION], -steps[:, VELOCITY], steps[:, PITCH], place, bar_of))
    steps, bar_of = steps[order], bar_of[order]
    same = (np.diff(bar_of) == 0) & (np.diff(steps[:, POSITION]) == 0) & (np.diff(steps[:, PITCH]) == 0)
    tokens: TokenArray = steps[np.concatenate([[True], ~same])].astype(np.int16)
    return tokens


def from_tokens(tokens: TokenArray, like: Piece | None = None) -> Piece:
    """The piece that ``tokens`` ``(steps, 7)`` tell; ``like`` lends titles, source and terms.

    Raises ``MusicError`` where the steps aren't such a sequence: it must begin with a BAR step, every field in range.
    """
    steps = np.asarray(tokens, dtype=np.int64).reshape(-1, 7)
    is_bar = steps[:, POSITION] == BAR
    if len(steps) == 0 or not is_bar[0]:
        raise MusicError("tokens must begin with a bar")
    is_note = ~is_bar & (steps[:, POSITION] != END)
    for rows, columns in ((is_bar, BAR_RANGES), (is_note, NOTE_RANGES)):
        for field, (low, high) in columns.items():
            values = steps[rows, field]
            if ((values < low) | (values > high)).any():
                worst = int(values[(values < low) | (values > high)][0])
                raise MusicError(f"a token has the {FIELDS[field]} {worst}; {low} to {high} are allowed")
    lengths = steps[is_bar, LENGTH] * GRID_TICKS
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    meters = np.array([METERS[m] for m in steps[is_bar, METER]])
    notes = steps[is_note]
    bar = (np.cumsum(is_bar) - 1)[is_note]
    rows = np.stack(
        [
            starts[bar] + notes[:, POSITION] * GRID_TICKS,
            DURATIONS[notes[:, DURATION]] * GRID_TICKS,
            notes[:, PITCH],
            velocity_of(notes[:, VELOCITY]),
        ],
        axis=1,
    )
    arrays = {
        "notes": rows.astype(np.int32),
        "bars": np.concatenate([np.stack([starts, lengths], axis=1), meters], axis=1).astype(np.int32),
        "tempo_bpm": TEMPI_BPM[steps[is_bar, TEMPO]],
    }
    if like is None:
        return Piece(**arrays)
    return replace(like, **arrays)


def velocity_of(bins: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The MIDI velocity in the middle of each velocity bin (any shape)."""
    return bins * (128 // VELOCITY_BINS) + 128 // VELOCITY_BINS // 2


def meter_index(numerator: int, denominator: int) -> int:
    """Index of a meter in ``METERS``; an unknown one becomes the known one of nearest length."""
    if (numerator, denominator) in METERS:
        return METERS.index((numerator, denominator))
    quarters = 4 * numerator / denominator
    return min(range(len(METERS)), key=lambda i: abs(4 * METERS[i][0] / METERS[i][1] - quarters))


def regular_bars(piece: Piece) -> Piece:
    """Join neighbouring short bars that fill at most one bar of their meter (a part's last bar, the next pickup)."""
    bars, keep = [piece.bars[0].copy()], [0]
    for index, row in enumerate(piece.bars[1:], start=1):
        last = bars[-1]
        whole = bar_ticks(int(last[2]), int(last[3]))
        if last[1] < whole and last[1] + row[1] <= whole and (last[2:] == row[2:]).all():
            last[1] += row[1]
        else:
            bars.append(row.copy())
            keep.append(index)
    chords = tuple(piece.chords[i] for i in keep) if piece.chords else ()
    return replace(piece, bars=np.stack(bars), tempo_bpm=piece.tempo_bpm[keep], chords=chords)


def bar_ticks(numerator: int, denominator: int) -> int:
    """Length of a whole bar of a meter in ticks."""
    return TICKS_PER_QUARTER * 4 * numerator // denominator
