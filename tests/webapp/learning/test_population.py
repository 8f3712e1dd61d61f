"""What listeners share: learned by a job, begun from by newcomers, exactly reproduced, and learned without who left."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import select

from db.queries.jobs import take_job
from db.tables import Listener, StoredHead, StoredPopulation
from models.taste.explain import Habits
from models.taste.hierarchy import PopulationPrior, learn
from webapp.learning import heads, population
from webapp.listeners import accounts, rewind
from webapp.listeners import restore as journal_rebuild
from webapp.listeners.accounts import delete
from webapp.listeners.archive import export
from webapp.listeners.restore import restore
from webapp.taste import overview
from webapp.worker import HANDLERS, Worker

pytestmark = pytest.mark.slow

SAID = ("left", "right", "equal", "neither", "left", "left", "right")
PEOPLE = 6


def vote(context, listener, outcome) -> None:
    context.pairs.record_vote(listener, context.pairs.open(listener)[0].id, outcome, (1, 1))


def head_of(context, listener):
    return context.database.transaction(lambda s: heads.load(s, listener, context.space))


def learned_again(context, listener):
    return context.database.transaction(lambda s: heads.learned(s, s.get(Listener, listener), context.space))


def rows(context, table, *where):
    return context.database.transaction(lambda s: s.scalars(select(table).where(*where)).all())


def work(context) -> int:
    """Every job that is left about populations; how many."""
    done = 0
    while job := context.database.transaction(lambda s: take_job(s, ["refit_heads", population.KIND])):
        HANDLERS[job.kind](context, job)
        context.database.transaction(lambda s, job=job: s.execute(_finished(job)))
        done += 1
    return done


def _finished(job):
    from sqlalchemy import update

    from db.tables import Job

    nothing = {"lease_until": None, "lease_token": None}
    return update(Job).where(Job.id == job.id).values(state="done", **nothing)


@pytest.fixture
def people(context, stock):
    """Some listeners who have voted a little."""
    stock("pop", 16)
    found = []
    for number in range(PEOPLE):
        found.append(accounts.create(context.database))
        for outcome in SAID[number % 2 :] + SAID[: number % 2]:
            vote(context, found[-1], outcome)
    return found


def test_a_newcomer_begins_at_the_population_and_who_voted_little_moves_there(context, people):
    before = {who: head_of(context, who) for who in people}
    result = population.refit_population(context.database, context.journal, context.space, context.playable, "default")
    (stored,) = rows(context, StoredPopulation)
    assert result == {"listeners": PEOPLE, "population": str(stored.id), "moved": PEOPLE}
    assert (stored.listeners, stored.votes) == (PEOPLE, PEOPLE * len(SAID))
    found = heads.prior_of(stored)
    for who in people:
        moved = head_of(context, who)
        assert moved.to_columns() == learned_again(context, who).to_columns() != before[who].to_columns()
    newcomer = accounts.create(context.database)
    assert head_of(context, newcomer).to_columns() == found.newcomer().to_columns()
    vote(context, newcomer, "left")
    assert rows(context, Listener, Listener.id == newcomer)[0].population_id == stored.id
    assert head_of(context, newcomer).to_columns() == learned_again(context, newcomer).to_columns()


def test_a_population_of_a_smaller_taste_space_is_nobodys_beginning(context, people):
    population.refit_population(context.database, context.journal, context.space, context.playable, "default")
    (stored,) = rows(context, StoredPopulation)

    def shrink(session):
        row = session.get(StoredPopulation, stored.id)
        found = heads.prior_of(row)
        row.mean, row.diagonal = found.mean[:-1].tobytes(), found.diagonal[:-1].tobytes()
        row.factors = found.factors[:-1].tobytes()

    context.database.transaction(shrink)
    newcomer = head_of(context, accounts.create(context.database))
    assert newcomer.to_columns() == heads.prior(context.space).to_columns()


def test_the_taste_page_tells_of_the_others_where_there_are_enough(context, people):
    assert all(each.others is None for each in overview.overview(context.database, context.playable, people[0]).styles)
    population.refit_population(context.database, context.journal, context.space, context.playable, "default")
    told = overview.overview(context.database, context.playable, people[0])
    assert all(0 <= each.others.share <= 1 for each in told.styles)
    assert told.habits == Habits(left=None, tossed=None)


def test_a_head_stays_where_it_began_once_it_knows_many_votes(context, people, monkeypatch):
    monkeypatch.setattr(population, "MOVES_ON", len(SAID) + 1)
    population.refit_population(context.database, context.journal, context.space, context.playable, "default")
    vote(context, people[0], "left")
    vote(context, people[0], "right")
    before = head_of(context, people[0])
    (first,) = rows(context, StoredPopulation)
    assert (
        population.refit_population(context.database, context.journal, context.space, context.playable, "default")[
            "moved"
        ]
        == PEOPLE - 1
    )
    assert {each.id for each in rows(context, StoredPopulation)} > {first.id}
    assert head_of(context, people[0]).to_columns() == before.to_columns()
    assert rows(context, Listener, Listener.id == people[0])[0].population_id == first.id


@pytest.mark.durability
def test_heads_that_began_at_a_population_are_rewound_rebuilt_and_taken_elsewhere_exactly(
    context, people, another_context, tables
):
    population.refit_population(context.database, context.journal, context.space, context.playable, "default")
    late = accounts.create(context.database)
    after = [head_of(context, late)]
    for outcome in SAID:
        vote(context, late, outcome)
        after.append(head_of(context, late))
    rebuilt = another_context(context.settings.home, migrated=False)
    assert journal_rebuild.rebuild(rebuilt.database, rebuilt.journal, rebuilt.spaces).problems == []
    mine, theirs = tables(context), tables(rebuilt)
    assert all(mine[name] == theirs[name] for name in ("populations", "listeners", "heads", "votes"))
    exported = export(context.database, late)
    for keep in (5, 1, 0):
        rewind.rewind(context.records, late, keep)
        assert head_of(context, late).to_columns() == after[keep].to_columns()
    assert rows(context, Listener, Listener.id == late)[0].population_id is None
    other = another_context()
    restore(other.database, other.journal, exported)
    assert head_of(other, late).to_columns() == after[-1].to_columns() == learned_again(other, late).to_columns()
    (brought,) = rows(other, StoredPopulation)
    assert brought.study_id is None
    stranger = accounts.create(other.database)
    assert head_of(other, stranger).to_columns() == heads.prior(other.space).to_columns()


def test_who_leaves_is_taken_out_of_the_population_and_of_every_head_that_began_there(context, people, another_context):
    context.database.transaction(lambda s: population.leave_jobs(s, context.spaces))
    assert work(context) == 1
    (old,) = rows(context, StoredPopulation)
    vote(context, accounts.create(context.database), "left")
    files = context.journal.folder / "populations"
    assert [path.stem for path in files.iterdir()] == [str(old.id)]
    delete(context.records, people[0])
    assert rows(context, StoredPopulation) == rows(context, StoredHead) == list(files.iterdir()) == []
    stayed = people[1:]
    alone = another_context(context.settings.home, migrated=False)
    assert journal_rebuild.rebuild(alone.database, alone.journal, alone.spaces).listeners == PEOPLE
    assert {each.population_id for each in rows(alone, Listener)} == {None}
    # the same people, had the one who left never been
    fixed = PopulationPrior.fixed(heads.prior(context.space))
    evidence = alone.database.transaction(lambda s: heads.evidence_of(s, "default", context.space))
    assert set(evidence) == set(stayed)
    assert work(context) == 2
    (new,) = rows(context, StoredPopulation)
    expected = learn(list(evidence.values()), fixed, directions=new.measured["chosen"])
    assert new.listeners == PEOPLE - 1
    assert new.measured["listeners"] == PEOPLE - 1
    np.testing.assert_array_equal(heads.prior_of(new).mean, expected.mean)
    np.testing.assert_array_equal(heads.prior_of(new).covariance, expected.covariance)
    for who in stayed:
        assert head_of(context, who).to_columns() == learned_again(context, who).to_columns()


def test_who_leaves_while_a_population_is_learned_is_no_part_of_it(context, people, monkeypatch):
    def slow(evidence, fixed, **options):
        if accounts.exists(context.database, people[0]):
            delete(context.records, people[0])
        return learn(evidence, fixed, **options)

    monkeypatch.setattr(population, "learn", slow)
    assert (
        population.refit_population(context.database, context.journal, context.space, context.playable, "default")[
            "listeners"
        ]
        == PEOPLE - 1
    )
    (stored,) = rows(context, StoredPopulation)
    assert (stored.listeners, stored.votes) == (PEOPLE - 1, (PEOPLE - 1) * len(SAID))


def test_what_few_people_share_is_nobodys_beginning(context, people):
    for who in people[: PEOPLE - population.FEWEST + 1]:
        delete(context.records, who)
    assert (
        population.refit_population(context.database, context.journal, context.space, context.playable, "default")[
            "population"
        ]
        is None
    )
    assert context.database.transaction(lambda s: population.leave_jobs(s, context.spaces)) == 0


def test_a_population_is_learned_again_when_votes_have_grown_by_a_fifth(context, people):
    worker = Worker(context)
    worker.step()
    assert work(context) == 1

    def leave():
        return context.database.transaction(lambda s: population.leave_jobs(s, context.spaces))

    assert leave() == 0
    for _ in range(9):
        vote(context, people[0], "right")
    assert leave() == 1
    assert leave() == 0  # it waits already
    assert work(context) == 1
    assert len(rows(context, StoredPopulation)) == 1  # the older one is nobody's beginning any more


def test_a_vote_before_its_refit_is_not_the_first_one(context, people):
    """Between a migration and its job there are votes without a head."""
    context.database.transaction(lambda s: s.query(StoredHead).delete())
    vote(context, people[0], "left")
    assert head_of(context, people[0]).votes_seen == len(SAID) + 1
    assert head_of(context, people[0]).to_columns() == learned_again(context, people[0]).to_columns()
