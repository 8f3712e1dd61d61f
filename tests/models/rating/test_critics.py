"""Critics of realness compared by what they know, on made-up tracks."""

import json

import numpy as np
import pytest
import torch

from models.experiments.report import Report
from models.rating.evaluation import critics
from models.rating.evaluation.critics import SO_FAR, Apart, noises, report_critics, surrogate
from models.rating.network import Ensemble, Judge, JudgeConfig, RatingConfig, RatingNetwork, Scale, Trained
from models.rating.rater import Heard, RatingBundle
from models.rating.sound import log_mel
from tests.models.rating.conftest import WIDTH, chord, small_extractor


@pytest.fixture(scope="module")
def tracks():
    return [log_mel(chord(number, 2.5)) for number in range(8)]


@pytest.fixture
def bundle(tracks, tmp_path):
    torch.manual_seed(3)
    network, judge = RatingNetwork(RatingConfig(dim=12, embedding=WIDTH)).eval(), Judge(JudgeConfig(12, (1, 2))).eval()
    for each in (network, judge):
        torch.nn.init.normal_(each.rate.weight, std=0.5)
    ensemble = Ensemble(small_extractor(), (Trained(network, Scale(0.5, 0.2), 0),))
    card = {"version": "rating-made-up"}
    return RatingBundle(ensemble, card, Heard.of(tracks), {}, Trained(judge, Scale(0.5, 0.2), 0), tmp_path)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    small = {"STEPS": 2, "SHOWN": 1, "NETWORKS": 1, "LESSONS": 12, "NOISES": 2, "SECONDS": 2.0, "FRAMES": 125}
    for name, value in small.items():
        monkeypatch.setattr(critics, name, value)


def test_a_surrogate_keeps_the_spectrum_of_each_band_and_how_bands_move_together(tracks):
    picture = tracks[3]
    found = surrogate(picture, np.random.default_rng(1))
    before, after = (np.fft.rfft(each, axis=1) for each in (picture, found))
    np.testing.assert_allclose(np.abs(after), np.abs(before), rtol=1e-3, atol=1e-3)
    across = [each[10] * each[40].conj() for each in (before, after)]
    np.testing.assert_allclose(across[1], across[0], rtol=1e-3, atol=0.05 * np.abs(across[0]).mean())
    assert np.corrcoef(picture.ravel(), found.ravel())[0, 1] < 0.95


@pytest.mark.slow
def test_networks_apart_tell_music_from_noise_however_loud(tracks):
    rng = np.random.default_rng(2)
    apart = Apart.of(tracks[:5], [noises(["white", "band"], rng)], seed=0)
    music, noise = ([critics.cut(each, rng) for each in found] for found in (tracks[5:], noises(["white"], rng)))
    assert apart.score(music).min() > apart.score(noise).max()
    np.testing.assert_allclose(apart.score([each + 2 for each in music]), apart.score(music), atol=1e-3)


@pytest.mark.slow
def test_critics_dream_from_the_same_noises_and_a_dream_that_was_kept_is_not_dreamt_again(
    tracks, bundle, tmp_path, monkeypatch
):
    def measured():
        report = Report("evaluate.rating", {}, {}, 0)
        sounds = {"piano": tracks[:1], "data": tracks[1:3]}
        given = (bundle, sounds, tracks[3:6], tracks[6:])
        report_critics(report, *given, methods=["critic"], count=2, kept=tmp_path / "dreams")
        return report.metrics

    first = measured()
    assert len(list((tmp_path / "dreams").glob("*.safetensors"))) == 2 + 2 * 2
    so_far = json.loads((tmp_path / "dreams" / SO_FAR).read_text())["metrics"]
    assert so_far["dream.critic_data.p"]["n"] == 2
    figures = ("p", "judge", "alarm", "realness", "apart", "apart_rank", "nearest")
    assert {f"dream.critic_{name}.{figure}" for name in ("piano", "data") for figure in figures} <= set(first)
    for figure in figures:
        each = [first[f"dream.critic_{name}.{figure}"].value for name in ("data", "piano")]
        assert first[f"dream.critic_data.{figure}_less_piano"].value == pytest.approx(each[0] - each[1], abs=1e-9)
        assert f"dream.critic_piano.{figure}_less_piano" not in first
    monkeypatch.setattr(critics, "dream", None)
    assert measured() == first
