"""The dreams page: music that the rating network dreams of, from white noise on, and whether to believe it."""

from __future__ import annotations

from typing import Any

import gradio as gr

from webapp.context import Context
from webapp.rating import dreams, rated_sounds
from webapp.rating.dreams import Dreaming, Order
from webapp.rating.plot import climbed
from webapp.rating.rated_sounds import sound_of
from webapp.runtime.errors import NotAllowed
from webapp.runtime.listener_files import KeptDreams
from webapp.ui import arrival, dashboards
from webapp.ui.dashboards import section
from webapp.ui.handlers import bound, claim_of, listener_of
from webapp.ui.layout import QUIET, explain, heading, page, status
from webapp.ui.pages.rate import is_trained
from webapp.ui.waits import cancel_button, going
from webapp.ui.words import sentence

LEAD = (
    "The network that rates sounds begins with white noise and changes it, step by step, into what it rates higher. "
    "A judge, another network that foretells likes and that no dream climbs, says whether to believe the rating."
)
METHODS = (
    ("Whatever raises the rating", "naive"),
    ("Smooth and robust", "regularised"),
    ("With a critic of realness", "critic"),
    ("Both", "both"),
)
SURFACES = (("The picture that the network sees", "picture"), ("The sound itself", "waveform"))
STAY = "A whole dream takes a minute or more; it goes on if you leave this page: come back to it here."
POLL_S = 1
KEPT = "It stays until you keep another one or delete your data."
EXPLAINED = (
    "How the rating rises, beside the judge's. Where the ground is red the rating rises and the judge's hardly: "
    "there the dream has found a weakness of the network, and not music."
)


def build(context: Context) -> None:
    """The page at ``/dreams``."""
    with page("dreams") as listener:
        with gr.Row(elem_classes="k-ask"):
            heading("Dreams", LEAD)
        there = is_trained(context)
        with gr.Column(visible=there):
            way = gr.Radio(list(METHODS), label="How it dreams", elem_id="way")
            surface = gr.Radio(list(SURFACES), label="What it changes", elem_id="surface")
            explain(dreams.known_to_critic(rated_sounds.model(context.settings.runs_folder)))
            with gr.Row(elem_classes="k-bar"):
                seed = gr.Number(
                    1, label="Which noise", precision=0, minimum=0, maximum=dreams.MOST_SEED, elem_id="noise", scale=0
                )
                steps = gr.Number(
                    dreams.STEPS, label="Steps", precision=0, minimum=dreams.FEWEST, maximum=dreams.STEPS,
                    elem_id="dream-steps", scale=0,
                )  # fmt: skip
                begin = arrival.button("Dream", elem_id="dream")
                cancel = cancel_button(elem_id="cancel-dream")
            said = gr.HTML(elem_id="dream-said", **dashboards.STILL)
        with section("How it climbed", EXPLAINED, visible=False) as climb:
            plot = gr.Plot(label="How it climbed", show_label=False, container=False, elem_id="plot-dream")
        with gr.Column(visible=False) as sounds:
            trail, end = _two_sounds("trail", "dreamt")
            keep = gr.Button("Keep the dream", elem_id="keep-dream", scale=0, min_width=160)
        with section("The dream that you keep", KEPT, visible=False) as yours:
            kept = _two_sounds("kept-trail", "kept-dream")
    timer, seen = gr.Timer(POLL_S, active=False), gr.State(0)
    outputs = [said, climb, plot, sounds, trail, end, begin, cancel, timer, seen]
    arrival.fill(listener.change, bound(arrive, context), listener, [way, surface], [seed, steps, *outputs])
    begin.click(bound(dream, context), [listener, way, seed, surface, steps], outputs, js=listener.awaited, **QUIET)
    timer.tick(bound(follow, context), [listener, seen], outputs, js=listener.awaited, **QUIET)
    cancel.click(bound(give_up, context), listener, said, **QUIET)
    keep.click(bound(keep_dream, context), listener, [said, yours, *kept], **QUIET)
    listener.change(bound(kept_dream, context), listener, [yours, *kept], **QUIET)


def _two_sounds(trail: str, end: str) -> tuple[gr.Audio, gr.Audio]:
    with gr.Row(elem_classes="k-two"):
        return (
            gr.Audio(label="The trail", interactive=False, elem_id=trail, buttons=["download"]),
            gr.Audio(label="What it dreamt of", interactive=False, elem_id=end, buttons=["download"]),
        )


def arrive(context: Context, token: str | None) -> tuple[Any, ...]:
    """What was ordered last, and how far it has come."""
    now = dreams.look(context.database, context.settings.home, claim_of(context, token).listener_id)
    order = now.order if now else Order()
    numbers = (order.seed, order.steps) if now else (gr.skip(), gr.skip())
    return [order.way, order.surface], *numbers, *_shown(now)


def dream(  # noqa: PLR0917 (what the page holds, in its order)
    context: Context,
    token: str | None,
    way: str | None,
    seed: float | None,
    surface: str | None = None,
    steps: float | None = None,
) -> list[Any]:
    """Begin a dream."""
    listener_id, first = listener_of(context, token), Order()
    order = Order(
        way or first.way,
        first.seed if seed is None else int(seed),
        surface or first.surface,
        first.steps if steps is None else int(steps),
    )
    home, model = context.settings.home, rated_sounds.model(context.settings.runs_folder)
    dreams.begin(context.database, home, listener_id, order, model=model)
    return _shown(dreams.look(context.database, home, listener_id))


def follow(context: Context, token: str | None, seen: int) -> Any:
    """How far it has come, asked again in a second while it goes on; ``seen``: the steps that the page shows."""
    now = dreams.look(context.database, context.settings.home, claim_of(context, token).listener_id)
    return gr.skip() if now and not now.ended and len(now.steps) == seen else _shown(now)


def give_up(context: Context, token: str | None) -> str:
    """End the listener's dream; whoever follows it shows how far it came."""
    dreams.TASK.stop(context.database, listener_of(context, token))
    return status("Stopping…")


def keep_dream(context: Context, token: str | None) -> list[Any]:
    """Keep the dream that ended last, until this listener is deleted or keeps another."""
    if not KeptDreams(context.settings.home).keep(listener_of(context, token)):
        raise NotAllowed("no dream has come to its end yet; dream first, then keep it")
    return [status("Kept, in place of any that you kept before."), *kept_dream(context, token)]


def kept_dream(context: Context, token: str | None) -> list[Any]:
    """Show the dream that this listener keeps, where there is one."""
    found = KeptDreams(context.settings.home).kept(listener_of(context, token)) if token else None
    if found is None:
        return [gr.update(visible=False), None, None]
    return [gr.update(visible=True), sound_of(found[1]), sound_of(found[0])]


def _shown(now: Dreaming | None) -> list[Any]:
    steps, goes_on = now.steps if now else (), bool(now and not now.ended)
    heard = bool(now and now.dream)
    return [
        (going(told(now), now.seconds_left) if goes_on else status(told(now))) if now else "",
        gr.update(visible=bool(steps)),
        climbed(now) if now and steps else gr.skip(),
        gr.update(visible=heard),
        sound_of(now.trail) if now and heard else None,
        sound_of(now.dream) if now and heard else None,
        gr.update(interactive=not goes_on),
        gr.update(visible=goes_on),
        gr.update(active=goes_on),
        len(steps),
    ]


def told(now: Dreaming) -> str:
    """How far it is, or what came of it, in a sentence or two."""
    if now.problem:
        return sentence(now.problem)
    if not now.steps:
        return "Stopped." if now.ended else f"Falling asleep… {STAY}"
    if now.ended and not now.dream:
        return f"Stopped at step {now.steps[-1].step}."
    if not now.ended:
        return f"Step {now.steps[-1].step} of {now.order.steps}."
    first, last = now.steps[0], now.steps[-1]
    alarms = sum(each.alarm for each in now.steps)
    moved = (
        f"The rating went from {first.p:.1f} to {last.p:.1f} standard deviations, "
        f"the judge's from {first.judge:.1f} to {last.judge:.1f}."
    ).replace("-", "−")
    return f"{moved} At {alarms} of {now.order.steps} steps only the rating rose." if alarms else moved
