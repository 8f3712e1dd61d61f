"""A walk along one style: a clip's latents moved by the data's regression, five steps composed by the generator.

Or through the values of one style code, by which the prior draws: the same draw each time, or a clip half kept.

Nothing is stored: a walk is told by where it begins, its style and its seed, and is composed again where it was let go.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Any

from models.metrics.music_statistics import ATTRIBUTES, attributes
from models.music.notes import Domain, Piece
from models.style.directions import Directions, tonic_of
from models.style.latents import CODE_COUNT, CODE_LEVELS, CODES, STYLE_GROUPS, Latents
from webapp.composing.sources import Source
from webapp.generation.protocol import GenerateRequest, answered
from webapp.generation.protocol import Source as Origin
from webapp.research.styles.composed import Composed
from webapp.runtime import csv_text
from webapp.runtime.errors import NotAllowed, NotReady
from webapp.studio.composing import DEADLINE_MS, current
from webapp.studio.pieces import source_of
from webapp.studio.studio import FILL, Studio, slow_slot

log = logging.getLogger(__name__)

STEPS = (-2, -1, 0, 1, 2)  # standard deviations of the attribute in real music, or values of a code from its middle
KEEP = 0.5  # of a clip, where another code is to say how the rest is drawn
CODE_STEP = 2 / (CODE_LEVELS - 1)
CODE_WALKS = tuple(f"code_{number}" for number in range(1, CODE_COUNT + 1))
WALKS = (*STYLE_GROUPS, *CODE_WALKS)
KEPT = 24  # walks, for the sound that is asked for after them

_kept: OrderedDict[tuple[str, ...], tuple[Step, ...]] = OrderedDict()
_keeping = threading.Lock()


@dataclass(frozen=True)
class Asked:
    """Which walk: along ``group``, from ``source`` (a clip or piece) or, without one, the prior's draw of a seed."""

    group: str
    domain: Domain = "pop"
    seed: int = 0
    source: str = ""
    guidance: float = 1.0  # how strictly the prior goes by what it is to draw


@dataclass(frozen=True, kw_only=True)
class Step(Composed):
    """One composed step: by how many deviations, and the value of the attribute that was asked for."""

    by: int
    wanted: float

    def to_json(self) -> dict[str, Any]:
        """For the page, in the time of its sound."""
        return {"by": self.by, "wanted": round(self.wanted, 3), **super().to_json()}


def walk(studio: Studio, listener_id: uuid.UUID, asked: Asked) -> tuple[Step, ...]:
    """The five steps, the least of the style first.

    Raises ``NotYours`` for a source that isn't the listener's to hear, ``NotAllowed`` for a style without a direction
    or what can't be composed, and ``NotReady`` while no generator answers.
    """
    known = studio.dials.known
    if known is None:
        raise NotAllowed(f"no directions are saved for the model {studio.space.version}; {FILL} makes them")
    if asked.group not in (*known.groups, *CODE_WALKS):
        raise NotAllowed(f"there is no direction of {asked.group!r}; there are {', '.join(known.groups)}")
    source = None
    if asked.source:
        source = source_of(studio, listener_id, asked.source)
        if source.of_picture:
            raise NotAllowed("a picture has no style to walk; choose a piece of music")
    begin = (asked.source,) if source else (asked.domain,)
    if source and asked.group not in CODE_WALKS and asked.guidance != 1:
        raise NotAllowed(
            f"guidance {asked.guidance:g} was given, and nothing is drawn: along {asked.group} the clip's own latents "
            "move; leave guidance at 1, begin with a draw, or walk along a code"
        )
    key = (known.version, str(known.about["commit"]), asked.group, str(asked.seed), f"{asked.guidance:g}", *begin)
    with _keeping:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    with slow_slot(), answered():
        steps = _compose(studio, known, asked, source, "-".join(key))
    with _keeping:
        _kept[key] = steps
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return steps


def to_csv(steps: tuple[Step, ...], asked: Asked) -> str:
    """A line a step: where it begins, what was asked for, every attribute as it sounds."""
    columns = ["style", "domain", "source", "seed", "guidance", "model_version", "sd", "wanted", *ATTRIBUTES]
    lines = []
    for step in steps:
        measured = attributes(step.piece)
        about = [asked.group, step.domain, asked.source or "prior", asked.seed, asked.guidance, step.model_version]
        lines.append([*about, step.by, step.wanted, *(measured[name] for name in ATTRIBUTES)])
    return csv_text.table(columns, lines, end="\n")


def _compose(studio: Studio, known: Directions, asked: Asked, source: Source | None, name: str) -> tuple[Step, ...]:
    generation = studio.generation
    if source is None:
        drawn = generation.generate(_request(asked.domain, None, asked.seed, asked.guidance))
        domain, latents, notes = asked.domain, Latents.from_json(drawn.latents), drawn.notes
    else:
        music = current(generation, studio.space, source)
        domain, latents, notes = source.music, music.latents, music.notes
    if latents.version != known.version:
        raise NotReady("the composer is changing over to another model; try again in a moment")
    if asked.group in CODE_WALKS:
        value, step = 0.0, CODE_STEP
        requests = []
        for by in STEPS:
            request = _request(domain, latents if source else None, asked.seed, asked.guidance)
            codes = Origin(latents=with_code(latents, CODE_WALKS.index(asked.group), by * step).to_json())
            requests.append(request.model_copy(update={"styles": {CODES: codes}, "keep": KEEP if source else 1.0}))
    else:
        begin, direction = Piece.from_json(notes), known.groups[asked.group]
        value, step = attributes(begin)[direction.attribute], direction.sd
        moved = [known.moved(latents, asked.group, by, tonic_of(begin)) for by in STEPS]
        requests = [_request(domain, each, asked.seed) for each in moved]
    results = generation.generate_all(requests)
    return tuple(
        Step(
            name=f"walks/{name}/{place}", domain=domain, notes=result.notes, model_version=result.model_version,
            by=by, wanted=value + by * step,
        )
        for place, (by, result) in enumerate(zip(STEPS, results, strict=True))
    )  # fmt: skip


def with_code(latents: Latents, place: int, value: float) -> Latents:
    """``latents`` with the value -1..1 in the place 0.. of their style codes."""
    codes = list(latents.piece.get(CODES, [0.0] * CODE_COUNT))
    codes[place] = value
    return replace(latents, piece={**latents.piece, CODES: codes})


def _request(domain: Domain, content: Latents | None, seed: int, guidance: float = 1.0) -> GenerateRequest:
    return GenerateRequest(
        id=uuid.uuid4().hex,
        domain=domain,
        content=Origin(latents=content.to_json()) if content else None,
        seed=seed,
        guidance=guidance,
        deadline_ms=DEADLINE_MS,
    )
