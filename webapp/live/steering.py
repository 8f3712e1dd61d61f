"""What is seen in a moment: five readouts in usual deviations, and what each asks of the music."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from models.picture.readouts import READOUTS
from models.picture.tie.annotated import LINKS
from webapp.runtime.errors import NotAllowed

Floats = npt.NDArray[np.float64]

MOST = 3.0  # usual deviations
SIDES: tuple[str, ...] = tuple(LINKS.values())
NOTHING_SEEN: Mapping[str, float] = dict.fromkeys(READOUTS, 0.0)


def checked(readouts: Mapping[str, float]) -> dict[str, float]:
    """All five readouts, those that are not named 0 (as usual); raises ``NotAllowed`` for others or what is no number.

    Numbers beyond ``MOST`` count as ``MOST``.
    """
    unknown = sorted(set(readouts) - set(READOUTS))
    if unknown or not all(np.isfinite(value) for value in readouts.values()):
        raise NotAllowed(
            f"readouts {dict(readouts)} were given; give numbers for {', '.join(READOUTS)}, -{MOST:g} to {MOST:g} each"
        )
    return {name: float(np.clip(readouts.get(name, 0.0), -MOST, MOST)) for name in READOUTS}


def asked_of_music(readouts: Mapping[str, float], links: Sequence[Sequence[float]] | None = None) -> Floats:
    """What ``readouts`` ask of each side of the music, in the order of ``SIDES``: ``(5,)``, in usual deviations.

    ``links`` ``(5, 5)`` are a listener's own (``models.picture.fit.head``); by default each readout asks for its side.
    """
    seen = np.array([readouts[name] for name in READOUTS])
    found: Floats = seen if links is None else np.clip(seen @ np.asarray(links, dtype=np.float64), -MOST, MOST)
    return found
