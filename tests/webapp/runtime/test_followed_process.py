"""What takes minutes is shared: one at a time, and nobody begins one after the other for ever."""

import contextvars
import threading
import uuid

import pytest

from webapp.runtime import limits
from webapp.runtime.errors import TooMany
from webapp.runtime.followed_process import FollowedProcess
from webapp.runtime.limits import LONG_AT_ONCE, LONG_OF_ONE_ADDRESS


def test_a_listener_who_begins_one_after_the_other_is_asked_to_wait_and_others_are_not(tmp_path) -> None:
    greedy, other = uuid.uuid4(), uuid.uuid4()
    process = FollowedProcess("platform", 60, "busy")

    def begin(listener_id: uuid.UUID) -> int:
        with process.begun(listener_id, lambda: tmp_path, []) as followed:
            while followed.goes_on():
                pass
            return followed.status

    assert [begin(greedy) for _ in range(LONG_AT_ONCE)] == [0] * LONG_AT_ONCE
    with pytest.raises(TooMany, match="begun many of these"):
        begin(greedy)
    assert begin(other) == 0


def test_new_listeners_of_one_address_share_what_it_may_begin(tmp_path) -> None:
    process = FollowedProcess("platform", 60, "busy")

    def begin() -> None:
        with process.begun(uuid.uuid4(), lambda: tmp_path, []) as followed:
            while followed.goes_on():
                pass

    def from_address(address: str) -> None:
        limits.note_address(address)
        begin()

    run = contextvars.copy_context().run
    for _ in range(LONG_OF_ONE_ADDRESS):
        run(from_address, "203.0.113.7")
    with pytest.raises(TooMany, match="others at your address"):
        run(from_address, "203.0.113.7")
    run(from_address, "198.51.100.1")
    begin()  # of nobody from outside: a command


def test_what_did_its_work_tells_how_long_the_next_one_takes(tmp_path) -> None:
    process, listener_id = FollowedProcess("platform", 60, "busy"), uuid.uuid4()

    def run() -> None:
        with process.begun(listener_id, lambda: tmp_path, []) as followed:
            while followed.goes_on():
                pass

    def seconds_left() -> float | None:
        with process.begun(listener_id, lambda: tmp_path, []):
            return process.seconds_left(listener_id)

    assert seconds_left() is None  # it is killed, which tells nothing
    run()
    for watching in threading.enumerate():
        if watching.name == "watch platform":
            watching.join()
    assert 0 < (seconds_left() or 0) < 60  # as long as that run took, or what is left of it
    assert process.seconds_left(listener_id) is None
