"""Sections of a whole piece: each is worked on like any other piece, and goes back to where it came from.

A section is kept as a piece of the studio whose notes tell its place (``whole/ID/FIRST/BARS``), and what is composed
from it finds the way back along the recipes. Begin with ``open_section`` and ``put_back``.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy.orm import Session

from db.queries.clips import audio_lengths, get_clip
from db.tables import WHOLE, Clip
from models.music.midi import without_overlaps
from models.music.notes import MusicError, Piece
from webapp.composing import sources, whole_pieces
from webapp.composing.dials import FORM, FORMS, IN_FORM, SECTIONS
from webapp.composing.sources import PIECES
from webapp.generation.protocol import GenerateResult, answered
from webapp.learning.playable_clips import domain_named
from webapp.runtime.errors import NotAllowed, NotYours
from webapp.studio.blind_pairs import BROKEN
from webapp.studio.pieces import TITLE_LENGTH, OpenedPiece, Place, keep_encoded, open_piece, place_of
from webapp.studio.studio import Studio, check_rate, slow_slot

if TYPE_CHECKING:
    from webapp.composing.clip_maker import ClipMaker  # the piano, only where it is needed

BARS = 8  # of a section, at most: as many as the model works on


@dataclass(frozen=True)
class Section:
    """A section by its letter in the form, if there is one, and its first bar as one counts: a pickup is none."""

    place: Place
    letter: str
    number: int

    @property
    def bars(self) -> str:
        """Its bars as they are counted, such as ``1–8``."""
        last = self.number + self.place.bars - 1
        return f"{self.number}–{last}" if last > self.number else str(last)

    @property
    def name(self) -> str:
        """Its letter and its bars."""
        return f"{self.letter}: {self.bars}" if self.letter else self.bars


@dataclass(frozen=True)
class Timeline:
    """A whole piece in its sections; ``here`` is the first bar (from 0) of the one that is worked on."""

    whole: uuid.UUID
    name: str
    seconds: float
    form: str
    sections: Sequence[Section]
    here: int

    @property
    def number(self) -> int:
        """The first bar of the section that is worked on, as one counts."""
        return next((each.number for each in self.sections if each.place.first == self.here), self.here + 1)


def open_section(studio: Studio, listener_id: uuid.UUID, clip_id: uuid.UUID, first: int | None = None) -> OpenedPiece:
    """The section of a whole piece that begins with its bar ``first`` (the first one), in the listener's studio.

    Raises ``NotYours`` where there is no such piece of theirs, ``NotAllowed`` where no section begins there or the
    model can't take it, ``TooMany`` and ``NotReady`` as composing does.
    """

    def look(session: Session) -> Clip:
        check_rate(session, listener_id)
        return _whole(session, listener_id, clip_id)

    clip = studio.database.transaction(look)
    piece, sections = Piece.from_json(clip.notes), _sections(clip)
    found = next((each for each in sections if first is None or each.place.first == first), None)
    if found is None:
        begins = ", ".join(str(each.place.first) for each in sections)
        raise NotAllowed(f"no section begins with bar {first}, counted from 0; sections begin with {begins}")
    place = found.place
    section = replace(piece.window(place.first, place.bars), piece_id=str(place))
    with slow_slot(), answered(refused="this section can't be changed, choose another one"):
        encoded = studio.generation.encode(section.to_json())
    if not np.array_equal(Piece.from_json(encoded.notes).bars, section.bars):
        raise NotAllowed("this section can't be changed: it begins in silence, or its meter changes; choose another")
    title = f"{_name(clip)}, bars {found.bars}"[:TITLE_LENGTH]
    return open_piece(studio, listener_id, keep_encoded(studio, listener_id, clip.domain, title, encoded))


def timeline(studio: Studio, listener_id: uuid.UUID, name: str) -> Timeline | None:
    """The whole piece that ``pieces/ID`` is or was made from a section of; None where it is none, or that is gone."""

    def work(session: Session) -> Timeline | None:
        place = place_of(session, listener_id, name)
        if place is None:
            return None
        try:
            return _timeline(session, _whole(session, listener_id, place.whole), place.first)
        except NotYours:
            return None

    return studio.database.transaction(work)


def whole_piece(studio: Studio, listener_id: uuid.UUID, clip_id: uuid.UUID, here: int) -> Timeline:
    """A whole piece, of which the section from bar ``here`` on is worked on; raises ``NotYours``."""
    return studio.database.transaction(lambda session: _timeline(session, _whole(session, listener_id, clip_id), here))


def put_back(maker: ClipMaker, listener_id: uuid.UUID, piece_id: uuid.UUID) -> uuid.UUID:
    """The whole piece with this piece of the studio in the place of the section that it was made from: a new one.

    Raises ``NotYours`` where it was made from none, or that is gone, ``NotAllowed`` where the whole can't be offered,
    and ``TooMany`` as for other whole pieces.
    """
    name = f"{PIECES}/{piece_id}"

    def look(session: Session) -> tuple[sources.Source, Place, Clip]:
        whole_pieces.check_day(session, listener_id)
        source = sources.find(session, name, listener_id)
        place = place_of(session, listener_id, name)
        if place is None:
            raise NotYours("this was made from no section of a whole piece; open one in the Studio first")
        return source, place, _whole(session, listener_id, place.whole)

    source, place, clip = maker.database.transaction(look)
    if source.model_version != maker.style.version or clip.model_version != maker.style.version:
        raise NotAllowed("this was composed with an older model; begin with a newer piece")
    # a recipe names a clip that the piece begins with, as it sounds; what is put back may sound unlike it
    recipe = {name: value for name, value in clip.recipe.items() if name != "clip"}
    recipe["changed"] = [*recipe.get("changed", []), [place.first, place.bars]]
    result = GenerateResult(
        id=uuid.uuid4().hex,
        notes=_spliced(Piece.from_json(clip.notes), place, source.piece).to_json(),
        latents=source.latents if place.first == 0 else clip.latents,
        recipe=recipe,
        model_version=clip.model_version,
        queue_ms=0,
        decode_ms=0,
    )
    with slow_slot():
        kept = maker.keep(result, domain_named(clip.domain), listener_id, WHOLE, whole=True)
    if kept.clip_id is None:
        raise NotAllowed(
            f"the whole piece can't be kept like this: {BROKEN.get(kept.fault or '', 'you have it already')}"
        )
    return kept.clip_id


def _whole(session: Session, listener_id: uuid.UUID, clip_id: uuid.UUID) -> Clip:
    clip = get_clip(session, clip_id)
    if clip is None or clip.composed_for != listener_id or clip.kind != WHOLE:
        raise NotYours(f"there is no whole piece {clip_id} of yours (any more); choose another one")
    return clip


def _timeline(session: Session, clip: Clip, here: int) -> Timeline:
    seconds = max(audio_lengths(session, clip.id), default=0.0)
    return Timeline(clip.id, _name(clip), seconds, str(clip.recipe.get("form", "")), _sections(clip), here)


def _name(clip: Clip) -> str:
    return str(clip.recipe.get("title", "")) or sources.name_of(clip.domain, clip.notes)


def _sections(clip: Clip) -> list[Section]:
    """The sections of a form, or else of ``BARS`` bars, none longer; a pickup is none.

    A form that was asked for divides the bars evenly; in one that was heard, the last section may be shorter.
    """
    piece, form = Piece.from_json(clip.notes), str(clip.recipe.get(FORM, ""))
    pickup = int(piece.has_pickup)
    bars, domain = len(piece.bars) - pickup, domain_named(clip.domain)
    asked = bool(form) and bars % len(form) == 0 and (clip.recipe.get(IN_FORM) or form == FORMS[domain])
    each = bars // len(form) if asked else SECTIONS[domain]
    letters = form if math.ceil(bars / each) == len(form) else ""  # a form that does not fit the bars names none
    length = min(BARS, each) if letters else BARS
    found = []
    for begin in range(0, bars, length):
        place = Place(clip.id, begin + pickup, min(length, bars - begin))
        letter = letters[begin // each] if letters else ""
        found.append(Section(place, letter, begin + 1))
    return found


def _spliced(whole: Piece, place: Place, new: Piece) -> Piece:
    """The whole with ``new`` in a section's place; what rings over its ends stops where its pitch returns.

    Raises ``NotAllowed`` where it has other bars than the section.
    """
    there, after = whole.window(place.first, place.bars), place.first + place.bars
    if not np.array_equal(new.bars[:, 2:], there.bars[:, 2:]):
        had, has = (f"{_counted(each)} in {each.bars[0, 2]}/{each.bars[0, 3]}" for each in (there, new))
        raise NotAllowed(f"this has {has}, and the section has {had}; put back what is as long and in its meter")
    try:
        parts = [whole.window(0, place.first)] if place.first else []
        parts.append(new)
        if after < len(whole.bars):
            parts.append(whole.window(after, len(whole.bars)))
        joined = reduce(Piece.followed_by, parts)
    except MusicError as error:
        raise NotAllowed(f"this can't be put back: {error}") from error
    notes = without_overlaps(joined.notes)
    return replace(whole, notes=notes, bars=joined.bars, tempo_bpm=joined.tempo_bpm, chords=joined.chords)


def _counted(piece: Piece) -> str:
    return f"{len(piece.bars)} bar{'s' if len(piece.bars) > 1 else ''}"
