"""The canvas: music that moves pictures, seen while it sounds, and taken along as a film."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from webapp.context import Context
from webapp.film import own_pictures, shown_music
from webapp.film.own_pictures import MOST_PICTURES
from webapp.film.scored_films import MOST_SEED, methods
from webapp.film.shown_music import ShownMusic, Writing
from webapp.fit import learned
from webapp.generation.protocol import Look
from webapp.learning.playable_clips import music_of
from webapp.listeners import accounts
from webapp.runtime.errors import NotYours, Problem
from webapp.runtime.limits import PICTURES
from webapp.ui import arrival, choosing, dashboards
from webapp.ui.choosing import Choosing
from webapp.ui.components.moving_picture import MovingPicture, playing
from webapp.ui.components.volume import Volume
from webapp.ui.handlers import bound, claim_of, listener_of
from webapp.ui.layout import AWAITED, CHOICE, QUIET, heading, page, status
from webapp.ui.waits import cancel_button, going
from webapp.ui.words import counted, sentence

LEAD = (
    "Choose a piece, and pictures move with it: public-domain drawings, or your own. Where its music comes again, so "
    "does its picture. The other way round a <a href='film'>film</a> gets its music, "
    "and a <a href='live'>camera</a> steers it while it sounds."
)
METHODS = (
    ("By what is heard: high is bright, major is warm, dense is busy, loud is large", "annotated"),
    ("As you picked: what your answers to “Which fits better?” say of how pictures sound to you", "learned"),
    ("By main axes: what differs most in music becomes what differs most in pictures", "axes"),
    ("By rotation: the noise behind the music becomes the picture's latents", "rotation"),
)
STAGES = {"playing": "Playing it on the piano", "writing the film": "Writing the film"}
DRAWING = f"() => {json.dumps(status('Drawing…'))}"
KEPT_S = 3600  # pictures of one's own, for as long as the page is open
DROP_PX = 90
POLL_S = 1
GONE = "Choose a piece first."


class OnCanvas(NamedTuple):
    """What the page shows of a piece, in the order of its outputs."""

    said: Any
    picture: Any
    shown: Any  # its name, or None
    tools: Any
    film: Any


def build(context: Context) -> None:
    """The page at ``/canvas``; ``?clip=ID`` and ``?piece=ID`` name what it shows first."""
    with page("canvas") as listener:
        with gr.Row(elem_classes="k-ask"):
            heading("Canvas", LEAD)
        said = gr.HTML(elem_id="canvas-said", **dashboards.STILL)
        picture = MovingPicture(elem_id="canvas-picture")
        with gr.Column(visible=False) as tools:
            files = gr.File(
                label=f"Pictures of your own, up to {MOST_PICTURES}, in the place of Kallos' drawings",
                file_count="multiple", file_types=list(PICTURES), height=DROP_PX, elem_id="canvas-files",
                elem_classes="k-drop",
            )  # fmt: skip
            there = [each for each in METHODS if each[1] in methods()]
            method = gr.Radio(there, value="annotated", label="How music becomes pictures", elem_id="canvas-way")
            with gr.Row(elem_classes="k-bar"):
                seed = gr.Number(
                    0, label="Which pictures", precision=0, minimum=0, maximum=MOST_SEED, elem_id="canvas-seed", scale=0
                )
                write = gr.Button("Make a film of it", elem_id="canvas-film", scale=0, min_width=160)
                cancel = cancel_button(elem_id="canvas-cancel")
                film = gr.DownloadButton(
                    "Download MP4", elem_id="canvas-mp4", scale=0, min_width=150, visible=False, variant="primary"
                )
                Volume()
        gr.Markdown("## Choose a piece")
        finder = Choosing(context, listener, "Show", finder=True, columns=True, place="canvas")
        shown, own = gr.State(None), gr.State(None, time_to_live=KEPT_S)
    looked = [listener, shown, method, seed, own]
    outputs = [said, picture, shown, tools, film]
    timer = gr.Timer(POLL_S, active=False)
    film_outputs = [said, film, write, cancel, timer]
    arriving = [*outputs, *film_outputs[2:]]
    arrived = arrival.fill(listener.change, bound(arrive, context), listener, [finder.domain], arriving)
    finder.filled_after(arrived)
    finder.chosen(None, js=DRAWING, outputs=said, **CHOICE)
    finder.chosen(bound(choose, context), [listener, finder.clips, method, seed, own], outputs, **QUIET)
    gr.on([method.input, seed.input], bound(look_anew, context), looked, outputs, **CHOICE)
    read = files.upload(bound(bring, context), [listener, files], [own, said, files], js=listener.awaited, **AWAITED)
    read.then(bound(look_at_own, context), looked, outputs, **QUIET)
    files.clear(lambda: None, outputs=own, **CHOICE).then(bound(look_anew, context), looked, outputs, **QUIET)
    write.click(bound(make_film, context), looked, film_outputs, js=listener.awaited, **QUIET)
    timer.tick(bound(follow, context), listener, film_outputs, js=listener.awaited, **QUIET)
    cancel.click(bound(give_up, context), listener, said, **QUIET)


def arrive(context: Context, token: str | None, request: gr.Request) -> tuple[Any, ...]:
    """Show what the address names, or else what the film of the last hour is of, and how far that is."""
    listener_id = listener_of(context, token)
    domain = [music_of(accounts.account(context.database, listener_id).domain)]
    named = [(kind, str(request.query_params.get(kind, ""))) for kind in ("clip", "piece")]
    name = next((f"{kind}s/{value}" for kind, value in named if value), "")
    now = _look(context, listener_id)
    about, film, *others = _film(now)
    try:
        if name:
            uuid.UUID(name.partition("/")[2])
            on_it = on_canvas(context, listener_id, name, Look())
        elif now:
            on_it = _on(now.shown())
        else:
            on_it = nothing()
    except ValueError:
        on_it = nothing(f"There is no {name}; choose a piece below.")
    except NotYours:
        on_it = nothing("There is no such piece (any more); choose another one below.")
    except Problem as problem:
        on_it = nothing(sentence(problem))
    if now and on_it.shown:
        on_it = on_it._replace(said=about, film=film)
    return domain, *on_it, *others


def choose(  # noqa: PLR0917 (what is chosen, control by control)
    context: Context,
    token: str | None,
    rows: list[dict[str, Any]],
    method: str,
    seed: float | None,
    own: str | None,
    event: gr.EventData,
) -> OnCanvas:
    """Show a piece of the list; it sounds at once."""
    listener_id = listener_of(context, token)
    try:
        name = choosing.opened(context, listener_id, rows[event.index]).name
        return on_canvas(context, listener_id, name, look_of(context, listener_id, method, seed, own), play=True)
    except Problem as problem:
        return as_it_was(sentence(problem))


def look_anew(  # noqa: PLR0917 (what is chosen, control by control)
    context: Context,
    token: str | None,
    name: str | None,
    method: str,
    seed: float | None,
    own: str | None,
) -> OnCanvas:
    """Show the same piece another way; where that can't be, it stays as it is."""
    listener_id = listener_of(context, token)
    if name is None:
        return nothing()
    try:
        return on_canvas(context, listener_id, name, look_of(context, listener_id, method, seed, own), play=True)
    except Problem as problem:
        return as_it_was(sentence(problem))


def look_at_own(context: Context, *chosen: Any) -> OnCanvas:
    """The same after pictures were brought, of which something is said already."""
    found = look_anew(context, *chosen)
    return found._replace(said=gr.skip()) if isinstance(found.shown, str) else found


def look_of(context: Context, listener_id: uuid.UUID, method: str, seed: float | None, own: str | None) -> Look:
    """What is chosen; raises ``NotAllowed`` where too little was picked to know how pictures sound to somebody."""
    links = learned.links_for(context.database, listener_id, method)
    return Look(method, int(seed or 0), links, own)


def bring(context: Context, token: str | None, paths: list[str] | None) -> tuple[str | None, str, Any]:
    """Read the dropped pictures; what can't be read is said, and the others are shown."""
    paths = paths or []
    try:
        files = [(Path(each).name, Path(each).read_bytes()) for each in paths[: MOST_PICTURES + 1]]
        found = own_pictures.read(listener_of(context, token), files)
    except Problem as problem:
        return None, status(sentence(problem)), None
    except FileNotFoundError:
        return None, status("The pictures are no longer here: they are kept for an hour. Drop them again."), None
    there = f"{counted(found.count, 'picture')} of your own."
    return found.strip, status(" ".join([there, *(f"{each}." for each in found.problems)])), gr.skip()


def on_canvas(context: Context, listener_id: uuid.UUID, name: str, look: Look, *, play: bool = False) -> OnCanvas:
    """A piece with its pictures; raises a ``Problem`` as ``shown_music.show`` does."""
    return _on(shown_music.show(context.database, context.generation, listener_id, name, look), play=play)


def _on(shown: ShownMusic, *, play: bool = False) -> OnCanvas:
    value = asdict(shown)
    return OnCanvas(
        status(""), playing(value) if play else value, shown.name, gr.update(visible=True), gr.update(visible=False)
    )


def as_it_was(why: str) -> OnCanvas:
    """What is on the canvas stays, and why there is nothing else is said."""
    return OnCanvas(status(why), gr.skip(), gr.skip(), gr.skip(), gr.skip())


def nothing(why: str = "") -> OnCanvas:
    """No piece on the canvas."""
    return OnCanvas(status(why), None, None, gr.update(visible=False), gr.update(visible=False))


def make_film(  # noqa: PLR0917 (what is chosen, control by control)
    context: Context, token: str | None, name: str | None, method: str, seed: float | None, own: str | None
) -> tuple[Any, ...]:
    """Begin to write the film of what is on the canvas."""
    listener_id = listener_of(context, token)
    try:
        if name is None:
            return _said(GONE)
        look = look_of(context, listener_id, method, seed, own)
        found = shown_music.show(context.database, context.generation, listener_id, name, look)
        shown_music.begin(context.database, context.settings.home, listener_id, found)
    except Problem as problem:
        return _said(sentence(problem))
    return follow(context, token)


def follow(context: Context, token: str | None) -> tuple[Any, ...]:
    """How far the film is, asked again in a second while it goes on."""
    return _film(_look(context, claim_of(context, token).listener_id))


def give_up(context: Context, token: str | None) -> str:
    """End the writing of the listener's film."""
    shown_music.TASK.stop(context.database, listener_of(context, token))
    return status("Stopping…")


def told(now: Writing) -> str:
    """How far the film is, or what came of it."""
    if now.problem:
        return sentence(now.problem)
    if now.ended:
        return "The film is there: download it." if now.film else "Stopped."
    return f"{STAGES.get(now.stage, 'Starting')}…{f' {now.share:.0%}' if now.share else ''}"


def _look(context: Context, listener_id: uuid.UUID) -> Writing | None:
    return shown_music.look(context.database, context.settings.home, listener_id)


def _film(now: Writing | None) -> tuple[Any, ...]:
    goes_on = bool(now and not now.ended)
    return (
        (going(told(now), now.seconds_left) if goes_on else status(told(now))) if now else "",
        gr.update(value=str(now.film), visible=True) if now and now.film else gr.update(value=None, visible=False),
        gr.update(interactive=not goes_on),
        gr.update(visible=goes_on),
        gr.update(active=goes_on),
    )


def _said(why: str) -> tuple[Any, ...]:
    return (status(why), *[gr.skip()] * 4)
