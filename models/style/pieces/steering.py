"""Music that is written towards targets: how high, how many and how loud the notes of each bar are to be.

The model knows nothing of them. What the notes so far lack is added to the logits of the next ones, as a slope over
pitches, velocities or positions. That it depends on what is lacking (feedback) matters: notes follow from those before
them, and a slope that stays would drive a piece ever farther away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.music.tokens import BAR, PITCH, PITCHES, POSITION, POSITION_CLASSES, VELOCITY, VELOCITY_BINS, velocity_of
from models.style.pieces.conditions import ABSENT, IntArray

Floats = npt.NDArray[np.float64]

GAIN = {PITCH: 1.0, POSITION: 1.5, VELOCITY: 1.5}  # nats an octave, a quarter, 16 of velocity; a deviation lacking
RECENT = 0.3  # by which share the newest note moves the mean of the last ones
FARTHEST = 2.0  # deviations: what lacks more is pulled no more
SLOPES = {
    PITCH: np.arange(PITCHES) / 12,
    POSITION: np.arange(POSITION_CLASSES) / 12,
    VELOCITY: velocity_of(np.arange(VELOCITY_BINS)) / 16,
}


@dataclass(frozen=True)
class BarTargets:
    """Mean ``pitch`` (MIDI), number of ``notes`` and mean ``velocity`` of each bar from the place on, ``(bars,)`` each.

    ``deviations``: standard deviations of the three in such music.
    """

    pitch: Floats
    notes: Floats
    velocity: Floats
    deviations: tuple[float, float, float]


class Steering:
    """Of pieces side by side: their last notes, and what these lack."""

    def __init__(self, targets: BarTargets, rows: int) -> None:
        self.targets = targets
        self._pitch, self._velocity = np.full(rows, targets.pitch[0]), np.full(rows, targets.velocity[0])
        self._before, self._notes = np.full(rows, targets.notes[0]), np.zeros(rows)  # in the last bar and in this one

    def follow(self, step: IntArray) -> None:
        """Note a step ``(rows, 7)`` of each piece, in tokens."""
        note, begins = (step[:, POSITION] < BAR) & (step[:, POSITION] != ABSENT), step[:, POSITION] == BAR
        self._before = np.where(begins, self._notes, self._before)
        self._notes = np.where(begins, 0, self._notes + note)
        moved = RECENT * note
        self._pitch += moved * (step[:, PITCH] - self._pitch)
        self._velocity += moved * (velocity_of(step[:, VELOCITY]) - self._velocity)

    def choose(self, source: IntArray) -> None:
        """Each piece goes on as the one that ``source`` ``(rows,)`` names."""
        for name in ("_pitch", "_velocity", "_before", "_notes"):
            setattr(self, name, getattr(self, name)[source])

    def bias(
        self, element: int, rows: IntArray, bar: IntArray, passed: IntArray, length: IntArray
    ) -> npt.NDArray[np.float32]:
        """What is added to the logits of an element of some ``rows``, ``(rows, classes)``; 0 where nothing is steered.

        ``bar`` ``(rows,)`` is the number of the bar since the place, from 0; ``length`` how many grid steps it has, and
        ``passed`` how many of these are over.
        """
        if element not in GAIN:
            return np.zeros((len(bar), 1), dtype=np.float32)
        targets, at = self.targets, np.clip(bar, 0, len(self.targets.pitch) - 1)
        lacking = {
            PITCH: targets.pitch[at] - self._pitch[rows],
            POSITION: targets.notes[at] - (self._before[rows] * (1 - passed / length) + self._notes[rows]),
            VELOCITY: targets.velocity[at] - self._velocity[rows],
        }[element] / targets.deviations[tuple(GAIN).index(element)]
        pull = GAIN[element] * np.clip(lacking, -FARTHEST, FARTHEST)
        slopes = SLOPES[element]
        if element == POSITION:  # the sooner the next note comes, the more there are; a bar is over at its end
            slopes = -np.minimum(slopes, length[:, None] / 12)
        found: npt.NDArray[np.float32] = (pull[:, None] * slopes).astype(np.float32)
        return found
