"""What a listener gets through the page's own calls is what ``models.evaluate.for_me`` says that they get."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from db.queries import jobs
from db.tables import Clip
from models.music.notes import Piece
from models.style.drafts import Draft
from models.taste.evaluation.gifts import CLIPS, Searched
from models.taste.search import gifts, ideas
from webapp.composing import wishes
from webapp.composing.for_listener import SPARE
from webapp.composing.jobs import JobInHand
from webapp.learning import plays

VOTES = ("left", "right", "left", "equal", "right", "left")


@pytest.fixture
def bank(context, writing):
    """The bank of an installation whose generator writes."""
    while context.bank.size("pop") < 3 * ideas(len(VOTES)) // 2:
        context.bank.grow("pop")
    return context.bank


def drafts_in(bank) -> list[Draft]:
    """All that are free, as every search sees them."""
    seen: list[Draft] = []

    def look(candidates, drafts, wanted):
        assert len(candidates.latents) == len(drafts)
        seen.extend(drafts)
        return []

    bank.choose("pop", look, 1)
    return seen[: bank.size("pop")]


def notes_of(piece: Piece) -> bytes:
    return piece.notes.tobytes()


def test_a_gift_is_the_draft_that_the_evaluation_would_give_as_it_was_written(client, context, stock, vote, bank):
    stock(clips=40)
    client.get("/api/listener")
    offers = client.get("/api/offers").json()
    for outcome in VOTES:
        offers = vote(client, offers[0]["offer_id"], outcome).json()["open"]
    assert client.post("/api/compose", json={}).status_code == 202
    space, free = context.space, drafts_in(bank)
    job = JobInHand(context.database, context.database.transaction(lambda s: jobs.take_job(s, [wishes.KIND])))
    head = context.database.transaction(lambda s: plays.head_of(s, job.listener_id, space, "pop"))
    assert head.votes_seen == len(VOTES)
    expected = gifts(head, space, Searched.of(space, free).candidates, CLIPS + SPARE, seed=job.seed)
    assert context.listener_composer.do(job).own == CLIPS
    theirs = select(Clip).where(Clip.composed_for == job.listener_id, Clip.kind == wishes.KIND_OF["careful"])
    given = context.database.transaction(lambda s: [Piece.from_json(clip.notes) for clip in s.scalars(theirs)])
    assert sorted(map(notes_of, given)) == sorted(notes_of(free[each.origin].notes) for each in expected[:CLIPS])
    assert len(set(map(notes_of, given))) == CLIPS
