"""Five hand-written rules that move notes to a mood: tempo, mode, register, spread of pitch and loudness.

What listeners agree on (Juslin & Laukka 2003; Gabrielsson & Lindström 2010): fast, loud and wide is aroused, major and
high is positive. They change notes, not latents, and leave rhythm and melody as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from models.mood.labels import AROUSAL, VALENCE
from models.mood.variants import PIANO
from models.music.keys import half_bar_chroma, in_mode, likely_key
from models.music.notes import IntArray, Piece

FASTER, LOUD, SOFT, HIGHER = 1.3, 80, 52, 3  # times the tempo; mean velocities; semitones
CLEARLY = 0.3  # of valence or arousal, from where on the mode, or the spread, is another
TEMPI_BPM = (40.0, 208.0)
LOWEST_QUARTER, NARROW = 25, (48, 84)  # per cent of the notes that go down; pitches beyond which notes come nearer


@dataclass(frozen=True)
class Dials:
    """How music is changed: ``spread`` 1 is wider, -1 narrower and 0 as it is; so is ``major`` of the mode.

    ``tempo`` is a factor, ``semitones`` the register's way, ``velocity`` the mean loudness, or None as it is.
    """

    tempo: float = 1.0
    major: int = 0
    semitones: int = 0
    spread: int = 0
    velocity: int | None = None

    def turned(self, piece: Piece) -> Piece:
        """The piece so changed; raises ``MusicError`` for one without notes."""
        notes = piece.notes.copy()
        if self.major:
            _to_mode(notes, piece, self.major)
        notes[:, 2] = _on_the_piano(notes[:, 2] + self.semitones)
        if self.spread > 0:
            below = notes[:, 2] <= np.percentile(notes[:, 2], LOWEST_QUARTER)
            notes[below & (notes[:, 2] - 12 >= PIANO[0]), 2] -= 12
        elif self.spread < 0:
            notes[notes[:, 2] < NARROW[0], 2] += 12
            notes[notes[:, 2] > NARROW[1], 2] -= 12
        if self.velocity is not None:
            louder = notes[:, 3] + round(self.velocity - float(notes[:, 3].mean()))
            notes[:, 3] = np.clip(louder, 1, 127)
        tempo = np.clip(piece.tempo_bpm * np.float32(self.tempo), *TEMPI_BPM)
        return replace(piece, notes=notes, tempo_bpm=tempo, chords=())


def rules(quadrant: int) -> Dials:
    """The five rules for a quadrant, an index into ``labels.QUADRANTS``."""
    return rules_towards(float(VALENCE[quadrant]), float(AROUSAL[quadrant]))


def rules_towards(valence: float, arousal: float) -> Dials:
    """The five rules for a mood, -1 to 1 each: halfway, half as fast and as loud; near the middle the mode stays."""
    major, spread = (round(np.sign(value)) if abs(value) >= CLEARLY else 0 for value in (valence, arousal))
    velocity = round((LOUD + SOFT + (LOUD - SOFT) * arousal) / 2)
    return Dials(FASTER**arousal, major, round(HIGHER * valence), spread, velocity)


def _to_mode(notes: IntArray, piece: Piece, major: int) -> None:
    minor, tonic = divmod(likely_key(half_bar_chroma(piece).sum(axis=0)), 12)
    if bool(minor) != (major < 0):
        notes[:, 2] = in_mode(notes[:, 2], tonic, major=major > 0)


def _on_the_piano(pitch: IntArray) -> IntArray:
    """Pitches beyond the keys come back by octaves."""
    low = np.where(pitch < PIANO[0], pitch + 12, pitch)
    found: IntArray = np.where(low > PIANO[1], low - 12, low)
    return found
