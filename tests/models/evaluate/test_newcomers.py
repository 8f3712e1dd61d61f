"""A study of simulated people who share a taste, and what a newcomer owes it."""

import numpy as np
import pytest

from models.evaluate import newcomers
from models.evaluate.newcomers import fill, simulate
from models.experiments.report import Report
from models.metrics.music_statistics import ATTRIBUTES
from models.taste.evaluation.pool import Pool
from models.taste.simulated_people import UTILITY_SD, SharedTaste
from models.taste.space import TasteSpace

pytestmark = pytest.mark.slow

NAMES = tuple(ATTRIBUTES)


def test_their_tastes_are_related_and_none_is_anothers() -> None:
    x = np.random.default_rng(1).normal(size=(200, 5))
    tastes = SharedTaste(x, 0)
    people = [tastes.person(np.random.default_rng(seed)).utility for seed in range(40)]
    alike = np.corrcoef(people)[np.triu_indices(40, 1)]
    assert 0.2 < alike.mean() < 0.8
    assert alike.max() < 0.999
    assert np.std(people, axis=1) == pytest.approx(UTILITY_SD)


def test_who_begins_at_the_population_knows_more_from_the_first_vote_on(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    latents = generator.normal(size=(72, 20))
    attributes = latents @ generator.normal(size=(20, len(NAMES)))
    space = TasteSpace.fit(latents, attributes, NAMES, "v1")
    pool = Pool("pop", space.features(latents), attributes, "hash")
    for name, value in (("VOTES_EACH", 20), ("MOST", 12), ("AT", (0, 12)), ("GOALS", (0.7,))):
        monkeypatch.setattr(newcomers, name, value)
    found = simulate(pool, space, listeners=12, newcomers=4, seed=0)
    report = Report("evaluate.newcomers", {}, {}, 0)
    fill(report, found)
    right = {name: report.metrics[f"newcomer.{name}"].value for name in ("accuracy_0.fixed", "accuracy_0.population")}
    assert right["accuracy_0.fixed"] == 0.5
    assert right["accuracy_0.population"] > 0.6
    votes = [report.metrics[f"newcomer.votes_to_70.{name}"].value for name in ("fixed", "population", "spared")]
    assert votes[0] - votes[1] == pytest.approx(votes[2])
    assert 0 <= votes[1] <= votes[0] <= 12


def test_a_goal_counts_when_it_is_held() -> None:
    assert newcomers._reached(np.array([0.9] * 9), 0.8) == 0
    assert newcomers._reached(np.array([0.5, 0.9, 0.5, *[0.9] * 5]), 0.8) == 3
    assert newcomers._reached(np.array([0.5] * 9), 0.8) == newcomers.MOST
