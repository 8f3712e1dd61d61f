from __future__ import annotations

import uuid
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import select, update

from db.queries import jobs
from db.queries.clips import music_of
from db.tables import Clip, Job
from models.mood import liking
from models.music.notes import Piece
from models.style.drafts import Draft
from models.style.pieces.forms import heard_form
from tests.webapp.composing.conftest import RECIPE, clips, sounds, work
from webapp.composing import playing_on, whole_pieces
from webapp.composing.dials import MoodPlace
from webapp.composing.playing_on import WholePieceComposer
from webapp.generation.protocol import GeneratorUnavailable, Mood
from webapp.mood import in_words
from webapp.runtime.errors import NotAllowed
from webapp.ui.layout import status
from webapp.ui.pages import whole

pytestmark = pytest.mark.slow


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
@pytest.mark.parametrize("case", [("pop", {"in_form": True}, "ABAB"), ("pop", {}, ""), ("dance", {}, "AABB")])
def test_another_ending_is_in_the_form_that_was_asked_for_or_that_tunes_have_or_else_its_own(
    context, listener, stock, monkeypatch, case
):
    domain, asked, form = case
    monkeypatch.setattr(playing_on, "ENDS", {domain: 4})
    stock(domain, 1, composed_for=listener, lengths=(7.0,))
    (first,) = clips(context)
    recipe = RECIPE | {"form": "ABAB"} | asked
    context.database.transaction(lambda s: s.execute(update(Clip).values(kind="whole", recipe=recipe)))
    told, play_on = [], context.generation.play_on
    monkeypatch.setattr(context.generation, "play_on", lambda *given: told.extend(given[3:]) or play_on(*given))
    whole_pieces.ask_for_another_ending(context.database, context.journal, listener, first.id)
    work(context)
    (other,) = (clip for clip in clips(context) if clip.id != first.id)
    assert "".join(told) == form
    assert other.recipe["form"] == (form or heard_form(Piece.from_json(other.notes), 8))


@pytest.mark.usefixtures("writing")
@pytest.mark.parametrize("early", [0, 24])  # ticks of a pickup
def test_a_dance_tune_has_its_form_also_behind_a_pickup(context, listener, stock, monkeypatch, early):
    monkeypatch.setattr(playing_on, "GOES_ON", {"dance": 4})
    (clip_id,) = stock("dance", 1)
    piece = Piece.from_json(clips(context)[0].notes).window(0, 4)
    moved = np.array([early, 0, 0, 0])
    notes, bars, tempo = piece.notes + moved, piece.bars + moved, piece.tempo_bpm
    if early:
        notes, bars = np.insert(notes, 0, [0, early, 60, 70], axis=0), np.insert(bars, 0, [0, early, 4, 4], axis=0)
        tempo = np.insert(tempo, 0, tempo[0])
    tune = replace(piece, notes=notes.astype(np.int32), bars=bars.astype(np.int32), tempo_bpm=tempo)
    context.database.transaction(lambda s: s.execute(update(Clip).values(notes=tune.to_json())))
    told, play_on = [], context.generation.play_on
    monkeypatch.setattr(context.generation, "play_on", lambda *given: told.append(given[3]) or play_on(*given))
    whole_pieces.ask(context.database, context.journal, listener, f"clips/{clip_id}")
    work(context)
    assert told == ["AABB"]


def test_a_piece_of_another_form_is_left_and_the_form_holds_from_the_next_piece_on(context, listener, stock):
    (piece,) = stock("pop", 1, composed_for=listener, lengths=(7.0,))
    values = {"kind": "whole", "recipe": RECIPE | {"form": "ABA"}}
    context.database.transaction(lambda s: s.execute(update(Clip).values(**values)))
    token = context.identity.token(listener)
    *_, there, _, _ = whole.ask(context, token, "", None, "ABA")
    assert [row["id"] for row in there["rows"]] == [str(piece)]
    whole.ask(context, token, "", None, "AABA")
    job = context.database.transaction(lambda s: s.scalars(select(Job)).one())
    assert job.payload == {"domain": "pop", "form": "AABA"}
    _, told = whole.choose_form(context, token, "ABAB")  # while it waits to be composed
    assert "32 bars, from the next piece on" in told
    job = context.database.transaction(lambda s: s.scalars(select(Job)).one())
    assert job.payload == {"domain": "pop", "form": "ABAB"}
    assert context.database.transaction(lambda s: jobs.take_job(s, [job.kind]))
    assert "from the piece after the next" in whole.choose_form(context, token, "AABB")[1]


def test_a_form_is_taken_in_any_letters_case_and_what_is_none_is_said(context, listener):
    token = context.identity.token(listener)
    assert whole.choose_form(context, token, "aaba") == ("AABA", status("AABA, 32 bars, from the next piece on."))
    assert whole.choose_form(context, token, "")[0] == whole.choose_form(context, token, None)[0] == ""
    none, why = whole.choose_form(context, token, "AAC")
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
    monkeypatch.setattr(whole_pieces, "AMONG_IN_MOOD", 1)
    pool = stock("pop", 6)
    token = context.identity.token(listener)
    music = context.database.transaction(lambda s: music_of(s, pool))
    moods = {each.id: context.generation.moods([each.notes]).moods[0] for each in music}
    monkeypatch.setattr(liking.cost, "__defaults__", (1e6,))  # nothing else counts
    waiting = {clip.clip_id for pair in context.pairs.open(listener) for clip in pair.clips}
    *_, pieces, _, _ = whole.ask(context, token, "", at(-1, -1))
    away = {str(each): np.hypot(1 + mood.valence, 1 + mood.arousal) for each, mood in moods.items()}
    free = {each: away[each] for each in away if uuid.UUID(each) not in waiting}
    assert pieces["rows"][0]["id"] == min(free, key=free.get)
    work(context)
    assert whole_pieces.programme(context.database, listener).pieces[0].recipe["mood"]["wish"] == {
        "valence": -1,
        "arousal": -1,
    }
    *_, again, _, _ = whole.ask(context, token, "", at(-0.9, -0.8))  # it was not begun yet, and the place is beside
    assert len(again["rows"]) == 1
    *_, other, _, _ = whole.ask(context, token, "", at(-0.5, -1))
    assert "No. 2 begins" in other["rows"][0]["detail"]


def test_where_no_mood_can_be_heard_the_piece_is_composed_from_the_bank_when_it_can(
    context, listener, stock, monkeypatch
):
    stock("pop", 4)
    monkeypatch.setattr(context.generation, "moods", silent)
    *_, timer, pieces, awaited, _ = whole.ask(context, context.identity.token(listener), "", at(0.3, -0.7))
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
    *_, calm, _, _ = whole.ask(context, token, "", at(0.9, -0.9))
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
