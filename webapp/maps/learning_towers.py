"""What towers of titles and tunes found while they were trained, read from the logs that come with the weights.

Each validation of a run's first seed says, for a few watched titles, at which rank their own tune stood and which tunes
stood nearest. These play from the map of tunes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from models.experiments.run_log import rows
from models.style.bundle import WEIGHTS
from webapp.maps import Atlas, open_maps
from webapp.maps.title_search import map_of

RUNS = WEIGHTS / "runs" / "titles"
DIRECTION = "title_to_melody"
OF_MAP = "tunes/"  # before the name of a tune, among the ids of the map
MELODIES = {
    "linear": "Linear", "bag": "N-grams", "cnn": "CNN", "rnn": "RNN", "attention": "RNN with attention",
    "transformer": "Transformer",
}  # fmt: skip


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
