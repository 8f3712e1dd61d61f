"""Simulated listeners: they vote as people do, never among people, and the page shows the study that comes along."""

from __future__ import annotations

import pytest

from webapp.research import simulated_study, simulation, study_listeners


@pytest.fixture
def here(context):
    return simulation.Installation(context.database, context.journal, context.space, context.playable)


def test_they_vote_through_pairs_and_heads_and_every_figure_is_drawn(context, here, stock):
    stock("pop", simulation.FEWEST_CLIPS)
    found = simulation.simulate(here, listeners=3, votes=6, seed=1)
    (study,) = context.database.transaction(study_listeners.overview)
    assert (study["listeners"], study["votes"]) == (3, 18)
    assert set(found["figures"]) == set(simulated_study.PLOTS)
    assert found["figures"]["policies"]["frame"]["data"]


def test_they_are_not_let_among_people(here, live):
    live()
    with pytest.raises(simulation.NotEmptyError, match="KALLOS_HOME of their own"):
        simulation.simulate(here, listeners=1, votes=1, seed=0)


def test_what_the_pool_lacks_is_composed(here, context, stock, monkeypatch):
    monkeypatch.setattr(simulation, "FEWEST_CLIPS", 4)
    stock("pop", 1)
    simulation.fill_pool(here, context.clip_maker, seed=0)
    found = simulation.simulate(here, listeners=1, votes=2, seed=0)
    assert (found["listeners"], found["votes"]) == (1, 2)


def test_the_study_that_comes_along_has_every_figure_and_says_what_it_is():
    listeners, votes = simulated_study.size()
    assert listeners * votes >= 1000
    for name in simulated_study.PLOTS:
        drawn = simulated_study.draw(name)
        assert len(drawn.frame), name
        assert "simulated study" in str(drawn.source)
        assert drawn.details["told"]
    assert set(simulated_study.PLOTS) == {*study_listeners.OF_VOTES, *study_listeners.OF_HEADS}
