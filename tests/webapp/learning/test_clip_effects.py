"""What others hear in a clip: learned with the population, used in heads and guesses, and nobody's own doing."""

from __future__ import annotations

import uuid
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import select

from db.queries import offers
from db.tables import Clip, Listener, Prediction, StoredPopulation
from models.taste.head import predict
from webapp.learning import heads, population
from webapp.listeners import accounts
from webapp.taste import explanation

pytestmark = pytest.mark.slow

PEOPLE, VOTES = 10, 12


def rows(context, table, *where):
    return context.database.transaction(lambda s: s.scalars(select(table).where(*where)).all())


def loved_by_all(context, listener, loved) -> None:
    """One vote: for the loved clip, and for neither where both or none are loved."""
    pair = context.pairs.open(listener)[0]
    left, right = (each.clip_id in loved for each in pair.clips)
    outcome = "equal" if left == right else "left" if left else "right"
    context.pairs.record_vote(listener, pair.id, outcome, (2000, 2000))


@pytest.fixture
def study(context, stock):
    """Ten people who love the same four of sixteen clips, and the population that was learned from them."""
    stock("pop", 16)
    clips = rows(context, Clip)
    loved = {each.id for each in sorted(clips, key=lambda clip: clip.id)[:4]}
    people = [accounts.create(context.database) for _ in range(PEOPLE)]
    for who in people:
        for _ in range(VOTES):
            loved_by_all(context, who, loved)
    population.refit_population(context.database, context.journal, context.space, context.playable, "default")
    return people, loved, {each.id for each in clips} - loved


def effects_of(context, listener):
    return context.database.transaction(lambda s: heads.effects_for(s, s.get(Listener, listener), context.space))


def test_what_all_love_has_an_effect_for_each_fold_that_is_stored_with_the_population(context, study):
    people, loved, others = study
    (row,) = rows(context, StoredPopulation)
    stored = context.database.transaction(lambda s: s.get(StoredPopulation, row.id).effects)
    assert stored.keys() == {str(clip) for clip in loved | others}
    assert {len(by_fold) for by_fold in stored.values()} == {heads.FOLDS}
    for who in people:
        effects = effects_of(context, who)
        assert effects == {uuid.UUID(clip): each[heads.fold_of(who)] for clip, each in stored.items()}
        assert np.mean([effects[clip] for clip in loved]) > np.mean([effects[clip] for clip in others])


def test_a_head_that_begins_at_the_fixed_prior_of_another_model_knows_no_effects(context, study):
    other = replace(context.space, version="another")

    def learned(session):
        listener = session.get(Listener, study[0][0])
        assert heads.effects_for(session, listener, context.space)
        return heads.effects_for(session, listener, other)

    assert context.database.transaction(learned) == heads.NO_EFFECTS


def test_a_guess_and_the_head_know_the_effects_and_one_learned_again_too(context, study):
    newcomer = accounts.create(context.database)
    context.pairs.record_vote(newcomer, context.pairs.open(newcomer)[0].id, "left", (2000, 2000))

    def head_and_guess(session):
        listener = session.get(Listener, newcomer)
        head = heads.load(session, newcomer, context.space)
        known = heads.features_of(session, clips := [each.clip_id for each in pair.clips], context.space)
        own = heads.effects_on(heads.effects_for(session, listener, context.space), clips)
        assert own.any()
        gap = known[clips[0]] - known[clips[1]]
        return float(predict(head, gap, own[0] - own[1]).left[0]), float(predict(head, gap).left[0])

    pair = context.pairs.open(newcomer)[0]
    told, without = context.database.transaction(head_and_guess)
    context.pairs.record_vote(newcomer, pair.id, "left", (2000, 2000))
    (stored,) = rows(context, Prediction, Prediction.offer_id == pair.id)
    assert stored.p_left == pytest.approx(told, abs=1e-9)
    assert abs(stored.p_left - without) > 1e-7  # of two clips with like effects little

    before = context.database.transaction(lambda s: heads.load(s, newcomer, context.space)).to_columns()
    again = context.database.transaction(lambda s: heads.learned(s, s.get(Listener, newcomer), context.space))
    assert again.to_columns() == before


def test_why_says_what_others_hear_in_a_clip_and_its_parts_still_add_up(context, study):
    people, _, _ = study
    version = context.space.version
    met = context.database.transaction(lambda s: offers.met_clips(s, people[0], model_version=version))
    found = explanation.explain_clip(context.studio, people[0], met[0].id)
    (others,) = [part for part in found.parts if part.part == "others"]
    assert others.utility != 0
    assert found.utility == pytest.approx(sum(part.utility for part in found.parts))
    assert found.chance == pytest.approx(0.5 + sum(part.points for part in found.parts))
