"""Drawing a map: gather, find neighbours, project, judge, store; in a process of its own, which takes its memory along.

A map of the same points, model and seed is the same map, so one that is there already is not drawn again. The maps that
come with the weights are kept too, so that no page is empty after a first start.
"""

from __future__ import annotations

import logging
import os
import queue
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import Queue, get_context
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import research
from models.atlas.points import KINDS, DrawnMap, Material, Points, StoredClip, load_shipped_map
from models.atlas.projection import NEIGHBOURS, FloatArray, Neighbours, nearest, project
from models.atlas.quality import Quality, judge
from models.music.corpora import corpora_folder
from models.music.notes import MusicError
from models.style.bundle import shipped_version
from webapp.maps import Atlas
from webapp.maps.catalogue import STAGES, Progress, Stopwatch
from webapp.maps.title_search import model_version
from webapp.runtime.clip_store import ClipStore
from webapp.runtime.commands import commit
from webapp.runtime.supervised_process import end_with

EVERY_S = 0.5
Result = TypeVar("Result")

_told: Any = None  # the queue of this process, where it is the child
log = logging.getLogger(__name__)
READING, ENCODING, NEIGHBOURS_OF_ALL, PROJECTING, JUDGING = STAGES
TELL_EVERY_S = 1.0
DRAWINGS = "pictures"  # below KALLOS_CORPORA
Report = Callable[[Progress], None]


@dataclass(frozen=True)
class Drawing:
    """A map that is there now; ``drawn`` says whether it is new."""

    map_id: str
    points: int
    drawn: bool


def draw(atlas: Atlas, kind: str, seed: int, report: Report, limit: int | None = None) -> Drawing:
    """Draw one map and store it.

    ``report`` is called with how far it is, about once a second. ``limit``: about so many pieces of each corpus. Raises
    ``MusicError`` where there is nothing to draw.
    """
    database, version = atlas.database, atlas.space.version
    clips = database.transaction(lambda session: pool(session, version)) if kind == "clips" else []
    music = _music(atlas) if kind == "pictures" else None
    stopwatch = Stopwatch(database.transaction(lambda session: _took(session, kind)))
    telling = _Telling(stopwatch, report)

    with DrawingProcess() as child:
        telling(READING, 0.0)
        material = child.run(telling, _gather, kind, music or clips, limit, atlas.style_folder)
        known = database.transaction(lambda session: _known(session, atlas.clip_store, kind, seed, material))
        if known is not None:
            return Drawing(known, len(material.points), drawn=False)
        vectors = material.points.vectors
        telling(NEIGHBOURS_OF_ALL, 0.0)
        neighbours = child.run(telling, _neighbours, vectors)
        telling(PROJECTING, 0.0)
        places = child.run(telling, _project, vectors, seed, neighbours)
        telling(JUDGING, 0.0)
        quality = child.run(telling, _judge, vectors, places, material.points.colours, seed, neighbours)
    about = {**material.about, "quality": quality.to_json(), "seconds": stopwatch.end()}
    drawn = DrawnMap(material.points, places, neighbours, about)
    map_id = store(atlas, kind, material.model_version, seed, drawn)
    log.info("map_drawn kind=%s points=%d map=%s", kind, len(drawn.points), map_id)
    return Drawing(map_id, len(drawn.points), drawn=True)


def store(atlas: Atlas, kind: str, model_version: str, seed: int, drawn: DrawnMap) -> str:
    """Keep a map: its file in the clip store, its row in the database; its id."""
    about = {
        **drawn.about,
        "kind": kind,
        "model_version": model_version,
        "data_hash": drawn.points.hash,
        "seed": seed,
        "commit": commit(),
        "colours": list(drawn.points.colours),
    }
    return keep(atlas, DrawnMap(drawn.points, drawn.places, drawn.neighbours, about))


def keep(atlas: Atlas, drawn: DrawnMap) -> str:
    """Keep a map that says in ``about`` what it is; its id."""
    about = dict(drawn.about)
    file = atlas.clip_store.put(drawn.to_parquet(), ".parquet")

    def work(session: Session) -> str:
        map_id = research.add_map(
            session,
            **{name: about[name] for name in ("kind", "model_version", "data_hash", "seed")},
            points=len(drawn.points),
            uri=file.key,
            about=about,
        )
        return str(map_id)

    return atlas.database.transaction(work)


def _music(atlas: Atlas) -> Points:
    """The points of the newest map of clips, or of the one that came with the weights; raises ``MusicError``."""
    row = atlas.database.transaction(lambda session: research.newest_maps(session).get("clips"))
    if row is None and (found := load_shipped_map("clips")):
        return found.points
    if row is None:
        raise MusicError("pictures are tied to the music of the map of clips; draw that map first")
    return DrawnMap.from_parquet(atlas.clip_store.get(row.uri)).points


def pool(session: Session, version: str) -> list[StoredClip]:
    """The clips that everybody may hear, in the order in which they were composed."""
    found = clip_rows.pool_music(session, model_version=version)
    return [StoredClip(f"clips/{clip.id}", clip.notes, clip.summary) for clip in found]


def _known(session: Session, clip_store: ClipStore, kind: str, seed: int, material: Material) -> str | None:
    """The id of the same map where it is there with its file."""
    found = research.find_map(
        session, kind=kind, model_version=material.model_version, data_hash=material.points.hash, seed=seed
    )
    return str(found.id) if found is not None and clip_store.size(found.uri) is not None else None


def _took(session: Session, kind: str) -> dict[str, float] | None:
    """Seconds that the stages of the newest map of a kind took."""
    newest = research.newest_maps(session).get(kind)
    return newest.about.get("seconds") if newest else None


class _Telling:
    """Passes on how far a drawing is, at the beginning of each stage and then about once a second."""

    def __init__(self, stopwatch: Stopwatch, report: Report) -> None:
        self._stopwatch, self._report = stopwatch, report
        self._last, self._next = "", 0.0

    def __call__(self, stage: str, share: float) -> None:
        progress = self._stopwatch.at(stage, share)
        if stage != self._last or time.monotonic() >= self._next:
            self._last, self._next = stage, time.monotonic() + TELL_EVERY_S
            self._report(progress)


# what the child process does


def _gather(kind: str, clips: Sequence[StoredClip] | Points, limit: int | None, style: Path) -> Material:
    from models.atlas.material import gather  # noqa: PLC0415 (torch, which only the child loads)

    if isinstance(clips, Points):
        return _gather_pictures(clips, limit)
    return gather(kind, clips, limit=limit, style=style, tell=tell)


def _gather_pictures(music: Points, limit: int | None) -> Material:
    from models.atlas.picture_points import gather_pictures  # noqa: PLC0415 (torch, which only the child loads)

    folder = (corpora_folder() or Path()) / DRAWINGS
    return gather_pictures(folder, music, limit=limit, tell=partial(tell, ENCODING))


def _neighbours(vectors: FloatArray) -> Neighbours:
    return nearest(vectors, NEIGHBOURS, tell=partial(tell, NEIGHBOURS_OF_ALL))


def _project(vectors: FloatArray, seed: int, neighbours: Neighbours) -> FloatArray:
    return project(vectors, seed, neighbours, partial(tell, PROJECTING))


def _judge(
    vectors: FloatArray, places: FloatArray, colours: Mapping[str, Sequence[str]], seed: int, neighbours: Neighbours
) -> Quality:
    return judge(vectors, places, colours, seed, neighbours, tell=partial(tell, JUDGING))


def keep_shipped(atlas: Atlas) -> list[str]:
    """Keep the maps that came with the weights, where there is none of their kind and model; the kinds kept."""
    kept = []
    for kind in KINDS:
        version = {"clips": atlas.space.version, "pictures": shipped_version("picture-cpu")}.get(
            kind
        ) or model_version()
        if kind in atlas.database.transaction(partial(research.newest_maps, model_version=version)):
            continue
        drawn = load_shipped_map(kind)
        if drawn is not None and drawn.about["model_version"] == version:
            keep(atlas, replace(drawn, about={**drawn.about, "shipped": True}))
            kept.append(kind)
    return kept


class DrawingProcess:
    """A fresh process, which ends with this one; ``run`` has it call functions of modules, one after the other."""

    def __init__(self) -> None:
        context = get_context("spawn")
        self._told: Queue[tuple[str, float]] = context.Queue()
        self._child = ProcessPoolExecutor(1, mp_context=context, initializer=_begin, initargs=(os.getpid(), self._told))

    def __enter__(self) -> DrawingProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.shutdown()
        self._told.close()

    def run(self, heard: Callable[[str, float], None], call: Callable[..., Result], *given: Any) -> Result:
        """The result of ``call`` there; ``heard`` is called here with what it tells by ``tell``, at times."""
        future = self._child.submit(call, *given)
        while not future.done():
            latest = None
            try:
                latest = self._told.get(timeout=EVERY_S)
                while True:
                    latest = self._told.get_nowait()
            except queue.Empty:
                if latest is not None:
                    heard(*latest)
        return future.result()


def tell(stage: str, share: float) -> None:
    """In the child: say how much of a stage is done."""
    if _told is not None:
        _told.put((stage, share))


def _begin(parent: int, told: Any) -> None:
    global _told  # noqa: PLW0603 (set once, before the first call)
    end_with(parent)
    _told = told
