"""The HTTP interface of listening studies: what a participant's page does, and a researcher's report and files.

A participant is known by a token that their page has made; it travels in the body, as the keys of links do, so that no
log has it. Nobody here is a listener of the application, and no cookie is set.
"""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from webapp.api.dependencies import ERRORS, TheContext, address_of, sound_response
from webapp.runtime.errors import TooMany
from webapp.runtime.limits import PARTICIPANTS_A_SECOND, PARTICIPANTS_AT_ONCE, Buckets, network_of
from webapp.studies import clips, dataset, deletion, participation, report
from webapp.studies.keys import MOST_LETTERS
from webapp.studies.participation import Joining
from webapp.studies.steps import Step

router = APIRouter(prefix="/api/study", tags=["listening study"])
FRESH = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
Secret = Annotated[str, Field(min_length=16, max_length=MOST_LETTERS)]
ALONE = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'", "X-Robots-Tag": "noindex"}
Key = Annotated[str, Query(min_length=16, max_length=MOST_LETTERS)]
Heard = Annotated[int, Field(ge=0, le=86_400_000)]

_joining = Buckets(PARTICIPANTS_A_SECOND, PARTICIPANTS_AT_ONCE)


class Link(BaseModel):
    """The key of a link."""

    key: Secret


class Join(Link):
    """Who wants to take part; ``participant``: a token of 32 random letters at least, which their page keeps."""

    participant: Secret
    age: int = Field(ge=0, le=150)
    consent_version: int
    panel_id: str = Field(default="", max_length=100)


class Asking(BaseModel):
    """Which participant asks."""

    participant: Secret


class Kept(BaseModel):
    """Whether answers are where a lost disk does not reach."""

    kept: bool | None


class Tone(Asking):
    """Which of three tones seemed the quietest in check ``number``."""

    number: int = Field(ge=0, le=100)
    tone: int


class Answers(Asking):
    """Answers to questions by number."""

    part: str
    answers: dict[str, Any] = Field(max_length=100)


class HeardMs(BaseModel):
    """Milliseconds that each side sounded."""

    left: Heard
    right: Heard


class TrialAnswer(Asking):
    """Which clip is preferred, or where one was rated (``outcome`` rated), and how long each was heard."""

    outcome: str
    heard_ms: HeardMs
    mood: tuple[float, float] | None = None  # valence and arousal, -1 to 1


@router.post("/look", responses=ERRORS)
def look(given: Link, context: TheContext) -> dict[str, Any]:
    """What a study tells somebody before they agree, and whether it is ``closed``, in words."""
    return participation.look(context.database, given.key)


@router.post("/join", responses=ERRORS)
def join(given: Join, request: Request, context: TheContext) -> Step:
    """Take part; the same again gives the same. Gives the first step, as all that follow do the next one."""
    if not _joining.take(network_of(address_of(request))):
        raise TooMany("many people have joined from your network just now; try again in a minute")
    said = Joining(given.participant, given.age, given.consent_version, given.panel_id.strip())
    return participation.join(context.database, context.journal, given.key, said)


@router.post("/step", responses=ERRORS)
def step(given: Asking, context: TheContext) -> Step:
    """What is to be done next: headphones, questions, break, pair, thanks, or ended; ``kept`` as ``/kept`` says."""
    found = participation.step(context.database, given.participant)
    return {**found, "kept": participation.kept(context.database, context.journal, given.participant)}


@router.post("/kept", responses=ERRORS)
def kept(given: Asking, context: TheContext) -> Kept:
    """Whether all that a participant answered outlives this server's disk; null where nothing is kept elsewhere."""
    return Kept(kept=participation.kept(context.database, context.journal, given.participant))


@router.post("/headphones/sound", responses=ERRORS, response_class=Response)
def check_sound(given: Asking, context: TheContext) -> Response:
    """The three tones of the next headphone check, WAV."""
    found = participation.check_sound(context.database, given.participant)
    return Response(found, media_type="audio/wav", headers=FRESH)


@router.post("/headphones", responses=ERRORS)
def answer_check(given: Tone, context: TheContext) -> Step:
    """Answer a headphone check."""
    return participation.answer_check(context.database, context.journal, given.participant, given.number, given.tone)


@router.post("/questions", responses=ERRORS)
def answer_questions(given: Answers, context: TheContext) -> Step:
    """Answer the questions before or after the pairs."""
    return participation.answer_questions(
        context.database, context.journal, given.participant, given.part, given.answers
    )


@router.post("/trials/{trial_id}", responses=ERRORS)
def answer_trial(trial_id: uuid.UUID, given: TrialAnswer, context: TheContext) -> Step:
    """Answer a pair; the same again changes nothing, another answer is refused with 409."""
    heard = given.heard_ms
    return participation.answer_trial(
        context.database,
        context.journal,
        given.participant,
        trial_id,
        outcome=given.outcome,
        left_ms=heard.left,
        right_ms=heard.right,
        mood=given.mood,
    )


@router.post("/rest", responses=ERRORS)
def rest(given: Asking, context: TheContext) -> Step:
    """Go on after a break."""
    return participation.rested(context.database, context.journal, given.participant)


@router.post("/withdraw", responses=ERRORS)
def withdraw(given: Asking, context: TheContext) -> dict[str, bool]:
    """Delete everything that this participant has answered."""
    deletion.withdraw(context.database, context.journal, given.participant)
    return {"withdrawn": True}


@router.get("/report", responses=ERRORS, response_class=HTMLResponse)
def read_report(key: Key, context: TheContext) -> HTMLResponse:
    """The report on a study, for whoever has the researcher's key."""
    return HTMLResponse(report.report(context.database, key), headers=FRESH | ALONE)


@router.get("/dataset", responses=ERRORS, response_class=Response)
def read_dataset(key: Key, context: TheContext) -> Response:
    """The anonymised dataset as a zip file, for whoever has the researcher's key."""
    packed = dataset.export(context.database, context.clip_store, key)
    return Response(packed, media_type="application/zip", headers=FRESH | _named("study.zip"))


@router.get("/panel", responses=ERRORS, response_class=Response)
def read_panel(key: Key, context: TheContext) -> Response:
    """Who came from a panel and how far they got, CSV, for whoever has the researcher's key; not to be published."""
    found = dataset.panel_list(context.database, key)
    return Response(found, media_type="text/csv", headers=FRESH | _named("panel.csv"))


@router.get("/words", responses=ERRORS, response_class=Response)
def read_words(key: Key, context: TheContext) -> Response:
    """What was answered in words, CSV, for whoever has the researcher's key; not to be published."""
    found = dataset.in_words(context.database, key)
    return Response(found, media_type="text/csv", headers=FRESH | _named("words.csv"))


@router.get("/clips/{clip_id}/audio", responses=ERRORS, response_class=Response)
def read_audio(clip_id: uuid.UUID, context: TheContext, wanted: Annotated[str, Header(alias="range")] = "") -> Response:
    """The sound of a clip, MP3."""
    return sound_response(clips.sound(context.database, context.clip_store, clip_id), wanted)


@router.get("/clips/{clip_id}/notes", responses=ERRORS)
def read_notes(clip_id: uuid.UUID, context: TheContext, response: Response) -> dict[str, Any]:
    """The notes of a clip for its piano roll; none where participants are not to see any."""
    response.headers["Cache-Control"] = "no-store"  # a draft may show them later
    return clips.notes(context.database, clip_id)


def _named(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}
