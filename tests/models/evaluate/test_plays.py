from __future__ import annotations

import numpy as np
import pytest

from models.evaluate import plays
from models.experiments.report import Report
from models.metrics.music_statistics import ATTRIBUTES
from models.taste.evaluation.pool import Pool
from models.taste.space import TasteSpace

pytestmark = pytest.mark.slow

NAMES = tuple(ATTRIBUTES)


def test_who_listens_by_taste_is_known_better_and_who_does_not_is_known_as_well(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(plays, "VOTES", (10,))
    monkeypatch.setattr(plays, "PLAYS", (40,))
    generator = np.random.default_rng(0)
    latents = generator.normal(size=(180, 20))
    attributes = latents @ generator.normal(size=(20, len(NAMES))) + 0.3 * generator.normal(size=(180, len(NAMES)))
    space = TasteSpace.fit(latents, attributes, NAMES, "v1")
    pool = Pool("pop", space.features(latents), attributes, "hash")
    report = Report("evaluate.plays", {"hash": "hash", "n": 180}, {"version": "v1"}, 0)
    plays.fill(report, [plays.gains(pool, space, "linear", seed) for seed in range(12)])
    choosy, restless = (report.metrics[f"plays.{habit}.10_40"] for habit in ("choosy", "restless"))
    assert choosy.low > 0
    assert abs(restless.value) < choosy.value / 3
    assert 0.5 < choosy.baseline < 0.9
