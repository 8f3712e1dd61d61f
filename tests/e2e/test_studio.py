"""The studio: a piece that borrows a rhythm, heard against the old one, on a desktop and on a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from models.music.abc import read_abc

DESKTOP = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}
COMPOSED_MS = 120_000  # on a machine that trains and tests beside us
ABC = b"X:1\nT:The Test Jig\nM:6/8\nL:1/8\nK:D\n|:dAF DFA|dAF def|gfe fed|cBA Bcd:|\n"


def open_studio(visitor, query: str = ""):
    visitor.page.goto(f"{visitor.url}/studio{query}")
    return visitor


def start(visitor):
    """The first of the pieces offered lies on the bench."""
    first = visitor.frame.locator("[data-part=choices]").get_by_role("button", name=re.compile("^Start"))
    first.first.click(timeout=COMPOSED_MS)
    expect(visitor.get("player-a")).to_be_enabled(timeout=COMPOSED_MS)


def borrow(visitor, group: str, place: int = 2):
    visitor.get(f"borrow-{group}").click()
    picks = visitor.frame.locator("[data-part=picks]").get_by_role("button", name=re.compile("^Borrow"))
    picks.nth(place).click()


def clock(visitor, side: str) -> str:
    return visitor.frame.locator(f".k-clip[data-side={side}] .k-time").text_content() or ""


def moving(side: str) -> str:
    return f"!document.querySelector('.k-clip[data-side={side}] .k-time').textContent.startsWith('0:00')"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_piece_borrows_a_rhythm_and_is_heard_against_the_old_one(visit, screen):
    visitor = open_studio(visit(**screen))
    start(visitor)
    visitor.get("player-a").click()
    visitor.frame.wait_for_function(moving("a"))
    borrow(visitor, "rhythm")
    expect(visitor.get("player-b")).to_have_attribute("aria-pressed", "true", timeout=COMPOSED_MS)  # sounds by itself
    visitor.frame.wait_for_function(moving("b"))
    visitor.get("player-a").click()
    expect(visitor.get("player-a")).to_have_attribute("aria-pressed", "true")
    expect(visitor.get("player-b")).to_have_attribute("aria-pressed", "false")
    visitor.get("player-a").click()
    expect(visitor.frame).to_have_url(re.compile(r"\?piece="))
    assert visitor.frame.evaluate("document.documentElement.scrollWidth") <= screen["viewport"]["width"]

    visitor.get("strength-rhythm").fill("40")
    expect(visitor.get("strength-rhythm")).to_have_value("40")
    expect(visitor.frame.locator("[data-part=said]")).to_contain_text("Composing")
    expect(visitor.frame.locator("[data-part=said]")).to_contain_text("Borrowed: rhythm", timeout=COMPOSED_MS)
    composed = visitor.page.url
    visitor.get("undo").click()
    expect(visitor.get("strength-rhythm")).to_have_value("100")
    visitor.get("redo").click()
    expect(visitor.get("strength-rhythm")).to_have_value("40")
    assert visitor.page.url == composed

    visitor.page.reload()
    expect(visitor.get("player-b")).to_be_enabled(timeout=COMPOSED_MS)
    expect(visitor.get("strength-rhythm")).to_have_value("40")
    visitor.get("save").click()
    with visitor.page.expect_download() as download:
        visitor.frame.get_by_role("button", name="MIDI", exact=True).click()
    assert download.value.path().read_bytes().startswith(b"MThd")


@pytest.mark.timeout(900)
def test_what_is_locked_stays_and_can_be_undone_reopened_read_and_saved(visit):
    visitor = open_studio(visit(**PHONE))
    start(visitor)
    said = visitor.frame.locator("[data-part=said]")
    visitor.get("lock-bar-2").focus()
    visitor.page.keyboard.press("Space")
    visitor.get("lock-harmony").click()
    expect(said).to_contain_text("Locked: bar 2 and harmony. 50 % of the rest is kept.", timeout=COMPOSED_MS)
    locked = visitor.page.url
    visitor.get("keep").fill("0")
    expect(said).to_contain_text("0 % of the rest is kept.", timeout=COMPOSED_MS)
    visitor.get("undo").click()
    expect(visitor.get("keep")).to_have_value("50")
    assert visitor.page.url == locked
    visitor.page.reload()
    expect(visitor.get("player-b")).to_be_enabled(timeout=COMPOSED_MS)
    for locked_control in ("lock-bar-2", "lock-harmony"):
        expect(visitor.get(locked_control)).to_have_attribute("aria-pressed", "true")
    expect(visitor.get("lock-bar-3")).to_have_attribute("aria-pressed", "false")
    visitor.get("score").click()
    expect(visitor.frame.locator(".k-paper svg")).to_be_visible()
    assert visitor.frame.evaluate("document.documentElement.scrollWidth") <= PHONE["viewport"]["width"]
    visitor.get("save").click()
    with visitor.page.expect_download() as download:
        visitor.frame.get_by_role("button", name="ABC", exact=True).click()
    assert len(read_abc(download.value.path())[0].bars) == 8


@pytest.mark.timeout(900)
def test_the_way_to_another_piece_is_heard_step_by_step(visit):
    visitor = open_studio(visit(**DESKTOP))
    start(visitor)
    expect(visitor.get("way")).to_be_disabled()
    said = visitor.frame.locator("[data-part=said]")
    visitor.get("turn-rhythm").fill("1")
    expect(said).to_contain_text("Turned: rhythm to busy.", timeout=COMPOSED_MS)
    visitor.frame.get_by_role("button", name="Turn the rhythm back").click()
    expect(visitor.get("turn-rhythm")).to_have_value("0")
    visitor.get("borrow-toward").click()
    picks = visitor.frame.locator("[data-part=picks]").get_by_role("button", name=re.compile("^Go there"))
    picks.nth(2).click()
    expect(said).to_contain_text("50 % of the way", timeout=COMPOSED_MS)
    visitor.get("way").click()
    steps = visitor.get("steps").locator(".k-play")
    expect(steps).to_have_count(7, timeout=COMPOSED_MS)
    steps.nth(1).click()
    expect(steps.nth(1)).to_have_attribute("aria-pressed", "true", timeout=COMPOSED_MS)
    steps.nth(3).click()
    expect(steps.nth(3)).to_have_attribute("aria-pressed", "true", timeout=COMPOSED_MS)
    expect(steps.nth(1)).to_have_attribute("aria-pressed", "false")
    visitor.get("steps").get_by_role("button", name=re.compile("^Take")).nth(3).click()
    expect(said).to_contain_text("67 % of the way", timeout=COMPOSED_MS)
    expect(visitor.get("strength-toward")).to_have_value("65")  # the nearest place of the dial


@pytest.mark.timeout(600)
def test_an_own_tune_is_brought_and_a_bad_file_says_what_to_do(visit):
    visitor = open_studio(visit(**DESKTOP))
    expect(visitor.frame.locator(".k-favourite").first).to_be_visible(timeout=COMPOSED_MS)
    visitor.get("upload").set_input_files({"name": "song.mid", "mimeType": "audio/midi", "buffer": b"no music"})
    expect(visitor.frame.locator("[data-part=upload-error]")).to_contain_text("song.mid")
    expect(visitor.frame.locator("[data-part=upload-error]")).to_contain_text(".abc")
    visitor.get("upload").set_input_files({"name": "large.mid", "mimeType": "audio/midi", "buffer": b"M" * 300_000})
    expect(visitor.frame.locator("[data-part=upload-error]")).to_contain_text("256 KB")
    expect(visitor.frame.locator(".k-favourite").first).to_be_visible()
    visitor.get("upload").set_input_files({"name": "jig.abc", "mimeType": "text/vnd.abc", "buffer": ABC})
    expect(visitor.get("player-a")).to_be_enabled(timeout=COMPOSED_MS)
    expect(visitor.frame.locator("[data-part=said]")).to_contain_text("The Test Jig")
    expect(visitor.get("offer")).to_be_disabled()


@pytest.mark.timeout(600)
def test_a_link_shows_the_recipe_to_somebody_else_and_plays_it(visit):
    maker = open_studio(visit(**DESKTOP))
    start(maker)
    borrow(maker, "tempo")
    expect(maker.get("player-b")).to_be_enabled(timeout=COMPOSED_MS)
    maker.get("link").click()
    address = maker.frame.get_by_label("Link to this piece", exact=True)
    expect(address).to_have_value(re.compile(r"/studio\?link="))
    other = open_studio(visit(**PHONE), "?" + address.input_value().partition("?")[2])
    expect(other.get("player-b")).to_be_enabled(timeout=COMPOSED_MS)
    expect(other.frame.locator("[data-part=shared]")).to_contain_text("Somebody made this")
    expect(other.get("strength-tempo")).to_have_value("100")
    expect(other.get("link")).to_be_disabled()
    other.get("player-b").click()
    other.frame.wait_for_function(moving("b"))


def test_the_same_place_in_the_music_is_found_whatever_the_tempo(visit):
    visitor = open_studio(visit(**DESKTOP))
    places = visitor.frame.evaluate(
        """async () => {
            const {samePlace} = await import("./static/kallos/same_place.js");
            const [slow, fast] = [[0, 4, 8, 12], [0.5, 1.5, 2.5, 3.5]];
            const cases = [
                [0, slow, fast], [6, slow, fast], [2, fast, slow], [13, slow, fast], [1, [], fast], [9, slow, [0, 1]],
            ];
            return cases.map(([at, from, to]) => samePlace(at, from, to));
        }"""
    )
    assert places == [0.5, 2, 6, 4.5, 0, 2]


def test_a_recipe_is_told_in_words(visit):
    visitor = open_studio(visit(**DESKTOP))
    told = visitor.frame.evaluate(
        """async () => {
            const {PLAIN, inWords, isPlain} = await import("./static/kallos/recipe.js");
            const locked = {...PLAIN, keep: 0.25, locks: {...PLAIN.locks, bars: [6, 0, 1, 2, 4], melody: true}};
            const borrowed = {...PLAIN, toward: {strength: 0.5}, styles: {rhythm: {}, tempo: {}}};
            const plain = [PLAIN, locked, {...PLAIN, seed: 1}].map(isPlain);
            return [inWords(PLAIN), inWords(locked), inWords(borrowed), plain];
        }"""
    )
    assert told == [
        "",
        "Locked: bars 1 to 3, 5 and 7 and melody. 25 % of the rest is kept.",
        "50 % of the way to the other piece. Borrowed: rhythm, tempo.",
        [True, False, False],
    ]
