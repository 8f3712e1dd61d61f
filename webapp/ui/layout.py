"""What every page shares: the header, the listener, and the measure of the page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import gradio as gr
from gradio.components import Navbar

from webapp.runtime.settings import Settings
from webapp.ui.components.header import Header
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.words import unbroken

# Of an event that only changes what its page shows: no endpoint, and no veil over what it will change.
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
# And of one by which something is chosen: what is chosen while the choice before is on its way comes after it, where
# Gradio would drop it.
CHOICE: dict[str, Any] = {**QUIET, "trigger_mode": "always_last"}
AWAITED: dict[str, Any] = {"api_visibility": "private"}  # of one that takes longer than a moment

FORGETS = (
    "<b>This demo forgets.</b> When it restarts, which happens by itself, your picks and what they taught it are lost. "
    "To keep a copy, choose <i>Download my data</i> in the menu now and then."
)
FOOTER = """<footer class="kallos k-foot">
  <nav aria-label="About Kallos"><a href="about">About and privacy</a><a href="endpoints">Use it from Python</a>
    <a href="api/docs">HTTP interface</a></nav>
</footer>"""


@contextmanager
def page(name: str) -> Iterator[ListenerToken]:
    """What is made within stands on one page, below the header in which ``name`` is the current one.

    Gives the listener: an input for handlers, with a ``change`` event once it is known who is listening.
    """
    Navbar(visible=False)  # the header leads to the other pages
    with gr.Column(elem_classes="k-page"):
        Header(current=name)
        if Settings().forgets:
            gr.HTML(f'<p class="k-forgets" data-testid="forgets">{FORGETS}</p>', apply_default_css=False)
        listener = ListenerToken()
        yield listener
        gr.HTML(FOOTER, apply_default_css=False, js_on_load=None)


def heading(title: str, lead: str = "") -> gr.HTML:
    """A page's title with a line below; return ``gr.update(value=heading_html(...))`` to say something else there."""
    return gr.HTML(heading_html(title, lead), apply_default_css=False, js_on_load=None)


def heading_html(title: str, lead: str = "") -> str:
    """The markup of ``heading``."""
    below = f'<p class="k-lead" aria-live="polite">{lead}</p>' if lead else ""
    return f'<div class="kallos k-ask"><div><h1>{title}</h1>{below}</div></div>'


def explain(markup: str, **options: Any) -> gr.HTML:
    """A small paragraph."""
    return gr.HTML(explained(markup), apply_default_css=False, **options)


def explained(markup: str) -> str:
    """The markup of ``explain``."""
    return f'<p class="k-explain">{unbroken(markup)}</p>'


def status(text: str) -> str:
    """What became of something the listener did, or how it goes; it is read out to those who don't see it."""
    return f'<p class="k-explain k-wide" role="status" aria-live="polite">{escape(unbroken(text))}</p>' if text else ""
