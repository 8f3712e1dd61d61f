import numpy as np
import pytest
import torch

from models.picture.tie import rotation
from models.picture.tie.bars import along, by_bar, slerp
from models.picture.tie.checkpoint import AXES, Axes, Tie, load_tie, save_tie
from models.style.bundle import style_folder
from models.style.checkpoint import load_style
from models.style.compose import Composer
from models.style.latents import GROUPS, Latents

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def same_numbers_in_any_order() -> None:
    RNG.bit_generator.state = np.random.default_rng(0).bit_generator.state


def test_a_rotation_keeps_what_is_alike_alike_and_can_be_turned_back() -> None:
    turn = rotation.rotation(40, 100, seed=3)
    assert turn.T @ turn == pytest.approx(np.eye(40), abs=1e-9)
    pictures = RNG.standard_normal((6, 40))
    length = np.sqrt(np.mean(pictures**2))
    turned_back = np.mean([rotation.noise_of(pictures, turn, seed) @ turn for seed in range(400)], axis=0)
    assert turned_back == pytest.approx(np.sqrt(rotation.PICTURED) * pictures / length, abs=0.15)
    longer = rotation.noise_of(3 * pictures, turn, seed=1)
    assert longer == pytest.approx(rotation.noise_of(pictures, turn, seed=1))
    assert rotation.rotation(40, 100, seed=4) != pytest.approx(turn)


def test_noise_of_pictures_is_distributed_as_noise_is() -> None:
    turn = rotation.rotation(40, 100, seed=3)
    noise = rotation.noise_of(RNG.standard_normal((4000, 40)), turn, seed=1)
    assert noise.mean(0) == pytest.approx(np.zeros(100), abs=0.1)
    assert np.cov(noise.T) == pytest.approx(np.eye(100), abs=0.12)


def test_more_picture_dimensions_than_noise_still_give_unit_noise() -> None:
    noise = rotation.noise_of(RNG.standard_normal((4000, 60)), rotation.rotation(60, 30, seed=0), seed=1)
    assert noise.std(0) == pytest.approx(np.ones(30), abs=0.1)


@pytest.mark.slow
def test_the_flow_goes_back_to_the_noise_that_it_came_from() -> None:
    composer = Composer(load_style(str(style_folder())))
    prior = composer.prior
    setting = prior.draw_setting(0, 1, torch.Generator().manual_seed(0))
    noise = torch.randn((1, 8, prior.config.latent_dim), generator=torch.Generator().manual_seed(1))
    noise = noise * (prior.weight > 0)
    back = prior.returned(prior.carry(noise, setting, steps=64), setting, steps=64)
    some = prior.weight > 0
    correlation = np.corrcoef(noise[..., some].ravel().numpy(), back[..., some].ravel().numpy())[0, 1]
    assert correlation > 0.95


@pytest.mark.slow
def test_a_long_film_is_carried_window_after_window() -> None:
    composer = Composer(load_style(str(style_folder())))
    size = len(rotation.open_dimensions(composer))
    for bars in (3, 8, 19):
        noise = RNG.standard_normal((bars, size))
        latents = rotation.carried(composer, noise, "pop", seed=2)
        assert latents.bars == bars
        assert np.isfinite(np.concatenate(list(latents.groups.values()), axis=1)).all()
        assert rotation.noise_behind(composer, latents, "pop").shape == noise.shape


def axes() -> Axes:
    pictures = RNG.standard_normal((500, 20)) * np.linspace(3, 0.5, 20)
    music = RNG.standard_normal((400, 12)) * np.linspace(2, 0.2, 12)
    return Axes.fit(pictures, music, np.repeat(np.arange(50), 8), np.ones(12))


def latents(bars: int) -> Latents:
    widths = dict(zip(GROUPS, (3, 2, 2, 2, 1, 1, 1), strict=True))
    groups = {name: RNG.standard_normal((bars, width)).astype(np.float32) for name, width in widths.items()}
    return Latents("a model", groups)


def test_axes_put_the_films_changes_into_the_music_and_read_them_back() -> None:
    found = axes()
    film = RNG.standard_normal((16, 20)) * np.linspace(3, 0.5, 20)
    back = found.pictures_of(found.moved(latents(16), film))
    first = [np.corrcoef(back @ found.pictures[0], film @ found.pictures[0])[0, 1]]
    assert min(first) > 0.95
    assert found.music @ found.music.T == pytest.approx(np.eye(AXES), abs=1e-9)


def test_a_tie_is_saved_and_loaded_and_a_changed_file_is_refused(tmp_path) -> None:
    pictures = RNG.integers(0, 256, (30, 96, 96, 3)).astype(np.uint8)
    tie = Tie.fit(pictures, RNG.standard_normal((30, 20)), axes(), RNG.standard_normal((50, 5)))
    save_tie(tmp_path, tie, {"seed": 0})
    again = load_tie(tmp_path)
    assert again.shown == pytest.approx(tie.shown, abs=1e-6)
    assert again.axes.music == pytest.approx(tie.axes.music, abs=1e-6)
    assert again.shown.shape == (4, 20)
    data = (tmp_path / "tie.safetensors").read_bytes()
    (tmp_path / "tie.safetensors").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(ValueError, match="fetch it again"):
        load_tie(tmp_path)


def test_between_two_latents_the_way_lies_on_the_sphere() -> None:
    one, other = np.array([3.0, 0.0]), np.array([0.0, 3.0])
    assert slerp(one, other, 0.5) == pytest.approx([3 / np.sqrt(2)] * 2)
    assert slerp(one, one, 0.3) == pytest.approx(one)
    path = along(np.stack([one, other]), [0, 0.25, 1, 9])
    assert np.linalg.norm(path, axis=1) == pytest.approx([3] * 4)
    assert path[-1] == pytest.approx(other)


def test_a_bars_latent_is_as_long_as_its_frames_are() -> None:
    frames = RNG.standard_normal((60, 50))
    found = by_bar(frames, np.arange(60) / 6, np.array([0.0, 2.0, 5.0, 10.0]))
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.full(3, np.linalg.norm(frames, axis=1).mean()), rel=0.1)
