"""A study from its making to its end, for whoever has the researcher's key."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from db.queries import listening_studies as rows
from db.queries.listening_studies import Counts
from db.tables import ListeningStudy
from models.picture.shorts import SHORTS
from webapp.fit import drawings
from webapp.runtime.database import Database
from webapp.runtime.errors import Contradiction, NotAllowed, NotYours, TooMany
from webapp.runtime.journal import Journal
from webapp.runtime.settings import Settings
from webapp.studies import design as designs
from webapp.studies import journal as written
from webapp.studies import keys, trials
from webapp.studies.design import StudyDesign
from webapp.studies.keys import Keys
from webapp.studies.trials import Heard

log = logging.getLogger(__name__)

MOST_STUDIES = 500  # that lie on one installation
GONE_AFTER = timedelta(hours=1)  # without a sign of a participant, their place is free again
MOVES = {"draft": {"open"}, "open": {"paused", "ended"}, "paused": {"open", "ended"}, "ended": set[str]()}
NO_STUDY = "there is no study with this key (any more); look for the whole link in your notes"
FROZEN = "the study was opened, so its design stays as it is; make a new study to ask something else"


@dataclass(frozen=True)
class Overview:
    """How a study stands, as its researcher sees it."""

    title: str
    state: str
    design: StudyDesign
    design_hash: str
    consent_version: int
    clips: tuple[Heard, ...]
    clips_told: dict[str, Any]
    counts: Counts


def create(database: Database, journal: Journal, given: Any) -> Keys:
    """A draft of the design ``given``; its keys, which nobody can look up again. Raises ``NotAllowed``, ``TooMany``."""
    design = designs.checked(given)
    made = keys.new()
    hashes = {name: keys.digest(key) for name, key in asdict(made).items()}

    def work(session: Session) -> UUID:
        if rows.count_studies(session) >= MOST_STUDIES:
            raise TooMany(f"there are {MOST_STUDIES} studies here; delete one that is over")
        study = rows.create_study(session, design.model_dump(mode="json"), hashes)
        written.keep_study(session, journal, study)
        return study.id

    log.info("study_created study=%s", database.transaction(work))
    return made


def require(session: Session, key: str, who: str = "researcher", *, lock: bool = False) -> ListeningStudy:
    """The study that ``key`` opens; raises ``NotYours``, whether there is none or the key is another's."""
    digest = keys.digest(key)
    study = rows.study_by(session, who, digest, lock=lock)
    if study is None or not keys.same(getattr(study, f"{who}_key_hash"), digest):
        raise NotYours(NO_STUDY)
    return study


def design_of(study: ListeningStudy) -> StudyDesign:
    """The study's design, which was checked when it was stored."""
    return StudyDesign.model_validate(study.design)


def heard(session: Session, study: ListeningStudy) -> list[Heard]:
    """The study's clips, as trials are drawn from them; where all are of one system, each is compared by its name."""
    clips = rows.clips_of(session, study.id)
    return trials.compared(
        [(each.id, each.name, each.system, each.item, each.condition) for each in clips],
        rated=study.design.get("task") == "mood",
    )


def fixed_pairs(session: Session, study: ListeningStudy) -> list[tuple[UUID, UUID]]:
    """The pairs of ``pairs.csv``."""
    ids = {each.name: each.id for each in rows.clips_of(session, study.id)}
    return [(ids[left], ids[right]) for left, right in study.clips_told.get("pairs", [])]


def overview(database: Database, key: str) -> Overview:
    """How the study stands; raises ``NotYours``."""

    def work(session: Session) -> Overview:
        study = require(session, key)
        design = design_of(study)
        counts = rows.counts(session, study, gone_after=GONE_AFTER)
        return Overview(
            design.title, study.state, design, design_hash(study), study.consent_version,
            tuple(heard(session, study)), study.clips_told, counts,
        )  # fmt: skip

    return database.transaction(work)


def change_design(database: Database, journal: Journal, key: str, given: Any) -> None:
    """Give a draft another design; raises ``NotAllowed`` for a wrong one, ``Contradiction`` once it was opened."""
    design = designs.checked(given).model_dump(mode="json")

    def work(session: Session) -> None:
        study = require(session, key, lock=True)
        if study.state != "draft":
            raise Contradiction(FROZEN)
        rows.forget_previews(session, study.id)
        rows.set_design(session, study, design)
        written.keep_study(session, journal, study)

    database.transaction(work)


def change_consent(database: Database, journal: Journal, key: str, information: str, consent: str) -> int:
    """Have those who come from now on agree to another text; its version. Only while the study is paused."""

    def work(session: Session) -> int:
        study = require(session, key, lock=True)
        if study.state != "paused":
            raise Contradiction(f"the study is {study.state}; pause it before you change what people agree to")
        designs.checked({**study.design, "information": information, "consent": consent})
        version = rows.new_consent(session, study, information, consent)
        written.keep_study(session, journal, study)
        return version

    return database.transaction(work)


def open_study(database: Database, journal: Journal, settings: Settings, key: str) -> None:
    """Let participants in: a draft is frozen by this, a paused study goes on. Raises ``NotAllowed``."""
    if settings.forgets:
        raise NotAllowed(
            "this installation forgets what it stores when it restarts; set KALLOS_JOURNAL_URL or KALLOS_DATABASE_URL "
            "before people take part"
        )

    def check(session: Session, study: ListeningStudy) -> None:
        design, clips, fixed = design_of(study), heard(session, study), fixed_pairs(session, study)
        if not clips:
            raise NotAllowed("the study has no clips yet; bring some, or have some composed")
        if study.clips_told["of"] != design.of_clips:
            raise NotAllowed("the clips were made for another design; make them again, with your own files")
        for condition in trials.conditions_of(clips):
            require_enough(design, clips, fixed, condition)
        if study.state == "draft":
            rows.forget_previews(session, study.id)

    _move(database, journal, key, "open", check)


def pause(database: Database, journal: Journal, key: str) -> None:
    """Let nobody new in; who has begun may go on."""
    _move(database, journal, key, "paused")


def end(database: Database, journal: Journal, key: str) -> None:
    """Take no answers any more, for good."""
    _move(database, journal, key, "ended")


def require_enough(
    design: StudyDesign, clips: Sequence[Heard], fixed: Sequence[tuple[UUID, UUID]], condition: str
) -> None:
    """Raises ``NotAllowed`` where nothing can be drawn for the participants of a condition."""
    if design.task == "mood":
        trials.require_rated(clips, condition)
        return
    trials.require_enough(design.pairs, clips, fixed, condition)
    shown = (*SHORTS, *drawings.shipped().names)
    if (
        design.task == "fit"
        and (lost := next((each.item for each in clips if each.item not in shown), None)) is not None
    ):
        raise NotAllowed(f"{lost!r} is the item of a clip; beside a picture it is one of {', '.join(shown)}")


def design_hash(study: ListeningStudy) -> str:
    """SHA-256 of the design and the clips, to be named where the study is registered in advance."""
    whole = {"design": {**study.design, "information": "", "consent": ""}, "clips": study.clips_told}
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def _move(
    database: Database,
    journal: Journal,
    key: str,
    state: str,
    check: Callable[[Session, ListeningStudy], None] = lambda *_: None,
) -> None:
    def work(session: Session) -> None:
        study = require(session, key, lock=True)
        if study.state == state:
            return
        if state not in MOVES[study.state]:
            raise Contradiction(f"the study is {study.state}, so it can't become {state}")
        check(session, study)
        rows.set_state(session, study, state)
        written.keep_study(session, journal, study)

    database.transaction(work)
    log.info("study_moved state=%s", state)
