"""A listening study as its participants meet it, step by step, on a page of its own.

The key of the study stands in the address (``?key=…``), and beside it whatever a panel adds. What comes next is the
server's to say, so that a reload goes on where it was. Run ``python -m webapp.ui.components.study_page`` for a page of
ten lines that shows one without a study.
"""

from __future__ import annotations

from webapp.ui.components import clip
from webapp.ui.components.component import Component
from webapp.ui.components.pair_player import SIDES

ANSWERS = (  # outcome, key, what stands on the button
    ("left", "1", "<b>A</b>"),
    ("equal", "0", "Equally"),
    ("right", "2", "<b>B</b>"),
)


class StudyPage(Component):
    """Leads a participant through information, headphone check, questions, pairs, and out by a link or a withdrawal."""

    script = "study_page.js"

    def __init__(self, **settings: object) -> None:
        answers = "".join(clip.answer(*answer, f"study-{answer[0]}") for answer in ANSWERS)
        super().__init__(
            html_template=f"""
<div class="kallos k-study" style="visibility: hidden">
  <p class="k-study-preview" data-part="preview" hidden>
    Preview: nothing that you answer here counts, and it goes when the study opens.</p>
  <div data-part="text"><p role="status">Loading the study…</p></div>
  <div data-part="pairs" hidden>
    <h1 data-part="question"></h1>
    <p class="k-study-asks" data-part="asks" role="alert" hidden></p>
    <progress data-part="progress" aria-label="How far you are" value="0" max="1"></progress>
    <p class="k-study-place" data-part="place"></p>
    <img class="k-study-shows" data-part="picture" alt="The picture that the music is for" hidden>
    <svg class="k-study-shows" data-part="film" role="img" aria-label="The film that the music is for" hidden></svg>
    <div class="k-pair">{"".join(clip.card(side, side.upper(), side.upper()) for side in SIDES)}</div>
    <div class="k-wait" hidden>{clip.KEYBOARD}<p data-part="wait">Loading…</p></div>
    <div class="k-vote" role="group" aria-label="Your answer"><p class="k-hint"></p>{answers}</div>
    <p class="k-status" role="status" aria-live="polite"></p>
    <footer hidden><span class="k-picks"></span><span class="k-kept"></span></footer>
  </div>
  <p class="k-study-error" role="alert" data-part="error"></p>
  <p class="k-study-kept" role="status" data-part="kept" data-testid="study-kept"></p>
  <p class="k-study-leave" data-part="leave" hidden>
    You can stop at any time. <button type="button" class="k-link" data-testid="study-withdraw">Stop and delete
    my answers</button></p>
</div>""",
            **settings,
        )


if __name__ == "__main__":
    import gradio as gr

    with gr.Blocks(title="A study") as demo:
        StudyPage()
    demo.launch()
