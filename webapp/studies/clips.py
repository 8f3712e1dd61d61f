"""A study's clips: made by a long task, which is followed, then stored with the study."""

from __future__ import annotations

import json
import shutil
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from db.queries import listening_studies as rows
from db.queries.jobs import TakenJob
from webapp.runtime.clip_store import ClipMissingError, ClipStore
from webapp.runtime.database import Database
from webapp.runtime.errors import Contradiction, NotAllowed, NotYours, Problem
from webapp.runtime.journal import Journal
from webapp.runtime.listener_files import StudyClips
from webapp.runtime.long_tasks import BrokenOff, LongTask
from webapp.runtime.settings import Settings
from webapp.studies import journal as written
from webapp.studies import sources, studies
from webapp.studies.design import StudyDesign
from webapp.studies.sources import CLIPS, MADE, Task

SECONDS = 1_800  # that the work may take
TASK = LongTask(
    "study_clips",
    "webapp.studies.clip_making",
    SECONDS,
    busy="another study's clips are being made; that takes a minute or two, try again then",
    broken="the clips could not be made in the time and memory there is; bring fewer or shorter ones",
    network=True,  # generators of others are asked
    of_listeners=False,
)


@dataclass(frozen=True)
class Making:
    """How far it is: the ``stage`` and the ``share`` that is done; at last how many clips there are.

    It ``ended`` without any where there is a ``problem``.
    """

    stage: str = "starting"
    share: float = 0.0
    clips: int = 0
    ended: bool = False
    problem: Problem | None = None


def begin(database: Database, settings: Settings, key: str, *, place: Path | None) -> None:
    """Make the clips of a draft from ``place`` (a zip file or folder, if any) and what its design has made elsewhere.

    Raises ``NotYours``, ``Contradiction`` once the study was opened, ``NotAllowed`` with what is wrong, ``NotReady``.
    """
    study_id, design, brought = database.transaction(lambda session: _draft(session, key))
    if brought and place is None:
        raise NotAllowed("the clips have to be made again: bring your own files once more, all play equally long")
    for each in design.asked:
        sources.require_allowed(each.url, settings.study_generators)

    def prepared() -> Path:
        folder = StudyClips(settings.home).begin(study_id)
        given = place.resolve() if place else ""
        if place and place.is_file():  # which whoever brought it may delete
            given = shutil.copyfile(place, folder / "brought.zip")
        (folder / "task.json").write_text(json.dumps(asdict(_task(design, settings, str(given)))), encoding="utf-8")
        return folder

    TASK.begin(database, settings.home, study_id, prepared)


def look(database: Database, settings: Settings, key: str) -> Making | None:
    """How far the clips of a study are that were begun last; None where none were lately. Raises ``NotYours``."""
    study_id = database.transaction(lambda session: studies.require(session, key).id)
    task = TASK.look(database, settings.home, study_id)
    if task is None:
        return None
    if task.done:
        return Making("done", 1.0, task.result["clips"], ended=True)
    stage, share = task.stage
    return Making(stage or "starting", share, ended=task.ended, problem=task.problem)


def stop(database: Database, key: str) -> None:
    """End the making of a study's clips; raises ``NotYours``."""
    database.transaction(lambda session: TASK.stop_in(session, studies.require(session, key).id))


def do(database: Database, journal: Journal, clip_store: ClipStore, home: Path, job: TakenJob) -> dict[str, Any]:
    """In a worker: make a study's clips and store them; how many there are. Raises as ``LongTask.run`` does."""
    try:
        folder = TASK.run(home, job)
        return {"clips": store(database, journal, clip_store, uuid.UUID(job.payload["owner"]), folder)}
    except Problem as error:
        raise BrokenOff(str(error), refused=True) from error
    finally:
        shutil.rmtree(home / job.payload["folder"], ignore_errors=True)


def _task(design: StudyDesign, settings: Settings, place: str) -> Task:
    composed, asked, moods, pictures = (
        tuple(each.model_dump(mode="json") for each in wanted)
        for wanted in (design.composed, design.asked, design.moods, design.pictures)
    )
    style, pairs = str(settings.style_folder), design.pairs.model_dump(mode="json")
    return Task(place, composed, asked, design.seconds, design.played, style, pairs, moods, pictures, design.task)


def are_due(database: Database, key: str) -> bool:
    """Whether a draft's clips have to be made: there are none, or they were made for another design."""

    def work(session: Session) -> bool:
        study = studies.require(session, key)
        design, told = studies.design_of(study), study.clips_told
        return told["of"] != design.of_clips if told else design.makes_clips

    return database.transaction(work)


def store(database: Database, journal: Journal, clip_store: ClipStore, study_id: uuid.UUID, folder: Path) -> int:
    """Put what was made into the store and the database; how many clips there are."""
    made = [json.loads(line) for line in (folder / CLIPS).read_text(encoding="utf-8").splitlines()]
    stored = [clip_store.put((folder / each["file"]).read_bytes(), written.SUFFIX) for each in made]
    clips = [
        {
            **{name: each[name] for name in ("name", "system", "item", "condition", "seconds", "recipe")},
            "uri": sound.key,
            "sha256": sound.sha256,
            "notes": {"notes": each["notes"]},
            "midi": (folder / each["midi"]).read_bytes() if each["midi"] else None,
        }
        for each, sound in zip(made, stored, strict=True)
    ]
    told = json.loads((folder / MADE).read_text(encoding="utf-8"))
    told["sha256"] = {each["name"]: each["sha256"] for each in clips}

    def work(session: Session) -> list[str]:
        study = rows.lock_study(session, study_id)
        if study is None:
            raise NotYours(studies.NO_STUDY)
        if study.state != "draft":
            raise Contradiction(studies.FROZEN)
        older = [each.id for each in rows.clips_of(session, study.id)]
        unused = rows.replace_clips(session, study, clips, {**told, "of": studies.design_of(study).of_clips})
        written.keep_clips(session, journal, clip_store, study.id)
        written.keep_study(session, journal, study)
        journal.drop(written.CLIPS, older)
        return unused

    for uri in database.transaction(work):
        clip_store.delete(uri)
    return len(clips)


def sound(database: Database, clip_store: ClipStore, clip_id: uuid.UUID) -> bytes:
    """The MP3 of a clip; raises ``NotYours``."""
    uri = database.transaction(lambda session: _clip(session, clip_id).uri)
    try:
        return clip_store.get(uri)
    except ClipMissingError as lost:
        raise NotYours(f"the sound of clip {clip_id} was lost; its researcher has to make the clips again") from lost


def notes(database: Database, clip_id: uuid.UUID) -> dict[str, Any]:
    """``{seconds, notes}`` of a clip; no notes where participants are not to see any."""

    def work(session: Session) -> dict[str, Any]:
        clip = _clip(session, clip_id)
        design = studies.design_of(rows.get_study(session, clip.study_id))
        seen = design.show_notes and all(each.midi is not None for each in rows.clips_of(session, clip.study_id))
        return {"seconds": clip.seconds, "notes": clip.notes.get("notes", []) if seen else []}

    return database.transaction(work)


def _clip(session: Session, clip_id: uuid.UUID) -> Any:
    clip = rows.get_clip(session, clip_id)
    if clip is None:
        raise NotYours(f"there is no clip {clip_id}")
    return clip


def _draft(session: Session, key: str) -> tuple[uuid.UUID, StudyDesign, bool]:
    """A draft's id and design, and whether clips were brought to it."""
    study = studies.require(session, key)
    if study.state != "draft":
        raise Contradiction(studies.FROZEN)
    return study.id, studies.design_of(study), bool(study.clips_told.get("brought"))
