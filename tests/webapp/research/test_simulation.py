"""Simulated listeners: they vote as people do, never among people, and the page shows the study that comes along."""

from __future__ import annotations

import json

import pytest

from db.tables import PICTURES, Clip
from models.taste.readouts import PICTURE_ATTRIBUTES
from webapp.__main__ import main
from webapp.research import simulation, study_listeners


@pytest.fixture
def here(context):
    return simulation.Installation(context.database, context.journal, context.space, context.playable)


@pytest.mark.slow
def test_they_vote_through_pairs_and_heads_and_every_figure_is_drawn(context, here, stock):
    stock("pop", simulation.FEWEST_CLIPS)
    found = simulation.simulate(here, listeners=3, votes=6, seed=1)
    (study,) = context.database.transaction(study_listeners.overview)
    assert (study["listeners"], study["votes"], found["about"]) == (3, 18, "music")
    assert set(found["figures"]) == set(study_listeners.SIMULATED_PLOTS)
    assert found["figures"]["policies"]["frame"]["data"]


def test_they_are_not_let_among_people(here, live):
    live()
    with pytest.raises(simulation.NotEmptyError, match="KALLOS_HOME of their own"):
        simulation.simulate(here, listeners=1, votes=1, seed=0)


@pytest.mark.slow
def test_what_the_pool_lacks_is_composed(here, context, stock, monkeypatch):
    monkeypatch.setattr(simulation, "FEWEST_CLIPS", 4)
    stock("pop", 1)
    simulation.fill_pool(here, context.clip_maker, seed=0)
    found = simulation.simulate(here, listeners=1, votes=2, seed=0)
    assert (found["listeners"], found["votes"]) == (1, 2)


@pytest.mark.slow
def test_they_vote_on_pictures_that_are_drawn_for_them(context, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KALLOS_HOME", str(context.settings.home))
    monkeypatch.setenv("KALLOS_DATABASE_URL", context.settings.database_url)
    out = tmp_path / "study.json"
    command = ["study", "simulate", "--pictures", "--listeners", "6", "--votes", "20", "--out", str(out)]
    assert main(command) == 0
    assert "20 votes each on pictures" in capsys.readouterr().out
    found = json.loads(out.read_text())
    assert (found["about"], found["model"]) == ("pictures", context.picture_space.version)
    sizes = [
        [
            (each["listeners"], each["votes"])
            for each in context.database.transaction(
                lambda session, on=on: study_listeners.overview(session, pictures=on)
            )
        ]
        for on in (True, False)
    ]
    assert sizes == [[(6, 120)], [(0, 0)]]
    votes = found["figures"]["ceilings"]["frame"]
    right, counted = (votes["columns"].index(name) for name in ("value", "n"))
    told = sum(row[right] * row[counted] for row in votes["data"]) / sum(row[counted] for row in votes["data"])
    assert told > 0.55
    assert main(command) == 1
    assert "KALLOS_HOME of their own" in capsys.readouterr().err


def test_tastes_for_pictures_go_by_what_is_measured_of_them():
    measured = {name: float(place) for place, name in enumerate(PICTURE_ATTRIBUTES)}
    picture = Clip(domain=PICTURES, notes={}, latents={"piece": {"measured": measured}})
    assert simulation._attributes(picture) == [*range(len(PICTURE_ATTRIBUTES))]


def test_the_study_that_comes_along_has_every_figure_and_says_what_it_is():
    listeners, votes = study_listeners.simulated_size()
    assert listeners * votes >= 1000
    for name in study_listeners.SIMULATED_PLOTS:
        drawn = study_listeners.draw_simulated(name)
        assert len(drawn.frame), name
        assert "simulated study" in str(drawn.source)
        assert drawn.details["told"]
    assert set(study_listeners.SIMULATED_PLOTS) == {*study_listeners.OF_VOTES, *study_listeners.OF_HEADS}
