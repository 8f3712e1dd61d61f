"""One participant's way through a study: agreeing, the headphone check, questions, pairs, thanks, and out again.

``step`` says what is to be done next, whatever was answered before: a page that is loaded again goes on where it was.
Every answer is committed before it is acknowledged, and a repeated one changes nothing. An adaptive study compares more
often those two systems whose order the answers so far leave most open.
"""

from __future__ import annotations

import logging
import re
import secrets
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from db.queries import listening_studies
from db.queries import listening_studies as study_rows
from db.tables import ListeningStudy, Participant
from webapp.listening.comparison import require_heard
from webapp.runtime.database import Database
from webapp.runtime.errors import Contradiction, NotAllowed, NotYours
from webapp.runtime.journal import Journal
from webapp.studies import headphones, keys, moods, studies, trials
from webapp.studies import journal as written
from webapp.studies.design import StudyDesign, require_answers
from webapp.studies.steps import Step, breaks_due, step_of
from webapp.studies.trials import SystemPair

log = logging.getLogger(__name__)
WIN = {"left": 1.0, "equal": 0.5, "right": 0.0}
LEAST_LETTERS = 32  # of a token
GROUPS = (18, 25, 35, 45, 55, 65)
NOBODY = "this study does not know you (any more); open the link that you were given again"
PLACEHOLDER = re.compile(r"\{\{|\}\}|\$\{|%\w+%")  # what a panel replaces by an id, left as it was


def adaptive_weights(session: Session, study: ListeningStudy, condition: str) -> dict[SystemPair, float]:
    """The standard deviation of each pair's preference share, from a uniform prior; without answers all are equal.

    Only answers of this condition count. Pairs that nobody has heard have the prior's.
    """
    systems = {each.id: each.system for each in studies.heard(session, study)}
    wins: dict[SystemPair, list[float]] = defaultdict(list)
    for each in listening_studies.all_of(session, study.id):
        for trial in each.trials if each.participant.condition == condition else ():
            if trial.kind != "main" or trial.outcome is None:
                continue
            left, right = systems[trial.left_clip], systems[trial.right_clip]
            won = WIN[trial.outcome]
            if left > right:
                left, right, won = right, left, 1 - won
            wins[left, right].append(won)
    names = sorted(set(systems.values()))
    every = [(a, b) for place, a in enumerate(names) for b in names[place + 1 :]]
    return {pair: _sd(sum(wins[pair]), len(wins[pair])) for pair in every}


def _sd(won: float, n: int) -> float:
    """Standard deviation of Beta(1 + won, 1 + n - won)."""
    a, b = 1 + won, 1 + n - won
    return float((a * b / ((a + b) ** 2 * (a + b + 1))) ** 0.5)


@dataclass(frozen=True)
class Joining:
    """What somebody says who wants to take part."""

    token: str
    age: int
    consent_version: int
    panel_id: str = ""


def look(database: Database, key: str) -> dict[str, Any]:
    """What a study tells somebody before they agree; raises ``NotYours``."""

    def work(session: Session) -> dict[str, Any]:
        study, preview = _found(session, key)
        design = studies.design_of(study)
        return {
            "title": design.title,
            "information": design.information,
            "consent": design.consent,
            "consent_version": study.consent_version,
            "contact": design.contact,
            "least_age": design.least_age,
            "panel_parameter": design.panel_parameter,
            "minutes": minutes(design),
            "preview": preview,
            "closed": "" if preview else _closed(session, study, design),
        }

    return database.transaction(work)


def join(database: Database, journal: Journal, key: str, said: Joining) -> Step:
    """Take part, and the first step. The participant's browser has made their token, so that joining can be repeated.

    Raises ``NotYours`` for a wrong key; ``NotAllowed`` for a closed study, somebody too young, or another version of
    the text; ``Contradiction`` where somebody of the panel with this id has begun.
    """
    if not LEAST_LETTERS <= len(said.token) <= keys.MOST_LETTERS:
        raise NotAllowed(f"a participant's token has {LEAST_LETTERS} to {keys.MOST_LETTERS} random letters")

    def work(session: Session) -> Step:
        study, preview = _found(session, key, lock=True)
        design = studies.design_of(study)
        joined = study_rows.participant_by(session, keys.digest(said.token), lock=True)
        if joined is not None and joined.study_id == study.id:
            return step_of(session, design, joined)
        if joined is not None:
            raise Contradiction("this participant's token belongs to another study; a page makes one for each")
        if not preview and (closed := _closed(session, study, design)):
            raise NotAllowed(closed)
        _require_consent(study, design, said)
        if not preview and PLACEHOLDER.search(said.panel_id):
            raise NotAllowed(
                f"the address still says {said.panel_id[:40]} where your panel puts your id: open the study from the "
                f"panel's own page, or, to try it yourself, leave {design.panel_parameter} out of the address"
            )
        if said.panel_id and not preview and study_rows.panel_id_taken(session, study.id, said.panel_id):
            raise Contradiction(
                "somebody with this panel id has begun already; go on in the browser in which you began"
                f"{f', or write to {design.contact}' if design.contact else ''}"
            )
        clips = studies.heard(session, study)
        condition = _condition(session, study, trials.conditions_of(clips))
        fixed = studies.fixed_pairs(session, study)
        studies.require_enough(design, clips, fixed, condition)
        weights = adaptive_weights(session, study, condition) if design.pairs.way == "adaptive" else None
        participant = study_rows.add_participant(
            session, study.id, token_hash=keys.digest(said.token), panel_id="" if preview else said.panel_id,
            condition=condition, consent_version=study.consent_version, age_group=age_group(said.age), preview=preview,
        )  # fmt: skip
        generator = np.random.default_rng()
        if design.task == "mood":
            drawn = trials.draw_rated(design.pairs, clips, condition, generator=generator)
        else:
            drawn = trials.draw(design.pairs, clips, fixed, condition, generator=generator, weights=weights)
        columns = [
            {"kind": each.kind, "left_clip": each.left, "right_clip": each.right, "policy": each.policy,
             "probability": each.probability, "repeats": each.repeats, "expected": each.expected}
            for each in drawn
        ]  # fmt: skip
        study_rows.add_trials(session, participant.id, columns)
        next_step = step_of(session, design, participant)
        written.keep_participant(session, journal, participant)
        return next_step

    first = database.transaction(work)
    log.info("study_joined")
    return first


def step(database: Database, token: str) -> Step:
    """What is to be done next; raises ``NotYours`` for a token that nobody has."""
    return _with(database, token, lambda *_: None, closed_too=True)


def kept(database: Database, journal: Journal, token: str) -> bool | None:
    """Whether all that somebody answered outlives this server's disk; None where nothing is kept elsewhere."""

    def work(session: Session) -> tuple[uuid.UUID, bool]:
        participant = require(session, token)
        return participant.id, participant.preview

    return _kept(journal, *database.transaction(work))


def check_sound(database: Database, token: str) -> bytes:
    """The tones of the headphone check that comes next, WAV."""

    def work(session: Session) -> tuple[uuid.UUID, int]:
        participant = require(session, token)
        return participant.id, len(participant.headphones.get("right", []))

    return headphones.sound(*database.transaction(work))


def answer_check(database: Database, journal: Journal, token: str, number: int, tone: int) -> Step:
    """Which of three tones (1 to 3) seems the quietest in check ``number``; one that was answered stays as it was."""
    if not 1 <= tone <= len(headphones.TONES):
        raise NotAllowed(f"tone {tone} was given; it must be 1, 2 or 3")

    def work(session: Session, participant: Participant, design: StudyDesign) -> None:
        right = list(participant.headphones.get("right", []))
        if design.headphone_check and number == len(right) and headphones.passed(right) is None:
            right.append(headphones.is_right(participant.id, number, tone))
            participant.headphones = {"right": right, "passed": headphones.passed(right)}
            session.flush()

    return _with(database, token, work, journal)


def answer_questions(database: Database, journal: Journal, token: str, part: str, given: Mapping[str, Any]) -> Step:
    """The answers to the questions ``before`` or ``after`` the pairs; what was answered stays as it was."""
    if part not in {"before", "after"}:
        raise NotAllowed(f"{part!r} was given; questions come before or after")

    def work(session: Session, participant: Participant, design: StudyDesign) -> None:
        if getattr(participant, part) is None:
            setattr(participant, part, require_answers(getattr(design, part), given))
            session.flush()

    return _with(database, token, work, journal)


def answer_trial(
    database: Database,
    journal: Journal,
    token: str,
    trial_id: uuid.UUID,
    *,
    outcome: str,
    left_ms: int,
    right_ms: int,
    mood: tuple[float, float] | None = None,
) -> Step:
    """Store which clip of a pair is preferred, or the ``mood`` (valence and arousal) of one; again it changes nothing.

    Raises ``NotYours`` for another's pair, ``Contradiction`` for one that has another answer or whose turn it is not,
    ``NotAllowed`` for clips that were not heard.
    """

    def work(session: Session, participant: Participant, design: StudyDesign) -> None:
        found = study_rows.trials_of(session, participant.id)
        trial = next((each for each in found if each.id == trial_id), None)
        if trial is None:
            raise NotYours(f"there is no pair {trial_id}, or it is another participant's")
        if trial.outcome is not None:
            if (trial.outcome, moods.rated(trial)) != (outcome, mood):
                raise Contradiction("this pair has another answer already, and that one stays")
            return
        allowed = {"rated"} if design.task == "mood" else {"left", "right", *(["equal"] if design.pairs.ties else [])}
        if outcome not in allowed:
            raise NotAllowed(f"the outcome {outcome!r} was given; choose one of those that the page offers")
        if (mood is not None) != (design.task == "mood") or not all(-1 <= each <= 1 for each in mood or ()):
            raise NotAllowed("valence and arousal belong to a clip whose mood is rated; both are -1 to 1")
        if any(each.outcome is None for each in found if each.place < trial.place):
            raise Contradiction("other pairs come before this one")
        require_heard(outcome, (left_ms, left_ms if mood else right_ms))
        study_rows.answer(session, trial, outcome=outcome, left_ms=left_ms, right_ms=right_ms, mood=mood)

    return _with(database, token, work, journal)


def rested(database: Database, journal: Journal, token: str) -> Step:
    """The participant has had a break."""

    def work(session: Session, participant: Participant, design: StudyDesign) -> None:
        participant.breaks_taken = breaks_due(design, study_rows.trials_of(session, participant.id))

    return _with(database, token, work, journal)


def require(session: Session, token: str, *, lock: bool = False) -> Participant:
    """Whose token it is; raises ``NotYours`` for one that nobody has (any more)."""
    digest = keys.digest(token)
    participant = study_rows.participant_by(session, digest, lock=lock)
    if participant is None or not keys.same(participant.token_hash, digest):
        raise NotYours(NOBODY)
    return participant


def minutes(design: StudyDesign) -> int:
    """About how long taking part lasts."""
    pairs = design.pairs.per_participant + design.pairs.repeats + design.pairs.attention_checks
    asked = 12 * (len(design.before) + len(design.after))
    check = 36 if design.headphone_check else 0
    clips = 1 if design.task == "mood" else 2
    return max(1, round((60 + asked + check + pairs * (clips * design.seconds + 4)) / 60))


def age_group(age: int) -> str:
    """The age in years as the group that is stored: ``18-24`` … ``65+``, ``under 18``."""
    if age < GROUPS[0]:
        return f"under {GROUPS[0]}"
    low = max(each for each in GROUPS if each <= age)
    return f"{low}+" if low == GROUPS[-1] else f"{low}-{GROUPS[GROUPS.index(low) + 1] - 1}"


def _with(
    database: Database,
    token: str,
    act: Callable[[Session, Participant, StudyDesign], None],
    journal: Journal | None = None,
    *,
    closed_too: bool = False,
) -> Step:
    """Let a participant act, and say what comes next; where a study has ended nothing is taken any more.

    What they did is written in the journal, and the step says whether it is ``kept``; who only looks gives none.
    """

    def work(session: Session) -> tuple[Step, uuid.UUID, bool]:
        participant = require(session, token, lock=True)
        study = study_rows.get_study(session, participant.study_id)
        design = studies.design_of(study)
        if study.state == "ended" and participant.state != "completed" and not participant.preview:
            if not closed_too:
                raise NotAllowed("this study has ended; it takes no answers any more")
            return {"step": "ended", "title": design.title}, participant.id, participant.preview
        act(session, participant, design)
        study_rows.seen(session, participant)
        next_step = step_of(session, design, participant)
        if journal is not None:
            written.keep_participant(session, journal, participant)
        return next_step, participant.id, participant.preview

    next_step, participant_id, preview = database.transaction(work)
    return next_step if journal is None else {**next_step, "kept": _kept(journal, participant_id, preview)}


def _kept(journal: Journal, participant_id: uuid.UUID, preview: bool) -> bool | None:  # noqa: FBT001 (of a row)
    return None if preview else journal.kept_row(written.PARTICIPANTS, participant_id)


def _found(session: Session, key: str, *, lock: bool = False) -> tuple[ListeningStudy, bool]:
    """The study of a participants' or preview key, and whether it is a preview."""
    try:
        return studies.require(session, key, "participant", lock=lock), False
    except NotYours:
        try:
            return studies.require(session, key, "preview", lock=lock), True
        except NotYours as error:
            raise NotYours("this link leads to no study (any more); ask whoever gave it to you") from error


def _closed(session: Session, study: ListeningStudy, design: StudyDesign) -> str:
    """Why nobody new can take part; empty where they can."""
    if study.state == "draft":
        return "This study has not begun yet."
    if study.state == "paused":
        return "This study is paused. Please come back later."
    if study.state == "ended":
        return "This study has ended. Thank you for coming."
    here = study_rows.count_by_condition(session, study.id, gone_after=studies.GONE_AFTER)
    return "This study has all the participants that it needs. Thank you." if sum(here.values()) >= design.quota else ""


def _require_consent(study: ListeningStudy, design: StudyDesign, said: Joining) -> None:
    if said.consent_version != study.consent_version:
        raise Contradiction("the text has changed meanwhile; please read it again")
    if not design.least_age <= said.age <= 120:
        raise NotAllowed(f"this study is for people of {design.least_age} years or older. Thank you for your interest.")


def _condition(session: Session, study: ListeningStudy, conditions: list[str]) -> str:
    """One of the conditions that have the fewest participants: nobody is far ahead, and nobody knows the next one."""
    here = study_rows.count_by_condition(session, study.id, gone_after=studies.GONE_AFTER)
    fewest = min(here.get(each, 0) for each in conditions)
    return secrets.choice([each for each in conditions if here.get(each, 0) == fewest])
