from __future__ import annotations

import pytest
from sqlalchemy import select

from db.tables import PICTURES, Clip
from webapp.composing import wishes
from webapp.listeners import accounts


def domains(context, shown) -> set[str]:
    ids = [clip.clip_id for each in shown for clip in each.clips]
    return set(context.database.transaction(lambda s: s.scalars(select(Clip.domain).where(Clip.id.in_(ids))).all()))


@pytest.mark.parametrize("way", ["pairs", "best_of_four"])
def test_what_is_offered_changes_with_the_choice_and_comes_back(context, stock, way):
    stock("pop", 10)
    stock("dance", 10)
    listener = accounts.create(context.database)
    voting = getattr(context, way)
    pop = voting.open(listener)
    accounts.change_domain(context.database, context.journal, listener, "dance")
    dance = voting.open(listener)
    assert len(dance) == 2
    assert domains(context, dance) == {"dance"}
    heard = [1] * len(pop[0].clips)
    answered = voting.record_vote(listener, pop[0].id, "skipped", heard)  # from a page that was open before
    assert answered.open == dance
    accounts.change_domain(context.database, context.journal, listener, "pop")
    assert voting.open(listener)[0] == pop[1]
    assert domains(context, voting.open(listener)) == {"pop"}


def test_a_due_pick_on_music_leaves_no_gift_of_pictures_where_these_are_chosen_by_then(context, stock):
    stock("pop", 10)
    listener = accounts.create(context.database)
    for _ in range(wishes.EARLY_AT - 1):
        context.pairs.record_vote(listener, context.pairs.open(listener)[0].id, "left", [1, 1])
    pair = context.pairs.open(listener)[0]
    accounts.change_domain(context.database, context.journal, listener, PICTURES)
    context.pairs.record_vote(listener, pair.id, "left", [1, 1])
    assert wishes.state(context.database, listener).state == "none"
