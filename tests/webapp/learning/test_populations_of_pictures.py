"""What listeners share in pictures: learned, begun from, kept, brought along and withdrawn as that of music is."""

from __future__ import annotations

import uuid

import numpy as np
import pytest
from sqlalchemy import select

from db.queries import jobs
from db.tables import PICTURES, Clip, Listener, Prediction, StoredHead, StoredPopulation, Vote
from webapp.composing import pool
from webapp.learning import heads, population
from webapp.listeners import accounts, rewind
from webapp.listeners import restore as journal_rebuild
from webapp.listeners.archive import export
from webapp.listeners.restore import restore
from webapp.worker import HANDLERS, Worker

pytestmark = pytest.mark.slow

PEOPLE, VOTES, FIRST = 8, 14, 6


class Beauty:
    """What all of them find beautiful: warm pictures, and a few besides, for whatever it is that these show."""

    def __init__(self, context) -> None:
        clips = rows(context, Clip, Clip.domain == PICTURES)
        warmth = np.array([clip.latents["piece"]["measured"]["warmth"] for clip in clips])
        loved = np.random.default_rng(1).permutation(len(clips)) < len(clips) // 4
        worth = (warmth - warmth.mean()) / warmth.std() + 2 * loved
        self.of = {clip.id: float(value) for clip, value in zip(clips, worth, strict=True)}

    def vote(self, context, listener: uuid.UUID, times: int) -> list[float]:
        """Votes on pictures; how likely each was held to be beforehand."""
        found = []
        for _ in range(times):
            pair = context.pairs.open(listener)[0]
            one, other = (self.of[clip.clip_id] for clip in pair.clips)
            said = "left" if one > other else "right"
            context.pairs.record_vote(listener, pair.id, said, (2000, 2000))
            (guess,) = rows(context, Prediction, Prediction.offer_id == pair.id)
            found.append(guess.p_left if said == "left" else guess.p_right)
        return found


def rows(context, table, *where):
    return context.database.transaction(lambda s: s.scalars(select(table).where(*where)).all())


def somebody(context) -> uuid.UUID:
    who = accounts.create(context.database)
    accounts.change_domain(context.database, context.journal, who, PICTURES)
    return who


def refit(context):
    return population.refit_population(
        context.database, context.journal, context.picture_space, context.playable, "default"
    )


def head_of(context, listener: uuid.UUID):
    return context.database.transaction(lambda s: heads.load(s, listener, context.picture_space))


def listen(context, listener: uuid.UUID, times: int) -> None:
    """Votes on music."""
    accounts.change_domain(context.database, context.journal, listener, "pop")
    for _ in range(times):
        context.pairs.record_vote(listener, context.pairs.open(listener)[0].id, "left", (3000, 3000))


@pytest.fixture
def beauty(context) -> Beauty:
    """Forty-eight pictures, and who judges them."""
    pool.fill(context.picture_maker, {"domain": PICTURES, "clips": 48, "seed": 1}, 48)
    return Beauty(context)


def test_a_newcomers_first_guesses_are_better_where_others_have_judged_the_same_pictures(context, beauty):
    without, after = [], []
    for _ in range(PEOPLE):
        guesses = beauty.vote(context, somebody(context), VOTES)
        without += guesses[:FIRST]
    learned = refit(context)
    assert learned["listeners"] == learned["moved"] == PEOPLE
    (stored,) = rows(context, StoredPopulation)
    assert stored.model_version == context.picture_space.version
    for _ in range(2 * PEOPLE):  # a mean of fewer guesses varies half as much as it rises
        newcomer = somebody(context)
        after += beauty.vote(context, newcomer, FIRST)
        (row,) = rows(context, Listener, Listener.id == newcomer)
        assert (row.picture_population_id, row.population_id) == (stored.id, None)
    assert np.mean(np.log(after)) > np.mean(np.log(without))

    effects = context.database.transaction(
        lambda s: heads.effects_for(s, s.get(Listener, newcomer), context.picture_space)
    )
    loved = [effect for clip, effect in effects.items() if beauty.of[clip] > 1.5]
    others = [effect for clip, effect in effects.items() if beauty.of[clip] < 0.5]
    assert len(effects) == len(beauty.of)
    assert np.mean(loved) > np.mean(others)


def test_the_populations_of_music_and_of_pictures_stand_beside_each_other(context, beauty, stock, another_context):
    stock("pop", 16)
    people = [somebody(context) for _ in range(population.FEWEST)]
    for who in people:
        beauty.vote(context, who, FIRST)
        listen(context, who, FIRST)
    worker = Worker(context)
    worker.leave_jobs()
    while job := context.database.transaction(lambda s: jobs.take_job(s, [population.KIND], lease_s=60)):
        worker._do(job)
    music, pictures = (
        rows(context, StoredPopulation, StoredPopulation.model_version == space.version) for space in context.spaces
    )
    assert len(music) == len(pictures) == 1
    for who in people:
        (row,) = rows(context, Listener, Listener.id == who)
        assert (row.population_id, row.picture_population_id) == (music[0].id, pictures[0].id)

    refit(context)  # a newer one of pictures leaves that of music, and takes the place of the older
    assert {each.id for each in rows(context, StoredPopulation)} > {music[0].id}
    assert len(rows(context, StoredPopulation)) == 2
    late = somebody(context)
    beauty.vote(context, late, 3)
    listen(context, late, 2)
    before = head_of(context, late).to_columns()
    files = {path.stem for path in (context.journal.folder / "populations").iterdir()}
    assert files == {str(each.id) for each in rows(context, StoredPopulation)}

    rebuilt = another_context(context.settings.home, migrated=False)
    assert journal_rebuild.rebuild(rebuilt.database, rebuilt.journal, rebuilt.spaces).problems == []
    assert head_of(rebuilt, late).to_columns() == before
    assert {row.listener_id for row in rows(rebuilt, StoredHead)} == {*people, late}
    other = another_context()
    restore(other.database, other.journal, export(context.database, late))
    assert head_of(other, late).to_columns() == before
    assert {each.study_id for each in rows(other, StoredPopulation)} == {None}

    rewind.rewind(context.records, late, 3)
    (row,) = rows(context, Listener, Listener.id == late)
    assert row.population_id is None
    assert head_of(context, late).to_columns() == before
    rewind.rewind(context.records, late, 0)
    assert rows(context, Listener, Listener.id == late)[0].picture_population_id is None


def test_who_leaves_is_taken_out_of_the_population_of_pictures_too(context, beauty):
    people = [somebody(context) for _ in range(population.FEWEST + 1)]
    for who in people:
        beauty.vote(context, who, FIRST)
    refit(context)
    accounts.delete(context.records, people[0])
    assert rows(context, StoredPopulation) == rows(context, StoredHead) == []
    assert not list((context.journal.folder / "populations").iterdir())
    done = 0
    while job := context.database.transaction(
        lambda s: jobs.take_job(s, ["refit_heads", population.KIND], lease_s=600)
    ):
        HANDLERS[job.kind](context, job)
        done += 1
    assert done == 2  # heads, then what they have in common
    (new,) = rows(context, StoredPopulation)
    assert (new.listeners, new.votes) == (len(people) - 1, len(rows(context, Vote)))
