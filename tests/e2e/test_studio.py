"""The studio: a piece that borrows a rhythm, heard against the old one, on a desktop and on a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from models.music.abc import read_abc
from tests.e2e.accessibility import expect_accessible
from tests.e2e.sound_clock import listen_until
from tests.e2e.waiting import wait_until

pytestmark = pytest.mark.slow

DESKTOP = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}
SAID = ".k-desk [data-part=said]"
KEEP = "#keep input[type=range]"
UPLOAD = "#start input[type=file]"
COMPOSED_MS = 120_000  # on a machine that trains and tests beside us
ABC = b"X:1\nT:The Test Jig\nM:6/8\nL:1/8\nK:D\n|:dAF DFA|dAF def|gfe fed|cBA Bcd:|\n"

# as on a busy machine: what an observer saw reaches the page later, and then all at once
LATE = """
window.IntersectionObserver = class extends IntersectionObserver {
  constructor(told, options) {
    const seen = [];
    super((entries, observer) => {
      seen.push(...entries);
      if (!window.busy) told(seen.splice(0), observer);
    }, options);
    window.addEventListener("idle", () => seen.length && told(seen.splice(0), this));
  }
};
"""

# a browser without a window says at once that it has printed: here the dialogue stays open
PRINTER = "window.print = function () { window.top.printing = window; }"


def open_studio(visitor, query: str = ""):
    visitor.page.goto(f"{visitor.url}/studio{query}")
    return visitor


def start(visitor):
    """The first of the pieces offered lies on the bench."""
    first = visitor.frame.locator("#choices-start").get_by_role("button", name=re.compile("^Start"))
    first.first.click(timeout=COMPOSED_MS)
    expect(visitor.get("player-a")).to_be_enabled(timeout=COMPOSED_MS)


def borrow(visitor, group: str, place: int = 2):
    visitor.get(f"borrow-{group}").click()
    picks = visitor.frame.locator("#choices-picker").get_by_role("button", name=re.compile("^Choose"))
    picks.nth(place).click()


def find_tunes(visitor, place: str, words: str):
    visitor.frame.locator(f"#find-{place} :is(input, textarea)").fill(words)
    expect(visitor.frame.locator(f"#found-{place}")).to_contain_text(f"with “{words}” in their titles")


def see_how_open_it_is(visitor):
    visitor.frame.locator("#open-future").click()
    expect(visitor.get("tension")).to_contain_text("It surprises most in bar")


def see_it_calmer(visitor):
    """Either a calmer version is taken, which undo takes back, or it says that there was none."""
    visitor.frame.locator("#calmer").click()
    told = visitor.frame.locator("#steered")
    expect(told).to_contain_text(re.compile("easier to foresee|None of 4 versions"), timeout=COMPOSED_MS)
    if "easier" in told.inner_text():
        visitor.get("undo").press("Enter")
        expect(told).to_have_text("")


def hear_another_mood(visitor):
    """A version nearer to a far corner plays and says how it was made, or it says that there is none."""
    told, pad = visitor.frame.locator("#mood-told"), visitor.frame.locator(".k-mood-pad")
    expect(told).to_contain_text("The old one sounds")
    box, calm = pad.bounding_box(), "calm" in told.inner_text()
    pad.click(position={"x": box["width"] * 0.9, "y": box["height"] * (0.1 if calm else 0.9)})
    expect(told).to_contain_text(re.compile("the new one|No version came nearer"), timeout=COMPOSED_MS)
    expect(pad.locator("[data-part=target]")).to_be_visible()
    if "the new one" in told.inner_text():
        expect(visitor.frame.locator(SAID)).to_contain_text(re.compile("Borrowed: |For its mood the notes were put "))
        expect(pad.locator("[data-part=new]")).to_be_visible()
        expect(told).to_contain_text("You asked for ")
        visitor.get("undo").press("Enter")
        expect(pad.locator("[data-part=new]")).to_be_hidden()
        expect(pad.locator("[data-part=target]")).to_be_hidden()


def see_whole_rows_of_many(visitor):
    """However many rows the picker holds, each keeps its height; the dialogue stays within the screen."""
    visitor.get("borrow-rhythm").click()
    find_tunes(visitor, "picker", "lass")
    rows = visitor.frame.locator("#choices-picker .k-listed")
    visitor.frame.locator("#more-picker").click()
    expect(rows).to_have_count(48)
    assert min(rows.evaluate_all("rows => rows.map((row) => row.offsetHeight)")) >= 70
    width, height = visitor.page.viewport_size["width"], visitor.page.viewport_size["height"]
    box = visitor.frame.locator("#picker").bounding_box()
    assert box["width"] <= width
    assert box["height"] <= height
    rows.nth(47).get_by_role("button", name=re.compile("^Choose")).scroll_into_view_if_needed()
    expect(rows.nth(47)).to_be_in_viewport()
    visitor.page.keyboard.press("Escape")
    expect(visitor.frame.locator("#picker")).to_have_count(0)
    expect(visitor.get("borrow-rhythm")).to_be_focused()


def see_players_stay_in_view(visitor):
    """Scrolled to the dials, Old and New are still there to be switched, and the page is not wider for it."""
    visitor.get("borrow-toward").scroll_into_view_if_needed()
    visitor.page.mouse.wheel(0, 600)
    for side in ("a", "b"):
        expect(visitor.get(f"player-{side}")).to_be_in_viewport(ratio=1)
    width = visitor.page.viewport_size["width"]
    assert visitor.frame.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.timeout(900)
def test_scrolled_away_and_back_at_once_the_players_are_large_again(visit):
    visitor = visit(**DESKTOP)
    visitor.page.add_init_script(LATE)
    open_studio(visitor)
    start(visitor)
    players, page = visitor.frame.locator(".k-players"), visitor.page
    page.evaluate("window.scrollTo(0, 1500)")
    expect(players).to_have_class(re.compile("k-docked"))
    page.evaluate("window.scrollTo(0, 0)")
    expect(players).not_to_have_class(re.compile("k-docked"))
    page.evaluate("window.busy = true")
    for place in (1500, 0):
        page.evaluate("place => window.scrollTo(0, place)", place)
        page.evaluate("new Promise(drawn => requestAnimationFrame(() => setTimeout(drawn, 100)))")
    page.evaluate("window.busy = false; window.dispatchEvent(new Event('idle'))")
    expect(players).not_to_have_class(re.compile("k-docked"))
    expect(visitor.get("lock-bar-1")).to_be_visible()


def clock(visitor, side: str) -> str:
    return visitor.frame.locator(f".k-clip[data-side={side}] .k-time").text_content() or ""


def moving(side: str) -> str:
    return f"!document.querySelector('.k-clip[data-side={side}] .k-time').textContent.startsWith('0:00')"


@pytest.mark.timeout(600)
def test_on_a_phone_a_rhythm_is_borrowed_and_the_players_stay_in_view(visit):
    visitor = open_studio(visit(**PHONE))
    start(visitor)
    see_whole_rows_of_many(visitor)
    borrow(visitor, "rhythm")
    expect(visitor.get("player-b")).to_have_attribute("aria-pressed", "true", timeout=COMPOSED_MS)
    see_players_stay_in_view(visitor)


@pytest.mark.walk
@pytest.mark.timeout(900)
def test_a_piece_borrows_a_rhythm_and_is_heard_against_the_old_one(visit):
    visitor = open_studio(visit(**DESKTOP))
    start(visitor)
    expect_accessible(visitor.page)
    see_whole_rows_of_many(visitor)
    see_how_open_it_is(visitor)
    hear_another_mood(visitor)
    visitor.get("player-a").click()
    listen_until(visitor.frame, moving("a"))
    borrow(visitor, "rhythm")
    expect(visitor.get("player-b")).to_have_attribute("aria-pressed", "true", timeout=COMPOSED_MS)  # sounds by itself
    expect(visitor.get("tension")).to_be_hidden()  # it was the old one's
    listen_until(visitor.frame, moving("b"))
    visitor.get("player-a").click()
    expect(visitor.get("player-a")).to_have_attribute("aria-pressed", "true")
    expect(visitor.get("player-b")).to_have_attribute("aria-pressed", "false")
    visitor.get("player-a").click()
    expect(visitor.frame).to_have_url(re.compile(r"\?piece="))
    assert visitor.frame.evaluate("document.documentElement.scrollWidth") <= DESKTOP["viewport"]["width"]

    see_players_stay_in_view(visitor)
    visitor.get("strength-rhythm").fill("40")
    expect(visitor.get("strength-rhythm")).to_have_value("40")
    expect(visitor.frame.locator(SAID)).to_contain_text("Composing")
    expect(visitor.frame.locator(SAID)).to_contain_text("Borrowed: rhythm", timeout=COMPOSED_MS)
    composed = visitor.page.url
    visitor.get("undo").press("Enter")
    expect(visitor.get("strength-rhythm")).to_have_value("100")
    expect(visitor.frame.locator(SAID)).to_contain_text("Undone: rhythm borrowed differently.")
    visitor.get("redo").press("Enter")
    expect(visitor.get("strength-rhythm")).to_have_value("40")
    assert visitor.page.url == composed
    see_it_calmer(visitor)

    visitor.page.reload()
    expect(visitor.get("player-b")).to_be_enabled(timeout=COMPOSED_MS)
    expect(visitor.get("strength-rhythm")).to_have_value("40")
    visitor.get("save").click()
    with visitor.page.expect_download() as download:
        visitor.frame.get_by_role("button", name="MIDI as written", exact=True).click()
    assert download.value.path().read_bytes().startswith(b"MThd")


@pytest.mark.timeout(900)
def test_what_is_locked_stays_and_can_be_undone_reopened_read_and_saved(visit):
    visitor = visit(**PHONE)
    visitor.page.add_init_script(PRINTER)
    open_studio(visitor)
    start(visitor)
    said = visitor.frame.locator(SAID)
    visitor.get("lock-bar-2").focus()
    visitor.page.keyboard.press("Space")
    visitor.frame.locator("#locks").get_by_label("Harmony").check()
    expect(said).to_contain_text("Locked: bar 2 and harmony. 50 % of the rest is kept.", timeout=COMPOSED_MS)
    locked = visitor.page.url
    visitor.frame.locator(KEEP).fill("0")
    expect(said).to_contain_text("Locked: bar 2 and harmony. 0 % of the rest is kept.", timeout=COMPOSED_MS)
    visitor.get("undo").press("Enter")
    expect(visitor.frame.locator(KEEP)).to_have_value("50")
    assert visitor.page.url == locked
    visitor.page.reload()
    expect(visitor.get("player-b")).to_be_enabled(timeout=COMPOSED_MS)
    expect(visitor.get("lock-bar-2")).to_have_attribute("aria-pressed", "true")
    expect(visitor.frame.locator("#locks").get_by_label("Harmony")).to_be_checked()
    expect(visitor.get("lock-bar-3")).to_have_attribute("aria-pressed", "false")
    visitor.get("score").click()
    expect(visitor.frame.locator(".k-paper svg")).to_be_visible()
    visitor.get("print").click()
    printed = visitor.frame.locator("iframe[data-testid=printed]")
    expect(printed).to_have_count(1)
    assert printed.evaluate("frame => frame.contentDocument.querySelectorAll('svg').length") == 1
    visitor.page.evaluate("window.printing.dispatchEvent(new Event('afterprint'))")
    expect(printed).to_have_count(0)
    assert visitor.frame.evaluate("document.documentElement.scrollWidth") <= PHONE["viewport"]["width"]
    visitor.get("save").click()
    with visitor.page.expect_download() as download:
        visitor.frame.get_by_role("button", name="ABC", exact=True).click()
    assert len(read_abc(download.value.path())[0].bars) == 8
    for bar in (1, *range(3, 9)):
        visitor.get(f"lock-bar-{bar}").click()
    expect(said).to_contain_text("The notes came back as they were", timeout=COMPOSED_MS)


@pytest.mark.timeout(900)
def test_the_way_to_another_piece_is_heard_step_by_step(visit):
    visitor = open_studio(visit(**DESKTOP))
    start(visitor)
    expect(visitor.frame.locator("#way")).to_be_disabled()
    expect(visitor.frame.locator("#way-off .k-reason")).to_have_text("Choose a second piece first.")
    expect(visitor.frame.locator("#off")).to_contain_text("nothing new to share")
    expect(visitor.frame.locator(".k-no-dial:visible")).to_have_text(
        ["Borrow it to change it: a dial hardly moves it."]
    )
    said = visitor.frame.locator(SAID)
    visitor.get("turn-rhythm").fill("1")
    expect(said).to_contain_text("Turned: rhythm towards busy.", timeout=COMPOSED_MS)
    expect(visitor.get("player-b")).to_have_attribute("aria-pressed", "true")  # though nothing had been played yet
    visitor.get("player-b").click()
    visitor.frame.get_by_role("button", name="Reset the rhythm").click()
    expect(visitor.get("turn-rhythm")).to_have_value("0")
    picks = visitor.frame.locator("#choices-picker").get_by_role("button", name=re.compile("^Choose"))
    visitor.frame.locator("#like").click()
    picks.nth(2).click()
    everything = "Borrowed: rhythm, register, harmony, dynamics, tempo, texture."
    expect(said).to_contain_text(everything, timeout=COMPOSED_MS)
    visitor.get("undo").press("Enter")
    expect(said).not_to_contain_text(everything)
    visitor.get("borrow-toward").click()
    picks.nth(2).click()
    expect(said).to_contain_text("50 % of the way", timeout=COMPOSED_MS)
    expect(visitor.frame.locator("#way-off .k-reason")).to_have_count(0)
    expect(visitor.frame.locator("#off .k-reason")).to_have_count(0)
    visitor.frame.locator("#way").click()
    steps = visitor.frame.locator("#steps").locator(".k-play")
    expect(steps).to_have_count(7, timeout=COMPOSED_MS)
    steps.nth(1).click()
    expect(steps.nth(1)).to_have_attribute("aria-pressed", "true", timeout=COMPOSED_MS)
    steps.nth(3).click()
    expect(steps.nth(3)).to_have_attribute("aria-pressed", "true", timeout=COMPOSED_MS)
    expect(steps.nth(1)).to_have_attribute("aria-pressed", "false")
    visitor.frame.locator("#steps").get_by_role("button", name=re.compile("^Use this")).nth(3).click()
    expect(said).to_contain_text("67 % of the way", timeout=COMPOSED_MS)
    expect(visitor.get("strength-toward")).to_have_value("65")  # the nearest place of the dial


@pytest.mark.timeout(600)
def test_a_tune_is_found_an_own_one_is_brought_and_a_bad_file_says_what_to_do(visit):
    visitor = open_studio(visit(**DESKTOP))
    expect(visitor.frame.locator("#choices-start .k-listed").first).to_be_visible(timeout=COMPOSED_MS)
    visitor.frame.locator(UPLOAD).set_input_files(
        {"name": "<b>x</b>.mid", "mimeType": "audio/midi", "buffer": b"no music"}
    )
    expect(visitor.frame.locator("#upload-error")).to_contain_text("“b.mid”")
    expect(visitor.frame.locator("#upload-error")).to_contain_text(".abc")
    visitor.frame.locator(UPLOAD).set_input_files(
        {"name": "large.mid", "mimeType": "audio/midi", "buffer": b"M" * 300_000}
    )
    expect(visitor.frame.locator("#upload-error")).to_contain_text("256 KB")
    expect(visitor.frame.locator("#choices-start .k-listed").first).to_be_visible()
    find_tunes(visitor, "start", "bonnie kate")
    visitor.frame.locator("#start").get_by_role("radio", name="Chorales").check(force=True)
    expect(visitor.frame.locator("#find-start :is(input, textarea)")).to_have_value("bonnie kate")
    expect(visitor.frame.locator("#found-start")).to_contain_text("with “bonnie kate” in their titles")
    visitor.frame.get_by_role("button", name=re.compile("^Start: Bonnie Kate")).first.click()
    expect(visitor.get("player-a")).to_be_enabled(timeout=COMPOSED_MS)
    expect(visitor.frame.locator(SAID)).to_contain_text("Bonnie Kate")
    visitor.frame.locator("#leave").click()
    once = ABC.replace(b"|:", b"").replace(b":|", b"|")
    visitor.frame.locator(UPLOAD).set_input_files({"name": "jig.abc", "mimeType": "text/vnd.abc", "buffer": once})
    expect(visitor.get("player-a")).to_be_enabled(timeout=COMPOSED_MS)
    expect(visitor.frame.locator(SAID)).to_contain_text(
        "Read from ABC as a chorale. It has only 4 whole bars of eight."
    )
    expect(visitor.frame.locator(SAID)).to_contain_text("The Test Jig")
    expect(visitor.frame.locator("#offer")).to_be_disabled()


@pytest.mark.realtime
@pytest.mark.timeout(600)
def test_a_link_shows_the_recipe_to_somebody_else_and_plays_it(visit):
    maker = open_studio(visit(**DESKTOP))
    start(maker)
    borrow(maker, "tempo")
    expect(maker.get("player-b")).to_be_enabled(timeout=COMPOSED_MS)
    maker.frame.locator("#link").click()
    address = maker.frame.locator("#link-url :is(input, textarea)")
    expect(address).to_have_value(re.compile(r"/studio\?link="))
    other = open_studio(visit(**PHONE), "?link=nobody-made-it")
    expect(other.frame.locator("#choices-start .k-listed").first).to_be_visible()
    expect(other.frame.locator("#upload-error")).to_contain_text("This address opens nothing")
    other = open_studio(other, "?" + address.input_value().partition("?")[2])
    expect(other.get("player-b")).to_be_enabled(timeout=COMPOSED_MS)
    expect(other.frame.locator("[data-part=shared]")).to_contain_text("Somebody made this")
    expect(other.get("strength-tempo")).to_have_value("100")
    expect(other.frame.locator("#link")).to_be_disabled()
    other.get("player-b").click()
    other.frame.wait_for_function(moving("b"))


@pytest.mark.timeout(600)
def test_what_is_left_while_it_is_being_composed_comes_to_nothing(visit):
    visitor = open_studio(visit(**DESKTOP))
    start(visitor)
    said, page = visitor.frame.locator(SAID), visitor.page
    visitor.get("turn-rhythm").fill("1")
    expect(said).to_contain_text("Turned: rhythm towards busy.", timeout=COMPOSED_MS)
    composed, held = page.url, []

    def hold(route):
        held.append(route)

    page.route("**/api/studio/pieces", hold)

    def wish_for_more():
        visitor.get("turn-rhythm").fill("2")
        expect(said).to_contain_text("Composing")
        wait_until(lambda: held, "the wish is on its way", page)

    wish_for_more()
    with page.expect_event("requestfailed"):  # given up, by which the server knows
        visitor.get("undo").press("Enter")
    expect(said).to_contain_text("Taken back. ")
    held.clear()
    expect(visitor.frame.locator(".k-busy")).to_have_count(0)
    expect(visitor.get("turn-rhythm")).to_have_value("1")
    assert page.url == composed

    wish_for_more()
    with page.expect_event("requestfailed"):
        visitor.frame.locator("#leave").click()
    held.clear()
    expect(visitor.frame.locator(".k-busy")).to_have_count(0)
    assert "piece=" not in page.url
    page.unroute("**/api/studio/pieces")
    start(visitor)
    expect(visitor.get("player-b")).to_be_disabled()
    visitor.get("turn-rhythm").fill("1")
    expect(said).to_contain_text("Turned: rhythm towards busy.", timeout=COMPOSED_MS)


@pytest.mark.timeout(600)
def test_what_is_cancelled_ends_in_the_generator_and_without_an_error(visit, site):
    visitor = open_studio(visit(**DESKTOP))
    start(visitor)
    said, told = visitor.frame.locator(SAID), visitor.frame.locator("#told")
    expect(said).to_contain_text("Turn a dial")

    def nothing_runs() -> bool:
        generator = site.health()["generator"]
        return generator["running"] + generator["queued"] == 0

    again = visitor.frame.get_by_role("button", name="Cancel")
    visitor.frame.locator(KEEP).press("Home")
    expect(said).to_contain_text("Composing")
    again.click()
    expect(said).to_contain_text("Taken back")
    wait_until(nothing_runs, "the generator has ended it")
    visitor.frame.get_by_role("button", name="Four variations").click()
    expect(told).to_contain_text("Composing 4 variations")
    again.click()
    expect(told).to_have_text("")
    expect(again).to_be_hidden()
    wait_until(nothing_runs, "the generator has ended it")
    expect(visitor.frame.locator(".toast-body")).to_have_count(0)
