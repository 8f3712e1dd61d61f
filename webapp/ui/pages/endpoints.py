"""The page of the named endpoints: what a notebook can call, with arguments and results, from their docstrings."""

from __future__ import annotations

import inspect

import gradio as gr
from starlette.datastructures import QueryParams
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from webapp.context import Context
from webapp.ui import endpoints
from webapp.ui.layout import QUIET, heading, page

PATH = "/endpoints"
LEAD = (
    "What the pages do, a notebook can do by these names, with gradio_client. Open one to see what it takes and gives."
)
EXAMPLE = """```python
from gradio_client import Client

kallos = Client("{address}")
token = kallos.predict(api_name="/new_listener")
pair = kallos.predict(token, api_name="/next_pair")
```"""


def build(site: gr.Blocks, context: Context) -> None:
    """The page at ``/endpoints``, and the endpoints themselves: on another page every newcomer would load them."""
    with page("endpoints"):
        heading("From Python", LEAD)
        example = gr.Markdown(EXAMPLE.format(address="http://127.0.0.1:7860"))
        gr.on(None, with_address, None, example, **QUIET)
        gr.Markdown("## All endpoints")
        with gr.Column(elem_id="endpoints"):
            for endpoint in endpoints.ENDPOINTS:
                told = inspect.getdoc(endpoint.call) or ""
                with gr.Accordion(f"{endpoint.name}: {told.splitlines()[0].rstrip('.')}", open=False):
                    gr.Markdown(f"```text\n{told}\n```")
        gr.Markdown("Faster than the queue of the endpoints is the [HTTP interface](api/docs).")
        endpoints.build(site, context)


def with_address(request: gr.Request) -> str:
    """The example with the address at which this page is read, so that it runs as it was copied."""
    headers = request.headers
    return EXAMPLE.format(address=headers.get("origin") or f"http://{headers['host']}")


class ViewOfApi:
    """Leads from ``?view=api`` to this page: Gradio's own view shows a page's endpoints, and only behind its footer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 (ASGI)
        if scope["type"] == "http" and _asks_for_view(scope["path"], scope["query_string"]):
            # relative: all pages lie side by side, below whatever a proxy puts before them
            await RedirectResponse(PATH[1:])(scope, receive, send)
            return
        await self.app(scope, receive, send)


def _asks_for_view(path: str, query: bytes) -> bool:
    of_a_page = path != PATH and not path.startswith(("/api/", "/gradio_api/"))
    return of_a_page and QueryParams(query.decode("latin-1")).get("view") == "api"
