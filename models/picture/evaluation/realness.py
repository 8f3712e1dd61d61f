"""Pictures decoded from N(0, I) beside held-out ones, as a fixed classifier tells them; and between two pictures.

Features of a picture: the palette's, light's and line's of ``models.picture.features``, its even-contrast layout in
12 x 12 squares, its colours in 4 x 4 squares and the power of its luma in eight rings of frequency. The classifier is
the one that tells composed from real music (``models.metrics.two_sample.rightly_named``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from models.experiments.report import Metric, Report, mean_over_songs
from models.metrics.two_sample import FOLDS, rightly_named
from models.picture.attributes import LUMA, layout_of
from models.picture.autoencoder import PictureModel, tensor_of
from models.picture.evaluation.material import Components, Some
from models.picture.features import light_of, line_of, palette_of
from models.picture.groups import DIMS
from models.picture.reading import SIDE, Pixels

Floats = npt.NDArray[np.float64]

RINGS = 8
MIDDLE = (0.25, 0.5, 0.75)


def realness(report: Report, model: PictureModel, held: Some, components: Components | None, seed: int) -> None:
    """``picture.decoder.two_sample``: the share told right; and of pictures that are only encoded and decoded."""
    if len(held) < 4 * FOLDS or len(set(held.series)) < 2 * FOLDS:
        report.add("picture.decoder.two_sample", Metric(None, chance=0.5))
        return
    noise = np.random.default_rng(seed).standard_normal((len(held), DIMS))
    real = describe(held.pixels)
    beside = None
    if components is not None:
        beside = float(told_apart(describe(components.decode(noise)), real, held.series).mean())
    rows = np.array([hash_half(name) for name in held.series])
    halves = rightly_named(real, rows, held.series) if 0.2 < rows.mean() < 0.8 else np.array([np.nan])
    names = [*[f"sample {row}" for row in range(len(held))], *held.series]
    report.add(
        "picture.decoder.two_sample",
        mean_over_songs(
            names, told_apart(describe(model.decode(noise)), real, held.series), baseline=beside, chance=0.5,
            reference=float(halves.mean()),
        ),
    )  # fmt: skip
    back = told_apart(describe(model.decode(held.latents)), real, held.series, same=True)
    report.add("picture.decoder.two_sample.decoded", mean_over_songs([*held.series] * 2, back, chance=0.5))


def interpolations(report: Report, model: PictureModel, held: Some, seed: int) -> None:
    """``picture.decoder.interpolation.sharpness``: between two pictures, over that of the two; beside cross-fading."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(held))
    ones, others = order, np.roll(order, 1)
    ends = model.decode(held.latents)
    usual = (sharpness(ends[ones]) + sharpness(ends[others])) / 2
    ours, faded = [], []
    for share in MIDDLE:
        between = model.decode(spherical(held.latents[ones], held.latents[others], share))
        ours.append(sharpness(between) / usual)
        mixed = (1 - share) * ends[ones].astype(np.float64) + share * ends[others]
        faded.append(sharpness(np.round(mixed).astype(np.uint8)) / usual)
    series = [held.series[row] for row in ones]
    beside = float(np.mean(faded))
    report.add("picture.decoder.interpolation.sharpness", mean_over_songs(series, np.mean(ours, 0), baseline=beside))


def latents(report: Report, held: Some) -> None:
    """How near held-out latents are to N(0, I): the largest mean, the spread's mean, and correlation between groups."""
    if len(held) < 2:
        return
    found = held.latents.astype(np.float64)
    report.add("picture.latents.mean", Metric(float(np.abs(found.mean(0)).mean()), n=len(held), reference=0.0))
    report.add("picture.latents.sd", Metric(float(found.std(0).mean()), n=len(held), reference=1.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        pairs = np.asarray(np.corrcoef(found.T))[np.triu_indices(DIMS, 1)]
    chance = float(np.sqrt(2 / np.pi / len(held)))  # of independent draws, so many
    report.add("picture.latents.correlation", Metric(float(np.nanmean(np.abs(pairs))), n=len(held), chance=chance))


def spherical(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32], share: float) -> npt.NDArray[np.float32]:
    """Rows between those of ``one`` and ``other`` ``(n, dims)`` along the sphere (Shoemake 1985)."""
    sizes = [np.linalg.norm(each, axis=1, keepdims=True) for each in (one, other)]
    cosine = ((one / sizes[0]) * (other / sizes[1])).sum(1, keepdims=True)
    angle = np.arccos(np.clip(cosine, -0.999, 0.999))
    mixed = np.sin((1 - share) * angle) * one + np.sin(share * angle) * other
    found: npt.NDArray[np.float32] = (mixed / np.sin(angle)).astype(np.float32)
    return found


def sharpness(pixels: Pixels) -> Floats:
    """Root mean square of luma's steps from pixel to pixel: one strong edge counts more than two weak ones."""
    grey = pixels.astype(np.float64) @ LUMA
    steps = np.square(np.diff(grey, axis=1)).mean((1, 2)) + np.square(np.diff(grey, axis=2)).mean((1, 2))
    found: Floats = np.sqrt(steps) + 1e-3
    return found


def describe(pixels: Pixels) -> Floats:
    """Features of pictures, as the module docstring tells, ``(n, features)``."""
    told = []
    for at in range(0, len(pixels), 64):
        some = tensor_of(pixels[at : at + 64])
        told.append(torch.cat([palette_of(some), light_of(some), line_of(some)], 1).double().numpy())
    quarter = SIDE // 4
    squares = pixels.reshape(-1, 4, quarter, 4, quarter, 3).mean((2, 4)).reshape(len(pixels), -1)
    power = np.abs(np.fft.fftshift(np.fft.fft2(pixels @ LUMA / 255), axes=(1, 2))) ** 2
    away = np.hypot(*(np.mgrid[:SIDE, :SIDE] - SIDE // 2))
    ring = np.clip((away / (SIDE / 2) * RINGS).astype(np.int64), 0, RINGS - 1)
    rings = [np.log10(power[:, ring == each].mean(1) + 1e-6) for each in range(RINGS)]
    return np.concatenate([np.concatenate(told), layout_of(pixels), squares, np.stack(rings, 1)], 1)


def hash_half(name: str) -> int:
    """0 or 1 by a series' name: two halves of the real pictures."""
    return sum(name.encode()) % 2


def told_apart(made: Floats, real: Floats, series: Sequence[str], *, same: bool = False) -> Floats:
    """1 for each of ``made``, then ``real``, that is told right; ``same``: what is made is of the same series."""
    names = list(series) if same else [f"sample {row}" for row in range(len(made))]
    label = np.repeat([0, 1], [len(made), len(real)])
    return rightly_named(np.concatenate([made, real]), label, [*names, *series])
