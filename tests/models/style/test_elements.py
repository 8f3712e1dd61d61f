"""What each part that the style model can do without is: the same model with and without it.

The tempo scale: every tempo that has a token comes back from its latent.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from models.music.tokens import TEMPI_BPM, to_tokens
from models.style.checkpoint import tiny_style
from models.style.elements import ChromaBudget, LevelBudget, TempoScale
from models.style.features import bar_features, gather_notes
from models.style.latents import BARS
from models.style.layers import Quantised
from models.style.model import StyleModel
from models.style.windows import pad


def latents_of_all_tempi() -> tuple[torch.Tensor, torch.Tensor]:
    bins = torch.arange(len(TEMPI_BPM))
    features = torch.cat(
        [bins[:, None].float() / len(TEMPI_BPM), torch.nn.functional.one_hot(bins, len(TEMPI_BPM)).float()], 1
    )
    mean, log_variance = TempoScale()(features)
    return mean, log_variance


def test_every_tempo_comes_back_from_its_latent() -> None:
    mean, _ = latents_of_all_tempi()
    assert TempoScale().logits(mean).argmax(-1).tolist() == list(range(len(TEMPI_BPM)))


def test_its_logits_are_the_log_likelihood_of_the_latent_under_each_tempo() -> None:
    mean, log_variance = latents_of_all_tempi()
    z = torch.tensor([[-2.3], [0.4], [1.9]])
    found = TempoScale().logits(z).log_softmax(-1)
    likelihood = torch.distributions.Normal(mean[:, 0], (0.5 * log_variance[:, 0]).exp()).log_prob(z)
    torch.testing.assert_close(found, likelihood.log_softmax(-1), atol=2e-2, rtol=1e-3)


def test_a_faster_bar_has_a_larger_latent() -> None:
    mean, _ = latents_of_all_tempi()
    assert (mean[1:] > mean[:-1]).all()


def made(**more) -> StyleModel:
    torch.manual_seed(0)
    return StyleModel(replace(tiny_style().model.config, **more)).eval()


def onsets_move(model: StyleModel, group: str) -> bool:
    """Whether the onsets that are told change with a group's latents."""
    z = torch.zeros(1, BARS, model.config.latent_dim)
    other = z.clone()
    model.config.split(other)[group][:] = 1.0
    return not torch.equal(model.plan(z).onsets, model.plan(other).onsets)


def test_rhythm_alone_tells_onsets_unless_the_decoder_is_flat() -> None:
    assert [onsets_move(made(), group) for group in ("rhythm", "harmony")] == [True, False]
    assert [onsets_move(made(two_level=False), group) for group in ("rhythm", "harmony")] == [True, True]


def test_a_flat_decoder_hears_nothing_from_harmony_register_and_dynamics_alone() -> None:
    chroma, height = torch.randn(3, 12), torch.randn(3, 88)
    assert made().experts(chroma, height).any()
    assert not made(two_level=False).experts(chroma, height).any()


@pytest.mark.parametrize("counting", [True, False])
def test_without_budgets_what_has_sounded_counts_for_nothing(counting) -> None:
    torch.manual_seed(0)
    budget, level = ChromaBudget(8, counting=counting), LevelBudget(2, 8, 2, 88, 12, counting=counting)
    torch.nn.init.normal_(level.out.weight)
    chroma, levels, place = torch.randn(1, 2, 12), torch.randn(1, 4), torch.tensor([0.5])
    none, some = torch.zeros(1, 12), torch.rand(1, 12)
    left, sounds = torch.tensor([3]), torch.tensor([[0.5, 0.0]])
    begun, later = (budget(chroma, sounded, place, left, sounds) for sounded in (none, some))
    assert torch.equal(begun, later) is not counting
    begun = level(levels, torch.tensor([0.0]), torch.tensor([0.0]), left, place)
    later = level(levels, torch.tensor([9.0]), torch.tensor([3.0]), left, place)
    assert torch.equal(begun, later) is not counting


@pytest.mark.parametrize("restricted", [True, False])
def test_rhythm_hears_pitches_only_where_encoders_are_unrestricted(tune, restricted) -> None:
    model, piece = made(restricted=restricted), tune(0)
    tokens = pad([to_tokens(piece), to_tokens(piece.transposed(2))])
    mean = model.encode(bar_features(gather_notes(tokens, BARS))).mean
    rhythm = model.config.split(mean)["rhythm"]
    assert torch.allclose(rhythm[:BARS], rhythm[BARS:], atol=1e-5) is restricted


def test_quantised_latents_are_levels_but_for_tempo(tune) -> None:
    model = made(levels=5)
    posterior = model.encode(bar_features(gather_notes(pad([to_tokens(tune(0))]), BARS)))
    assert isinstance(posterior, Quantised)
    parts = model.config.split(posterior.mean)
    assert set((parts["content"] * 2).unique().tolist()) <= {-2, -1, 0, 1, 2}
    assert (parts["tempo"] * 2).frac().any()
