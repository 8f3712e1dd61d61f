"""Agents through the real process: trained on a head, left and found again, kept, gone when the listener is."""

import time
from dataclasses import replace

import pytest

from tests.processes import running
from webapp.learning import heads
from webapp.listeners import accounts, archive
from webapp.listeners.accounts import delete
from webapp.rating import agents
from webapp.rating.agents import Order
from webapp.rating.plot import learnt
from webapp.runtime.errors import NotAllowed, NotReady, UnknownListenerError
from webapp.runtime.listener_files import Adapters
from webapp.runtime.long_tasks import until_ended
from webapp.ui.pages import agent as page
from webapp.ui.pages.agent import Blind, keep_agent, keeps_one, pick_first, pick_second, play_kept, told

pytestmark = pytest.mark.slow


@pytest.fixture
def listener(alone, long_tasks):
    """Somebody who has voted, with a token."""
    listener_id = accounts.create(alone.database)
    head = replace(heads.prior(alone.space), votes_seen=6)
    alone.database.transaction(lambda session: heads.save(session, listener_id, head))
    return listener_id, alone.tokens.give(listener_id)


def begin(context, listener_id, order):
    agents.begin(context.records, context.style_folder, "", listener_id, order)


def looks(context, listener_id):
    return until_ended(lambda: agents.look(context.database, context.settings.home, listener_id))


def learning_children():
    return running("webapp.rating.agent_process")


def test_an_agent_learns_from_a_head_is_compared_blind_kept_and_deleted_with_its_listener(alone, listener):
    listener_id, token = listener
    adapters = Adapters(alone.settings.home)
    with pytest.raises(NotAllowed, match="let one learn first"):
        keep_agent(alone, token)
    begin(alone, listener_id, Order("head", "dance", 1, steps=1))
    *_, last = looks(alone, listener_id)
    assert last.ended
    assert [each.step for each in last.steps] == [1]
    assert last.steps[0].judge is None
    assert len(learnt(last).data) == 1
    assert "The reward went from" in told(last)
    assert len(last.pairs) == 3
    assert all(before.startswith(b"RIFF") and after.startswith(b"RIFF") for before, after in last.pairs)

    blind = replace(Blind.of(last), agent_first=(True, False, True))
    for pick in (pick_first, pick_first, pick_second):
        blind, *_, said = pick(blind)
    assert blind.won == (True, False, False)
    assert "1 of 3" in said
    assert pick_first(blind)[0] == blind

    chosen, seed, said, curve, _, compared, found, first, *_ = page.arrive(alone, token)  # on another day
    assert (chosen, seed) == (["head", "dance"], 1)
    assert "The reward went from" in said
    assert curve["visible"]
    assert compared["visible"]
    assert found.pairs == last.pairs
    assert len(first[1]) > 0

    assert not keeps_one(alone, token)["visible"]
    assert "Kept" in keep_agent(alone, token)[0]
    assert keeps_one(alone, token)["visible"]
    weights = (adapters.kept(listener_id) / "agent.safetensors").read_bytes()
    assert archive.kept_by(alone.settings.home, listener_id)["agent/agent.safetensors"] == weights
    rate, samples = play_kept(alone, token)["value"]
    assert len(samples) > 4 * rate
    delete(alone.records, listener_id)
    assert list(adapters.home.iterdir()) == []
    with pytest.raises(NotAllowed, match="no agent"):
        agents.play(alone.records, alone.style_folder, listener_id, 1)


def test_tension_rewards_whoever_has_not_picked_and_a_head_cannot(alone, long_tasks):
    nobody = accounts.create(alone.database)
    for reward in ("head", "sum"):
        with pytest.raises(NotReady, match=r"not picked yet|no rating network"):
            begin(alone, nobody, Order(reward, "dance", 1, steps=1))
    with pytest.raises(NotReady, match="no rating network"):
        begin(alone, nobody, Order("mixture", "dance", 1, steps=1))
    begin(alone, nobody, Order("tension", "dance", 1, steps=1))
    *_, last = looks(alone, nobody)
    assert last.ended
    assert not last.problem
    assert last.steps[0].reward is not None
    assert len(last.pairs) == 3


def test_an_agent_in_training_ends_when_its_listener_is_deleted(alone, listener):
    listener_id, _ = listener
    begin(alone, listener_id, Order("head", "dance", 1))
    learning = looks(alone, listener_id)
    next(learning)
    run = Adapters(alone.settings.home).run(listener_id)
    there = sorted(run.iterdir())
    with pytest.raises(NotReady, match="another agent"):
        begin(alone, listener_id, Order("head", "dance", 1))
    assert set(there) <= set(run.iterdir())  # the one that learns keeps its folder
    delete(alone.records, listener_id)
    began = time.monotonic()
    with pytest.raises(UnknownListenerError):
        list(learning)
    while learning_children():
        assert time.monotonic() - began < 20
        time.sleep(0.1)
    assert list(Adapters(alone.settings.home).home.iterdir()) == []


@pytest.mark.parametrize("order", [Order("applause", "dance", 1), Order("head", "jazz", 1), Order("head", "pop", -1)])
def test_another_reward_domain_or_seed_is_refused(alone, listener, order):
    with pytest.raises(NotAllowed, match="network, head, sum"):
        begin(alone, listener[0], order)


def test_nobody_sees_or_stops_the_agent_of_another_and_its_listener_finds_it_again(alone, listener):
    listener_id, token = listener
    stranger = alone.tokens.give(accounts.create(alone.database))
    *_, timer, seen = page.learn(alone, token, "head", "dance", 2)
    assert timer["active"]
    page.give_up(alone, stranger)
    _, _, said, curve, *_, begin_it, cancel, timer, _ = page.arrive(alone, stranger)
    assert said == ""
    assert not curve["visible"]
    assert (begin_it["interactive"], cancel["visible"], timer["active"]) == (True, False, False)
    with pytest.raises(NotReady, match="another agent"):
        page.learn(alone, token, "head", "pop", 2)
    time.sleep(1)
    chosen, seed, *_, begin_it, cancel, timer, _ = page.arrive(alone, token)
    assert (chosen, seed) == (["head", "dance"], 2)
    assert (begin_it["interactive"], cancel["visible"], timer["active"]) == (False, True, True)
    page.give_up(alone, token)
    assert list(looks(alone, listener_id))[-1].ended
    said, *_, begin_it, cancel, timer, _ = page.follow(alone, token, seen)
    assert "Stopped" in said
    assert (begin_it["interactive"], cancel["visible"], timer["active"]) == (True, False, False)
