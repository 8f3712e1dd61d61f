"""Pieces of a studio as the page shows them: opened, linked, copied from a link, and kept; and their recipes."""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from db.queries import composed
from db.tables import PICTURE_SECONDS, PICTURES, WHOLE
from models.mood.steering import Dials as Rules
from models.style.drafts import Locks
from models.style.latents import Latents
from webapp.composing import media
from webapp.composing.sources import PIECES, Source, find, names_in, traits
from webapp.generation.protocol import EncodeResult
from webapp.learning.playable_clips import AnyDomain
from webapp.runtime.errors import NotYours
from webapp.studio.formats import PianoRoll, piano_roll
from webapp.studio.studio import Dial, Studio, check_rate, of_picture

KEPT_PIECES = 200  # of each listener; pieces with a link stay beyond it
TITLE_LENGTH = 80
FORMS = ("played", "mid", "musicxml", "abc", "mp3", "wav")  # in which a piece can be downloaded
STEPS_BACK = 200  # recipes: no studio keeps more pieces
PLACE = re.compile(rf"{WHOLE}/([0-9a-f-]{{36}})/(\d+)/(\d+)")
IMAGE, TAKEN = "image", "png"  # in which a picture is shown, and taken along


@dataclass(frozen=True)
class Borrowed:
    """Where a style comes from, and how far it goes from the content's own (0) to that (1)."""

    source: str
    strength: float = 1.0


@dataclass(frozen=True)
class Recipe:
    """The same recipe with the same model gives the same piece; every source is named as ``sources.find`` takes it.

    ``toward``: another piece, and how far all of the content goes there. ``turned``: styles that are not borrowed, by
    how many standard deviations. ``keep``: how much of what neither ``locks`` nor styles hold stays. ``rules``: how the
    content's notes are changed, as a mood asks for, before anything else. ``mood``: valence and arousal that it was
    written for, where nothing of the content was to stay.
    """

    content: str
    styles: Mapping[str, Borrowed] = field(default_factory=dict)
    seed: int = 0
    toward: Borrowed | None = None
    turned: Mapping[str, float] = field(default_factory=dict)
    keep: float = 1.0
    locks: Locks = field(default_factory=Locks)
    rules: Rules | None = None
    mood: tuple[float, float] | None = None

    @property
    def keeps_nothing(self) -> bool:
        """Whether neither the content nor anything borrowed is to be heard in it."""
        asked = self.styles or self.turned or self.toward or self.rules
        return self.keep == 0 and not asked and self.locks == Locks()

    def to_json(self) -> dict[str, Any]:
        """As it is stored and sent."""
        return {**asdict(self), "locks": {**asdict(self.locks), "bars": list(self.locks.bars)}}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Recipe:
        """What ``to_json`` gave; older recipes lack what there was not yet."""
        toward, locks = told.get("toward"), dict(told.get("locks") or {})
        return cls(
            told["content"],
            {group: Borrowed(**each) for group, each in told["styles"].items()},
            told["seed"],
            toward=Borrowed(**toward) if toward else None,
            turned=dict(told.get("turned") or {}),
            keep=told.get("keep", 1.0),
            locks=Locks(**{**locks, "bars": tuple(locks.get("bars", ()))}),
            rules=Rules(**told["rules"]) if told.get("rules") else None,
            mood=tuple(told["mood"]) if told.get("mood") else None,
        )


@dataclass(frozen=True)
class Place:
    """Where a section stands: ``bars`` bars of the piece ``whole``, from its bar ``first`` on (counted from 0)."""

    whole: uuid.UUID
    first: int
    bars: int

    def __str__(self) -> str:
        return f"{WHOLE}/{self.whole}/{self.first}/{self.bars}"


@dataclass(frozen=True)
class Described:
    """A source that a recipe names; ``traits``: attribute → standard deviations from the middle of its domain."""

    title: str
    traits: dict[str, float]


@dataclass(frozen=True)
class OpenedPiece(PianoRoll):
    """A clip or piece in full.

    ``no_dials``: styles that can't be turned and why. ``sources`` describes what its recipe names and this listener
    may hear; ``editable`` says whether that is all of it, and ``mine`` whether the piece is theirs and not a link's.
    A picture has an ``image_url``, and neither sound nor score.
    """

    name: str
    domain: AnyDomain
    meter: tuple[int, int]
    title: str
    traits: dict[str, float]
    dials: dict[str, Dial]
    no_dials: dict[str, str]
    recipe: Recipe | None
    sources: dict[str, Described]
    mine: bool
    editable: bool
    audio_url: str
    image_url: str
    score_url: str
    downloads: dict[str, str]


def place_of(session: Session, listener_id: uuid.UUID, name: str) -> Place | None:
    """Where the section stands that ``name`` is or was made from; None where it is none."""
    for _ in range(STEPS_BACK):
        try:
            source = find(session, name, listener_id)
        except NotYours:
            return None
        if found := PLACE.fullmatch(source.notes.get("piece_id") or ""):
            return Place(uuid.UUID(found[1]), int(found[2]), int(found[3]))
        if not source.recipe:
            return None
        name = source.recipe["content"]
    return None


def source_of(studio: Studio, listener_id: uuid.UUID, name: str, link_key: str = "") -> Source:
    """The clip or piece ``name``, music or picture; raises ``NotYours``."""
    return studio.database.transaction(lambda session: find(session, name, listener_id, link_key, pictures=True))


def open_piece(studio: Studio, listener_id: uuid.UUID, name: str, link_key: str = "") -> OpenedPiece:
    """The clip or piece ``name`` as the page shows it; raises ``NotYours``."""

    def work(session: Session) -> OpenedPiece:
        return opened(session, studio, listener_id, find(session, name, listener_id, link_key, pictures=True), link_key)

    return studio.database.transaction(work)


def open_link(studio: Studio, listener_id: uuid.UUID, link_key: str) -> OpenedPiece:
    """The piece that a link leads to, for whoever has it; raises ``NotYours``."""

    def work(session: Session) -> OpenedPiece:
        return opened(session, studio, listener_id, _linked(session, listener_id, link_key), link_key)

    return studio.database.transaction(work)


def make_link(studio: Studio, listener_id: uuid.UUID, piece_id: uuid.UUID) -> str:
    """The key under which anybody may open this piece of the listener's; raises ``NotYours``."""

    def work(session: Session) -> str:
        piece = composed.get_piece(session, piece_id)
        if piece is None or piece.listener_id != listener_id:
            raise NotYours(f"there is no {PIECES}/{piece_id} in your studio; only your own pieces get a link")
        key = composed.link(session, piece)
        studio.journal.append(session, listener_id, pieces=[piece_id])
        return key

    return studio.database.transaction(work)


def copy_link(studio: Studio, listener_id: uuid.UUID, link_key: str) -> OpenedPiece:
    """Copy the piece that a link leads to into the listener's own studio, to start from.

    Raises ``NotYours``, and ``TooMany`` as composing does.
    """

    def work(session: Session) -> str:
        check_rate(session, listener_id)
        source = _linked(session, listener_id, link_key)
        return keep(
            session,
            studio,
            listener_id,
            domain=source.domain,
            title=source.title or "From a link",
            recipe={},
            notes=source.notes,
            latents=source.latents,
            model_version=source.model_version,
            image=source.image or None,
        )

    return open_piece(studio, listener_id, studio.database.transaction(work))


def keep(session: Session, studio: Studio, listener_id: uuid.UUID, **fields: Any) -> str:
    """Store a piece (``fields`` of ``add_piece``) and give its name; the oldest go where there are too many.

    The listener is locked from then on. Raises ``NotWritten`` as the journal does.
    """
    piece = composed.add_piece(session, listener_id, **fields)
    gone = composed.thin_out(session, listener_id, KEPT_PIECES)
    studio.journal.append(session, listener_id, pieces=[piece.id], gone=gone)
    return f"{PIECES}/{piece.id}"


def keep_encoded(studio: Studio, listener_id: uuid.UUID, domain: str, title: str, encoded: EncodeResult) -> str:
    """Store a piece that was brought, as the generator encoded it, and give its name; raises as ``keep`` does.

    The same music brought again under the same title is the piece that is there.
    """

    def store(session: Session) -> str:
        there = composed.brought_before(session, listener_id, domain, title[:TITLE_LENGTH], encoded.notes)
        if there and there.model_version == encoded.model_version:
            return f"{PIECES}/{there.id}"
        return keep(
            session,
            studio,
            listener_id,
            domain=domain,
            title=title[:TITLE_LENGTH],
            recipe={},
            notes=encoded.notes,
            latents=encoded.latents,
            model_version=encoded.model_version,
        )

    return studio.database.transaction(store)


def opened(session: Session, studio: Studio, listener_id: uuid.UUID, source: Source, link_key: str = "") -> OpenedPiece:
    """A source in full; with ``link_key`` its addresses work for whoever has the link."""
    found: dict[str, Source] = {}
    for name in names_in(source.recipe):
        with contextlib.suppress(NotYours):
            found[name] = find(session, name, listener_id, pictures=True)
    link = {"link": link_key} if link_key else {}
    address, behind = f"/api/studio/{source.name}", f"?{urlencode(link)}" if link else ""

    def heard(each: Source) -> dict[str, float]:
        return traits(session, studio.playable, each)

    common: dict[str, Any] = {
        "name": source.name,
        "domain": source.domain,
        "title": source.title,
        "traits": heard(source),
        "recipe": Recipe.from_json(source.recipe) if source.recipe else None,
        "sources": {name: Described(each.title, heard(each)) for name, each in found.items()},
        "mine": source.mine,
        "editable": set(found) == set(names_in(source.recipe)),
    }
    if source.of_picture:
        return _opened_picture(session, studio, source, f"{address}/{IMAGE}{behind}", common)
    piece, roll, dials = source.piece, piano_roll(source), studio.dials
    return OpenedPiece(
        **common,
        meter=(int(piece.bars[0, 2]), int(piece.bars[0, 3])),
        dials=dials.of_piece(piece, source.music),
        no_dials=dials.missing(source.music),
        seconds=roll.seconds,
        bars_s=roll.bars_s,
        notes=roll.notes,
        audio_url=f"{address}/flac{media.played(**link)}",
        image_url="",
        score_url=f"{address}/score{behind}",
        downloads={form: f"{address}/{form}{behind}" for form in FORMS},
    )


def _opened_picture(
    session: Session, studio: Studio, source: Source, address: str, common: dict[str, Any]
) -> OpenedPiece:
    """A picture is one bar without notes, and what stands for its sound is its image."""
    space = studio.playable.space_of(PICTURES)
    latents = Latents.from_json(source.latents)
    pool = studio.playable.clips(session, PICTURES).features
    return OpenedPiece(
        **common,
        meter=(4, 4),
        dials=of_picture(latents, space, pool) if latents.version == space.version else {},
        no_dials={},
        seconds=PICTURE_SECONDS,
        bars_s=[],
        notes=[],
        audio_url="",
        score_url="",
        downloads={TAKEN: address.replace(f"/{IMAGE}", f"/{TAKEN}")},
        image_url=address,
    )


def _linked(session: Session, listener_id: uuid.UUID, link_key: str) -> Source:
    piece = composed.linked_piece(session, link_key)
    if piece is None:
        raise NotYours("this link leads to no piece (any more); ask for a new one, or start from a piece of your own")
    return find(session, f"{PIECES}/{piece.id}", listener_id, link_key, pictures=True)
