"""Drawing a map: gather, find neighbours, project, judge, store; in a process of its own, which takes its memory along.

A map of the same points, model and seed is the same map, so one that is there already is not drawn again.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import maps as rows
from models.atlas.neighbours import nearest
from models.atlas.points import DrawnMap, Material, StoredClip
from models.atlas.projection import NEIGHBOURS, project
from models.atlas.quality import judge
from webapp.maps.atlas import Atlas
from webapp.runtime.clip_store import ClipStore
from webapp.runtime.supervised_process import end_with
from webapp.runtime.version import commit

log = logging.getLogger(__name__)

STAGES = ("Reading the music", "Finding neighbours", "Drawing", "Measuring how true it is")
Tell = Callable[[str, float], None]


@dataclass(frozen=True)
class Drawing:
    """A map that is there now; ``drawn`` says whether it is new."""

    map_id: str
    points: int
    drawn: bool


def draw(atlas: Atlas, kind: str, seed: int, tell: Tell, limit: int | None = None) -> Drawing:
    """Draw one map and store it.

    ``tell(stage, share)`` is called when a stage begins. ``limit``: about so many pieces of each corpus. Raises
    ``MusicError`` where there is nothing to draw.
    """
    database, version = atlas.database, atlas.space.version
    clips = database.transaction(lambda session: pool(session, version)) if kind == "clips" else []
    stages = iter(STAGES)

    def begin() -> None:
        stage = next(stages)
        tell(stage, STAGES.index(stage) / len(STAGES))

    with _child() as child:
        begin()
        material = child.submit(_gather, kind, clips, limit, atlas.style_folder).result()
        known = database.transaction(lambda session: _known(session, atlas.clip_store, kind, seed, material))
        if known is not None:
            return Drawing(known, len(material.points), drawn=False)
        vectors = material.points.vectors
        begin()
        neighbours = child.submit(nearest, vectors, NEIGHBOURS).result()
        begin()
        places = child.submit(project, vectors, seed, neighbours).result()
        begin()
        quality = child.submit(judge, vectors, places, material.points.colours, seed, neighbours).result()
    about = {**material.about, "quality": quality.to_json()}
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
        map_id = rows.add_map(
            session,
            **{name: about[name] for name in ("kind", "model_version", "data_hash", "seed")},
            points=len(drawn.points),
            uri=file.key,
            about=about,
        )
        return str(map_id)

    return atlas.database.transaction(work)


def pool(session: Session, version: str) -> list[StoredClip]:
    """The clips that everybody may hear, in the order in which they were composed."""
    found = clip_rows.pool_music(session, model_version=version)
    return [StoredClip(f"clips/{clip.id}", clip.notes, clip.summary) for clip in found]


def _known(session: Session, clip_store: ClipStore, kind: str, seed: int, material: Material) -> str | None:
    """The id of the same map where it is there with its file."""
    found = rows.find_map(
        session, kind=kind, model_version=material.model_version, data_hash=material.points.hash, seed=seed
    )
    return str(found.id) if found is not None and clip_store.size(found.uri) is not None else None


def _child() -> ProcessPoolExecutor:
    """A fresh process, which ends with this one."""
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=end_with, initargs=(os.getpid(),))


def _gather(kind: str, clips: Sequence[StoredClip], limit: int | None, style: Path) -> Material:
    from models.atlas.material import gather  # noqa: PLC0415 (torch, which only the child loads)

    return gather(kind, clips, limit=limit, style=style)
