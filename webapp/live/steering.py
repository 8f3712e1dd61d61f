"""What is seen in a moment: five readouts in usual deviations, what each asks of the music, and the map of pictures.

On the map somebody points: where each picture lies, what is measured of it, and what lies between. It is the seam to
whatever maps of pictures there are: a ``PictureMap`` needs names, places, readouts and addresses.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from models.picture.fit.head import SEEN
from models.picture.readouts import READOUTS
from models.picture.tie.annotated import LINKS
from webapp.fit.drawings import FOLDER, shipped
from webapp.runtime.errors import NotAllowed

Floats = npt.NDArray[np.float64]

MOST = 3.0  # usual deviations
SIDES: tuple[str, ...] = tuple(LINKS.values())
NOTHING_SEEN: Mapping[str, float] = dict.fromkeys(READOUTS, 0.0)
NEAR = 0.05  # of the map's width: how far a picture's own readouts reach before those of its neighbours count


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


@dataclass(frozen=True)
class PictureMap:
    """Pictures at ``places`` ``(pictures, 2)``, x to the right and y upwards, 0 to 1 each.

    ``readouts`` ``(pictures, 4)``: brightness, warmth, busyness and size of each, in usual deviations. ``addresses``:
    where a browser finds them, relative to the document.
    """

    names: tuple[str, ...]
    places: Floats
    readouts: Floats
    addresses: tuple[str, ...]

    def readouts_at(self, position: Sequence[float], motion: float = 0.0) -> dict[str, float]:
        """What is seen at a ``position`` (x, y): the pictures around it, the nearer the more; motion is the pointer's.

        Raises ``NotAllowed`` for a position that is not on the map.
        """
        if len(position) != 2 or not all(0 <= each <= 1 for each in position):
            raise NotAllowed(f"the position {list(position)} was given; it is x and y, from 0 to 1 each")
        weight = np.exp(-((self.places - np.asarray(position)) ** 2).sum(1) / (2 * NEAR**2))
        found = weight @ self.readouts / weight.sum()
        return {**dict(zip(SEEN, found.round(4).tolist(), strict=True)), "motion": float(motion)}

    def nearest(self, position: Sequence[float]) -> str:
        """The name of the picture that is nearest to a position."""
        return self.names[int(((self.places - np.asarray(position)) ** 2).sum(1).argmin())]


@cache
def drawings() -> PictureMap:
    """The drawings that come with Kallos, laid out by their latents."""
    found = shipped()
    places = json.loads((FOLDER / "card.json").read_text(encoding="utf-8"))["places"]
    return PictureMap(
        found.names, np.array([places[name] for name in found.names]), found.measures,
        tuple(f"api/fits/pictures/{name}.svg" for name in found.names),
    )  # fmt: skip
