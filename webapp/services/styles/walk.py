"""A walk along one style: a clip's latents moved by the data's regression, five steps composed by the generator.

Nothing is stored: a walk is told by where it begins, its style and its seed, and is composed again where it was let go.
"""

from __future__ import annotations

import csv
import io
import logging
import threading
import uuid
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from models.metrics.music_statistics import ATTRIBUTES, attributes
from models.music.notes import Domain, Piece
from models.style.directions import Directions, tonic_of
from models.style.latents import Latents
from webapp.generation.protocol import BadRequest, GenerateRequest, GenerationError
from webapp.generation.protocol import Source as Origin
from webapp.services.house import House
from webapp.services.problems import NotAllowed, NotReady
from webapp.services.studio import sound
from webapp.services.studio.composing import DEADLINE_MS, current
from webapp.services.studio.opening import in_time
from webapp.services.studio.room import place
from webapp.services.studio.sources import Source, find
from webapp.services.studio.turning import FILL, directions

log = logging.getLogger(__name__)

STEPS = (-2, -1, 0, 1, 2)  # standard deviations of the attribute in real music
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


@dataclass(frozen=True)
class Step:
    """One composed step: by how many deviations, the value of the attribute that was asked for, and what sounds."""

    name: str
    by: int
    wanted: float
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
        return {"by": self.by, "wanted": round(self.wanted, 3), "attributes": measured, **in_time(self.piece)}

    def sound(self, form: str) -> bytes:
        """As ``flac`` or ``mid``."""
        source = Source(self.name, self.domain, "", {}, self.notes, {}, self.model_version)
        return sound.midi(source) if form == "mid" else sound.sound(source, form)


def walk(house: House, listener_id: uuid.UUID, asked: Asked) -> tuple[Step, ...]:
    """The five steps, the least of the style first.

    Raises ``NotYours`` for a source that isn't the listener's to hear, ``NotAllowed`` for a style without a direction
    or what can't be composed, and ``NotReady`` while no generator answers.
    """
    known = directions(house)
    if known is None:
        raise NotAllowed(f"no directions are saved for the model {house.space.version}; {FILL} makes them")
    if asked.group not in known.groups:
        raise NotAllowed(f"there is no direction of {asked.group!r}; there are {', '.join(known.groups)}")
    source = None
    if asked.source:
        source = house.database.transaction(lambda session: find(session, asked.source, listener_id))
    begin = (asked.source,) if source else (asked.domain,)
    key = (known.version, str(known.about["commit"]), asked.group, str(asked.seed), *begin)
    with _keeping:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    with place():
        try:
            steps = _compose(house, known, asked, source, "-".join(key))
        except BadRequest as error:
            raise NotAllowed(f"this can't be composed: {error}") from error
        except GenerationError as error:
            log.warning("walk_failed listener=%s error=%s", listener_id, error)
            raise NotReady("the composer does not answer just now; try again in a moment") from error
    with _keeping:
        _kept[key] = steps
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return steps


def to_csv(steps: tuple[Step, ...], asked: Asked) -> str:
    """A line a step: where it begins, what was asked for, every attribute as it sounds."""
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n")
    write.writerow(["style", "domain", "source", "seed", "model_version", "sd", "wanted", *ATTRIBUTES])
    for step in steps:
        measured = attributes(step.piece)
        about = [asked.group, step.domain, asked.source or "prior", asked.seed, step.model_version]
        write.writerow([*about, step.by, step.wanted, *(measured[name] for name in ATTRIBUTES)])
    return out.getvalue()


def _compose(house: House, known: Directions, asked: Asked, source: Source | None, name: str) -> tuple[Step, ...]:
    if source is None:
        drawn = house.generator.generate(_request(asked.domain, None, asked.seed))
        domain, latents, notes = asked.domain, Latents.from_json(drawn.latents), drawn.notes
    else:
        music = current(house, source)
        domain, latents, notes = source.domain, music.latents, music.notes
    if latents.version != known.version:
        raise NotReady("the composer is changing over to another model; try again in a moment")
    begin, direction = Piece.from_json(notes), known.groups[asked.group]
    value, tonic = attributes(begin)[direction.attribute], tonic_of(begin)
    requests = [_request(domain, known.moved(latents, asked.group, by, tonic), asked.seed) for by in STEPS]
    with ThreadPoolExecutor(len(requests)) as together:
        results = list(together.map(house.generator.generate, requests))
    return tuple(
        Step(f"walks/{name}/{place}", by, value + by * direction.sd, domain, result.notes, result.model_version)
        for place, (by, result) in enumerate(zip(STEPS, results, strict=True))
    )


def _request(domain: Domain, content: Latents | None, seed: int) -> GenerateRequest:
    return GenerateRequest(
        id=uuid.uuid4().hex,
        domain=domain,
        content=Origin(latents=content.to_json()) if content else None,
        seed=seed,
        deadline_ms=DEADLINE_MS,
    )
