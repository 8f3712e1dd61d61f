"""A place on the pad is chosen by mouse and by keys, and taken away again; arrows alone compose nothing."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from webapp.ui.mood_and_tension import KEPT

pytestmark = pytest.mark.slow

COMPONENT = "mood_pad"


def test_a_place_is_chosen_by_mouse_and_by_keys(shown):
    page = shown()
    pad, asked = page.get_by_role("slider", name="Mood of the next version"), page.get_by_label("Asked for")
    expect(pad).to_have_attribute("aria-valuetext", "60 % happy, 50 % lively")  # where the new one lies
    box = pad.bounding_box()
    pad.click(position={"x": box["width"] * 0.1, "y": box["height"] * 0.9})
    expect(asked).to_have_value(re.compile(r"^\[-0\.[78]\d*, -0\.[78]\d*\]$"))
    target = pad.locator("[data-part=target]")
    expect(target).to_be_visible()
    before = asked.input_value()
    pad.focus()
    for key in ("ArrowRight", "ArrowUp", "ArrowUp"):
        page.keyboard.press(key)
    expect(asked).to_have_value(before)
    page.keyboard.press("Enter")
    expect(asked).not_to_have_value(before)
    chosen, former = ([float(each) for each in text.strip("[]").split(",")] for text in (asked.input_value(), before))
    assert [round(new - old, 2) for new, old in zip(chosen, former, strict=True)] == [0.1, 0.2]
    dots = [pad.locator(f"[data-part={part}]").bounding_box() for part in ("old", "new")]
    assert dots[0]["x"] < dots[1]["x"]
    assert dots[0]["y"] > dots[1]["y"]


def test_with_a_button_a_place_is_chosen_where_no_piece_lies_and_taken_away(shown):
    page = shown()
    pad, asked = page.get_by_role("slider", name="Mood of the next pieces"), page.get_by_label("Wanted")
    any_mood, target = page.get_by_role("button", name="Any mood"), pad.locator("[data-part=target]")
    expect(pad).to_have_attribute("aria-valuetext", "any mood")
    expect(any_mood).to_have_attribute("aria-pressed", "true")
    pad.focus()
    page.keyboard.press("ArrowLeft")  # from the middle
    expect(pad).to_have_attribute("aria-valuetext", "10 % sad, 0 % lively")
    page.keyboard.press("Escape")
    expect(target).to_be_hidden()
    for key in ("ArrowLeft", "ArrowDown", "Enter", "ArrowDown"):
        page.keyboard.press(key)
    expect(asked).to_have_value("[-0.1, -0.1]")
    expect(pad).to_have_attribute("aria-valuetext", "10 % sad, 20 % calm")  # where the keys are, before Enter
    any_mood.click()
    expect(asked).to_have_value("None")
    expect(target).to_be_hidden()
    expect(any_mood).to_have_attribute("aria-pressed", "true")


def test_a_choice_made_while_something_is_laid_on_the_pad_stays(shown):
    page = shown()
    pad, asked = page.get_by_role("slider", name="Mood of the next pieces"), page.get_by_label("Wanted")
    made, target = pad.locator("[data-part=new]"), pad.locator("[data-part=target]")
    page.get_by_role("button", name="Lay a piece there").click()
    expect(made).to_be_hidden()
    pad.click()
    expect(asked).to_have_value("[0, 0]")
    expect(made).to_be_visible()
    expect(target).to_be_visible()


def test_any_mood_stays_chosen_where_it_was_while_something_is_laid_on_the_pad(shown):
    page = shown()
    pad, asked = page.get_by_role("slider", name="Mood of the next pieces"), page.get_by_label("Wanted")
    any_mood, made = page.get_by_role("button", name="Any mood"), pad.locator("[data-part=new]")
    pad.click()
    expect(asked).to_have_value("[0, 0]")
    page.get_by_role("button", name="Lay a piece there").click()
    any_mood.click()
    expect(asked).to_have_value("None")
    expect(made).to_be_visible()  # laid by what was read before
    expect(pad.locator("[data-part=target]")).to_be_hidden()
    expect(any_mood).to_have_attribute("aria-pressed", "true")
    pad.click()
    expect(asked).to_have_value("[0, 0]")


def test_a_kept_place_is_laid_only_where_nothing_has_been_chosen_meanwhile(shown):
    page, pad = shown(), {"target": None, "new": None}
    page.evaluate("sessionStorage.setItem('kallos.mood.tested', '[0.9, -0.4]')")
    laid = f"(pad) => ({KEPT % 'kallos.mood.tested'})(pad, 'a listener')"
    assert page.evaluate(laid, pad)["target"] == [0.9, -0.4]
    assert page.evaluate(laid, {**pad, "choices": 1})["target"] is None  # "Any mood", before the page had loaded
    assert page.evaluate(laid, {**pad, "target": [0, 0], "choices": 1})["target"] == [0, 0]
