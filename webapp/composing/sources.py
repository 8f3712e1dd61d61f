"""What a recipe in the studio names: a clip that this listener may hear, or a piece of theirs or of a link's.

A whole piece is called by its kind, key and meter, as a concert programme calls what bears no title.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import composed
from db.queries import composed as rows
from db.tables import PICTURES
from models.metrics.music_statistics import attributes
from models.music.engraving import key_of
from models.music.notes import Domain, Piece
from models.music.performance import Performance, as_written
from models.style.latents import Latents
from models.style.performance import touch
from models.taste.space import TasteSpace, summary
from webapp.learning.playable_clips import AnyDomain, PlayablePool, domain_named
from webapp.runtime.database import Database
from webapp.runtime.errors import NotYours

CLIPS, PIECES = "clips", "pieces"
COMPOSED = "composed"  # the source of notes that nobody brought
LEAST_POOL, LEAST_SPREAD = 8, 0.3  # below these a pool says little about where its middle lies
TEXTURE, SINGLE_LINE = "notes_per_onset", -1.0  # one note at a time, in standard deviations of all music
KINDS = {"pop": "Pop piano", "dance": "Dance tune", "chorale": "Chorale"}
SIGNS = {"b": " flat", "#": " sharp"}
KEPT = 10_000  # names; a page asks for the same ones again and again
_names: dict[uuid.UUID, str] = {}


@dataclass(frozen=True)
class Source:
    """A clip (``clips/ID``) or a studio piece (``pieces/ID``) with its music; only a piece has a recipe.

    What was brought or looked up sounds as it is ``written``. A picture has latents, and no notes;
    ``image``: its PNG in base64, where it was kept.
    """

    name: str
    domain: AnyDomain
    title: str
    recipe: Mapping[str, Any]
    notes: dict[str, Any]
    latents: dict[str, Any]
    model_version: str
    mine: bool = True
    written: bool = False
    image: str = ""

    @property
    def of_picture(self) -> bool:
        """Whether it is a picture."""
        return self.domain == PICTURES

    @property
    def music(self) -> Domain:
        """Its kind of music; ``ValueError`` for a picture."""
        return domain_named(self.domain)

    @property
    def called(self) -> str:
        """Its title, or else what it is: "Pop piano in E flat major, 4/4"."""
        return self.title or name_of(self.domain, self.notes)

    @property
    def piece(self) -> Piece:
        """Its notes."""
        return Piece.from_json(self.notes)

    @property
    def performance(self) -> Performance:
        """How it is played."""
        return as_written(self.piece) if self.written else touch.play(self.piece, self.music)


def find(session: Session, name: str, listener_id: uuid.UUID, link_key: str = "", *, pictures: bool = False) -> Source:
    """What ``name`` means to this listener; raises ``NotYours`` where it is nothing or somebody else's.

    The key of a link opens its piece and what that was made from. Without ``pictures`` only music is found.
    """
    kind, _, number = name.partition("/")
    wanted = uuid.UUID(number)
    linked = composed.linked_piece(session, link_key) if link_key else None
    by_link = linked is not None and (name == f"{PIECES}/{linked.id}" or name in names_in(linked.recipe))
    if kind == CLIPS:
        clip = clip_rows.get_clip(session, wanted)
        if clip is not None and (clip.composed_for in {None, listener_id} or by_link):
            _check(name, clip.domain, pictures=pictures)
            title = str(clip.recipe.get("title", ""))  # of whole pieces
            domain = cast("AnyDomain", clip.domain)
            return Source(name, domain, title, {}, clip.notes, clip.latents, clip.model_version)
    else:
        piece = composed.get_piece(session, wanted)
        if piece is not None and (piece.listener_id == listener_id or by_link):
            _check(name, piece.domain, pictures=pictures)
            return Source(
                name,
                cast("AnyDomain", piece.domain),  # a CHECK of the table holds it
                piece.title,
                piece.recipe,
                piece.notes,
                piece.latents,
                piece.model_version,
                mine=piece.listener_id == listener_id,
                written=not piece.recipe and piece.notes.get("source") != COMPOSED,
                image=piece.image or "",
            )
    raise NotYours(f"there is no {name} in your studio (any more); start from another piece")


def _check(name: str, domain: str, *, pictures: bool) -> None:
    if domain == PICTURES and not pictures:
        raise NotYours(f"{name} is a picture, and music is needed here; choose a clip or a piece")


def names_in(recipe: Mapping[str, Any]) -> list[str]:
    """Every source of a recipe, content first; none for a piece that was brought as a file."""
    if not recipe:
        return []
    toward = recipe.get("toward")  # not in older recipes
    borrowed = [*recipe["styles"].values(), *([toward] if toward else [])]
    return [recipe["content"], *(each["source"] for each in borrowed)]


def traits(session: Session, playable: PlayablePool, source: Source) -> dict[str, float]:
    """Attribute → how many standard deviations it lies from the middle of its domain; empty for an older model's."""
    space = playable.space_of(source.domain)
    if source.model_version != space.version:
        return {}
    features = space.features(summary(Latents.from_json(source.latents))[None])
    found = named_traits(session, space, playable, source.domain, features)[0]
    return found if source.of_picture else as_heard(found, source.piece)


def as_heard(found: Mapping[str, float], piece: Piece) -> dict[str, float]:
    """Traits without thick chords where ``piece`` has none: of what was composed the readout may find some."""
    single = attributes(piece)[TEXTURE] <= 1
    return {**found, TEXTURE: min(found[TEXTURE], 0.0)} if single else dict(found)


def named_traits(
    session: Session, space: TasteSpace, playable: PlayablePool, domain: str, features: npt.NDArray[np.float64]
) -> list[dict[str, float]]:
    """The traits of clips by their features ``(clips, F)``, measured against the pool of their domain.

    Among tunes of single notes one is not thicker than another: what the readout finds there is noise.
    """
    names = space.names
    pool = playable.clips(session, domain).features[:, : len(names)]
    known = len(pool) >= LEAST_POOL
    middle = pool.mean(axis=0) if known else np.zeros(len(names))
    spread = np.maximum(pool.std(axis=0), LEAST_SPREAD) if known else np.ones(len(names))
    rows = np.round((features[:, : len(names)] - middle) / spread, 2)
    if TEXTURE not in names:
        return [dict(zip(names, row, strict=True)) for row in rows.tolist()]
    texture = names.index(TEXTURE)
    if middle[texture] < SINGLE_LINE:
        rows[features[:, texture] < SINGLE_LINE, texture] = 0.0
    return [dict(zip(names, row, strict=True)) for row in rows.tolist()]


def names_of(database: Database, clip_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """What each of these clips is called: "Dance tune in D major, 6/8"."""
    unknown = [clip_id for clip_id in clip_ids if clip_id not in _names]
    if unknown:
        if len(_names) > KEPT:
            _names.clear()
        notes = database.transaction(lambda session: rows.notes_of(session, unknown))
        _names.update({clip_id: name_of(domain, piece) for clip_id, (domain, piece) in notes.items()})
    return {clip_id: _names[clip_id] for clip_id in clip_ids if clip_id in _names}


def name_of(domain: str, notes: Mapping[str, Any]) -> str:
    """The name of a piece of these notes."""
    piece = Piece.from_json(notes)
    meters = [(int(above), int(below)) for above, below in piece.bars[:, 2:]]
    above, below = max(meters, key=meters.count)
    return f"{KINDS[domain]} in {key_in_words(key_of(piece))}, {above}/{below}"


def key_in_words(key: str) -> str:
    """ "F#m" → "F sharp minor"."""
    letter, rest = key[0], key[1:]
    return f"{letter}{SIGNS.get(rest[:1], '')} {'minor' if rest.endswith('m') else 'major'}"
