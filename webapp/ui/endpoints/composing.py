"""Endpoints of composing: for a listener's taste, by a recipe, and kept as a file.

What exists is heard by models, too: its mood, and how surprising, uncertain and familiar its notes are.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Annotated, Any, Literal, NotRequired

import gradio as gr
from anyio.to_thread import run_sync
from pydantic import Field, ValidationError
from typing_extensions import TypedDict

from models.tension import liking
from models.tension.curves import Curves
from webapp.api.studio import AskedLocks, AskedRecipe, AskedStyle, Form, Seed
from webapp.composing import media, sources, whole_pieces, wishes
from webapp.composing.dials import Degree, WantedMood, noted_mood
from webapp.context import Context
from webapp.generation.protocol import Mood
from webapp.learning.playable_clips import AnyDomain
from webapp.mood import hear, steer
from webapp.mood import in_words as mood_in_words
from webapp.runtime.errors import NotAllowed, NotReady, in_words
from webapp.runtime.limits import FILE_BYTES
from webapp.studio import composing, formats, pictures, pieces
from webapp.studio.pieces import OpenedPiece, Recipe
from webapp.tension import own_music, scored_files
from webapp.ui.endpoints.endpoint import (
    SLOW,
    WAITING,
    Endpoint,
    File,
    SourceName,
    Token,
    file_for,
    taken,
)
from webapp.ui.handlers import listener_of

LOOK_AGAIN_S = 0.5
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Composed(TypedDict):
    """A clip composed for a listener: music with its ``midi``, a picture with its ``png``."""

    name: str
    domain: AnyDomain
    midi: NotRequired[File]
    png: NotRequired[File]


async def compose(
    context: Context,
    token: Token,
    *,
    mode: Literal["careful", "surprise", "near"] = "careful",
    near: SourceName | None = None,
    keep: Annotated[float, Field(ge=wishes.LEAST_KEPT, le=wishes.MOST_KEPT)] = 0.5,
    tension: Annotated[int, Field(ge=-liking.MOST, le=liking.MOST)] = 0,
    wait_s: Annotated[float, Field(ge=0, le=600)] = 300.0,
    mood: WantedMood | None = None,
) -> Composed:
    """Compose clips for a listener's taste, wait for them, and give the best one as MIDI.

    The others are met blind among the listener's next pairs. The one that is given is known, and no blind proof any
    more. A listener needs one pick at least.

    Args:
        token: the listener's token.
        mode: careful (what they surely like), surprise (what they may like most), or near (near a liked clip).
        near: with the mode near: the clip's id, which they have voted on.
        keep: with the mode near: how much of that clip stays, 0.1 to 0.9.
        tension: with the other modes: calmer (-2, -1) or tenser (1, 2) than such clips are by themselves (0).
        wait_s: how many seconds to wait at most; asking again joins what is being composed.
        mood: with the other modes: happy, tense, sad or calm, or a place {"valence": v, "arousal": a}, -1 to 1 each, as
            our model of pop piano guesses; by default any.

    Returns:
        The clip's name, by which swap and keep know it, its domain, and the MIDI file, or of a picture the PNG.
    """
    listener_id = listener_of(context, token)
    near = near and near.rpartition("/")[2]
    wish = _wish({"mode": mode, "near": near, "keep": keep, "tension": tension, "mood": mood})
    asked = await run_sync(wishes.ask, context.database, context.space, listener_id, wish)
    progress, until = gr.Progress(), time.monotonic() + wait_s
    while True:
        found = await run_sync(wishes.hand_over, context.database, context.journal, listener_id, asked.job_id)
        if found.clip_id is not None:
            return await run_sync(_as_file, context, listener_id, found.clip_id)
        if time.monotonic() >= until:
            raise NotReady(f"the pieces are still being composed after {wait_s:g} s; ask again to wait for them")
        _show(progress, found.progress)
        await asyncio.sleep(LOOK_AGAIN_S)


def cancel_composing(context: Context, token: Token) -> bool:
    """Take back what was asked for and isn't composed yet: clips by a wish, and the next whole piece.

    Args:
        token: the listener's token.

    Returns:
        Whether anything was on its way.
    """
    listener_id = listener_of(context, token)
    wish = wishes.state(context.database, listener_id)
    coming = whole_pieces.programme(context.database, listener_id).coming in whole_pieces.COMING
    whole_pieces.cancel(context.database, listener_id)
    wishes.cancel(context.database, listener_id)
    return coming or (wish.asked and wish.state in wishes.UNDER_WAY)


def _wish(asked: dict[str, Any]) -> wishes.Wish:
    try:
        return wishes.Wish.model_validate(asked)
    except ValidationError as error:
        raise NotAllowed(in_words(error.errors())) from error


def _show(progress: gr.Progress, now: wishes.Progress | None) -> None:
    if now is None:
        progress(0.0, desc="waiting for the composer")
    elif now.rendered or now.scored:
        progress((now.rendered, now.pieces), desc="composing", unit="pieces")
    else:
        progress((now.drawn, now.ideas), desc="searching", unit="ideas")


def _as_file(context: Context, listener_id: uuid.UUID, clip_id: uuid.UUID) -> Composed:
    name = f"{sources.CLIPS}/{clip_id}"
    source = pieces.source_of(context.studio, listener_id, name)
    if source.of_picture:
        png = file_for(context, listener_id, "kallos.png", media.as_png(pictures.image(context.generation, source)))
        return {"name": name, "domain": source.domain, "png": png}
    midi = file_for(context, listener_id, "kallos.mid", formats.midi(source))
    return {"name": name, "domain": source.domain, "midi": midi}


def swap(
    context: Context,
    token: Token,
    content: SourceName,
    *,
    styles: dict[str, SourceName] | None = None,
    strength: Share = 1.0,
    turned: dict[str, float] | None = None,
    toward: SourceName | None = None,
    share: Share = 0.5,
    keep: Share = 1.0,
    bars: list[int] | None = None,
    melody: bool = False,
    harmony: bool = False,
    rhythm: bool = False,
    seed: Seed = 0,
) -> OpenedPiece:
    """Compose a piece by a recipe: one clip's content, with styles of others, and keep it in the listener's studio.

    The same recipe gives the same piece. A source is a clip's id, or pieces/ID of the listener's studio.

    Args:
        token: the listener's token.
        content: the source whose tune it is.
        styles: which source each style comes from; rhythm, register, harmony, dynamics, tempo, texture; of a picture
            palette, light, line.
        strength: how far styles go there, 0 to 1.
        turned: styles moved by so many standard deviations instead, -3 to 3; of a picture size, warmth,
            colourfulness, brightness, contrast, busyness.
        toward: a source to which all of the content goes.
        share: how far the content goes there, 0 to 1.
        keep: how much of what neither locks nor styles hold stays; the rest is drawn anew with the seed.
        bars: bars that stay note for note, counted from 0.
        melody: whether the melody stays note for note.
        harmony: whether the harmony stays in kind.
        rhythm: whether the rhythm stays in kind.
        seed: the seed of what is drawn anew.

    Returns:
        The piece with its name, notes, traits, recipe, and where its sound and files are.
    """
    listener_id = listener_of(context, token)
    try:
        recipe = AskedRecipe(
            content=content,
            toward=AskedStyle(source=toward, strength=share) if toward else None,
            styles={group: AskedStyle(source=name, strength=strength) for group, name in (styles or {}).items()},
            turned=turned or {},
            keep=keep,
            locks=AskedLocks(bars=bars or [], melody=melody, harmony=harmony, rhythm=rhythm),
            seed=seed,
        )
    except ValidationError as error:
        raise NotAllowed(in_words(error.errors())) from error
    return composing.compose(context.studio, listener_id, recipe.checked())


def keep_file(context: Context, token: Token, music: SourceName, form: Form = "mid") -> File:
    """Keep a clip, or a piece of the listener's studio, as a file.

    Args:
        token: the listener's token.
        music: a clip's id, or pieces/ID.
        form: mid (MIDI as written), played (MIDI as it sounds), musicxml, abc, score (ABC for the eye), mp3, wav or
            flac; of a picture image (SVG, or PNG where it is no drawing), else PNG.

    Returns:
        The file.
    """
    listener_id = listener_of(context, token)
    source = pieces.source_of(context.studio, listener_id, music)
    if source.of_picture:
        image = pictures.image(context.generation, source)
        image = image if form == "image" else media.as_png(image)
        return file_for(context, listener_id, f"kallos{media.ending(image)}", image)
    if form in {"image", "png"}:
        raise NotAllowed(f"music has no {form}; only a picture has one")
    if form == "score":
        return file_for(context, listener_id, "kallos-score.abc", formats.abc(source, reading=True))
    written = {
        "mid": formats.midi, "played": formats.played_midi, "musicxml": formats.musicxml, "abc": formats.abc,
    }  # fmt: skip
    data = written[form](source) if form in written else formats.sound(source, form)
    return file_for(context, listener_id, f"kallos.{'mid' if form == 'played' else form}", data)


class HeardMood(TypedDict):
    """A clip or piece by its name, and what the judges say of it."""

    name: str
    valence: float
    arousal: float
    words: str


def mood(context: Context, token: Token, clip: SourceName) -> HeardMood:
    """How a clip or a piece of the studio sounds to two judges that learned from pop piano: a guess.

    Args:
        token: the listener's token.
        clip: a clip that the listener may hear, or a piece of theirs.

    Returns:
        Valence from sad (-1) to happy (1), arousal from calm (-1) to lively (1), and both in words.
    """
    return _told(clip, hear(context.studio, listener_of(context, token), clip))


def to_mood(
    context: Context, token: Token, clip: SourceName, *, valence: Degree = 0.0, arousal: Degree = 0.0
) -> HeardMood:
    """Compose a clip or piece again so that it sounds as asked, and keep that in the studio.

    Several versions are composed, with styles of pieces that have the mood or with notes changed by rules.

    Args:
        token: the listener's token.
        clip: a clip that the listener may hear, or a piece of theirs.
        valence: from sad (-1) to happy (1).
        arousal: from calm (-1) to lively (1).

    Returns:
        The version that is judged nearest, by its name in the studio; the clip itself where none is nearer than it.
    """
    listener_id = listener_of(context, token)
    found = steer(context.studio, listener_id, Recipe(clip), clip, Mood(valence=valence, arousal=arousal))
    if found is None:
        return _told(clip, hear(context.studio, listener_id, clip))
    return _told(found.piece.name, found.after)


def _told(name: str, heard: Mood) -> HeardMood:
    noted = noted_mood(heard)
    return {"name": name, "valence": noted["valence"], "arousal": noted["arousal"], "words": mood_in_words(heard)}


class Recognised(TypedDict):
    """What was recognised after so many bars: for each, classes with their chances, the likeliest first."""

    task: str
    after: list[int]
    likeliest: list[list[tuple[str, float]]]


class Foreseen(TypedDict):
    """By bar, what was to be expected so many bars ahead: see the endpoint; null where nothing can be said."""

    ahead: int
    returns: list[float | None]
    like: list[int | None]
    uncertainty: list[float | None]
    surprise: list[float | None]
    returned: list[bool | None]


class HeardFile(TypedDict):
    """A file's scores, and by bar what was heard; null where nothing can be said."""

    name: str
    domain: str
    score: float | None
    open_future: float | None
    known_past: float | None
    surprise: list[float | None]
    uncertainty: list[float | None]
    recognised: list[float | None]
    told: list[Recognised]
    foreseen: list[Foreseen]
    problem: str


def tension(
    context: Context, token: Token, files: Annotated[list[File], Field(max_length=scored_files.MOST_FILES)]
) -> list[HeardFile]:
    """Hear MIDI or ABC files: how open their future is and how well their past is known, the best score first.

    Args:
        token: the listener's token.
        files: 1 to 12 MIDI or ABC files; of a book of tunes the first are heard, each by itself.

    Returns:
        For each file or tune what it was heard as; score, open_future and known_past in standard deviations of real
        music of that kind, null for less than four bars with notes; and for each bar the surprise and uncertainty of a
        note in nats, and how surely the bar is found to be the piece's own among sixteen. told: domain, collection,
        meter, key, and fifths of valence and arousal after one, two, four and eight bars. foreseen, one, two and four
        bars ahead: the chance that the coming bar is like one of the last eight, which one that is (from 0), nats of
        the whole bar, and whether it was so. Whether such a score tells what people like has not been shown.
    """
    listener_id = listener_of(context, token)
    return [
        told(each.name, each.curves, each.problem)
        for each in scored_files.score(listener_id, taken(context, files, FILE_BYTES))
    ]


def told(name: str, found: Curves, problem: str = "") -> HeardFile:
    """As the endpoint answers it."""
    both, future, past = found.rewards
    return {
        "name": name, "domain": found.domain, "score": both, "open_future": future, "known_past": past,
        "surprise": list(found.surprise), "uncertainty": list(found.uncertainty), "recognised": list(found.recognised),
        "told": [
            {"task": each.task, "after": list(each.after), "likeliest": [list(row) for row in each.likeliest]}
            for each in found.recognitions
        ],
        "foreseen": [
            {
                "ahead": each.ahead, "returns": list(each.returns), "like": list(each.like),
                "uncertainty": list(each.uncertainty), "surprise": list(each.surprise),
                "returned": list(each.returned),
            }
            for each in found.horizons
        ],
        "problem": problem,
    }  # fmt: skip


def open_future(context: Context, token: Token, clip: SourceName) -> HeardFile:
    """Hear a clip or a piece of the studio: how open its future is and how well its past is known.

    Args:
        token: the listener's token.
        clip: a clip that the listener may hear, or a piece of theirs.

    Returns:
        The same as tension gives for a file.
    """
    listener_id = listener_of(context, token)
    return told(clip, own_music.curves_of(context.database, context.generation, listener_id, clip))


ENDPOINTS = (
    Endpoint("compose", compose, WAITING, progress=True),
    Endpoint("cancel_composing", cancel_composing),
    Endpoint("swap", swap, SLOW),
    Endpoint("keep", keep_file, SLOW),
    Endpoint("mood", mood, SLOW),
    Endpoint("to_mood", to_mood, SLOW),
    Endpoint("tension", tension, SLOW),
    Endpoint("open_future", open_future, SLOW),
)
