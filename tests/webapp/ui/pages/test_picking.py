from __future__ import annotations

import uuid

import gradio as gr
import pytest

from webapp import mood as moods
from webapp.listeners import accounts, rewind
from webapp.listening.voting import Answer
from webapp.mood import in_words
from webapp.ui.pages import picking


@pytest.fixture
def listener(live):
    return live()


@pytest.fixture
def token(context, listener) -> str:
    return context.identity.token(listener)


def cast(context, listener, outcome: str) -> gr.EventData:
    """A vote, and the event that the page gets of it."""
    offer = context.pairs.open(listener)[0].id
    picks = context.pairs.record_vote(listener, offer, outcome, (1, 1)).picks
    return gr.EventData(None, {"offer_id": str(offer), "four_id": None, "picks": picks})


def test_another_kind_of_music_comes_at_once_and_the_player_is_told(context):
    token = context.identity.token(accounts.create(context.database))
    note, first = picking.choose_domain(context, token, "dance")
    assert "Dance tunes from here on" in note
    assert picking.choose_domain(context, token, "dance")[1] != first
    assert picking.arrive(context, token)[0] == ["dance"]


@pytest.mark.slow
def test_every_pick_is_answered_and_names_the_next_goal(context, listener, token):
    for picks in range(5, 12):
        event = cast(context, listener, "left" if picks % 2 else "right")
        told = picking.answer(context, token, event)
        assert event.picks == picks
        assert "guess" in told or "composed for you" in told
        assert {6: "composed for you", 10: '<a href="taste">'}.get(picks, " pick") in told


@pytest.mark.parametrize("picks", [picking.FIRST_GUESS, picking.FIRST_CLIP - 1])
def test_who_has_met_a_piece_composed_for_them_is_not_promised_the_first(context, stock, picks):
    stock("pop", 12)
    listener = accounts.create(context.database)
    for _ in range(picks - 1):
        cast(context, listener, "left")
    own = set(stock("pop", 12, composed_for=listener))
    for _ in range(20):
        pair = context.pairs.open(listener)[0]
        if own & {clip.clip_id for clip in pair.clips}:
            break
        context.pairs.record_vote(listener, pair.id, "skipped", (1, 1))
    event = cast(context, listener, "left")
    assert event.picks == picks
    told = picking.answer(context, context.identity.token(listener), event)
    assert "composed for you" in told
    assert "the first piece" not in told
    assert "the first piece" not in picking.arrive(context, context.identity.token(listener))[1]


def test_a_picked_clip_can_be_heard_whole(context, listener, token):
    event = cast(context, listener, "left")
    event.clip_id = "4dc34e4c-0d4f-4e0e-b1cc-1d3b0b2f6a40"
    assert f'<a href="whole?clip={event.clip_id}">Hear it whole</a>' in picking.answer(context, token, event)
    event.clip_id = None
    assert "whole" not in picking.answer(context, token, event)


@pytest.mark.slow
def test_how_a_pick_sounds_is_told_where_the_goal_is_far_and_never_of_what_waits_in_a_pair(context, live, monkeypatch):
    monkeypatch.setattr(moods, "begin", judged_at_once(moods.begin))
    listener = live(14)
    token = context.identity.token(listener)
    shown = context.pairs.open(listener)[0]
    event = cast(context, listener, "left")
    assert picking.to_go(event.picks) > picking.NEAR
    waiting = {clip.clip_id for pair in context.pairs.open(listener) for clip in pair.clips}
    event.clip_id = str(next(clip.clip_id for clip in shown.clips if clip.clip_id not in waiting))
    assert "We hear" not in picking.answer(context, token, event)  # nobody had judged it
    (mood,) = moods.of_clips(context.studio, [uuid.UUID(event.clip_id)]).values()
    told = picking.answer(context, token, event)
    assert f"We hear your pick as {in_words(mood)}." in told
    assert "new pieces" not in told
    event.clip_id = str(next(iter(waiting)))
    assert "We hear" not in picking.answer(context, token, event)


def judged_at_once(begin):
    """``moods.begin`` that waits for what is judged in the background."""

    def wait(studio, clips):
        thread = begin(studio, clips)
        assert thread is not None
        thread.join(60)

    return wait


def test_what_was_no_pick_is_told_nothing_of(context, listener, token):
    told = picking.answer(context, token, cast(context, listener, "neither"))
    assert "guess" not in told
    assert "picks: " in told


def test_a_pick_is_told_what_it_was() -> None:
    for answer, of, said in (
        (Answer(0, True, None, None), 2, "We guessed right."),
        (Answer(1, False, True, None), 2, "We had guessed the other one. The one you picked was composed for you."),
        (Answer(1, None, False, None), 2, "The other one was composed for you."),
        (Answer(3, False, None, None), 4, "We had guessed another one."),
        (Answer(3, None, False, None), 4, "One that you didn't pick was composed for you."),
        (Answer(0, None, None, True), 2, "One of the two was changed to please you more: our claim was right."),
        (Answer(None, None, None, None), 2, ""),
    ):  # fmt: skip
        assert picking.told_of(answer, of=of) == said


def test_goals_follow_one_another():
    found = [picking.goal(picks) for picks in (0, 2, 3, 5, 6, 9, 10, 15, 16)]
    assert "In 3 picks: a first guess" in found[0]
    assert "With your next pick: a first guess" in found[1]
    assert "In 3 picks: the first piece" in found[2]
    assert "With your next pick: the first piece" in found[3]
    assert "In 4 picks: a picture" in found[4]
    assert "With your next pick: a picture" in found[5]
    assert [text.split(":")[0] for text in found[6:]] == [
        "In 6 picks", "With your next pick", "In 10 picks"
    ]  # fmt: skip


def test_an_undone_pick_is_told_with_where_its_clips_wait(context, listener, token):
    cast(context, listener, "left")
    done = rewind.undo_last(context.records, listener)
    event = gr.EventData(None, {"what": done.what, "picks": done.picks, "domain": done.domain})
    here, domain = picking.undone(context, "compare", token, event)
    assert "Undone. You have 4 picks now.</p>" in here
    assert domain == "pop"
    assert "two at a time</a>." in picking.undone(context, "four", token, event)[0]
