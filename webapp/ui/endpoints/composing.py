"""Endpoints of composing: for a listener's taste, by a recipe, and kept as a file."""

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
from webapp.api.studio import AskedLocks, AskedRecipe, AskedStyle, Form, Seed
from webapp.composing import media, sources, whole_pieces, wishes
from webapp.composing.dials import WantedMood
from webapp.context import Context
from webapp.learning.playable_clips import AnyDomain
from webapp.runtime.errors import NotAllowed, NotReady, in_words
from webapp.studio import composing, formats, pictures, pieces
from webapp.studio.pieces import OpenedPiece
from webapp.ui.endpoints.endpoint import (
    SLOW,
    WAITING,
    Endpoint,
    File,
    SourceName,
    Token,
    file_for,
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
    await run_sync(wishes.ask, context.database, context.space, listener_id, wish)
    progress, until = gr.Progress(), time.monotonic() + wait_s
    while True:
        found = await run_sync(wishes.hand_over, context.database, context.journal, listener_id)
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
        turned: styles moved by so many standard deviations instead, -3 to 3; of a picture size, symmetry, warmth,
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


ENDPOINTS = (
    Endpoint("compose", compose, WAITING, progress=True),
    Endpoint("cancel_composing", cancel_composing),
    Endpoint("swap", swap, SLOW),
    Endpoint("keep", keep_file, SLOW),
)
