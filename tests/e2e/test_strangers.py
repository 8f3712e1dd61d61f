"""Links and tokens in a real browser: nobody becomes somebody else without being asked."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route, expect

from tests.e2e.waiting import wait_until

pytestmark = pytest.mark.slow


def token_of(visitor):
    return visitor.frame.evaluate("localStorage.getItem('kallos.token')")


def status_of(visitor):
    """What the server answers to who they say they are."""
    ask = "token => fetch('/api/listener', {headers: {Authorization: `Bearer ${token}`}}).then(({status}) => status)"
    return visitor.frame.evaluate(ask, token_of(visitor))


def test_a_strangers_link_replaces_nobody_who_does_not_want_it(visit):
    mine, other = visit().arrive(), visit().arrive()
    link = other.api("/api/listener/link", "POST")["url"]
    before = token_of(mine)
    mine.page.goto("about:blank")
    mine.page.goto(link)
    mine.frame.get_by_role("button", name="Stay as I am").click()
    expect(mine.get("player-a")).to_be_enabled()
    assert token_of(mine) == before
    mine.page.goto("about:blank")
    mine.page.goto(f"{mine.url}/#token={token_of(other)}")  # a token is no link
    expect(mine.get("player-a")).to_be_enabled()
    assert token_of(mine) == before


def test_who_was_signed_out_is_asked_and_keeps_the_old_token(visit):
    here = visit().arrive()
    there = visit()
    there.page.goto(here.api("/api/listener/link", "POST")["url"])
    there.frame.get_by_role("button", name="Continue here").click()
    expect(there.get("player-a")).to_be_enabled()
    old = token_of(there)
    greetings: list[Route] = []

    def hold(greeting: Route) -> None:
        greetings.append(greeting)

    here.page.route("**/api/listener", hold)
    here.page.goto(f"{here.url}/taste")
    here.frame.get_by_role("button", name="Sign out everywhere else").click()  # before the page knows who it is
    for greeting in greetings:
        greeting.continue_()
    here.page.unroute("**/api/listener")
    expect(here.frame.locator("#signed-out")).to_contain_text("Done")
    here.arrive()
    assert token_of(here) != old
    wait_until(lambda: status_of(there) == 401, "the server has heard of it", there.page)
    there.page.reload()
    expect(there.frame.get_by_role("heading", name="You are not signed in here")).to_be_visible()
    assert token_of(there) == old
    there.frame.get_by_role("button", name="Start afresh").click()
    expect(there.get("player-a")).to_be_enabled()
    assert there.frame.evaluate("localStorage.getItem('kallos.token.before')") == old
