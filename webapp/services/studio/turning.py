"""Dials: a style moved along the data's regression, in standard deviations of the attribute that names it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.metrics.music_statistics import attributes
from models.music.notes import Piece
from models.style.directions import Directions, tonic_of
from models.style.latents import Latents
from webapp.services.house import House
from webapp.services.problems import NotAllowed

FILL = "python -m models.evaluate.relations --save"


def directions(house: House) -> Directions | None:
    """The data's regression directions of the model that plays; None where none are saved for it.

    Raises ``ValueError`` where what is saved can't be read.
    """
    found = Directions.load(house.style_folder)
    return found if found and found.version == house.space.version else None


def dials(house: House, piece: Piece) -> dict[str, dict[str, Any]]:
    """Of each style that can be turned its ``attribute``, the piece's ``value``, one ``sd`` and what is ``real``.

    ``real``: the 5th, 25th, 50th, 75th and 95th percentile of real music of the piece's domain; None where that isn't
    known. A style that does not vary there has no dial.
    """
    known = directions(house)
    if known is None:
        return {}
    own, found = attributes(piece), {}
    for group, direction in known.groups.items():
        real = direction.real.get(str(piece.domain))
        if direction.real and real is None:
            continue
        value = round(own[direction.attribute], 3)
        found[group] = {"attribute": direction.attribute, "value": value, "sd": direction.sd, "real": real}
    return found


def turned(house: House, own: Latents, notes: Mapping[str, Any], asked: Mapping[str, float]) -> dict[str, Latents]:
    """``own`` with each asked style so many standard deviations on; raises ``NotAllowed`` where there is no dial."""
    if not asked:
        return {}
    known, piece = directions(house), Piece.from_json(dict(notes))
    unknown = sorted(set(asked) - set(dials(house, piece)))
    if known is None or unknown:
        raise NotAllowed(
            f"{', '.join(unknown)} can't be turned in this music with the model {house.space.version}; borrow instead"
        )
    tonic = tonic_of(piece)
    return {group: known.moved(own, group, by, tonic) for group, by in asked.items() if by}
