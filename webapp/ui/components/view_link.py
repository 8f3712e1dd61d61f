"""A button that offers a link to what the page shows, and keeps what was chosen in the page's address.

Run ``python -m webapp.ui.components.view_link`` for a page of ten lines whose address follows a list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from webapp.ui.components.component import Component


class ViewLink(Component):
    """Offers the page's address, in which ``value`` stands: what was chosen, by name.

    A page reads it again from ``gr.Request.query_params`` when it loads. An empty choice is left out of the address.

    Args:
        value: Name of a choice → what was chosen, or several.
        opens: What the link opens, as a sentence for the dialogue.
        label: What stands on the button.
    """

    script = "view_link.js"
    described = "what was chosen, by name"

    def __init__(
        self,
        value: Mapping[str, str | Sequence[str]] | None = None,
        *,
        opens: str = "It opens this page with the same choices.",
        label: str = "Link to this view",
        **settings: Any,
    ) -> None:
        super().__init__(
            value,
            html_template=f"""
<div class="kallos" style="visibility: hidden">
  <button type="button" class="k-quiet k-small" data-do="view-link" data-testid="view-link">{label}</button>
  <dialog class="k-dialog" aria-label="A link to this view">
    <h2>A link to this view</h2>
    <p>{opens}</p>
    <input type="text" readonly aria-label="Link to this view" data-part="url">
    <div class="k-dialog-row">
      <button type="button" class="k-quiet" data-part="close">Close</button>
      <button type="button" class="k-solid" data-part="copy">Copy link</button>
    </div>
  </dialog>
</div>""",
            **settings,
        )


def chosen(request: gr.Request, name: str) -> str:
    """What the page's address says of a choice; empty where it says nothing."""
    return str(request.query_params.get(name, ""))


if __name__ == "__main__":

    def opened(request: gr.Request) -> str:
        """The colour that the address names."""
        return chosen(request, "colour") or "red"

    with gr.Blocks() as demo:
        colour = gr.Dropdown(["red", "green", "blue"], label="Colour")
        link = ViewLink()
        colour.input(lambda name: {"colour": name}, colour, link)
        demo.load(opened, outputs=colour)
    demo.launch()
