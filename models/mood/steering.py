"""Moving music to a mood: five hand-written rules, and versions of a clip that the writer writes.

The rules move tempo, mode, register, spread of pitch and loudness. They are what listeners agree on (Juslin & Laukka
2003; Gabrielsson & Lindström 2010): fast, loud and wide is aroused, major and high is positive. They change notes, not
latents, and leave rhythm and melody as they are.

The rules alone change notes by hand, which one can hear. In steering they only change the notes that are encoded, or
a clip that has the mood lends its styles, or both. The writer is conditioned on these latents, so that melody, harmony
and touch go together again. A judge takes the nearest version.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from models.mood.labels import AROUSAL, VALENCE
from models.music.keys import half_bar_chroma, in_mode, likely_key
from models.music.notes import IntArray, Piece

FASTER, LOUD, SOFT, HIGHER = 1.3, 80, 52, 3  # times the tempo; mean velocities; semitones
PIANO = (21, 108)  # MIDI pitches of the outermost keys
CLEARLY = 0.3  # of valence or arousal, from where on the mode, or the spread, is another
TEMPI_BPM = (40.0, 208.0)
LOWEST_QUARTER, NARROW = 25, (48, 84)  # per cent of the notes that go down; pitches beyond which notes come nearer

HARMONY = "harmony"  # carries valence; the others carry arousal (``models.mood.control``)
AROUSING = ("rhythm", "dynamics", "tempo", "texture")
DONORS = 2


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


@dataclass(frozen=True)
class Version:
    """One way to the mood: ``dials`` that the notes are changed by before they are encoded, None for no change.

    ``donor``: which of the donors lends the styles ``groups``; None where none does.
    """

    dials: Dials | None = None
    groups: tuple[str, ...] = ()
    donor: int | None = None


def versions(
    target: npt.ArrayLike, donors: npt.ArrayLike, *, locked: Sequence[str] = (), notes_stay: bool = False
) -> list[Version]:
    """What to have written for ``target`` (valence and arousal, -1 to 1), given the moods of ``donors`` ``(n, 2)``.

    Styles that are ``locked`` are borrowed from nobody. Where ``notes_stay``, no rule changes them, and they keep their
    harmony: another one would stand in another key.
    """
    locked = (*locked, HARMONY) if notes_stay else locked
    wanted, there = np.asarray(target, dtype=np.float64), np.asarray(donors, dtype=np.float64).reshape(-1, 2)
    near = np.linalg.norm(there - wanted, axis=1).argsort(kind="stable")[:DONORS].tolist()
    arousing, every = (
        tuple(group for group in some if group not in locked) for some in (AROUSING, (HARMONY, *AROUSING))
    )
    found = [Version(groups=groups, donor=donor) for donor in near for groups in dict.fromkeys([every, arousing])]
    if not notes_stay:
        whole = rules_towards(*wanted)
        mode = Dials(major=whole.major)
        turned = [mode, whole] if HARMONY not in locked else []
        found += [Version(dials) for dials in turned]
        found += [Version(dials, arousing, near[0]) for dials in turned if near]
    return [each for each in dict.fromkeys(found) if each.groups or each.dials not in {None, Dials()}]


def nearest(target: npt.ArrayLike, heard: npt.ArrayLike) -> int:
    """Which of some moods ``(n, 2)`` is nearest to ``target``: the place of the first such."""
    away = np.linalg.norm(np.asarray(heard, dtype=np.float64) - np.asarray(target, dtype=np.float64), axis=1)
    return int(away.argmin())
