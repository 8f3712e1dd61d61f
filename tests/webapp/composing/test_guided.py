"""What the tension model chose, or taught, stands blind against what came first: composed, offered, counted."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from sqlalchemy import select

from db.tables import BY_TENSION, Clip, Offer
from models.music.notes import Piece
from models.style import compose as compose_module
from models.style import drafting
from models.style.drafts import Draft
from models.taste.policy import Mixture, choose_named
from tests.webapp.generation.conftest import tiny_agent
from webapp.composing import clip_maker, for_listener
from webapp.generation import companions
from webapp.generation.engine import Engine
from webapp.generation.protocol import GeneratorUnavailable
from webapp.listeners import accounts
from webapp.listeners.accounts import delete
from webapp.listeners.archive import export
from webapp.listeners.restore import restore
from webapp.listening import pairs
from webapp.research import vote_report
from webapp.taste import blind_tests
from webapp.ui.pages.taste.likings import BY_TENSION as TEXTS
from webapp.ui.pages.taste.likings import tension_text

OFTEN = Mixture(repeat=0.0, proof=0.0, tension=0.9)


class Written:
    """Drafts with notes, the first of which leaps about, or with ``calm`` are all alike."""

    def __init__(self, composer, *, calm: bool) -> None:
        self.composer, self.calm = composer, calm

    def drawn(self, domain: str, count: int, seed: int) -> list[Draft]:
        latents = self.composer.draw_each([domain] * count, range(seed % 1000, seed % 1000 + count))
        leaps = [0 if self.calm else count - number for number in range(count)]
        return [Draft(each, leaping(leap, seed)) for each, leap in zip(latents, leaps, strict=True)]


def leaping(number: int, seed: int) -> Piece:
    leaps = np.random.default_rng([number, seed]).integers(-3 * number, 3 * number + 1, 32)
    notes = [[t * 24, 24, 60 + seed % 7 + (0, 2, 4, 5, 7, 5, 4, 2)[t % 8] + leap, 70] for t, leap in enumerate(leaps)]
    return Piece(np.array(notes), np.array([[i * 96, 96, 4, 4] for i in range(8)]), np.full(8, 100.0))


@pytest.fixture
def listener(context, stock, monkeypatch):
    monkeypatch.setattr(clip_maker, "rejection_reason", lambda *_: None)
    monkeypatch.setattr(pairs, "choose_named", partial(choose_named, mixture=OFTEN))
    stock("pop", 16)
    return accounts.create(context.database)


def compose(context, listener, composer, *, calm: bool, seed: int = 7):
    search = Written(composer, calm=calm)
    return for_listener.compose_by_tension(context.clip_maker, search, listener, "pop", first_seed=seed)


def rows(context, table, *where):
    return context.database.transaction(lambda s: s.scalars(select(table).where(*where)).all())


@pytest.mark.slow
def test_the_best_and_the_first_are_composed_once_offered_blind_and_counted(context, listener, tiny_composer):
    assert compose(context, listener, tiny_composer, calm=False).composed == 2
    assert compose(context, listener, tiny_composer, calm=False, seed=99).composed == 0  # these wait
    made = {clip.kind: clip for clip in rows(context, Clip, Clip.composed_for == listener)}
    assert set(made) == {"guided", "plain"}
    best, first = context.generation.rewards([made[kind].notes for kind in ("guided", "plain")], "pop").rewards
    worth = [min(reward.future, reward.past) for reward in (best, first)]
    assert worth[0] > worth[1]
    assert {clip.recipe["tension"]["among"] for clip in made.values()} == {for_listener.AMONG}
    ids = {clip.id for clip in made.values()}
    for number in range(12):
        offer = context.pairs.open(listener)[0]
        sides = [clip.clip_id for clip in offer.clips]
        outcome = ("left", "right")[sides.index(made["guided"].id)] if set(sides) == ids else "equal"
        context.pairs.record_vote(listener, offer.id, outcome, (number, number))
    ((test,), others) = (
        rows(context, Offer, Offer.listener_id == listener, which)
        for which in (Offer.policy == "tension", Offer.policy != "tension")
    )
    assert {test.left_clip, test.right_clip} == ids
    assert (test.condition, test.pair_probability, test.order_probability) == ("guided_vs_plain", 0.9, 0.5)
    assert not {clip for offer in others for clip in (offer.left_clip, offer.right_clip)} & ids
    found = blind_tests.of_listener(context.database, context.playable, listener)
    assert (found.guided.won, found.guided.equal, found.guided.lost, found.guided.value) == (1, 0, 0, 1.0)
    assert found.drawn.value is None
    assert "won 1 of 1 blind pair: 100\u00a0%" in tension_text("guided", found.guided)
    assert tension_text("trained", found.trained) == tension_text("trained_vs_guided", found.trained_vs_guided) == ""
    for report in (
        vote_report.of_listener(context.database, context.space, listener),
        vote_report.of_study(context.database, context.space, "default"),
    ):
        figure = report.metrics["tension.guided_vs_plain.win_rate"]
        assert (figure.value, figure.n, figure.chance) == (1.0, 1, 0.5)
    assert compose(context, listener, tiny_composer, calm=False, seed=500).composed == 2  # they were met


def choose_as(seed, repeats, proofs, _, *, tension):
    """The draw of this seed."""
    return choose_named(repeats, proofs, np.random.default_rng(seed), OFTEN, tension=tension)


@pytest.mark.slow
def test_a_trained_writer_stands_blind_against_both_others(context, listener, tiny_composer, tmp_path, monkeypatch):
    for module in (compose_module, drafting):
        monkeypatch.setattr(module, "rejection_reason", lambda *_: None)
    engine = Engine(tiny_composer)
    engine.trained = companions.TrainedWriter(tiny_composer, tiny_agent(tmp_path / "agent", tiny_composer.writer))
    monkeypatch.setattr(context.generation, "drafts", engine.drafts)
    offered = []
    for gift, condition in enumerate(pairs.TENSION_TESTS):
        made = compose(context, listener, tiny_composer, calm=False, seed=7 + 50 * gift)
        assert made.composed == (2 if gift else 3)  # one of them has not met another yet
        seed = next(
            s for s in range(99) if choose_named(0, 0, np.random.default_rng(s), OFTEN, tension=3)[0].index == gift
        )
        monkeypatch.setattr(pairs, "choose_named", partial(choose_as, seed))
        kinds = {clip.id: clip.kind for clip in rows(context, Clip, Clip.composed_for == listener)}
        while len(offered) == gift:
            offer = context.pairs.open(listener)[0]
            left, right = (kinds.get(clip.clip_id, "") for clip in offer.clips)
            test = {f"{left}_vs_{right}": "left", f"{right}_vs_{left}": "right"}
            context.pairs.record_vote(listener, offer.id, test.get(condition, "equal"), (1, 1))
            if condition in test:
                offered += rows(context, Offer, Offer.id == offer.id)
    assert [(each.policy, each.condition) for each in offered] == [("tension", name) for name in pairs.TENSION_TESTS]
    assert [each.pair_probability for each in offered] == pytest.approx([0.3] * 3)
    writers = {clip.kind: clip.recipe["writer"] for clip in rows(context, Clip, Clip.composed_for == listener)}
    assert set(writers) == set(BY_TENSION)
    assert writers["trained"].startswith("agent-tiny-")
    data = export(context.database, listener)
    delete(context.records, listener)
    assert rows(context, Clip, Clip.kind == "trained") == []
    restore(context.database, context.journal, data)
    found = blind_tests.of_listener(context.database, context.playable, listener)
    report = vote_report.of_listener(context.database, context.space, listener)
    for test, condition in zip(TEXTS, pairs.TENSION_TESTS, strict=True):
        figure = report.metrics[f"tension.{condition}.win_rate"]
        assert (figure.value, figure.n) == (1.0, 1)
        assert "won 1 of 1 blind pair" in tension_text(test, getattr(found, test))
    engine.close()


def test_a_tension_model_that_cannot_be_loaded_costs_no_gift(context, listener, tiny_composer, monkeypatch):
    def refuse():
        raise ValueError("it was trained with another piece model")

    monkeypatch.setattr(companions, "load_tension", refuse)
    silent = Engine(tiny_composer)
    monkeypatch.setattr(context.generation, "rewards", silent.rewards)
    with pytest.raises(GeneratorUnavailable, match="another piece model"):
        silent.tension.curves(leaping(1, 1).to_json(), "pop")
    assert compose(context, listener, tiny_composer, calm=False).composed == 0
    silent.close()


@pytest.mark.slow
def test_where_the_first_is_the_best_there_is_nothing_to_test(context, listener, tiny_composer):
    assert compose(context, listener, tiny_composer, calm=True).composed == 0
    assert rows(context, Clip, Clip.composed_for == listener) == []
