"""Hands the files of a folder that a page can read to a ``gr.File`` beside it.

``gr.File(file_count="directory")`` uploads all that lies there, whatever it is. Here the browser looks first: only
files of the right kinds leave it. Run ``python -m webapp.ui.components.folder_picker`` for a page of ten lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from webapp.ui.components.component import Component

_TEMPLATE = """
<div class="kallos" style="visibility: hidden">
  <input type="file" webkitdirectory multiple hidden aria-hidden="true" tabindex="-1">
  <button type="button" class="k-quiet k-small">%s</button>
  <span role="status" style="margin-left: 10px; color: var(--ink-2)"></span>
</div>"""


class FolderPicker(Component):
    """A button that opens a folder, with its subfolders.

    Args:
        label: What the button says.
        files: The ``elem_id`` of the ``gr.File`` that gets the files, as if they had been chosen there.
        kinds: The endings of file names that may be handed over, in small letters.
        most: How many files are handed over at most, the first by name.
        called: What such files are called, in the singular and the plural.
    """

    script = "folder_picker.js"

    def __init__(
        self,
        label: str = "Choose a folder",
        *,
        files: str = "",
        kinds: Sequence[str] = (),
        most: int = 1,
        called: tuple[str, str] = ("file", "files"),
        **settings: Any,
    ) -> None:
        super().__init__(
            None,
            html_template=_TEMPLATE % escape(label),
            files=files,
            kinds=list(kinds),
            most=most,
            called=list(called),
            **settings,
        )


if __name__ == "__main__":
    from pathlib import Path

    import gradio as gr

    def names(paths: list[str]) -> str:
        """What has come."""
        return ", ".join(Path(path).name for path in paths)

    with gr.Blocks() as demo:
        target = gr.File(label="Texts", file_count="multiple", file_types=[".txt"], elem_id="texts")
        FolderPicker(files="texts", kinds=[".txt"], most=3, called=("text", "texts"))
        target.upload(names, target, gr.Textbox(label="Came"))
    demo.launch()
