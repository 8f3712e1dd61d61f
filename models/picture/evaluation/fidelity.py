"""How much of a held-out picture its latents keep: the picture itself (PSNR and SSIM), and its category by a probe.

Both stand beside principal components of pixels, and fidelity beside JPEG at equal bits. Bits of latents: each is
rounded to a multiple of ``STEP`` and costs what an ideal code for N(0, 1) gives it. Bits of a JPEG: those of its scan
alone, without headers and tables; the picture may be made smaller first, and of all sizes and qualities that are within
the bits the one of the best PSNR counts, or the smallest where none is. SSIM: Wang et al. 2004, on luma, Gaussian
window of 1.5 pixels, mean over the picture. The category is read by a logistic regression.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.stats import norm
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.experiments.report import Metric, Report, mean_over_songs, over_songs
from models.metrics.intervals import finite_mean
from models.picture.attributes import DIMS
from models.picture.autoencoder import PictureModel
from models.picture.collection import Collection
from models.picture.reading import SIDE, Pixels

Floats = npt.NDArray[np.float64]
STRENGTH = 0.02  # inverse of the ridge penalty, chosen on validation pictures
FOLDS = 5
Words = npt.NDArray[np.str_]
STEP = 0.25
SIZES, QUALITIES = (12, 16, 24, 32, 48, 96), (1, 5, 10, 20, 35, 50, 75)
START_OF_SCAN = b"\xff\xda"
LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class Some:
    """``pixels`` ``(n, 96, 96, 3)``, ``latents`` ``(n, dims)``, the ``series`` and the ``category`` of each."""

    pixels: Pixels
    latents: npt.NDArray[np.float32]
    series: list[str]
    category: list[str | None]

    @classmethod
    def of(cls, model: PictureModel, found: Collection, rows: list[int]) -> Some:
        """The pictures of ``rows``."""
        pixels = np.stack([found.pictures[row].pixels for row in rows])
        return cls(
            pixels, model.encode(pixels), [found.series[row] for row in rows],
            [found.pictures[row].category for row in rows],
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True)
class Components:
    """Principal components of pixels, as many as the model has latents, each with its spread over training pictures."""

    pca: PCA

    @classmethod
    def of(cls, pixels: Pixels, seed: int) -> Components | None:
        """Of training pictures; None where there are too few of them."""
        if len(pixels) <= DIMS:
            return None
        return cls(PCA(DIMS, svd_solver="randomized", random_state=seed).fit(_flat(pixels)))

    def encode(self, pixels: Pixels) -> Floats:
        """``(n, dims)`` with standard deviation 1 over training pictures."""
        found: Floats = self.pca.transform(_flat(pixels)) / np.sqrt(self.pca.explained_variance_)
        return found

    def decode(self, latents: npt.NDArray[np.floating]) -> Pixels:
        """Pictures of standardised components."""
        shown = self.pca.inverse_transform(latents * np.sqrt(self.pca.explained_variance_))
        levels: Pixels = np.clip(np.round(shown * 255), 0, 255).astype(np.uint8)
        return levels.reshape(-1, 96, 96, 3)


def _flat(pixels: Pixels) -> npt.NDArray[np.float32]:
    return pixels.reshape(len(pixels), -1).astype(np.float32) / np.float32(255)


def categories(report: Report, held: Some, fit: Some | None, components: Components | None) -> None:
    """``picture.latents.category``: the share read right; chance: always the most common one. Null without categories.

    The probe is fitted on training pictures, ``fit``; without those on the other folds of the held-out ones.
    """
    known = [name is not None for name in held.category]
    if not all(known) or len(set(held.category)) < 2 or (fit is None and len(set(held.series)) < FOLDS):
        report.add("picture.latents.category", Metric(None))
        return
    wanted = np.array(held.category, dtype=str)
    ours = _read(held.latents, held, fit.latents if fit else None, fit)
    beside, other = None, None
    if components is not None:
        other = _read(components.encode(held.pixels), held, components.encode(fit.pixels) if fit else None, fit)
        beside = float((other == wanted).mean())
    learned = np.array(fit.category, dtype=str) if fit else wanted
    names, counts = np.unique(learned, return_counts=True)
    chance = float((wanted == names[counts.argmax()]).mean())
    report.add("picture.latents.category", mean_over_songs(held.series, ours == wanted, baseline=beside, chance=chance))
    report.add(
        "picture.latents.category.balanced",
        over_songs(
            held.series, lambda rows: _balanced(ours[rows], wanted[rows]), draws=200, chance=1 / len(names),
            baseline=None if other is None else _balanced(other, wanted),
        ),
    )  # fmt: skip


def _balanced(said: Words, wanted: Words) -> float:
    """The share read right of each category, its mean over those there are."""
    return float(np.mean([(said[wanted == name] == name).mean() for name in np.unique(wanted)]))


def _read(
    latents: npt.NDArray[np.floating], held: Some, known: npt.NDArray[np.floating] | None, fit: Some | None
) -> Words:
    """What the probe says of each held-out picture."""
    wanted = np.array(held.category, dtype=str)
    if fit is not None and known is not None:
        return np.asarray(probe().fit(known, np.array(fit.category, dtype=str)).predict(latents), dtype=str)
    said = wanted.copy()
    for train, test in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0).split(latents, wanted, held.series):
        said[test] = probe().fit(latents[train], wanted[train]).predict(latents[test])
    return said


def probe() -> LogisticRegression:
    """The classifier, not fitted yet."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=500))


def fidelity(report: Report, model: PictureModel, held: Some, components: Components | None) -> None:
    """``picture.psnr``, ``picture.ssim`` and both at counted bits."""
    back = model.decode(held.latents)
    other = components.decode(components.encode(held.pixels)) if components else None
    for name, measure in (("psnr", psnr), ("ssim", ssim)):
        beside = float(measure(held.pixels, other).mean()) if other is not None else None
        report.add(f"picture.{name}", mean_over_songs(held.series, measure(held.pixels, back), baseline=beside))
    rounded = np.round(held.latents / STEP) * STEP
    bits = bits_of(rounded)
    jpegs = [jpeg_within(pixels, limit) for pixels, limit in zip(held.pixels, bits, strict=True)]
    report.add("picture.bits", mean_over_songs(held.series, bits, baseline=finite_mean([jpeg[1] for jpeg in jpegs])))
    coded, shown = model.decode(rounded), np.stack([jpeg[0] for jpeg in jpegs])
    for name, measure in (("psnr", psnr), ("ssim", ssim)):
        beside = float(measure(held.pixels, shown).mean())
        report.add(
            f"picture.{name}.at_bits", mean_over_songs(held.series, measure(held.pixels, coded), baseline=beside)
        )


def psnr(one: Pixels, other: Pixels) -> Floats:
    """Peak signal-to-noise ratio of each pair in decibels, at most 68 (an error of .01 grey levels)."""
    error = np.square(one.astype(np.float64) - other).mean((1, 2, 3))
    found: Floats = 10 * np.log10(255**2 / np.maximum(error, 1e-2))
    return found


def ssim(one: Pixels, other: Pixels) -> Floats:
    """Structural similarity of each pair."""
    first, second = (1 / 255 * (each.astype(np.float64) @ LUMA) for each in (one, other))

    def blur(values: Floats) -> Floats:
        found: Floats = gaussian_filter(values, (0, 1.5, 1.5), truncate=3.5)
        return found

    mean_1, mean_2 = blur(first), blur(second)
    var_1, var_2 = blur(first**2) - mean_1**2, blur(second**2) - mean_2**2
    both = blur(first * second) - mean_1 * mean_2
    small, smaller = 0.01**2, 0.03**2
    above = (2 * mean_1 * mean_2 + small) * (2 * both + smaller)
    found: Floats = (above / ((mean_1**2 + mean_2**2 + small) * (var_1 + var_2 + smaller))).mean((1, 2))
    return found


def bits_of(rounded: npt.NDArray[np.floating]) -> Floats:
    """What an ideal code for N(0, 1) takes for latents ``(n, dims)`` that are multiples of ``STEP``."""
    far = np.abs(rounded.astype(np.float64))  # the same by symmetry, and exact far out
    share = norm.sf(far - STEP / 2) - norm.sf(far + STEP / 2)
    found: Floats = -np.log2(np.maximum(share, 1e-12)).sum(1)
    return found


def jpeg_within(pixels: Pixels, bits: float) -> tuple[Pixels, int]:
    """The best JPEG of a picture ``(96, 96, 3)`` within so many bits, or the smallest; and its bits."""
    found: list[tuple[float, int, Pixels]] = []
    least: tuple[int, Pixels] | None = None
    for size in SIZES:
        small = Image.fromarray(pixels).resize((size, size), Image.Resampling.LANCZOS)
        for quality in QUALITIES:
            file = io.BytesIO()
            small.save(file, "JPEG", quality=quality, optimize=True)
            data = file.getvalue()
            scan = data.rindex(START_OF_SCAN)
            cost = 8 * (len(data) - scan - 2 - int.from_bytes(data[scan + 2 : scan + 4], "big") - 2)
            with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
                shown = np.array(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
            if least is None or cost < least[0]:
                least = (cost, shown)
            if cost > bits:
                break
            found.append((float(psnr(pixels[None], shown[None])[0]), cost, shown))
    if found:
        _, cost, shown = max(found, key=lambda each: each[:2])
        return shown, cost
    assert least is not None
    return least[1], least[0]
