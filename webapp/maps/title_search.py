"""Words to tunes and tunes to words, by the title towers; loose inspiration, shown with how often it is right.

Answers come from the newest maps of tunes and of titles, whose music may be played to anybody. Music gets new titles,
too (``webapp.composing.titling``).

What towers retrieved while they were trained is read from the logs that come with the weights (``Tower``). Each
validation of a run's first seed says, for a few watched titles, at which rank their own tune stood and which tunes
stood nearest. These play from the map of tunes.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

import models
from db.queries import research
from models.atlas.projection import FloatArray
from models.experiments.run_log import rows
from models.style.bundle import WEIGHTS
from webapp.composing import sources
from webapp.composing.titling import Titling
from webapp.generation.protocol import answered
from webapp.generation.remote import RemoteGenerator
from webapp.maps import Atlas, open_maps
from webapp.maps.open_maps import OpenMap, Point
from webapp.runtime.database import Database
from webapp.runtime.errors import NotAllowed, NotReady

CARD = Path(models.__file__).parent / "weights" / "titles-cpu" / "card.json"  # read without torch
WAYS = ("title_to_melody", "melody_to_title")
Odds = dict[str, dict[str, dict[str, float | int | None]]]  # way → measure → value, low, high, chance, n
NEW = 3  # titles of each kind
MEASURES = ("mrr", "recall_1", "recall_10", "median_rank")

RUNS = WEIGHTS / "runs" / "titles"
DIRECTION = "title_to_melody"
OF_MAP = "tunes/"  # before the name of a tune, among the ids of the map
MELODIES = {
    "linear": "Linear", "bag": "N-grams", "cnn": "CNN", "rnn": "RNN", "attention": "RNN with attention",
    "transformer": "Transformer",
}  # fmt: skip


@dataclass(frozen=True)
class TitleTowers:
    """Which towers answer, how often they are right (way → measure → value, low, high, chance, n), what is ready.

    Ways: ``title_to_melody``, ``melody_to_title``; measures: ``mrr``, ``recall_1``, ``recall_10``, ``median_rank``.
    ``ready``: which maps are there to answer from.
    """

    model_version: str
    odds: Odds | None
    ready: dict[str, bool]


@dataclass(frozen=True)
class FoundPoint(Point):
    """A point of a map and its cosine with what was asked."""

    map_id: str
    cosine: float


@dataclass(frozen=True)
class FoundTunes:
    """The tunes nearest to some words."""

    words: str
    results: list[FoundPoint]


@dataclass(frozen=True)
class FoundTitles:
    """The titles nearest to some music, each of which plays the tune that bears it; and new ones, best first.

    ``written``: letter by letter; ``recombined``: of halves of known titles.
    """

    name: str
    results: list[FoundPoint]
    written: list[str]
    recombined: list[str]


def overview(database: Database) -> TitleTowers:
    """What was measured, and whether there are maps to answer from."""
    version = model_version()
    found = database.transaction(lambda session: research.newest_maps(session, version))
    return TitleTowers(version, odds(_card()), {kind: kind in found for kind in ("tunes", "titles")})


def odds(card: dict[str, Any]) -> Odds | None:
    """Way → measure → value, interval and chance, as ``evaluate.titles --record`` wrote them; None without."""
    measured = card.get("measured") or {}
    names = {(way, name): f"titles.{way}.{name}" for way in WAYS for name in MEASURES}
    if not set(names.values()) <= set(measured):
        return None
    kept = ("value", "low", "high", "chance", "n")
    return {way: {name: {k: measured[names[way, name]][k] for k in kept} for name in MEASURES} for way in WAYS}


def find_tunes(atlas: Atlas, words: str, limit: int) -> FoundTunes:
    """The tunes whose melodies lie nearest to some words; raises ``NotAllowed``, ``NotReady``."""
    if not any(letter.isascii() and letter.isalnum() for letter in words):
        raise NotAllowed(f"titles are read by the letters a to z; {words.strip()!r} has none of them, try other words")
    found = map_of(atlas, "tunes")
    answer = _ask(atlas.generation, titles=[words])
    return FoundTunes(words, _nearest(found, np.array(answer, dtype=np.float32), limit))


def name_music(atlas: Atlas, listener_id: uuid.UUID, name: str, limit: int) -> FoundTitles:
    """The titles that lie nearest to a clip or a piece of this listener's, and new ones for it, always the same.

    Raises ``NotYours``, ``NotAllowed`` for music without a melody, ``NotReady``.
    """

    def find(session: Session) -> dict[str, Any]:
        return sources.find(session, name, listener_id).notes

    notes = atlas.database.transaction(find)
    found = map_of(atlas, "titles")
    nearest = _nearest(found, melody_vector(atlas.generation, notes), limit)
    titling = Titling(atlas.generation)
    with answered("the model of titles", "this music can't be named"):
        written, recombined = (new(notes, NEW, 0) for new in (titling.written, titling.recombined))
    return FoundTitles(name, nearest, written, recombined)


def model_version() -> str:
    """The version of the towers: vectors of another one don't mix with theirs."""
    return str(_card()["version"])


def melody_vector(generation: RemoteGenerator, notes: Mapping[str, Any]) -> FloatArray:
    """A melody in the space of the towers ``(dim,)``; raises ``NotAllowed`` where there is none, ``NotReady``."""
    return np.array(_ask(generation, melodies=[notes]), dtype=np.float32)


def _ask(generation: RemoteGenerator, **asked: Any) -> list[float]:
    with answered("the model of titles", "this music can't be named"):
        answer = generation.towers(**asked)
    return (answer.titles or answer.melodies)[0]


def map_of(atlas: Atlas, kind: str) -> OpenMap:
    """The newest map of a kind that the towers of now can answer from; raises ``NotReady``."""
    version = model_version()
    newest = atlas.database.transaction(lambda session: research.newest_maps(session, version)).get(kind)
    if newest is None:
        raise NotReady(f"the map of {kind} has not been drawn yet: draw it on the Maps page (/maps?kind={kind})")
    return open_maps.opened(atlas.database, atlas.clip_store, newest.id)


def _nearest(found: OpenMap, vector: FloatArray, limit: int) -> list[FoundPoint]:
    """Points by their cosine with a unit vector; each title once."""
    points = found.drawn.points
    cosines = points.vectors @ vector
    results: list[FoundPoint] = []
    seen: set[str] = set()
    for row in np.argsort(-cosines, kind="stable").tolist():
        if points.texts[row] in seen:
            continue
        seen.add(points.texts[row])
        cosine = round(float(cosines[row]), 4)
        results.append(FoundPoint(**vars(open_maps.point(found, row)), map_id=str(found.map_id), cosine=cosine))
        if len(results) == limit:
            break
    return results


@cache
def _card() -> dict[str, Any]:
    card: dict[str, Any] = json.loads(CARD.read_text(encoding="utf-8"))
    return card


@dataclass(frozen=True)
class Find:
    """At a step: the rank of a title's own tune among ``pool``, and the nearest, each with name, label, and score."""

    rank: int
    pool: int
    nearest: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Tower:
    """What a tower is called, and what it found: title → step → find."""

    name: str
    label: str
    finds: Mapping[str, Mapping[int, Find]]


@cache
def towers(runs: Path = RUNS) -> tuple[Tower, ...]:
    """Those whose runs noted what they found, by name."""
    found = []
    for log in sorted(runs.glob("*/log.jsonl")):
        about, *lines = rows(log)
        finds: dict[str, dict[int, Find]] = {}
        for row in lines:
            if row["kind"] == "prediction" and row["direction"] == DIRECTION:
                own = finds.setdefault(str(row["label"]), {})
                own[int(row["step"])] = Find(int(row["rank"]), int(row["pool"]), tuple(row["top"]))
        if finds:
            found.append(Tower(log.parent.name, label(about["variant"], about["without"]), finds))
    return tuple(found)


def label(variant: str, without: list[str]) -> str:
    """What people call a pair of encoders, by that of melodies."""
    melody = MELODIES.get(variant.partition("-")[0], variant)
    return f"{melody}, without {' and '.join(without)}".replace("_", " ") if without else melody


def clips(atlas: Atlas, find: Find) -> list[dict[str, Any]]:
    """The nearest tunes as a list of clips plays them; raises ``NotReady`` where there is no map of tunes."""
    found = map_of(atlas, "tunes")
    places = {point: row for row, point in enumerate(found.drawn.points.ids)}
    shown = []
    for each in find.nearest:
        row = places.get(f"{OF_MAP}{each['item']}")
        if row is not None:
            point, own = open_maps.point(found, row), "its own tune · " if each["right"] else ""
            shown.append({**vars(point), "heading": point.text, "detail": f"{own}similarity {each['score']:.2f}"})
    return shown
