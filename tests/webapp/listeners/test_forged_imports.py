"""What a stranger's file brings counts for that listener alone, and goes with them."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import func, select

from db.queries import statistics
from db.queries.heads import growth, heads_of_study
from db.queries.statistics import judged_fours, judged_pairs, predicted_votes
from db.tables import Clip, ClipAudio, FourVote, Vote
from webapp.listeners import accounts, archive
from webapp.listeners.accounts import delete
from webapp.listeners.archive import export, is_ours, signed
from webapp.listeners.restore import bring, restore


@pytest.fixture
def file(context, live) -> bytes:
    """The export of somebody with votes on pairs and a pick of four."""
    listener = live(6)
    four = context.best_of_four.open(listener)[0]
    context.best_of_four.record_vote(listener, four.id, "b", (3000, 3000, 3000, 3000))
    return archive.pack(export(context.database, listener), context.clip_store)


def ask(context, question, *given, **named):
    return context.database.transaction(lambda session: question(session, *given, **named))


@pytest.mark.slow
def test_imported_votes_stand_in_no_study_figure_population_or_export(file, another_context, stock):
    here = another_context()
    listener = bring(here.records, None, file, replace=False)
    version = here.space.version
    assert set(ask(here, lambda s: s.scalars(select(Vote.trust)).all())) == {"imported"}
    assert set(ask(here, lambda s: s.scalars(select(FourVote.trust)).all())) == {"imported"}
    assert accounts.account(here.database, listener).picks > 0  # they are the listener's own all the same
    assert ask(here, predicted_votes, listener_id=listener)
    assert ask(here, predicted_votes, study_id="default") == []
    assert ask(here, judged_pairs, "default") == ask(here, judged_fours, "default") == []
    assert ask(here, statistics.played_clips, "default", version) == []
    assert ask(here, statistics.repeated_outcomes, "default", pictures=False) == {}
    assert ask(here, heads_of_study, "default", version, votes=1) == []
    assert ask(here, growth, version, votes=1) == []
    assert [(each.listeners, each.votes) for each in ask(here, statistics.studies, pictures=False)] == [(0, 0)]


@pytest.mark.slow
def test_what_a_file_brings_goes_with_its_listener(file, another_context):
    here = another_context()
    one = bring(here.records, None, file, replace=False)
    assert ask(here, lambda s: s.scalar(select(func.count()).where(Clip.composed_for.is_(None)))) == 0
    assert ask(here, lambda s: s.scalar(select(func.count()).where(Clip.composed_for == one))) > 0
    delete(here.records, one)
    for table in (Clip, ClipAudio, Vote):
        assert ask(here, lambda s, table=table: s.scalar(select(func.count()).select_from(table))) == 0


@pytest.mark.slow
def test_two_strangers_may_bring_the_same_clips(context, live, another_context):
    files = [archive.pack(export(context.database, live(4)), context.clip_store) for _ in range(2)]
    here = another_context()
    one, two = (bring(here.records, None, file, replace=False) for file in files)
    votes = [len(ask(here, predicted_votes, listener_id=each)) for each in (one, two)]
    assert votes[0] == votes[1] > 0
    delete(here.records, one)
    assert len(ask(here, predicted_votes, listener_id=two)) == votes[1]


def test_an_export_is_signed_and_a_changed_one_is_not_ours(context, live, another_context):
    data = signed(export(context.database, live(3)), context.identity)
    again = json.loads(json.dumps(data, indent=2))
    assert is_ours(again, context.identity)
    again["offers"][0]["policy"] = "forged"
    assert not is_ours(again, context.identity)
    assert not is_ours(data, another_context().identity)
    assert not is_ours({}, context.identity)


def test_the_operator_brings_back_votes_as_they_were(context, live, another_context):
    data, here = export(context.database, live(3)), another_context()
    restore(here.database, here.journal, data)
    assert "imported" not in ask(here, lambda s: s.scalars(select(Vote.trust)).all())
