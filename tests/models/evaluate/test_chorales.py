"""The command that compares latents of one-voice lines, whole and in its parts, on real chorales and tunes."""

import json
import re
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from models.evaluate import chorales
from models.experiments.report import over_halves
from models.music.abc import read_abc
from models.music.corpora import load, load_folder
from models.music.lines import FIRST_PITCH, HOLD, REST, line_attributes, line_bars, top_line
from models.music.notes import Piece
from models.style import bar_training
from models.style.bar_training import (
    BarObjective,
    Scale,
    chorale_lines,
    dance_windows,
    fit,
    melody_lines,
    ordering_loss,
    soprano_bars,
    transposed,
)
from models.style.bar_vae import BarConfig, BarVAE, GroupedBarVAE, load_bars, pitch_order, save_bars

pytestmark = pytest.mark.slow

REEL = "X:{n}\nT:Reel {n}\nM:4/4\nL:1/8\nK:C\n" + "CDEF GABc|c2BA G2z2|E3F G4|cBAG FEDC|" * 8 + "\n\n"
SMALL = BarConfig(latent=8, rhythm=4, hidden=16, plan=8, embedding=8)
"""A model that fits in a second."""


@pytest.fixture(scope="module")
def reels(tmp_path_factory):
    """A folder with two tunes of 32 bars, in C and in D."""
    folder = tmp_path_factory.mktemp("reels")
    (folder / "reels.abc").write_text(REEL.format(n=1) + REEL.format(n=2).replace("K:C", "K:D"), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def few():
    """Ten chorales."""
    return load("bachChorales", limit=10)


@pytest.fixture(scope="module")
def bars(few) -> np.ndarray:
    """Their soprano bars."""
    return np.concatenate([soprano_bars(p) for p in few])


@pytest.fixture
def corpora_of_ten(few, monkeypatch) -> None:
    """Ten pieces of each corpus, the chorales read once."""
    monkeypatch.setattr(
        bar_training.corpora, "load", lambda name, limit: few if name == "bachChorales" else load(name, limit=10)
    )


def test_the_last_line_is_the_json_of_the_contract(reels, corpora_of_ten, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(chorales, "over_halves", partial(over_halves, draws=2))
    arguments = ["--data", str(reels), "--limit", "10", "--steps", "2", "--seed", "3", "--model", str(tmp_path / "fit")]
    chorales.main(arguments)
    printed = capsys.readouterr()
    found = json.loads(printed.out.splitlines()[-1])
    assert (found["command"], found["schema"], found["seed"]) == ("evaluate.chorales", 1, 3)
    assert (found["data"]["n"], found["data"]["windows"]) == (64, 4)
    assert re.fullmatch("[0-9a-f]{64}", found["model"]["sha256"])
    names = {
        f"chorales.{method}.{name}"
        for method in ("beta_vae", "ar_vae", "ours")
        for name in ("interpretability", "scc", "mig", "sap", "modularity", "control", "accuracy", "bits_per_bar")
    }
    assert set(found["metrics"]) == names | {"melody.accuracy", "melody.pitch_accuracy", "melody.bits_per_bar"}
    assert found["metrics"]["chorales.ar_vae.scc"]["reference"] == 0.975
    assert found["metrics"]["chorales.beta_vae.scc"]["reference"] == 0.35
    assert found["metrics"]["chorales.ours.mig"]["reference"] == 0.165
    assert found["metrics"]["melody.accuracy"]["reference"] == 0.812
    assert found["metrics"]["melody.accuracy"]["baseline"] == pytest.approx(1 - (8 + 5 + 3 + 8 + 1) / 64, abs=0.03)

    stale = (tmp_path / "fit" / "ours.safetensors").stat().st_mtime_ns
    chorales.main(arguments)
    again = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert again == found  # taken from the folder, the same figures
    assert (tmp_path / "fit" / "ours.safetensors").stat().st_mtime_ns == stale


def test_a_line_is_told_in_sixteenths() -> None:
    line = line_bars(read_abc("X:1\nM:4/4\nL:1/4\nK:C\nC2 z D/E/|E4|z4|F/4G/4A/4B/4 c z2|")[0])
    p = FIRST_PITCH
    assert line.tokens.tolist() == [
        [p + 60, *[HOLD] * 7, REST, HOLD, HOLD, HOLD, p + 62, HOLD, p + 64, HOLD],
        [p + 64, *[HOLD] * 15],
        [REST, *[HOLD] * 15],
        [p + 65, p + 67, p + 69, p + 71, p + 72, HOLD, HOLD, HOLD, REST, *[HOLD] * 7],
    ]
    assert line.whole.all()
    assert line.exact.all()


def test_what_is_off_the_grid_is_moved_and_marked() -> None:
    line = line_bars(read_abc("X:1\nM:4/4\nL:1/4\nK:C\n(3C/D/E/ C2 C|C4|")[0])
    assert (line.tokens[0] >= FIRST_PITCH).nonzero()[0].tolist() == [0, 1, 3, 4, 12]
    assert line.exact.tolist() == [False, True]


def test_the_line_is_the_highest_voice_though_others_move_below_it() -> None:
    notes = [(0, 48, 72, 80), (0, 24, 64, 70), (24, 24, 65, 70), (48, 24, 67, 80), (48, 48, 60, 70), (72, 24, 74, 80)]
    piece = Piece(np.array(notes), np.array([[0, 96, 4, 4]]), np.array([72.0]))
    assert top_line(piece).tolist() == [[0, 48, 72], [48, 72, 67], [72, 96, 74]]
    overlapping = replace(piece, notes=np.array([(0, 96, 60, 80), (48, 48, 64, 80)]))
    assert top_line(overlapping).tolist() == [[0, 48, 60], [48, 96, 64]]
    assert top_line(replace(piece, notes=np.zeros((0, 4)))).shape == (0, 3)


def test_attributes_by_hand() -> None:
    p = FIRST_PITCH
    row = np.full((3, 16), HOLD)
    row[0, [0, 4, 8, 12]] = [p + 60, p + 67, p + 64, p + 62]
    row[1, 3] = p + 60
    found = line_attributes(row)
    assert found[0] == pytest.approx([(0.2 + 0.67 + 0.25 + 0.67) / 11.79, 7, 4 / 16, 2])
    assert found[1] == pytest.approx([1 / 11.79, 0, 1 / 16, 0])
    assert found[2].tolist() == [0, 0, 0, 0]


def test_no_melody_is_fitted_on_that_is_tested_on(reels, few, corpora_of_ten) -> None:
    pieces = load_folder(reels)
    found = melody_lines(pieces, 10)
    assert found.test.shape == (4, 256)
    assert {s.split(":")[-1] for s in found.songs} == {"1", "2"}
    assert dance_windows(pieces[0]).shape == (2, 256)

    moved = [replace(p.transposed(2), piece_id=f"mine-{i}", source="folder", titles=()) for i, p in enumerate(few[:3])]
    without = chorale_lines(moved, 10)
    assert len(without.test) == sum(len(soprano_bars(p)) for p in moved)
    assert len(without.train) + len(without.validation) <= sum(len(soprano_bars(p)) for p in few[3:])


def test_orders_of_pitches_tell_neither_when_nor_how_many() -> None:
    p = FIRST_PITCH
    rows = torch.full((3, 16), HOLD)
    rows[0, 0], rows[0, 8] = p + 60, p + 64
    rows[1, 5], rows[1, 6] = p + 60, p + 64
    assert pitch_order(rows)[0].tolist() == [60] * 8 + [64] * 8
    assert torch.equal(pitch_order(rows)[0], pitch_order(rows)[1])
    assert pitch_order(rows)[2].tolist() == [-1] * 16


def test_each_group_hears_its_own_side_only(bars) -> None:
    torch.manual_seed(0)
    model = GroupedBarVAE(SMALL).eval()
    tokens = torch.from_numpy(bars[:20])
    higher = torch.where(tokens >= FIRST_PITCH, tokens + 3, tokens)
    before, after = model.encode(tokens).mean, model.encode(higher).mean
    assert torch.equal(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4:], after[:, 4:])
    z = torch.randn(5, 8, requires_grad=True)
    rhythm, pitch = model.elements(z)
    (gradient,) = torch.autograd.grad(rhythm.square().sum(), z, retain_graph=True)
    assert not gradient[:, 4:].any()
    (gradient,) = torch.autograd.grad(pitch.square().sum(), z)
    assert not gradient[:, :4].any()


def test_free_running_is_teacher_forcing_on_its_own_output() -> None:
    for kind in (BarVAE, GroupedBarVAE):
        torch.manual_seed(0)
        model = kind(SMALL).eval()
        z = 3 * torch.randn(30, 8)
        tokens = model.decode(z)
        with torch.no_grad():
            logits = model.logits(tokens, z)
        chosen = logits.gather(-1, tokens[..., None])[..., 0]
        assert torch.allclose(chosen, logits.amax(-1), atol=1e-5)


@pytest.mark.parametrize("method", ["beta_vae", "ar_vae", "ours"])
def test_fitting_lowers_the_loss_and_repeats_with_its_seed(method, bars) -> None:
    objective = BarObjective(method, 30, SMALL, batch=64)
    heard: list[float] = []
    model = fit(objective, bars, bars[:50], 1, lambda losses: heard.append(losses["total"]))
    again = fit(objective, bars, bars[:50], 1, lambda _: None)
    assert len(heard) == 30
    assert np.mean(heard[-5:]) < 0.9 * heard[0]
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True))


def test_ordering_is_free_where_dimensions_order_bars_as_attributes_do() -> None:
    attributes = torch.tensor([[0.0], [1.0], [1.0], [2.0]])
    assert ordering_loss(4 * attributes, attributes).item() == pytest.approx(0, abs=1e-6)
    assert ordering_loss(-4 * attributes, attributes).item() == pytest.approx(2 * 10 / 16, abs=1e-6)


def test_transposition_moves_starts_alone_and_stays_in_range(bars) -> None:
    moved = transposed(bars, np.random.default_rng(0))
    starts = bars >= FIRST_PITCH
    assert np.array_equal(moved[~starts], bars[~starts])
    shift = (moved - bars)[starts]
    assert (shift.min(), shift.max()) == (-5, 6)
    assert np.allclose(line_attributes(moved), line_attributes(bars))
    high = np.where(starts, FIRST_PITCH + 127, bars)
    assert transposed(high, np.random.default_rng(0)).max() == FIRST_PITCH + 127
    assert Scale.of(bars).standardised(bars).mean(0).abs().max() < 1e-4


def test_weights_of_other_music_or_broken_ones_are_refused(tmp_path) -> None:
    save_bars(tmp_path, "ours", GroupedBarVAE(SMALL), {"data": "abc"})
    assert isinstance(load_bars(tmp_path, "ours", "abc"), GroupedBarVAE)
    assert load_bars(tmp_path, "theirs", "abc") is None
    with pytest.raises(ValueError, match="give another folder"):
        load_bars(tmp_path, "ours", "def")
    (tmp_path / "ours.safetensors").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="cannot be read"):
        load_bars(tmp_path, "ours", "abc")


def test_attributes_are_controlled_by_a_decoder_that_listens() -> None:
    asked = np.random.default_rng(0).normal(size=(50, 4))
    assert chorales.control(asked, asked) == pytest.approx(1)
    half = np.where(np.arange(4) < 2, asked, 0)
    assert chorales.control(half, asked) == pytest.approx(0.5)
