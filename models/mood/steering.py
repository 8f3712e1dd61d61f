"""Steering a clip to a mood: versions of it that a style model decodes, of which a judge takes the nearest.

The rules alone change notes by hand, which is heard. Here they only say what the clip is encoded from, or a clip that
has the mood lends its styles, or both; what sounds is decoded, so that melody, harmony and touch go together again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.mood.rules import Dials, rules_towards

Floats = npt.NDArray[np.float64]

HARMONY = "harmony"  # carries valence; the others carry arousal (``mood.transfer``)
AROUSING = ("rhythm", "dynamics", "tempo", "texture")
DONORS = 2


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
    """What to decode for ``target`` (valence and arousal, -1 to 1), given the moods of ``donors`` ``(n, 2)``.

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
