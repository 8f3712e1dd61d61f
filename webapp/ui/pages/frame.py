"""What every page shares: the header with its menu, and the two dialogues that the menu opens."""

from __future__ import annotations

import gradio as gr

from webapp.ui.components.header import DIALOGUES, MENU, PAGES, RESEARCH

KEYS = f'<div class="k-keys" aria-hidden="true">{"<i></i>" * 7}</div>'


def page(name: str, body: str, *, part_of: str = "") -> gr.HTML:
    """One whole page as Gradio's HTML block; ``static/main.js`` finds it by ``data-page`` and brings it to life.

    ``part_of``: the page that the header shows as the current one, where it is another.
    """
    links = "".join(
        f'<a href="{href}"{aside}{" aria-current=page" if key == (part_of or name) else ""}>{label}</a>'
        for pages, aside in ((PAGES, ""), (RESEARCH, ' class="k-aside"'))
        for key, href, label in pages
    )
    # hidden until the stylesheet is there, so that nobody sees the page undressed
    return gr.HTML(
        f"""
<div class="kallos" data-page="{name}" style="visibility: hidden">
  <header class="k-header">
    <a class="k-mark" href="./" aria-label="Kallos, home">Kallos</a>
    <nav aria-label="Pages">{links}</nav>
    {MENU}
  </header>
  <main>{body}</main>
  {DIALOGUES}
</div>
""",
        apply_default_css=False,
        js_on_load="",
        padding=False,
    )
