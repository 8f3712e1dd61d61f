"""The named endpoints: whatever a person can do on a page, for a notebook (``gradio_client``) or an assistant (MCP).

Each is a function of a file here, typed and documented, that calls a slice. ``docs/research.md`` shows how they are
called; the pages themselves use ``/api``, since Gradio's queue takes thirty calls a second.
"""

from __future__ import annotations

import gradio as gr

from webapp.context import Context
from webapp.ui.endpoints import composing, listening, maps, pictures, rating, studies

ENDPOINTS = (
    *listening.ENDPOINTS,
    *composing.ENDPOINTS,
    *maps.ENDPOINTS,
    *rating.ENDPOINTS,
    *pictures.ENDPOINTS,
    *studies.ENDPOINTS,
)


def hide_pages(site: gr.Blocks) -> None:
    """Let nobody but its page call a page's handler: its arguments are its components. Their names are free then."""
    for number, function in site.fns.items():
        function.api_visibility = "private"
        function.api_name = f"page_{number}"


def build(site: gr.Blocks, context: Context) -> None:
    """Add every endpoint to the site that is being built."""
    for endpoint in ENDPOINTS:
        endpoint.offer(site, context)
