"""Two who agree by link: nothing before both have said yes, pieces for both, nothing left when one ends it."""

from __future__ import annotations

import json
import threading
import uuid

import pytest
from sqlalchemy import func, select, text

from db.queries import jobs
from db.tables import Duet, DuetPiece
from webapp.services import fours, listeners
from webapp.services.duets import agreement, composing, sound
from webapp.services.problems import Contradiction, NotAllowed, NotYours
from webapp.worker import HANDLERS, Worker

HEARD = (3000, 3000, 3000, 3000)


def count(house, table) -> int:
    return house.database.transaction(lambda s: s.scalar(select(func.count()).select_from(table)))


@pytest.fixture
def two(house, stock):
    """Two listeners of opposite picks who have agreed; ``(host, guest, duet)``."""
    stock("pop", 16)
    host, guest = listeners.create(house), listeners.create(house)
    for who, favourite in ((host, max), (guest, min)):
        for _ in range(4):
            four = fours.open_fours(house, who)[0]
            ids = [str(clip["clip_id"]) for clip in four["clips"]]
            fours.take(house, who, four["four_id"], "abcd"[ids.index(favourite(ids))], HEARD)
    return host, guest, agreement.agree(house, guest, agreement.invite(house, host))


def test_a_link_invites_one_other_listener_once(house):
    host, guest, third = (listeners.create(house) for _ in range(3))
    key = agreement.invite(house, host)
    assert agreement.invite(house, host) == key
    assert agreement.look(house, host, key) == {"mine": True}
    assert agreement.look(house, guest, key) == {"mine": False}
    with pytest.raises(NotAllowed, match="your own link"):
        agreement.agree(house, host, key)
    (waiting,) = agreement.overview(house, host)
    assert (waiting["link_key"], waiting["styles"], waiting["pieces"]) == (key, [], [])
    assert agreement.overview(house, guest) == []
    duet = agreement.agree(house, guest, key)
    for late in (third, guest):
        with pytest.raises(NotYours, match="used already"):
            agreement.agree(house, late, key)
    with pytest.raises(Contradiction, match="already"):
        agreement.agree(house, host, agreement.invite(house, guest))
    assert [each["duet_id"] for each in agreement.overview(house, host)] == [duet]
    with pytest.raises(NotYours):
        agreement.end(house, third, duet)
    with pytest.raises(NotYours):
        agreement.ask(house, third, duet)


def test_of_many_who_open_a_link_at_once_one_agrees(house):
    host, guests = listeners.create(house), [listeners.create(house) for _ in range(4)]
    key, start, told = agreement.invite(house, host), threading.Barrier(4), []

    def open_it(guest: uuid.UUID) -> None:
        start.wait()
        try:
            told.append(agreement.agree(house, guest, key))
        except NotYours:
            told.append(None)

    threads = [threading.Thread(target=open_it, args=(guest,)) for guest in guests]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sum(each is not None for each in told) == 1


def test_pieces_are_composed_for_both_and_each_sees_their_own_side(house, two):
    host, guest, duet = two
    asked = agreement.ask(house, host, duet)
    assert agreement.ask(house, guest, duet)["job_id"] == asked["job_id"]
    told = []
    made = composing.compose_for_both(house, duet, "pop", 7, told.append)
    assert made["pieces"] == composing.CLIPS_A_JOB == len(told) - 1
    assert [each["pieces"] for each in told] == [0, 1, 2, 3]
    composing.compose_for_both(house, duet, "pop", 7, told.append)
    assert count(house, DuetPiece) == made["pieces"]  # the same again is not stored again
    mine, theirs = agreement.overview(house, host)[0], agreement.overview(house, guest)[0]
    for one, other in zip(mine["pieces"], theirs["pieces"], strict=True):
        assert one["piece_id"] == other["piece_id"]
        assert (one["chance"]["you"], one["chance"]["they"]) == (other["chance"]["they"], other["chance"]["you"])
    turned = {"you_more": "they_more", "they_more": "you_more"}
    for one, other in zip(mine["styles"], theirs["styles"], strict=True):
        assert (one["style"], one["you"]) == (other["style"], other["they"])
        assert one["verdict"] == turned.get(other["verdict"], other["verdict"])
        assert one["apart"] == pytest.approx(-other["apart"])
    piece = mine["pieces"][0]["piece_id"]
    source = sound.find(house, guest, duet, piece)
    assert sound.notes(source)["notes"]
    assert sound.midi(source).startswith(b"MThd")
    with pytest.raises(NotYours):
        sound.find(house, listeners.create(house), duet, piece)


def test_the_worker_composes_for_both(house, two):
    host, _, duet = two
    agreement.ask(house, host, duet)
    worker = Worker(house, {agreement.KIND: HANDLERS[agreement.KIND]})
    worker.leave_jobs = lambda: None
    assert worker.step()
    told = agreement.overview(house, host)[0]
    assert (told["job"]["state"], len(told["pieces"])) == ("done", composing.CLIPS_A_JOB)


@pytest.mark.parametrize("leaving", ["end", "delete the host", "delete the guest"])
def test_when_one_leaves_nothing_is_left_of_what_was_shared(house, two, leaving):
    host, guest, duet = two
    composing.compose_for_both(house, duet, "pop", 7, lambda _: None)
    if leaving == "end":
        agreement.end(house, guest, duet)
    else:
        listeners.delete(house, host if "host" in leaving else guest)
    assert (count(house, Duet), count(house, DuetPiece)) == (0, 0)
    assert composing.compose_for_both(house, duet, "pop", 8, lambda _: None)["pieces"] == 0
    if leaving != "end":
        gone = str(host if "host" in leaving else guest)
        dump = house.database.transaction(
            lambda s: [
                row
                for name in s.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
                for row in s.scalars(text(f'SELECT to_jsonb(t)::text FROM "{name}" t')).all()
            ]
        )
        assert not any(gone in row for row in dump)


def test_an_export_tells_what_was_shared_and_not_with_whom(house, two, another_house):
    host, guest, duet = two
    composing.compose_for_both(house, duet, "pop", 7, lambda _: None)
    data = listeners.export(house, host)
    (shared,) = data["duets"]
    assert (shared["role"], len(shared["pieces"])) == ("host", composing.CLIPS_A_JOB)
    assert str(guest) not in json.dumps(data)
    other = another_house()
    listeners.restore(other, json.loads(json.dumps(data)))
    assert agreement.overview(other, host) == []


def test_a_job_of_a_duet_goes_with_who_asked_for_it(house, two):
    host, _, duet = two
    agreement.ask(house, host, duet)
    listeners.delete(house, host)
    key = f"{agreement.KIND}:{duet}"
    assert house.database.transaction(lambda s: jobs.newest_of(s, key)) is None
