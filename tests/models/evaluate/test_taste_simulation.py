"""The simulation runs on a tiny real model from pool to last line."""

import json

import numpy as np
import pytest

from models.evaluate import taste_simulation
from models.evaluate.taste_simulation import first_composed, last_line, learning_curves, report
from models.music.notes import Piece
from models.style.checkpoint import tiny_style
from models.style.compose import Composer
from models.style.drafting import play_each
from models.style.drafts import Draft
from models.taste.evaluation import pool
from models.taste.evaluation.pool import composed_pool
from models.taste.simulated_people import SimulatedListener
from models.taste.space import TasteSpace, summary
from models.taste.space_fitting import NAMES

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def composer() -> Composer:
    return Composer(tiny_style())


@pytest.fixture(scope="module")
def space(composer: Composer) -> TasteSpace:
    latents = composer.draw_each(["pop"] * 80, range(80))
    rows = np.random.default_rng(0).normal(size=(80, len(NAMES)))
    return TasteSpace.fit(np.stack([summary(each) for each in latents]), rows, NAMES, composer.version)


def scribble(composer: Composer, domain: str, drafts: list, seed: int) -> list[Piece]:
    """Random notes instead of decoding, which an untrained model never ends."""
    generator = np.random.default_rng(seed)
    onset = np.arange(0, 96, 12)
    bars = np.array([[0, 96, 4, 4]])
    return [
        Piece(
            np.stack([onset, onset * 0 + 12, generator.integers(40, 80, 8), generator.integers(30, 90, 8)], axis=1),
            bars,
            np.array([generator.uniform(60, 160)]),
            domain="pop",
        )
        for _ in drafts
    ]


def test_the_last_line_holds_what_the_contract_names(
    composer: Composer, space: TasteSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        taste_simulation, "rejection_reason", lambda *_: None
    )  # an untrained model composes only broken clips
    monkeypatch.setattr(taste_simulation, "SEARCHED", 6)
    pool = composed_pool(composer, space, "pop", 36, 0)
    assert pool.features.shape == (36, space.size)
    listener = SimulatedListener()
    curves = learning_curves(pool, space, listener, [0, 1])
    assert curves["ours"].shape == (2, 4)
    gains = first_composed(composer, space, pool, listener, [0, 1])
    assert np.isfinite(gains).all()
    line = json.loads(json.dumps(last_line(composer, pool, 0, report(curves, gains))))
    assert {"command", "schema", "data", "model", "commit", "seed", "metrics"} <= set(line)
    assert {"value", "low", "high", "n", "baseline", "chance", "reference"} == set(
        line["metrics"]["simulation.accuracy_30.ours"]
    )


def test_broken_clips_never_reach_the_pool(
    composer: Composer, space: TasteSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "compose", scribble)
    monkeypatch.setattr(pool, "rejection_reason", lambda *_: "silent")
    with pytest.raises(SystemExit, match="too few"):
        composed_pool(composer, space, "pop", 16, 0)


def test_latents_are_decoded_one_by_one_in_their_order(composer: Composer) -> None:
    drafts = [Draft(each) for each in composer.draw_each(["pop"] * 2, [0, 1])]
    both = play_each(composer, "pop", drafts, [5, 6], bars=1)
    alone = play_each(composer, "pop", drafts[:1], [5], bars=1)
    assert len(both) == 2
    assert np.array_equal(both[0].notes[:4], alone[0].notes[:4])
