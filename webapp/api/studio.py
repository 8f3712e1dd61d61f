"""The HTTP interface of the studio, under ``/api/studio`` and ``/api/moods``: sources, recipes, what came of them.

A source is named ``clips/ID`` (the pool's, or composed for this listener) or ``pieces/ID`` (of this listener's studio:
composed, brought as a file, or taken from a collection of tunes). Another listener's piece is not found, except through
the key of its link.

Moods are how music sounds to the judges, and how it is moved: valence goes from sad (-1) to happy (1), arousal from
calm (-1) to lively (1).
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Depends, Path, Query, Request, Response
from pydantic import BaseModel, Field

from models.mood.steering import Dials as Rules
from models.music.notes import Domain
from models.style.drafts import Locks
from models.style.latents import PICTURE_GROUPS, STYLE_GROUPS
from models.taste.readouts import PICTURE_ATTRIBUTES
from webapp.api.dependencies import ERRORS, IMMUTABLE, Known, TheContext, image_response, public_address
from webapp.composing import media
from webapp.composing.dials import Degree, noted_mood
from webapp.film import own_pictures, shown_music
from webapp.film.scored_films import MOST_SEED, Method
from webapp.film.shown_music import ShownMusic
from webapp.fit import learned
from webapp.generation.protocol import Look, Mood
from webapp.learning.playable_clips import AnyDomain
from webapp.mood import hear, in_words, steer
from webapp.runtime.errors import NotAllowed
from webapp.runtime.requests import Strict
from webapp.runtime.waiting import heed
from webapp.studio import blind_pairs, composing, formats, pictures, pieces, sections, starting_points, uploads
from webapp.studio.formats import PianoRoll
from webapp.studio.pieces import Borrowed, OpenedPiece, Recipe

router = APIRouter(prefix="/api/studio", tags=["studio"], dependencies=[Depends(heed)])

Name = Annotated[str, Field(pattern=r"^(clips|pieces)/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
LinkKey = Annotated[str, Query(max_length=64)]
Seed = Annotated[int, Field(ge=0, lt=2**53)]
Form = Literal["mid", "played", "musicxml", "abc", "score", "mp3", "wav", "flac", "image", "png"]
KNOWN = {*STYLE_GROUPS, *PICTURE_GROUPS[1:], *PICTURE_ATTRIBUTES}  # of music and of pictures
MEDIA: dict[str, str] = {
    "mid": "audio/midi",
    "played": "audio/midi",
    "musicxml": "application/vnd.recordare.musicxml+xml",
    "abc": "text/vnd.abc; charset=utf-8",
    "score": "text/vnd.abc; charset=utf-8",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "flac": "audio/flac",
}


def _name(kind: Literal["clips", "pieces"], source_id: uuid.UUID) -> str:
    return f"{kind}/{source_id}"


Named = Annotated[str, Depends(_name)]


def _look(
    context: TheContext,
    listener_id: Known,
    way: Method = "annotated",
    seed: Annotated[int, Query(ge=0, le=MOST_SEED)] = 0,
) -> Look:
    return Look(way, seed, learned.links_for(context.database, listener_id, way))


AskedLook = Annotated[Look, Depends(_look)]


class AskedStyle(Strict):
    """One style: from which source, and how far from the content's own (0) to that (1)."""

    source: Name
    strength: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 1.0


class AskedLocks(Strict):
    """What of the content stays: bars (counted from 0) and melody note for note, harmony and rhythm in kind."""

    bars: list[Annotated[int, Field(ge=0, le=7)]] = Field(default_factory=list, max_length=8)
    melody: bool = False
    harmony: bool = False
    rhythm: bool = False


class AskedRules(Strict):
    """How the notes of the content are changed, as a mood asks for, before they are encoded.

    ``tempo``: times as fast; ``major``: 1 major, -1 minor, 0 as it is; ``semitones`` higher; ``spread``: 1 wider, -1
    narrower; ``velocity``: the mean loudness, null as it is.
    """

    tempo: Annotated[float, Field(ge=0.5, le=2, allow_inf_nan=False)] = 1.0
    major: Literal[-1, 0, 1] = 0
    semitones: Annotated[int, Field(ge=-12, le=12)] = 0
    spread: Literal[-1, 0, 1] = 0
    velocity: Annotated[int, Field(ge=1, le=127)] | None = None


class AskedRecipe(Strict):
    """What a piece is made from.

    ``toward``: another piece, and how far all of the content goes there, bar by bar. ``styles`` by group: rhythm,
    register, harmony, dynamics, tempo, texture. ``turned``: styles that are not borrowed, moved by so many standard
    deviations along the data's regression. ``keep``: how much of what neither ``locks`` nor styles hold stays; the
    rest is drawn anew with ``seed``. ``rules``: how the content's notes are changed before all that. ``mood``: the
    valence and arousal, from -1 to 1, for which it is written anew, where nothing is to stay and nothing is borrowed.

    Of a picture the ``styles`` are palette, light, line; ``turned`` are size, warmth, colourfulness,
    brightness, contrast, busyness; and there is nothing to lock.
    """

    content: Name
    toward: AskedStyle | None = None
    styles: dict[str, AskedStyle] = Field(default_factory=dict)
    turned: dict[str, Annotated[float, Field(ge=-3, le=3, allow_inf_nan=False)]] = Field(default_factory=dict)
    keep: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 1.0
    locks: AskedLocks = Field(default_factory=AskedLocks)
    rules: AskedRules | None = None
    mood: tuple[Degree, Degree] | None = None
    seed: Seed = 0

    def checked(self) -> Recipe:
        """As the studio takes it; raises ``NotAllowed`` for a style that there isn't, or that is to be two things."""
        unknown = sorted({*self.styles, *self.turned} - KNOWN)
        if unknown:
            raise NotAllowed(f"styles {unknown} were asked for; there are {sorted(KNOWN)}")
        both = sorted(set(self.styles) & set(self.turned))
        if both:
            raise NotAllowed(f"{', '.join(both)} can't be borrowed and turned at once; ask for one of the two")
        styles = {group: Borrowed(each.source, each.strength) for group, each in self.styles.items()}
        toward = Borrowed(self.toward.source, self.toward.strength) if self.toward else None
        asked = self.locks
        locks = Locks(tuple(sorted({*asked.bars})), asked.melody, asked.harmony, asked.rhythm)
        rules = Rules(**self.rules.model_dump()) if self.rules else None
        made = Recipe(self.content, styles, self.seed, toward=toward, turned=self.turned, keep=self.keep, locks=locks)
        return replace(made, rules=rules, mood=self.mood)


class Kept(BaseModel):
    """What was kept, by its name in the studio."""

    name: str


class AskedVariations(AskedRecipe):
    """A recipe of which some variations are wanted."""

    count: Annotated[int, Field(ge=1, le=4)] = 4


class AskedInterpolation(Strict):
    """From one piece to another in ``steps`` steps between them."""

    content: Name
    toward: Name
    steps: Annotated[int, Field(ge=1, le=7)] = 5
    seed: Seed = 0


@router.get("/choices", responses=ERRORS)
def read_starting_points(
    context: TheContext,
    listener_id: Known,
    domain: AnyDomain = "pop",
    limit: Annotated[int, Query(ge=1, le=96)] = 12,
) -> list[starting_points.StartingPoint]:
    """What the listener brought, their best clips so far, then more of the pool; nothing that waits for a pair."""
    return starting_points.starting_points(context.studio, listener_id, domain, limit)


@router.post("/uploads", status_code=201, responses=ERRORS)
def bring(
    context: TheContext,
    listener_id: Known,
    data: Annotated[bytes, Body(media_type="application/octet-stream")] = b"",
    name: Annotated[str, Query(max_length=255)] = "",
    domain: Domain = "pop",
    *,
    first_bar: Annotated[int, Query(ge=1)] = 1,
) -> uploads.BroughtPiece:
    """Bring a MIDI or ABC file, at most 256 KiB, as music of ``domain``; eight whole bars from one on are kept."""
    return uploads.upload(context.studio, listener_id, name, data, domain, first_bar=first_bar)


@router.post("/pictures", status_code=201, responses=ERRORS)
def bring_picture(
    context: TheContext,
    listener_id: Known,
    data: Annotated[bytes, Body(media_type="application/octet-stream")] = b"",
    name: Annotated[str, Query(max_length=255)] = "",
) -> OpenedPiece:
    """Bring a picture of any usual format; it is kept as the picture model sees it, 96 × 96."""
    found = own_pictures.read(listener_id, [(name or "the picture", data)])
    return pictures.bring(context.studio, listener_id, name, found.strip)


@router.get("/tunes", responses=ERRORS)
def find_tunes(
    words: Annotated[str, Query(max_length=120)] = "",
    domain: Domain = "dance",
    limit: Annotated[int, Query(ge=1, le=96)] = 12,
) -> uploads.FoundTunes:
    """The pieces of the collections that may be played with the words in a title, those of ``domain`` first."""
    return uploads.find_tunes(words, domain, limit)


@router.get("/tunes/{collection}/{number}/notes", responses=ERRORS)
def read_tune(collection: str, number: str) -> PianoRoll:
    """The beginning of a piece in the time of its sound."""
    return uploads.notes(collection, number)


@router.get("/tunes/{collection}/{number}/audio", responses=ERRORS, response_class=Response)
def hear_tune(collection: str, number: str) -> Response:
    """The beginning of a piece as FLAC."""
    return Response(formats.sound(uploads.source(collection, number), "flac"), media_type=MEDIA["flac"])


@router.post("/tunes/{collection}/{number}", status_code=201, responses=ERRORS)
def take_tune(collection: str, number: str, context: TheContext, listener_id: Known) -> OpenedPiece:
    """Take a piece of a collection into the listener's studio; the same piece again is the one that is there."""
    return uploads.take(context.studio, listener_id, collection, number)


@router.post("/pieces", status_code=201, responses=ERRORS)
def compose(recipe: AskedRecipe, context: TheContext, listener_id: Known) -> OpenedPiece:
    """Compose a piece by a recipe and keep it in the listener's studio."""
    return composing.compose(context.studio, listener_id, recipe.checked())


@router.post("/variations", status_code=201, responses=ERRORS)
def vary(recipe: AskedVariations, context: TheContext, listener_id: Known) -> list[OpenedPiece]:
    """Compose a recipe with the next few seeds; best for this listener's taste first."""
    return composing.variations(context.studio, listener_id, recipe.checked(), recipe.count)


@router.post("/interpolations", status_code=201, responses=ERRORS)
def interpolate(way: AskedInterpolation, context: TheContext, listener_id: Known) -> list[OpenedPiece]:
    """Compose the steps between two pieces, the nearest to the first at first.

    One style after the other becomes the second's, each evenly; half way its tune comes, with its meter and kind of
    music. The number of bars is the first's. Each step is a piece with a recipe (``toward``).
    """
    return composing.interpolation(context.studio, listener_id, **way.model_dump())


@router.get("/links/{key}", responses=ERRORS)
def read_link(key: str, context: TheContext, listener_id: Known) -> OpenedPiece:
    """The piece that a link leads to, with its recipe."""
    return pieces.open_link(context.studio, listener_id, key)


@router.post("/links/{key}/copy", status_code=201, responses=ERRORS)
def copy_link(key: str, context: TheContext, listener_id: Known) -> OpenedPiece:
    """Copy the piece that a link leads to into the listener's own studio, to start from."""
    return pieces.copy_link(context.studio, listener_id, key)


@router.post("/pieces/{piece_id}/link", responses=ERRORS)
def make_link(piece_id: uuid.UUID, request: Request, context: TheContext, listener_id: Known) -> dict[str, str]:
    """The address that opens this piece with its recipe for whoever has it."""
    key = pieces.make_link(context.studio, listener_id, piece_id)
    return {"key": key, "url": f"{public_address(request)}/studio?link={key}"}


@router.post("/pieces/{piece_id}/offer", status_code=202, responses=ERRORS)
def offer(piece_id: uuid.UUID, context: TheContext, listener_id: Known) -> dict[str, bool]:
    """Offer the piece, blind, against the clip that it was made from, among the listener's next pairs."""
    blind_pairs.offer(context.maker_of, listener_id, piece_id)
    return {"offered": True}


@router.post("/clips/{clip_id}/sections/{first}", status_code=201, responses=ERRORS)
def open_section(
    clip_id: uuid.UUID, first: Annotated[int, Path(ge=0, le=1000)], context: TheContext, listener_id: Known
) -> OpenedPiece:
    """Take a section of a whole piece of the listener's into their studio: that from its bar ``first`` on (from 0)."""
    return sections.open_section(context.studio, listener_id, clip_id, first)


@router.post("/pieces/{piece_id}/put_back", status_code=201, responses=ERRORS)
def put_back(piece_id: uuid.UUID, context: TheContext, listener_id: Known) -> dict[str, uuid.UUID]:
    """The whole piece with this one in the place of the section that it was made from, as a new clip."""
    return {"clip_id": sections.put_back(context.clip_maker, listener_id, piece_id)}


@router.post("/pieces/{piece_id}/keep", status_code=201, responses=ERRORS)
def keep_as_clip(piece_id: uuid.UUID, context: TheContext, listener_id: Known) -> dict[str, uuid.UUID]:
    """Keep a composed piece as a clip of the listener's own."""
    return {"clip_id": blind_pairs.as_clip(context.maker_of, listener_id, piece_id)}


@router.post("/clips/{clip_id}/keep", status_code=201, responses=ERRORS)
def keep_clip(clip_id: uuid.UUID, context: TheContext, listener_id: Known) -> Kept:
    """Keep a clip as a piece of the listener's studio; once more, it is the same one."""
    return Kept(name=starting_points.keep_clip(context.studio, listener_id, clip_id))


@router.get("/{kind}/{source_id}", responses=ERRORS)
def read_source(name: Named, context: TheContext, listener_id: Known, link: LinkKey = "") -> OpenedPiece:
    """A clip or piece in full."""
    return pieces.open_piece(context.studio, listener_id, name, link)


@router.get("/{kind}/{source_id}/pictures", responses=ERRORS)
def read_pictures(
    name: Named, context: TheContext, listener_id: Known, look: AskedLook, link: LinkKey = ""
) -> ShownMusic:
    """What the music looks like: pictures on one sheet, and when each of them stands still while it sounds.

    ``way``: annotated (high is bright, major is warm, dense is busy, loud is large), learned (as the listener's picks
    of what fits say), axes or rotation. ``seed``: with which pictures.
    """
    return shown_music.show(context.database, context.generation, listener_id, name, look, link_key=link)


@router.get("/{kind}/{source_id}/{form}", responses=ERRORS, response_class=Response)
def read_sound(name: Named, form: Form, context: TheContext, listener_id: Known, link: LinkKey = "") -> Response:
    """The whole piece as MIDI (as written, or as ``played``), ABC, MP3, WAV or FLAC, and for the eye, without overlaps
    and short rests, as MusicXML or as ABC (``score``); a picture as it is shown
    (``image``, an SVG or, where it is older, a PNG) or as a PNG.

    Except for what is for the eye, which may come to be drawn better, it never changes.
    """
    source = pieces.source_of(context.studio, listener_id, name, link)
    if (form in {"image", "png"}) != source.of_picture:
        seen = "a picture: ask for its image or png"
        raise NotAllowed(f"{name} is {seen if source.of_picture else 'music, and has neither image nor png'}")
    if source.of_picture:
        image = pictures.image(context.generation, source)
        return image_response(media.as_png(image) if form == "png" else image)
    if form in {"score", "musicxml"}:
        drawn = formats.abc(source, reading=True) if form == "score" else formats.musicxml(source)
        return Response(drawn, media_type=MEDIA[form])
    written = {"mid": formats.midi, "played": formats.played_midi, "abc": formats.abc}
    data = written[form](source) if form in written else formats.sound(source, form)
    return Response(data, media_type=MEDIA[form], headers={"Cache-Control": IMMUTABLE})


moods_router = APIRouter(prefix="/api/moods", tags=["studio"])


class Heard(BaseModel):
    """What the judges say of a clip or piece."""

    valence: float
    arousal: float
    words: str


class AskedMood(AskedRecipe):
    """A recipe, and where its music is to go."""

    valence: Degree
    arousal: Degree


class Moved(BaseModel):
    """The version that came nearest, null where none is nearer than the recipe's content, and what was and is heard."""

    piece: OpenedPiece | None
    before: Heard
    after: Heard


def told(mood: Mood) -> Heard:
    """A mood as this interface tells it."""
    return Heard(**noted_mood(mood), words=in_words(mood))


@moods_router.get("/{kind}/{source_id}", responses=ERRORS)
def read_mood(name: Named, context: TheContext, listener_id: Known, link: LinkKey = "") -> Heard:
    """How a clip or a piece of the studio sounds to the judges of mood."""
    return told(hear(context.studio, listener_id, name, link))


@moods_router.post("", status_code=201, responses=ERRORS)
def move(asked: AskedMood, context: TheContext, listener_id: Known) -> Moved:
    """Compose versions of a recipe towards a mood and keep the one that is judged nearest, where it is nearer."""
    target = Mood(valence=asked.valence, arousal=asked.arousal)
    found = steer(context.studio, listener_id, asked.checked(), asked.content, target)
    if found is None:
        before = told(hear(context.studio, listener_id, asked.content))
        return Moved(piece=None, before=before, after=before)
    return Moved(piece=found.piece, before=told(found.before), after=told(found.after))
