"""What a listener gets through the page's own calls is what ``models.evaluate.for_me`` says that they get."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import select

from db.queries import jobs
from db.tables import Clip
from models.music.notes import Piece
from models.style import compose
from models.style.drafts import Ask, Draft
from models.style.pieces.model import tiny_pieces
from models.style.pieces.sampling import Writer
from models.taste.evaluation.gifts import CLIPS, Searched
from models.taste.head import Head
from models.taste.search import gifts, ideas
from webapp.composing import rendering, wishes
from webapp.composing.for_listener import SPARE
from webapp.composing.rendering import playable_lengths
from webapp.composing.search import LatentSearch
from webapp.composing.wishes import GIFT, JobInHand
from webapp.generation.protocol import BadRequest, DraftsResult, GeneratorUnavailable
from webapp.learning import heads
from webapp.listeners import accounts
from webapp.runtime.errors import NobodyWaits
from webapp.worker import Worker

VOTES = ("left", "right", "left", "equal", "right", "left")


@pytest.fixture(scope="module")
def written() -> list[DraftsResult]:
    """What the generator has written for the bank of the first test, for those of the others."""
    return []


@pytest.fixture
def bank(context, writing, written, monkeypatch):
    """The bank of an installation whose generator writes."""
    drafts, known = context.generation.drafts, iter(written.copy())

    def write(*given, **named):
        if (answer := next(known, None)) is None:
            written.append(answer := drafts(*given, **named))
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(context.generation, "drafts", write)
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
    head = context.database.transaction(lambda s: heads.head_for_composing(s, job.listener_id, space, "pop"))
    assert head.votes_seen == len(VOTES)
    expected = gifts(head, space, Searched.of(space, free).candidates, CLIPS + SPARE, seed=job.seed)
    assert context.listener_composer.do(job).own == CLIPS
    theirs = select(Clip).where(Clip.composed_for == job.listener_id, Clip.kind == wishes.KIND_OF["careful"])
    given = context.database.transaction(lambda s: [Piece.from_json(clip.notes) for clip in s.scalars(theirs)])
    found = [free[each.origin].notes for each in expected]
    playable = [piece for piece in found if playable_lengths(piece)]  # an untrained model may write at any tempo
    assert sorted(map(notes_of, given)) == sorted(map(notes_of, playable[:CLIPS]))
    assert len(set(map(notes_of, given))) == CLIPS


@pytest.mark.parametrize("attempts", [1, 2])
def test_what_was_found_for_a_gift_that_fails_for_good_others_may_have_but_for_what_became_a_clip(
    context, bank, monkeypatch, attempts
):
    listener, left, real = accounts.create(context.database), iter(range(1)), rendering.render_into

    def one_and_no_more(*given):
        for _ in left:
            return real(*given)
        raise OSError("no space left on device")

    monkeypatch.setattr(rendering, "render_into", one_and_no_more)
    order = {"listener_id": listener, "max_attempts": attempts}
    context.database.transaction(lambda s: jobs.enqueue(s, wishes.KIND, {"domain": "pop", "picks": 0}, **order))
    assert Worker(context).step(look=False)
    made = context.database.transaction(lambda s: list(s.scalars(select(Clip).where(Clip.composed_for == listener))))
    assert len(made) == 1
    assert len(bank._taken("pop")) == (1 if attempts == 1 else CLIPS + SPARE)  # which it is composed from again


def test_of_what_is_cancelled_nothing_more_is_stored_and_others_may_have_what_was_found(
    context, bank, live, monkeypatch
):
    listener, real = live(), rendering.render_into
    context.database.transaction(lambda s: jobs.cancel(s, [wishes.key_of(listener, asked=False)]))
    theirs = select(Clip.id).where(Clip.composed_for == listener)
    before = context.database.transaction(lambda s: s.scalars(theirs).all())

    def while_somebody_cancels(*given):
        wishes.cancel(context.database, listener)
        return real(*given)

    wishes.ask(context.database, context.space, listener, GIFT)
    monkeypatch.setattr(rendering, "render_into", while_somebody_cancels)
    sounds = context.clip_store.keys()
    assert Worker(context).step(look=False)
    assert context.database.transaction(lambda s: s.scalars(theirs).all()) == before
    assert context.clip_store.keys() == sounds
    assert bank._taken("pop") == set()


@pytest.fixture
def asking(context, monkeypatch):
    """A search that asks."""
    monkeypatch.setattr(compose, "rejection_reason", lambda *_: None)
    return LatentSearch(context.database, context.generation, context.style, context.bank, asks=True)


def test_what_is_asked_for_is_written_and_what_is_not_used_is_put_back(context, bank, asking):
    head = Head.of(np.linspace(1, -1, context.space.size), np.eye(context.space.size) / 9, context.space.version)
    before = bank.size("pop")
    found = asking.best(head, "pop", 3, wish=GIFT, seed=5)
    assert len(found) == 3
    assert all(draft.notes for draft in found)
    assert bank.size("pop") == before - sum(bool(draft.name) for draft in found)
    again = asking._generation.asked("pop", [Ask(found[0].latents, found[0].notes, times=16).to_json()] * 2, 7)
    assert again == asking._generation.asked("pop", [Ask(found[0].latents, found[0].notes, times=16).to_json()] * 2, 7)
    one = Draft.from_json(again.drafts[0])
    assert context.generation.encode(one.notes.to_json()).latents["groups"] == one.latents.to_json()["groups"]


def test_who_has_no_model_that_hears_latents_gets_drafts_as_before(context, bank, asking, tiny_composer, monkeypatch):
    monkeypatch.setattr(tiny_composer, "writer", Writer(tiny_pieces()))
    head = Head.of(np.linspace(1, -1, context.space.size), np.eye(context.space.size) / 9, context.space.version)
    found = asking.best(head, "pop", 3, wish=GIFT, seed=5)
    assert [bool(draft.name) for draft in found] == [True] * 3
    with pytest.raises(BadRequest, match="hears no latents"):
        context.generation.asked("pop", [Ask(found[0].latents).to_json()], 7)
    with pytest.raises(BadRequest, match="groups"):
        context.generation.asked("pop", [{**Ask(found[0].latents).to_json(), "groups": ["mood"]}], 7)


def test_what_was_taken_for_a_search_that_is_given_up_is_put_back(context, bank, asking, monkeypatch):
    def left(*_):
        raise NobodyWaits

    monkeypatch.setattr(context.generation, "asked", left)
    head = Head.of(np.linspace(1, -1, context.space.size), np.eye(context.space.size) / 9, context.space.version)
    with pytest.raises(NobodyWaits):
        asking.best(head, "pop", 3, wish=GIFT, seed=5)
    assert bank._taken("pop") == set()


def test_while_nothing_answers_what_was_found_in_the_bank_is_given(context, bank, asking, monkeypatch):
    def silent(*_):
        raise GeneratorUnavailable("down")

    monkeypatch.setattr(context.generation, "asked", silent)
    head = Head.of(np.linspace(1, -1, context.space.size), np.eye(context.space.size) / 9, context.space.version)
    assert [bool(draft.name) for draft in asking.best(head, "pop", 3, wish=GIFT, seed=5)] == [True] * 3
