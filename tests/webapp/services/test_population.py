"""What listeners share: learned by a job, begun from by newcomers, exactly reproduced, and learned without who left."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import select

from db.queries.jobs import take_job
from db.tables import Listener, StoredHead, StoredPopulation
from models.taste.hierarchy import PopulationPrior, learn
from webapp.services import heads, listeners, offers, population, rebuild, rewind, taste, votes
from webapp.worker import HANDLERS, Worker

SAID = ("left", "right", "equal", "neither", "left", "left", "right")
PEOPLE = 6


def vote(house, listener, outcome) -> None:
    votes.take(house, listener, offers.open_offers(house, listener)[0]["offer_id"], outcome, (1, 1))


def head_of(house, listener):
    return house.database.transaction(lambda s: heads.load(s, listener, house.space))


def learned_again(house, listener):
    return house.database.transaction(lambda s: heads.learned(s, s.get(Listener, listener), house.space))


def rows(house, table, *where):
    return house.database.transaction(lambda s: s.scalars(select(table).where(*where)).all())


def work(house) -> int:
    """Every job that is left about populations; how many."""
    done = 0
    while job := house.database.transaction(lambda s: take_job(s, ["refit_heads", population.KIND])):
        HANDLERS[job.kind](house, job)
        house.database.transaction(lambda s, job=job: s.execute(_finished(job)))
        done += 1
    return done


def _finished(job):
    from sqlalchemy import update

    from db.tables import Job

    nothing = {"lease_until": None, "lease_token": None}
    return update(Job).where(Job.id == job.id).values(state="done", **nothing)


@pytest.fixture
def people(house, stock):
    """Some listeners who have voted a little."""
    stock("pop", 16)
    found = []
    for number in range(PEOPLE):
        found.append(listeners.create(house))
        for outcome in SAID[number % 2 :] + SAID[: number % 2]:
            vote(house, found[-1], outcome)
    return found


def test_a_newcomer_begins_at_the_population_and_who_voted_little_moves_there(house, people):
    before = {who: head_of(house, who) for who in people}
    result = population.refit_population(house, "default")
    (stored,) = rows(house, StoredPopulation)
    assert result == {"listeners": PEOPLE, "population": str(stored.id), "moved": PEOPLE}
    assert (stored.listeners, stored.votes) == (PEOPLE, PEOPLE * len(SAID))
    found = heads.prior_of(stored)
    for who in people:
        moved = head_of(house, who)
        assert moved.to_columns() == learned_again(house, who).to_columns() != before[who].to_columns()
    newcomer = listeners.create(house)
    assert head_of(house, newcomer).to_columns() == found.newcomer().to_columns()
    vote(house, newcomer, "left")
    assert rows(house, Listener, Listener.id == newcomer)[0].population_id == stored.id
    assert head_of(house, newcomer).to_columns() == learned_again(house, newcomer).to_columns()


def test_a_population_of_a_smaller_taste_space_is_nobodys_beginning(house, people):
    population.refit_population(house, "default")
    (stored,) = rows(house, StoredPopulation)

    def shrink(session):
        row = session.get(StoredPopulation, stored.id)
        found = heads.prior_of(row)
        row.mean, row.diagonal = found.mean[:-1].tobytes(), found.diagonal[:-1].tobytes()
        row.factors = found.factors[:-1].tobytes()

    house.database.transaction(shrink)
    newcomer = head_of(house, listeners.create(house))
    assert newcomer.to_columns() == heads.prior(house.space).to_columns()


def test_the_taste_page_tells_of_the_others_where_there_are_enough(house, people):
    assert all(each["others"] is None for each in taste.overview(house, people[0])["styles"])
    population.refit_population(house, "default")
    told = taste.overview(house, people[0])
    assert all(0 <= each["others"]["share"] <= 1 for each in told["styles"])
    assert told["habits"] == {"left": None, "tossed": None}


def test_a_head_stays_where_it_began_once_it_knows_many_votes(house, people, monkeypatch):
    monkeypatch.setattr(population, "MOVES_ON", len(SAID) + 1)
    population.refit_population(house, "default")
    vote(house, people[0], "left")
    vote(house, people[0], "right")
    before = head_of(house, people[0])
    (first,) = rows(house, StoredPopulation)
    assert population.refit_population(house, "default")["moved"] == PEOPLE - 1
    assert {each.id for each in rows(house, StoredPopulation)} > {first.id}
    assert head_of(house, people[0]).to_columns() == before.to_columns()
    assert rows(house, Listener, Listener.id == people[0])[0].population_id == first.id


def test_heads_that_began_at_a_population_are_rewound_rebuilt_and_taken_elsewhere_exactly(
    house, people, another_house, tables
):
    population.refit_population(house, "default")
    late = listeners.create(house)
    after = [head_of(house, late)]
    for outcome in SAID:
        vote(house, late, outcome)
        after.append(head_of(house, late))
    rebuilt = another_house(house.settings.home, migrated=False)
    assert rebuild.rebuild(rebuilt).problems == []
    mine, theirs = tables(house), tables(rebuilt)
    assert all(mine[name] == theirs[name] for name in ("populations", "listeners", "heads", "votes"))
    exported = listeners.export(house, late)
    for keep in (5, 1, 0):
        rewind.rewind(house, late, keep)
        assert head_of(house, late).to_columns() == after[keep].to_columns()
    assert rows(house, Listener, Listener.id == late)[0].population_id is None
    other = another_house()
    listeners.restore(other, exported)
    assert head_of(other, late).to_columns() == after[-1].to_columns() == learned_again(other, late).to_columns()
    (brought,) = rows(other, StoredPopulation)
    assert brought.study_id is None
    stranger = listeners.create(other)
    assert head_of(other, stranger).to_columns() == heads.prior(other.space).to_columns()


def test_who_leaves_is_taken_out_of_the_population_and_of_every_head_that_began_there(house, people, another_house):
    house.database.transaction(lambda s: population.leave_jobs(s, house.space.version))
    assert work(house) == 1
    (old,) = rows(house, StoredPopulation)
    vote(house, listeners.create(house), "left")
    files = house.journal.folder / "populations"
    assert [path.stem for path in files.iterdir()] == [str(old.id)]
    listeners.delete(house, people[0])
    assert rows(house, StoredPopulation) == rows(house, StoredHead) == list(files.iterdir()) == []
    stayed = people[1:]
    alone = another_house(house.settings.home, migrated=False)
    assert rebuild.rebuild(alone).listeners == PEOPLE
    assert {each.population_id for each in rows(alone, Listener)} == {None}
    # the same people, had the one who left never been
    fixed = PopulationPrior.fixed(heads.prior(house.space))
    evidence = alone.database.transaction(lambda s: heads.evidence_of(s, "default", house.space))
    assert set(evidence) == set(stayed)
    assert work(house) == 2
    (new,) = rows(house, StoredPopulation)
    expected = learn(list(evidence.values()), fixed, directions=new.measured["chosen"])
    assert new.listeners == PEOPLE - 1
    assert new.measured["listeners"] == PEOPLE - 1
    np.testing.assert_array_equal(heads.prior_of(new).mean, expected.mean)
    np.testing.assert_array_equal(heads.prior_of(new).covariance, expected.covariance)
    for who in stayed:
        assert head_of(house, who).to_columns() == learned_again(house, who).to_columns()


def test_who_leaves_while_a_population_is_learned_is_no_part_of_it(house, people, monkeypatch):
    def slow(evidence, fixed, **options):
        if listeners.exists(house, people[0]):
            listeners.delete(house, people[0])
        return learn(evidence, fixed, **options)

    monkeypatch.setattr(population, "learn", slow)
    assert population.refit_population(house, "default")["listeners"] == PEOPLE - 1
    (stored,) = rows(house, StoredPopulation)
    assert (stored.listeners, stored.votes) == (PEOPLE - 1, (PEOPLE - 1) * len(SAID))


def test_what_few_people_share_is_nobodys_beginning(house, people):
    for who in people[: PEOPLE - population.FEWEST + 1]:
        listeners.delete(house, who)
    assert population.refit_population(house, "default")["population"] is None
    assert house.database.transaction(lambda s: population.leave_jobs(s, house.space.version)) == 0


def test_a_population_is_learned_again_when_votes_have_grown_by_a_fifth(house, people):
    worker = Worker(house)
    worker.step()
    assert work(house) == 1
    leave = lambda: house.database.transaction(lambda s: population.leave_jobs(s, house.space.version))  # noqa: E731
    assert leave() == 0
    for _ in range(9):
        vote(house, people[0], "right")
    assert leave() == 1
    assert leave() == 0  # it waits already
    assert work(house) == 1
    assert len(rows(house, StoredPopulation)) == 1  # the older one is nobody's beginning any more


def test_a_vote_before_its_refit_is_not_the_first_one(house, people):
    """Between a migration and its job there are votes without a head."""
    house.database.transaction(lambda s: s.query(StoredHead).delete())
    vote(house, people[0], "left")
    assert head_of(house, people[0]).votes_seen == len(SAID) + 1
    assert head_of(house, people[0]).to_columns() == learned_again(house, people[0]).to_columns()
