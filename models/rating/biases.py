"""What likes depend on beside the sound: the genre, how often a track was played, who listened.

A rating that is learned from likes learns these as well. Where a table has a row a listening and says who listened, the
listeners of a group are compared with the others who heard the same tracks. Tracks are what intervals draw again: who
listened several times is not known, so those of groups of people are too narrow.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.rating.plays import read_listenings, target

BIASES = "biases.json"
AGES = ((0, 25), (25, 35), (35, 50), (50, 120))  # years, the second not included
PARTS = 4  # into which tracks are divided by how often they were played
TONGUES = 6  # the most frequent
DRAWS = 1000
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bias:
    """The listenings of a group ``by`` genre, plays, mother tongue or age, and the share of them that were liked.

    ``p``: the mean of p over a group's tracks, where the group is one of tracks. ``more``: by how much more often its
    people liked a track than others who heard the same, where it is one of people. Intervals are 95 %.
    """

    by: str
    group: str
    n: int
    liked: float
    low: float
    high: float
    p: float | None = None
    more: float | None = None
    more_low: float | None = None
    more_high: float | None = None


def biases(folder: Path, seed: int = 0) -> list[Bias]:
    """What the listenings of a folder tell; raises ``PlaysError`` where its table has no row a listening."""
    table = read_listenings(folder)
    found = list(_of_tracks(table, seed))
    if "mother tongue" in table:
        often = table["mother tongue"].value_counts()
        often = often[often.index != ""]
        named = table["mother tongue"].where(table["mother tongue"].isin(often.index[:TONGUES]), "others")
        found += _of_people(table, "mother tongue", named, [*often.index[:TONGUES], "others"], seed)
    if "age" in table:
        years = pd.to_numeric(table["age"], errors="coerce")
        names = [f"{low} to {high - 1}" if low else f"under {high}" for low, high in AGES[:-1]]
        names.append(f"{AGES[-1][0]} or older")
        at = pd.cut(years, [low for low, _ in AGES] + [AGES[-1][1]], right=False, labels=names)
        found += _of_people(table, "age", at.astype(object), names, seed)
    return found


def save_biases(folder: Path, bundle: Path, seed: int = 0) -> None:
    """Write ``BIASES`` into a model's folder, with the SHA-256 of the table that they are of."""
    found = biases(folder, seed)
    digest = hashlib.sha256((folder / "ratings.csv").read_bytes()).hexdigest()[:16]
    rows = [{name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(each).items()}
            for each in found]  # fmt: skip
    text = json.dumps({"data": digest, "seed": seed, "biases": rows}, indent=1)
    (bundle / BIASES).write_text(text + "\n", encoding="utf-8")


def _of_tracks(table: pd.DataFrame, seed: int) -> Iterator[Bias]:
    tracks = table.groupby("clip").agg(played=("liked", "size"), liked=("liked", "sum"), genre=("genre", "first"))
    tracks["p"] = target(tracks["played"], tracks["liked"])
    if tracks["genre"].nunique() > 1:
        for genre, some in tracks.groupby("genre", sort=True):
            yield _of_some("genre", str(genre), some, seed)
    part = pd.qcut(tracks["played"].rank(method="first"), PARTS, labels=False)
    for number in range(PARTS):
        some = tracks[part == number]
        yield _of_some("times played", f"{some['played'].min()} to {some['played'].max()}", some, seed)


def _of_some(by: str, group: str, some: pd.DataFrame, seed: int) -> Bias:
    share, low, high = _drawn(some["liked"].to_numpy(float), some["played"].to_numpy(float), seed)
    return Bias(by, group, int(some["played"].sum()), share, low, high, p=float(some["p"].mean()))


def _of_people(table: pd.DataFrame, by: str, group: pd.Series[Any], names: list[str], seed: int) -> Iterator[Bias]:
    for name in names:
        mine = table[group == name]
        if mine.empty:
            continue
        others = table[group.notna() & (group != name)]
        own, rest = (each.groupby("clip")["liked"].agg(["size", "sum"]) for each in (mine, others))
        share, low, high = _drawn(own["sum"].to_numpy(float), own["size"].to_numpy(float), seed)
        both = own.merge(rest, left_index=True, right_index=True, suffixes=("", "_rest"))
        apart = both["sum"] - both["size"] * both["sum_rest"] / both["size_rest"]
        more = _drawn(apart.to_numpy(float), both["size"].to_numpy(float), seed)
        yield Bias(by, name, len(mine), share, low, high, None, *more)


def _drawn(sums: Floats, sizes: Floats, seed: int) -> tuple[float, float, float]:
    """The sum of ``sums`` over that of ``sizes`` ``(tracks,)``, and its 95 % percentile bootstrap interval."""
    rows = np.random.default_rng(seed).integers(len(sums), size=(DRAWS, len(sums)))
    drawn = sums[rows].sum(1) / sizes[rows].sum(1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(sums.sum() / sizes.sum()), float(low), float(high)
