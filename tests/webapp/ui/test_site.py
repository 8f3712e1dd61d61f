"""The pages as they are served, without a browser."""

from __future__ import annotations

import asyncio
import re

import pytest
from fastapi import FastAPI
from gradio.queueing import EventQueue, Queue
from starlette.testclient import TestClient

from webapp.context import Context
from webapp.fit.drawings import FOLDER as FOLDER_OF_DRAWINGS
from webapp.research.figures import FIGURES
from webapp.runtime.middleware import Visits
from webapp.runtime.settings import Settings
from webapp.ui.components.component import FOLDER
from webapp.ui.components.header import BELOW, PAGES
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.site import COMPONENTS_PATH, QuietQueue, mount_site
from webapp.ui.site import PAGES as ROUTES

CHOOSING = {"input", "select", "lasso", "move", "borrow", "vote", "undone", "shows"}  # what a later one replaces
TEXT = sorted(path for path in FOLDER.rglob("*") if path.suffix in {".js", ".css"})
OWN_TEXT = [path for path in TEXT if path.parent.name != "vendor"]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    context = Context(Settings(home=tmp_path_factory.mktemp("home")))

    async def build():  # outside a running loop Gradio makes loops that it never closes
        return mount_site(FastAPI(), context)

    return TestClient(asyncio.run(build()))


def page(client, path):
    """Markup as Gradio hands it to its front end, inside JSON."""
    reply = client.get(path)
    assert reply.status_code == 200
    return reply.text.replace('\\"', '"').replace("\\u003c", "<").replace("\\u003e", ">").replace("\\u0027", "'")


def test_no_choice_is_lost_while_the_one_before_is_on_its_way(client):
    """Gradio drops an event while the same one is on its way, unless it is told otherwise: right for buttons alone."""
    events = client.app.routes[-1].app.blocks.fns
    choices = {
        number
        for number, event in events.items()
        if {name for _, name in event.targets} & CHOOSING and not event.cancels
    }
    while following := {number for number, event in events.items() if event.trigger_after in choices} - choices:
        choices |= following
    assert len(choices) > 40
    assert [events[number].name for number in sorted(choices) if events[number].trigger_mode == "once"] == []


def test_no_timer_asks_for_a_listener_who_was_deleted(client):
    """The page still stands there, and each tick would be answered with an error."""
    ticks = [
        event
        for event in client.app.routes[-1].app.blocks.fns.values()
        if "tick" in {name for _, name in event.targets} and any(isinstance(one, ListenerToken) for one in event.inputs)
    ]
    assert len(ticks) > 5
    assert [event.name for event in ticks if "k-gone" not in str(event.js)] == []


def test_every_page_leads_to_the_others(client):
    for key, first, _ in PAGES:
        for path in {first, *(href for _, href, _ in BELOW[key])}:
            text = page(client, f"/{path.removeprefix('./')}")
            assert [href for _, href, _ in (*PAGES, *BELOW[key]) if f'href="{href}"' not in text] == []


def test_every_page_is_in_the_navigation_or_follows_from_what_one_did():
    there = {f"/{href}" for pages in (PAGES, *BELOW.values()) for _, href, _ in pages}
    assert {path for _, path, _ in ROUTES} - there == {"/more", "/together"}


@pytest.mark.parametrize("name", ["make", "explore"])
def test_a_first_page_has_a_tile_with_a_picture_for_each_page_below_it(client, name):
    text = page(client, f"/{name}")
    tiles = re.findall(
        r'<li><a href="(\w+)"><div class="k-tile-picture".*?(<svg|<img).*?</p></a></li>', text, re.DOTALL
    )
    assert [href for href, _ in tiles] == [href for _, href, _ in BELOW[name]]
    for address in re.findall(r'<img src="([^"]+)"', text):
        assert (FOLDER_OF_DRAWINGS / address.rpartition("/")[2]).is_file(), address


def test_every_plot_of_a_dashboard_is_one_that_can_be_asked_for(client):
    for path, part, least in (("/retrieval", "plot", 7), ("/runs", "exports", 1)):
        plots = re.findall(rf'"{part}-(\w+)"', page(client, path))
        assert len(plots) == len(set(plots)) == least
        assert set(plots) <= set(FIGURES)


@pytest.mark.slow
def test_every_module_is_served_and_asked_for_again(client):
    assert TEXT
    for path in TEXT:
        reply = client.get(f"{COMPONENTS_PATH}/{path.relative_to(FOLDER).as_posix()}")
        assert reply.status_code == 200
        assert reply.headers["cache-control"] == "no-cache"


def test_the_python_beside_a_module_is_not_served(client):
    assert client.get(f"{COMPONENTS_PATH}/component.py").status_code == 404
    assert client.get(f"/gradio_api/file={FOLDER}/component.py").status_code == 403


def test_nothing_of_ours_names_another_host():
    for path in OWN_TEXT:
        assert not re.search(r"https?://(?!\?)[a-z]", path.read_text(encoding="utf-8")), path


def test_every_import_names_a_file_that_is_there():
    for path in OWN_TEXT:
        for name in re.findall(r'from "(\.[^"]+)"', path.read_text(encoding="utf-8")):
            assert (path.parent / name).is_file(), (path, name)


def test_the_score_draws_with_the_library_that_is_shipped_with_its_licence():
    name = re.search(r'"\./(vendor/[^"]+)"', (FOLDER / "score.js").read_text(encoding="utf-8"))[1]
    assert (FOLDER / name).read_text(encoding="utf-8").startswith("/*! abcjs")
    assert "Permission is hereby granted" in (FOLDER / "vendor" / "ABCJS-LICENSE.md").read_text(encoding="utf-8")
    assert "synth" not in (FOLDER / "score.js").read_text(encoding="utf-8")  # whose sounds lie on another host


def test_the_old_address_of_the_listeners_page_leads_to_the_new_one(client):
    reply = client.get("/tastes?study=one", follow_redirects=False)
    assert (reply.status_code, reply.headers["location"]) == (307, "listeners?study=one")


def test_gradios_queue_looks_often_only_while_there_is_something_to_do():
    async def build():  # as above
        return Queue(live_updates=True, concurrency_count=1, update_intervals=1, max_size=None, blocks=None)

    queue = asyncio.run(build())
    visits = Visits()
    QuietQueue.of(queue, visits)
    quiet = queue.sleep_when_free, queue.progress_update_sleep_when_free
    visits.note()
    idle = queue.sleep_when_free, queue.progress_update_sleep_when_free
    queue.event_queue_per_concurrency_id["one"] = EventQueue("one", 1)
    queue.event_queue_per_concurrency_id["one"].queue.append(object())
    queue.active_jobs = [[object()]]
    busy = queue.sleep_when_free, queue.progress_update_sleep_when_free
    assert busy < idle < quiet
