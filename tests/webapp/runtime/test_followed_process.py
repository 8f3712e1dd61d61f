"""What takes minutes is shared: one at a time, and nobody begins one after the other for ever."""

import uuid

import pytest

from webapp.runtime.errors import TooMany
from webapp.runtime.followed_process import FollowedProcess
from webapp.runtime.limits import LONG_AT_ONCE


def test_a_listener_who_begins_one_after_the_other_is_asked_to_wait_and_others_are_not(tmp_path) -> None:
    greedy, other = uuid.uuid4(), uuid.uuid4()
    process = FollowedProcess("platform", 60, "busy")

    def begin(listener_id: uuid.UUID) -> int:
        with process.begun(listener_id, lambda: tmp_path, []) as followed:
            while followed.goes_on():
                pass
            return followed.status

    assert [begin(greedy) for _ in range(LONG_AT_ONCE)] == [0] * LONG_AT_ONCE
    with pytest.raises(TooMany, match=f"begun {LONG_AT_ONCE} of these .* try again in 5 minutes"):
        begin(greedy)
    assert begin(other) == 0
