"""The gate, the keys, and what a hasty hand does."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow


def test_answers_wake_only_once_both_were_heard_but_skipping_is_always_allowed(visit):
    visitor = visit().arrive()
    for outcome in ("left", "right", "equal", "neither"):
        expect(visitor.get(f"vote-{outcome}")).to_be_disabled()
    expect(visitor.get("vote-skipped")).to_be_enabled()
    first, second = visitor.offer_ids()
    visitor.vote("skipped")
    expect(visitor.get("vote-skipped")).to_be_enabled()
    assert visitor.offer_ids()[0] == second != first


def test_a_double_click_stores_one_vote(listened):
    visitor = listened()
    visitor.get("vote-left").dblclick(force=True)
    visitor.page.keyboard.press("1")
    visitor.expect_picks(1)
    expect(visitor.get("vote-skipped")).to_be_enabled()  # nothing is on its way any more
    assert len(visitor.votes()) == 1


def test_the_keys_play_pause_and_vote_and_are_ignored_in_text_fields(listened):
    visitor = listened()
    keyboard, a, b = visitor.page.keyboard, visitor.get("player-a"), visitor.get("player-b")
    for name in ("A", "B"):
        visitor.frame.get_by_role("slider", name=f"Position in {name}").press("Home")
    expect(b).to_have_attribute("aria-pressed", "true")
    keyboard.press("a")
    expect(a).to_have_attribute("aria-pressed", "true")
    keyboard.press("b")
    expect(b).to_have_attribute("aria-pressed", "true")
    expect(a).to_have_attribute("aria-pressed", "false")
    keyboard.press("Space")
    expect(b).to_have_attribute("aria-pressed", "false")
    visitor.frame.get_by_label("Menu").click()
    visitor.frame.get_by_role("button", name="Continue on another device").click()
    field = visitor.frame.get_by_label("Link for your other device")
    expect(field).to_have_value(re.compile("#link="))
    field.press("a")
    expect(a).to_have_attribute("aria-pressed", "false")
    visitor.frame.get_by_role("button", name="Close").click()
    keyboard.press("n")
    expect(visitor.frame.locator(".k-status")).to_contain_text("Noted: neither")
    visitor.expect_picks(0)
    assert [outcome for _, outcome in visitor.votes()] == ["neither"]


def test_a_pick_is_undone_by_key_and_its_pair_is_back_as_heard(listened):
    visitor = listened()
    pair = visitor.offer_ids()[0]
    expect(visitor.get("undo-pick")).to_be_hidden()
    visitor.vote("left")
    visitor.expect_picks(1)
    visitor.page.keyboard.press("u")
    visitor.expect_picks(0)
    expect(visitor.frame.locator(".k-note")).to_contain_text("Undone")
    assert visitor.offer_ids()[0] == pair
    assert visitor.votes() == []
    expect(visitor.get("vote-right")).to_be_enabled()
    visitor.vote("right")
    visitor.expect_picks(1)
    assert visitor.votes() == [(pair, "right")]


def test_another_kind_of_music_is_on_the_page_at_once_and_in_best_of_four(visit):
    visitor = visit().arrive()
    enough = "async () => (await (await fetch('/healthz')).json()).pool.dance >= 4"
    visitor.page.wait_for_function(enough, polling=500, timeout=240_000)
    before = visitor.offer_ids()
    visitor.frame.get_by_role("radio", name="Dance tunes").check(force=True)
    expect(visitor.frame.locator(".k-note")).to_contain_text("Dance tunes from here on")
    assert not set(visitor.offer_ids()) & set(before)
    expect(visitor.get("player-a")).to_be_enabled()
    visitor.arrive("/four")
    expect(visitor.frame.get_by_role("radio", name="Dance tunes")).to_be_checked()
    visitor.get("volume").fill("40")
    visitor.page.reload()
    expect(visitor.get("volume")).to_have_value("40")


def test_a_link_brings_the_picks_to_another_device_and_deleting_forgets_them(visit, listened):
    visitor = listened()
    visitor.vote("equal")
    visitor.expect_picks(1)
    link = visitor.api("/api/listener/link", "POST")["url"]
    other = visit()
    other.page.goto(link)
    other.frame.get_by_role("button", name="Continue here").click()
    other.expect_picks(1)
    assert "link" not in other.page.url
    assert other.offer_ids() == visitor.offer_ids()
    other.frame.get_by_label("Menu").click()
    other.frame.get_by_role("button", name="Delete everything").click()
    other.frame.get_by_role("dialog").get_by_role("button", name="Delete everything").click()
    expect(other.frame.get_by_role("dialog", name="Everything is deleted")).to_be_visible()
    other.frame.get_by_role("button", name="Start afresh").click()
    other.expect_picks(0)
    visitor.page.reload()
    visitor.expect_picks(0)
