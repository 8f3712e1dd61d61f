"""A question before something is done for good. Gradio has no dialogue.

Run ``python -m webapp.ui.components.confirmation`` for a page of ten lines that asks one.
"""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass
from typing import Any

from webapp.ui.components.component import Component, Event

_asked = itertools.count(1)


@dataclass(frozen=True)
class Question:
    """What is asked: ``data`` comes back with the event ``confirm``."""

    title: str
    text: str
    confirm: str
    keep: str = "Cancel"
    data: Any = None


class Confirmation(Component):
    """A dialogue that opens whenever a handler gives it a ``Question``; Escape and the first button leave all as it is.

    Events:
        confirm: It was confirmed; ``gr.EventData`` has the question's ``data``.
    """

    script = "confirmation.js"
    described = "title, text, confirm, keep and data"
    custom_events = ("confirm",)
    confirm: Event

    def __init__(self, *, test_id: str = "confirm", **settings: Any) -> None:
        super().__init__(
            None,
            html_template=f"""
<div class="kallos" style="visibility: hidden">
  <dialog class="k-dialog" aria-labelledby="{test_id}-title">
    <h2 id="{test_id}-title"></h2>
    <p data-part="text"></p>
    <div class="k-dialog-row">
      <button type="button" class="k-quiet" data-part="keep"></button>
      <button type="button" class="k-solid" data-part="confirm" data-testid="{test_id}"></button>
    </div>
  </dialog>
</div>""",
            **settings,
        )

    def postprocess(self, value: Any) -> Any:
        """The question, numbered, so that the same one opens again."""
        return None if value is None else asdict(value) | {"number": next(_asked)}


if __name__ == "__main__":
    import gradio as gr

    def asked() -> Question:  # noqa: D103
        return Question("Delete the piece?", "It is gone for good.", "Delete it", data="piece 1")

    def done(event: gr.EventData) -> str:  # noqa: D103
        return f"{event.data} is deleted"

    with gr.Blocks() as demo:
        delete, question, said = gr.Button("Delete"), Confirmation(), gr.Textbox(label="Said")
        delete.click(asked, outputs=question)
        question.confirm(done, outputs=said)
    demo.launch()
