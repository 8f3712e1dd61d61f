"""The dreams page: music that the rating network dreams of, from white noise on, and whether to believe it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import gradio as gr
import numpy as np
import numpy.typing as npt
import soundfile

from webapp.context import Context
from webapp.rating import dreams, rated_sounds
from webapp.rating.dreams import Dreaming
from webapp.rating.plot import climbed
from webapp.runtime.errors import NotAllowed, Problem
from webapp.runtime.kept_dreams import KeptDreams
from webapp.ui import dashboards
from webapp.ui.charts import section
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import AWAITED, QUIET, ended_by, heading, page, status
from webapp.ui.pages.rate import NOTHING, training_command

LEAD = (
    "The network that rates sounds begins with white noise and changes it, step by step, into what it rates higher. "
    "A judge, another network that foretells likes and that no dream climbs, says whether to believe the rating."
)
WAYS = (
    ("Whatever raises the rating", "naive"),
    ("Smooth and robust", "regularised"),
    ("With a critic of realness", "critic"),
    ("Both", "both"),
)
SURFACES = (("The picture that the network sees", "picture"), ("The sound itself", "waveform"))
STAY = "It takes a minute or more, and ends when you leave this page."
KEPT = "It stays until you keep another one or delete your data."
EXPLAINED = (
    "How the rating rises, beside the judge's. Where the ground is red the rating rises and the judge's hardly: "
    "there the dream has found a weakness of the network, and not music."
)
Sound = tuple[int, npt.NDArray[np.float32]]


def build(context: Context) -> None:
    """The page at ``/dreams``."""
    with page("rate") as listener:
        with gr.Row(elem_classes="k-ask"):
            heading("Dreams", LEAD)
        there = bool(rated_sounds.model(context.settings.runs_folder))
        with gr.Column(visible=not there, elem_classes="k-fills"):
            gr.HTML(f"<p>{NOTHING}</p>", **dashboards.STILL)
            dashboards.copied(training_command(context))
        with gr.Column(visible=there):
            way = gr.Radio(list(WAYS), value="both", label="How it dreams", elem_id="way")
            surface = gr.Radio(list(SURFACES), value="picture", label="What it changes", elem_id="surface")
            with gr.Row(elem_classes="k-bar"):
                seed = gr.Number(
                    1, label="Which noise", precision=0, minimum=0, maximum=dreams.MOST_SEED, elem_id="noise", scale=0
                )
                begin = gr.Button("Dream", variant="primary", elem_id="dream", scale=0, min_width=140)
                stop = gr.Button("Stop", elem_id="stop-dream", scale=0, min_width=120, interactive=False)
            said = gr.HTML(elem_id="dream-said", **dashboards.STILL)
        with section("How it climbed", EXPLAINED, visible=False) as climb:
            plot = gr.Plot(label="How it climbed", show_label=False, container=False, elem_id="plot-dream")
        ended = gr.State(None)
        with gr.Column(visible=False) as sounds:
            trail, end = _two_sounds("trail", "dreamt")
            keep = gr.Button("Keep the dream", elem_id="keep-dream", scale=0, min_width=160)
        with section("The dream that you keep", KEPT, visible=False) as yours:
            kept = _two_sounds("kept-trail", "kept-dream")
    outputs = [said, climb, plot, sounds, trail, end, begin, stop, ended]
    begin.click(bound(dream, context), [listener, way, seed, surface], outputs, js=listener.awaited, **AWAITED)
    stop.click(bound(stop_dream, context), listener, said, **QUIET)
    keep.click(bound(keep_dream, context), [listener, ended], [said, yours, *kept], **QUIET)
    listener.change(bound(kept_dream, context), listener, [yours, *kept], **QUIET)


def _two_sounds(trail: str, end: str) -> tuple[gr.Audio, gr.Audio]:
    with gr.Row(elem_classes="k-two"):
        return (
            gr.Audio(label="The trail", interactive=False, elem_id=trail, buttons=["download"]),
            gr.Audio(label="What it dreamt of", interactive=False, elem_id=end, buttons=["download"]),
        )


def dream(
    context: Context, token: str | None, way: str, seed: float | None, surface: str = "picture"
) -> Iterator[list[Any]]:
    """Follow a dream to its end."""
    listener_id = listener_of(context, token)
    model = rated_sounds.model(context.settings.runs_folder)
    shown = -1
    try:
        for now in dreams.follow(listener_id, way, int(seed or 0), model=model, surface=surface):
            if now.ended or len(now.steps) > shown:
                shown = len(now.steps)
                yield _shown(now)
    except Problem as problem:
        if shown < 0:
            raise
        yield [*ended_by(problem, 5), gr.skip()]


def stop_dream(context: Context, token: str | None) -> str:
    """End the listener's dream; whoever follows it shows how far it came."""
    dreams.end(listener_of(context, token))
    return status("Stopping…")


def keep_dream(context: Context, token: str | None, ended: Dreaming | None) -> list[Any]:
    """Keep the dream that has just ended, until this listener is deleted or keeps another."""
    if ended is None or not ended.dream:
        raise NotAllowed("no dream has come to its end yet; dream first, then keep it")
    listener_id = listener_of(context, token)
    KeptDreams(context.settings.home).keep(listener_id, ended.dream, ended.trail)
    return [status("Kept, in place of any that you kept before."), *kept_dream(context, token)]


def kept_dream(context: Context, token: str | None) -> list[Any]:
    """Show the dream that this listener keeps, where there is one."""
    found = KeptDreams(context.settings.home).kept(listener_of(context, token)) if token else None
    if found is None:
        return [gr.update(visible=False), None, None]
    return [gr.update(visible=True), _heard(found[1]), _heard(found[0])]


def _shown(now: Dreaming) -> list[Any]:
    heard = bool(now.dream)
    return [
        status(told(now)),
        gr.update(visible=bool(now.steps)),
        climbed(now) if now.steps else gr.skip(),
        gr.update(visible=heard),
        _heard(now.trail) if heard else None,
        _heard(now.dream) if heard else None,
        gr.update(interactive=now.ended),
        gr.update(interactive=not now.ended),
        now if heard else None,
    ]


def told(now: Dreaming) -> str:
    """How far it is, or what came of it, in a sentence or two."""
    if not now.steps:
        return "Stopped." if now.ended else f"Falling asleep… {STAY}"
    if now.ended and not now.dream:
        return f"Stopped at step {now.steps[-1].step}."
    if not now.ended:
        return f"Step {now.steps[-1].step} of {now.of}."
    first, last = now.steps[0], now.steps[-1]
    alarms = sum(each.alarm for each in now.steps)
    moved = (
        f"The rating went from {first.p:.1f} to {last.p:.1f} standard deviations, "
        f"the judge's from {first.judge:.1f} to {last.judge:.1f}."
    ).replace("-", "−")
    return f"{moved} At {alarms} of {now.of} steps only the rating rose." if alarms else moved


def _heard(wav: bytes) -> Sound:
    samples, rate = soundfile.read(io.BytesIO(wav), dtype="float32")
    return rate, samples
