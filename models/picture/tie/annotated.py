"""The annotated tie: five readouts of the picture, each to a side of the music that listeners say goes with it.

Brightness and height, size and loudness, motion and tempo are correspondences that people share (Spence 2011, Eitan &
Granot 2006); warm colours and major too (Palmer et al. 2013). Register, rhythm and dynamics are moved in the latents of
each bar, along the data's regression, as Studio's dials do; mode by its notes; tempo by where the bars lie.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from models.music.keys import half_bar_chroma, in_mode, likely_key
from models.music.notes import Piece
from models.picture.readouts import READOUTS
from models.style.directions import Directions
from models.style.latents import Latents

Floats = npt.NDArray[np.float64]

LINKS: Mapping[str, str] = dict(zip(READOUTS, ("register", "mode", "density", "loudness", "tempo"), strict=True))
STYLES = {"brightness": "register", "busyness": "rhythm", "size": "dynamics"}  # in which latents move
REACH = 1.5  # times the regression's step: a decoder follows it less than all the way
OCTAVE = 0.3  # of log2 tempo a standard deviation of motion
SMOOTH_S = 3.0  # over which motion is averaged: tempo is no tremor
SURE = 0.35  # standard deviations of warmth, from which on a bar is put into a mode


def wished_bpm(motion: Floats, times_s: Floats, usual: float) -> Floats:
    """The tempo at each frame ``(frames,)`` that its motion asks for, in standard deviations; for none, the usual."""
    near = np.abs(times_s[:, None] - times_s[None]) <= SMOOTH_S / 2
    smooth = (near * motion[None]).sum(1) / near.sum(1)
    found: Floats = usual * 2 ** (OCTAVE * smooth)
    return found


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


def in_modes(piece: Piece, warmth: Floats) -> Piece:
    """The piece with warm bars in major and cold ones in minor, on the tonic that it has; others follow the last."""
    minor, tonic = divmod(likely_key(half_bar_chroma(piece).sum(axis=0)), 12)
    notes = piece.notes.copy()
    bar = np.searchsorted(piece.bars[:, 0], notes[:, 0], side="right") - 1
    major = not minor
    for number, warm in enumerate(warmth):
        major = bool(warm > 0) if abs(warm) > SURE else major
        if major == bool(minor):
            here = bar == number
            notes[here, 2] = in_mode(notes[here, 2], tonic, major=major)
    return replace(piece, notes=notes)
