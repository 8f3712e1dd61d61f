"""Whole pieces in a browser: one is composed and sounds, the next comes on top and follows by itself."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.accessibility import expect_accessible
from tests.e2e.sound_clock import listen
from tests.e2e.waiting import wait_until
from webapp.listening.comparison import LONG_SECONDS, SHORT_SECONDS

pytestmark = pytest.mark.slow
PLAYED_S = (SHORT_SECONDS, LONG_SECONDS)  # of a clip
# of each sound that has begun: when, its seconds, and from where on it sounds
SOUNDS = "kallosSoundClock.sounds.map((each) => [each.startedAt, each.buffer.duration, each.offset])"


def plays_of(visitor, least):
    """(clip, outcome) of the plays of which the server knows, as soon as there are so many: pages tell it behind."""

    def known():
        return visitor.api("/api/listener/export")["plays"]

    wait_until(lambda: len(known()) >= least, f"{least} plays are known", visitor.page)
    return [(play["clip_id"], play["outcome"]) for play in known()]


def choose_moods(page, pad, told):
    """One by keys, then any, then calm by a tap."""
    any_mood = page.get_by_role("button", name="Any mood")
    expect(any_mood).to_have_attribute("aria-pressed", "true")
    pad.focus()
    for key in ("ArrowLeft", "ArrowUp", "Enter"):
        page.keyboard.press(key)
    expect(told).to_contain_text("You asked for music that is in the middle")
    any_mood.click()
    expect(told).to_have_text("Any mood: only your taste decides.")
    box = pad.bounding_box()
    pad.click(position={"x": box["width"] * 0.9, "y": box["height"] * 0.9})
    expect(told).to_have_text("You asked for music that is calm.")
    expect(any_mood).to_have_attribute("aria-pressed", "false")
    expect(pad.locator("[data-part=new]")).to_be_hidden()


def choose_form(page):
    """One that is none, and then one."""
    form, told = page.get_by_label("Form of the next pieces"), page.locator("#whole-told")
    form.fill("verse")
    form.press("Enter")
    expect(told).to_contain_text("“verse” is no form; 2 to 8 letters are allowed, such as AABA")
    expect(form).to_have_value("")
    form.fill("aba")
    form.press("Enter")
    expect(told).to_have_text("ABA, 24 bars, from the next piece on.")


def still_there_after_a_reload(page, rows):
    """Pieces, the mood and the form."""
    page.reload()
    expect(page.locator("#whole-mood-told")).to_have_text("You asked for music that is calm.")
    expect(page.get_by_label("Form of the next pieces")).to_have_value("ABA")
    expect(rows.first).to_contain_text("No. 3,")
    page.get_by_role("button", name="Score").click()
    score = page.get_by_role("region", name="Score")
    expect(score.get_by_role("img")).to_be_visible()
    expect(rows.first).to_contain_text(score.get_by_role("heading").inner_text())
    bar = score.locator(".abcjs-note.k-sounds")
    expect(bar).to_have_count(0)
    rows.first.get_by_role("button", name=re.compile("^Play ")).click()
    # the bar that sounds; where bars begin comes with the notes, perhaps after the sound
    wait_until(lambda: listen(page, 0.1) or bar.count(), "a bar sounds", page)
    rows.get_by_role("button", name=re.compile("^Pause ")).click()  # another may have come on top
    expect(bar).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


def open_a_section(page, row):
    """In the Studio, where it has its letter."""
    row.locator(".k-saving summary").click()
    row.get_by_role("button", name="Open in Studio").click()
    section = page.get_by_role("radio", name="B: 9–16", exact=True)
    section.check()
    first_bar = page.locator("[aria-label='Lock bars of the old one'] button").first
    expect(first_bar).to_have_text("9")  # it is open: nothing scrolls the page any more
    page.evaluate("window.scrollTo(0, 0)")  # docked players have no bars to lock
    expect(first_bar).to_be_visible()
    expect(page.get_by_role("button", name="Put it back into the whole piece")).to_be_disabled()  # nothing is new yet
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


@pytest.mark.walk
def test_a_piece_is_composed_sounds_and_the_next_one_follows_by_itself(site, visit):
    visitor = visit()
    page = visitor.page
    page.goto(f"{site.url}/whole")
    expect(page.locator("#whole-told")).to_contain_text("Press the button: a whole piece")
    expect_accessible(page)
    pad, mood_told = page.get_by_role("slider", name="Mood of the next pieces"), page.locator("#whole-mood-told")
    choose_moods(page, pad, mood_told)
    choose_form(page)
    page.get_by_role("button", name="Play something new").click()
    rows = page.locator("#whole-pieces .k-listed")
    first, sounding = rows.last, re.compile("k-sounding")
    expect(first).to_have_class(sounding)
    listen(page, 1)
    expect(first).to_contain_text("No. 1 begins; the rest is being composed")
    expect(first).to_contain_text(
        re.compile(r"Pop piano in .+ m(aj|in)or, \d/\dNo\. 1, 24 bars in sections ABA, \d+ s")
    )
    expect(first.locator(".k-sections span")).to_have_text(["A", "B", "A"])
    expect(first.locator(".k-cover svg")).to_be_visible()
    expect(mood_told).to_contain_text("You asked for music that is calm. What plays sounds ")
    expect(pad.locator("[data-part=new]")).to_be_visible()
    page.wait_for_function("kallosSoundClock.sounds.length === 2")
    page.keyboard.press(" ")
    expect(first.get_by_role("button", name="Play")).to_be_visible()
    expect(rows).to_have_count(2)
    page.keyboard.press(" ")
    expect(first).to_have_class(sounding)  # which did not begin anew
    page.keyboard.press("n")
    expect(rows.filter(has_text="No. 2")).to_have_class(sounding)
    page.keyboard.press("p")
    expect(first).to_have_class(sounding)
    # a beginning, and then the whole from where that was: nothing falls silent
    (began, beginning, begun_at), (went_on, whole, went_on_at), *_ = page.evaluate(SOUNDS)
    assert (beginning in PLAYED_S, begun_at) == (True, 0)
    assert whole > beginning
    assert went_on_at == pytest.approx(went_on - began)
    first.get_by_role("slider").press("End")
    expect(rows.filter(has_text="No. 2")).to_have_class(sounding)
    expect(first).not_to_have_class(sounding)
    outcomes = plays_of(visitor, 5)
    one, two = dict.fromkeys(clip_id for clip_id, _ in outcomes)
    assert sorted(outcomes[:5]) == sorted(
        [(one, "begun"), (one, "skipped"), (two, "begun"), (two, "skipped"), (one, "heard_out")]
    )
    expect(rows).to_have_count(3)
    still_there_after_a_reload(page, rows)
    open_a_section(page, rows.last)
