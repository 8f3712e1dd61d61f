"""One question in two forms: which of two pictures fits this piece, or which of two pieces fits this picture?

Questions come from the server of Kallos. Run ``python -m webapp.ui.components.fit_player`` for a page of ten lines that
shows the player without one.
"""

from __future__ import annotations

from typing import Any

from webapp.ui.components import clip
from webapp.ui.components.component import Component, Event
from webapp.ui.components.pair_player import MILESTONES, SIDES

ANSWERS = (  # outcome, key, what stands on the button
    ("left", "1", "<b>A</b> fits better"),
    ("equal", "0", "Both fit alike"),
    ("right", "2", "<b>B</b> fits better"),
    ("skipped", "S", "Skip"),
)
LEGEND = (
    ("A", "hear A"), ("B", "hear B"), ("space", "pause"), ("1", "A fits"), ("2", "B fits"), ("0", "alike"),
    ("S", "skip"),
)  # fmt: skip


class FitPlayer(Component):
    """Plays the music of a question beside its pictures, and takes an answer once the music was heard.

    The rules are those of ``PairPlayer``: answers are written down before they are sent, and repeated until they are
    acknowledged; the next question sounds meanwhile. A picture of two can be clicked to pick it.

    Events:
        vote: An answer was given and stored. ``gr.EventData`` has ``outcome`` (``left``, ``right``, ``equal``,
            ``skipped``), ``fit_id`` and ``picks``.
        select: A clip begins to sound; ``side`` is ``a`` or ``b``.
    """

    script = "fit_player.js"
    custom_events = ("vote",)
    vote: Event

    def __init__(self, **settings: Any) -> None:
        answers = "".join(clip.answer(*answer, f"fit-{answer[0]}") for answer in ANSWERS)
        super().__init__(
            html_template=f"""
<div class="kallos k-fit" data-kind="" style="visibility: hidden">
  <div class="k-pair">
    <figure class="k-fit-shared"><img alt="The picture" data-picture="shared"></figure>
    {"".join(clip.card(side, side.upper(), side.upper()) for side in SIDES)}
    {_choice("left", "A", "1")}{_choice("right", "B", "2")}
  </div>
  <div class="k-wait" hidden>{clip.KEYBOARD}<p data-part="wait">Composing the first pieces…</p></div>
  <div class="k-vote k-vote-fit" role="group" aria-label="Your answer"><p class="k-hint"></p>{answers}</div>
  <p class="k-status" role="status" aria-live="polite"></p>
  {clip.progress(LEGEND, MILESTONES, more=False)}
</div>""",
            offered=True,
            **settings,
        )


def _choice(outcome: str, letter: str, key: str) -> str:
    """A picture that is picked by a click."""
    return (
        f'<button type="button" class="k-answer k-fit-choice" data-outcome="{outcome}" data-testid="picture-{outcome}" '
        f'aria-label="Picture {letter} fits better" aria-keyshortcuts="{key}" disabled>'
        f'<img alt="" data-picture="{outcome}"><span class="k-letter" aria-hidden="true">{letter}</span></button>'
    )


if __name__ == "__main__":
    import gradio as gr

    with gr.Blocks(title="Which fits better?") as demo:
        FitPlayer()
    demo.launch()
