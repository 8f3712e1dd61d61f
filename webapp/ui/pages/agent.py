"""The agent's page: the composer learns to play what is rewarded; what it was and what it became, heard blind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np

from webapp.context import Context
from webapp.rating import agents, rated_sounds
from webapp.rating.agents import Learning, Order
from webapp.rating.plot import learnt
from webapp.rating.rated_sounds import Sound, sound_of
from webapp.runtime.errors import NotAllowed
from webapp.runtime.listener_files import Adapters
from webapp.ui import arrival, learned_agent
from webapp.ui.choosing import DOMAINS
from webapp.ui.dashboards import section
from webapp.ui.handlers import bound, claim_of, listener_of
from webapp.ui.layout import AWAITED, QUIET, heading, page, status
from webapp.ui.learned_agent import moved
from webapp.ui.waits import cancel_button, going
from webapp.ui.words import capital, sentence

LEAD = (
    "The composer plays eight bars again and again, and learns from what is rewarded. It keeps near what it was: "
    "a small part is learned beside it, and the composer itself never changes."
)
REWARDS = (
    ("What the rating network likes", "network"), ("What you like", "head"), ("Both", "sum"),
    ("An open future and a known past", "tension"), ("All of these", "mixture"),
)  # fmt: skip
EXPLAINED = (
    "The mean reward of the clips that it plays at each step. The judge is another network, which never rewards: where "
    "only the reward rises, the agent pleases the network and not the ear."
)
BLIND = (
    "Both begin at the same place of a piece. One is the composer as it was, the other what it became. "
    "Which is more beautiful?"
)
LEARNED = (
    "This one learned for some minutes from a mixture: what the rating network likes, and an open future with a known "
    "past."
)
STAY = "It learns for some minutes, and goes on if you leave this page: come back to it here."
POLL_S = 1
KEPT = "It stays until you keep another one or delete your data."


@dataclass(frozen=True)
class Blind:
    """Pairs to compare, each with the place of the agent, and for each that was judged whether it was preferred."""

    pairs: tuple[tuple[bytes, bytes], ...]
    agent_first: tuple[bool, ...]
    won: tuple[bool, ...] = ()

    @classmethod
    def of(cls, learning: Learning) -> Blind:
        """In random order."""
        return cls(learning.pairs, tuple((np.random.default_rng().random(len(learning.pairs)) < 0.5).tolist()))

    def sounds(self) -> tuple[Sound, Sound] | None:
        """The next pair in its order; None after the last."""
        at = len(self.won)
        if at >= len(self.pairs):
            return None
        before, after = (sound_of(each) for each in self.pairs[at])
        return (after, before) if self.agent_first[at] else (before, after)

    def picked(self, *, first: bool) -> Blind:
        """After a pick."""
        return Blind(self.pairs, self.agent_first, (*self.won, first == self.agent_first[len(self.won)]))


def build(context: Context) -> None:
    """The page at ``/agent``."""
    with page("agent") as listener:
        with gr.Row(elem_classes="k-ask"):
            heading("An agent at the piano", LEAD)
        learned_agent.show(context, listener, "dance", "One that has learned", LEARNED)
        gr.HTML("<h2>Let one learn</h2>", apply_default_css=False, js_on_load=None)
        reward = gr.Radio(list(REWARDS), label="What is rewarded", elem_id="reward")
        with gr.Row(elem_classes="k-bar"):
            domain = gr.Dropdown(
                list(DOMAINS), value=None, label="What it plays", elem_id="plays", scale=0, min_width=180
            )
            seed = gr.Number(
                1, label="Seed", precision=0, minimum=0, maximum=agents.MOST_SEED, elem_id="agent-seed", scale=0
            )
            begin = arrival.button("Let it learn", elem_id="learn")
            cancel = cancel_button(elem_id="cancel-agent")
        said = gr.HTML(elem_id="agent-said", apply_default_css=False, js_on_load=None)
        with section("How it learns", EXPLAINED, visible=False) as curve:
            plot = gr.Plot(label="How it learns", show_label=False, container=False, elem_id="plot-agent")
        blind = gr.State(None)
        with section("Before and after", BLIND, visible=False) as compared:
            with gr.Row(elem_classes="k-two"):
                first = gr.Audio(label="First", interactive=False, elem_id="first")
                second = gr.Audio(label="Second", interactive=False, elem_id="second")
            with gr.Row(elem_classes="k-bar"):
                left = gr.Button("The first", elem_id="pick-first", scale=0, min_width=140)
                right = gr.Button("The second", elem_id="pick-second", scale=0, min_width=140)
                keep = gr.Button("Keep the agent", elem_id="keep-agent", scale=0, min_width=140)
            verdict = gr.HTML(elem_id="verdict", apply_default_css=False, js_on_load=None)
        with section("The agent that you keep", KEPT, visible=False) as yours:
            play = gr.Button("Play something new", elem_id="play-kept", min_width=180)
            sound = gr.Audio(label="By your agent", interactive=False, elem_id="kept-sound", visible=False)
    timer, seen = gr.Timer(POLL_S, active=False), gr.State(0)
    outputs = [said, curve, plot, compared, blind, first, second, verdict, begin, cancel, timer, seen]
    arrival.fill(listener.change, bound(arrive, context), listener, [reward, domain], [seed, *outputs])
    begin.click(bound(learn, context), [listener, reward, domain, seed], outputs, js=listener.awaited, **QUIET)
    timer.tick(bound(follow, context), [listener, seen], outputs, js=listener.awaited, **QUIET)
    cancel.click(bound(give_up, context), listener, said, **QUIET)
    left.click(pick_first, blind, [blind, first, second, verdict], **QUIET)
    right.click(pick_second, blind, [blind, first, second, verdict], **QUIET)
    keep.click(bound(keep_agent, context), listener, [verdict, yours], **QUIET)
    listener.change(bound(keeps_one, context), listener, yours, **QUIET)
    play.click(bound(play_kept, context), listener, sound, js=listener.awaited, **AWAITED)


def arrive(context: Context, token: str | None) -> tuple[Any, ...]:
    """What was ordered last, and how far it has come."""
    now = agents.look(context.database, context.settings.home, claim_of(context, token).listener_id)
    order = now.order if now else Order()
    return [order.reward, order.domain], order.seed if now else gr.skip(), *_shown(now)


def learn(context: Context, token: str | None, reward: str | None, domain: str | None, seed: float | None) -> list[Any]:
    """Have an agent learn."""
    listener_id, first = listener_of(context, token), Order()
    order = Order(reward or first.reward, domain or first.domain, first.seed if seed is None else int(seed))
    model = rated_sounds.model(context.settings.runs_folder)
    agents.begin(context.records, context.style_folder, model, listener_id, order)
    return _shown(agents.look(context.database, context.settings.home, listener_id))


def follow(context: Context, token: str | None, seen: int) -> Any:
    """How far it has come, asked again in a second while it goes on; ``seen``: the steps that the page shows."""
    now = agents.look(context.database, context.settings.home, claim_of(context, token).listener_id)
    return gr.skip() if now and not now.ended and len(now.steps) == seen else _shown(now)


def give_up(context: Context, token: str | None) -> str:
    """End the listener's agent; whoever follows it shows how far it came."""
    agents.TASK.stop(context.database, listener_of(context, token))
    return status("Stopping…")


def pick_first(blind: Blind | None) -> list[Any]:
    """The first of the pair is the more beautiful."""
    return _picked(blind, first=True)


def pick_second(blind: Blind | None) -> list[Any]:
    """The second of the pair is the more beautiful."""
    return _picked(blind, first=False)


def keep_agent(context: Context, token: str | None) -> list[Any]:
    """Keep the agent that learned last, until this listener is deleted or keeps another."""
    if not Adapters(context.settings.home).keep(listener_of(context, token)):
        raise NotAllowed("no agent has learned for you yet; let one learn first")
    return [status("Kept, in place of any that you kept before."), gr.update(visible=True)]


def keeps_one(context: Context, token: str | None) -> Any:
    """Show the agent that this listener keeps, where there is one."""
    return gr.update(visible=bool(token) and Adapters(context.settings.home).kept(listener_of(context, token)).is_dir())


def play_kept(context: Context, token: str | None) -> Any:
    """Eight new bars by the agent that the listener keeps."""
    seed = int(np.random.default_rng().integers(agents.MOST_SEED))
    wav = agents.play(context.records, context.style_folder, listener_of(context, token), seed)
    return gr.update(value=sound_of(wav), visible=True)


def _picked(blind: Blind | None, *, first: bool) -> list[Any]:
    if blind is None or blind.sounds() is None:
        return [blind, gr.skip(), gr.skip(), gr.skip()]
    after = blind.picked(first=first)
    which = "the agent" if after.won[-1] else "the composer as it was"
    done, sounds = f"That was {which}.", after.sounds()
    if sounds is None:
        done += f" You preferred the agent in {sum(after.won)} of {len(after.won)} pairs."
        return [after, gr.skip(), gr.skip(), status(done)]
    return [after, *sounds, status(f"{done} Here is the next pair.")]


def _shown(now: Learning | None) -> list[Any]:
    steps, goes_on = now.steps if now else (), bool(now and not now.ended)
    blind = Blind.of(now) if now and now.pairs else None
    sounds = (blind.sounds() if blind else None) or (None, None)
    return [
        (going(told(now), now.seconds_left) if goes_on else status(told(now))) if now else "",
        gr.update(visible=bool(steps)),
        learnt(now) if now and steps else gr.skip(),
        gr.update(visible=blind is not None),
        blind,
        *sounds,
        "",
        gr.update(interactive=not goes_on),
        gr.update(visible=goes_on),
        gr.update(active=goes_on),
        len(steps),
    ]


def told(now: Learning) -> str:
    """How far it is, or what came of it, in a sentence or two."""
    if now.problem:
        return sentence(now.problem)
    if not now.steps:
        return "Stopped." if now.ended else f"Sitting down at the piano… {STAY}"
    last = now.steps[-1]
    if now.ended and not now.pairs:
        return f"Stopped at step {last.step}."
    if not now.ended:
        return f"Step {last.step} of {now.order.steps}."
    came = moved(now)
    return f"{capital(came)}." if came else "It has learned; nothing that it played was rated."
