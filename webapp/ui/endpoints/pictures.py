"""Endpoints of music and pictures: films set to music, music shown, bars for what is seen live, which fits better."""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from models.music.notes import Domain
from models.picture.readouts import READOUTS
from webapp.api.listening import Fit, FitAnswered, Milliseconds
from webapp.composing import media
from webapp.context import Context
from webapp.film import scored_films, shown_music
from webapp.fit import learned
from webapp.fit.questions import FitOutcome, ShownFit
from webapp.generation.protocol import Look
from webapp.listening.comparison import require_pace
from webapp.live.music import MOST_SEED
from webapp.live.steering import MOST
from webapp.runtime.errors import NotReady
from webapp.runtime.limits import FILM_BYTES
from webapp.runtime.long_tasks import awaited
from webapp.ui.endpoints.endpoint import SLOW, Endpoint, File, SourceName, Token, file_at, taken
from webapp.ui.handlers import claim_of, claim_of_looking, listener_of

Degrees = Annotated[
    list[Annotated[float, Field(ge=-MOST, le=MOST, allow_inf_nan=False)]],
    Field(min_length=len(READOUTS), max_length=len(READOUTS)),
]


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
    way: scored_films.Method = "annotated",
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
    database, home = context.database, context.settings.home
    scored_films.begin(database, home, listener_id, sources, method=way, seed=seed, style_folder=style, links=links)
    last = awaited(lambda: scored_films.look(database, home, listener_id))
    if last.made is None:
        raise NotReady("it was stopped; ask for it again")
    video, midi, wav = map(file_at, last.files)
    return {
        "video": video, "midi": midi, "wav": wav, "seconds": last.made.seconds, "bars": last.made.bars,
        "cuts": last.made.cuts, "cuts_on_bar_lines": last.made.met,
        "seed": last.made.seed, "refused": last.made.refused,
    }  # fmt: skip


def canvas(
    context: Context,
    token: Token,
    name: SourceName,
    way: scored_films.Method = "annotated",
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
    database, home = context.database, context.settings.home
    shown_music.begin(database, home, listener_id, shown)
    last = awaited(lambda: shown_music.look(database, home, listener_id))
    if not last.film:
        raise NotReady("it was stopped; ask for it again")
    return file_at(last.film)


class ComposedBar(TypedDict):
    """A bar: notes as onset and length in ticks (24 a quarter), MIDI pitch and velocity."""

    session: str
    number: int
    tempo_bpm: float
    ticks: int
    tonic: int
    major: bool
    notes: list[list[int]]
    sides: dict[str, float]


def live_bar(  # noqa: PLR0917 (what Gradio gives, by its place)
    context: Context,
    token: Token,
    readouts: Degrees,
    session: Annotated[str, Field(max_length=64)] = "",
    domain: Domain = "pop",
    seed: Annotated[int, Field(ge=0, le=MOST_SEED)] = 0,
    way: Literal["annotated", "learned"] = "annotated",
) -> ComposedBar:
    """Compose the next bar of live music by what is seen: one step of what the page Live does.

    Args:
        token: the listener's token.
        readouts: brightness, warmth, busyness, size and motion of what is seen, -3 to 3 each; 0 is as usual.
        session: that of the bar before, by which the music goes on; empty begins anew. It ends after 30 idle seconds.
        domain: the kind of music, where it begins.
        seed: which music, where it begins.
        way: annotated (bright is high, warm is major, busy is dense, large is loud, fast is fast), or learned (as the
            listener's picks of what fits say), where it begins.

    Returns:
        The session to go on with, the bar's number, tempo and length in ticks (24 a quarter), its key, its notes (onset
        and length in ticks, MIDI pitch, velocity), and what the readouts asked of each side of the music.
    """
    listener_id = listener_of(context, token)
    try:
        known = uuid.UUID(session) if session else None
    except ValueError:
        known = uuid.UUID(int=0)  # nobody's, and refused as such
    if known is None:
        links = learned.links_for(context.database, listener_id, way)
        known = context.live.begin(listener_id, domain, seed, links)
    bar = context.live.next_bar(listener_id, known, dict(zip(READOUTS, readouts, strict=True)))
    return {
        "session": str(known), "number": bar.number, "tempo_bpm": round(bar.tempo_bpm, 2), "ticks": bar.ticks,
        "tonic": bar.tonic, "major": bar.major, "notes": bar.piece.notes.tolist(), "sides": dict(bar.sides),
    }  # fmt: skip


class SaidLink(TypedDict):
    """A link between pictures and music in words, with the odds that it is so."""

    words: str
    odds: float
    unlike_most: bool


class Tie(TypedDict):
    """A listener's tie: what picks tell, what most people hear, and how many of the picks were foreseen."""

    picks: int
    foreseen: float | None
    foreseen_low: float
    foreseen_high: float
    own: list[SaidLink]
    guessed: list[SaidLink]
    links: list[list[float]]


def next_fit(context: Context, token: Token) -> Fit:
    """Give the question that the listener is asked now: one clip and two pictures, or two clips and one picture.

    Sound and notes lie at the application's address followed by audio_url (MP3) or notes_url (JSON), pictures at url.

    Args:
        token: the listener's token, from new_listener.

    Returns:
        fit_id for the answer, the kind, and the clips and pictures, the left one first.
    """
    claim = claim_of_looking(context, token)
    _, found = context.questions.open(claim.listener_id, claim)
    return _opened(context, found[0])


def vote_fit(
    context: Context, token: Token, fit_id: uuid.UUID, outcome: FitOutcome, heard_ms: list[Milliseconds]
) -> FitAnswered:
    """Answer which fits better. The same answer again gives the same; another outcome is refused.

    Args:
        token: the listener's token.
        fit_id: the question's, from next_fit.
        outcome: left, right, equal, or skipped.
        heard_ms: how many milliseconds each clip of the question sounded.

    Returns:
        How many picks there are now, whether this one was foreseen, and the open questions.
    """
    heard = [round(each) for each in heard_ms]
    claim = claim_of(context, token)
    require_pace(claim.listener_id)
    found = context.questions.answer(claim.listener_id, fit_id, outcome, heard, claim)
    return FitAnswered(
        fit_id=fit_id, outcome=outcome, picks=found.picks, foreseen=found.foreseen,
        open=[_opened(context, each) for each in found.open],
    )  # fmt: skip


def tie(context: Context, token: Token) -> Tie:
    """Say what a listener's picks of what fits better have taught about how pictures sound to them.

    Args:
        token: the listener's token.

    Returns:
        own: what the picks tell, strongest first; guessed: what most people hear; foreseen: share of picks foreseen;
        links: for kallos film --way learned.
    """
    claim = claim_of(context, token)
    found = learned.overview(context.database, claim.listener_id, new=claim.new)
    share = found.foreseen
    return {
        "picks": found.picks, "foreseen": share.value if share.n else None,
        "foreseen_low": share.low, "foreseen_high": share.high,
        "own": [_said(each) for each in found.own],
        "guessed": [_said(each) for each in found.guessed], "links": found.links,
    }  # fmt: skip


def _said(link: learned.SaidLink) -> SaidLink:
    return {"words": link.words, "odds": link.odds, "unlike_most": link.unlike_most}


def _opened(context: Context, shown: ShownFit) -> Fit:
    """A question with addresses that need no token, as a notebook fetches them."""
    fit = Fit.of(shown)
    for clip in fit.clips:
        key = context.identity.key_of(clip.clip_id)
        clip.audio_url, clip.notes_url = (
            each and media.opened_by(each, key) for each in (clip.audio_url, clip.notes_url)
        )
    return fit


ENDPOINTS = (
    Endpoint("film", film, SLOW),
    Endpoint("canvas", canvas, SLOW),
    Endpoint("live_bar", live_bar),
    Endpoint("next_fit", next_fit),
    Endpoint("vote_fit", vote_fit),
    Endpoint("tie", tie),
)
