"""What the style model composes when a researcher asks: one clip in the style of another, and a walk along one style.

Both answer with notes, what was asked for and what came of it; what is composed once is kept.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from models.metrics.music_statistics import ATTRIBUTES, attributes
from models.music.notes import Domain, Piece
from models.style.latents import CODE_COUNT, CODE_LEVELS, CODES, STYLE_GROUPS, Directions, Latents, tonic_of
from webapp.composing.sources import Source
from webapp.generation.protocol import GenerateRequest, GenerateResult, answered
from webapp.generation.protocol import Source as Origin
from webapp.runtime import csv_text
from webapp.runtime.errors import NotAllowed, NotReady
from webapp.runtime.recent import Recent
from webapp.studio import formats
from webapp.studio.composing import DEADLINE_MS, current
from webapp.studio.formats import piano_roll
from webapp.studio.pieces import source_of
from webapp.studio.studio import FILL, Studio, slow_slot


@dataclass(frozen=True, kw_only=True)
class Composed:
    """What sounds, and what it is called in files."""

    name: str
    domain: Domain
    notes: dict[str, Any]
    model_version: str

    @property
    def piece(self) -> Piece:
        """Its notes."""
        return Piece.from_json(self.notes)

    def to_json(self) -> dict[str, Any]:
        """For the page, in the time of its sound."""
        measured = {name: round(value, 3) for name, value in attributes(self.piece).items()}
        return {"attributes": measured, **asdict(piano_roll(self._source))}

    def sound(self, form: str) -> bytes:
        """As ``flac`` or ``mid``."""
        return formats.midi(self._source) if form == "mid" else formats.sound(self._source, form)

    @property
    def _source(self) -> Source:
        return Source(self.name, self.domain, "", {}, self.notes, {}, self.model_version)


PARTS = ("piece", "donor", "swapped")
KEPT = 24  # swaps, and walks, for the sound that is asked for after them

Swap = Mapping[str, Composed]  # by part
_kept_swaps: Recent[tuple[str, ...], Swap] = Recent(KEPT)


@dataclass(frozen=True)
class SwapRequest:
    """Which swap: of the style ``group``, between the two draws of a kind of music that ``seed`` names."""

    group: str
    domain: Domain = "pop"
    seed: int = 0


def swap(studio: Studio, request: SwapRequest) -> Swap:
    """The piece, its donor, and the piece with the donor's style.

    Raises ``NotAllowed`` for a style that there is none of, and ``NotReady`` while no generator answers.
    """
    if request.group not in STYLE_GROUPS:
        raise NotAllowed(f"the style {request.group[:20]!r} was given; there are {', '.join(STYLE_GROUPS)}")
    key = (studio.space.version, request.group, request.domain, str(request.seed))
    if (known := _kept_swaps.get(key)) is not None:
        return known
    with slow_slot(), answered():
        made = _compose_swap(studio, request)
    name = "-".join(key)
    found = {
        part: Composed(
            name=f"swaps/{name}/{part}", domain=request.domain, notes=each.notes, model_version=each.model_version
        )
        for part, each in zip(PARTS, made, strict=True)
    }
    return _kept_swaps.keep(key, found)


def _compose_swap(studio: Studio, request: SwapRequest) -> tuple[GenerateResult, GenerateResult, GenerateResult]:
    generate = studio.generation.generate
    piece, donor = (generate(_draw_request(request, 2 * request.seed + place)) for place in (0, 1))
    both = {"content": Origin(latents=piece.latents), "styles": {request.group: Origin(latents=donor.latents)}}
    return piece, donor, generate(_draw_request(request, 2 * request.seed).model_copy(update=both))


def _draw_request(request: SwapRequest, seed: int) -> GenerateRequest:
    return GenerateRequest(id=uuid.uuid4().hex, domain=request.domain, seed=seed, deadline_ms=DEADLINE_MS)


STEPS = (-2, -1, 0, 1, 2)  # standard deviations of the attribute in real music, or values of a code from its middle
KEEP = 0.5  # of a clip, where another code is to say how the rest is drawn
CODE_STEP = 2 / (CODE_LEVELS - 1)
CODE_WALKS = tuple(f"code_{number}" for number in range(1, CODE_COUNT + 1))
WALKS = (*STYLE_GROUPS, *CODE_WALKS)

_kept_walks: Recent[tuple[str, ...], tuple[Step, ...]] = Recent(KEPT)


@dataclass(frozen=True)
class WalkRequest:
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


def walk(studio: Studio, listener_id: uuid.UUID, request: WalkRequest) -> tuple[Step, ...]:
    """The five steps, the least of the style first.

    Raises ``NotYours`` for a source that isn't the listener's to hear, ``NotAllowed`` for a style without a direction
    or what can't be composed, and ``NotReady`` while no generator answers.
    """
    known = studio.dials.known
    if known is None:
        raise NotAllowed(f"no directions are saved for the model {studio.space.version}; {FILL} makes them")
    if request.group not in (*known.groups, *CODE_WALKS):
        raise NotAllowed(f"there is no direction of {request.group!r}; there are {', '.join(known.groups)}")
    source = None
    if request.source:
        source = source_of(studio, listener_id, request.source)
        if source.of_picture:
            raise NotAllowed("a picture has no style to walk; choose a piece of music")
    begin = (request.source,) if source else (request.domain,)
    if source and request.group not in CODE_WALKS and request.guidance != 1:
        raise NotAllowed(
            f"guidance {request.guidance:g} was given, and nothing is drawn: along {request.group} the clip's own "
            "latents move; leave guidance at 1, begin with a draw, or walk along a code"
        )
    key = (known.version, str(known.about["commit"]), request.group, str(request.seed), f"{request.guidance:g}", *begin)
    if (known_steps := _kept_walks.get(key)) is not None:
        return known_steps
    with slow_slot(), answered():
        return _kept_walks.keep(key, _compose_walk(studio, known, request, source, "-".join(key)))


def to_csv(steps: tuple[Step, ...], request: WalkRequest) -> str:
    """A line a step: where it begins, what was asked for, every attribute as it sounds."""
    columns = ["style", "domain", "source", "seed", "guidance", "model_version", "sd", "wanted", *ATTRIBUTES]
    lines = []
    for step in steps:
        measured = attributes(step.piece)
        about = [
            request.group,
            step.domain,
            request.source or "prior",
            request.seed,
            request.guidance,
            step.model_version,
        ]
        lines.append([*about, step.by, step.wanted, *(measured[name] for name in ATTRIBUTES)])
    return csv_text.table(columns, lines, end="\n")


def _compose_walk(
    studio: Studio, known: Directions, request: WalkRequest, source: Source | None, name: str
) -> tuple[Step, ...]:
    generation = studio.generation
    if source is None:
        drawn = generation.generate(_generate_request(request.domain, None, request.seed, request.guidance))
        domain, latents, notes = request.domain, Latents.from_json(drawn.latents), drawn.notes
    else:
        music = current(generation, studio.space, source)
        domain, latents, notes = source.music, music.latents, music.notes
    if latents.version != known.version:
        raise NotReady("the composer is changing over to another model; try again in a moment")
    if request.group in CODE_WALKS:
        value, step = 0.0, CODE_STEP
        requests = []
        for by in STEPS:
            generate = _generate_request(domain, latents if source else None, request.seed, request.guidance)
            codes = Origin(latents=with_code(latents, CODE_WALKS.index(request.group), by * step).to_json())
            requests.append(generate.model_copy(update={"styles": {CODES: codes}, "keep": KEEP if source else 1.0}))
    else:
        begin, direction = Piece.from_json(notes), known.groups[request.group]
        value, step = attributes(begin)[direction.attribute], direction.sd
        moved = [known.moved(latents, request.group, by, tonic_of(begin)) for by in STEPS]
        requests = [_generate_request(domain, each, request.seed) for each in moved]
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


def _generate_request(domain: Domain, content: Latents | None, seed: int, guidance: float = 1.0) -> GenerateRequest:
    return GenerateRequest(
        id=uuid.uuid4().hex,
        domain=domain,
        content=Origin(latents=content.to_json()) if content else None,
        seed=seed,
        guidance=guidance,
        deadline_ms=DEADLINE_MS,
    )
