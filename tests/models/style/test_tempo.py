"""The tempo scale: every tempo that has a token comes back from its latent."""

import torch

from models.music.tokens import TEMPI_BPM
from models.style.elements import TempoScale


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
