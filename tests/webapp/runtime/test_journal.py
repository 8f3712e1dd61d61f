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
from webapp.composing.clip_maker import Order
from webapp.listeners import accounts, restore, rewind
from webapp.listeners.accounts import delete
from webapp.listeners.restore import NotEmptyError
from webapp.runtime.journal import DUETS, Journal
from webapp.sharing import for_two, taste_cards
from webapp.studio import pieces

pytestmark = pytest.mark.durability

HEARD = (3000, 3100)
APPEND = """
import os, signal, sys, uuid
from pathlib import Path
from sqlalchemy.orm import Session
from db.engine import make_engine
from webapp.runtime.journal import Journal
url, folder, listener, times, end = sys.argv[1:]
engine, journal = make_engine(url), Journal(Path(folder))
for _ in range(int(times)):
    with Session(engine) as session, session.begin():
        journal.append(session, uuid.UUID(listener))
        if end == "die":
            os.kill(os.getpid(), signal.SIGKILL)
"""


def elsewhere(context, listener, times=1, end="live") -> subprocess.Popen:
    """Another process that writes entries, and may be killed before it can commit."""
    words = [context.settings.database_url, str(context.journal.folder), str(listener), str(times), end]
    return subprocess.Popen([sys.executable, "-c", APPEND, *words])


def vote(context, listener, outcome="left"):
    offer = context.pairs.open(listener)[0].id
    return context.pairs.record_vote(listener, offer, outcome, HEARD)


def write_pool_down(context):
    """What composing does with each clip of the pool."""
    pool = select(Clip.id).where(Clip.composed_for.is_(None))
    for clip_id in context.database.transaction(lambda s: s.scalars(pool).all()):
        context.database.transaction(lambda s, each=clip_id: context.journal.keep_clip(s, each))


@pytest.fixture
def rebuilt(context, another_context, tables):
    """``rebuilt()``: a new database filled from this context's journal, after it has been found equal."""

    def make():
        other = another_context(context.settings.home, migrated=False)
        result = restore.rebuild(other.database, other.journal, other.spaces)
        assert result.problems == []
        mine, theirs = tables(context), tables(other)
        # clips of the pool that nobody was offered may be missing where no worker composed them
        known = set(theirs["clips"])
        assert known <= set(mine["clips"])
        assert set(theirs["clip_audio"]) <= set(mine["clip_audio"])
        for name in set(mine) - {"clips", "clip_audio"}:
            assert theirs[name] == mine[name], name
        return other

    return make


@pytest.mark.slow
def test_an_empty_database_is_rebuilt_exactly(context, live, stock, rebuilt, tables):
    live(7)
    second = live(2, ("right", "equal"))
    stock("dance", 8)
    accounts.change_domain(context.database, context.journal, second, "dance")
    for _ in range(3):
        vote(context, second)
    write_pool_down(context)
    other = rebuilt()
    assert tables(other) == tables(context)
    assert other.database.transaction(lambda s: s.scalar(select(func.count()).select_from(Listener))) == 2
    # and life goes on there, in the same journal
    assert other.pairs.open(second) == context.pairs.open(second)
    vote(other, second)
    assert [entry.whole for entry in other.journal.segment(second).entries()].count(True) == 1


@pytest.mark.slow
def test_shared_cards_the_studio_and_music_for_two_come_back(context, live, rebuilt, monkeypatch):
    monkeypatch.setattr(pieces, "KEPT_PIECES", 2)
    host, guest, gone = live(5), live(2), live(2)
    withdrawn, _ = (
        taste_cards.share(context.database, context.journal, context.space, context.playable, host),
        taste_cards.share(context.database, context.journal, context.space, context.playable, host),
    )
    taste_cards.withdraw(context.database, context.journal, host, withdrawn.id)

    def piece(session, number):
        fields = {"domain": "pop", "title": f"No. {number}", "recipe": {}, "notes": {}, "latents": {}}
        return pieces.keep(session, context.studio, host, **fields, model_version=context.space.version)

    names = [context.database.transaction(lambda s, n=number: piece(s, n)) for number in range(3)]
    pieces.make_link(context.studio, host, uuid.UUID(names[-1].removeprefix("pieces/")))
    duet = for_two.agree(
        context.database, context.journal, guest, for_two.invite(context.database, context.journal, host)
    )
    assert context.duet_composer.compose(duet, "pop", 7, lambda _: None).pieces
    ended = for_two.agree(
        context.database, context.journal, gone, for_two.invite(context.database, context.journal, host)
    )
    for_two.end(context.database, context.journal, host, ended)
    for_two.agree(context.database, context.journal, gone, for_two.invite(context.database, context.journal, guest))
    delete(context.records, gone)
    for_two.invite(context.database, context.journal, guest)
    assert len(context.journal.ids_of(DUETS)) == 2
    other = rebuilt()
    (told,) = [each for each in for_two.overview(other.database, other.space, other.playable, guest) if each.pieces]
    assert told.duet_id == duet
    assert len(taste_cards.shared(other.database, host)) == 1
    vote(other, host)  # and life goes on


@pytest.mark.slow
def test_music_for_two_of_later_listeners_comes_back_beside_that_which_is_here(context, live, another_context, tables):
    def shared(database) -> uuid.UUID:
        host, guest = live(1), live(1)
        return for_two.agree(database, context.journal, guest, for_two.invite(database, context.journal, host))

    shared(context.database)
    other = another_context(context.settings.home, migrated=False)
    restore.rebuild(other.database, other.journal, other.spaces)  # as a backup of this moment would
    lost, damaged = shared(context.database), shared(context.database)
    context.journal.file_of(DUETS, damaged).write_bytes(b"{")
    for _ in range(2):  # the second time as where the first was killed before the duets
        result = restore.bring_back_missing(other.database, other.journal, other.spaces)
        assert [str(damaged) in each for each in result.problems] == [True]
        mine, theirs = tables(context)["duets"], tables(other)["duets"]
        assert len(theirs) == 2
        assert set(theirs) <= set(mine)
        other.database.transaction(lambda s: listener_rows.end(s, listener_rows.get_duet(s, lost)))


def test_a_vote_is_one_small_entry(context, stock):
    stock()
    listener = accounts.create(context.database)
    vote(context, listener)  # tells the whole story
    segment = context.journal.segment(listener)
    for _ in range(3):
        before = segment.path.read_bytes()
        vote(context, listener)
        (line,) = segment.path.read_bytes()[len(before) :].splitlines()
        assert len(line) < 3000
        voted, drawn = json.loads(line)["offers"]
        assert (voted["vote"]["outcome"], drawn["vote"]) == ("left", None)
        assert voted["listening"]["right_ms"] == HEARD[1]
        assert voted["prediction"]["p_left"] > 0
    size = segment.path.stat().st_size
    context.pairs.open(listener)  # a reload changes nothing
    assert segment.path.stat().st_size == size


@pytest.mark.slow
def test_a_clip_is_written_down_when_it_is_composed_and_not_twice(context, live):
    (clip,) = context.clip_maker.make([Order("pop", 80)]).clip_ids
    (row,) = context.journal.pool_clips()
    assert row["id"] == str(clip)
    assert row["notes"] == context.database.transaction(lambda s: s.get(Clip, clip)).notes
    assert [sound["seconds"] for sound in row["audio"]] == [7.0]
    listener = live(1)
    of_the_pool = len(list(context.journal.pool_clips()))
    (own,) = context.clip_maker.make([Order("pop", 81, owner=listener)]).clip_ids
    assert len(list(context.journal.pool_clips())) == of_the_pool
    told = {each["id"]: each for each in context.journal.segment(listener).state()[1]["clips"]}
    assert told[str(own)]["composed_for"] == str(listener)


@pytest.mark.slow
def test_a_vote_that_was_written_down_and_not_committed_is_replaced_by_the_next(context, stock, rebuilt, monkeypatch):
    stock()
    listener = accounts.create(context.database)
    vote(context, listener)
    first = context.pairs.open(listener)[0].id
    real = Journal.append

    def crash(*args, **kwargs):
        real(*args, **kwargs)
        raise RuntimeError("the lights go out")

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", crash)
        for _ in range(2):
            with pytest.raises(RuntimeError, match="lights"):
                context.pairs.record_vote(listener, first, "left", HEARD)
    context.pairs.record_vote(listener, first, "right", HEARD)
    other = rebuilt()
    chosen = other.database.transaction(lambda s: export.rows_named(s, "offers", [first]))
    assert chosen[0]["vote"]["outcome"] == "right"
    assert other.database.transaction(lambda s: s.scalar(select(func.count()).select_from(Offer))) == 4


@pytest.mark.slow
def test_a_process_killed_between_journal_and_commit_loses_and_invents_nothing(context, stock, rebuilt):
    stock()
    listener = accounts.create(context.database)
    vote(context, listener)
    assert elsewhere(context, listener, end="die").wait(60) == -signal.SIGKILL
    assert context.journal.segment(listener).last_number() == 2  # voted, and the killed one
    with context.journal.segment(listener).path.open("ab") as torn:
        torn.write(b'{"n":3,"whole":false,"listener":{"id"')
    vote(context, listener, "equal")
    rebuilt()


@pytest.mark.slow
def test_two_processes_write_one_segment_in_turn(context, stock, rebuilt):
    stock()
    listener = accounts.create(context.database)
    writers = [elsewhere(context, listener, times=20) for _ in range(2)]
    for _ in range(5):
        vote(context, listener)
    assert [writer.wait(120) for writer in writers] == [0, 0]
    numbers = [entry.number for entry in context.journal.segment(listener).entries()]
    assert numbers == list(range(1, 1 + 5 + 40))
    rebuilt()


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["segment", "line", "everything", "zeros"])
def test_what_the_journal_lost_is_told_again_with_the_next_vote(context, stock, rebuilt, loss):
    stock()
    listener = accounts.create(context.database)
    for _ in range(3):
        vote(context, listener)
    path = context.journal.segment(listener).path
    if loss == "line":
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    elif loss == "zeros":
        path.write_bytes(bytes(path.stat().st_size))
    else:
        path.unlink()
    if loss == "everything":
        for each in (context.journal.folder / "clips").iterdir():
            each.unlink()
    vote(context, listener)
    rebuilt()


def test_a_listener_from_before_the_journal_gets_one_with_the_next_vote(context, stock, rebuilt):
    stock()
    listener = context.database.transaction(lambda s: listener_rows.create_listener(s).id)
    assert not context.journal.segments()
    vote(context, listener)
    rebuilt()


@pytest.mark.slow
def test_a_worker_without_this_journal_makes_none_and_the_web_tells_it_all(context, stock, rebuilt, tmp_path):
    stock()
    listener = accounts.create(context.database)
    vote(context, listener)
    own = stock("pop", 1, composed_for=listener)[0]
    remote = Journal(tmp_path / "of another machine")
    context.database.transaction(lambda s: remote.keep_clip(s, own))
    assert not remote.folder.exists()
    vote(context, listener)
    other = rebuilt()
    assert other.database.transaction(lambda s: s.get(Clip, own)) is not None


def test_an_empty_database_beside_a_journal_is_noticed(context, another_context, live):
    assert restore.unknown_segments(context.database, context.journal) == 0
    live(1)
    assert restore.unknown_segments(context.database, context.journal) == 0
    other = another_context(context.settings.home)
    assert restore.unknown_segments(other.database, other.journal) == 1


@pytest.mark.slow
def test_only_what_a_damaged_line_told_is_lacking(context, stock, another_context, monkeypatch, capsys):
    stock()
    good, bad = accounts.create(context.database), accounts.create(context.database)
    for listener in (good, bad, bad, bad):
        vote(context, listener)
    path = context.journal.segment(bad).path
    first, *_, last = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + last)
    stranger = context.journal.segment(uuid.uuid4()).path
    stranger.write_bytes(b"nonsense\n")
    other = another_context(context.settings.home, migrated=False)
    monkeypatch.setenv("KALLOS_HOME", str(context.settings.home))
    monkeypatch.setenv("KALLOS_DATABASE_URL", other.settings.database_url)
    monkeypatch.setattr("webapp.context.Context.space", context.space)
    assert main(["journal", "rebuild"]) == 1
    told = capsys.readouterr()
    assert "2 listeners with 3 votes" in told.out
    assert f"{bad}.jsonl lacks what its line 2 told; all else of this listener is back" in told.err
    assert stranger.name in told.err
    assert len(told.err.splitlines()) == 2
    assert accounts.exists(other.database, good)
    assert accounts.exists(other.database, bad)
    vote(other, bad)  # which writes their whole story again
    assert other.journal.segment(bad).gaps() == []
    assert main(["journal", "rebuild"]) == 1
    assert "an empty one only" in capsys.readouterr().err


def test_a_database_with_listeners_is_not_rebuilt(context):
    accounts.create(context.database)
    with pytest.raises(NotEmptyError, match="kallos db downgrade base"):
        restore.rebuild(context.database, context.journal, context.spaces)


def test_offers_whose_clips_the_journal_lost_stay_away_and_are_counted(context, stock, another_context):
    stock()
    listener = accounts.create(context.database)
    vote(context, listener)
    for each in (context.journal.folder / "clips").iterdir():
        each.unlink()
    other = another_context(context.settings.home)
    result = restore.rebuild(other.database, other.journal, other.spaces)
    assert (result.listeners, result.votes) == (1, 0)
    assert "3 offers stay away" in result.problems[0]


def test_a_damaged_clip_is_named(context, stock, another_context):
    stock()
    vote(context, accounts.create(context.database))
    path = next((context.journal.folder / "clips").iterdir())
    path.write_bytes(b"{")
    other = another_context(context.settings.home)
    with pytest.raises(ValueError, match=path.name):
        restore.rebuild(other.database, other.journal, other.spaces)


def test_a_deleted_listener_does_not_come_back(context, live, another_context):
    gone, stays = live(3), live(3)
    delete(context.records, gone)
    other = another_context(context.settings.home)
    assert restore.rebuild(other.database, other.journal, other.spaces).listeners == 1
    assert accounts.exists(other.database, stays)
    assert not accounts.exists(other.database, gone)


@pytest.mark.slow
def test_a_deletion_that_the_database_does_not_take_leaves_a_listener_who_can_be_rebuilt(
    context, live, rebuilt, monkeypatch
):
    listener = live(2)
    real = context.database.transaction

    def never(work):
        def fail(session):
            work(session)
            raise RuntimeError("no commit")

        return real(fail)

    with monkeypatch.context() as patch:
        patch.setattr(context.database, "transaction", never)
        with pytest.raises(RuntimeError, match="no commit"):
            delete(context.records, listener)
    assert accounts.exists(context.database, listener)
    vote(context, listener)
    rebuilt()
    delete(context.records, listener)
    assert not accounts.exists(context.database, listener)


@pytest.mark.slow
def test_after_a_rewind_the_journal_knows_nothing_of_what_was_undone(context, live, rebuilt):
    listener = live(6)
    undone = context.database.transaction(
        lambda s: [str(each) for each in s.scalars(select(Offer.id).where(Offer.state == "open"))]
    )
    rewind.rewind(context.records, listener, 2)
    text = context.journal.segment(listener).path.read_text()
    assert not any(each in text for each in undone)
    rebuilt()
    vote(context, listener)
    rebuilt()


def test_a_clip_that_was_encoded_again_is_written_down_again(context, stock, rebuilt):
    from webapp.learning import refits

    pool, listener = stock("pop", 4), accounts.create(context.database)
    own = stock("pop", 1, composed_for=listener)
    context.database.transaction(lambda s: context.journal.append(s, listener, clips=own))
    vote(context, listener)
    older = update(Clip).where(Clip.id.in_([*pool, *own])).values(model_version="older")
    context.database.transaction(lambda s: s.execute(older))
    assert refits.encode_clips(context.database, context.journal, context.generation, context.space)["encoded"] == 5
    assert {row["model_version"] for row in context.journal.pool_clips()} == {context.space.version}
    (told,) = context.journal.segment(listener).state()[1]["clips"]
    assert told["model_version"] == context.space.version
