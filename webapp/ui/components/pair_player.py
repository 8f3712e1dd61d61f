"""Two clips and one question: which is more beautiful?

Run ``python -m webapp.ui.components.pair_player`` for a page of ten lines that plays it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from webapp.ui.components import clip
from webapp.ui.components.clip import Clip
from webapp.ui.components.component import Component, Event

SIDES = ("a", "b")
MILESTONES = 10  # picks that the ticks count
ANSWERS = (  # outcome, key, what stands on the button
    ("left", "1", "<b>A</b> is more beautiful"),
    ("equal", "0", "Equally beautiful"),
    ("right", "2", "<b>B</b> is more beautiful"),
    ("neither", "N", "Neither"),
    ("skipped", "S", "Skip"),
)
LEGEND = (
    ("A", "hear A"), ("B", "hear B"), ("space", "pause"), ("1", "pick A"), ("2", "pick B"), ("0", "equal"),
    ("N", "neither"), ("S", "skip"),
)  # fmt: skip


class PairPlayer(Component):
    """Plays two clips side by side, draws their notes, and takes an answer once both were heard for three seconds.

    Switching keeps each clip's place; every answer and every clip has a key. Votes on what the server offers are sent
    over HTTP, written down before that, and repeated until they are acknowledged; the next pair sounds meanwhile.

    Args:
        value: The two clips to compare. ``None`` and ``offered``: pairs come from the server, ``/api/offers``, which
            is asked again when a handler gives ``deal_again()``.
        offered: Whether the server of Kallos offers the pairs and takes the votes.

    Events:
        vote: An answer was given (and stored, where offered). ``gr.EventData`` has ``outcome`` (``left``, ``right``,
            ``equal``, ``neither``, ``skipped``), ``heard_ms`` (by ``left`` and ``right``), ``offer_id``, ``clip_id``
            (the winner's name, if any) and ``picks``. A handler that gives two clips back shows the next pair.
        select: A clip begins to sound; ``side`` is ``a`` or ``b``.
        change: Python has set another pair.
        undone: The last answer was taken back; ``what``, ``id`` and ``domain`` of what is open again, and ``picks``.
    """

    script = "pair_player.js"
    described = "clips by side, and offer_id"
    custom_events = ("vote", "undone")
    vote: Event
    undone: Event

    def __init__(self, value: Sequence[Clip] | None = None, *, offered: bool = False, **settings: Any) -> None:
        answers = "".join(clip.answer(*answer, f"vote-{answer[0]}") for answer in ANSWERS)
        super().__init__(
            value,
            html_template=f"""
<div class="kallos" style="visibility: hidden">
  <div class="k-pair">{"".join(clip.card(side, side.upper(), side.upper()) for side in SIDES)}</div>
  <div class="k-wait" hidden>{clip.KEYBOARD}<p data-part="wait">Composing the first pieces…</p></div>
  <div class="k-vote" role="group" aria-label="Your pick"><p class="k-hint"></p>{answers}</div>
  <p class="k-status" role="status" aria-live="polite"></p>
  {clip.progress(LEGEND, MILESTONES, more=offered)}
</div>""",
            offered=offered,
            **settings,
        )

    def postprocess(self, value: Any) -> Any:
        """The clips as the script takes them."""
        return clip.offered(value, SIDES)


if __name__ == "__main__":
    from itertools import combinations, cycle

    import gradio as gr

    from webapp.ui.components.demo import tunes

    pairs = cycle(combinations(tunes(), 2))

    def voted(event: gr.EventData) -> tuple[tuple[Clip, ...], str]:
        """The next pair, and what was said of the last one."""
        return next(pairs), f"{event.outcome}: {event.clip_id}"

    with gr.Blocks(title="Which is more beautiful?") as demo:
        player = PairPlayer(next(pairs))
        player.vote(voted, outputs=[player, gr.Textbox(label="Your vote", interactive=True)])
    demo.launch()
