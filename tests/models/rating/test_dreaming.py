import numpy as np
import pytest
import torch

from models.rating.dreaming import (
    COMPARED,
    FEWEST,
    METHODS,
    Critic,
    Fourier,
    Pixels,
    Real,
    Waveform,
    audible,
    dream,
    hacked,
    noise_picture,
    trail_picture,
)
from models.rating.mel_bands import MELS
from models.rating.network import Ensemble, Judge, JudgeConfig, RatingConfig, RatingNetwork, Scale, Trained, attribution
from models.rating.sound import log_mel
from tests.models.rating.conftest import WIDTH, chord, small_extractor


@pytest.fixture(scope="module")
def real():
    return Real([log_mel(chord(number, 5.0)) for number in range(6)])


@pytest.fixture(scope="module")
def ensemble(real):
    torch.manual_seed(3)
    network = RatingNetwork(RatingConfig(dim=12, embedding=WIDTH)).eval()
    network.mean.copy_(real.mean)
    torch.nn.init.normal_(network.rate.weight, std=0.5)
    return Ensemble(small_extractor(), (Trained(network, Scale(0.5, 0.2), 0),))


@pytest.fixture(scope="module")
def judge(real):
    torch.manual_seed(4)
    found = Judge(JudgeConfig(12, (1, 2))).eval()
    found.mean.copy_(real.mean)
    torch.nn.init.normal_(found.rate.weight, std=0.5)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_a_dream_climbs_from_noise_and_comes_again_the_same(name, ensemble, judge, real):
    steps = list(dream(ensemble, judge, real, METHODS[name], steps=24, seconds=2.0, seed=1))
    assert [step.number for step in steps] == list(range(25))
    assert steps[-1].p > steps[0].p or METHODS[name].realness
    assert np.isfinite(steps[-1].realness) == (METHODS[name].realness > 0)
    again = list(dream(ensemble, judge, real, METHODS[name], steps=24, seconds=2.0, seed=1))
    np.testing.assert_array_equal(steps[-1].picture, again[-1].picture)
    other = list(dream(ensemble, judge, real, METHODS[name], steps=1, seconds=2.0, seed=2))
    assert not np.array_equal(steps[0].picture, other[0].picture)


@pytest.mark.slow
def test_the_waveform_can_be_dreamt_on_and_a_dream_can_be_ended(ensemble, judge, real):
    steps = list(dream(ensemble, judge, real, METHODS["naive"], steps=12, seconds=1.5, surface="waveform"))
    assert steps[-1].p > steps[0].p
    asked = iter([True, True, False])
    assert len(list(dream(ensemble, judge, real, METHODS["naive"], go_on=lambda: next(asked)))) == 2


def test_every_dream_begins_with_white_noise_at_the_level_of_music(real):
    for kind in (Pixels, Fourier, Waveform):
        picture = kind(real, 2.0, torch.Generator().manual_seed(5))().detach()
        noise = real.levelled(noise_picture(2.0, torch.Generator().manual_seed(5)))
        assert torch.corrcoef(torch.stack([picture.mean(1), noise.mean(1)]))[0, 1] > 0.9
        assert float(picture.mean()) == pytest.approx(real.level, abs=0.5)


@pytest.mark.slow
def test_the_critic_learns_what_is_real(real):
    critic = Critic(real, 0)
    fake = real.levelled(noise_picture(3.0, torch.Generator().manual_seed(1)))
    for _ in range(40):
        critic.learn(fake)
    music = real.excerpts(8, fake.shape[1], torch.Generator().manual_seed(2))
    assert (critic(music) > critic(fake[None])).all()


def test_the_alarm_marks_where_p_rises_and_the_judge_does_not():
    rising, level = np.linspace(0, 1, COMPARED + 2).tolist(), [0.0] * (COMPARED + 2)
    assert hacked(rising, level)
    assert hacked(rising, [0.01 * each for each in rising]), "creeping up is not following"
    assert not hacked(rising, rising)
    assert not hacked(level, level)
    assert hacked(rising[: FEWEST + 1], level[: FEWEST + 1])
    assert not hacked(rising[:FEWEST], level[:FEWEST])


def test_what_is_heard_is_what_was_painted():
    picture = log_mel(chord(6, 3.0))
    sound = audible(picture)
    again = log_mel(sound)
    frames = min(picture.shape[1], again.shape[1])
    loud = picture[:, :frames] > np.median(picture)
    assert np.abs(picture[:, :frames] - again[:, :frames])[loud].mean() < 1.0
    rising = np.linspace(0, 1, MELS, dtype=np.float32)[:, None].repeat(10, axis=1)
    trail = trail_picture([rising, 5 - rising])
    assert (np.diff(trail[:, :5], axis=0) > 0).all()
    assert (np.diff(trail[:, 5:], axis=0) < 0).all()
    assert np.exp(trail[:, :5]).mean() == pytest.approx(np.exp(trail[:, 5:]).mean(), rel=1e-4)


def test_what_raised_and_lowered_p_adds_up(ensemble):
    picture = log_mel(chord(4, 3.0))
    one = ensemble.members[0]
    usual = one.network.mean.expand(-1, picture.shape[1])
    with torch.no_grad():
        apart = ensemble.standard(torch.stack([torch.from_numpy(picture), usual]))[0].diff().neg()
    found = attribution(ensemble, picture)
    assert found.shape == picture.shape
    assert found.sum() == pytest.approx(apart.item() * one.scale.deviation, rel=0.1, abs=0.01)
