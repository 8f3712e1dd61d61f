"""Four clips and one question: which is the most beautiful?

Run ``python -m webapp.ui.components.best_of_four_player`` for a page of ten lines that plays it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from webapp.ui.components import clip
from webapp.ui.components.clip import Clip
from webapp.ui.components.component import Component, Event
from webapp.ui.components.pair_player import MILESTONES

SIDES = ("a", "b", "c", "d")
LEGEND = (("A–D", "hear"), ("space", "pause"), ("1–4", "pick"), ("N", "none"), ("S", "skip"))


class BestOfFourPlayer(Component):
    """Plays four clips, draws their notes, and takes an answer once all were heard for three seconds.

    The rules are those of ``PairPlayer``; the clips come from the server's ``/api/fours`` where ``offered``.

    Events:
        vote: An answer was given (and stored, where offered). ``gr.EventData`` has ``outcome`` (``a`` to ``d``,
            ``none``, ``skipped``), ``heard_ms`` (four numbers), ``clip_id`` (the winner's name, if any) and ``picks``.
        select: A clip begins to sound; ``side`` is ``a`` to ``d``.
        change: Python has set four other clips.
        undone: The last answer was taken back; ``what``, ``id`` and ``domain`` of what is open again, and ``picks``.
    """

    script = "best_of_four_player.js"
    described = "clips by side, and offer_id"
    custom_events = ("vote", "undone")
    vote: Event
    undone: Event

    def __init__(self, value: Sequence[Clip] | None = None, *, offered: bool = False, **settings: Any) -> None:
        cards = "".join(_card(place, side) for place, side in enumerate(SIDES, 1))
        super().__init__(
            value,
            html_template=f"""
<div class="kallos" style="visibility: hidden">
  <div class="k-pair k-four">{cards}</div>
  <div class="k-wait" hidden>{clip.KEYBOARD}<p data-part="wait">Composing the first pieces…</p></div>
  <div class="k-vote k-vote-four" role="group" aria-label="Your pick"><p class="k-hint"></p>
    {clip.answer("none", "N", "None of them", "pick-none")}{clip.answer("skipped", "S", "Skip", "pick-skipped")}</div>
  <p class="k-status" role="status" aria-live="polite"></p>
  {clip.progress(LEGEND, MILESTONES, more=offered)}
</div>""",
            offered=offered,
            **settings,
        )

    def postprocess(self, value: Any) -> Any:
        """The clips as the script takes them."""
        return clip.offered(value, SIDES)


def _card(place: int, side: str) -> str:
    """A card with its own button to pick it."""
    name = side.upper()
    pick = clip.answer(side, str(place), f"Pick <b>{name}</b>", f"pick-{side}", f"{name} is the most beautiful")
    return clip.card(side, name, name, pick)


if __name__ == "__main__":
    from itertools import cycle, permutations

    import gradio as gr

    from webapp.ui.components.demo import tunes

    fours = cycle(permutations(tunes(), 4))

    def voted(event: gr.EventData) -> tuple[tuple[Clip, ...], str]:
        """The next four, and what was said of the last ones."""
        return next(fours), f"{event.outcome}: {event.clip_id}"

    with gr.Blocks(title="Which is the most beautiful?") as demo:
        player = BestOfFourPlayer(next(fours))
        player.vote(voted, outputs=[player, gr.Textbox(label="Your vote", interactive=True)])
    demo.launch()
