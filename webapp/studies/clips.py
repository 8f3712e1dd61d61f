"""A study's clips: made in a process of its own, which is followed, then stored with the study."""

from __future__ import annotations

import json
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from db.queries import listening_studies as rows
from webapp.runtime.clip_store import ClipMissingError, ClipStore
from webapp.runtime.database import Database
from webapp.runtime.errors import Contradiction, NotAllowed, NotReady, NotYours
from webapp.runtime.followed_process import FollowedProcess
from webapp.runtime.journal import Journal
from webapp.runtime.settings import Settings
from webapp.studies import journal as written
from webapp.studies import sources, studies
from webapp.studies.design import StudyDesign
from webapp.studies.sources import CLIPS, MADE, Task

SECONDS = 1_800  # that the work may take
_making = FollowedProcess(
    "webapp.studies.clip_process",
    SECONDS,
    "another study's clips are being made; that takes a minute or two, try again then",
)


@dataclass(frozen=True)
class Making:
    """How far it is: the ``stage`` and the ``share`` that is done; at last how many clips there are."""

    stage: str = ""
    share: float = 0.0
    clips: int = 0
    ended: bool = False


def follow(
    database: Database, journal: Journal, clip_store: ClipStore, settings: Settings, key: str, *, place: Path | None
) -> Iterator[Making]:
    """Make the clips of a draft from ``place`` (a zip file or folder, if any) and what its design has made elsewhere.

    Raises ``NotYours``, ``Contradiction`` once the study was opened, ``NotAllowed`` with what is wrong, ``NotReady``.
    """
    study_id, design, brought = database.transaction(lambda session: _draft(session, key))
    if brought and place is None:
        raise NotAllowed("the clips have to be made again: bring your own files once more, all play equally long")
    for each in design.asked:
        sources.require_allowed(each.url, settings.study_generators)
    composed, asked, moods, pictures = (
        tuple(each.model_dump(mode="json") for each in wanted)
        for wanted in (design.composed, design.asked, design.moods, design.pictures)
    )
    style, pairs = str(settings.style_folder), design.pairs.model_dump(mode="json")
    task = Task(
        str(place or ""), composed, asked, design.seconds, design.played, style, pairs, moods, pictures, design.task
    )
    with tempfile.TemporaryDirectory(prefix="kallos-study-") as made_at:
        folder = Path(made_at)
        (folder / "task.json").write_text(json.dumps(asdict(task)), encoding="utf-8")
        with _making.begun(study_id, lambda: folder, []) as process:
            yield Making("starting")
            while process.goes_on():
                lines = [json.loads(line) for line in process.lines()]
                stages = [each for each in lines if "stage" in each]
                yield Making(**stages[-1]) if stages else Making("starting")
        last = json.loads((process.lines() or ["{}"])[-1])
        if problem := last.get("problem"):
            raise NotAllowed(str(problem))
        if not last.get("made"):
            raise NotReady("the clips could not be made in the time and memory there is; bring fewer or shorter ones")
        yield Making("done", 1.0, store(database, journal, clip_store, key, folder), ended=True)


def are_due(database: Database, key: str) -> bool:
    """Whether a draft's clips have to be made: there are none, or they were made for another design."""

    def work(session: Session) -> bool:
        study = studies.require(session, key)
        design, told = studies.design_of(study), study.clips_told
        return told["of"] != design.of_clips if told else design.makes_clips

    return database.transaction(work)


def store(database: Database, journal: Journal, clip_store: ClipStore, key: str, folder: Path) -> int:
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
        study = studies.require(session, key, lock=True)
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
