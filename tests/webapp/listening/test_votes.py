"""The vote state machine: whatever a listener's browsers send in whatever order, the database tells one true story."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import func, select

from db.queries import listeners as listener_rows
from db.tables import OUTCOMES, PICKS, Clip, Job, Listening, Offer, Prediction, StoredHead, Vote
from webapp.composing import wishes
from webapp.learning import heads
from webapp.listeners import accounts
from webapp.listeners.accounts import delete
from webapp.runtime.errors import Contradiction, NotReady, NotYours

HEARD = (3000, 3000)


def count(context, table, *where) -> int:
    return context.database.transaction(lambda s: s.scalar(select(func.count()).select_from(table).where(*where)))


def pairs_of(context, listener) -> list[tuple[uuid.UUID, uuid.UUID]]:
    pairs = select(Offer.left_clip, Offer.right_clip).where(Offer.listener_id == listener)
    return [tuple(row) for row in context.database.transaction(lambda s: s.execute(pairs).all())]


def open_ids(context, listener):
    return [offer.id for offer in context.pairs.open(listener)]


@pytest.mark.slow
def test_votes_in_any_order_tell_one_story(context, stock):
    stock("pop", 10)
    stock("dance", 10)

    class Votes(RuleBasedStateMachine):
        people = Bundle("people")
        pairs = Bundle("pairs")

        def __init__(self):
            super().__init__()
            self.given: dict[uuid.UUID, dict[uuid.UUID, str]] = {}
            self.owner: dict[uuid.UUID, uuid.UUID] = {}

        @rule(target=people)
        def arrive(self):
            listener = accounts.create(context.database)
            self.given[listener] = {}
            return listener

        @rule(target=pairs, listener=people, which=st.integers(0, 1))
        def look(self, listener, which):
            try:
                found = open_ids(context, listener)
            except NotReady:
                found = []
            assert len(found) <= 2
            assert found == (open_ids(context, listener) if found else [])
            for offer in found:
                assert self.owner.setdefault(offer, listener) == listener
                assert offer not in self.given[listener]
            return (listener, found[min(which, len(found) - 1)] if found else uuid.uuid4())

        @rule(pair=pairs, outcome=st.sampled_from(OUTCOMES))
        def vote(self, pair, outcome):
            listener, offer = pair
            before = self.given[listener].get(offer)
            if self.owner.get(offer) != listener:
                with pytest.raises(NotYours):
                    context.pairs.record_vote(listener, offer, outcome, HEARD)
            elif before not in (None, outcome):
                with pytest.raises(Contradiction):
                    context.pairs.record_vote(listener, offer, outcome, HEARD)
            else:
                self.given[listener][offer] = outcome
                order = list(self.given[listener])
                then = [self.given[listener][each] for each in order[: order.index(offer) + 1]]
                result = context.pairs.record_vote(listener, offer, outcome, HEARD)
                assert result.picks == sum(each in PICKS for each in then)
                assert context.pairs.record_vote(listener, offer, outcome, HEARD) == result
                for each in result.open:
                    self.owner.setdefault(each.id, listener)

        @rule(pair=pairs, stranger=people, outcome=st.sampled_from(OUTCOMES))
        def vote_as_someone_else(self, pair, stranger, outcome):
            if self.owner.get(pair[1]) != stranger:
                with pytest.raises(NotYours):
                    context.pairs.record_vote(stranger, pair[1], outcome, HEARD)

        @rule(listener=people, domain=st.sampled_from(["pop", "dance"]))
        def choose_domain(self, listener, domain):
            accounts.change_domain(context.database, context.journal, listener, domain)

        @invariant()
        def the_database_says_the_same(self):
            for listener, given in self.given.items():
                stored = context.database.transaction(
                    lambda s, who=listener: dict(
                        s.execute(select(Vote.offer_id, Vote.outcome).where(Vote.listener_id == who)).all()
                    )
                )
                assert stored == given
                # two of each kind of music: those of another kind wait
                assert count(context, Offer, Offer.listener_id == listener, Offer.state == "open") <= 4
                pairs = pairs_of(context, listener)
                assert len({frozenset(pair) for pair in pairs}) == len(pairs)

        def teardown(self):
            assert count(context, Vote) == count(context, Prediction) == count(context, Listening)

    run_state_machine_as_test(
        Votes,
        settings=settings(
            max_examples=8, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_the_prediction_is_older_than_the_vote_and_the_head_learns_from_it(context, stock):
    stock()
    listener = accounts.create(context.database)
    for seen in range(8):
        context.pairs.record_vote(listener, open_ids(context, listener)[0], "left", HEARD)
        head = context.database.transaction(lambda s: heads.load(s, listener, context.space))
        assert head.votes_seen == seen + 1
    rows = context.database.transaction(
        lambda s: s.execute(
            select(Prediction, Vote).join(Vote, Vote.offer_id == Prediction.offer_id).order_by(Vote.created_at)
        ).all()
    )
    assert [prediction.votes_seen for prediction, _ in rows] == list(range(8))
    assert all(prediction.made_at <= vote.created_at for prediction, vote in rows)
    assert rows[0][0].p_left == pytest.approx(rows[0][0].p_right)
    assert any(abs(prediction.p_left - prediction.p_right) > 0.05 for prediction, _ in rows[1:])


def test_neither_and_skipped_are_no_picks_and_only_neither_teaches(context, stock):
    stock()
    listener = accounts.create(context.database)
    enough = [heads.prior(context.space).enough[0]]
    for outcome, seen in (("skipped", 0), ("neither", 1)):
        assert context.pairs.record_vote(listener, open_ids(context, listener)[0], outcome, HEARD).picks == 0
        head = context.database.transaction(lambda s: heads.load(s, listener, context.space))
        assert head.votes_seen == seen
        enough.append(head.enough[0])
    assert enough[0] == enough[1] < enough[2]


@pytest.mark.slow
def test_clips_are_composed_unasked_in_time_for_the_seventh_pair_and_every_ten_picks_later(context, stock):
    stock("pop", 24)
    listener = accounts.create(context.database)
    left_at = []
    for picks in range(1, 27):
        context.pairs.record_vote(listener, open_ids(context, listener)[0], "left", HEARD)
        waiting = context.database.transaction(
            lambda s: s.scalars(select(Job).where(Job.kind == wishes.KIND, Job.state == "waiting")).one_or_none()
        )
        if waiting is not None:
            left_at.append(picks)
            context.database.transaction(lambda s, job=waiting: s.delete(job))
    assert left_at == [4, 6, 16, 26]


@pytest.mark.slow
def test_a_clip_made_for_one_listener_waits_in_their_next_new_pairs_and_in_nobody_elses(context, stock):
    stock("pop", 12)
    mine, other = accounts.create(context.database), accounts.create(context.database)
    own = set(stock("pop", 3, composed_for=mine))
    met: set[uuid.UUID] = set()
    for _ in range(12):
        context.pairs.record_vote(mine, open_ids(context, mine)[0], "left", HEARD)
        context.pairs.record_vote(other, open_ids(context, other)[0], "right", HEARD)
    for left, right in pairs_of(context, mine):
        met |= {left, right} & own
    assert met
    for pair in pairs_of(context, other):
        assert not set(pair) & own


def test_when_every_pair_is_used_up_the_vote_still_counts(context, stock):
    stock("pop", 2)
    listener = accounts.create(context.database)
    (only,) = open_ids(context, listener)
    result = context.pairs.record_vote(listener, only, "left", HEARD)
    assert (result.picks, result.open) == (1, ())
    with pytest.raises(NotReady):
        context.pairs.open(listener)
    stock("pop", 1)
    context.playable._kept.clear()
    assert len(open_ids(context, listener)) == 2


@pytest.mark.slow
def test_first_pairs_are_short_and_later_ones_long_where_the_pool_has_them(context, stock):
    stock("pop", 16)
    listener = accounts.create(context.database)
    seconds = []
    for _ in range(8):
        pair = context.pairs.open(listener)[0]
        seconds.append(pair.clips[0].seconds)
        context.pairs.record_vote(listener, pair.id, "equal", HEARD)
    assert seconds == [7.0] * 6 + [14.0] * 2
    few = accounts.create(context.database)
    accounts.change_domain(context.database, context.journal, few, "chorale")
    stock("chorale", 8, lengths=(7.0,))
    for _ in range(8):
        pair = context.pairs.open(few)[0]
        assert pair.clips[1].seconds == 7.0
        context.pairs.record_vote(few, pair.id, "equal", HEARD)


def test_an_offer_says_how_it_was_drawn(context, stock):
    stock("pop", 8)
    listener = accounts.create(context.database)
    context.pairs.open(listener)
    for offer in context.database.transaction(lambda s: s.scalars(select(Offer)).all()):
        assert offer.study_id == "default"
        assert offer.condition
        assert offer.policy in {"information", "curiosity", "control", "composed"}
        assert 0 < offer.pair_probability < 1
        assert offer.order_probability == 0.5


def test_a_vote_on_a_pair_of_an_older_model_is_stored_and_teaches_nothing(context, stock):
    stock("pop", 8)
    listener = accounts.create(context.database)
    offer = open_ids(context, listener)[0]

    def age(session):
        pair = session.get(Offer, offer)
        for clip in (pair.left_clip, pair.right_clip):
            session.get(Clip, clip).model_version = "older"

    context.database.transaction(age)
    result = context.pairs.record_vote(listener, offer, "left", HEARD)
    assert result.picks == 1
    assert count(context, StoredHead) == 0


def test_a_deleted_listener_has_no_offers_and_no_vote(context, stock):
    stock()
    listener = accounts.create(context.database)
    offer = open_ids(context, listener)[0]
    delete(context.records, listener)
    with pytest.raises(NotYours):
        context.pairs.record_vote(listener, offer, "left", HEARD)
    with pytest.raises(NotYours):
        context.pairs.open(listener)
    assert context.database.transaction(lambda s: listener_rows.get_listener(s, listener)) is None
