"""The endpoints that set a film or pictures to music, and that show music as a film."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from webapp.context import Context
from webapp.film import scored_films, shown_music
from webapp.fit import learned
from webapp.generation.protocol import Look
from webapp.runtime.errors import NotReady
from webapp.runtime.limits import FILM_BYTES
from webapp.ui.endpoints.endpoint import SLOW, Endpoint, File, SourceName, Token, file_for, taken
from webapp.ui.handlers import listener_of


class ScoredFilm(TypedDict):
    """A film with its music: three files, and where its bars lie."""

    video: File
    midi: File
    wav: File
    seconds: float
    bars: int
    cuts: int
    cuts_on_bar_lines: int
    seed: int
    refused: int


def film(
    context: Context,
    token: Token,
    files: Annotated[list[File], Field(max_length=scored_films.MOST_FILES)],
    way: scored_films.Way = "annotated",
    seed: Annotated[int, Field(ge=0, le=scored_films.MOST_SEED)] = 1,
) -> ScoredFilm:
    """Set a film, or pictures, to piano music that is as long as they are. Takes a minute or more.

    Args:
        token: the listener's token.
        files: one film of at most 3 minutes and 40 MB (MP4, MOV, WebM, MKV, AVI, GIF), or 1 to 40 pictures.
        way: annotated (bright is high, warm is major, busy is dense, large is loud, fast is fast), learned (as the
            listener's picks of what fits say), axes or rotation.
        seed: which music.

    Returns:
        The film with the music as its sound (MP4), the music as MIDI and WAV; seconds and bars, how many cuts were
        found and how many of them fall on a bar line; the seed of the music, and how many seeds
        before it were refused because their music copied a song that the model has learned from.
    """
    listener_id = listener_of(context, token)
    sources = taken(context, files, FILM_BYTES)
    links = learned.links_for(context.database, listener_id, way)
    style = context.settings.style_folder
    *_, last = scored_films.follow(listener_id, sources, way, seed, style_folder=style, links=links)
    if last.made is None:
        raise NotReady("it was stopped; ask for it again")
    video, midi, wav = (file_for(context, listener_id, name, data) for name, data in last.files)
    return {
        "video": video, "midi": midi, "wav": wav, "seconds": last.made.seconds, "bars": last.made.bars,
        "cuts": last.made.cuts, "cuts_on_bar_lines": last.made.met,
        "seed": last.made.seed, "refused": last.made.refused,
    }  # fmt: skip


def canvas(
    context: Context,
    token: Token,
    name: SourceName,
    way: scored_films.Way = "annotated",
    seed: Annotated[int, Field(ge=0, le=scored_films.MOST_SEED)] = 0,
) -> File:
    """Pictures that move with a piece, as a film with its sound. Takes ten seconds or more.

    Args:
        token: the listener's token.
        name: a clip as clips/ID, or a piece of the listener's studio as pieces/ID.
        way: annotated (high is bright, major is warm, dense is busy, loud is large), learned (as the listener's picks
            of what fits say), axes or rotation.
        seed: with which pictures.

    Returns:
        The film (MP4).
    """
    listener_id = listener_of(context, token)
    links = learned.links_for(context.database, listener_id, way)
    look = Look(way, seed, links)
    shown = shown_music.show(context.database, context.generation, listener_id, name, look)
    *_, last = shown_music.follow(context.database, listener_id, shown)
    if not last.film:
        raise NotReady("it was stopped; ask for it again")
    return file_for(context, listener_id, scored_films.MOVIE, last.film)


ENDPOINTS = (Endpoint("film", film, SLOW), Endpoint("canvas", canvas, SLOW))
