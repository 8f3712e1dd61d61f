"""An agent that comes with Kallos, on the pages that tell of it: heard on its way, beside how it learned."""

from __future__ import annotations

from statistics import fmean
from typing import Any

import gradio as gr
import numpy as np

from models.music.performance import notes_in_seconds
from webapp.context import Context
from webapp.rating import agents, shipped_agent
from webapp.rating.agents import Learning
from webapp.rating.plot import learnt
from webapp.rating.rated_sounds import sound_of
from webapp.rating.shipped_agent import PlayedClip, ShippedAgent
from webapp.ui.choosing import DOMAINS
from webapp.ui.components.clip_list import ClipList
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.dashboards import section
from webapp.ui.handlers import bound
from webapp.ui.layout import AWAITED, CHOICE, QUIET, explained

ALIKE = "In each column it begins at the same place of a piece, earlier and later on its way."


def show(context: Context, listener: ListenerToken, name: str, title: str, meaning: str) -> None:
    """Its section of a page, with a choice where it learned several domains; hidden where it isn't shipped.

    ``name``: one of ``shipped_agent.FOLDERS``; ``meaning``: what it learned from.
    """
    with section(title, f"{meaning} {ALIKE}", visible=False) as ours:
        domain = gr.Radio(
            [], label="What it plays", show_label=False, container=False, elem_classes="k-choices",
            elem_id="shipped-plays",
        )  # fmt: skip
        with gr.Row(elem_classes="k-two"):
            here, there = (ClipList(elem_id=f"shipped-{place}") for place in ("first", "second"))
        with gr.Row(elem_classes="k-bar"):
            more = gr.Button("Play something new", elem_id="play-shipped", size="sm", scale=0, min_width=180)
        new = gr.Audio(label="By this agent", interactive=False, elem_id="shipped-sound", visible=False)
        course = gr.Plot(label="How it learned", show_label=False, container=False, elem_id="plot-shipped")
        about = gr.HTML(elem_id="about-shipped", apply_default_css=False, js_on_load=None)
    heard = [here, there, course, about]
    listener.change(bound(has_learned, name), None, [ours, domain, *heard], **QUIET)
    domain.input(bound(played, name), domain, heard, **CHOICE)
    more.click(bound(play, context, name), domain, new, **AWAITED)


def has_learned(name: str) -> list[Any]:
    """The agent of this name in the first domain that it learned; nothing where there is none."""
    found = shipped_agent.shipped(shipped_agent.FOLDERS[name])
    if found is None:
        return [gr.skip()] * 6
    choices = [(called, each) for called, each in DOMAINS if each in found.learning]
    domain = choices[0][1]
    choice = gr.update(choices=choices, value=domain, visible=len(choices) > 1)
    return [gr.update(visible=True), choice, *_played(found, name, domain)]


def played(name: str, domain: str) -> list[Any]:
    """What it played in another domain on its way, and how it learned there."""
    found = shipped_agent.shipped(shipped_agent.FOLDERS[name])
    return _played(found, name, domain) if found else [gr.skip()] * 4


def play(context: Context, name: str, domain: str | None) -> Any:
    """Eight new bars by it."""
    seed = int(np.random.default_rng().integers(agents.MOST_SEED))
    wav = agents.played_by(shipped_agent.FOLDERS[name], context.style_folder, seed, domain or "")
    return gr.update(value=sound_of(wav), visible=True)


def _played(found: ShippedAgent, name: str, domain: str) -> list[Any]:
    learning = found.learning[domain]
    rows = [(clip, _row(name, number, clip)) for number, clip in enumerate(found.clips)]
    lists = [[row for clip, row in rows if (clip.domain, clip.place) == (domain, place)] for place in (0, 1)]
    return [*lists, learnt(learning), explained(came_of(found, learning))]


def _row(name: str, number: int, clip: PlayedClip) -> dict[str, Any]:
    return {
        "heading": f"After {clip.step} steps" if clip.step else "The composer, before", "detail": "", "acts": False,
        "audio_url": f"/api/agent/{name}/clips/{number}", "notes": notes_in_seconds(clip.piece, clip.seconds),
        "seconds": clip.seconds,
    }  # fmt: skip


def came_of(found: ShippedAgent, learning: Learning) -> str:
    """What became of it, with what its card says of clips that it never learned from."""
    said = [f"While it learned, {went}."] if (went := moved(learning)) else []
    if measured := found.card.get("evaluation", {}).get("two_sample"):
        said.append(
            f"A classifier tells what it plays from real music in {measured['value']:.0%} of cases, and what the "
            f"composer plays in {measured['baseline']:.0%}; by guessing, in half.".replace("%", "\u00a0%")
        )
    return " ".join(said)


def moved(now: Learning) -> str:
    """From where to where the reward and the judge went, means of a tenth of the steps; empty where nothing was rated.

    A step's clips are few, so that single steps say little.
    """
    some = max(1, len(now.steps) // 10)
    said = []
    for name, rated in (("reward", [each.reward for each in now.steps]), ("judge", [each.judge for each in now.steps])):
        first, last = ([value for value in part if value is not None] for part in (rated[:some], rated[-some:]))
        if first and last:
            said.append(f"the {name} went from {fmean(first):z.2f} to {fmean(last):z.2f}")
    return ", ".join(said).replace("-", "−")
