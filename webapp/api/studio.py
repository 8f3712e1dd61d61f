"""The HTTP interface of the studio, under ``/api/studio``: sources, recipes, what came of them, links.

A source is named ``clips/ID`` (the pool's, or composed for this listener) or ``pieces/ID`` (of this listener's studio:
composed, brought as a file, or taken from a collection of tunes).
Another listener's piece is not found, except through the key of its link.
"""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from models.music.notes import Domain
from models.style.latents import STYLE_GROUPS
from models.style.locks import Locks
from webapp.api.listening import ERRORS, IMMUTABLE, Known, TheContext, public_address
from webapp.composing import sources
from webapp.runtime.errors import NotAllowed
from webapp.studio import choices, composing, opening, pairs, sound, tunes, uploads

router = APIRouter(prefix="/api/studio", tags=["studio"])

Name = Annotated[str, Field(pattern=r"^(clips|pieces)/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
LinkKey = Annotated[str, Query(max_length=64)]
Seed = Annotated[int, Field(ge=0, lt=2**53)]
Form = Literal["mid", "abc", "score", "mp3", "wav", "flac"]
MEDIA: dict[Form, str] = {
    "mid": "audio/midi",
    "abc": "text/vnd.abc; charset=utf-8",
    "score": "text/vnd.abc; charset=utf-8",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "flac": "audio/flac",
}


def _name(kind: Literal["clips", "pieces"], source_id: uuid.UUID) -> str:
    return f"{kind}/{source_id}"


Named = Annotated[str, Depends(_name)]


class Borrowed(BaseModel):
    """One style: from which source, and how far from the content's own (0) to that (1)."""

    model_config = ConfigDict(extra="forbid")
    source: Name
    strength: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 1.0


class Kept(BaseModel):
    """What of the content stays: bars (counted from 0) and melody note for note, harmony and rhythm in kind."""

    model_config = ConfigDict(extra="forbid")
    bars: list[Annotated[int, Field(ge=0, le=7)]] = Field(default_factory=list, max_length=8)
    melody: bool = False
    harmony: bool = False
    rhythm: bool = False


class Recipe(BaseModel):
    """What a piece is made from.

    ``toward``: another piece, and how far all of the content goes there, bar by bar. ``styles`` by group: rhythm,
    register, harmony, dynamics, tempo, texture. ``turned``: styles that are not borrowed, moved by so many standard
    deviations along the data's regression. ``keep``: how much of what neither ``locks`` nor styles hold stays; the
    rest is drawn anew with ``seed``.
    """

    model_config = ConfigDict(extra="forbid")
    content: Name
    toward: Borrowed | None = None
    styles: dict[str, Borrowed] = Field(default_factory=dict)
    turned: dict[str, Annotated[float, Field(ge=-3, le=3, allow_inf_nan=False)]] = Field(default_factory=dict)
    keep: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 1.0
    locks: Kept = Field(default_factory=Kept)
    seed: Seed = 0

    def checked(self) -> composing.Recipe:
        """As the service takes it; raises ``NotAllowed`` for a style that there isn't."""
        unknown = sorted({*self.styles, *self.turned} - {*STYLE_GROUPS})
        if unknown:
            raise NotAllowed(f"styles {unknown} were asked for; there are {list(STYLE_GROUPS)}")
        both = sorted(set(self.styles) & set(self.turned))
        if both:
            raise NotAllowed(f"{', '.join(both)} can't be borrowed and turned at once; ask for one of the two")
        styles = {group: composing.Borrowed(each.source, each.strength) for group, each in self.styles.items()}
        toward = composing.Borrowed(self.toward.source, self.toward.strength) if self.toward else None
        asked = self.locks
        locks = Locks(tuple(sorted({*asked.bars})), asked.melody, asked.harmony, asked.rhythm)
        return composing.Recipe(
            self.content, styles, self.seed, toward=toward, turned=self.turned, keep=self.keep, locks=locks
        )


class Variations(Recipe):
    """A recipe of which some variations are wanted."""

    count: Annotated[int, Field(ge=1, le=4)] = 4


class Way(BaseModel):
    """From one piece to another in ``steps`` steps between them."""

    model_config = ConfigDict(extra="forbid")
    content: Name
    toward: Name
    steps: Annotated[int, Field(ge=1, le=7)] = 5
    seed: Seed = 0


class Described(BaseModel):
    """A source that a recipe names; ``traits``: attribute → standard deviations from the middle of its domain."""

    title: str
    traits: dict[str, float]


class Dial(BaseModel):
    """A style that can be turned: the piece's value of its attribute, one SD, and percentiles 5 to 95 of real music."""

    attribute: str
    value: float
    sd: float
    real: list[float] | None


class Opened(Described):
    """A source in full: notes ``[start_s, duration_s, pitch, velocity]`` and bar starts in the time of its sound.

    ``no_dials``: styles that can't be turned and why.
    """

    name: str
    domain: Domain
    dials: dict[str, Dial]
    no_dials: dict[str, str]
    recipe: Recipe | None
    sources: dict[str, Described]
    mine: bool
    editable: bool
    seconds: float
    bars_s: list[float]
    notes: list[tuple[float, float, int, int]]
    audio_url: str
    score_url: str
    downloads: dict[str, str]


class Brought(Opened):
    """A file that was brought, and what it was read as, by its content."""

    read_as: Literal["MIDI", "ABC"]


class Choice(Described):
    """Something to start or borrow from; ``rank`` among the clips that the listener has met.

    ``collection``: where the listener took it from, empty for a clip and for an own file.
    """

    name: str
    collection: str
    rank: int | None
    composed: bool
    seconds: float | None
    audio_url: str
    notes_url: str


class Tune(BaseModel):
    """A piece of a collection; POST to its ``address`` takes it into the studio."""

    address: str
    title: str
    collection: str
    domain: Domain
    audio_url: str
    notes_url: str


class Tunes(BaseModel):
    """How many pieces of ``collections`` have the words in a title, and the first of them."""

    collections: list[str]
    found: int
    tunes: list[Tune]


@router.get("/choices", responses=ERRORS)
def read_choices(
    context: TheContext,
    listener_id: Known,
    domain: Domain = "pop",
    limit: Annotated[int, Query(ge=1, le=96)] = 12,
) -> list[Choice]:
    """What the listener brought, their best clips so far, then more of the pool; nothing that waits for a pair."""
    return [
        Choice.model_validate(each)
        for each in choices.choices(context.database, context.space, context.playable, listener_id, domain, limit)
    ]


@router.post("/uploads", status_code=201, responses=ERRORS)
def bring(
    context: TheContext,
    listener_id: Known,
    data: Annotated[bytes, Body(media_type="application/octet-stream")] = b"",
    name: Annotated[str, Query(max_length=255)] = "",
    domain: Domain = "pop",
) -> Brought:
    """Bring a MIDI or ABC file, at most 256 KiB, as music of ``domain``; its first eight whole bars are kept."""
    return Brought.model_validate(
        uploads.upload(
            context.database,
            context.journal,
            context.generation,
            context.space,
            context.playable,
            context.style_folder,
            listener_id,
            name,
            data,
            domain,
        )
    )


@router.get("/tunes", responses=ERRORS)
def find_tunes(
    words: Annotated[str, Query(max_length=120)] = "",
    domain: Domain = "dance",
    limit: Annotated[int, Query(ge=1, le=96)] = 12,
) -> Tunes:
    """The pieces of the collections that may be played with the words in a title, those of ``domain`` first."""
    return Tunes.model_validate(tunes.found(words, domain, limit))


@router.get("/tunes/{collection}/{number}/notes", responses=ERRORS)
def read_tune(collection: str, number: str) -> dict[str, Any]:
    """The beginning of a piece: ``{seconds, bars_s, notes}`` in the time of its sound."""
    return tunes.notes(collection, number)


@router.get("/tunes/{collection}/{number}/audio", responses=ERRORS, response_class=Response)
def hear_tune(collection: str, number: str) -> Response:
    """The beginning of a piece as FLAC."""
    return Response(sound.sound(tunes.source(collection, number), "flac"), media_type=MEDIA["flac"])


@router.post("/tunes/{collection}/{number}", status_code=201, responses=ERRORS)
def take_tune(collection: str, number: str, context: TheContext, listener_id: Known) -> Opened:
    """Take a piece of a collection into the listener's studio; the same piece again is the one that is there."""
    return Opened.model_validate(
        tunes.take(
            context.database,
            context.journal,
            context.generation,
            context.space,
            context.playable,
            context.style_folder,
            listener_id,
            collection,
            number,
        )
    )


@router.post("/pieces", status_code=201, responses=ERRORS)
def compose(recipe: Recipe, context: TheContext, listener_id: Known) -> Opened:
    """Compose a piece by a recipe and keep it in the listener's studio."""
    return Opened.model_validate(
        composing.compose(
            context.database,
            context.journal,
            context.generation,
            context.space,
            context.playable,
            context.style_folder,
            listener_id,
            recipe.checked(),
        )
    )


@router.post("/variations", status_code=201, responses=ERRORS)
def vary(recipe: Variations, context: TheContext, listener_id: Known) -> list[Opened]:
    """Compose a recipe with the next few seeds; best for this listener's taste first."""
    made = composing.variations(
        context.database,
        context.journal,
        context.generation,
        context.space,
        context.playable,
        context.style_folder,
        listener_id,
        recipe.checked(),
        recipe.count,
    )
    return [Opened.model_validate(each) for each in made]


@router.post("/interpolations", status_code=201, responses=ERRORS)
def interpolate(way: Way, context: TheContext, listener_id: Known) -> list[Opened]:
    """Compose the steps between two pieces, evenly on the straight line between their latents, the first's end first.

    The tempo goes evenly in its logarithm; meter and kind of music are those of the nearer end, the number of bars is
    the first's. Each step is a piece with a recipe (``toward``).
    """
    made = composing.interpolation(
        context.database,
        context.journal,
        context.generation,
        context.space,
        context.playable,
        context.style_folder,
        listener_id,
        **way.model_dump(),
    )
    return [Opened.model_validate(each) for each in made]


@router.get("/links/{key}", responses=ERRORS)
def read_link(key: str, context: TheContext, listener_id: Known) -> Opened:
    """The piece that a link leads to, with its recipe."""
    return Opened.model_validate(
        opening.open_link(context.database, context.space, context.playable, context.style_folder, listener_id, key)
    )


@router.post("/links/{key}/copy", status_code=201, responses=ERRORS)
def adopt(key: str, context: TheContext, listener_id: Known) -> Opened:
    """Copy the piece that a link leads to into the listener's own studio, to start from."""
    return Opened.model_validate(
        opening.adopt(
            context.database, context.journal, context.space, context.playable, context.style_folder, listener_id, key
        )
    )


@router.post("/pieces/{piece_id}/link", responses=ERRORS)
def make_link(piece_id: uuid.UUID, request: Request, context: TheContext, listener_id: Known) -> dict[str, str]:
    """The address that opens this piece with its recipe for whoever has it."""
    key = opening.make_link(context.database, context.journal, listener_id, piece_id)
    return {"key": key, "url": f"{public_address(request)}/studio?link={key}"}


@router.post("/pieces/{piece_id}/offer", status_code=202, responses=ERRORS)
def offer(piece_id: uuid.UUID, context: TheContext, listener_id: Known) -> dict[str, bool]:
    """Offer the piece, blind, against the clip that it was made from, among the listener's next pairs."""
    pairs.offer(context.clip_maker, listener_id, piece_id)
    return {"offered": True}


@router.get("/{kind}/{source_id}", responses=ERRORS)
def read_source(name: Named, context: TheContext, listener_id: Known, link: LinkKey = "") -> Opened:
    """A clip or piece in full."""
    return Opened.model_validate(
        opening.open_piece(
            context.database, context.space, context.playable, context.style_folder, listener_id, name, link
        )
    )


@router.get("/{kind}/{source_id}/{form}", responses=ERRORS, response_class=Response)
def read_sound(
    name: Named,
    form: Form,
    context: TheContext,
    listener_id: Known,
    link: LinkKey = "",
) -> Response:
    """The whole piece as MIDI, ABC, MP3, WAV or FLAC; ``score`` is ABC for the eye, without overlaps and short rests.

    Except for the score, which may come to be drawn better, it never changes.
    """
    source = context.database.transaction(lambda session: sources.find(session, name, listener_id, link))
    if form == "score":
        return Response(sound.abc(source, reading=True), media_type=MEDIA[form])
    written = {"mid": sound.midi, "abc": sound.abc}
    data = written[form](source) if form in written else sound.sound(source, form)
    return Response(data, media_type=MEDIA[form], headers={"Cache-Control": IMMUTABLE})
