"""A list of entries to choose from, each with something beside it.

``gr.Dataset`` shows one text an entry and cuts it; ``gr.Radio`` keeps one chosen. Here each entry is a button.
Run ``python -m webapp.ui.components.entries`` for a page of ten lines that shows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from webapp.ui.components.component import Component

Entry = tuple[int, str, str]  # what events call it, its text, and what stands beside it

_TEMPLATE = """
<div class="kallos"><ul class="k-entries">{{#each value}}
  <li><button type="button" data-key="{{this.key}}">{{this.text}}<small>{{this.aside}}</small></button></li>
{{/each}}</ul></div>"""


class Entries(Component):
    """Texts to choose from.

    Args:
        value: Key, text and what stands beside the text, of each entry.

    Events:
        select: An entry was pressed; ``gr.EventData`` has its ``key``.
    """

    script = "entries.js"

    def __init__(self, value: Sequence[Entry] | None = None, **settings: Any) -> None:
        super().__init__(value, html_template=_TEMPLATE, **settings)

    def postprocess(self, value: Any) -> Any:
        """The entries as the template takes them."""
        return [{"key": key, "text": text, "aside": aside} for key, text, aside in value or ()]


if __name__ == "__main__":
    import gradio as gr

    def told(event: gr.EventData) -> str:
        """Which entry was pressed."""
        return str(event.key)

    with gr.Blocks() as demo:
        entries = Entries([(3, "The Kesh Jig", "0.81"), (5, "Cooley's Reel", "0.74")])
        chosen = gr.Textbox(label="Chosen")
        entries.select(told, outputs=chosen)
    demo.launch()
