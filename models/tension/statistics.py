"""Plain statistics of a bar: what heads hear that do without the piece model's states."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.music.tokens import BAR, DURATION, DURATIONS, PITCH, POSITION, VELOCITY, VELOCITY_BINS, TokenArray

Floats32 = npt.NDArray[np.float32]

SLOTS, SLOT = 24, 4  # slots of a bar in which notes begin, the last for all that is later; grid steps of each
LENGTHS = (0, 3, 6, 9, 12, 18, 24, 48, 10_000)  # edges of durations in grid steps; a quarter is 12
SIZE = 12 + SLOTS + len(LENGTHS) - 1 + 8


def bar_statistics(tokens: TokenArray) -> Floats32:
    """Statistics of each bar of tokens ``(steps, 7)`` that begin with a BAR step: ``(bars, SIZE)``.

    How long each pitch class sounds, where notes begin, how long they are, and of pitch lowest, mean, spread and
    highest, of velocity mean and spread, of the notes their number and how many begin at once.
    """
    number = np.cumsum(tokens[:, POSITION] == BAR) - 1
    found = np.zeros((int(number.max()) + 1, SIZE), dtype=np.float32)
    lengths = np.asarray(DURATIONS)
    for bar in range(len(found)):
        notes = tokens[(number == bar) & (tokens[:, PITCH] >= 0)]
        if not len(notes):
            continue
        pitch, steps = notes[:, PITCH].astype(np.int64), lengths[notes[:, DURATION]].astype(np.float64)
        velocity = notes[:, VELOCITY] / VELOCITY_BINS
        chroma = np.bincount(pitch % 12, steps, minlength=12)
        begins = np.bincount(np.minimum(notes[:, POSITION] // SLOT, SLOTS - 1), minlength=SLOTS)
        found[bar] = np.concatenate(
            [
                chroma / chroma.sum(), np.log1p(begins), np.histogram(steps, LENGTHS)[0] / len(notes),
                [pitch.min() / 12, pitch.mean() / 12, pitch.std() / 12, pitch.max() / 12],
                [velocity.mean(), velocity.std(), np.log(len(notes)), len(notes) / len(np.unique(notes[:, POSITION]))],
            ]
        )  # fmt: skip
    return found
