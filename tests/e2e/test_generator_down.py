"""The generation server is killed under a listener and under somebody in the studio."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.waiting import wait_until

pytestmark = pytest.mark.slow

SAID = ".k-desk [data-part=said]"


def test_voting_goes_on_while_the_generator_is_down_and_the_studio_says_so_until_it_is_back(visit, site):
    studio = visit().page
    studio.goto(f"{site.url}/studio")
    studio.locator("#choices-start").get_by_role("button", name=re.compile("^Start")).first.click()
    expect(studio.get_by_test_id("player-a")).to_be_enabled()
    visitor = visit().arrive()
    visitor.hear("a")
    killed = site.child("generator")
    killed.kill()
    studio.locator("#locks").get_by_text("Melody").click()
    expect(studio.locator(SAID)).to_contain_text(
        "The composer does not answer just now; nothing is lost, try again in a moment. Try again"
    )
    expect(studio.locator("#locks input").first).to_be_checked()
    visitor.listen()
    visitor.vote("right")
    visitor.expect_picks(1)
    visitor.expect_the_next_pair_to_sound(1)
    wait_until(lambda: _generator_answers(site, killed.pid), "another generator answers")
    studio.get_by_role("button", name="Try again").click()
    expect(studio.get_by_test_id("player-b")).to_be_enabled()
    expect(studio.locator(SAID)).not_to_contain_text("does not answer")


def _generator_answers(site, killed_pid):
    try:
        return site.child("generator").pid != killed_pid and site.health()["generator"]["status"] == "ok"
    except LookupError:
        return False
