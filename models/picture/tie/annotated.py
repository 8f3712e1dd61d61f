"""The annotated tie: five readouts of the picture, each to a side of the music that listeners say goes with it.

Brightness and height, size and loudness, motion and tempo are correspondences that people share (Spence 2011, Eitan &
Granot 2006); warm colours and major too (Palmer et al. 2013). A film's music is written towards register, density and
loudness of each bar, and of several pieces the one is taken that agrees best, in mode too; tempo is where the bars lie.
In live music register, rhythm and dynamics are moved in the latents of each bar, as Studio's dials do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from models.music.notes import Domain, Piece
from models.picture.readouts import READOUTS
from models.picture.tie.bars import USUAL, sounding_of
from models.style.latents import Directions, Latents
from models.style.pieces.conditions import BarTargets

Floats = npt.NDArray[np.float64]

LINKS: Mapping[str, str] = dict(zip(READOUTS, ("register", "mode", "density", "loudness", "tempo"), strict=True))
STYLES = {"brightness": "register", "busyness": "rhythm", "size": "dynamics"}  # in which latents move
REACH = 1.5  # times the regression's step: a decoder follows it less than all the way
OCTAVE = 0.3  # of log2 tempo a standard deviation of motion
SMOOTH_S = 3.0  # over which motion is averaged: tempo is no tremor
SURE = 0.35  # standard deviations of warmth, from which on live music changes its mode
AMONG = 12  # pieces that are written, of which the one is taken that agrees best
STEERED = (0, 2, 3)  # register, density, loudness: while it is written; mode is chosen among the pieces alone
WEIGHTS = (1.0, 3.0, 1.0, 1.0)  # of register, mode, density and loudness in choosing


def wished_bpm(motion: Floats, times_s: Floats, usual: float) -> Floats:
    """The tempo at each frame ``(frames,)`` that its motion asks for, in standard deviations; for none, the usual."""
    near = np.abs(times_s[:, None] - times_s[None]) <= SMOOTH_S / 2
    smooth = (near * motion[None]).sum(1) / near.sum(1)
    found: Floats = usual * 2 ** (OCTAVE * smooth)
    return found


def targets(asked: Floats, domain: Domain) -> BarTargets:
    """Register, density and loudness that are ``asked`` of each bar, ``(bars, 5)`` in standard deviations."""
    mean, deviation = (np.array(each)[list(STEERED)] for each in USUAL[domain])
    pitch, notes, velocity = (mean + deviation * asked[:, STEERED]).T
    return BarTargets(pitch, np.maximum(notes, 1), velocity, (deviation[0], deviation[1], deviation[2]))


def agreement(piece: Piece, asked: Floats, domain: Domain) -> float:
    """How well the bars of a piece do what is ``asked`` of each, ``(bars, 5)``; 0 is perfectly."""
    mean, deviation = (np.array(each) for each in USUAL[domain])
    apart = (sounding_of(piece)[:, : len(mean)] - mean) / deviation - asked[:, : len(mean)]
    return -float((np.array(WEIGHTS) * apart**2).sum())


def moved(latents: Latents, asked: Floats, directions: Directions) -> tuple[Latents, tuple[str, ...]]:
    """``latents`` moved bar by bar by ``asked`` ``(bars, 5)``, and which styles those are."""
    groups = dict(latents.groups)
    found = []
    for readout, style in STYLES.items():
        if style in directions.groups:
            step = REACH * asked[:, READOUTS.index(readout), None] * directions.groups[style].of(0)
            groups[style] = (groups[style] + step).astype(np.float32)
            found.append(style)
    return replace(latents, groups=groups), tuple(found)
