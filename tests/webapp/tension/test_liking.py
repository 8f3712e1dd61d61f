"""The taste page says what picks like of surprise, hears clips behind the page, and says where nothing shows."""

from __future__ import annotations

import pytest

from models.metrics.intervals import Figure
from models.tension.leaning import Leaning, leaning
from webapp.generation.protocol import GeneratorUnavailable
from webapp.learning import heads
from webapp.tension import liking, surprises
from webapp.tension.liking import Surprises
from webapp.ui.pages.taste.likings import load_surprises, surprises_text


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    monkeypatch.setattr(surprises, "_kept", type(surprises._kept)())


@pytest.fixture
def heard_at_once(monkeypatch):
    """Waits for what is heard in the background."""
    original = surprises.begin

    def begin(studio, clips):
        thread = original(studio, clips)
        thread.join(60)
        return thread

    monkeypatch.setattr(surprises, "begin", begin)


def test_clips_are_heard_behind_the_page_and_kept(context, live, heard_at_once, monkeypatch):
    few, many = live(3), live(12)
    assert (
        load_surprises(context, context.identity.token(few)).count(
            "Nothing shows yet on surprises in the music (4 picks)."
        )
        == 1
    )
    assert not surprises._kept
    first = liking.of_listener(context.studio, many)
    assert (first.picks, first.waiting) == (0, 11)  # two of thirteen were skipped
    monkeypatch.setattr(context.generation, "rewards", None)
    second = liking.of_listener(context.studio, many)
    assert (second.picks, second.waiting) == (11, 0)
    assert second.leaning.share.n == 11
    assert load_surprises(context, context.identity.token(many))


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


def test_a_liking_is_told_where_picks_go_by_surprise(context, live, heard_at_once):
    listener = live(12)
    liking.of_listener(context.studio, listener)
    votes = context.database.transaction(lambda session: heads.votes_of(session, listener))
    for number, clip in enumerate(dict.fromkeys(clip for clips, _ in votes for clip in clips)):
        surprises._keep({clip: number / 10})
    found = liking.of_listener(context.studio, listener)
    assert found.waiting == 0
    assert surprises_text(found).startswith(("Nothing shows", "You like"))


def test_a_clip_that_is_gone_or_a_picture_is_not_asked_about_again(context, stock):
    import uuid

    gone, (picture,) = uuid.uuid4(), stock(domain="pop", clips=1)
    surprises.begin(context.studio, [gone, picture]).join(60)
    found = surprises.known([gone, picture])
    assert found[gone] is None
    assert isinstance(found[picture], float)


@pytest.mark.parametrize(
    ("liked", "said"),
    [
        ("little", "You like small surprises"),
        ("much", "You like it when much is surprising"),
        ("middle", "neither little nor much"),
        ("ends", "either little surprise or much"),
    ],
)
def test_what_is_said_has_its_doubt(liked, said):
    text = surprises_text(Surprises(Leaning(liked, Figure(0.68, 0.55, 0.79, 40)), 40, 3))
    assert said in text
    assert "68 times in 100" in text
    assert "55\N{NO-BREAK SPACE}% to 79\N{NO-BREAK SPACE}%" in text
    assert "40 picks" in text
    assert "3 picks more" in text


def test_nothing_is_said_of_nothing():
    assert surprises_text(Surprises(leaning([]), 1, 0)) == "Nothing shows yet on surprises in the music (1 pick)."
