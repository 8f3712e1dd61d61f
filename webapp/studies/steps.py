"""What comes next for a participant, as their page is told: a check, questions, a pair, a break, or thanks.

It follows from what they have answered alone, so it is the same however often it is asked for.
"""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy.orm import Session

from db.queries import listening_studies as study_rows
from db.tables import Participant, StudyTrial
from models.picture.shorts import SHORTS
from webapp.studies import headphones
from webapp.studies.design import StudyDesign

Step = dict[str, Any]


def step_of(session: Session, design: StudyDesign, participant: Participant) -> Step:
    """What a participant does next; the first look at a pair is noted, and who has done everything has completed."""
    about = {"title": design.title, "preview": participant.preview}
    right = participant.headphones.get("right", [])
    if design.headphone_check and headphones.passed(right) is None:
        first = len(right) % headphones.TRIALS
        again = len(right) >= headphones.TRIALS
        return {**about, "step": "headphones", "number": len(right), "done": first, "of": headphones.TRIALS,
                "again": again}  # fmt: skip
    if participant.before is None and design.before:
        return {**about, "step": "questions", "part": "before", "questions": _asked(design.before)}
    found = study_rows.trials_of(session, participant.id)
    trial = next((each for each in found if each.outcome is None), None)
    if trial is not None:
        done = {"done": sum(each.outcome is not None for each in found), "of": len(found)}
        if breaks_due(design, found) > participant.breaks_taken:
            return {**about, **done, "step": "break"}
        study_rows.shown(session, trial.id)
        return {**about, **done, "question": design.question, **_asked_of(session, design, trial)}
    if participant.after is None and design.after:
        return {**about, "step": "questions", "part": "after", "questions": _asked(design.after)}
    if participant.state != "completed":
        study_rows.complete(session, participant)
    return {**about, "step": "thanks", "completion_url": design.completion_url, "contact": design.contact}


def breaks_due(design: StudyDesign, found: list[StudyTrial]) -> int:
    """How many breaks a participant should have had by now."""
    answered = sum(each.outcome is not None for each in found)
    return answered // design.pairs.break_after if design.pairs.break_after and answered < len(found) else 0


def _asked(asked: tuple[Any, ...]) -> list[dict[str, Any]]:
    return [{"number": number, **each.model_dump()} for number, each in enumerate(asked, start=1)]


def _asked_of(session: Session, design: StudyDesign, trial: StudyTrial) -> Step:
    """What is to be done with a trial: its clip is rated, or its two are compared."""
    if design.task == "mood":
        return {"step": "mood", "trial": _rated(session, trial)}
    shown = _shown(session, trial, beside=design.task == "fit")
    return {"step": "pair", "ties": design.pairs.ties, "trial": shown}


def _shown(session: Session, trial: StudyTrial, *, beside: bool) -> Step:
    """A pair as the player takes it; nothing tells the clips apart but the music, ``beside`` a picture in both."""
    asks = {"": "", "left": "A", "right": "B"}[trial.expected]
    return {
        "offer_id": str(trial.id),
        "left": _clip(session, trial.left_clip),
        "right": _clip(session, trial.right_clip),
        "asks": f"To show that you are with us, listen to both and choose {asks} this time." if asks else "",
        **(_beside(session, trial.left_clip) if beside else {}),
    }


def _rated(session: Session, trial: StudyTrial) -> Step:
    """A clip whose mood is rated."""
    asks = f"To show that you are with us, listen, and move both to the {trial.expected} end this time."
    clip = _clip(session, trial.left_clip)
    return {"offer_id": str(trial.id), "clip": clip, "asks": asks if trial.expected else ""}


def _clip(session: Session, clip_id: uuid.UUID) -> dict[str, Any]:
    row = study_rows.get_clip(session, clip_id)
    assert row is not None
    address = f"/api/study/clips/{clip_id}"
    return {"clip_id": str(clip_id), "audio_url": f"{address}/audio", "notes_url": f"{address}/notes",
            "seconds": row.seconds}  # fmt: skip


def _beside(session: Session, clip_id: uuid.UUID) -> dict[str, str]:
    """Where the ``picture`` or ``film`` is that a clip is for."""
    row = study_rows.get_clip(session, clip_id)
    assert row is not None
    return (
        {"film": f"/api/fits/films/{row.item}"}
        if row.item in SHORTS
        else {"picture": f"/api/fits/pictures/{row.item}.svg"}
    )
