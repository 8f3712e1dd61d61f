"""How latents are heard where they are doubted: with noise, or as the prior would have drawn them."""

import numpy as np
import pytest
import torch

from models.music.notes import Piece
from models.music.tokens import METERS, on_grid, to_tokens
from models.style.checkpoint import tiny_style
from models.style.prior import KEYS, Prior, PriorConfig, Setting
from models.style.windows import pad
from models.train.doubt import BLUR, blurred, key_of, redrawn, setting_of


@pytest.fixture(scope="module")
def pieces():
    """Tokens of a scale in two keys, ``(clips, steps, 7)``."""
    scales = [[48 + key + step for step in (0, 2, 4, 5, 7, 9, 11, 12)] for key in (0, 7)]
    return pad([to_tokens(_melody(scale)) for scale in scales])


def _melody(pitches) -> Piece:
    rows = [(bar * 96 + place * 12, 12, pitch, 60) for bar in range(8) for place, pitch in enumerate(pitches)]
    table = np.array([(bar * 96, 96, 4, 4) for bar in range(8)])
    return on_grid(Piece(np.array(rows), table, np.full(8, 100.0), domain="dance", source="made", piece_id="0"))


def setting(count: int) -> Setting:
    nothing = torch.zeros(count, dtype=torch.int64)
    return Setting(nothing, nothing, nothing, torch.zeros(count, 4))


def test_noise_grows_with_doubt() -> None:
    z = torch.zeros(3, 8, 4000)
    found = blurred(z, torch.tensor([0.0, 0.5, 1.0]), torch.Generator().manual_seed(0))
    assert found[0].abs().sum() == 0
    assert found[1].std().item() == pytest.approx(BLUR / 2, rel=0.02)
    assert found[2].std().item() == pytest.approx(BLUR, rel=0.02)


def test_what_is_not_doubted_stays_and_the_rest_moves_with_doubt_in_open_dimensions_alone() -> None:
    prior = Prior(PriorConfig(6, 4, dim=32, layers=1, heads=2))
    prior.weight[5] = 0
    prior.mean.fill_(2.0)
    z = torch.randn(4, 8, 6)
    found = redrawn(prior, z, torch.tensor([0.0, 0.3, 0.6, 1.0]), setting(4), torch.Generator().manual_seed(0))
    assert torch.equal(found[0], z[0])
    assert (found[1:, :, 5] == 2.0).all()
    away = (found - z)[:, :, :5].square().mean((1, 2))
    assert (away.diff() > 0).all()


def test_they_come_back_to_what_the_prior_knows() -> None:
    """A flow that leads everything to one place: the further towards noise, the nearer to it in the end."""

    class ToOne(Prior):
        def forward(self, x, time, setting):
            return (1.0 - x) / (1 - time[:, None, None]).clamp(min=0.05)

    prior = ToOne(PriorConfig(3, 4, dim=32, layers=1, heads=2))
    z = torch.full((2, 8, 3), 5.0)
    found = redrawn(prior, z, torch.tensor([0.2, 1.0]), setting(2), torch.Generator().manual_seed(0))
    little, much = (found - 1).abs().mean((1, 2))
    assert much < 0.5
    assert much < little < 1.5  # of 4 before


def test_what_a_draw_would_be_asked_for_is_told_of_each_clip(pieces) -> None:
    codes = tiny_style().model.codes.quantise(torch.randn(2, 4))
    found = setting_of(pieces, torch.tensor([1, 2]), codes)
    assert found.domain.tolist() == [1, 2]
    assert found.meter.tolist() == [METERS.index((4, 4))] * 2
    assert found.key.tolist() == [key_of(clip) for clip in pieces.numpy()]
    assert (found.key[1] - found.key[0]) % 12 == 7
    assert int(found.key.max()) < KEYS
    assert torch.equal(found.codes, codes)
