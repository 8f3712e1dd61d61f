"""One style of a piece taken from another piece, so that a figure of the swaps can be heard.

The piece and its donor are draws of the prior, told by a seed; the third is composed from the piece's latents with the
donor's in place of the style that is swapped, as ``models.evaluate.style`` does.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from models.music.notes import Domain
from models.style.latents import STYLE_GROUPS
from webapp.generation.protocol import GenerateRequest, GenerateResult, answered
from webapp.generation.protocol import Source as Origin
from webapp.research.styles.composed import Composed
from webapp.runtime.errors import NotAllowed
from webapp.studio.composing import DEADLINE_MS
from webapp.studio.studio import Studio, slow_slot

log = logging.getLogger(__name__)

PARTS = ("piece", "donor", "swapped")
KEPT = 24  # swaps, for the sound that is asked for after them

Swap = Mapping[str, Composed]  # by part
_kept: OrderedDict[tuple[str, ...], Swap] = OrderedDict()
_keeping = threading.Lock()


@dataclass(frozen=True)
class Asked:
    """Which swap: of the style ``group``, between the two draws of a kind of music that ``seed`` names."""

    group: str
    domain: Domain = "pop"
    seed: int = 0


def swap(studio: Studio, asked: Asked) -> Swap:
    """The piece, its donor, and the piece with the donor's style.

    Raises ``NotAllowed`` for a style that there is none of, and ``NotReady`` while no generator answers.
    """
    if asked.group not in STYLE_GROUPS:
        raise NotAllowed(f"the style {asked.group[:20]!r} was given; there are {', '.join(STYLE_GROUPS)}")
    key = (studio.space.version, asked.group, asked.domain, str(asked.seed))
    with _keeping:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    with slow_slot(), answered():
        made = _compose(studio, asked)
    name = "-".join(key)
    found = {
        part: Composed(
            name=f"swaps/{name}/{part}", domain=asked.domain, notes=each.notes, model_version=each.model_version
        )
        for part, each in zip(PARTS, made, strict=True)
    }
    with _keeping:
        _kept[key] = found
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return found


def _compose(studio: Studio, asked: Asked) -> tuple[GenerateResult, GenerateResult, GenerateResult]:
    generate = studio.generation.generate
    piece, donor = (generate(_request(asked, 2 * asked.seed + place)) for place in (0, 1))
    both = {"content": Origin(latents=piece.latents), "styles": {asked.group: Origin(latents=donor.latents)}}
    return piece, donor, generate(_request(asked, 2 * asked.seed).model_copy(update=both))


def _request(asked: Asked, seed: int) -> GenerateRequest:
    return GenerateRequest(id=uuid.uuid4().hex, domain=asked.domain, seed=seed, deadline_ms=DEADLINE_MS)
