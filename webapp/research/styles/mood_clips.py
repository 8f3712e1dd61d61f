"""Clips of the map of clips where one style's latents say that their mood lies, and how often that is right.

Clips count whose mood the judge is sure of when the map is drawn. All is read with numpy, in a fraction of a second.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from db.queries import research
from models.experiments.report import Metric
from models.mood.liking import MOODS, corner
from models.mood.linear_probe import CHANCE, Floats, Reading, rarest, read_moods
from models.music.grouping import title_key
from models.style.latents import GROUPS
from models.taste.readouts import columns_of
from webapp.maps import Atlas, open_maps
from webapp.maps.open_maps import OpenMap
from webapp.runtime import csv_text
from webapp.runtime.errors import NotYours
from webapp.runtime.recent import Recent

READ = ("valence", "arousal")
DECIMALS = 4
FAR = 0.9  # share of the points that lie nearer to the middle than the name of a quarter, along the longer axis
NEARLY_ALL = (0.002, 0.998)  # of the points are in the picture at first
AXES = ("valence, as it is read", "arousal, as it is read")

_kept: Recent[tuple[str, str], MoodClips] = Recent(8)  # by map and kind of music
_keeping = threading.Lock()


@dataclass(frozen=True)
class MoodClips:
    """The ``rows`` of a map that are clips of one kind of music with a mood, and what each style's latents say of it.

    ``rarest``: how many the rarest half of valence and arousal has; where these are too few, nothing is read.
    """

    map_id: str
    domain: str
    rows: tuple[int, ...]
    texts: tuple[str, ...]
    moods: tuple[str, ...]
    rarest: int
    readings: Mapping[str, Reading]

    def points(self, group: str) -> dict[str, Any]:
        """What ``PointMap`` draws: valence to the right and arousal upwards, as they are read from one group."""
        reading = self._of(group)
        x, y = np.round(reading.places, DECIMALS).T
        return {
            "map_id": self.map_id,
            "rows": list(self.rows),
            "x": x.tolist(),
            "y": y.tolist(),
            "text": list(self.texts),
            "colours": {"mood": open_maps.coded(self.moods, open_maps.FIXED["mood"])},
            "links": None,
            "regions": _quarters(reading),
            "islands": [_box(reading.places, *NEARLY_ALL)],
        }

    def told(self, group: str) -> str:
        """How often both are read rightly from one group, in a sentence."""
        reading = self._of(group)
        parts = [f"{name} in {_percent(metric)}" for name, metric in zip(READ, _metrics(reading), strict=True)]
        return f"From {group} alone, a linear probe reads {' and '.join(parts)} of these clips, 50 % by chance."

    def table(self, group: str) -> dict[str, Any]:
        """What ``HeatMap`` draws: a row a group of latents, the chosen one framed."""
        return {
            "across": "read from",
            "rows": list(self.readings),
            "columns": list(READ),
            "cells": [
                [_cell(metric, own=name == group) for metric in _metrics(each)] for name, each in self.readings.items()
            ],
            "readout": "Chance is 0.50. Both halves count the same, and the intervals are of 95 % over tunes.",
        }

    def to_csv(self) -> str:
        """One line a figure."""
        lines = [
            [self.map_id, self.domain, name, mood, *asdict(metric).values()]
            for name, each in self.readings.items()
            for mood, metric in zip(READ, _metrics(each), strict=True)
        ]
        return csv_text.table(["map", "domain", "read_from", "mood", *asdict(Metric(None))], lines, end="\n")

    def _of(self, group: str) -> Reading:
        if group not in self.readings:
            there = ", ".join(self.readings) or "none: too few clips have a mood"
            raise NotYours(f"the latents {group[:20]!r} were asked for; there are {there}")
        return self.readings[group]


def newest(atlas: Atlas) -> OpenMap | None:
    """The newest map of clips; None where there is none, or its file is lost."""

    def work(session: Session) -> Any:
        row = research.newest_maps(session).get("clips")
        return row and row.id

    map_id = atlas.database.transaction(work)
    try:
        return open_maps.opened(atlas.database, atlas.clip_store, map_id) if map_id else None
    except NotYours:
        return None


def read_clips(found: OpenMap, domain: str) -> MoodClips:
    """What the latents of one kind of music's clips say of their moods; raises ``NotYours`` for a map of others."""
    key = (str(found.map_id), domain)
    with _keeping:
        known = _kept.get(key)
        return _kept.keep(key, _read(found, domain)) if known is None else known


def _read(found: OpenMap, domain: str) -> MoodClips:
    points, sizes = found.drawn.points, found.drawn.about.get("sizes", {})
    if points.summaries is None or set(sizes) != set(GROUPS) or not {"mood", "domain"} <= set(points.colours):
        raise NotYours(
            f"this is a map of {found.kind}, or an old one; only a new map of clips tells of latents and moods"
        )
    moods, domains = points.colours["mood"], points.colours["domain"]
    there = [row for row in range(len(points)) if moods[row] in MOODS and domains[row] == domain]
    known = tuple(moods[row] for row in there)
    # variants of a tune in several collections stand on one side; composed clips have no title
    songs = [title_key(points.texts[row]) if points.ids[row].startswith("tunes/") else points.ids[row] for row in there]
    summaries = points.summaries[there]
    latents = {name: summaries[:, columns] for name, columns in columns_of(sizes).items()}
    try:
        readings = read_moods(latents, known, songs)
    except ValueError:
        readings = {}
    texts = tuple(points.texts[row] for row in there)
    return MoodClips(str(found.map_id), domain, tuple(there), texts, known, rarest(known) if known else 0, readings)


def _metrics(reading: Reading) -> tuple[Metric, Metric]:
    return reading.valence, reading.arousal


def _cell(metric: Metric, *, own: bool) -> dict[str, Any]:
    heat = max(0.0, 2 * ((metric.value or 0.0) - CHANCE))
    return {"value": metric.value, "low": metric.low, "high": metric.high, "heat": round(min(1.0, heat), 3), "own": own}


def _percent(metric: Metric) -> str:
    value, low, high = (round(100 * (each or 0.0)) for each in (metric.value, metric.low, metric.high))
    return f"{value} % ({low} to {high})"


def _quarters(reading: Reading) -> list[dict[str, Any]]:
    """The quarters of the picture by name, each with the box of the points that are read so."""
    far = float(np.quantile(np.abs(reading.places), FAR, axis=0).max())
    found = []
    for mood in MOODS:
        side = corner(mood)
        own = reading.places[(reading.places * side > 0).all(1)]
        x, y = (far * side).tolist()
        found.append({"name": f"read as {mood}", "x": x, "y": y, "box": _box(own if len(own) else far * side[None])})
    return sorted(found, key=lambda each: -each["box"]["size"])


def _box(places: Floats, least: float = 0.0, most: float = 1.0) -> dict[str, float]:
    (left, low), (right, high) = np.quantile(places, [least, most], axis=0).tolist()
    return {"left": left, "right": right, "low": low, "high": high, "size": len(places)}
