"""What pictures are measured by, against what is known: PSNR, SSIM, bits, interpolation, swaps, splits."""

import numpy as np
import pytest
from scipy.stats import norm

from models.experiments.report import Report
from models.picture.attributes import attributes_of, layout_of
from models.picture.collection import halves, parts_of, series_of
from models.picture.evaluation import STEP, Some, bits_of, categories, jpeg_within, sharpness, spherical, ssim
from models.picture.reading import Picture
from models.picture.training import psnr

GREY = np.full((1, 96, 96, 3), 128, np.uint8)


def test_psnr_of_a_constant_error_is_the_textbooks() -> None:
    assert psnr(GREY, GREY + 16)[0] == pytest.approx(20 * np.log10(255 / 16))


def test_ssim_is_one_for_itself_and_falls_with_noise() -> None:
    noise = np.random.default_rng(0).integers(0, 255, GREY.shape).astype(np.uint8)
    assert ssim(noise, noise)[0] == pytest.approx(1)
    assert ssim(GREY, noise)[0] < 0.1
    assert ssim(GREY, GREY + 16)[0] == pytest.approx(2 * 128 * 144 / (128**2 + 144**2), abs=1e-3)  # luminance alone


def test_bits_are_the_entropy_of_a_rounded_normal() -> None:
    draws = np.round(np.random.default_rng(0).standard_normal((4000, 8)) / STEP) * STEP
    levels = np.arange(-40, 41) * STEP
    share = norm.cdf(levels + STEP / 2) - norm.cdf(levels - STEP / 2)
    entropy = -(share[share > 0] * np.log2(share[share > 0])).sum()
    assert bits_of(draws).mean() / 8 == pytest.approx(entropy, rel=0.01)


def test_a_jpeg_keeps_within_its_bits_and_more_bits_help() -> None:
    picture = np.zeros((96, 96, 3), np.uint8)
    picture[20:60, 30:70] = (200, 30, 60)
    few, cost = jpeg_within(picture, 400)
    many, more = jpeg_within(picture, 4000)
    assert cost <= 400 < more <= 4000
    assert psnr(picture[None], many[None]) > psnr(picture[None], few[None])


def test_half_way_on_the_sphere_keeps_the_length() -> None:
    one, other = np.random.default_rng(0).standard_normal((2, 50, 96)).astype(np.float32)
    one, other = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (one, other))
    assert np.allclose(np.linalg.norm(spherical(one, other, 0.5), axis=1), 1, atol=1e-4)
    assert np.allclose(spherical(one, other, 0.0), one, atol=1e-4)


def test_cross_fading_two_edges_is_less_sharp() -> None:
    one, other = GREY.copy(), GREY.copy()
    one[:, :, :30], other[:, :, :60] = 0, 0
    faded = (one // 2 + other // 2).astype(np.uint8)
    assert sharpness(faded)[0] < 0.8 * sharpness(one)[0]


@pytest.mark.parametrize(
    ("category", "series"),
    [
        ("abcd" * 2, "12345678"),  # no category in five folds
        ("a" * 7 + "b" * 5, "1234567" + "8" * 5),  # one in a single fold, which nothing is fitted for
    ],
)
def test_few_pictures_of_a_category_have_no_figure_of_it(category: str, series: str) -> None:
    rng, count = np.random.default_rng(0), len(category)
    pixels = rng.integers(0, 256, (count, 96, 96, 3)).astype(np.uint8)
    latents = rng.normal(size=(count, 4)).astype(np.float32)
    report = Report("evaluate.picture", {}, {}, 0)
    categories(report, Some(pixels, latents, [*series], [*category]), None, None)
    assert report.metrics["picture.latents.category"].value is None


def test_attributes_move_with_their_style_alone() -> None:
    rng = np.random.default_rng(0)
    picture = np.kron(rng.integers(90, 150, (1, 12, 12, 1)), np.ones((1, 8, 8, 3))).astype(np.uint8)
    warm = picture + np.array([50, -20, -40]).astype(np.int16)
    before, after = attributes_of(picture), attributes_of(warm.astype(np.uint8))
    assert after["palette"][0, 0] > before["palette"][0, 0] + 0.5
    dim = attributes_of((picture * 0.5).astype(np.uint8))
    assert dim["light"][0, 0] < before["light"][0, 0] - 0.1
    assert dim["line"] == pytest.approx(before["line"], rel=0.05)
    assert np.corrcoef(layout_of(picture), layout_of((picture * 0.5).astype(np.uint8)))[0, 1] > 0.99


def test_series_and_near_duplicates_stay_on_one_side() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (5, 96, 96, 3)).astype(np.uint8)
    pixels[4] = np.clip(pixels[0].astype(int) + 2, 0, 255)
    names = ("shapes/star_1.png", "shapes/star_2.png", "shapes/arrow_1.png", "food/star_1.png", "food/copied.png")
    series = series_of([Picture(name, each) for name, each in zip(names, pixels, strict=True)])
    assert series[0] == series[1] == series[4]
    assert len(set(series)) == 3
    parts = parts_of(series)
    assert sorted(row for rows in parts.values() for row in rows) == list(range(5))


def test_pictures_that_a_camera_or_a_program_has_numbered_are_no_series() -> None:
    names = [f"IMG_{number:04d}.jpg" for number in range(4)] + ["Screenshot from 2026-01-02.png", "Screenshot 3.png"]
    names += ["imgs of foxes 1.png", "imgs of foxes 2.png", "scanner 1.png", "scanner 2.png"]
    pixels = np.random.default_rng(0).integers(0, 255, (len(names), 96, 96, 3)).astype(np.uint8)
    series = series_of([Picture(name, each) for name, each in zip(names, pixels, strict=True)])
    assert len(set(series[:6])) == 6
    assert (series[6], series[8]) == (series[7], series[9])


def test_halves_share_no_series_and_no_film() -> None:
    names = [f"a.mp4/shot-{number // 3:04d}/frame-{number:05d}" for number in range(9)]
    names += [f"fox {number}.png" for number in range(4)] + [f"owl {number}.png" for number in range(4)]
    pixels = np.random.default_rng(0).integers(0, 255, (len(names), 96, 96, 3)).astype(np.uint8)
    film, drawings = halves([Picture(name, each) for name, each in zip(names, pixels, strict=True)])
    assert (film, drawings) == ([*range(9)], [*range(9, 17)])
