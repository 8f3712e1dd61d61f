"""Whole pieces for a listener: an opening of the bank, played on to its end."""

from __future__ import annotations

import uuid

import gradio as gr
import numpy as np
import pytest
from sqlalchemy import select, update

from db.queries import jobs
from db.queries.clips import music_of
from db.tables import Clip, ClipAudio, Job
from models.atlas.shipped import shipped
from models.mood import dial
from models.music.notes import Piece
from models.style import drafting
from models.style.drafts import Draft
from models.style.pieces.checkpoint import tiny_pieces
from models.style.pieces.sampling import Writer
from webapp.composing import beginnings, playing_on, screening, whole_pieces
from webapp.composing.dials import MoodPlace
from webapp.composing.jobs import JobInHand
from webapp.composing.playing_on import WholePieceComposer
from webapp.composing.rendering import whole_length
from webapp.generation.protocol import GeneratorUnavailable, Mood
from webapp.listeners import accounts, journal_rebuild
from webapp.listening import plays
from webapp.mood.words import in_words
from webapp.runtime.errors import Contradiction, NotAllowed, NotYours, TooMany, UnknownListenerError
from webapp.ui.layout import status
from webapp.ui.pages import whole
from webapp.worker import HANDLERS, Worker

RECIPE = {"bars": 8, "played_on": 16}


@pytest.fixture
def writing(tiny_composer, monkeypatch):
    """The generator writes, and what an untrained model writes may be offered."""
    monkeypatch.setattr(tiny_composer, "writer", Writer(tiny_pieces()))
    for module in (drafting, screening):
        monkeypatch.setattr(module, "rejection_reason", lambda *_: None)
    monkeypatch.setattr(playing_on, "GOES_ON", {"pop": 2, "dance": 2, "chorale": 2})


@pytest.fixture
def listener(context):
    return accounts.create(context.database)


def work(context, kind=whole_pieces.KIND) -> None:
    worker = Worker(context, {kind: HANDLERS[kind]})
    while worker.step(look=False):
        pass


def sounds(row) -> gr.EventData:
    """That this row begins to sound."""
    return gr.EventData(None, {"index": 0, "id": row["id"]})


def pressed(action, piece) -> gr.EventData:
    """That this button of a row was pressed."""
    return gr.EventData(None, {"index": 0, "id": str(piece), "action": action})


def clips(context):
    return context.database.transaction(lambda s: list(s.scalars(select(Clip))))


def music(context):
    return [(clip.id, clip.notes) for clip in clips(context)]


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


@pytest.mark.usefixtures("writing")
def test_a_piece_for_somebody_who_never_voted_comes_back_from_the_journal(context, listener, another_context):
    whole_pieces.ask(context.database, context.journal, listener)
    work(context)
    (before,) = whole_pieces.programme(context.database, listener).pieces
    rebuilt = another_context(context.settings.home, migrated=False)
    assert journal_rebuild.rebuild(rebuilt.database, rebuilt.journal, rebuilt.spaces).problems == []
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


def test_a_model_that_cannot_play_on_is_said_to_have_failed(context, listener):
    whole_pieces.ask(context.database, context.journal, listener)
    work(context)
    found = whole_pieces.programme(context.database, listener)
    assert found.coming == "failed"
    assert "please try again" in whole.shown(context, found, awaited=False).text
    assert "no piece model" in context.database.transaction(lambda s: s.scalars(select(Job)).one().error)


@pytest.mark.usefixtures("writing")
def test_the_page_plays_what_was_awaited_and_composes_the_next_while_the_newest_sounds(context, listener):
    token = context.identity.token(listener)
    (domain, told, rows), *_ = whole.look(context, token)
    assert (domain, rows["rows"]) == ("pop", [])
    assert whole.NEW in told
    _, _, told, timer, pieces, awaited = whole.ask(context, token, "", None)
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
    assert "10 bars" in after.pieces[0]["detail"]
    assert not whole.begun(context, token, False, None, "", sounds(after.pieces[1])).timer["active"]  # not the newest
    _, _, told, timer, again, awaited = whole.ask(
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
    assert row["heading"] not in shipped("titles").points.texts
    assert row["detail"].startswith("No. 1, dance tune in ")
    assert piece.notes[: len(begins.notes), :3].tolist() == begins.notes[:, :3].tolist()
    assert len(piece.bars) == 6  # four that sound, and two more


@pytest.mark.usefixtures("writing")
def test_where_nothing_is_ready_a_clip_sounds_at_once_and_is_played_on(context, listener, stock):
    pool = {str(clip_id) for clip_id in stock("pop", 6)}
    waiting = {str(clip.clip_id) for pair in context.pairs.open(listener) for clip in pair.clips}
    token = context.identity.token(listener)
    _, _, _, timer, pieces, awaited = whole.ask(context, token, "", None)
    (beginning,) = pieces["rows"]
    assert (pieces["play"] > 0, timer["active"], awaited) == (True, True, False)
    assert beginning["id"] in pool - waiting
    assert beginning["seconds"] == 14
    assert whole.begun(context, token, False, None, "", sounds(beginning)).timer["active"]
    (_, _, rows), *_ = whole.look(context, token)  # whoever opens the page again meanwhile finds it there
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
    *_, awaited = whole.ask_for_more(context, token, pressed(whole.MORE, first.id))
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
    *_, awaited = whole.ask_for_more(context, token, pressed(whole.ENDING, first.id))
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


def test_the_newest_stay_in_the_list_and_those_that_are_kept(context, listener, stock, monkeypatch):
    monkeypatch.setattr(whole, "LISTED", 2)
    made = stock("pop", 4, composed_for=listener, lengths=(7.0,))
    context.database.transaction(lambda s: s.execute(update(Clip).values(kind="whole", recipe=RECIPE)))
    plays.record(context.database, context.journal, listener, made[0], outcome="kept", heard_ms=0)
    found = whole_pieces.programme(context.database, listener)
    told = [row["detail"] for row in whole.rows_of(context, found)]
    assert [each[:5] for each in told] == ["No. 4", "No. 3", "No. 1"]
    assert [each.endswith("kept") for each in told] == [False, False, True]


def test_what_is_no_clip_of_theirs_is_refused(context, listener):
    token = context.identity.token(listener)
    for named in ("nonsense", "clips/nonsense", f"clips/{uuid.UUID(int=9)}"):
        left, button, said, timer, pieces, _ = whole.ask(context, token, named, None)
        assert (left, button["value"], timer["active"], pieces) == ("", whole.NEW, False, [])
        assert said == status(whole.GONE)
    assert whole_pieces.programme(context.database, listener).coming == "none"


def at(valence, arousal) -> dict:
    """The pad with this place chosen."""
    return {"target": [valence, arousal]}


@pytest.mark.usefixtures("writing")
def test_a_form_that_is_asked_for_says_how_long_the_piece_is(context, listener, monkeypatch):
    whole_pieces.ask(context.database, context.journal, listener, form="aba")
    told, play_on = [], context.generation.play_on
    monkeypatch.setattr(context.generation, "play_on", lambda *given: told.append(given[1:4:2]) or play_on(*given))
    work(context)
    (clip,) = clips(context)
    assert told == [(24 - clip.recipe["bars"], "ABA")]  # an opening may begin or end with a silent bar
    assert (clip.recipe["form"], clip.recipe["bars"] + clip.recipe["played_on"]) == ("ABA", 24)
    (row,) = whole.rows_of(context, whole_pieces.programme(context.database, listener))
    assert row["sections"] == "ABA"
    assert "24 bars in sections ABA" in row["detail"]
    with pytest.raises(NotAllowed, match="“abc d e x” is no form"):
        whole_pieces.ask(context.database, context.journal, listener, form="abc d e x")


@pytest.mark.usefixtures("writing")
def test_a_dance_tune_has_its_form_also_behind_a_pickup(context, listener, monkeypatch):
    monkeypatch.setattr(playing_on, "GOES_ON", {"dance": 24})
    accounts.change_domain(context.database, context.journal, listener, "dance")
    told, play_on = [], context.generation.play_on
    begins = playing_on.sounding_bars
    monkeypatch.setattr(context.generation, "play_on", lambda *given: told.append(given[3]) or play_on(*given))
    seen = []
    monkeypatch.setattr(playing_on, "sounding_bars", lambda piece: seen.append(piece) or begins(piece))
    whole_pieces.ask(context.database, context.journal, listener)
    work(context)
    assert told == ["AABB" if (begins(piece) + 24) % 4 == 0 else "" for piece in seen]


def test_a_piece_of_another_form_is_left_and_the_form_holds_from_the_next_piece_on(context, listener, stock):
    (piece,) = stock("pop", 1, composed_for=listener, lengths=(7.0,))
    values = {"kind": "whole", "recipe": RECIPE | {"form": "ABA"}}
    context.database.transaction(lambda s: s.execute(update(Clip).values(**values)))
    token = context.identity.token(listener)
    *_, there, _ = whole.ask(context, token, "", None, "ABA")
    assert [row["id"] for row in there["rows"]] == [str(piece)]
    whole.ask(context, token, "", None, "AABA")
    job = context.database.transaction(lambda s: s.scalars(select(Job)).one())
    assert job.payload == {"domain": "pop", "form": "AABA"}


def test_a_form_is_taken_in_any_letters_case_and_what_is_none_is_said():
    assert whole.choose_form("aaba") == ("AABA", status("AABA, 32 bars, from the next piece on."))
    assert whole.choose_form("")[0] == whole.choose_form(None)[0] == ""
    none, why = whole.choose_form("AAC")
    assert none == ""
    assert "“AAC” is no form; 2 to 8 letters are allowed" in why


def silent(_):
    raise GeneratorUnavailable("down")


def heard(context, clip) -> dict:
    (mood,) = context.generation.moods([clip.notes]).moods
    return {"valence": round(mood.valence, 3), "arousal": round(mood.arousal, 3)}


@pytest.mark.usefixtures("writing")
def test_a_piece_of_a_mood_begins_with_an_opening_near_it_and_says_how_the_whole_sounds(context, listener, monkeypatch):
    token = context.identity.token(listener)
    place = {"valence": -0.8, "arousal": 0.4}
    whole_pieces.ask(context.database, context.journal, listener, mood=MoodPlace(**place))
    chosen: list[Draft] = []
    real = WholePieceComposer._compose
    monkeypatch.setattr(WholePieceComposer, "_compose", lambda *given: chosen.append(given[1]) or real(*given))
    told, play_on = [], context.generation.play_on
    monkeypatch.setattr(context.generation, "play_on", lambda *given: told.append(given[4]) or play_on(*given))
    work(context)
    openings = [draft for draft in context.bank._read_all("pop").drafts if draft.opens and draft.notes]
    moods = [context.generation.moods([each.notes.to_json()]).moods[0] for each in (chosen[0], *openings)]
    away = [np.hypot(0.8 + each.valence, 0.4 - each.arousal) for each in moods]
    assert away[0] <= np.median(away[1:])
    (clip,) = clips(context)
    assert clip.recipe["mood"] == {"wish": place, **heard(context, clip)}
    assert [(mood.valence, mood.arousal) for mood in told] == [(-0.8, 0.4)]  # what is written after the opening, too
    (row,) = whole.follow(context, token, awaited=False).pieces
    assert in_words(Mood(**heard(context, clip))) in row["detail"]


@pytest.mark.usefixtures("writing")
def test_what_sounds_at_once_has_the_mood_and_a_piece_of_another_one_is_left(context, listener, stock, monkeypatch):
    monkeypatch.setattr(beginnings, "AMONG_IN_MOOD", 1)
    pool = stock("pop", 6)
    token = context.identity.token(listener)
    music = context.database.transaction(lambda s: music_of(s, pool))
    moods = {each.id: context.generation.moods([each.notes]).moods[0] for each in music}
    monkeypatch.setattr(dial.cost, "__defaults__", (1e6,))  # nothing else counts
    waiting = {clip.clip_id for pair in context.pairs.open(listener) for clip in pair.clips}
    *_, pieces, _ = whole.ask(context, token, "", at(-1, -1))
    away = {str(each): np.hypot(1 + mood.valence, 1 + mood.arousal) for each, mood in moods.items()}
    free = {each: away[each] for each in away if uuid.UUID(each) not in waiting}
    assert pieces["rows"][0]["id"] == min(free, key=free.get)
    work(context)
    assert whole_pieces.programme(context.database, listener).pieces[0].recipe["mood"]["wish"] == {
        "valence": -1,
        "arousal": -1,
    }
    *_, again, _ = whole.ask(context, token, "", at(-0.9, -0.8))  # it was not begun yet, and the place is beside
    assert len(again["rows"]) == 1
    *_, other, _ = whole.ask(context, token, "", at(-0.5, -1))
    assert "No. 2 begins" in other["rows"][0]["detail"]


def test_where_no_mood_can_be_heard_the_piece_is_composed_from_the_bank_when_it_can(
    context, listener, stock, monkeypatch
):
    stock("pop", 4)
    monkeypatch.setattr(context.generation, "moods", silent)
    *_, timer, pieces, awaited = whole.ask(context, context.identity.token(listener), "", at(0.3, -0.7))
    assert (timer["active"], pieces, awaited) == (True, [], True)
    job = context.database.transaction(lambda s: s.scalars(select(Job)).one())
    assert job.payload == {"domain": "pop", "mood": {"valence": 0.3, "arousal": -0.7}}


def test_the_mood_that_is_chosen_holds_from_the_next_piece_on(context, listener, stock):
    (piece,) = stock("pop", 1, composed_for=listener, lengths=(7.0,))
    context.database.transaction(lambda s: s.execute(update(Clip).values(kind="whole", recipe=RECIPE)))
    whole.begun(context, context.identity.token(listener), False, at(0, -0.5), "", sounds({"id": str(piece)}))
    job = context.database.transaction(lambda s: s.scalars(select(Job)).one())
    assert job.payload["mood"] == {"valence": 0, "arousal": -0.5}


def test_what_begins_to_sound_lies_on_the_pad_where_the_judges_hear_it(context, listener, stock, monkeypatch):
    (piece,) = stock("pop", 1)
    (clip,) = clips(context)
    token, row = context.identity.token(listener), sounds({"id": str(piece)})
    assert whole.hear(context, token, row) == list(heard(context, clip).values())
    assert whole.hear(context, token, sounds({"id": str(uuid.UUID(int=9))})) is None
    monkeypatch.setattr(context.generation, "moods", silent)
    assert whole.hear(context, token, row) is None


def test_a_piece_made_for_a_mood_by_its_name_is_of_that_place(context, listener, stock):
    stock("pop", 1, composed_for=listener, lengths=(7.0,))
    values = {"kind": "whole", "recipe": RECIPE | {"mood": {"wish": "calm"}}}
    context.database.transaction(lambda s: s.execute(update(Clip).values(**values)))
    token = context.identity.token(listener)
    *_, calm, _ = whole.ask(context, token, "", at(0.9, -0.9))
    assert len(calm["rows"]) == 1


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({}, ""),
        ({"mood": {"wish": "calm"}}, ""),
        ({"mood": {"valence": 0.1, "arousal": -0.1}}, ""),
        ({"mood": {"valence": 0.3, "arousal": -0.7}}, ", rather calm"),
        ({"mood": {"valence": 0.3, "arousal": -0.7}, "changed": [[0, 8]]}, ", changed in the Studio"),
    ],
)
def test_the_list_says_how_a_piece_sounds_where_that_is_known(context, listener, stock, more, told):
    stock("pop", 1, composed_for=listener, lengths=(7.0,))
    context.database.transaction(lambda s: s.execute(update(Clip).values(kind="whole", recipe=RECIPE | more)))
    (row,) = whole.rows_of(context, whole_pieces.programme(context.database, listener))
    assert row["detail"] == f"No. 1, 24 bars, 7 s{told}"
