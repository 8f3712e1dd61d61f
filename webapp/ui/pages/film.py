"""The film page: a film, or pictures, set to music of their length, to see, hear and take along."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from models.picture.shorts import SHORTS
from webapp.context import Context
from webapp.film import scored_films
from webapp.film.scored_films import FILES, LONGEST_S, MOST_FILES, Scoring
from webapp.fit import learned
from webapp.runtime.errors import Problem
from webapp.runtime.limits import FILM_BYTES, FILMS, PICTURES
from webapp.runtime.listener_files import Downloads
from webapp.ui import arrival, dashboards
from webapp.ui.dashboards import section
from webapp.ui.handlers import bound, claim_of, listener_of
from webapp.ui.layout import QUIET, heading, page, status
from webapp.ui.waits import cancel_button, going
from webapp.ui.words import sentence

LEAD = (
    "Drop a film, or some pictures, and Kallos composes piano music as long as it is. Bars begin where a new shot "
    f"begins. A film may last {LONGEST_S / 60:.0f} minutes; all files together may have {FILM_BYTES // 1_000_000} MB. "
    "The other way round, <a href='canvas'>pictures move</a> with your music. In <a href='live'>Live</a> "
    "a camera steers it."
)
OURS = (
    "Or begin with one of ours: short films of public-domain drawings. At first its music is composed, which takes "
    "some seconds; then it is kept."
)
METHODS = (
    ("By what is seen: bright is high, warm is major, busy is dense, large is loud, fast is fast", "annotated"),
    ("As you picked: what your answers to “Which fits better?” say of how pictures sound to you", "learned"),
    ("By main axes: what differs most in pictures becomes what differs most in music", "axes"),
    ("By rotation: the picture's latents become the noise that music begins with", "rotation"),
)
STAGES = {
    "reading": "Watching the film", "composing": "Composing", "playing": "Playing it on the piano",
    "writing the film": "Writing the film",
}  # fmt: skip
AFTER = "Its own sound is left out. The files are kept for an hour, so download what you like."
DROP_PX = 130
POLL_S = 1
SAID_IN_SIGHT = '() => document.getElementById("film-said")?.scrollIntoView({ block: "nearest" })'
FILM_IN_SIGHT = """() => requestAnimationFrame(() => {
  const film = document.querySelector("#film-video video[autoplay]");
  if (!film || film.dataset.shown === film.currentSrc) return;
  film.dataset.shown = film.currentSrc;
  const show = () => film.scrollIntoView({ block: "center" });
  if (film.readyState) show();
  else film.addEventListener("loadedmetadata", show, { once: true }); // before, nobody knows how high it is
})"""
CHOSEN = {name: label for label, name in zip(("MP4", "MIDI", "WAV"), FILES, strict=True)}


def build(context: Context) -> None:
    """The page at ``/film``."""
    with page("film") as listener:
        with gr.Row(elem_classes="k-ask"):
            heading("Film", LEAD)
        gr.HTML(f'<p class="k-explain k-wide">{OURS}</p>', **dashboards.STILL)
        with gr.Row(elem_classes="k-buttons"):
            shorts = [
                gr.Button(f"▶ {short.title}", elem_id=f"film-{name}", min_width=150, interactive=False)
                for name, short in SHORTS.items()
            ]
        files = gr.File(
            label=f"A film, or up to {MOST_FILES} pictures", file_count="multiple",
            file_types=[*FILMS, *PICTURES], height=DROP_PX, elem_id="film-files", elem_classes="k-drop",
        )  # fmt: skip
        there = [each for each in METHODS if each[1] in scored_films.methods()]
        method = gr.Radio(there, value="annotated", label="How pictures become music", elem_id="film-way")
        with gr.Row(elem_classes="k-bar"):
            seed = gr.Number(
                1, label="Which music", precision=0, minimum=0, maximum=scored_films.MOST_SEED, elem_id="film-seed",
                scale=0,
            )  # fmt: skip
            begin = arrival.button("Set it to music", elem_id="film-begin")
            cancel = cancel_button(elem_id="film-cancel")
        said = gr.HTML(elem_id="film-said", **dashboards.STILL)
        with section("The film with its music", AFTER, visible=False) as result:
            video = gr.Video(
                label="The film with its music",
                show_label=False,
                interactive=False,
                elem_id="film-video",
            )
            with gr.Row(elem_classes="k-bar"):
                saved = [
                    gr.DownloadButton(f"Download {label}", elem_id=f"film-{label.lower()}", scale=0, min_width=150)
                    for label in CHOSEN.values()
                ]
    timer = gr.Timer(POLL_S, active=False)
    outputs = [said, result, video, *saved, begin, *shorts, cancel, timer]
    listener.change(bound(arrive, context), listener, outputs, **QUIET)
    begin.click(bound(score, context), [listener, files, method, seed], outputs, js=listener.awaited, **QUIET)
    for button, name in zip(shorts, SHORTS, strict=True):
        score_it = bound(score_short, context, name)
        button.click(None, js=SAID_IN_SIGHT, **QUIET)
        played = button.click(score_it, [listener, method, seed], outputs, js=listener.awaited, **QUIET)
        played.then(None, js=FILM_IN_SIGHT, **QUIET)
    followed = timer.tick(bound(follow, context), listener, outputs, js=listener.awaited, **QUIET)
    followed.then(None, js=FILM_IN_SIGHT, **QUIET)
    cancel.click(bound(give_up, context), listener, said, **QUIET)


def arrive(context: Context, token: str | None) -> list[Any]:
    """The film of the last hour, or how far it is."""
    return _shown(_look(context, claim_of(context, token).listener_id))


def score(context: Context, token: str | None, paths: list[str] | None, method: str, seed: float | None) -> list[Any]:
    """Begin to set a film to music."""
    listener_id = listener_of(context, token)
    try:
        if not paths:
            return _said("Drop a film or some pictures first, or press one of ours.")
        scored_films.require_size(sum(Path(each).stat().st_size for each in paths))  # before they are read
        files = [(Path(each).name, Path(each).read_bytes()) for each in paths]
        scored_films.begin(
            context.database, context.settings.home, listener_id, files, method=method, seed=int(seed or 0),
            style_folder=context.settings.style_folder, links=learned.links_for(context.database, listener_id, method),
        )  # fmt: skip
    except FileNotFoundError:
        return _said("The files are no longer here: they are kept for an hour. Drop them again.")
    except Problem as error:
        return _said(sentence(error))
    return _shown(_look(context, listener_id))


def score_short(context: Context, name: str, token: str | None, method: str, seed: float | None) -> list[Any]:
    """Begin to set one of our films to music, which is kept: it plays at once when somebody asks again."""
    listener_id, home = listener_of(context, token), context.settings.home
    try:
        kept = scored_films.begin_short(
            context.database, home, listener_id, name, method=method, seed=int(seed or 0),
            style_folder=context.settings.style_folder, links=learned.links_for(context.database, listener_id, method),
        )  # fmt: skip
        if kept is None:
            return _shown(_look(context, listener_id))
        downloads = Downloads(home)
        files = tuple(downloads.write(listener_id, each.name, each.read_bytes()) for each in kept.files)
    except Problem as error:
        return _said(sentence(error))
    return _shown(replace(kept, files=files), plays=True)


def follow(context: Context, token: str | None) -> list[Any]:
    """How far it is, asked again in a second while it goes on; one of ours then plays."""
    return _shown(_look(context, claim_of(context, token).listener_id), plays=True)


def give_up(context: Context, token: str | None) -> str:
    """End the work on the listener's film."""
    scored_films.TASK.stop(context.database, listener_of(context, token))
    return status("Stopping…")


def _look(context: Context, listener_id: uuid.UUID) -> Scoring | None:
    return scored_films.look(context.database, context.settings.home, listener_id)


def told(now: Scoring) -> str:
    """How far it is, or what came of it."""
    made = now.made
    if now.problem:
        return sentence(now.problem)
    if made is None:
        if now.ended:
            return "Stopped."
        return f"{STAGES.get(now.stage, 'Starting')}…{f' {now.share:.0%}' if now.share else ''}"
    cuts = f" {made.met} of {made.cuts} cuts fall on a bar line." if made.cuts else ""
    tempo = f"{made.slowest_bpm:.0f} to {made.fastest_bpm:.0f}"
    return (
        f"{made.seconds:.0f} seconds of film, {made.bars} bars at {tempo} beats a minute.{cuts} {made.again}".rstrip()
    )


def _shown(now: Scoring | None, *, plays: bool = False) -> list[Any]:
    goes_on = bool(now and not now.ended)
    files: list[str | None] = [str(each) for each in now.files] if now and now.files else [None] * len(FILES)
    return [
        (going(told(now), now.seconds_left) if goes_on else status(told(now))) if now else "",
        gr.update(visible=bool(now and now.files)),
        gr.update(value=files[0], autoplay=plays and bool(now and now.short)),
        *files,
        *[gr.update(interactive=not goes_on)] * (1 + len(SHORTS)),
        gr.update(visible=goes_on),
        gr.update(active=goes_on),
    ]


def _said(text: str) -> list[Any]:
    """Why nothing was begun; what is there stays."""
    return [status(text), *[gr.skip()] * (5 + 1 + len(SHORTS) + 2)]
