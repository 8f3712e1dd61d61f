import numpy as np
import pytest
import torch

from models.rating.augmentation import Augmentation, drawn, dulled, gain, pitch_shift, time_stretch
from models.rating.mel_bands import MELS
from models.rating.network import RatingConfig, RatingNetwork, padded
from models.rating.objective import OBJECTIVES
from models.rating.spectrogram import DARK, FRAMES_A_SECOND, LogMel, log_mel
from tests.models.rating.conftest import chord

CONFIGS = (RatingConfig((4, 6), 8, 8), RatingConfig((4, 6), 8, 0), RatingConfig((), 8, 8))


def network(config):
    torch.manual_seed(1)
    found = RatingNetwork(config).eval()
    torch.nn.init.normal_(found.rate.weight)
    return found


@pytest.mark.parametrize("config", CONFIGS)
def test_what_stands_beside_a_sound_does_not_change_its_rating(config):
    model = network(config)
    pictures = [torch.from_numpy(log_mel(chord(k, seconds))) for k, seconds in ((3, 1.0), (5, 2.7), (4, 6.0))]
    together = model(*padded(pictures))
    for row, picture in enumerate(pictures):
        alone = model(picture[None])
        torch.testing.assert_close(together.p[row], alone.p[0], rtol=1e-4, atol=1e-5)
        assert together.attention[row].sum().item() == pytest.approx(1, abs=1e-5)


def test_how_loud_a_sound_is_changes_nothing():
    sound = chord(6)
    np.testing.assert_allclose(log_mel(sound), log_mel(sound * 0.05), atol=1e-3)


def test_the_gradient_reaches_the_samples():
    samples = torch.from_numpy(chord(4)).clone().requires_grad_()
    network(CONFIGS[0])(LogMel()(samples[None])).p.sum().backward()
    assert samples.grad.abs().sum() > 0


@pytest.mark.parametrize("semitones", [-3.0, 4.0])
def test_a_shifted_picture_is_that_of_the_same_music_at_another_pitch(semitones):
    plain, wanted = log_mel(chord(8)), log_mel(chord(8, semitones=semitones))

    def apart(picture):
        return np.abs(picture - wanted)[: MELS * 3 // 4].mean()

    assert apart(pitch_shift(plain, semitones)) < 0.6 * apart(plain)


def test_changes_of_the_picture():
    picture = log_mel(chord(5))
    np.testing.assert_allclose(gain(picture, 10), picture + np.log(10), atol=1e-4)
    np.testing.assert_allclose(gain(picture, -200), DARK, rtol=1e-5)
    np.testing.assert_allclose(pitch_shift(picture, 0.0), picture, atol=1e-3)
    np.testing.assert_allclose(time_stretch(picture, 20, 3, 1.0), picture[:, 3:23], atol=1e-5)
    assert (dulled(picture, 30)[30:] == np.float32(DARK)).all()
    rng = np.random.default_rng(0)
    assert drawn(picture, 30, Augmentation(), rng).shape == (MELS, 30)
    assert drawn(picture[:, :22], 200, Augmentation(), rng).shape[1] <= 22
    assert picture.shape[1] == pytest.approx(4 * FRAMES_A_SECOND, abs=1)


@pytest.mark.parametrize("loss", OBJECTIVES)
def test_every_loss_is_least_in_the_right_order_and_draws_towards_it(loss):
    wanted, weight = torch.tensor([-1.2, -0.3, 0.4, 1.1]), torch.ones(4)
    objective = OBJECTIVES[loss]
    assert objective(wanted, wanted, weight) < objective(wanted.flip(0), wanted, weight)
    p = torch.zeros(4, requires_grad=True)
    objective(p, wanted, weight).backward()
    assert p.grad[0] > 0 > p.grad[3]
