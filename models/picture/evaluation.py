"""What the picture model is worth: fidelity, samples, interpolations, swaps, categories; drawings in others' styles.

Fidelity: how much of a held-out picture its latents keep, the picture itself (PSNR and SSIM), and its category by a
probe. Both stand beside principal components of pixels, and fidelity beside JPEG at equal bits. Bits of latents: each
is rounded to a multiple of ``STEP`` and costs what an ideal code for N(0, 1) gives it. Bits of a JPEG: those of its
scan alone, without headers and tables; the picture may be made smaller first, and of all sizes and qualities that are
within the bits the one of the best PSNR counts, or the smallest where none is. SSIM: Wang et al. 2004, on luma,
Gaussian window of 1.5 pixels, mean over the picture. The category is read by a logistic regression.

Swaps: each held-out picture gets one group of latents of another one. ``own``: Spearman's correlation over pictures
between the donor's attributes and the result's, mean over the group's attributes; the baseline is the same without a
swap. ``max_other``: the largest correlation of the other groups' attributes with the donor's. ``shape_kept``:
correlation of the result's layout with the original's; baseline without a swap, chance with the donor's.

Realness: pictures decoded from N(0, I) beside held-out ones, as a fixed classifier tells them; and between two
pictures. Features of a picture: the palette's, light's and line's of the autoencoder, its even-contrast layout in
12 x 12 squares, its colours in 4 x 4 squares and the power of its luma in eight rings of frequency. The classifier is
the one that tells composed from real music (``models.metrics.two_sample.rightly_named``).

Drawings are all rendered alike, so that a classifier can't tell the renderer. Their ``swap`` stands beside the
autoencoder's for the same style. ``two_sample``: palette and light are those of two other drawings, so that no drawing
counts that is as it was; the reference tells one half of the real ones from the other. ``category``: read from latents
that the encoder gives what was rendered, by a probe that was fitted on the shipped drawings; the reference is what it
reads of the same drawings as they are.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.stats import norm, rankdata
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.experiments.report import Metric, Report, mean_over_songs, over_songs
from models.metrics.intervals import finite_mean
from models.metrics.two_sample import FOLDS, rightly_named
from models.picture.attributes import DIMS, GROUPS, LUMA, STYLES, attributes_of, layout_of
from models.picture.autoencoder import PictureBundle, PictureModel, light_of, line_of, palette_of, tensor_of
from models.picture.collection import Collection, series_of
from models.picture.drawings import Drawings
from models.picture.reading import SIDE, Picture, Pixels
from models.picture.svg import DrawingError, read_drawing
from models.picture.training import psnr
from models.picture.vector import Drawing

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.str_]

STRENGTH = 0.02  # inverse of the ridge penalty, chosen on validation pictures
PROBE_FOLDS = 5
STEP = 0.25
SIZES, QUALITIES = (12, 16, 24, 32, 48, 96), (1, 5, 10, 20, 35, 50, 75)
START_OF_SCAN = b"\xff\xda"


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
    if not all(known) or len(set(held.category)) < 2 or (fit is None and not _folds(held)):
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
    for train, test in _folds(held):
        said[test] = probe().fit(latents[train], wanted[train]).predict(latents[test])
    return said


def _folds(held: Some) -> list[tuple[Rows, Rows]]:
    """The pictures that the probe is fitted on and those that it reads, by fold; none where there are too few."""
    wanted = np.array(held.category, dtype=str)
    most = np.unique(wanted, return_counts=True)[1].max()
    if min(len(set(held.series)), most) < PROBE_FOLDS:
        return []
    split = StratifiedGroupKFold(PROBE_FOLDS, shuffle=True, random_state=0)
    folds = [*split.split(wanted, wanted, held.series)]
    return folds if all(len(test) and len(set(wanted[train])) > 1 for train, test in folds) else []


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


Measured = Mapping[str, Floats]  # group → (n, attributes)
RINGS = 8
MIDDLE = (0.25, 0.5, 0.75)


def swaps(report: Report, model: PictureModel, held: Some, seed: int) -> None:
    """``picture.decoder.swap.GROUP.{own,max_other,shape_kept}`` for every style."""
    donors = donors_of(held.series, seed)
    given = {name: values[donors] for name, values in attributes_of(held.pixels).items()}
    plain = model.decode(held.latents)
    unswapped, layout = attributes_of(plain), layout_of(held.pixels)
    kept_anyway, chance = alike(layout_of(plain), layout), alike(layout[donors], layout)
    for group in STYLES:
        mixed = held.latents.copy()
        mixed[:, GROUPS[group]] = held.latents[donors][:, GROUPS[group]]
        shown = model.decode(mixed)
        found = attributes_of(shown)
        anyway = own(given, unswapped, group, np.arange(len(held)))
        mine, other = partial(own, given, found, group), partial(max_other, given, found, group)
        report.add(f"picture.decoder.swap.{group}.own", over_songs(held.series, mine, draws=200, baseline=anyway))
        report.add(f"picture.decoder.swap.{group}.max_other", over_songs(held.series, other, draws=200))
        kept = alike(layout_of(shown), layout)
        report.add(
            f"picture.decoder.swap.{group}.shape_kept",
            mean_over_songs(held.series, kept, baseline=float(kept_anyway.mean()), chance=float(chance.mean())),
        )


def own(given: Measured, found: Measured, group: str, rows: Rows) -> float:
    """Correlation with the donors' attributes of a ``group``, over these ``rows``."""
    return float(_correlations(given[group][rows], found[group][rows]).mean())


def max_other(given: Measured, found: Measured, group: str, rows: Rows) -> float:
    """The largest correlation with the donors' attributes of the other groups."""
    rest = [_correlations(given[name][rows], found[name][rows]) for name in STYLES if name != group]
    return float(np.abs(np.concatenate(rest)).max())


def donors_of(series: list[str], seed: int) -> Rows:
    """For each picture another one, of another series where there are several."""
    rng, names = np.random.default_rng(seed), np.array(series)
    several = len(set(series)) > 1
    others = [np.flatnonzero(names != name) if several else np.arange(len(names)) for name in series]
    return np.array([rng.choice(each) for each in others])


def _correlations(one: Floats, other: Floats) -> Floats:
    """Spearman's correlation of each column of two ``(n, attributes)``."""
    first, second = (rankdata(each, axis=0) - (len(each) + 1) / 2 for each in (one, other))
    size = np.sqrt((first**2).sum(0) * (second**2).sum(0))
    found: Floats = (first * second).sum(0) / np.maximum(size, 1e-9)
    return found


def alike(one: Floats, other: Floats) -> Floats:
    """Pearson's correlation of each row of two ``(n, values)``."""
    first, second = (each - each.mean(1, keepdims=True) for each in (one, other))
    size = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    found: Floats = (first * second).sum(1) / np.maximum(size, 1e-9)
    return found


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


@dataclass(frozen=True)
class Real:
    """Real ``drawings`` as they are rendered, ``pixels`` ``(n, 96, 96, 3)``, and the ``series`` of each."""

    drawings: Drawings
    pixels: Pixels
    series: list[str]

    @classmethod
    def read(
        cls, pictures: PictureBundle, folder: Path, *, part: str | None, limit: int | None = None, seed: int = 0
    ) -> Real | None:
        """Those of a folder of SVG that the picture model held out as ``part``, all for None; None where few are.

        Of more than ``limit`` some are taken by chance. How many can't become drawings is printed.
        """
        held = {PurePosixPath(path).with_suffix("") for path in pictures.held_out.get(part or "", ())}
        paths = [(path.relative_to(folder).with_suffix(""), path) for path in sorted(folder.glob("**/*.svg"))]
        paths = [each for each in paths if part is None or PurePosixPath(each[0]) in held]
        names: list[str] = []
        found: list[Drawing] = []
        left_out: list[str] = []
        for row in np.random.default_rng(seed).permutation(len(paths)).tolist():
            if len(found) == limit:
                break
            name, path = paths[row]
            try:
                found.append(read_drawing(path))
                names.append(name.as_posix())
            except DrawingError as error:
                left_out.append(str(error))
        if left_out:
            print(f"{len(left_out)} drawings are left out: {'; '.join(left_out[:3])}{'; …' * (len(left_out) > 3)}")
        if len(found) < 4 * FOLDS:
            return None
        pixels = np.stack([each.pixels() for each in found])
        series = series_of([Picture(f"{name}.svg", each) for name, each in zip(names, pixels, strict=True)])
        return cls(Drawings.of(names, found, pictures.encode(pixels)), pixels, series)

    def drawn(self, **donors: Rows) -> Pixels:
        """All of them, each with the style of the drawing in a row: ``palette``, ``light`` or ``line``."""
        latents = self.drawings.latents.copy()
        for name, rows in donors.items():
            latents[:, GROUPS[name]] = self.drawings.latents[rows][:, GROUPS[name]]
        return np.stack([self.drawings.decode(each, row).pixels() for row, each in enumerate(latents)])


def drawn(report: Report, real: Real, pictures: PictureBundle, shipped: Drawings, seed: int) -> None:
    """``picture.swap.GROUP.{own,max_other,shape_kept}``, ``picture.two_sample`` and ``picture.category``."""
    donors, others = donors_of(real.series, seed), donors_of(real.series, seed + 1)
    measured = attributes_of(real.pixels)
    layout = layout_of(real.pixels)
    given = {name: values[donors] for name, values in measured.items()}
    chance = float(alike(layout[donors], layout).mean())
    for group in STYLES:
        shown = real.drawn(**{group: donors})
        found = attributes_of(shown)
        beside = report.metrics.get(f"picture.decoder.swap.{group}.own")
        report.add(
            f"picture.swap.{group}.own",
            over_songs(
                real.series, partial(own, given, found, group), draws=200,
                baseline=beside.value if beside else None, chance=own(given, measured, group, np.arange(len(donors))),
            ),
        )  # fmt: skip
        report.add(
            f"picture.swap.{group}.max_other",
            over_songs(real.series, partial(max_other, given, found, group), draws=200),
        )
        kept = alike(layout_of(shown), layout)
        report.add(f"picture.swap.{group}.shape_kept", mean_over_songs(real.series, kept, chance=chance))
    shown = real.drawn(palette=donors, light=others)
    _realness(report, shown, real)
    _category(report, shown, real, pictures, shipped)


def _realness(report: Report, shown: Pixels, real: Real) -> None:
    """How often a classifier tells what is ``shown`` from the real drawings; no figure where they are of few series."""
    if len(set(real.series)) < 2 * FOLDS:
        report.add("picture.two_sample", Metric(None, chance=0.5))
        return
    features = describe(real.pixels)
    halves = np.array([hash_half(each) for each in real.series])
    reference = float(rightly_named(features, halves, real.series).mean()) if 0.2 < halves.mean() < 0.8 else None
    right = told_apart(describe(shown), features, real.series, same=True)
    beside = report.metrics.get("picture.decoder.two_sample")
    report.add(
        "picture.two_sample",
        mean_over_songs(
            [*real.series] * 2, right, baseline=beside.value if beside else None, chance=0.5, reference=reference
        ),
    )


def _category(report: Report, shown: Pixels, real: Real, pictures: PictureBundle, shipped: Drawings) -> None:
    """The share of categories that are read right from what is ``shown``, of drawings of a category that is known."""
    wanted, learned = (np.array([name.partition("/")[0] for name in each.names]) for each in (real.drawings, shipped))
    rows = np.flatnonzero(np.isin(wanted, learned))
    if len(set(learned)) < 2 or len(rows) == 0:
        report.add("picture.category", Metric(None))
        return
    fitted, wanted = probe().fit(shipped.latents, learned), wanted[rows]
    latents = (pictures.encode(shown[rows]), real.drawings.latents[rows])
    right, plain = (fitted.predict(each) == wanted for each in latents)
    names, counts = np.unique(learned, return_counts=True)
    chance = float((wanted == names[counts.argmax()]).mean())
    series = [real.series[row] for row in rows]
    report.add("picture.category", mean_over_songs(series, right, chance=chance, reference=float(plain.mean())))
