"""What every page shares: the header with its menu, and the two dialogues that the menu opens."""

from __future__ import annotations

import gradio as gr

KEYS = f'<div class="k-keys" aria-hidden="true">{"<i></i>" * 7}</div>'
PAGES = (("compare", "./", "Compare"), ("taste", "taste", "Your taste"), ("studio", "studio", "Studio"))
RESEARCH = (  # in the menu where the page is narrow
    ("atlas", "maps", "Maps"),
    ("titles", "titles", "Titles"),
    ("styles", "styles", "Styles"),
    ("tastes", "tastes", "Tastes"),
    ("retrieval", "retrieval", "Retrieval"),
    ("runs", "runs", "Runs"),
)

_MENU = f"""
<details class="k-menu">
  <summary aria-label="Menu">
    <svg viewBox="0 0 20 20" aria-hidden="true"><path d="M3 6h14M3 10h14M3 14h14"/></svg>
  </summary>
  <div class="k-menu-list">
    {"".join(f'<a href="{href}">{label}</a>' for _, href, label in RESEARCH)}
    <button type="button" data-do="link">Continue on another device</button>
    <button type="button" data-do="export">Download my data</button>
    <button type="button" data-do="delete" class="k-danger">Delete everything</button>
  </div>
</details>
"""

_DIALOGUES = """
<dialog class="k-dialog" data-dialog="link" aria-labelledby="k-link-title">
  <h2 id="k-link-title">Continue on another device</h2>
  <p>Open this link there and your picks come along. <span data-part="expires"></span>
     Whoever has the link can vote as you, so keep it to yourself.</p>
  <input type="text" readonly aria-label="Link for your other device" data-part="url">
  <div class="k-dialog-row">
    <button type="button" class="k-quiet" data-part="close">Close</button>
    <button type="button" class="k-solid" data-part="copy">Copy link</button>
  </div>
</dialog>
<dialog class="k-dialog" data-dialog="delete" aria-labelledby="k-delete-title">
  <h2 id="k-delete-title">Delete everything?</h2>
  <p>Your picks, what was learned from them and the clips composed for you are removed for good.
     Download your data first if you want to keep a copy.</p>
  <p class="k-dialog-error" role="alert" data-part="error"></p>
  <div class="k-dialog-row">
    <button type="button" class="k-quiet" data-part="close">Keep it</button>
    <button type="button" class="k-solid" data-part="confirm">Delete everything</button>
  </div>
</dialog>
"""


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
    {_MENU}
  </header>
  <main>{body}</main>
  {_DIALOGUES}
</div>
""",
        apply_default_css=False,
        js_on_load="",
        padding=False,
    )
