"""Agents for simulated listeners are judged by what these love, beside a search for the same head."""

from dataclasses import replace

import numpy as np
import pytest

from models.experiments.report import Report
from models.rating.agent.reward import HeadReward
from models.rating.agent.training import PRESETS
from models.rating.evaluation.agent import Listener, Stage, plays
from models.style.checkpoint import tiny_style
from models.style.compose import Composer
from models.style.pieces.model import tiny_pieces
from models.style.pieces.sampling import Writer
from models.taste.head import Head
from models.taste.simulated_people import Person
from models.taste.space import TasteSpace, summary
from models.taste.space_fitting import NAMES

pytestmark = pytest.mark.slow


def lower(pieces):
    return Person(np.array([-2.0 * piece.notes[:, 2].mean() / 10 for piece in pieces]))


def test_each_way_has_its_head_its_truth_its_wins_and_its_seconds(monkeypatch):
    composer = Composer(tiny_style())
    summaries = np.stack([summary(each) for each in composer.draw_each(["dance"] * 96, range(96))])
    mixed = summaries @ np.random.default_rng(0).normal(size=(summaries.shape[1], len(NAMES)))
    space = TasteSpace.fit(summaries, mixed, NAMES, composer.version)
    head = Head.of(np.ones(space.size), np.eye(space.size), space.version)
    writer = Writer(tiny_pieces(1))
    monkeypatch.setattr(HeadReward, "__call__", lambda self, clips: lower([each.piece for each in clips]).utility)
    preset = replace(PRESETS["tiny"], steps=12, clips=12, learning_rate=1e-2, kl_weight=0.0)
    stage = Stage(composer, writer, space, "dance", preset)
    report = Report("evaluate.agent", {}, {}, 0)
    stage.for_listeners(report, [Listener(head, lower, plays(writer)("dance", 6, 50), 3.0)], count=8)
    told = {name: metric.value for name, metric in report.metrics.items()}
    assert told["agent.head.search.wins"] == 0.5
    assert told["agent.head.search.seconds"] == 3.0
    assert told["agent.head.agent.judge"] > told["agent.head.alone.judge"]
    assert told["agent.head.agent.reward"] == pytest.approx(2 * told["agent.head.agent.judge"])
    assert told["agent.head.best_of_n.wins"] > told["agent.head.alone.wins"]
    assert told["agent.head.agent.seconds"] > 0
