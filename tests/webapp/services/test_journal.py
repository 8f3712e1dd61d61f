"""The journal and the database tell the same story, whichever of them a crash stops first."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import uuid

import pytest
from sqlalchemy import func, select, update

from db.queries import export
from db.queries import listeners as listener_rows
from db.tables import Clip, Listener, Offer
from webapp.__main__ import main
from webapp.services import cards, composing, listeners, offers, rebuild, rewind, votes
from webapp.services.duets import agreement
from webapp.services.duets import composing as duets
from webapp.services.journal import Journal
from webapp.services.rebuild import NotEmptyError
from webapp.services.studio import opening, room

HEARD = (3000, 3100)
APPEND = """
import os, signal, sys, uuid
from pathlib import Path
from sqlalchemy.orm import Session
from db.engine import make_engine
from webapp.services.journal import Journal
url, folder, listener, times, end = sys.argv[1:]
engine, journal = make_engine(url), Journal(Path(folder))
for _ in range(int(times)):
    with Session(engine) as session, session.begin():
        journal.append(session, uuid.UUID(listener))
        if end == "die":
            os.kill(os.getpid(), signal.SIGKILL)
"""


def elsewhere(house, listener, times=1, end="live") -> subprocess.Popen:
    """Another process that writes entries, and may be killed before it can commit."""
    words = [house.settings.database_url, str(house.journal.folder), str(listener), str(times), end]
    return subprocess.Popen([sys.executable, "-c", APPEND, *words])


def vote(house, listener, outcome="left"):
    offer = offers.open_offers(house, listener)[0]["offer_id"]
    return votes.take(house, listener, offer, outcome, HEARD)


def write_pool_down(house):
    """What composing does with each clip of the pool."""
    pool = select(Clip.id).where(Clip.composed_for.is_(None))
    for clip_id in house.database.transaction(lambda s: s.scalars(pool).all()):
        house.database.transaction(lambda s, each=clip_id: house.journal.keep_clip(s, each))


@pytest.fixture
def rebuilt(house, another_house, tables):
    """``rebuilt()``: a new database filled from this house's journal, after it has been found equal."""

    def make():
        other = another_house(house.settings.home, migrated=False)
        result = rebuild.rebuild(other)
        assert result.problems == []
        mine, theirs = tables(house), tables(other)
        # clips of the pool that nobody was offered may be missing where no worker composed them
        known = set(theirs["clips"])
        assert known <= set(mine["clips"])
        assert set(theirs["clip_audio"]) <= set(mine["clip_audio"])
        for name in set(mine) - {"clips", "clip_audio"}:
            assert theirs[name] == mine[name], name
        return other

    return make


def test_an_empty_database_is_rebuilt_exactly(house, live, stock, rebuilt, tables):
    live(7)
    second = live(2, ("right", "equal"))
    stock("dance", 8)
    listeners.change_domain(house, second, "dance")
    for _ in range(3):
        vote(house, second)
    newcomer = listeners.create(house)
    offers.open_offers(house, newcomer)
    listeners.create(house)
    write_pool_down(house)
    other = rebuilt()
    assert tables(other) == tables(house)
    assert other.database.transaction(lambda s: s.scalar(select(func.count()).select_from(Listener))) == 4
    # and life goes on there, in the same journal
    assert offers.open_offers(other, newcomer) == offers.open_offers(house, newcomer)
    vote(other, second)
    assert [entry.whole for entry in other.journal.segment(second).entries()].count(True) == 1


def test_shared_cards_the_studio_and_music_for_two_come_back(house, live, rebuilt, monkeypatch):
    monkeypatch.setattr(room, "KEPT_PIECES", 2)
    host, guest, gone = live(5), live(2), live(2)
    withdrawn, _ = cards.share(house, host), cards.share(house, host)
    cards.withdraw(house, host, withdrawn.id)

    def piece(session, number):
        fields = {"domain": "pop", "title": f"No. {number}", "recipe": {}, "notes": {}, "latents": {}}
        return room.keep(session, house, host, **fields, model_version=house.space.version)

    names = [house.database.transaction(lambda s, n=number: piece(s, n)) for number in range(3)]
    opening.make_link(house, host, uuid.UUID(names[-1].removeprefix("pieces/")))
    duet = agreement.agree(house, guest, agreement.invite(house, host))
    assert duets.compose_for_both(house, duet, "pop", 7, lambda _: None)["pieces"]
    ended = agreement.agree(house, gone, agreement.invite(house, host))
    agreement.end(house, host, ended)
    agreement.agree(house, gone, agreement.invite(house, guest))
    listeners.delete(house, gone)
    agreement.invite(house, guest)
    assert len(list(house.journal.duets())) == 2
    other = rebuilt()
    (told,) = [each for each in agreement.overview(other, guest) if each["pieces"]]
    assert told["duet_id"] == duet
    assert len(cards.shared(other, host)) == 1
    vote(other, host)  # and life goes on


def test_a_vote_is_one_small_entry(house, stock):
    stock()
    listener = listeners.create(house)
    offers.open_offers(house, listener)
    segment = house.journal.segment(listener)
    for _ in range(3):
        before = segment.path.read_bytes()
        vote(house, listener)
        (line,) = segment.path.read_bytes()[len(before) :].splitlines()
        assert len(line) < 3000
        voted, drawn = json.loads(line)["offers"]
        assert (voted["vote"]["outcome"], drawn["vote"]) == ("left", None)
        assert voted["listening"]["right_ms"] == HEARD[1]
        assert voted["prediction"]["p_left"] > 0
    size = segment.path.stat().st_size
    offers.open_offers(house, listener)  # a reload changes nothing
    assert segment.path.stat().st_size == size


def test_a_clip_is_written_down_when_it_is_composed_and_not_twice(house):
    (clip,) = composing.compose_clips(house, "pop", seeds=[80])
    (row,) = house.journal.pool_clips()
    assert row["id"] == str(clip)
    assert row["notes"] == house.database.transaction(lambda s: s.get(Clip, clip)).notes
    assert [sound["seconds"] for sound in row["audio"]] == [7.0]
    listener = listeners.create(house)
    (own,) = composing.compose_clips(house, "pop", seeds=[81], composed_for=listener)
    assert len(list(house.journal.pool_clips())) == 1
    (told,) = house.journal.segment(listener).state()[1]["clips"]
    assert (told["id"], told["composed_for"]) == (str(own), str(listener))


def test_a_vote_that_was_written_down_and_not_committed_is_replaced_by_the_next(house, stock, rebuilt, monkeypatch):
    stock()
    listener = listeners.create(house)
    vote(house, listener)
    first = offers.open_offers(house, listener)[0]["offer_id"]
    real = Journal.append

    def crash(*args, **kwargs):
        real(*args, **kwargs)
        raise RuntimeError("the lights go out")

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", crash)
        for _ in range(2):
            with pytest.raises(RuntimeError, match="lights"):
                votes.take(house, listener, first, "left", HEARD)
    votes.take(house, listener, first, "right", HEARD)
    other = rebuilt()
    chosen = other.database.transaction(lambda s: export.offers_named(s, [first]))
    assert chosen[0]["vote"]["outcome"] == "right"
    assert other.database.transaction(lambda s: s.scalar(select(func.count()).select_from(Offer))) == 4


def test_a_process_killed_between_journal_and_commit_loses_and_invents_nothing(house, stock, rebuilt):
    stock()
    listener = listeners.create(house)
    vote(house, listener)
    assert elsewhere(house, listener, end="die").wait(60) == -signal.SIGKILL
    assert house.journal.segment(listener).last_number() == 4  # created, offered, voted, and the killed one
    with house.journal.segment(listener).path.open("ab") as torn:
        torn.write(b'{"n":5,"whole":false,"listener":{"id"')
    vote(house, listener, "equal")
    rebuilt()


def test_two_processes_write_one_segment_in_turn(house, stock, rebuilt):
    stock()
    listener = listeners.create(house)
    writers = [elsewhere(house, listener, times=20) for _ in range(2)]
    for _ in range(5):
        vote(house, listener)
    assert [writer.wait(120) for writer in writers] == [0, 0]
    numbers = [entry.number for entry in house.journal.segment(listener).entries()]
    assert numbers == list(range(1, 1 + 1 + 1 + 5 + 40))
    rebuilt()


@pytest.mark.parametrize("loss", ["segment", "line", "everything", "zeros"])
def test_what_the_journal_lost_is_told_again_with_the_next_vote(house, stock, rebuilt, loss):
    stock()
    listener = listeners.create(house)
    for _ in range(3):
        vote(house, listener)
    path = house.journal.segment(listener).path
    if loss == "line":
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    elif loss == "zeros":
        path.write_bytes(bytes(path.stat().st_size))
    else:
        path.unlink()
    if loss == "everything":
        for each in (house.journal.folder / "clips").iterdir():
            each.unlink()
    vote(house, listener)
    rebuilt()


def test_a_listener_from_before_the_journal_gets_one_with_the_next_vote(house, stock, rebuilt):
    stock()
    listener = house.database.transaction(lambda s: listener_rows.create_listener(s).id)
    assert not house.journal.segments()
    vote(house, listener)
    rebuilt()


def test_a_worker_without_this_journal_makes_none_and_the_web_tells_it_all(house, stock, rebuilt, tmp_path):
    stock()
    listener = listeners.create(house)
    vote(house, listener)
    own = stock("pop", 1, composed_for=listener)[0]
    remote = Journal(tmp_path / "of another machine")
    house.database.transaction(lambda s: remote.keep_clip(s, own))
    assert not remote.folder.exists()
    vote(house, listener)
    other = rebuilt()
    assert other.database.transaction(lambda s: s.get(Clip, own)) is not None


def test_an_empty_database_beside_a_journal_is_noticed(house, another_house):
    assert rebuild.unknown_segments(house) == 0
    listeners.create(house)
    assert rebuild.unknown_segments(house) == 0
    assert rebuild.unknown_segments(another_house(house.settings.home)) == 1


def test_a_damaged_segment_is_told_and_the_others_come_back(house, stock, another_house, monkeypatch, capsys):
    stock()
    good, bad = listeners.create(house), listeners.create(house)
    for listener in (good, bad):
        vote(house, listener)
    path = house.journal.segment(bad).path
    first, *_, last = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + last)
    stranger = house.journal.segment(uuid.uuid4()).path
    stranger.write_bytes(b"nonsense\n")
    other = another_house(house.settings.home, migrated=False)
    monkeypatch.setenv("KALLOS_HOME", str(house.settings.home))
    monkeypatch.setenv("KALLOS_DATABASE_URL", other.settings.database_url)
    monkeypatch.setattr("webapp.services.house.House.space", house.space)
    assert main(["journal", "rebuild"]) == 1
    told = capsys.readouterr()
    assert "1 listeners with 1 votes" in told.out
    assert f"{bad}.jsonl: {bad}.jsonl lacks what lies between 1 and 3" in told.err
    assert stranger.name in told.err
    assert listeners.exists(other, good)
    assert not listeners.exists(other, bad)
    assert main(["journal", "rebuild"]) == 1
    assert "an empty one only" in capsys.readouterr().err


def test_a_database_with_listeners_is_not_rebuilt(house):
    listeners.create(house)
    with pytest.raises(NotEmptyError, match="kallos db downgrade base"):
        rebuild.rebuild(house)


def test_offers_whose_clips_the_journal_lost_stay_away_and_are_counted(house, stock, another_house):
    stock()
    listener = listeners.create(house)
    vote(house, listener)
    for each in (house.journal.folder / "clips").iterdir():
        each.unlink()
    result = rebuild.rebuild(another_house(house.settings.home))
    assert (result.listeners, result.votes) == (1, 0)
    assert "3 offers stay away" in result.problems[0]


def test_a_damaged_clip_is_named(house, stock, another_house):
    stock()
    vote(house, listeners.create(house))
    path = next((house.journal.folder / "clips").iterdir())
    path.write_bytes(b"{")
    with pytest.raises(ValueError, match=path.name):
        rebuild.rebuild(another_house(house.settings.home))


def test_a_deleted_listener_does_not_come_back(house, live, another_house):
    gone, stays = live(3), live(3)
    listeners.delete(house, gone)
    other = another_house(house.settings.home)
    assert rebuild.rebuild(other).listeners == 1
    assert listeners.exists(other, stays)
    assert not listeners.exists(other, gone)


def test_a_deletion_that_the_database_does_not_take_leaves_a_listener_who_can_be_rebuilt(
    house, live, rebuilt, monkeypatch
):
    listener = live(2)
    real = house.database.transaction

    def never(work):
        def fail(session):
            work(session)
            raise RuntimeError("no commit")

        return real(fail)

    with monkeypatch.context() as patch:
        patch.setattr(house.database, "transaction", never)
        with pytest.raises(RuntimeError, match="no commit"):
            listeners.delete(house, listener)
    assert listeners.exists(house, listener)
    vote(house, listener)
    rebuilt()
    listeners.delete(house, listener)
    assert not listeners.exists(house, listener)


def test_after_a_rewind_the_journal_knows_nothing_of_what_was_undone(house, live, rebuilt):
    listener = live(6)
    undone = house.database.transaction(
        lambda s: [str(each) for each in s.scalars(select(Offer.id).where(Offer.state == "open"))]
    )
    rewind.rewind(house, listener, 2)
    text = house.journal.segment(listener).path.read_text()
    assert not any(each in text for each in undone)
    rebuilt()
    vote(house, listener)
    rebuilt()


def test_a_clip_that_was_encoded_again_is_written_down_again(house, stock, rebuilt):
    from webapp.services import encode

    pool, listener = stock("pop", 4), listeners.create(house)
    own = stock("pop", 1, composed_for=listener)
    house.database.transaction(lambda s: house.journal.append(s, listener, clips=own))
    vote(house, listener)
    older = update(Clip).where(Clip.id.in_([*pool, *own])).values(model_version="older")
    house.database.transaction(lambda s: s.execute(older))
    assert encode.encode_clips(house)["encoded"] == 5
    assert {row["model_version"] for row in house.journal.pool_clips()} == {house.space.version}
    (told,) = house.journal.segment(listener).state()[1]["clips"]
    assert told["model_version"] == house.space.version
