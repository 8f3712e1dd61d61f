"""Held-out drawings in other drawings' styles: are they told from real ones, and is the style, and what it shows, read?

All are rendered alike, so that a classifier can't tell the renderer. ``swap``: as of the autoencoder
(``models.picture.evaluation.swaps``), whose figure for the same style stands beside. ``two_sample``: palette and light
are those of two other drawings, so that no drawing counts that is as it was; the reference tells one half of the real
ones from the other. ``category``: read from latents that the encoder gives what was rendered, by a probe that was
fitted on the shipped drawings; the reference is what it reads of the same drawings as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from models.experiments.report import Metric, Report, mean_over_songs, over_songs
from models.metrics.two_sample import FOLDS, rightly_named
from models.picture.attributes import attributes_of, layout_of
from models.picture.checkpoint import PictureBundle
from models.picture.drawings import Drawings
from models.picture.evaluation.categories import probe
from models.picture.evaluation.realness import describe, hash_half, told_apart
from models.picture.evaluation.swaps import alike, donors_of, max_other, own
from models.picture.groups import GROUPS, STYLES
from models.picture.reading import Picture, Pixels
from models.picture.splits import series_of
from models.picture.svg import DrawingError, read_drawing
from models.picture.vector import Drawing

Rows = npt.NDArray[np.int64]


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
    """How often a classifier tells what is ``shown`` from the real drawings."""
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
    """The share of categories that are read right from what is ``shown``."""
    wanted, learned = (np.array([name.partition("/")[0] for name in each.names]) for each in (real.drawings, shipped))
    if len(set(learned)) < 2:
        report.add("picture.category", Metric(None))
        return
    fitted = probe().fit(shipped.latents, learned)
    right, plain = (fitted.predict(each) == wanted for each in (pictures.encode(shown), real.drawings.latents))
    names, counts = np.unique(learned, return_counts=True)
    chance = float((wanted == names[counts.argmax()]).mean())
    report.add("picture.category", mean_over_songs(real.series, right, chance=chance, reference=float(plain.mean())))
