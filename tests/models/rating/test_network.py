import numpy as np
import pytest
import torch

from models.rating.material import Augmentation, drawn, dulled, gain, pitch_shift, time_stretch
from models.rating.mel_bands import MELS
from models.rating.network import RatingConfig, RatingNetwork
from models.rating.sound import DARK, FRAMES_A_SECOND, log_mel
from models.rating.synthetic import coloured
from models.rating.tagger import MOST_WINDOWS, WINDOW, load_tagger, padded, windows_of
from models.rating.training import OBJECTIVES
from tests.models.rating.conftest import WIDTH, chord, small_extractor

CONFIGS = (RatingConfig(dim=8, embedding=WIDTH), RatingConfig(dim=8, genres=3, embedding=WIDTH))


def network(config):
    torch.manual_seed(1)
    found = RatingNetwork(config).eval()
    torch.nn.init.normal_(found.rate.weight)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("config", CONFIGS)
def test_what_stands_beside_a_sound_does_not_change_its_rating(config):
    model, extractor = network(config), small_extractor()
    pictures = [torch.from_numpy(log_mel(chord(k, seconds))) for k, seconds in ((3, 1.0), (5, 2.7), (4, 8.0))]
    together = model(extractor(*padded(pictures)))
    assert together.genres.shape == (3, config.genres)
    for row, picture in enumerate(pictures):
        alone = model(extractor(picture[None]))
        torch.testing.assert_close(together.p[row], alone.p[0], rtol=1e-4, atol=1e-5)
        assert together.attention[row].sum().item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("frames", "windows"), [(63, 1), (WINDOW, 1), (WINDOW + 1, 2), (4000, MOST_WINDOWS)])
def test_windows_lie_evenly_from_the_beginning_to_the_end(frames, windows):
    found = windows_of(torch.arange(frames).repeat(MELS, 1))
    assert len(found) == windows
    assert (found[0][0, 0], found[-1][0, -1]) == (0, frames - 1)
    assert {part.shape[1] for part in found} == {min(frames, WINDOW)}


def test_the_shipped_tagger_hears_a_chord_apart_from_noise():
    tagger, _ = load_tagger()
    sounds = [chord(5, 3.2), chord(6, 3.2), coloured(3.2, np.random.default_rng(1))]
    pictures = np.stack([log_mel(each)[:, :WINDOW] for each in sounds])
    heard = torch.nn.functional.normalize(tagger(torch.from_numpy(pictures)))
    assert heard[0] @ heard[1] > 0.1 + heard[0] @ heard[2]


def test_how_loud_a_sound_is_changes_nothing():
    sound = chord(6)
    np.testing.assert_allclose(log_mel(sound), log_mel(sound * 0.05), atol=1e-3)


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
