"""What somebody sets before a page's first answer has come: the answer leaves it, and it is carried out."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.e2e.waiting import wait_until

pytestmark = pytest.mark.slow

GREETING, ANSWER = ("**/api/listener", "GET"), ("**/gradio_api/queue/join*", "POST")
ANSWERED = re.compile("/gradio_api/queue/|/api/")  # a queue's answers come by a stream that ends with the last one
DRAWN = "new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))"


class Slow:
    """A page that opens on a slow line: what it asks at first waits, what somebody does meanwhile is quicker."""

    def __init__(self, page: Page, address: str, method: str) -> None:
        self._page, self._waiting, self._opening = page, [], True
        self._under_way: set[Request] = set()
        page.on("request", lambda request: ANSWERED.search(request.url) and self._under_way.add(request))
        for over in ("requestfinished", "requestfailed"):
            page.on(over, lambda request: self._under_way.discard(request))  # noqa: PLW0108 (a set's method can be none)
        page.route(address, lambda route: self._take(route, method))

    def _take(self, route: Route, method: str) -> None:
        if self._opening and route.request.method == method:
            self._waiting.append(route)
        else:
            route.continue_()

    def open(self, url: str) -> None:
        self._page.goto(url)
        wait_until(lambda: self._waiting, "the page asks for something", self._page)
        self._settle()
        self._opening = False

    def arrive(self) -> None:
        self._settle()
        waiting, self._waiting = self._waiting, []
        for route in waiting:
            route.continue_()
        self._settle()

    def _settle(self) -> None:
        """Until the page waits for nothing but what is held back, nor asks for more after what has come."""

        def settled() -> bool:
            return self._under_way <= {route.request for route in self._waiting}

        self._page.evaluate(DRAWN)
        while not settled():
            wait_until(settled, "what was asked is answered", self._page)
            self._page.evaluate(DRAWN)


def kind(page: Page, name: str):
    return page.get_by_role("radio", name=name, exact=True)


@pytest.mark.parametrize(("path", "waits"), [("/", GREETING), ("/whole", ANSWER)])
def test_a_kind_of_music_that_was_chosen_first_stays_and_is_carried_out(site, visit, path, waits):
    visitor = visit()
    page, slow = visitor.page, Slow(visitor.page, *waits)
    slow.open(site.url + path)
    kind(page, "Dance tunes").check()
    slow.arrive()
    expect(page.locator(".k-note, #whole-told").first).to_contain_text("Dance tunes from")
    expect(kind(page, "Dance tunes")).to_be_checked()
    assert visitor.api("/api/listener")["domain"] == "dance"


@pytest.mark.parametrize(("path", "button"), [("/agent", "Let it learn"), ("/dreams", "Dream")])
def test_what_takes_minutes_is_ordered_once_it_is_told_what_was_ordered_before(site, visit, path, button):
    page = visit().page
    slow, begin = Slow(page, *ANSWER), page.get_by_role("button", name=button, exact=True)
    slow.open(site.url + path)
    expect(begin).to_be_disabled()
    slow.arrive()
    expect(begin).to_be_enabled()


def test_of_two_kinds_chosen_in_quick_succession_the_second_counts(visit):
    visitor, waiting = visit().arrive(), []
    page = visitor.page
    page.route(ANSWER[0], lambda route: route.continue_() if waiting else waiting.append(route))
    kind(page, "Dance tunes").check()
    wait_until(lambda: waiting, "the first is on its way", page)
    kind(page, "Chorales").check()
    waiting[0].continue_()
    expect(page.locator(".k-note")).to_contain_text("Chorales from here on")
    expect(kind(page, "Chorales")).to_be_checked()
    assert visitor.api("/api/listener")["domain"] == "chorale"


def test_the_studio_lists_the_kind_of_music_that_was_chosen_first(site, visit):
    page = visit().page
    slow = Slow(page, *ANSWER)
    slow.open(f"{site.url}/studio")
    kind(page, "Chorales").check()
    slow.arrive()
    expect(page.locator("#choices-start .k-listed").first).to_be_visible()
    expect(kind(page, "Chorales")).to_be_checked()
    expect(page.get_by_text("read as a chorale")).to_be_visible()


def test_a_file_brought_first_stays_on_the_desk(site, visit, tmp_path):
    page = visit().page
    slow = Slow(page, *ANSWER)
    slow.open(f"{site.url}/studio")
    tune = tmp_path / "mine.abc"
    tune.write_text("X:1\nT:Mine\nM:4/4\nL:1/8\nK:D\n" + "|:DFAd fdAF|GBdg bgdB|AceA cAec|d2A2 F2D2:|\n" * 2)
    page.locator("#upload input[type=file]").set_input_files(tune)
    expect(page.get_by_test_id("player-a")).to_be_visible()
    slow.arrive()
    expect(page.get_by_test_id("player-a")).to_be_visible()


def test_words_typed_first_stay_on_titles(site, visit):
    page = visit().page
    slow = Slow(page, *ANSWER)
    slow.open(f"{site.url}/titles?words=the%20reel")
    page.get_by_label("Any words").fill("my own words")
    kind(page, "Pop piano").check()
    slow.arrive()
    expect(page.get_by_label("Any words")).to_have_value("my own words")
    expect(kind(page, "Pop piano")).to_be_checked()


@pytest.mark.parametrize("waits", [GREETING, ANSWER])
def test_a_map_that_was_chosen_first_is_the_one_that_opens(site, visit, waits):
    page = visit().page
    slow = Slow(page, *waits)
    slow.open(f"{site.url}/maps?kind=tunes&point=3")
    kind(page, "Titles").check()
    slow.arrive()
    expect(page.locator(".k-lead")).to_contain_text("Titles")
    expect(kind(page, "Titles")).to_be_checked()
    expect(page.locator("[data-testid=map][data-drawn]")).to_be_visible()


def test_a_tab_that_was_chosen_first_stays_open(site, visit):
    page = visit().page
    slow = Slow(page, *ANSWER)
    slow.open(f"{site.url}/styles")
    page.get_by_role("tab", name="Leakage").click()
    slow.arrive()
    expect(page.get_by_role("tab", name="Leakage")).to_have_attribute("aria-selected", "true")


def test_a_whole_piece_asked_for_first_is_composed_and_sounds(site, visit):
    page = visit().page
    slow = Slow(page, *ANSWER)
    slow.open(f"{site.url}/whole")
    page.get_by_role("button", name="Play something new").click()
    slow.arrive()
    expect(page.locator("#whole-pieces .k-listed.k-sounding")).to_have_count(1)


def test_an_eighth_tab_opens_as_the_first(site, visit):
    """Browsers open six connections to a server: a page that kept one would leave none for the seventh."""
    visitor = visit().arrive()
    pages = [visitor.context.new_page() for _ in range(7)]
    for page, path in zip(pages, ("studio", "taste", "maps", "titles", "styles", "whole", ""), strict=True):
        page.goto(f"{site.url}/{path}", wait_until="domcontentloaded")
    expect(pages[-1].get_by_test_id("player-a")).to_be_enabled()
    for page in pages:
        expect(page.get_by_role("heading", level=1)).to_be_visible()
