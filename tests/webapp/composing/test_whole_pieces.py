from __future__ import annotations

import threading
import time
import uuid
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import select, update

from db.queries import jobs
from db.tables import Clip, ClipAudio, Job
from models.atlas.points import load_shipped_map
from models.music.notes import Piece
from models.style.fingerprint import Fingerprint
from models.style.pieces.sampling import Writer
from tests.webapp.composing.conftest import RECIPE, clips, music, pressed, sounds, work
from webapp.composing import playing_on, whole_pieces
from webapp.composing.rendering import whole_length
from webapp.composing.wishes import JobInHand
from webapp.generation.protocol import GenerateResult
from webapp.listeners import accounts, restore
from webapp.listening import voting
from webapp.runtime.errors import Contradiction, NotYours, TooMany, UnknownListenerError
from webapp.ui.layout import status
from webapp.ui.pages import whole
from webapp.worker import HANDLERS, Worker
from webapp.worker import worker as lease

pytestmark = pytest.mark.slow


@pytest.mark.usefixtures("writing")
def test_the_piece_begins_with_an_opening_of_the_bank_and_goes_on_to_its_end(context, listener):
    assert whole_pieces.ask(context.database, context.journal, listener).coming == "waiting"
    work(context)
    (clip,) = clips(context)
    assert (clip.kind, clip.composed_for) == ("whole", listener)
    assert (clip.recipe["writer"], clip.recipe["bars"], clip.recipe["played_on"]) == ("tiny-pieces-0", 8, 2)
    found = whole_pieces.programme(context.database, listener)
    assert (found.coming, [piece.id for piece in found.pieces]) == ("none", [clip.id])
    piece = Piece.from_json(clip.notes)
    assert 8 < len(piece.bars) <= 10  # an untrained model may begin or end with a silent one
    audio = context.database.transaction(lambda s: s.scalars(select(ClipAudio)).one())
    assert audio.seconds == found.pieces[0].seconds == whole_length(piece, "pop")
    assert len(context.clip_store.get(audio.uri)) == audio.bytes


@pytest.mark.durability
@pytest.mark.usefixtures("writing")
def test_a_piece_for_somebody_who_never_voted_comes_back_from_the_journal(context, listener, another_context):
    whole_pieces.ask(context.database, context.journal, listener)
    work(context)
    (before,) = whole_pieces.programme(context.database, listener).pieces
    rebuilt = another_context(context.settings.home, migrated=False)
    assert restore.rebuild(rebuilt.database, rebuilt.journal, rebuilt.spaces).problems == []
    (after,) = whole_pieces.programme(rebuilt.database, listener).pieces
    assert (after.id, after.seconds, after.recipe) == (before.id, before.seconds, before.recipe)
    assert music(rebuilt) == music(context)


@pytest.mark.usefixtures("writing")
def test_it_stands_in_no_pair_and_the_next_one_is_another(context, listener, stock):
    stock("pop", 4)
    for _ in range(2):
        whole_pieces.ask(context.database, context.journal, listener)
        work(context)
    ours = [clip for clip in clips(context) if clip.kind == "whole"]
    assert len({clip.content_hash for clip in ours}) == 2
    shown = {clip.clip_id for _ in range(6) for pair in context.pairs.open(listener) for clip in pair.clips}
    assert not shown & {clip.id for clip in ours}


@pytest.mark.usefixtures("writing")
def test_a_job_that_is_done_again_composes_the_same_piece(context, listener):
    whole_pieces.ask(context.database, context.journal, listener)
    taken = context.database.transaction(lambda s: jobs.take_job(s, [whole_pieces.KIND]))
    context.whole_piece_composer.do(JobInHand(context.database, taken))
    context.database.transaction(lambda s: jobs.release_job(s, taken))  # its worker died before it could say so
    work(context)
    assert len(clips(context)) == 1


def test_one_is_composed_at_a_time_and_not_without_end(context, listener, monkeypatch):
    for _ in range(3):
        whole_pieces.ask(context.database, context.journal, listener)
    assert context.database.transaction(lambda s: len(list(s.scalars(select(Job))))) == 1
    monkeypatch.setattr(whole_pieces, "MOST_A_DAY", 0)
    with pytest.raises(TooMany, match="ask tomorrow"):
        whole_pieces.ask(context.database, context.journal, listener)
    with pytest.raises(UnknownListenerError):
        whole_pieces.programme(context.database, uuid.UUID(int=7))


def test_a_model_that_cannot_play_on_is_said_to_have_failed(context, listener, tiny_composer, monkeypatch):
    monkeypatch.setattr(tiny_composer, "writer", None)
    whole_pieces.ask(context.database, context.journal, listener)
    work(context)
    found = whole_pieces.programme(context.database, listener)
    assert found.coming == "failed"
    assert "please try again" in whole.shown(context, found, awaited=False).text
    assert "no piece model" in context.database.transaction(lambda s: s.scalars(select(Job)).one().error)


@pytest.mark.usefixtures("writing")
def test_the_page_plays_what_was_awaited_and_composes_the_next_while_the_newest_sounds(context, listener):
    token = context.identity.token(listener)
    (domain, told, rows, score), *_ = whole.look(context, token)
    assert (domain, rows["rows"], score) == ("pop", [], None)
    assert whole.FIRST in told
    _, _, told, timer, pieces, awaited, _ = whole.ask(context, token, "", None)
    assert (pieces, timer["active"], awaited) == ([], True, True)
    assert "queue" in told
    work(context)
    there = whole.follow(context, token, awaited=True)
    assert there.pieces["play"] > 0  # it sounds by itself
    assert [row["detail"][:5] for row in there.pieces["rows"]] == ["No. 1"]
    assert not there.awaited
    begun = whole.begun(context, token, False, None, "", sounds(there.pieces["rows"][0]))
    assert begun.timer["active"]
    work(context)
    after = whole.follow(context, token, awaited=False)
    assert [row["detail"][:5] for row in after.pieces] == ["No. 2", "No. 1"]
    newest, first = after.pieces
    (*_, score), *_ = whole.look(context, token)
    assert score == whole.score_of(context, token, sounds(newest))
    assert whole.score_of(context, token, sounds(first)) == {
        "title": first["heading"], "abc_url": f"/api/studio/clips/{first['id']}/score",
    }  # fmt: skip
    somebody = context.identity.token(accounts.create(context.database))
    assert whole.score_of(context, somebody, sounds(first)) is None
    assert "10 bars" in after.pieces[0]["detail"]
    assert not whole.begun(context, token, False, None, "", sounds(after.pieces[1])).timer["active"]  # not the newest
    _, _, told, timer, again, awaited, _ = whole.ask(
        context, token, "", None
    )  # what is there and was not begun is there at once
    assert (again["play"] > 0, timer["active"], awaited) == (True, False, False)
    assert [row["detail"][:5] for row in again["rows"]] == ["No. 2", "No. 1"]


@pytest.mark.usefixtures("writing")
def test_a_clip_that_the_address_names_is_played_on_once(context, listener, stock):
    clip_id = stock("dance", 1)[0]
    token = context.identity.token(listener)
    assert whole.name(context, token, f"clips/{clip_id}")["value"].startswith("Play this piece on: Dance tune in ")
    named, button, *_ = whole.ask(context, token, f"clips/{clip_id}", None)
    assert (named, button["value"]) == ("", whole.NEW)
    with pytest.raises(Contradiction, match="just now"):
        whole.ask(context, token, f"clips/{stock('dance', 1)[0]}", None)
    work(context)
    found = context.database.transaction(lambda s: s.scalars(select(Clip).where(Clip.kind == "whole")).one())
    begins = context.database.transaction(lambda s: Piece.from_json(s.get(Clip, clip_id).notes))
    piece = Piece.from_json(found.notes)
    assert found.domain == "dance"
    (row,) = whole.follow(context, token, awaited=False).pieces
    assert row["heading"] == found.recipe["title"] != ""
    assert row["heading"] not in load_shipped_map("titles").points.texts
    assert row["detail"].startswith("No. 1, dance tune in ")
    assert piece.notes[: len(begins.notes), :3].tolist() == begins.notes[:, :3].tolist()
    assert len(piece.bars) == 6  # four that sound, and two more


@pytest.mark.usefixtures("writing")
def test_where_nothing_is_ready_a_clip_sounds_at_once_and_is_played_on(context, listener, stock):
    pool = {str(clip_id) for clip_id in stock("pop", 6)}
    waiting = {str(clip.clip_id) for pair in context.pairs.open(listener) for clip in pair.clips}
    token = context.identity.token(listener)
    _, _, _, timer, pieces, awaited, _ = whole.ask(context, token, "", None)
    (beginning,) = pieces["rows"]
    assert (pieces["play"] > 0, timer["active"], awaited) == (True, True, False)
    assert beginning["id"] in pool - waiting
    assert beginning["seconds"] == 14
    assert whole.begun(context, token, False, None, "", sounds(beginning)).timer["active"]
    (_, _, rows, _), *_ = whole.look(context, token)  # whoever opens the page again meanwhile finds it there
    assert rows["rows"] == [beginning]
    work(context)
    (there,) = whole.follow(context, token, awaited=False).pieces
    assert there["begins"] == beginning["id"] != there["id"]
    assert whole.begun(context, token, False, None, "", sounds(there)).timer["active"]
    work(context)
    newest, _ = whole.follow(context, token, awaited=False).pieces
    assert newest["begins"] == ""  # an opening of the bank


@pytest.mark.usefixtures("writing")
def test_more_like_this_begins_with_one_of_the_openings_that_are_nearest(context, listener, monkeypatch):
    monkeypatch.setattr(playing_on, "ALIKE", 1)
    whole_pieces.ask(context.database, context.journal, listener)
    work(context)
    (first,) = clips(context)
    token = context.identity.token(listener)
    whole_pieces.ask(
        context.database, context.journal, listener
    )  # the next one, which is under way, stands in nobody's way
    *_, awaited, _ = whole.ask_for_more(context, token, pressed(whole.MORE, first.id))
    assert awaited
    worker, more = Worker(context, {whole_pieces.KIND: HANDLERS[whole_pieces.KIND]}), None
    while more is None:  # the next one takes openings, too, and they may be the nearest
        free = context.bank._shelf("pop")
        assert worker.step(look=False)
        more = next((clip for clip in clips(context) if clip.recipe.get("like") == str(first.id)), None)
    here, found = (context.space.features(clip.summary)[0] for clip in (first, more))
    opens = [draft.opens for draft in free.drafts]
    away = np.linalg.norm(context.space.with_distances(free.candidates.lines)[opens] - here, axis=1)
    assert np.linalg.norm(found - here) == pytest.approx(away.min())
    with pytest.raises(NotYours):
        whole.ask_for_more(context, token, pressed(whole.MORE, uuid.UUID(int=9)))


@pytest.mark.usefixtures("writing")
def test_another_ending_goes_as_the_piece_goes_until_its_last_bars(context, listener, monkeypatch):
    monkeypatch.setattr(playing_on, "ENDS", {"pop": 2})
    whole_pieces.ask(context.database, context.journal, listener)
    work(context)
    (first,) = clips(context)
    token = context.identity.token(listener)
    *_, awaited, _ = whole.ask_for_more(context, token, pressed(whole.ENDING, first.id))
    assert awaited
    work(context)
    other = next(clip for clip in clips(context) if clip.id != first.id)
    one, two = (Piece.from_json(clip.notes) for clip in (first, other))
    same = one.window(0, len(one.bars) - 2).notes
    assert np.array_equal(two.notes[: len(same), :3][:, [0, 2]], same[:, [0, 2]])
    assert not np.array_equal(one.notes, two.notes)
    assert (other.recipe["ending"], other.recipe["played_on"]) == (str(first.id), first.recipe["played_on"])
    with pytest.raises(NotYours):
        whole.ask_for_more(context, token, pressed(whole.ENDING, uuid.UUID(int=9)))


def test_a_tune_that_all_know_may_come_again_where_somebody_brought_it(context, tune, monkeypatch):
    monkeypatch.setitem(vars(context.clip_maker.style), "fingerprint", Fingerprint.of([tune]))
    piece = tune.followed_by(tune.transposed(5)).followed_by(tune.window(0, 3))

    def fault(**more):
        result = GenerateResult(
            id="whole", notes=piece.to_json(), latents={}, recipe=RECIPE | {"played_on": 11} | more,
            model_version=context.space.version, queue_ms=0, decode_ms=0,
        )  # fmt: skip
        return context.clip_maker.fault(result)

    assert fault() == "copy"
    assert fault(piece=str(uuid.uuid4())) is None


def test_another_ending_of_what_somebody_brought_may_begin_with_a_tune_that_all_know(
    context, listener, tune, stock, monkeypatch
):
    monkeypatch.setattr(playing_on, "ENDS", {"pop": 2})
    monkeypatch.setitem(vars(context.clip_maker.style), "fingerprint", Fingerprint.of([tune]))
    stock("pop", 1, composed_for=listener, lengths=(7.0,))
    (first,) = clips(context)
    piece = tune.followed_by(replace(Piece.from_json(first.notes), source="", tempo_bpm=tune.tempo_bpm))
    values = {"kind": "whole", "notes": piece.to_json(), "recipe": RECIPE | {"played_on": 8, "piece": str(first.id)}}
    context.database.transaction(lambda s: s.execute(update(Clip).values(**values)))
    whole_pieces.ask_for_another_ending(context.database, context.journal, listener, first.id)
    work(context)
    assert whole_pieces.programme(context.database, listener).coming == "none"
    assert [clip.recipe.get("ending") for clip in clips(context)] == [None, str(first.id)]


def test_the_newest_stay_in_the_list_and_those_that_are_kept(context, listener, stock, monkeypatch):
    monkeypatch.setattr(whole, "LISTED", 2)
    made = stock("pop", 4, composed_for=listener, lengths=(7.0,))
    context.database.transaction(lambda s: s.execute(update(Clip).values(kind="whole", recipe=RECIPE)))
    voting.record_play(context.database, context.journal, listener, made[0], outcome="kept", heard_ms=0)
    found = whole_pieces.programme(context.database, listener)
    told = [row["detail"] for row in whole.rows_of(context, found)]
    assert [each[:5] for each in told] == ["No. 4", "No. 3", "No. 1"]
    assert [each.endswith("kept") for each in told] == [False, False, True]


def test_what_is_no_clip_of_theirs_is_refused(context, listener):
    token = context.identity.token(listener)
    for named in ("nonsense", "clips/nonsense", f"clips/{uuid.UUID(int=9)}"):
        left, button, said, timer, pieces, *_ = whole.ask(context, token, named, None)
        assert (left, button["value"], timer["active"], pieces) == ("", whole.NEW, False, [])
        assert said == status(whole.GONE)
    assert whole_pieces.programme(context.database, listener).coming == "none"


@pytest.mark.usefixtures("writing")
def test_what_is_cancelled_while_it_is_written_ends_and_another_can_be_asked_for(context, listener, monkeypatch):
    token = context.identity.token(listener)
    begun, steps, play_on = threading.Event(), [], Writer.play_on

    def slowly(self, *given, between, **named):
        def step():
            begun.set()
            steps.append(1)
            time.sleep(0.05)
            between()

        return play_on(self, *given, between=step, **named)

    monkeypatch.setattr(Writer, "play_on", slowly)
    monkeypatch.setattr(playing_on, "GOES_ON", {"pop": 56})
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.1)
    whole_pieces.ask(context.database, context.journal, listener)
    working = threading.Thread(target=work, args=(context,))
    working.start()
    assert begun.wait(60)
    assert whole.follow(context, token, awaited=True).cancel["visible"]
    there = whole.give_up(context, token)
    assert (there.awaited, there.timer["active"], there.cancel["visible"]) == (False, False, False)
    working.join()
    assert 0 < len(steps) < 100  # and not to the end of 56 bars
    assert whole_pieces.programme(context.database, listener).coming == "none"
    assert clips(context) == []
    assert context.bank._taken("pop") == set()  # others may have what was found for it
    monkeypatch.setattr(Writer, "play_on", play_on)
    monkeypatch.setattr(playing_on, "GOES_ON", {"pop": 2})
    whole_pieces.ask(context.database, context.journal, listener)
    work(context)
    assert len(whole_pieces.programme(context.database, listener).pieces) == 1
