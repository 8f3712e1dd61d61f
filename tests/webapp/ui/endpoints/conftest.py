"""A running application with its named endpoints, and gradio_client in front of it."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn
from gradio_client import Client

from webapp.app import create_app
from webapp.context import Context
from webapp.supervision import Supervision


@pytest.fixture
def served(context: Context, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a running application without children, with its pages."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", os.environ.get("GRADIO_TEMP_DIR", ""))  # put back afterwards

    async def build() -> Any:  # outside a running loop Gradio makes loops that it never closes
        return create_app(supervision=Supervision(context, children=False))

    app = asyncio.run(build())
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        assert app.state.supervision.ready.wait(60)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture
def notebook(served: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client as a notebook has it."""
    folder, patient = tmp_path_factory.mktemp("downloads"), {"timeout": 60}  # for a machine that tests beside us
    client = Client(served, verbose=False, analytics_enabled=False, download_files=folder, httpx_kwargs=patient)
    yield client
    client.close()


@pytest.fixture
def ask(notebook: Client) -> Callable[..., Any]:
    """``ask(endpoint, …)`` → what it answers."""
    return lambda name, *given, **named: notebook.predict(*given, api_name=f"/{name}", **named)
