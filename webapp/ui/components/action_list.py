"""Rows of words, each with buttons of its own: votes to go back to, links to withdraw.

``gr.Dataframe`` has no buttons in its rows. Run ``python -m webapp.ui.components.action_list`` for a page of ten lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from webapp.ui.components.component import Component, Event


@dataclass(frozen=True)
class Action:
    """A button of a row: its ``name`` comes with the event. One that ``copies`` puts that text into the clipboard."""

    name: str
    label: str
    described: str = ""
    copies: str = ""
    test_id: str = ""


@dataclass(frozen=True)
class Row:
    """A row: what stands in bold, the text, a point in time (ISO 8601), an address that the text leads to, a remark."""

    text: str
    heading: str = ""
    at: str = ""
    link: str = ""
    remark: str = ""
    actions: Sequence[Action] = ()
    data: Any = None


class ActionList(Component):
    """Rows with buttons.

    Args:
        value: The rows.
        dates_only: Whether points in time are shown without the hour.

    Events:
        act: A button was pressed; ``gr.EventData`` has its ``name`` and the row's ``data``.
    """

    script = "action_list.js"
    described = "rows with heading, text, at, link, remark and actions"
    api_type = "array"
    custom_events = ("act",)
    act: Event

    def __init__(self, value: Sequence[Row] | None = None, *, dates_only: bool = False, **settings: Any) -> None:
        super().__init__(
            value,
            html_template='<div class="kallos" style="visibility: hidden"><ol class="k-rows" role="list"></ol></div>',
            dates_only=dates_only,
            **settings,
        )

    def postprocess(self, value: Any) -> Any:
        """The rows as the script takes them."""
        return [asdict(each) for each in value or ()]


if __name__ == "__main__":
    import gradio as gr

    def pressed(event: gr.EventData) -> str:  # noqa: D103
        return f"{event.name}: {event.data}"

    with gr.Blocks() as demo:
        rows = ActionList([Row("A is more beautiful", "No. 1", actions=[Action("back", "Go back")], data=1)])
        rows.act(pressed, outputs=gr.Textbox(label="Pressed"))
    demo.launch()
