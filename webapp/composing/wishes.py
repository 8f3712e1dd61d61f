"""Compose for me: latents searched for one listener's head, composed, and offered blind among their pairs.

Here is the web's part, which leaves a job and shows how it stands; the worker's part, a ``JobInHand``, is done by
``for_listener``. One clip of what a listener asked for is handed over, as a gift that is opened, and stands in no blind
test. The others are met blind among their pairs, so that it can be found out whether they are any better.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, Self, cast

from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import composed as rows
from db.queries import jobs
from db.queries import listeners as listener_rows
from db.queries import votes as vote_rows
from db.queries.clips import get_clip
from db.queries.jobs import TakenJob
from db.queries.offers import met_clips
from db.tables import PICTURES, Job, Listener
from models.music.notes import Domain
from models.taste.space import TasteSpace
from models.tension.liking import MOST
from webapp.composing.dials import WantedMood
from webapp.learning.playable_clips import AnyDomain, domain_named
from webapp.runtime.database import Database, in_transaction, known_listener, locked_listener
from webapp.runtime.errors import Contradiction, NotAllowed, NotReady, NotYours, TooMany
from webapp.runtime.journal import Journal

KIND = "compose_for"
UNDER_WAY = ("waiting", "running")
NOTHING_COMPOSED = "nothing could be composed just now; nothing is lost, ask again in a moment"
FIRST_AT = 6  # picks, when the first clip made for a listener is to play
EARLY_AT = 4  # two pairs are always drawn ahead: a clip for the pair after the sixth pick is begun here
EVERY = 10
Mode = Literal["careful", "surprise", "near", "opened", "studio"]
JobState = Literal["none", "waiting", "running", "done", "failed"]

KIND_OF = {"careful": "composed", "surprise": "surprise", "near": "near"}  # of the clips that a wish brings
STEERED = "tension"  # of a gift for which the tension dial was turned, or a mood chosen
MODES: dict[str, Mode] = {
    "composed": "careful",
    "surprise": "surprise",
    "near": "near",
    STEERED: "careful",
    "opened": "opened",
    "studio": "studio",
}  # of a clip kind
QUEUED_AT_MOST = 500  # jobs of all listeners: as many take an hour
WAITING_AT_MOST = 12  # composed clips that the listener has not met yet
# Who has no clip of their own yet goes first, then who asked and waits, and what nobody waits for comes last.
FIRST_PRIORITY, ASKED_PRIORITY, UNASKED_PRIORITY = 20, 10, 5
LEAST_KEPT, MOST_KEPT = 0.1, 0.9


class Wish(BaseModel):
    """What is to be composed.

    ``careful``: a gift, what they surely like; ``surprise``: what they may like most; ``near``: the share ``keep`` of
    the clip ``near``, which they have voted on, and the rest to their taste.
    For a gift or a surprise ``tension`` turns the dial, calmer below 0 and tenser above, and ``mood`` says what it is
    to express: a name, or valence and arousal of any place.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    mode: Literal["careful", "surprise", "near"] = "careful"
    near: uuid.UUID | None = None
    keep: Annotated[float, Field(ge=LEAST_KEPT, le=MOST_KEPT)] = 0.5
    tension: Annotated[int, Field(ge=-MOST, le=MOST)] = 0
    mood: WantedMood | None = None

    @model_validator(mode="after")
    def _names_a_piece_where_one_is_meant(self) -> Self:
        if (self.mode == "near") != (self.near is not None):
            raise ValueError('give the piece that "near" means with the mode "near", and with no other mode')
        if self.mode == "near" and self.tension:
            raise ValueError("near a piece it can't be calmer or tenser; leave tension at 0, or ask for another mode")
        if self.mode == "near" and self.mood:
            raise ValueError("near a piece no mood can be chosen; leave mood out, or ask for another mode")
        return self

    @property
    def kind(self) -> str:
        """Of the clips that it brings."""
        return STEERED if self.mode == "careful" and (self.tension or self.mood) else KIND_OF[self.mode]


GIFT = Wish()


class Progress(BaseModel):
    """How far a job is: ideas ``drawn`` and ``scored`` of ``ideas``, pieces ``rendered`` of ``pieces``."""

    drawn: int = 0
    scored: int = 0
    ideas: int
    rendered: int = 0
    pieces: int


@dataclass(frozen=True)
class Own:
    """A clip composed for the listener: when, by which wish, and whether they have voted on it.

    They meet it blind, but for one of each wish, which they have ``opened``.
    """

    composed_at: datetime
    mode: Mode
    met: bool


@dataclass(frozen=True)
class ComposingState:
    """The job under way or else the newest, and all clips composed for the listener.

    ``state`` is none where nothing was ever asked for; ``progress`` is there while it runs. ``asked``: whether the
    listener asked for it, who may ``cancel`` it; ``seconds_left`` as ``jobs.seconds_left``, while it waits or runs.
    """

    job_id: int | None
    state: JobState
    wish: Wish | None
    progress: Progress | None
    clips: list[Own]
    asked: bool = False
    seconds_left: float | None = None


def is_due(picks: int) -> bool:
    """Whether clips are composed unasked after this many picks."""
    return picks == EARLY_AT or (picks >= FIRST_AT and (picks - FIRST_AT) % EVERY == 0)


def enqueue(session: Session, listener: Listener, picks: int, wish: Wish | None = None) -> int | None:
    """Leave a job for this listener; None where one that was asked for (by a ``wish``) or one that wasn't waits."""
    payload: dict[str, Any] = {"domain": listener.domain, "picks": picks}
    if wish is not None:
        payload["wish"] = wish.model_dump(mode="json")
    priority = UNASKED_PRIORITY if wish is None else ASKED_PRIORITY
    key = key_of(listener.id, asked=wish is not None)
    urgency = {"priority": priority, "until_composed": FIRST_PRIORITY}
    return jobs.enqueue(session, KIND, payload, dedupe_key=key, listener_id=listener.id, **urgency)


def enqueue_rest(session: Session, listener_id: uuid.UUID, payload: Mapping[str, Any], rest: Rest) -> None:
    """Leave a job for what a first one, in a hurry, has left undone; urgent where that came to no clip at all."""
    jobs.enqueue(
        session,
        KIND,
        {name: payload[name] for name in ("domain", "picks", "wish") if name in payload} | {"rest": rest.to_json()},
        dedupe_key=rest_key_of(listener_id),
        listener_id=listener_id,
        priority=UNASKED_PRIORITY if rest.to_lengthen else FIRST_PRIORITY,
    )


@dataclass(frozen=True)
class Rest:
    """How many ``clips`` are still to be composed, and which stored ones are to get their longer sound."""

    clips: int
    to_lengthen: tuple[uuid.UUID, ...]

    def to_json(self) -> dict[str, Any]:
        """As a job carries it."""
        return {"clips": self.clips, "to_lengthen": [str(clip_id) for clip_id in self.to_lengthen]}

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> Rest | None:
        """What a job carries; None where it is no rest."""
        if "rest" not in payload:
            return None
        return cls(int(payload["rest"]["clips"]), tuple(map(uuid.UUID, payload["rest"]["to_lengthen"])))


def key_of(listener_id: uuid.UUID, *, asked: bool) -> str:
    """Under which key the listener's jobs are left: those that they asked for, or the others."""
    return f"{KIND}:{listener_id}" + (":asked" if asked else "")


def rest_key_of(listener_id: uuid.UUID) -> str:
    """Under which key the rest of a job is left that was done in a hurry."""
    return f"{key_of(listener_id, asked=False)}:rest"


def cancel_all(session: Session, listener_id: uuid.UUID) -> None:
    """Take back all that is under way for a listener, asked for or not, since what it is composed by has changed."""
    keys = [key_of(listener_id, asked=asked) for asked in (True, False)]
    jobs.cancel(session, [*keys, rest_key_of(listener_id)])


def wish_of(payload: dict[str, Any]) -> Wish:
    """What a job is to compose; unasked it is a gift."""
    return Wish.model_validate(payload.get("wish", {}))


def brings_baselines(payload: dict[str, Any]) -> bool:
    """Whether a job composes what its clips are to beat: a gift that was asked for, or the first own clip has played.

    Only gifts are proofs: a surprise explores, what is near a liked piece is liked for that piece's sake, and what is
    calmer, tenser or of a mood may be liked for that.
    """
    if "wish" in payload:
        return wish_of(payload).kind == KIND_OF["careful"]
    return int(payload.get("picks", 0)) >= FIRST_AT


@in_transaction
def ask(session: Session, space: TasteSpace, listener_id: uuid.UUID, wish: Wish) -> ComposingState:
    """Leave a job because the listener asked; the one that waits or runs where it is of the same wish.

    How that job stands, as ``state`` says it.

    Raises ``NotAllowed`` where there is no vote to compose by or the piece is of another domain than they listen to,
    ``NotYours`` for a piece that they have not voted on, ``Contradiction`` where another wish is under way, and
    ``TooMany`` where enough clips wait to be heard.
    """
    listener = locked_listener(session, listener_id)
    picks = vote_rows.count_picks_of(session, listener_id, pictures=listener.domain == PICTURES)
    if picks == 0:
        raise NotAllowed("nothing is known of your taste yet; pick from a first pair, then ask for pieces of your own")
    unmet = sum(not clip.met and clip.kind != "opened" for clip in rows.own_clips(session, listener_id))
    if unmet >= WAITING_AT_MOST:
        raise TooMany(f"{unmet} clips made for you wait in your next pairs; listen to some before asking for more")
    require_room(session, KIND, listener_id)
    if listener.domain == PICTURES and (wish.tension or wish.mood):
        raise NotAllowed("a picture is neither calmer nor tenser and has no mood; leave tension at 0 and mood out")
    if wish.near is not None:
        _check_near(session, space, listener, wish.near)
    is_new = enqueue(session, listener, picks, wish) is not None
    job = jobs.newest_of(session, key_of(listener_id, asked=True))
    if not is_new and job is not None and wish_of(job.payload) != wish:
        raise Contradiction("what you asked for before is being composed just now; ask again when it is done")
    return _state(session, listener_id, job)


@in_transaction
def cancel(session: Session, listener_id: uuid.UUID) -> ComposingState:
    """Take back what the listener asked for, where it isn't done yet; as ``state``. Clips that are there stay."""
    locked_listener(session, listener_id)
    keys = [key_of(listener_id, asked=True)]
    if _rest_of_wish(session, listener_id) is not None:
        keys.append(rest_key_of(listener_id))
    jobs.cancel(session, keys)
    return _state(session, listener_id)


def _rest_of_wish(session: Session, listener_id: uuid.UUID) -> Job | None:
    """The job under way that does what was left undone of what the listener asked for; None where there is none."""
    rest = jobs.newest_of(session, rest_key_of(listener_id))
    return rest if rest is not None and rest.state in UNDER_WAY and "wish" in rest.payload else None


def require_room(session: Session, kind: str, listener_id: uuid.UUID) -> None:
    """Raises ``TooMany`` where ``QUEUED_AT_MOST`` jobs of a ``kind`` are under way for others than this listener."""
    if jobs.count_under_way(session, kind, least_priority=0, but=listener_id) >= QUEUED_AT_MOST:
        raise TooMany("very many people wait for their pieces just now; ask again in a while")


def _check_near(session: Session, space: TasteSpace, listener: Listener, clip_id: uuid.UUID) -> None:
    given = get_clip(session, clip_id)
    version = given.model_version if given is not None and given.domain == PICTURES else space.version
    clip = next((each for each in met_clips(session, listener.id, model_version=version) if each.id == clip_id), None)
    if clip is None:
        raise NotYours(f"there is no clip {clip_id} among those that you have voted on and that wait in no open pair")
    if clip.domain != listener.domain:
        raise NotAllowed(
            f"this piece is from {clip.domain}, and you listen to {listener.domain} now; choose {clip.domain} on the "
            "compare page first, or another piece"
        )


@in_transaction
def state(session: Session, listener_id: uuid.UUID) -> ComposingState:
    """How composing for this listener stands."""
    known_listener(session, listener_id)
    return _state(session, listener_id)


def _state(session: Session, listener_id: uuid.UUID, job: Job | None = None) -> ComposingState:
    job = job or jobs.current_job(session, KIND, listener_id)
    own = [Own(clip.composed_at, MODES[clip.kind], clip.met) for clip in rows.own_clips(session, listener_id)]
    if job is None:
        return ComposingState(None, "none", None, None, own)
    progress = Progress.model_validate(job.result) if job.state == "running" and job.result else None
    left = jobs.seconds_left(session, job) if job.state in UNDER_WAY else None
    asked = "wish" in job.payload
    return ComposingState(job.id, cast("JobState", job.state), wish_of(job.payload), progress, own, asked, left)


def count(session: Session, listener_id: uuid.UUID) -> int:
    """How many clips were composed for this listener."""
    return rows.count_own(session, listener_id)


@dataclass(frozen=True)
class HandedOver:
    """How far the wish is; once it is done, the clip, how long it plays, by which wish it was made.

    ``picture``: whether the clip is one.
    """

    state: str
    progress: Progress | None = None
    clip_id: uuid.UUID | None = None
    seconds: float = 0.0
    mode: Mode = "careful"
    picture: bool = False


@in_transaction
def hand_over(session: Session, journal: Journal, listener_id: uuid.UUID, job_id: int | None = None) -> HandedOver:
    """The best clip of a wish where it is composed, always the same one, or else how far it is.

    That is the listener's last wish, or the one for which ``ask`` left the job ``job_id``.
    Raises ``NotReady`` where composing failed, where nothing was asked for or it was taken back, and where every clip
    of it waits in a pair that is open already.
    """
    job = jobs.newest_of(session, key_of(listener_id, asked=True), job_id)
    if job is None and job_id is not None:
        raise NotReady("what you asked for was taken back before it was composed; ask again")
    if job is None or job.state == "failed":
        raise NotReady(NOTHING_COMPOSED)
    if job.state != "done":
        return _how_far(job)
    listener_rows.lock_listener(session, listener_id)  # no pair may take the clip meanwhile
    clip = rows.opened_since(session, listener_id, since=job.created_at)
    if clip is None:
        wanted = wish_of(job.payload).kind
        clip = rows.first_unasked(session, listener_id, since=job.created_at, kind=wanted)
    if clip is None and not any(each.composed_at >= job.created_at for each in rows.own_clips(session, listener_id)):
        if rest := _rest_of_wish(session, listener_id):
            return _how_far(rest)
        raise NotReady(NOTHING_COMPOSED)
    if clip is None:
        raise NotReady("what was composed for you waits in your next pairs; vote on those, then ask again")
    if rows.open_gift(session, clip):
        journal.append(session, listener_id, clips=[clip])
    seconds = max(clip_rows.audio_lengths(session, clip), default=0.0)
    picture = bool(clip_rows.pictures_among(session, [clip]))
    mode = wish_of(job.payload).mode
    return HandedOver(job.state, clip_id=clip, seconds=seconds, mode=mode, picture=picture)


def _how_far(job: Job) -> HandedOver:
    """Of a job that waits or runs."""
    told = job.result if job.state == "running" else None
    return HandedOver(job.state, Progress.model_validate(told) if told else None)


@dataclass(frozen=True)
class JobInHand:
    """A ``job`` of the queue that this process works on."""

    database: Database
    job: TakenJob

    @property
    def payload(self) -> dict[str, Any]:
        """What it asks for."""
        return self.job.payload

    @property
    def seed(self) -> int:
        """The first of its 256 own seeds: done again, it draws the same again."""
        return self.job.id << 8

    @property
    def domain(self) -> Domain:
        """In which it is to compose music; ``ValueError`` where that is none."""
        return domain_named(self.payload["domain"])

    @property
    def any_domain(self) -> AnyDomain:
        """The same where it may be pictures, too."""
        return "pictures" if self.is_of_pictures else self.domain

    @property
    def is_of_pictures(self) -> bool:
        """Whether pictures are to be made."""
        return bool(self.payload["domain"] == PICTURES)

    @property
    def listener_id(self) -> uuid.UUID:
        """Whom it is about; ``ValueError`` where it names nobody."""
        if self.job.listener_id is None:
            raise ValueError(f"a job of kind {self.job.kind} must name a listener")
        return self.job.listener_id

    def report(self, progress: Mapping[str, Any]) -> None:
        """Say how far it is."""
        self.database.transaction(lambda session: jobs.tell_progress(session, self.job, dict(progress)))

    @property
    def found(self) -> Sequence[dict[str, Any]]:
        """What was found when this job was begun before."""
        found: Sequence[dict[str, Any]] = self.payload.get(jobs.REMEMBERED, [])
        return found

    def remember(self, found: Sequence[dict[str, Any]]) -> None:
        """Keep what was found for whoever does this job again, and here, should it be taken back meanwhile."""
        self.payload[jobs.REMEMBERED] = list(found)
        self.database.transaction(lambda session: jobs.remember(session, self.job, list(found)))
