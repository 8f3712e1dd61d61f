from __future__ import annotations

import re

import pytest
from sqlalchemy import update

from db.tables import PICTURES, Clip
from models.style.bundle import shipped_version
from webapp.generation.protocol import GeneratorUnavailable
from webapp.learning import heads
from webapp.learning.playable_clips import HeardClips
from webapp.tension import liking
from webapp.ui.pages.taste.likings import load_surprises, surprises_text


@pytest.fixture
def heard_at_once(monkeypatch):
    """Waits for what is heard in the background."""
    original = liking.begin

    def begin(studio, clips):
        thread = original(studio, clips)
        thread.join(60)
        return thread

    monkeypatch.setattr(liking, "begin", begin)


@pytest.mark.slow
def test_clips_are_heard_behind_the_page_and_still_known_after_a_start(context, live, heard_at_once, monkeypatch):
    few, many = live(3), live(12)
    said, timer = load_surprises(context, context.identity.token(few))
    assert "Nothing shows yet (4 picks)." in said
    assert not timer["active"]
    first = liking.of_listener(context.studio, many)
    assert (first.picks, first.waiting) == (0, 11)  # two of thirteen were skipped
    monkeypatch.setattr(context.generation, "rewards", None)
    monkeypatch.setattr(liking, "_heard", HeardClips("tension-cpu"))  # as after a start
    second = liking.of_listener(context.studio, many)
    assert (second.picks, second.waiting) == (11, 0)
    assert second.leaning.share.n == 11
    said, timer = load_surprises(context, context.identity.token(many))
    assert "(11 picks)" in said or "; 11 picks)" in said
    assert not timer["active"]


@pytest.mark.slow
def test_where_no_model_answers_nothing_shows_and_it_is_tried_again(context, live, heard_at_once, monkeypatch):
    listener = live(12)

    def silent(*_):
        raise GeneratorUnavailable("down")

    with monkeypatch.context() as patch:
        patch.setattr(context.generation, "rewards", silent)
        for _ in range(2):
            found = liking.of_listener(context.studio, listener)
            assert (found.leaning.liked, found.picks, found.waiting) == ("", 0, 11)
    liking.of_listener(context.studio, listener)
    assert liking.of_listener(context.studio, listener).picks == 11


def test_a_liking_is_told_where_picks_go_by_surprise(context, live, stock):
    stock("pop", 16)
    listener = live(12)
    votes = context.database.transaction(lambda session: heads.votes_of(session, listener))
    clips = list(dict.fromkeys(clip for clips, _ in votes for clip in clips))
    heard = {clip: {"surprise": number / 10} for number, clip in enumerate(clips)}
    liking._heard.keep(context.database, heard, shipped_version("tension-cpu"))
    found = liking.of_listener(context.studio, listener)
    assert found.waiting == 0
    assert re.search("Nothing shows|You like", surprises_text(found))


def test_another_model_hears_anew(context, stock):
    (clip,) = stock(clips=1)
    liking._heard.keep(context.database, {clip: {"surprise": 9.0}}, "tension-of-another-day")
    liking._heard.keep(context.database, {clip: {"surprise": 1.0}}, "tension-of-today")
    assert liking.known(context.database, [clip]) == {clip: 1.0}
    liking.begin(context.studio, [clip]).join(60)
    assert liking.known(context.database, [clip])[clip] not in {1.0, 9.0}  # by the model that ships


def test_of_a_picture_there_is_nothing_to_hear(context, stock):
    picture, music = stock(clips=2)
    context.database.transaction(
        lambda session: session.execute(update(Clip).where(Clip.id == picture).values(domain=PICTURES))
    )
    assert liking.known(context.database, [picture, music]) == {picture: None}
