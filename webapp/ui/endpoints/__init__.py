"""The named endpoints: whatever a person can do on a page, for a notebook (``gradio_client``) or an assistant (MCP).

Each is a function of a file here, typed and documented, that calls a slice. ``docs/research.md`` shows how they are
called; the pages themselves use ``/api``, since Gradio's queue takes thirty calls a second.
"""

from __future__ import annotations

import gradio as gr

from webapp.context import Context
from webapp.ui.endpoints import composing, listeners, listening, maps, taste, titles

ENDPOINTS = (
    *listeners.ENDPOINTS,
    *listening.ENDPOINTS,
    *taste.ENDPOINTS,
    *composing.ENDPOINTS,
    *titles.ENDPOINTS,
    *maps.ENDPOINTS,
)


def build(site: gr.Blocks, context: Context) -> None:
    """Add every endpoint to the site that is being built; before any page, whose handlers then take other names."""
    for endpoint in ENDPOINTS:
        endpoint.offer(site, context)


def hide_others(site: gr.Blocks) -> None:
    """Let nobody but its page call a page's handler: its arguments are its components."""
    names = {endpoint.name for endpoint in ENDPOINTS}
    for function in site.fns.values():
        if function.api_name not in names:
            function.api_visibility = "private"
