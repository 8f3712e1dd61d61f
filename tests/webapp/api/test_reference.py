"""The page of the HTTP interface: complete, short enough for a phone, and its example works."""

from __future__ import annotations

import html
import re
from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.slow


def test_the_reference_names_every_route_and_loads_nothing_from_elsewhere(client):
    page = client.get("/api/docs")
    assert page.status_code == 200
    for path in client.get("/api/openapi.json").json()["paths"]:
        assert path in page.text
    assert "http://" not in page.text.replace("http://testserver", "")
    assert "https://" not in page.text
    assert '{\\"' not in html.unescape(page.text)  # no form within a form as a string


def test_the_reference_is_closed_until_it_is_opened_and_its_contents_lead_somewhere(client):
    text = client.get("/api/docs").text
    assert text.count("<main>") == text.count("<h1>") == 1
    assert "<details open" not in text
    links = re.findall(r'href="#([\w-]+)"', text)
    assert {"authentication", "listening", "maps"} <= set(links)
    for link in links:
        assert f'id="{link}"' in text


def test_the_example_of_the_reference_votes_on_a_pair(client, visitor, stock):
    stock()
    text = client.get("/api/docs").text
    code = html.unescape(re.search(r"<pre[^>]*>import httpx(.*?)</pre>", text, re.DOTALL)[1])
    told: list[tuple[object, ...]] = []
    given = {"httpx": SimpleNamespace(Client=lambda **_: visitor()), "print": lambda *said: told.append(said)}
    exec(code, given)  # what the page says, word for word
    assert told[-1] == (1, "picks so far")


def test_every_call_has_a_command_line_with_all_that_it_needs(client):
    text = html.unescape(client.get("/api/docs").text)
    api = client.get("/api/openapi.json").json()
    assert text.count("curl -s \\") == sum(len(methods) for methods in api["paths"].values())
    vote = re.search(r"curl -s [^<]*/vote'", text)[0]
    assert "-X POST" in vote
    assert '"outcome": "left"' in vote
    assert "{" not in vote.split("api/offers")[1]  # the path is filled in
