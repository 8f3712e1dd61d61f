from __future__ import annotations

import json
import threading
import uuid
from types import SimpleNamespace

import gradio as gr
import pytest
from gradio.utils import deep_hash
from sqlalchemy import func, select, text

from db.queries import jobs
from db.tables import Duet, DuetPiece
from webapp.generation.protocol import GeneratorUnavailable
from webapp.listeners import accounts
from webapp.listeners import restore as journal_rebuild
from webapp.listeners.accounts import delete
from webapp.listeners.archive import export
from webapp.listeners.restore import restore
from webapp.mood import sounding
from webapp.runtime.errors import Contradiction, NotAllowed, NotYours
from webapp.sharing import for_two, for_two_composing
from webapp.studio import formats, pieces, starting_points
from webapp.ui.pages import together
from webapp.worker import HANDLERS, Worker

HEARD = (3000, 3000, 3000, 3000)


def count(context, table) -> int:
    return context.database.transaction(lambda s: s.scalar(select(func.count()).select_from(table)))


@pytest.fixture
def two(context, stock):
    """Two listeners of opposite picks who have agreed; ``(host, guest, duet)``."""
    stock("pop", 16)
    host, guest = accounts.create(context.database), accounts.create(context.database)
    for who, favourite in ((host, max), (guest, min)):
        for _ in range(4):
            four = context.best_of_four.open(who)[0]
            ids = [str(clip.clip_id) for clip in four.clips]
            context.best_of_four.record_vote(who, four.id, "abcd"[ids.index(favourite(ids))], HEARD)
    return (
        host,
        guest,
        for_two.agree(
            context.database, context.journal, guest, for_two.invite(context.database, context.journal, host)
        ),
    )


@pytest.mark.durability
def test_two_who_never_voted_are_together_again_when_the_database_was_lost(context, another_context):
    host, guest = (accounts.create(context.database) for _ in range(2))
    duet = for_two.agree(
        context.database, context.journal, guest, for_two.invite(context.database, context.journal, host)
    )
    rebuilt = another_context(context.settings.home, migrated=False)
    assert journal_rebuild.rebuild(rebuilt.database, rebuilt.journal, rebuilt.spaces).problems == []
    for who in (host, guest):
        (found,) = for_two.overview(rebuilt.database, rebuilt.space, rebuilt.playable, who)
        assert found.duet_id == duet


def test_a_link_invites_one_other_listener_once(context):
    host, guest, third = (accounts.create(context.database) for _ in range(3))
    key = for_two.invite(context.database, context.journal, host)
    assert for_two.invite(context.database, context.journal, host) == key
    assert for_two.look(context.database, host, key).mine
    assert not for_two.look(context.database, guest, key).mine
    with pytest.raises(NotAllowed, match="your own link"):
        for_two.agree(context.database, context.journal, host, key)
    (waiting,) = for_two.overview(context.database, context.space, context.playable, host)
    assert (waiting.link_key, waiting.styles, waiting.pieces) == (key, [], [])
    assert for_two.overview(context.database, context.space, context.playable, guest) == []
    duet = for_two.agree(context.database, context.journal, guest, key)
    for late in (third, guest):
        with pytest.raises(NotYours, match="used already"):
            for_two.agree(context.database, context.journal, late, key)
    with pytest.raises(Contradiction, match="already"):
        for_two.agree(context.database, context.journal, host, for_two.invite(context.database, context.journal, guest))
    assert [each.duet_id for each in for_two.overview(context.database, context.space, context.playable, host)] == [
        duet
    ]
    with pytest.raises(NotYours):
        for_two.end(context.database, context.journal, third, duet)
    with pytest.raises(NotYours):
        for_two.request_pieces(context.database, third, duet)


@pytest.mark.slow
def test_both_see_the_same_whichever_kind_of_music_each_has_chosen(context, two, stock):
    host, guest, _ = two
    stock("dance", 6)
    accounts.change_domain(context.database, context.journal, guest, "dance")
    (ours,), (theirs,) = (
        for_two.overview(context.database, context.space, context.playable, who) for who in (host, guest)
    )
    mirrored = {each.style: (each.they.effect, each.you.effect, each.sd) for each in theirs.styles}
    assert {each.style: (each.you.effect, each.they.effect, each.sd) for each in ours.styles} == mirrored


def test_an_end_is_told_to_both(context, two):
    host, guest, duet = two
    tokens = [context.identity.token(who) for who in (host, guest)]
    request = gr.Request(SimpleNamespace(headers={"host": "here"}, url=SimpleNamespace(scheme="http", netloc="here")))
    before = [together.overview(context, token, [], request) for token in tokens]
    assert all("ended" not in str(each.said) for each in before)
    for_two.end(context.database, context.journal, guest, duet)
    after = [
        together.overview(context, token, each.agreed, request) for token, each in zip(tokens, before, strict=True)
    ]
    assert [each.agreed for each in after] == [[], []]
    assert all("has ended, for both of you" in each.said for each in after)


@pytest.mark.slow
def test_a_piece_for_two_that_is_kept_outlives_the_end(context, two):
    host, _, duet = two
    for_two.request_pieces(context.database, host, duet)
    worker = Worker(context, {for_two.KIND: HANDLERS[for_two.KIND]})
    worker.leave_jobs = lambda: None
    assert worker.step()
    piece = for_two.overview(context.database, context.space, context.playable, host)[0].pieces[0]
    name = starting_points.keep(context.studio, host, for_two.find_piece(context.database, host, duet, piece.piece_id))
    for_two.end(context.database, context.journal, host, duet)
    assert pieces.open_piece(context.studio, host, name).seconds == pytest.approx(piece.seconds, abs=0.01)


def test_of_many_who_open_a_link_at_once_one_agrees(context):
    host, guests = (
        accounts.create(context.database),
        [accounts.create(context.database) for _ in range(4)],
    )
    key, start, told = for_two.invite(context.database, context.journal, host), threading.Barrier(4), []

    def open_it(guest: uuid.UUID) -> None:
        start.wait()
        try:
            told.append(for_two.agree(context.database, context.journal, guest, key))
        except NotYours:
            told.append(None)

    threads = [threading.Thread(target=open_it, args=(guest,)) for guest in guests]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sum(each is not None for each in told) == 1


@pytest.mark.slow
def test_pieces_are_composed_for_both_and_each_sees_their_own_side(context, two):
    host, guest, duet = two
    asked = for_two.request_pieces(context.database, host, duet)
    assert for_two.request_pieces(context.database, guest, duet).job_id == asked.job_id
    told = []
    made = context.duet_composer.compose(duet, "pop", 7, told.append)
    assert made.pieces == for_two_composing.PIECES_A_JOB == len(told) - 1
    assert [each["pieces"] for each in told] == [0, 1, 2, 3]
    context.duet_composer.compose(duet, "pop", 7, told.append)
    assert count(context, DuetPiece) == made.pieces  # the same again is not stored again
    mine, theirs = (
        for_two.overview(context.database, context.space, context.playable, host)[0],
        for_two.overview(context.database, context.space, context.playable, guest)[0],
    )
    for one, other in zip(mine.pieces, theirs.pieces, strict=True):
        assert one.piece_id == other.piece_id
        assert (one.chance.you, one.chance.they) == (other.chance.they, other.chance.you)
    turned = {"you_more": "they_more", "they_more": "you_more"}
    for one, other in zip(mine.styles, theirs.styles, strict=True):
        assert (one.style, one.you) == (other.style, other.they)
        assert one.verdict == turned.get(other.verdict, other.verdict)
        assert one.apart == pytest.approx(-other.apart)
    piece = mine.pieces[0].piece_id
    source = for_two.find_piece(context.database, guest, duet, piece)
    assert formats.piano_roll(source).notes
    assert formats.midi(source).startswith(b"MThd")
    with pytest.raises(NotYours):
        for_two.find_piece(context.database, accounts.create(context.database), duet, piece)


@pytest.mark.slow
def test_a_piece_says_how_it_sounds_and_where_nobody_can_judge_it_comes_all_the_same(context, two, monkeypatch):
    host, _, duet = two
    context.duet_composer.compose(duet, "pop", 7, lambda _: None)
    stored = context.database.transaction(lambda s: s.scalars(select(DuetPiece)).all())
    judged = context.generation.moods([piece.notes for piece in stored]).moods
    assert [piece.mood for piece in stored] == [mood.model_dump() for mood in judged]
    (shown,) = for_two.overview(context.database, context.space, context.playable, host)
    assert {piece.piece_id: piece.mood for piece in shown.pieces} == {
        piece.id: mood for piece, mood in zip(stored, judged, strict=True)
    }
    told = {together._row(piece, 1)["detail"].partition(" · you ")[0] for piece in shown.pieces}
    assert {sounding(mood) for mood in judged if sounding(mood)} <= told

    def nobody(_):
        raise GeneratorUnavailable("the judges of mood cannot be used")

    monkeypatch.setattr(context.generation, "moods", nobody)
    assert context.duet_composer.compose(duet, "dance", 8, lambda _: None).pieces == for_two_composing.PIECES_A_JOB
    (shown,) = for_two.overview(context.database, context.space, context.playable, host)
    assert [piece.mood for piece in shown.pieces if piece.domain == "dance"] == [None] * for_two_composing.PIECES_A_JOB


def test_a_page_sees_whether_an_agreement_has_changed(context, two):
    host, _, duet = two

    def seen() -> bytes:  # as Gradio tells whether a state has changed
        return deep_hash(for_two.overview(context.database, context.space, context.playable, host))

    before = seen()
    assert seen() == before
    for_two.request_pieces(context.database, host, duet)
    assert seen() != before


@pytest.mark.slow
def test_the_worker_composes_for_both(context, two):
    host, _, duet = two
    for_two.request_pieces(context.database, host, duet)
    worker = Worker(context, {for_two.KIND: HANDLERS[for_two.KIND]})
    worker.leave_jobs = lambda: None
    assert worker.step()
    told = for_two.overview(context.database, context.space, context.playable, host)[0]
    assert (told.job.state, len(told.pieces)) == ("done", for_two_composing.PIECES_A_JOB)


@pytest.mark.slow
@pytest.mark.parametrize("leaving", ["end", "delete the host", "delete the guest"])
def test_when_one_leaves_nothing_is_left_of_what_was_shared(context, two, leaving):
    host, guest, duet = two
    context.duet_composer.compose(duet, "pop", 7, lambda _: None)
    if leaving == "end":
        for_two.end(context.database, context.journal, guest, duet)
    else:
        delete(context.records, host if "host" in leaving else guest)
    assert (count(context, Duet), count(context, DuetPiece)) == (0, 0)
    assert context.duet_composer.compose(duet, "pop", 8, lambda _: None).pieces == 0
    if leaving != "end":
        gone = str(host if "host" in leaving else guest)
        dump = context.database.transaction(
            lambda s: [
                row
                for name in s.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
                for row in s.scalars(text(f'SELECT to_jsonb(t)::text FROM "{name}" t')).all()
            ]
        )
        assert not any(gone in row for row in dump)


@pytest.mark.slow
def test_an_export_tells_what_was_shared_and_not_with_whom(context, two, another_context):
    host, guest, duet = two
    context.duet_composer.compose(duet, "pop", 7, lambda _: None)
    data = export(context.database, host)
    (shared,) = data["duets"]
    assert (shared["role"], len(shared["pieces"])) == ("host", for_two_composing.PIECES_A_JOB)
    assert str(guest) not in json.dumps(data)
    other = another_context()
    restore(other.database, other.journal, json.loads(json.dumps(data)))
    assert for_two.overview(other.database, other.space, other.playable, host) == []


@pytest.mark.slow
def test_a_job_of_a_duet_goes_with_who_asked_for_it(context, two):
    host, _, duet = two
    for_two.request_pieces(context.database, host, duet)
    delete(context.records, host)
    key = f"{for_two.KIND}:{duet}"
    assert context.database.transaction(lambda s: jobs.newest_of(s, key)) is None
