"""How often each track was played and liked, from the files that people have, and how well listeners agree on it.

``plays.csv`` (clip_id, played, liked); ``ratings.csv`` with one row a listening (track id or clip_id, liked) or one row
a rating (clip_id, rating), of which the upper quarter of the scale counts as liked; ``votes.csv`` (left, right,
outcome), where a pair is a play of both clips and a pick a like, as ``kallos study export`` writes it. Sound lies in
``audio/CLIP.*``, or is played by the shipped piano from ``midi/CLIP.mid``. A row or file that can't be used is named in
a line, and the rest goes on.

How well listeners agree with other listeners on p leaves a ceiling to what can be predicted. Split-half reliability
with the Spearman-Brown correction (Brown 1910); the ceiling of a correlation with p is the root of p's reliability
(Spearman 1904), and that of a share of pairs follows for normal variables (Greiner 1909).

What likes depend on beside the sound: the genre, how often a track was played, who listened.

A rating that is learned from likes learns these as well. Where a table has a row a listening and says who listened, the
listeners of a group are compared with the others who heard the same tracks. Tracks are what intervals draw again: who
listened several times is not known, so those of groups of people are too narrow.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import spearmanr

from models.music.tables import Names, TableError, number, plain, read_table

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

FILES = ("plays.csv", "ratings.csv", "votes.csv")
EMOTIONS = (
    "amazement", "solemnity", "tenderness", "nostalgia", "calmness", "power", "joyful_activation", "tension", "sadness",
)  # fmt: skip
UPPER = 0.75  # of the scale: ratings from here on are likes
FEWEST = 5  # tracks
DECIDED = {"left", "right", "equal", "neither"}
SHOWN = 5  # names in a line

SPLITS = 100
DRAWS, DRAWN_SPLITS = 200, 5  # of tracks, for the interval


class PlaysError(ValueError):
    """The folder has no plays that can be read; the message says what is needed."""


@dataclass(frozen=True)
class Plays:
    """Tracks that were played: ``played`` and ``liked`` ``(tracks,)``, shares of each emotion ``(tracks, 9)``.

    ``files`` are their sounds, ``notes`` their MIDI files, where they have one, ``genres`` as the table has them.
    Emotions are NaN where the file has none. ``remarks`` are lines on what could not be used. ``collection``
    ``(tracks,)``: which of the folders that were read a track is from, 0 for the first.
    """

    clips: tuple[str, ...]
    files: tuple[Path, ...]
    played: Counts
    liked: Counts
    emotions: Floats
    notes: tuple[Path | None, ...]
    genres: tuple[str, ...]
    collection: Counts
    remarks: tuple[str, ...] = ()

    def choose(self, rows: npt.ArrayLike) -> Plays:
        """Some of the tracks."""
        at = np.asarray(rows, dtype=np.int64)
        return Plays(
            tuple(self.clips[i] for i in at), tuple(self.files[i] for i in at),
            self.played[at], self.liked[at], self.emotions[at],
            tuple(self.notes[i] for i in at), tuple(self.genres[i] for i in at), self.collection[at], self.remarks,
        )  # fmt: skip


def target(played: npt.ArrayLike, liked: npt.ArrayLike, *, smooth: bool = False) -> Floats:
    """p = liked / played · log(liked), 0 without a like; ``smooth``: log(1 + liked)."""
    n, k = np.asarray(played, dtype=np.float64), np.asarray(liked, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = k / n * (np.log1p(k) if smooth else np.log(k))
    return np.where(k > 0, found, 0.0)


def read_plays(folder: Path) -> Plays:
    """The tracks of ``folder`` that were played and have a sound; raises ``PlaysError`` where there are too few."""
    there = [name for name in FILES if (folder / name).is_file()]
    if len(there) != 1:
        found = " and ".join(there) or "none of them"
        raise PlaysError(f"{folder} needs exactly one of {', '.join(FILES)}, beside audio/; it has {found}")
    table = _table(folder / there[0])
    remarks: list[str] = []
    audio, notes = _files(folder / "audio"), _files(folder / "midi")
    sounds = {**notes, **audio}
    names = Names(sounds)
    for column in {_clip_column(table), "left", "right"} & set(table.columns):
        table[column] = table[column].map(names.find_clip)
    counts = _counts(table, there[0], remarks)
    lacking = [name for name in counts.index if name not in sounds]
    if lacking:
        remarks.append(
            f"{_tracks(len(lacking))} of {there[0]} without a file in audio/ or midi/, left out: {_some(lacking)}"
        )
    counts = counts[counts.index.isin(set(sounds))]
    counts = counts.loc[sorted(counts.index, key=_sort_key)]
    heard = {each[name] for each in (audio, notes) for name in counts.index if name in each}
    unheard = sorted(file.name for file in {*sounds.values()} - heard)
    if unheard:
        remarks.append(f"{len(unheard)} files in audio/ or midi/ were not played by anybody: {_some(unheard)}")
    if len(counts) < FEWEST:
        why = "".join(f"; {line}" for line in remarks)
        raise PlaysError(
            f"{folder} has {_tracks(len(counts))} with plays that can be read and a sound in audio/ or notes in midi/, "
            f"and {FEWEST} are needed{why}"
        )
    genres = _genres(table)
    emotions = counts.reindex(columns=list(EMOTIONS)).to_numpy(np.float64)
    return Plays(
        tuple(counts.index), tuple(sounds[name] for name in counts.index),
        counts["played"].to_numpy(np.int64), counts["liked"].to_numpy(np.int64), emotions,
        tuple(notes.get(name) for name in counts.index), tuple(genres.get(name, "") for name in counts.index),
        np.zeros(len(counts), dtype=np.int64), tuple(remarks),
    )  # fmt: skip


def read_listenings(folder: Path) -> pd.DataFrame:
    """A row a listening, as ``ratings.csv`` has it, with ``clip``, ``liked`` 0 or 1, and ``genre``, "" where unknown.

    Raises ``PlaysError`` where the folder has none.
    """
    path = folder / "ratings.csv"
    if not path.is_file():
        raise PlaysError(f"{folder} has no ratings.csv, which has a row a listening")
    table = _table(path)
    clip = _clip_column(table)
    if not clip or "liked" not in table:
        raise PlaysError(
            f"{path} has the columns {', '.join(table.columns)}; track id (or clip_id) and liked are needed"
        )
    table = table.apply(lambda column: column.str.strip()).rename(columns={clip: "clip"})
    liked = pd.to_numeric(table["liked"], errors="coerce")
    table = table.assign(liked=liked, genre=table.get("genre", ""))
    found: pd.DataFrame = table[liked.isin([0, 1]) & (table["clip"] != "")]
    return found


def read_all_plays(folders: Sequence[Path]) -> Plays:
    """The tracks of some folders as one, each named ``FOLDER/CLIP`` where there are several; raises ``PlaysError``."""
    every = [read_plays(folder) for folder in folders]
    if len(every) == 1:
        return every[0]
    return Plays(
        tuple(f"{folder.name}/{clip}" for folder, each in zip(folders, every, strict=True) for clip in each.clips),
        tuple(file for each in every for file in each.files),
        np.concatenate([each.played for each in every]),
        np.concatenate([each.liked for each in every]),
        np.concatenate([each.emotions for each in every]),
        tuple(note for each in every for note in each.notes),
        tuple(genre for each in every for genre in each.genres),
        np.concatenate([np.full(len(each.clips), number) for number, each in enumerate(every)]),
        tuple(line for each in every for line in each.remarks),
    )


def _table(path: Path) -> pd.DataFrame:
    """A table as text; a row's index is its line in the file less 2."""
    try:
        table = read_table(path)
    except TableError as error:
        raise PlaysError(f"{path} is no CSV table: {error}") from None
    index = pd.Index([line - 2 for line in table.lines], dtype=np.int64)
    return pd.DataFrame(table.rows, columns=list(filter(None, table.columns)), index=index, dtype=str)


def _files(folder: Path) -> dict[str, Path]:
    """The files of a folder, by their names with and without ending."""
    found: dict[str, Path] = {}
    for file in sorted(folder.glob("*")):
        if file.is_file() and not file.name.startswith("."):
            found.setdefault(plain(file.stem), file)
            found.setdefault(plain(file.name), file)
    return found


def _genres(table: pd.DataFrame) -> dict[str, str]:
    """What the table calls each track, where it has a column for that."""
    clip = _clip_column(table)
    if not clip or "genre" not in table.columns:
        return {}
    return dict(zip(table[clip].str.strip(), table["genre"].str.strip(), strict=True))


def _clip_column(table: pd.DataFrame) -> str:
    return next((each for each in ("clip_id", "track id", "track_id") if each in table.columns), "")


def _counts(table: pd.DataFrame, name: str, remarks: list[str]) -> pd.DataFrame:
    """Played and liked (and emotions, where there are any) by clip."""
    columns = set(table.columns)
    clip = _clip_column(table)
    if name == "votes.csv" and {"left", "right", "outcome"} <= columns:
        return _of_votes(table, remarks)
    if clip and name == "plays.csv" and {"played", "liked"} <= columns:
        rows = _numbers(table, clip, ["played", "liked"], name, remarks)
        whole = (rows[["played", "liked"]] % 1 == 0).all(axis=1)
        good = whole & (rows["played"] > 0) & (rows["liked"] >= 0) & (rows["liked"] <= rows["played"])
        _say_left_out(rows, good, name, "played must be a whole number above 0 and liked one from 0 to played", remarks)
        again = rows[good]["clip"][rows[good]["clip"].duplicated()].unique().tolist()
        if again:
            remarks.append(f"{_tracks(len(again))} of {name} in several rows, which are added up: {_some(again)}")
        counted: pd.DataFrame = rows[good].groupby("clip", sort=False)[["played", "liked"]].sum()
        return counted
    if clip and name == "ratings.csv" and "liked" in columns:
        emotions = [each for each in EMOTIONS if each in columns]
        rows = _numbers(table, clip, ["liked", *emotions], name, remarks)
        good = rows["liked"].isin([0, 1])
        _say_left_out(rows, good, name, "liked must be 0 or 1", remarks)
        return _by_clip(rows[good], emotions)
    if clip and name == "ratings.csv" and "rating" in columns:
        rows = _numbers(table, clip, ["rating"], name, remarks)
        low, high = rows["rating"].min(), rows["rating"].max()
        rows["liked"] = (rows["rating"] >= low + UPPER * (high - low)).astype(float) if high > low else 0.0
        return _by_clip(rows, [])
    raise PlaysError(
        f"{name} has the columns {', '.join(table.columns)}; allowed are plays.csv with clip_id, played, liked, "
        "ratings.csv with track id (or clip_id) and liked or rating, or votes.csv with left, right, outcome"
    )


def _by_clip(rows: pd.DataFrame, emotions: list[str]) -> pd.DataFrame:
    groups = rows.groupby("clip", sort=False)
    found: pd.DataFrame = groups["liked"].agg(["size", "sum"]).set_axis(["played", "liked"], axis=1)
    return found.join(groups[emotions].mean()) if emotions else found


def _of_votes(table: pd.DataFrame, remarks: list[str]) -> pd.DataFrame:
    known = table["outcome"].isin(DECIDED) & (table["left"] != "") & (table["right"] != "")
    if (skipped := int((~known).sum())) > 0:
        remarks.append(f"{skipped} rows of votes.csv were skipped or say nothing and are left out")
    votes = table[known]
    sides = [
        pd.DataFrame({"clip": votes[side].str.strip(), "liked": (votes["outcome"] == side).astype(float)})
        for side in ("left", "right")
    ]
    return _by_clip(pd.concat(sides), [])


def _numbers(table: pd.DataFrame, clip: str, columns: list[str], name: str, remarks: list[str]) -> pd.DataFrame:
    rows = pd.DataFrame({"clip": table[clip].str.strip()})
    for column in columns:
        rows[column] = table[column].map(number).astype(float)
    finite = pd.Series(np.isfinite(rows[columns].to_numpy()).all(axis=1), index=rows.index)
    good = (rows["clip"] != "") & finite
    _say_left_out(rows, good, name, f"a clip and numbers in {', '.join(columns[:2])} are needed", remarks)
    return rows[good].copy()


def _say_left_out(rows: pd.DataFrame, good: pd.Series[bool], name: str, rule: str, remarks: list[str]) -> None:
    if not good.all():
        lines = [f"line {index + 2}" for index in rows.index[~good]]
        remarks.append(f"{len(lines)} rows of {name} are left out, {rule}: {_some(lines)}")


def _tracks(count: int) -> str:
    return "1 track" if count == 1 else f"{count} tracks"


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")


def _sort_key(name: str) -> tuple[int, str]:
    return len(name), name


@dataclass(frozen=True)
class Reliability:
    """``half``: mean Spearman of p between two halves of the listenings; ``whole``: of p with p of as many others.

    ``spearman`` and ``pairs``: what a rating that knows p without noise would reach; ``pairs_low`` and ``pairs_high``
    are its 95 % interval, over tracks.
    """

    half: float
    whole: float
    spearman: float
    pairs: float
    pairs_low: float = math.nan
    pairs_high: float = math.nan


def reliability(
    played: Counts, liked: Counts, *, smooth: bool = False, seed: int = 0, splits: int = SPLITS
) -> Reliability:
    """Each track's listenings in two random halves, ``splits`` times.

    Which listenings were likes is all that is known of them, so drawing a half is drawing from an urn.
    """
    rng = np.random.default_rng(seed)
    half = _between_halves(played, liked, splits, rng, smooth=smooth)
    drawn = []
    for _ in range(DRAWS if len(played) > 2 else 0):
        rows = rng.integers(len(played), size=len(played))
        drawn.append(pairs_of(_ceiling(_between_halves(played[rows], liked[rows], DRAWN_SPLITS, rng, smooth=smooth))))
    finite = [each for each in drawn if math.isfinite(each)]
    low, high = np.quantile(finite, [0.025, 0.975]).tolist() if finite else (math.nan, math.nan)
    ceiling = _ceiling(half)
    return Reliability(half, _whole(half), ceiling, pairs_of(ceiling), low, high)


def _between_halves(played: Counts, liked: Counts, splits: int, rng: np.random.Generator, *, smooth: bool) -> float:
    """Mean Spearman correlation of p between halves; NaN where nothing can be compared."""
    at = played >= 2
    n, k = played[at], liked[at]
    found = []
    for _ in range(splits if len(n) > 2 else 0):
        size = n // 2 + rng.integers(0, 2, len(n)) * (n % 2)
        one = rng.hypergeometric(k, n - k, size)
        a, b = target(size, one, smooth=smooth), target(n - size, k - one, smooth=smooth)
        if np.ptp(a) > 0 and np.ptp(b) > 0:
            found.append(float(spearmanr(a, b).statistic))
    return float(np.mean(found)) if found else math.nan


def _whole(half: float) -> float:
    return 2 * half / (1 + half) if half > 0 else half * 0  # halves that disagree say nothing; NaN stays


def _ceiling(half: float) -> float:
    return math.sqrt(_whole(half))


def pairs_of(correlation: float) -> float:
    """The share of pairs in the right order that belongs to a correlation of normal variables."""
    return 0.5 + math.asin(min(max(correlation, -1.0), 1.0)) / math.pi if math.isfinite(correlation) else math.nan


def equal_exposure(played: Counts, liked: Counts, *, smooth: bool = False) -> npt.NDArray[np.float64]:
    """p as it would be had every track been played equally often, with shares drawn towards the mean by their noise.

    How often a track was played can't be heard, yet log(liked) grows with it. The prior of the shares is a beta
    distribution fitted by moments (empirical Bayes: Efron & Morris 1975).
    """
    likely = shares(played, liked)
    usual = float(np.exp(np.log(played).mean()))
    return np.asarray(likely * (np.log1p(likely * usual) if smooth else np.log(np.maximum(likely * usual, 1.0))))


def shares(played: Counts, liked: Counts) -> npt.NDArray[np.float64]:
    """The likely share of listeners who like each track, ``(tracks,)``."""
    alpha, beta = _prior(played, liked)
    return np.asarray((liked + alpha) / (played + alpha + beta))


def _prior(played: Counts, liked: Counts) -> tuple[float, float]:
    """The beta distribution of the shares."""
    share, mean = liked / played, float(liked.sum() / played.sum())
    noise = mean * (1 - mean) * float(np.mean(1 / played))
    spread = max(float(share.var()) - noise, 1e-4)
    strength = float(np.clip(mean * (1 - mean) / spread - 1, 1.0, 500.0))
    return strength * mean, strength * (1 - mean)


def audible_ceiling(
    played: Counts, liked: Counts, *, smooth: bool = False, seed: int = 0
) -> tuple[float, float, float]:
    """The share of pairs that who knows every track's true share of likes would order rightly; its 95 % interval.

    How often a track was played can't be heard, so this is lower than the ceiling where plays differ: shares are drawn
    from what is likely of each track, likes from them, and p of these is what is to be ordered. For the interval,
    tracks are drawn as well.
    """
    rng = np.random.default_rng([seed, 19])
    alpha, beta = _prior(played, liked)
    found, drawn = [], []
    for _ in range(SPLITS if len(played) > 1 else 0):
        share = rng.beta(liked + alpha, played - liked + beta)
        p = target(played, rng.binomial(played, share), smooth=smooth)
        rows = rng.integers(len(p), size=len(p))
        found.append(_in_order(share, p))
        drawn.append(_in_order(share[rows], p[rows]))
    if not np.isfinite(found).any():
        return math.nan, math.nan, math.nan
    low, high = np.nanquantile(drawn, [0.025, 0.975]).tolist()
    return float(np.nanmean(found)), low, high


def _in_order(rated: npt.NDArray[np.float64], p: npt.NDArray[np.float64]) -> float:
    better = p[:, None] > p
    return float((rated[:, None] > rated)[better].mean()) if better.any() else math.nan


BIASES = "biases.json"
AGES = ((0, 25), (25, 35), (35, 50), (50, 120))  # years, the second not included
PARTS = 4  # into which tracks are divided by how often they were played
TONGUES = 6  # the most frequent
BIAS_DRAWS = 1000


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
    for quarter in range(PARTS):
        some = tracks[part == quarter]
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
    rows = np.random.default_rng(seed).integers(len(sums), size=(BIAS_DRAWS, len(sums)))
    drawn = sums[rows].sum(1) / sizes[rows].sum(1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(sums.sum() / sizes.sum()), float(low), float(high)
