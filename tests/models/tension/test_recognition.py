from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.experiments.report import Report
from models.music.notes import MusicError
from models.music.tokens import BAR, METERS, POSITION
from models.style.checkpoint import tiny_style
from models.style.pieces.conditions import ABSENT, regular_tokens
from models.style.pieces.model import tiny_pieces
from models.tension.heads import _correlation, _ranks, horizons
from models.tension.reading import LEAST, MARKS, SIZE, bar_statistics, read
from models.tension.recognition import Openings, OwnTrunk, recognise, tasks


@pytest.mark.slow
def test_a_piece_is_read_bar_by_bar(parts, tune) -> None:
    piece = parts["train"][1]
    assert len(piece.states) == len(piece.plain) == len(piece.latents) == 12
    assert piece.marks.shape[0] == piece.plain_marks.shape[0] == len(MARKS)
    assert METERS[piece.meter] == (4, 4)
    assert np.isnan(piece.mood).all()
    np.testing.assert_allclose(piece.plain[0, :SIZE], piece.plain[0, SIZE:])
    np.testing.assert_allclose(piece.plain_marks[1], piece.plain[:2, :SIZE].mean(0), atol=1e-6)
    np.testing.assert_allclose(piece.own_plain.context[0], 0)
    with pytest.raises(MusicError, match=str(LEAST)):
        read(tiny_pieces().model, tiny_style().model, lambda _: np.zeros((1, 2)), tune(0, 4))


def test_a_bar_knows_no_later_one(parts, tune) -> None:
    whole, cut = parts["train"][2], read(
        tiny_pieces().model, tiny_style().model, lambda _: np.full((1, 2), np.nan), tune(2, 9)
    )  # fmt: skip
    np.testing.assert_allclose(whole.latents[:8], cut.latents[:8], atol=1e-4)
    np.testing.assert_allclose(whole.states[:8], cut.states[:8], atol=1e-4)
    np.testing.assert_allclose(whole.marks[:3], cut.marks[:3], atol=1e-4)


@pytest.mark.slow
def test_a_collection_that_is_faster_is_told_and_a_random_one_is_not(parts) -> None:
    found = recognise(tasks(parts["train"])["collection"], parts, seed=0, steps=150, own_steps=60)
    assert found is not None
    assert found.classes == 2
    assert found.right["statistics"][:, 1:].mean() > 0.9
    assert found.right["own_trunk"].shape == found.right["trunk"].shape
    assert found.right["own_trunk"][:, 1:].mean() > 0.9
    rng = np.random.default_rng(0)
    guessed = recognise(lambda _: int(rng.integers(4)), parts, seed=0, steps=20, own_steps=20)
    assert guessed is not None
    assert guessed.right["trunk"].mean() < 0.7
    assert guessed.right["own_trunk"].mean() < 0.7
    assert recognise(lambda piece: piece.domain, parts, seed=0, steps=20) is None


def test_a_network_of_its_own_hears_no_bar_before_it_has_come(parts) -> None:
    pieces = parts["train"][:4]
    whole = Openings.of(pieces, [0, 1, 0, 1])
    first = replace(whole, steps=whole.steps.clone())
    for row, ends in enumerate(whole.ends.tolist()):
        first.steps[row, ends[1] :] = ABSENT
    torch.manual_seed(0)
    network = OwnTrunk(2).eval()
    with torch.inference_mode():
        found, cut = network(whole), network(first)
    torch.testing.assert_close(found[:, :2], cut[:, :2])
    assert not torch.allclose(found[:, 2:], cut[:, 2:], atol=1e-3)
    some = whole.some(np.array([2]))
    assert some.steps.shape[1] == int(whole.ends[2, -1]) == len(pieces[2].opening)
    with torch.inference_mode():
        torch.testing.assert_close(network(some), found[2:3])


@pytest.mark.slow
def test_nats_of_coming_bars_stand_beside_their_marginal(parts) -> None:
    report = Report("evaluate.tension", {}, {}, 0)
    horizons(report, parts, steps=40)
    trunk = report.metrics["tension.horizon.1.dance.trunk.nats"]
    assert trunk.baseline == report.metrics["tension.horizon.1.dance.marginal.nats"].value
    assert trunk.low < trunk.value < trunk.high
    assert trunk.n == len(parts["test"]) * (12 - 4)
    doubt = report.metrics["tension.horizon.1.dance.trunk.uncertainty"]
    assert doubt.low < doubt.value < doubt.high
    assert -1 <= report.metrics["tension.horizon.4.trunk.foretold"].value <= 1


def test_ranks_are_those_within_a_domain_and_go_together_or_not() -> None:
    domains, values = np.array(["pop", "dance", "pop", "dance"]), np.array([5.0, 900.0, 7.0, 800.0])
    assert _ranks(values, domains).tolist() == [0.5, 1.0, 1.0, 0.5]
    rows = np.arange(4)
    assert _correlation(values, -2 * values, rows) == pytest.approx(-1)
    assert np.isnan(_correlation(values, np.ones(4), rows))


def test_statistics_say_what_sounds_and_nothing_of_a_silent_bar(tune) -> None:
    found = bar_statistics(regular_tokens(tune(1)))
    assert found.shape == (12, SIZE)
    np.testing.assert_allclose(found[:, :12].sum(1), 1, atol=1e-5)
    assert found[0, SIZE - 2] == pytest.approx(np.log(8))  # eighths
    silent = np.full((1, 7), -1, dtype=np.int16)
    silent[0, POSITION] = BAR
    assert not bar_statistics(silent).any()
