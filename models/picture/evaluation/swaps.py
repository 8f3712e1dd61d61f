"""Does a swapped style come along, and does the rest stay?

Each held-out picture gets one group of latents of another one. ``own``: Spearman's correlation over pictures between
the donor's attributes and the result's, mean over the group's attributes; the baseline is the same without a swap.
``max_other``: the largest correlation of the other groups' attributes with the donor's. ``shape_kept``: correlation of
the result's layout with the original's; baseline without a swap, chance with the donor's.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from models.experiments.report import Report, mean_over_songs, over_songs
from models.picture.attributes import attributes_of, layout_of
from models.picture.autoencoder import PictureModel
from models.picture.evaluation.material import Some
from models.picture.groups import GROUPS, STYLES

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Measured = Mapping[str, Floats]  # group → (n, attributes)


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
