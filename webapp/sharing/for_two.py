"""The agreement of two listeners: one makes a link, another one opens it and says yes, either ends it.

Nothing of either taste is told before both have agreed; when one ends it, what was composed is gone for both.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

import numpy as np
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from db.queries import jobs
from db.queries import listeners as listener_rows
from db.queries import votes as vote_rows
from db.tables import Duet, DuetPiece, Job, Listener
from models.music.notes import DOMAINS, Domain
from models.music.notes import Piece as Music
from models.music.performance import sounding_seconds
from models.style.performance import touch
from models.taste.search import TasteComparison, compare_tastes
from models.taste.space import TasteSpace
from webapp.composing import media
from webapp.composing.sources import Source
from webapp.generation.protocol import Mood
from webapp.learning import heads
from webapp.learning.playable_clips import PlayablePool, domain_named, music_of
from webapp.runtime.database import Database, in_transaction, known_listener, locked_listener
from webapp.runtime.errors import Contradiction, NotAllowed, NotYours, TooMany
from webapp.runtime.journal import Journal

log = logging.getLogger(__name__)

KIND = "compose_for_both"
PRIORITY = 10  # somebody waits for it
MOST = 12  # duets of one listener
MOST_PIECES = 30  # of one duet
ALREADY = "you two share music already"


@dataclass(frozen=True)
class Invitation:
    """Whose open link this is."""

    mine: bool


@dataclass(frozen=True)
class Requested:
    """The job that was left, or the one that waits or runs already."""

    job_id: int | None
    state: str


@dataclass(frozen=True)
class OneEffect:
    """What one listener's utility gains by one standard deviation more; ``word``: what they love."""

    effect: float
    sd: float
    word: str


@dataclass(frozen=True)
class StyleBeside:
    """One style, both effects (*you* is who asks), and whether they part."""

    style: str
    attribute: str
    verdict: str
    you: OneEffect
    they: OneEffect
    apart: float
    sd: float
    confidence: float


@dataclass(frozen=True)
class Chances:
    """How likely each finds the piece more beautiful than a usual one, carefully guessed."""

    you: float
    they: float


@dataclass(frozen=True)
class Piece:
    """A piece composed for both; ``mood``: what the judges hear in it, None where they couldn't."""

    piece_id: uuid.UUID
    composed_at: datetime
    domain: str
    chance: Chances
    mood: Mood | None
    seconds: float
    audio_url: str
    midi_url: str
    played_url: str
    notes_url: str


@dataclass(frozen=True)
class ComposingJob:
    """The newest job; ``progress``: ``{stage, pieces, of}`` while it runs; ``seconds_left``: until it is done."""

    state: str
    progress: dict[str, Any] | None
    seconds_left: float | None = field(default=None, repr=False)  # in no hash, or the page would be drawn anew


@dataclass(frozen=True)
class Picks:
    """How many picks each taste was learned from."""

    you: int
    they: int


@dataclass(frozen=True)
class ForTwo:
    """An agreement with another listener, or (with ``link_key``) an invitation that nobody has answered yet."""

    duet_id: uuid.UUID
    agreed_at: datetime | None
    link_key: str | None
    picks: Picks | None = None
    styles: list[StyleBeside] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    job: ComposingJob | None = None

    def __hash__(self) -> int:
        """Of all that it tells, so that a page can see whether anything has changed."""
        return hash(repr(self))


@in_transaction
def invite(session: Session, journal: Journal, listener_id: uuid.UUID) -> str:
    """The key of the listener's open link, made where there is none; raises ``TooMany``."""
    locked_listener(session, listener_id)
    if len(listener_rows.duets_of(session, listener_id)) >= MOST:
        raise TooMany(f"you share music with {MOST} others already; end one before you invite another")
    duet = listener_rows.invite(session, listener_id)
    journal.begin(session, listener_id)
    journal.keep_duet(session, duet.id, new=True)
    return str(duet.link_key)


@in_transaction
def look(session: Session, listener_id: uuid.UUID, link_key: str) -> Invitation:
    """Whose link this is; raises ``NotYours`` for one that was used, withdrawn or never there."""
    duet = listener_rows.invitation(session, link_key)
    if duet is None:
        raise _used_up()
    return Invitation(mine=duet.host_id == listener_id)


def agree(database: Database, journal: Journal, listener_id: uuid.UUID, link_key: str) -> uuid.UUID:
    """Say yes to the invitation; the duet's id.

    Raises ``NotYours`` for a link that opens nothing, ``NotAllowed`` for one's own, ``Contradiction`` where the two
    have agreed before.
    """

    def work(session: Session) -> uuid.UUID:
        locked_listener(session, listener_id)
        duet = listener_rows.invitation(session, link_key, for_update=True)
        if duet is None:
            raise _used_up()
        if duet.host_id == listener_id:
            raise NotAllowed("this is your own link; send it to whom you want to share music with")
        if listener_rows.between(session, duet.host_id, listener_id) is not None:
            raise Contradiction(ALREADY)
        if len(listener_rows.duets_of(session, listener_id)) >= MOST:
            raise TooMany(f"you share music with {MOST} others already; end one before you begin another")
        try:
            listener_rows.agree(session, duet, listener_id)
        except IntegrityError as error:  # each has agreed to the other's link at the same moment
            raise Contradiction(ALREADY) from error
        journal.begin(session, listener_id)
        journal.keep_duet(session, duet.id, new=True)
        return duet.id

    duet_id = database.transaction(work)
    log.info("for_two_agreed agreement=%s", duet_id)
    return duet_id


def end(database: Database, journal: Journal, listener_id: uuid.UUID, duet_id: uuid.UUID) -> None:
    """End a duet, or withdraw an invitation; what was composed goes. Raises ``NotYours``."""

    def work(session: Session) -> None:
        duet = listener_rows.duet_of(session, duet_id, listener_id)
        if duet is None:
            raise _not_yours(duet_id)
        listener_rows.end(session, duet)
        journal.forget_duet(duet_id)

    database.transaction(work)
    log.info("for_two_ended agreement=%s", duet_id)


@in_transaction
def request_pieces(session: Session, listener_id: uuid.UUID, duet_id: uuid.UUID) -> Requested:
    """Leave a job that composes for both in the music that the asking one listens to.

    Raises ``TooMany`` where they have enough pieces.
    """
    listener = locked_listener(session, listener_id)
    duet = listener_rows.duet_of(session, duet_id, listener_id)
    if duet is None or duet.guest_id is None:
        raise _not_yours(duet_id)
    if len(listener_rows.pieces_of(session, duet)) >= MOST_PIECES:
        raise TooMany(f"{MOST_PIECES} pieces have been composed for you two; end this and begin anew for more")
    payload = {"duet": str(duet.id), "domain": music_of(listener.domain)}
    key = _key(duet_id)
    jobs.enqueue(session, KIND, payload, dedupe_key=key, listener_id=listener_id, priority=PRIORITY)
    job = jobs.newest_of(session, key)
    return Requested(job.id, job.state) if job else Requested(None, "waiting")


@in_transaction
def cancel_pieces(session: Session, listener_id: uuid.UUID, duet_id: uuid.UUID) -> None:
    """Compose no more for both for now, whoever asked; pieces that are there stay. Raises ``NotYours``."""
    if listener_rows.duet_of(session, duet_id, listener_id) is None:
        raise _not_yours(duet_id)
    jobs.cancel(session, [_key(duet_id)])


@in_transaction
def overview(session: Session, space: TasteSpace, playable: PlayablePool, listener_id: uuid.UUID) -> list[ForTwo]:
    """Every agreement of the listener's and their open invitation, the newest first."""
    listener = known_listener(session, listener_id)
    return [_for_two(session, space, playable, duet, listener) for duet in listener_rows.duets_of(session, listener_id)]


def _for_two(session: Session, space: TasteSpace, playable: PlayablePool, duet: Duet, listener: Listener) -> ForTwo:
    if duet.guest_id is None:
        return ForTwo(duet.id, duet.agreed_at, duet.link_key)
    host = duet.host_id == listener.id
    friend = duet.guest_id if host else duet.host_id
    mine, theirs = (heads.load(session, who, space) for who in (listener.id, friend))
    # of all kinds of music, so that both see the same, whichever each has chosen
    around = np.vstack([playable.clips(session, domain).features for domain in DOMAINS])
    job = jobs.newest_of(session, _key(duet.id))
    return ForTwo(
        duet_id=duet.id,
        agreed_at=duet.agreed_at,
        link_key=duet.link_key,
        picks=Picks(*(vote_rows.count_picks_of(session, each, pictures=False) for each in (listener.id, friend))),
        styles=[_style(row) for row in compare_tastes(mine, theirs, space, around=around)],
        pieces=[_piece(piece, host=host) for piece in listener_rows.pieces_of(session, duet)],
        job=_composing(session, job) if job else None,
    )


def _composing(session: Session, job: Job) -> ComposingJob:
    left = jobs.seconds_left(session, job) if job.state in {"waiting", "running"} else None
    return ComposingJob(job.state, job.result if job.state == "running" else None, left)


def _style(row: TasteComparison) -> StyleBeside:
    verdict = {"one_more": "you_more", "other_more": "they_more"}.get(row.verdict, row.verdict)
    you, they = (OneEffect(each.effect, each.sd, each.word) for each in (row.one, row.other))
    named = row.one.style, row.one.attribute
    return StyleBeside(*named, verdict, you, they, apart=row.apart, sd=row.sd, confidence=row.confidence)


def _piece(piece: DuetPiece, *, host: bool) -> Piece:
    music = Music.from_json(piece.notes)
    at = f"/api/duets/{piece.duet_id}/pieces/{piece.id}"
    chances = (piece.for_host, piece.for_guest)
    return Piece(
        piece_id=piece.id,
        composed_at=piece.created_at,
        domain=piece.domain,
        chance=Chances(*(chances if host else chances[::-1])),
        mood=Mood(**piece.mood) if piece.mood else None,
        seconds=sounding_seconds(music, touch.play(music, domain_named(piece.domain))),
        audio_url=f"{at}/flac{media.played()}",
        midi_url=f"{at}/midi",
        played_url=f"{at}/played",
        notes_url=f"{at}/notes",
    )


def _key(duet_id: uuid.UUID) -> str:
    return f"{KIND}:{duet_id}"


def _used_up() -> NotYours:
    return NotYours("this link was used already, or whoever made it has taken it back; ask them for a new one")


def _not_yours(duet_id: uuid.UUID) -> NotYours:
    return NotYours(f"duet {duet_id} is not shared with you, or one of you has ended it; GET /api/duets gives yours")


@in_transaction
def find_piece(session: Session, listener_id: uuid.UUID, duet_id: uuid.UUID, piece_id: uuid.UUID) -> Source:
    """The piece where the listener is one of the two; raises ``NotYours``."""
    piece = listener_rows.piece_of(session, duet_id, piece_id, listener_id)
    if piece is None:
        raise NotYours(f"there is no piece {piece_id} for you (any more)")
    domain = cast("Domain", piece.domain)  # a CHECK of the table holds it
    name = f"duets/{piece.id}"
    return Source(name, domain, "A piece for two", piece.recipe, piece.notes, piece.latents, piece.model_version)
