"""Search for music that a judge hears as a mood: the best of many clips, or small turns of the rules' dials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from models.mood.judge import Judge
from models.mood.rules import Dials
from models.music.notes import Piece

Floats = npt.NDArray[np.float64]

TEMPO_STEP, SEMITONES, VELOCITY_STEP = 0.15, 3, 10
VELOCITIES, TEMPI, REGISTER = (40, 100), (0.6, 1.7), 12  # how far the dials go


def chances(judge: Judge, pieces: Sequence[Piece], quadrant: int) -> Floats:
    """How likely a judge holds each piece to be in a quadrant, ``(pieces,)``."""
    found: Floats = judge.judge(pieces).quadrant[:, quadrant]
    return found


def climbed(judge: Judge, piece: Piece, quadrant: int, steps: int, rng: np.random.Generator) -> Piece:
    """Random turns of the dials, one at a time, each kept where the judge likes it better."""
    dials = Dials(velocity=round(float(piece.notes[:, 3].mean())))
    best, found = float(chances(judge, [piece], quadrant)[0]), piece
    for _ in range(steps):
        tried = _turn(dials, rng)
        made = tried.turned(piece)
        if (value := float(chances(judge, [made], quadrant)[0])) > best:
            best, dials, found = value, tried, made
    return found


def _turn(dials: Dials, rng: np.random.Generator) -> Dials:
    """One dial, drawn, a step further."""
    way = int(rng.choice([-1, 1]))
    velocity = (dials.velocity or 64) + way * VELOCITY_STEP
    turns = (
        replace(dials, tempo=float(np.clip(dials.tempo * (1 + TEMPO_STEP) ** way, *TEMPI))),
        replace(dials, major=way),
        replace(dials, semitones=int(np.clip(dials.semitones + way * SEMITONES, -REGISTER, REGISTER))),
        replace(dials, spread=int(np.clip(dials.spread + way, -1, 1))),
        replace(dials, velocity=int(np.clip(velocity, *VELOCITIES))),
    )
    return turns[int(rng.integers(len(turns)))]
