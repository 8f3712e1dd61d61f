"""The head of a sheet over the page: its title, a button that closes it, and the keyboard kept within it.

Run ``python -m webapp.ui.components.sheet`` for a page of ten lines that opens one.
"""

from __future__ import annotations

from typing import Any

from webapp.ui.components.component import Component, Event


class Sheet(Component):
    """Makes the column of the class ``k-sheet`` that it stands in a modal dialogue for as long as that is visible.

    The rest of the page can be neither tabbed to nor pressed meanwhile; afterwards the focus is where it was.

    Args:
        value: The title.

    Events:
        close: The button or Escape was pressed; a handler hides the column.
    """

    script = "sheet.js"
    custom_events = ("close",)
    close: Event

    def __init__(self, value: str = "", **settings: Any) -> None:
        super().__init__(
            value,
            html_template="""
<div class="kallos k-sheet-head">
  <h2></h2>
  <button type="button" class="k-quiet k-small" data-testid="close-sheet" aria-keyshortcuts="Escape">Close</button>
</div>""",
            **settings,
        )


if __name__ == "__main__":
    import gradio as gr

    with gr.Blocks() as demo:
        opener = gr.Button("Open")
        with gr.Column(visible=False, elem_classes="k-sheet") as column:
            sheet = Sheet("A sheet")
            gr.Textbox(label="Name")
        opener.click(lambda: gr.update(visible=True), outputs=column)
        sheet.close(lambda: gr.update(visible=False), outputs=column)
    demo.launch()
