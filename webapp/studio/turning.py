"""Dials: a style moved along the data's regression, in standard deviations of the attribute that names it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models.metrics.music_statistics import attributes
from models.music.notes import Piece
from models.style.directions import Directions, tonic_of
from models.style.latents import STYLE_GROUPS, Latents
from models.taste.space import TasteSpace
from webapp.runtime.errors import NotAllowed

# mode hardly follows the regression of harmony's latents, however far one goes: harmony is borrowed
TURNED = tuple(group for group in STYLE_GROUPS if group != "harmony")
REACHES = (1.0, 2.0, 3.5, 5.0)  # times the regression's step, which are tried for a turned style
MUSIC = {"pop": "pop piano", "dance": "dance tunes", "chorale": "chorales"}
FILL = "python -m models.evaluate.relations --save"


def directions(space: TasteSpace, style_folder: Path) -> Directions | None:
    """The data's regression directions of the model that plays; None where none are saved for it.

    Raises ``ValueError`` where what is saved can't be read.
    """
    found = Directions.load(style_folder)
    return found if found and found.version == space.version else None


def dials(space: TasteSpace, style_folder: Path, piece: Piece, domain: str) -> dict[str, dict[str, Any]]:
    """Of each style that can be turned its ``attribute``, the piece's ``value``, one ``sd`` and what is ``real``.

    ``real``: the 5th, 25th, 50th, 75th and 95th percentile of real music of that domain; None where that isn't known. A
    style that does not vary there has no dial.
    """
    known = directions(space, style_folder)
    if known is None:
        return {}
    own, found = attributes(piece), {}
    for group, direction in known.groups.items():
        real = direction.real.get(domain)
        if group not in TURNED or (direction.real and real is None):
            continue
        value = round(own[direction.attribute], 3)
        found[group] = {"attribute": direction.attribute, "value": value, "sd": direction.sd, "real": real}
    return found


def no_dials(space: TasteSpace, style_folder: Path, domain: str) -> dict[str, str]:
    """The styles that can't be turned in music of ``domain``, and why."""
    known = directions(space, style_folder)
    why = {}
    for group in STYLE_GROUPS:
        if group not in TURNED:
            why[group] = "it hardly follows a dial"
        elif known is None or group not in known.groups:
            why[group] = "a dial for it was not measured"
        elif known.groups[group].real and domain not in known.groups[group].real:
            why[group] = f"a dial for it was not measured: it hardly varies in real {MUSIC[domain]}"
    return why


def turned(
    space: TasteSpace, style_folder: Path, own: Latents, piece: Piece, domain: str, asked: Mapping[str, float]
) -> dict[str, Latents]:
    """``own`` with each asked style so many standard deviations on; raises ``NotAllowed`` where there is no dial."""
    if not asked:
        return {}
    known = directions(space, style_folder)
    unknown = sorted(set(asked) - set(dials(space, style_folder, piece, domain)))
    if known is None or unknown:
        raise NotAllowed(
            f"{', '.join(unknown)} can't be turned in this music with the model {space.version}; borrow instead"
        )
    tonic = tonic_of(piece)
    return {group: known.moved(own, group, by, tonic) for group, by in asked.items() if by}


def reached(
    space: TasteSpace, style_folder: Path, begin: Piece, asked: Mapping[str, float], made: Sequence[Piece]
) -> dict[str, float]:
    """By how much each style has to be turned so that it sounds as ``asked``, given ``made``: pieces at ``REACHES``.

    On the line between the first two of them between which the attribute passes what is asked for, else where it comes
    nearest: a decoder follows its latents' regression less than all the way, and not evenly.
    """
    known = directions(space, style_folder)
    own, found = attributes(begin), {}
    values = [attributes(piece) for piece in made]
    for group, by in asked.items():
        direction = known.groups[group] if known else None
        if direction is None:
            continue
        short = [own[direction.attribute] + by * direction.sd - each[direction.attribute] for each in (own, *values)]
        times = (0.0, *REACHES)
        best = min(range(1, len(times)), key=lambda place: abs(short[place]))
        found[group] = by * times[best]
        for place in range(1, len(times)):
            if short[place - 1] * short[place] < 0:
                share = short[place - 1] / (short[place - 1] - short[place])
                found[group] = by * (times[place - 1] + share * (times[place] - times[place - 1]))
                break
    return found
