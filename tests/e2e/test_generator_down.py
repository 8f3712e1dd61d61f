"""The generation server is killed under a listener."""

from __future__ import annotations

import pytest

from tests.e2e.waiting import wait_until

pytestmark = pytest.mark.slow


def test_voting_goes_on_while_the_generator_is_down_and_it_comes_back(visit, site):
    visitor = visit().arrive()
    visitor.hear("a")
    killed = site.child("generator")
    killed.kill()
    visitor.listen()
    visitor.vote("right")
    visitor.expect_picks(1)
    visitor.expect_the_next_pair_to_sound(1)
    wait_until(lambda: _generator_answers(site, killed.pid), "another generator answers")


def _generator_answers(site, killed_pid):
    try:
        return site.child("generator").pid != killed_pid and site.health()["generator"]["status"] == "ok"
    except LookupError:
        return False
