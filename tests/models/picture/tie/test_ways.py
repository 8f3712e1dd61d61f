import numpy as np
import pytest
import torch

from models.picture.attributes import DIMS
from models.picture.attributes import GROUPS as SEEN
from models.picture.tie import rotation
from models.picture.tie.bars import along, by_bar, slerp
from models.picture.tie.checkpoint import AXES, Axes, Tie, load_tie, save_tie, shown_by
from models.style.bundle import style_folder
from models.style.checkpoint import load_style
from models.style.compose import Composer
from models.style.latents import GROUPS, Latents

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def same_numbers_in_any_order() -> None:
    RNG.bit_generator.state = np.random.default_rng(0).bit_generator.state


def turned(pictures: int, noise: int) -> np.ndarray:
    """Any orthonormal columns, or rows where there are fewer."""
    found, _ = np.linalg.qr(RNG.standard_normal((max(pictures, noise),) * 2))
    return found[:noise, :pictures]


@pytest.mark.parametrize("heard_of", [100, 90])
def test_what_is_most_heard_turns_to_what_is_most_seen(heard_of: int) -> None:
    noise, pictures = RNG.standard_normal((3000, heard_of)), RNG.standard_normal((3000, DIMS))
    heard = noise * np.where(np.arange(heard_of) == 7, 3.0, 0.1)
    palette, line = SEEN["palette"], SEEN["line"]
    seen = {"shape": 0.001 * pictures[:, SEEN["shape"]], "palette": pictures[:, palette], "light": pictures[:, :1]}
    agreed = np.zeros((heard_of, DIMS))
    agreed[7, line.start + 5] = -1.0
    turn = rotation.fitted(noise, heard, pictures, {**seen, "line": 2 * pictures[:, line][:, 5:6]}, agreed)
    assert turn[7, line.start + 5] < -0.95
    shorter = turn @ turn.T if heard_of < DIMS else turn.T @ turn
    assert shorter == pytest.approx(np.eye(len(shorter)), abs=1e-9)
    step = RNG.standard_normal(len(shorter))
    walked = step @ turn if heard_of < DIMS else turn @ step
    assert np.linalg.norm(walked) == pytest.approx(np.linalg.norm(step))


def test_a_rotation_keeps_what_is_alike_alike_and_can_be_turned_back() -> None:
    turn = turned(40, 100)
    pictures = RNG.standard_normal((6, 40))
    length = np.sqrt(np.mean(pictures**2))
    turned_back = np.mean([rotation.noise_of(pictures, turn, seed) @ turn for seed in range(400)], axis=0)
    assert turned_back == pytest.approx(np.sqrt(rotation.PICTURED) * pictures / length, abs=0.15)
    longer = rotation.noise_of(3 * pictures, turn, seed=1)
    assert longer == pytest.approx(rotation.noise_of(pictures, turn, seed=1))


def test_noise_of_pictures_is_distributed_as_noise_is() -> None:
    turn = turned(40, 100)
    noise = rotation.noise_of(RNG.standard_normal((4000, 40)), turn, seed=1)
    assert noise.mean(0) == pytest.approx(np.zeros(100), abs=0.1)
    assert np.cov(noise.T) == pytest.approx(np.eye(100), abs=0.12)


def test_more_picture_dimensions_than_noise_still_give_unit_noise() -> None:
    noise = rotation.noise_of(RNG.standard_normal((4000, 60)), turned(60, 30), seed=1)
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
    tie = Tie.fit(
        axes(), turned(20, 12), shown_by(pictures, RNG.standard_normal((30, 20))), RNG.standard_normal((50, 5))
    )
    save_tie(tmp_path, tie, {"seed": 0})
    again = load_tie(tmp_path)
    assert again.shown == pytest.approx(tie.shown, abs=1e-6)
    assert again.turn == pytest.approx(tie.turn, abs=1e-6)
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
