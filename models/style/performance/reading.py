"""What players did with a score: performed MIDI whose beats are known, taken apart into score and playing.

The files are as Pop1K7's: notes where they were played, the tempo map on the beats that were found, 4/4 from tick 0.
The score is what the composing models would see of the same file: notes on the token grid, tempi and velocities in
steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.music.midi import read_midi, seconds_per_tick, sounding
from models.music.midi_file import parse
from models.music.notes import TICKS_PER_QUARTER, MusicError, Piece
from models.music.tokens import on_grid

from .score import MOST_LENGTH, MOST_SECONDS, MOST_TEMPO, Floats, Played, read_score, seconds_of_ticks

LEAST_NOTES = 32


@dataclass(frozen=True)
class Example:
    """A piece on the grid and how it was played."""

    piece: Piece
    played: Played


def read_example(path: Path, piece_id: str = "") -> Example:
    """The score and the playing in a file; raises ``MusicError`` where it can't be read or has few notes."""
    midi = parse(path)
    raw = sounding(midi)
    read = read_midi(path, piece_id=piece_id or path.stem, performed=True)
    piece = on_grid(read)
    if len(piece.notes) < LEAST_NOTES:
        raise MusicError(f"{path.name} has {len(piece.notes)} notes; at least {LEAST_NOTES} are needed")
    sixteenth = midi.tpq // 4
    places = (2 * raw[:, 0] + sixteenth) // (2 * sixteenth)
    skip = int(places.min()) // 16
    tempo_map = seconds_per_tick(np.array(midi.tempi, dtype=np.int64).reshape(-1, 2), midi.tpq)

    def seconds(ticks: npt.NDArray[np.number]) -> Floats:
        row = np.clip(np.searchsorted(tempo_map[:, 0], ticks, side="right") - 1, 0, None)
        found: Floats = tempo_map[row, 1] + (ticks - tempo_map[row, 0]) * tempo_map[row, 2]
        return found

    bars_s = seconds((np.arange(len(piece.bars) + 1) + skip) * 4 * midi.tpq)
    onset_s, end_s = seconds(raw[:, 0]), seconds(raw[:, 0] + raw[:, 1])
    # the longest of the notes that fall together on the grid is the one that the grid keeps
    longest = np.lexsort((raw[:, 1],))
    ticks = (places - 16 * skip) * (TICKS_PER_QUARTER // 4)
    found = {(int(ticks[i]), int(raw[i, 2])): int(i) for i in longest}
    score = read_score(piece)
    notes = piece.notes[score.order]
    rows = np.array([found.get((on, pitch), -1) for on, pitch in notes[:, [0, 2]].tolist()])
    if (rows < 0).any():
        raise MusicError(f"{path.name} has notes outside the piano")
    start = seconds_of_ticks(piece, bars_s, notes[:, 0])
    lasts = seconds_of_ticks(piece, bars_s, notes[:, 0] + notes[:, 1]) - start
    ratio = np.log(np.maximum(end_s[rows] - onset_s[rows], 0.01) / np.maximum(lasts, 0.01))
    actual = piece.bars[:, 1] / TICKS_PER_QUARTER * 60.0 / np.maximum(np.diff(bars_s), 1e-3)
    played = Played(
        np.clip(np.log(actual / score.base_tempo_bpm), -MOST_TEMPO, MOST_TEMPO),
        np.clip(onset_s[rows] - start, -MOST_SECONDS, MOST_SECONDS),
        raw[rows, 3].astype(np.float64),
        np.clip(ratio, -MOST_LENGTH, MOST_LENGTH),
    )
    return Example(piece, played)
