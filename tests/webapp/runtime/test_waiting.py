"""Work that ends when nobody waits for it."""

from __future__ import annotations

import threading

import pytest

from tests.processes import running
from webapp.runtime.errors import NobodyWaits, NotReady
from webapp.runtime.waiting import output_of, turn


def test_who_left_before_their_turn_gets_none_and_the_next_one_does():
    lock = threading.Lock()
    with lock, pytest.raises(NobodyWaits), turn(lock, lambda: False):
        pass
    with pytest.raises(NobodyWaits), turn(lock, lambda: False):
        pass
    with turn(lock):
        assert lock.locked()
    assert not lock.locked()


def test_a_process_ends_with_the_last_who_waits_for_it():
    hung = iter([True])
    with pytest.raises(NobodyWaits):
        output_of("http.server", "0", given=b"", seconds=60, waits=lambda: next(hung, False))
    assert running("http.server") == []


def test_a_process_gives_what_it_prints_and_says_where_it_breaks_or_is_late():
    assert output_of("json.tool", "--compact", given=b'{"a": 1}', seconds=60).strip() == b'{"a":1}'
    with pytest.raises(NotReady):
        output_of("json.tool", given=b"{", seconds=60)
    with pytest.raises(NotReady):
        output_of("http.server", "0", given=b"", seconds=0.3)
