"""A running application with its named endpoints, and gradio_client in front of it."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from gradio_client import Client

from models.taste.space import TasteSpace
from tests.serving import served as served_app
from webapp.app import create_app
from webapp.context import Context
from webapp.listeners import accounts
from webapp.runtime import limits
from webapp.runtime.listener_files import Downloads
from webapp.runtime.settings import Settings
from webapp.supervision import Supervision
from webapp.worker import LongTaskWorker


@pytest.fixture(scope="module")
def settings(
    make_database: Callable[..., str], migrated_template: str, tmp_path_factory: pytest.TempPathFactory, request: Any
) -> Settings:
    """Of an installation for all tests of a file; with ``MCP = True`` in it, its endpoints are tools as well."""
    url, mcp = make_database(template=migrated_template), getattr(request.module, "MCP", False)
    return Settings(home=tmp_path_factory.mktemp("home"), database_url=url, secret="a secret of the tests", mcp=mcp)


@pytest.fixture(scope="module")
def context(settings: Settings, generator_url: str, space: TasteSpace) -> Iterator[Context]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts, "_arrivals", limits.Buckets(1e6, 1e6))
        context = Context(settings, generator_url=generator_url, space=space)
        with LongTaskWorker(context).at_work():
            yield context
        context.close()


@pytest.fixture(autouse=True)
def no_files_of_other_tests(context: Context) -> None:
    for folder in Downloads(context.settings.home).home.glob("*"):
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def served(context: Context) -> Iterator[str]:
    """The address of a running application without children, with its pages; they take seconds to build."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", os.environ.get("GRADIO_TEMP_DIR", ""))  # put back afterwards
        yield from _serving(context)


def _serving(context: Context) -> Iterator[str]:
    async def build() -> Any:  # outside a running loop Gradio makes loops that it never closes
        return create_app(supervision=Supervision(context, children=False))

    app = asyncio.run(build())
    with served_app(app) as url:
        assert app.state.supervision.ready.wait(60)
        yield url


@pytest.fixture(scope="module")
def notebook(served: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client as a notebook has it."""
    folder, patient = tmp_path_factory.mktemp("downloads"), {"timeout": 60}  # for a machine that tests beside us
    client = Client(served, verbose=False, analytics_enabled=False, download_files=folder, httpx_kwargs=patient)
    yield client
    client.close()


@pytest.fixture(scope="module")
def ask(notebook: Client) -> Callable[..., Any]:
    """``ask(endpoint, …)`` → what it answers."""
    return lambda name, *given, **named: notebook.predict(*given, api_name=f"/{name}", **named)
