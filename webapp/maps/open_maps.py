"""Maps as the page shows them: all points at once and small, one point in full, and points that somebody has chosen."""

from __future__ import annotations

import gzip
import json
import threading
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from db.queries import research
from db.tables import DrawnMapRow
from models.atlas.points import DrawnMap, Points
from models.atlas.regions import terrain
from webapp.composing.sources import Source
from webapp.runtime.clip_store import ClipMissingError, ClipStore
from webapp.runtime.database import Database
from webapp.runtime.errors import NotYours
from webapp.runtime.recent import Recent
from webapp.studio.formats import PianoRoll, piano_roll

NEIGHBOURS_SHOWN = 10
DECIMALS = 4
SHOWN_LINKS = 12
FIXED = {"mood": ("tense", "sad", "happy", "calm")}  # labels that have the same colours on every map: red, blue, …
COMPOSED = "composed"  # the label of a composed clip where it has none: it is of no genre and in no collection

_reading = threading.Lock()
_kept: Recent[str, OpenMap] = Recent(5)  # one of each kind
MOST_LABELS = 3  # of each colouring
LEAST_SHARE = 0.05


@dataclass(frozen=True)
class OpenMap:
    """A map in memory."""

    map_id: uuid.UUID
    drawn: DrawnMap

    @property
    def kind(self) -> str:
        """One of ``models.atlas.points.KINDS``."""
        return str(self.drawn.about["kind"])

    @cached_property
    def packed(self) -> bytes:
        """What the page draws, as gzipped JSON: columns, so that 20,000 points are small."""
        points, places = self.drawn.points, np.round(self.drawn.places.astype(np.float64), DECIMALS)
        body = {
            "map_id": str(self.map_id),
            "kind": self.kind,
            "x": places[:, 0].tolist(),
            "y": places[:, 1].tolist(),
            "text": points.texts,
            "colours": {name: coded(labels, FIXED.get(name, ())) for name, labels in self.colours.items()},
            "links": [self.linked(row) for row in range(len(points))] if any(points.links) else None,
            **asdict(terrain(self.drawn.places, self.colours, _titles(points))),
        }
        return gzip.compress(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(), 5, mtime=0)

    @cached_property
    def colours(self) -> dict[str, tuple[str, ...]]:
        """The labels of every point by colouring; "" is unknown."""
        points = self.drawn.points
        made = np.asarray(points.colours.get("source", ("",) * len(points))) == COMPOSED
        return {
            name: tuple(COMPOSED if own and not label else label for label, own in zip(labels, made, strict=True))
            for name, labels in points.colours.items()
        }

    @cached_property
    def titles_of(self) -> dict[int, list[int]]:
        """Rows that lead to a row."""
        found: dict[int, list[int]] = {}
        for row, links in enumerate(self.drawn.points.links):
            for link in links:
                found.setdefault(link, []).append(row)
        return found

    def linked(self, row: int) -> Sequence[int]:
        """The tunes of a title, or the titles of a tune."""
        links = self.drawn.points.links
        return (links and links[row]) or self.titles_of.get(row, [])

    def row(self, number: int) -> int:
        """A row that there is; raises ``NotYours``."""
        if not 0 <= number < len(self.drawn.points):
            raise NotYours(f"this map has the points 0 to {len(self.drawn.points) - 1}, not {number}")
        return number


def opened(database: Database, clip_store: ClipStore, map_id: uuid.UUID) -> OpenMap:
    """A map by its id; raises ``NotYours`` where there is none or its file is lost."""
    row = _stored(database, map_id)
    with _reading:
        if (found := _kept.get(row.uri)) is None or found.map_id != map_id:
            found = _kept.keep(row.uri, OpenMap(map_id, DrawnMap.from_parquet(_file(clip_store, row))))
    return found


def parquet(database: Database, clip_store: ClipStore, map_id: uuid.UUID) -> bytes:
    """The map's file; raises ``NotYours``."""
    return _file(clip_store, _stored(database, map_id))


@dataclass(frozen=True)
class NamedPoint:
    """Another point of the same map."""

    row: int
    text: str


@dataclass(frozen=True)
class Neighbour(NamedPoint):
    """A near point; ``distance`` in the original space."""

    distance: float


@dataclass(frozen=True)
class Point(NamedPoint):
    """One point in full; ``links``: the tunes of a title, or the titles of a tune."""

    id: str
    colours: dict[str, str]
    terms: str
    neighbours: list[Neighbour]
    links: list[NamedPoint]
    audio_url: str
    notes_url: str
    score_url: str


def point(found: OpenMap, number: int) -> Point:
    """One point: what it is called, its labels and terms, neighbours, links, where its sound and score are."""
    row = found.row(number)
    drawn, points = found.drawn, found.drawn.points
    near = drawn.neighbours
    address = f"/api/atlas/maps/{found.map_id}/points/{row}"
    return Point(
        row=row,
        id=points.ids[row],
        text=points.texts[row],
        colours={name: labels[row] for name, labels in found.colours.items()},
        terms=points.terms[row],
        neighbours=[
            Neighbour(each, points.texts[each], round(distance, DECIMALS))
            for each, distance in zip(
                near.index[row, :NEIGHBOURS_SHOWN].tolist(), near.distance[row, :NEIGHBOURS_SHOWN].tolist(), strict=True
            )
        ],
        links=[NamedPoint(each, points.texts[each]) for each in found.linked(row)[:SHOWN_LINKS]],
        audio_url=f"{address}/audio",
        notes_url=f"{address}/notes",
        score_url=f"{address}/score",
    )


def source(found: OpenMap, number: int) -> Source:
    """A point's music as the studio's sound and score are made of."""
    row = found.row(number)
    piece = found.drawn.piece(row)
    return Source(
        name=f"maps/{found.map_id}/{row}",
        domain=piece.domain or "dance",
        title=found.drawn.points.texts[row],
        recipe={},
        notes=piece.to_json(),
        latents={},
        model_version="",
        mine=False,
        written=not found.drawn.points.ids[row].startswith("clips/"),
    )


def notes(found: OpenMap, number: int) -> PianoRoll:
    """The point's music in the time of its sound."""
    return piano_roll(source(found, number))


def _titles(points: Points) -> list[str]:
    """The texts that are titles which somebody gave, "" for others."""
    return [text if name.startswith("titles/") else "" for name, text in zip(points.ids, points.texts, strict=True)]


def coded(labels: Sequence[str], fixed: Sequence[str] = ()) -> dict[str, Any]:
    """Labels as numbers of the list of those that there are, -1 for unknown: the ``fixed`` ones, then the commonest."""
    names, codes, counts = np.unique(np.asarray(labels, dtype=np.str_), return_inverse=True, return_counts=True)
    there = [str(names[index]) for index in np.argsort(-counts, kind="stable") if names[index]]
    listed = [*fixed, *(name for name in there if name not in fixed)] if there else []
    places = np.array([listed.index(name) if name else -1 for name in names.tolist()])
    return {"labels": listed, "codes": places[codes].tolist()}


def _stored(database: Database, map_id: uuid.UUID) -> DrawnMapRow:
    row = database.transaction(lambda session: research.get_map(session, map_id))
    if row is None:
        raise NotYours(f"there is no map {map_id} (any more); GET /api/atlas tells which there are")
    return row


def _file(clip_store: ClipStore, row: DrawnMapRow) -> bytes:
    try:
        return clip_store.get(row.uri)
    except ClipMissingError as error:
        raise NotYours(f"the file of this map is lost; draw it again (/maps?kind={row.kind})") from error


def unpacked(packed: bytes) -> bytes:
    """The points of ``OpenMap.packed`` as plain JSON."""
    return gzip.decompress(packed)


@dataclass(frozen=True)
class LabelShare:
    """How many in a hundred of the selected points bear a label, and of all points; 0 to 1."""

    colour: str
    label: str
    share: float
    usual: float


@dataclass(frozen=True)
class Selection:
    """Rows of a map in its own order, and the labels of each colouring that are commoner among them than elsewhere."""

    rows: list[int]
    labels: list[LabelShare]


def selection(found: OpenMap, rows: Sequence[int], hidden: Sequence[int] = ()) -> Selection:
    """The points ``rows`` of a map without those that are ``hidden``; rows that the map has not are passed over."""
    there = sorted(set(rows) & set(range(len(found.drawn.points))) - set(hidden))
    labels: list[LabelShare] = []
    for colour, values in found.colours.items():
        usual = Counter(values)
        counted = Counter(values[row] for row in there)
        labels += [
            LabelShare(colour, label, count / len(there), usual[label] / len(values))
            for label, count in counted.most_common(MOST_LABELS)
            if label and count >= LEAST_SHARE * len(there) and count * len(values) > usual[label] * len(there)
        ]
    return Selection(there, labels)
