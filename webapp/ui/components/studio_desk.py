"""The desk of the studio: a piece beside what comes of it, and every step there and back.

Run ``python -m webapp.ui.components.studio_desk`` for an empty one on a page of ten lines; composing needs Kallos.
"""

from __future__ import annotations

from typing import Any

from webapp.ui.components import clip
from webapp.ui.components.component import Component, Event

CALLED = {
    "played": "MIDI as played", "mid": "MIDI as written", "musicxml": "MusicXML", "abc": "ABC", "mp3": "MP3",
    "wav": "WAV", "png": "PNG",
}  # fmt: skip
LOCKABLE = '<div class="k-bars" role="group" aria-label="Lock bars of the old one"></div>'
RULER = '<div class="k-bars" aria-hidden="true"></div>'


class StudioDesk(Component):
    """Plays old against new, switching at the same place in the music, and composes what is wanted.

    One piece is composed at a time, over HTTP, and plays once it is there; meanwhile only the last wish counts, and
    undo takes it back. Bars of the old piece are locked below its roll. Both stay in view when the page is scrolled.

    Args:
        value: An order, or what is shown (see the events). Orders have ``do``: ``open`` (with ``old`` and maybe
            ``piece``, as the HTTP interface tells pieces, ``link``, ``fixed``, ``note``), ``wait`` (be quiet),
            ``borrow`` (``groups``, ``source``), ``dials`` (``styles``, ``turned``), ``toward``, ``lock`` (``locks``),
            ``keep`` (per cent), ``again``, ``take`` (``piece``, and ``of``, the old one that it was made of: nothing
            where another one lies there by now), ``seeds`` (that were used elsewhere), ``leave``.

    Events:
        shows: What is wanted or what there is has changed; the value then has ``old``, ``piece`` (``None``: nothing new
            yet), ``recipe``, ``sources``, ``fixed``, ``link`` and ``side`` (which sounded last).
    """

    script = "studio_desk.js"
    described = "an order, or old, piece, recipe, sources, fixed, link and side"
    custom_events = ("shows",)
    shows: Event

    def __init__(self, value: dict[str, Any] | None = None, **settings: Any) -> None:
        forms = "".join(f'<button type="button" data-form="{form}">{CALLED[form]}</button>' for form in CALLED)
        super().__init__(
            value,
            html_template=f"""
<div class="kallos k-desk" style="visibility: hidden">
  <p class="k-shared" data-part="shared" hidden></p>
  <div data-part="place"><div class="k-players">
    <div class="k-pair">{clip.card("a", "Old", "O", LOCKABLE)}{clip.card("b", "New", "N", RULER)}</div>
    <p class="k-said" role="status" aria-live="polite" data-part="said"></p>
  </div></div>
  <div class="k-tools" role="toolbar" aria-label="Steps and files">
    <button type="button" class="k-quiet k-small" data-do="undo" aria-keyshortcuts="Control+Z" data-testid="undo"
            disabled>Undo</button>
    <button type="button" class="k-quiet k-small" data-do="redo" aria-keyshortcuts="Control+Y" data-testid="redo"
            disabled>Redo</button>
    <details class="k-save" hidden>
      <summary class="k-quiet k-small" data-testid="save">Save the new one</summary>
      <div class="k-forms">{forms}</div>
    </details>
  </div>
</div>""",
            **settings,
        )


if __name__ == "__main__":
    import gradio as gr

    with gr.Blocks() as demo:
        StudioDesk(interactive=True)
    demo.launch()
