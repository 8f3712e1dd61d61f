"""What style codes learn: what windows of a piece share, nothing that has a name, folded or not."""

import json

import numpy as np
import pytest
import torch

from models.music.notes import DOMAINS, Piece
from models.music.tokens import BAR, LOWEST_PITCH, METER, PITCH, POSITION, POSITIONS, on_grid
from models.style import prior_training
from models.style.checkpoint import tiny_style
from models.style.features import gather_notes
from models.style.prior_training import Pairs, choose_pairs, explained, fit_codes, shared_loss
from models.style.windows import DOMAIN_SHARE, batches, make_windows

pytestmark = pytest.mark.slow


def patterned(seed: int) -> Piece:
    """24 bars of a rhythm that is the piece's own, at pitches that aren't."""
    rng = np.random.default_rng(seed)
    places = np.sort(rng.choice(np.arange(0, 96, 6), size=6, replace=False))
    rows = [(bar * 96 + int(at), 6, int(rng.integers(50, 80)), 60) for bar in range(24) for at in places]
    table = np.array([(bar * 96, 96, 4, 4) for bar in range(24)])
    tempo = np.full(24, rng.uniform(60, 180))
    return on_grid(Piece(np.array(rows), table, tempo, domain="dance", source="made", piece_id=str(seed)))


@pytest.fixture(scope="module")
def windows():
    return make_windows([patterned(seed) for seed in range(20)])


def paired(named: torch.Tensor) -> Pairs:
    nothing = torch.zeros(len(named), 8, 1)
    return Pairs(nothing, nothing, named, torch.ones(len(named), dtype=torch.int64))


def test_codes_that_windows_share_cost_less_than_dead_ones_and_than_what_has_a_name_even_folded() -> None:
    piece, tempo = torch.randn(800, 4), torch.randn(800, 4)
    pairs = paired(prior_training.bands(torch.cat([tempo, torch.zeros(800, 1)], 1), torch.ones(800, dtype=torch.int64)))
    folded = tempo.abs() * 1.6 - 1.3
    kinds = {
        "shared": (piece, piece),
        "apart": (piece, torch.randn(800, 4)),
        "dead": (piece * 0.01, piece * 0.01),
        "one": (piece[:, :1].expand(-1, 4), piece[:, :1].expand(-1, 4)),
        "named": (tempo, tempo),
        "folded": (folded, folded),
    }
    cost = {name: float(shared_loss(one, two, pairs)) for name, (one, two) in kinds.items()}
    assert min(cost, key=cost.__getitem__) == "shared"
    assert cost["folded"] - cost["shared"] > 2.5 * DOMAIN_SHARE["dance"]  # of four codes that a name explains
    few = Pairs(*(part[:3] for part in (pairs.one, pairs.two, pairs.named, pairs.domain)))
    assert shared_loss(piece[:3], piece[:3], few) == 0  # too few to speak of a spread


def test_what_groups_explain_is_told_beyond_chance() -> None:
    groups = torch.arange(600) % 6
    values = torch.stack([groups.float(), torch.randn(600), groups + 2 * torch.randn(600)], 1)
    found = explained(values, groups)
    assert found[0].item() == pytest.approx(1, abs=1e-4)
    assert found[1].item() == pytest.approx(0, abs=0.02)
    assert found[2].item() == pytest.approx(2.92 / 6.92, abs=0.06)


def test_what_has_a_name_is_told_of_each_clip(windows) -> None:
    tokens, _ = next(batches(windows, steps_per_batch=2000, seed=0))
    found = prior_training.named_of(gather_notes(tokens, 8))
    assert found.shape == (len(tokens), 7)
    for row, clip in zip(found, tokens, strict=True):
        notes = clip[clip[:, POSITION] < POSITIONS]
        bars = (clip[:, POSITION] == BAR).cumsum(0)[clip[:, POSITION] < POSITIONS]
        assert row[0] == pytest.approx(float(notes[:, PITCH].float().mean()) - LOWEST_PITCH, abs=0.01)
        assert row[5] == len({*zip(bars.tolist(), notes[:, POSITION].tolist(), strict=True)})
        assert row[6] == clip[0, METER]


def test_bands_are_equally_full_within_each_domain() -> None:
    named = torch.cat([torch.randn(400, 1), torch.ones(400, 1)], 1)
    named[200:, 0] += 100
    found = prior_training.bands(named, torch.arange(2).repeat_interleave(200))
    assert (
        torch.bincount(found[:200, 0]).tolist()
        == torch.bincount(found[200:, 0]).tolist()
        == [25] * prior_training.BANDS
    )
    assert (found[:, 1] == 1).all()


def test_two_windows_of_a_pair_are_of_one_piece_and_have_no_bar_in_common(windows, monkeypatch) -> None:
    seen: list[np.ndarray] = []
    real = prior_training._described

    def listening(model, windows, rows, rng):
        seen.append(rows)
        return real(model, windows, rows, rng)

    monkeypatch.setattr(prior_training, "_described", listening)
    monkeypatch.setattr(prior_training, "PAIRS", 100)
    pairs = choose_pairs(tiny_style().model, windows, seed=0)
    one, two = seen
    assert len(one) == len(pairs.one) == len(pairs.two) == 35  # of dance tunes alone
    assert (windows.piece[one] == windows.piece[two]).all()
    assert (np.abs(windows.first_bar[one] - windows.first_bar[two]) >= 8).all()
    assert (pairs.domain == DOMAINS.index("dance")).all()


def test_codes_learn_what_the_windows_of_a_piece_share(windows, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(prior_training, "PAIRS", 1500)
    models = tiny_style().model, tiny_style().model
    for model, steps in zip(models, (1, 30), strict=True):
        fit_codes(model, windows, steps=steps, seed=0, out=tmp_path)
    pairs = choose_pairs(models[0], windows, seed=1)
    one, few = (shared_loss(model.codes.open(pairs.one), model.codes.open(pairs.two), pairs) for model in models)
    assert few < 0.6 * one
    rows = [json.loads(line) for line in (tmp_path / "codes.jsonl").read_text().splitlines()]
    assert rows[0]["what"] == "codes"
    assert [row["step"] for row in rows[1:]] == [30]
