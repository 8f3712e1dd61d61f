"""Real listeners' judgements and clips from a folder, in the three forms that the contracts name.

Ratings: ``ratings.csv`` (listener_id, clip_id, rating). Votes: ``votes.csv`` (listener_id, left, right, outcome).
Likes: ``ratings.csv`` with one row a listening (track id, liked, disliked, ...), where a listener is known by age,
gender and mother tongue only: such keys are left out where they have more than 40 rows or one track twice, since they
are several people. Clips lie in ``midi/CLIP.mid`` and ``audio/CLIP.*``.

``Resampling`` says how sure a figure over pairs is: listeners and clips are drawn again, together or alone.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.console import Console
from rich.progress import track

from models.experiments.dataset import neutral
from models.experiments.report import Metric
from models.metrics.audio_statistics import audio_statistics, read_audio
from models.metrics.intervals import NORMAL_95
from models.metrics.music_statistics import note_statistics
from models.music.midi import read_midi
from models.music.midi_file import SUFFIXES, parse
from models.music.notes import MusicError, Piece
from models.music.tables import Names, TableError, number, plain, read_table
from models.style.checkpoint import StyleBundle
from models.style.compose import Composer
from models.taste.space import TasteSpace, summary

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

NOBODY = -1  # the right clip of a rating

Form = Literal["ratings", "votes", "likes"]
RATINGS = ("listener_id", "clip_id", "rating")
VOTES = ("listener_id", "left", "right", "outcome")
LIKES = ("track id", "liked", "disliked")
KEY = ("age", "gender", "mother tongue")
OUTCOMES = {"left": 1.0, "right": -1.0, "equal": 0.0}
SILENT = ("neither", "skipped")  # they do not say which clip is the better one
MOST_ROWS = 40
NOTES = frozenset(SUFFIXES)

DRAWS = 1000


@dataclass(frozen=True)
class Judgements:
    """What listeners said: int64 ``listener``, ``left``, ``right`` ``(n,)`` and ``value`` ``(n,)``.

    A rating has no right clip (``NOBODY``) and its rating as value; a vote is 1 (left), 0 (equal) or -1 (right).
    Raises ``ValueError`` where the two are mixed or shapes differ.
    """

    listener: IntArray
    left: IntArray
    right: IntArray
    value: FloatArray

    def __post_init__(self) -> None:
        if not len(self.listener) == len(self.left) == len(self.right) == len(self.value):
            raise ValueError("judgements need one listener, left clip, right clip and value each")
        rated = self.right == NOBODY
        if rated.any() and not rated.all():
            raise ValueError("judgements are ratings or votes, not both")

    def __len__(self) -> int:
        return len(self.listener)

    @property
    def rated(self) -> bool:
        """Whether these are ratings."""
        return bool(len(self)) and bool((self.right == NOBODY).all())

    def choose(self, rows: npt.ArrayLike) -> Judgements:
        """Only some of the rows (indices or a mask)."""
        at = np.asarray(rows)
        at = at if at.dtype == bool else at.astype(np.int64)
        return Judgements(self.listener[at], self.left[at], self.right[at], self.value[at])


@dataclass(frozen=True)
class Pairs:
    """Pairs with a better clip: int64 ``listener``, ``left``, ``right`` and whether left won, ``(n,)`` each."""

    listener: IntArray
    left: IntArray
    right: IntArray
    won: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.won)


def joined(parts: Sequence[Pairs]) -> Pairs:
    """Pairs behind each other."""
    names = ("listener", "left", "right", "won")
    return Pairs(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


@dataclass(frozen=True)
class Study:
    """Judgements of listeners 0, 1, ... on clips 0, 1, ... whose names ``clips`` holds, and the clips' features.

    ``features``: group → ``(C, F)``: notes, audio, latents, and further measures that were added to those of the
    folder (``models.taste.evaluation.heads``). ``left_out``: listeners that could not be told apart.
    """

    form: Form
    clips: tuple[str, ...]
    judgements: Judgements
    features: dict[str, FloatArray]
    hash: str
    left_out: int = 0

    @property
    def listeners(self) -> IntArray:
        """Who has judged, ascending."""
        return np.unique(self.judgements.listener)

    def rows_of(self, listener: int) -> IntArray:
        """Rows of one listener's judgements."""
        return np.flatnonzero(self.judgements.listener == listener)

    def pairs(self, rows: npt.ArrayLike) -> Pairs:
        """Within-listener pairs among ``rows``: ratings that differ (one liked, one disliked), or decided votes."""
        some = self.judgements.choose(rows)
        if not some.rated:
            decided = some.choose(some.value != 0)
            return Pairs(decided.listener, decided.left, decided.right, decided.value > 0)
        order = np.lexsort((some.left, some.listener))  # not as they were heard: a first clip is rated with more care
        edges = np.flatnonzero(np.diff(some.listener[order], prepend=-1, append=-1))
        found = []
        for begin, end in pairwise(edges):
            a, b = np.triu_indices(int(end - begin), 1)
            a, b = order[begin + a], order[begin + b]
            told = np.abs(some.value[a] - some.value[b]) >= (2 if self.form == "likes" else 1e-9)
            found.append(np.stack([a[told], b[told]]))
        a, b = np.concatenate(found, axis=1) if found else np.zeros((2, 0), dtype=np.int64)
        return Pairs(some.listener[a], some.left[a], some.left[b], some.value[a] > some.value[b])


def load_study(folder: Path, bundle: StyleBundle | None, *, limit: int | None = None, quiet: bool = False) -> Study:
    """Read ``folder``; ``limit`` keeps the first so many listeners. ``SystemExit`` says what is wrong with it."""
    form, table = _table(folder)
    rows = {"ratings": _ratings, "votes": _votes, "likes": _likes}[form](table, folder)
    rows, left_out = rows if isinstance(rows, tuple) else (rows, 0)
    keep = pd.unique(rows["listener"])[:limit]
    rows = rows[rows["listener"].isin(set(keep))]
    names = sorted({*rows["left"], *rows["right"]} - {""}, key=lambda name: (len(name), name))
    if len(keep) < 3 or len(names) < 10:
        raise SystemExit(
            f"{folder} has {len(keep)} listeners who judged {len(names)} clips; at least 3 listeners and 10 clips are "
            "needed: add judgements or raise --limit"
        )
    place = {name: index for index, name in enumerate(names)} | {"": NOBODY}
    judgements = Judgements(
        pd.factorize(rows["listener"])[0].astype(np.int64),
        rows["left"].map(place).to_numpy(np.int64),
        rows["right"].map(place).to_numpy(np.int64),
        rows["value"].to_numpy(np.float64),
    )
    features, digest = _features(folder, names, bundle, quiet=quiet)
    digest.update(rows.to_csv(index=False).encode())
    return Study(form, tuple(names), judgements, features, digest.hexdigest(), left_out)


def _table(folder: Path) -> tuple[Form, pd.DataFrame]:
    """Which form the folder has, and its table as text; a row's index is its line in the file less 2."""
    files = [name for name in ("ratings.csv", "votes.csv") if (folder / name).is_file()]
    if len(files) != 1:
        there = " and ".join(files) or "neither ratings.csv nor votes.csv"
        raise SystemExit(f"{folder} holds {there}; exactly one of them is needed: give --data another folder")
    try:
        read = read_table(folder / files[0])
    except TableError as error:
        raise SystemExit(f"{folder / files[0]} is no CSV table: {error}") from None
    index = pd.Index([line - 2 for line in read.lines], dtype=np.int64)
    table = pd.DataFrame(read.rows, columns=list(filter(None, read.columns)), index=index, dtype=str)
    forms: dict[Form, tuple[str, ...]] = {"ratings": RATINGS, "likes": LIKES, "votes": VOTES}
    for form, columns in forms.items():
        if (form == "votes") == (files[0] == "votes.csv") and set(columns) <= set(table.columns):
            return form, table
    raise SystemExit(
        f"{folder / files[0]} has the columns {', '.join(table.columns)}; allowed are ratings.csv with "
        f"{', '.join(RATINGS)} or {', '.join(LIKES)}, or votes.csv with {', '.join(VOTES)}: rename the columns"
    )


def _numbers(table: pd.DataFrame, column: str, where: str, allowed: str) -> pd.Series[float]:
    found = table[column].map(number).astype(float)
    wrong = ~np.isfinite(found) if allowed == "a number" else ~found.isin([0, 1])
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise SystemExit(
            f"{where}, line {table.index[row] + 2}: {column} is {table[column].iloc[row]!r}; {allowed} is allowed: "
            "mend or drop the row"
        )
    return found


def _rows(listener: pd.Series[str], left: pd.Series[str], right: object, value: object, where: str) -> pd.DataFrame:
    rows = pd.DataFrame({"listener": listener, "left": left, "right": right, "value": value})
    for column in ("listener", "left"):
        if (rows[column] == "").any():
            row = int(np.flatnonzero(rows[column] == "")[0])
            raise SystemExit(
                f"{where}, line {rows.index[row] + 2}: a {column} is empty; every row names one: mend or drop the row"
            )
    return rows


def _ratings(table: pd.DataFrame, folder: Path) -> pd.DataFrame:
    where = str(folder / "ratings.csv")
    rows = _rows(table["listener_id"], table["clip_id"], "", _numbers(table, "rating", where, "a number"), where)
    twice = rows.duplicated(["listener", "left"])
    if twice.any():
        row = int(np.flatnonzero(twice)[0])
        raise SystemExit(
            f"{where}, line {rows.index[row] + 2}: listener {rows['listener'].iloc[row]} rates clip "
            f"{rows['left'].iloc[row]} again; one rating each is allowed: drop one of the rows"
        )
    return rows


def _votes(table: pd.DataFrame, folder: Path) -> pd.DataFrame:
    where = str(folder / "votes.csv")
    known = {*OUTCOMES, *SILENT}
    wrong = ~table["outcome"].isin(known) | (table["left"] == table["right"]) | (table["right"] == "")
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        given = ", ".join(table[column].iloc[row] for column in VOTES[1:])
        raise SystemExit(
            f"{where}, line {table.index[row] + 2}: {given!r} was given; two different clips "
            f"and one of {', '.join(sorted(known))} are allowed: mend or drop the row"
        )
    table = table[table["outcome"].isin(OUTCOMES)]
    return _rows(table["listener_id"], table["left"], table["right"], table["outcome"].map(OUTCOMES), where)


def _likes(table: pd.DataFrame, folder: Path) -> tuple[pd.DataFrame, int]:
    """Ratings 1 (liked), -1 (disliked) and 0 of the keys that may be one person, and how many keys may not."""
    where = str(folder / "ratings.csv")
    column = "listener_id" if "listener_id" in table.columns else None
    missing = [name for name in KEY if name not in table.columns]
    if column is None and missing:
        raise SystemExit(
            f"{where} lacks the columns {', '.join(missing)}; a listening is somebody's by listener_id or by "
            f"{', '.join(KEY)}: add them"
        )
    key = table[column] if column else table[list(KEY)].agg("|".join, axis=1)
    value = _numbers(table, "liked", where, "0 or 1") - _numbers(table, "disliked", where, "0 or 1")
    rows = _rows(key, table["track id"], "", value, where)
    many = rows.groupby("listener")["left"].transform("size") > MOST_ROWS
    twice = rows.duplicated(["listener", "left"], keep=False).groupby(rows["listener"]).transform("any")
    kept = rows[~(many | twice)]
    return kept, int(rows["listener"].nunique() - kept["listener"].nunique())


def _features(
    folder: Path, names: list[str], bundle: StyleBundle | None, *, quiet: bool
) -> tuple[dict[str, FloatArray], hashlib._Hash]:
    """Feature groups that every clip has, and a digest of the clips' files.

    A group of which some clips are missing is left out, since a kernel needs it of all.
    """
    audio, midi = files_of(folder / "audio", names), files_of(folder / "midi", names, NOTES)
    lacking = {
        kind: [name for name in names if name not in there] for kind, there in (("midi", midi), ("audio", audio))
    }
    if all(lacking.values()):
        raise SystemExit(
            f"{folder} has no midi/{lacking['midi'][0]}.mid and no audio/{lacking['audio'][0]}.*; every judged clip "
            "needs one of the two, and all the same: add the files or drop the rows"
        )
    composer = Composer(bundle) if bundle else None
    space = None
    if composer and composer.bundle.taste_space_path:
        space = TasteSpace.load(composer.bundle.taste_space_path, composer.version)
    digest = hashlib.sha256()
    columns: dict[str, list[list[float]]] = {"notes": [], "audio": [], "latents": []}
    for name in track(names, "clips", console=Console(stderr=True), disable=quiet):
        try:
            if not lacking["midi"]:
                digest.update(midi[name].read_bytes())
                piece = neutral(read_midi(midi[name]))
                parts = float(len({note[4] for note in parse(midi[name]).notes}))
                columns["notes"].append([*note_statistics(piece).values(), parts])
                if composer and space:
                    columns["latents"] += _latents(composer, space, piece)
            if not lacking["audio"]:
                digest.update(audio[name].read_bytes())
                columns["audio"].append(list(audio_statistics(read_audio(audio[name])).values()))
        except (MusicError, ValueError) as error:
            raise SystemExit(f"clip {name} of {folder} cannot be used: {error}") from None
    whole = {group: np.array(rows) for group, rows in columns.items() if len(rows) == len(names)}
    return whole, digest


def files_of(folder: Path, names: Sequence[str], suffixes: frozenset[str] | None = None) -> dict[str, Path]:
    """The file of each clip of ``names`` that has one, with any suffix or one of ``suffixes``."""
    there = {
        path.stem: path
        for path in sorted(folder.glob("*"))
        if path.is_file() and (suffixes is None or path.suffix.lower() in suffixes)
    }
    found = Names(there)
    return {name: there[stem] for name in names if (stem := found.find(name) or found.find(Path(plain(name)).stem))}


def _latents(composer: Composer, space: TasteSpace, piece: Piece) -> list[list[float]]:
    """Lines of the taste space for the first eight bars; nothing where they cannot be encoded."""
    try:
        return [space.lines(summary(composer.encode(piece)))[0].tolist()]
    except MusicError:
        return []


def accuracy_of(wins: npt.ArrayLike, won: npt.ArrayLike) -> FloatArray:
    """Right, wrong or half right ``(pairs,)`` from P(left) and whether left won."""
    lean = np.sign(np.asarray(wins, dtype=np.float64) - 0.5)
    return np.asarray((lean * np.where(np.asarray(won, dtype=np.bool_), 1, -1) + 1) / 2, dtype=np.float64)


class Resampling:
    """Bootstrap of means over pairs: listeners and clips are drawn, a pair weighs the product of its three counts."""

    def __init__(self, pairs: Pairs, *, seed: int, listeners: bool = True, clips: bool = True) -> None:
        key = np.stack([pairs.listener, pairs.left, pairs.right], axis=1)
        self.unique, owner = np.unique(key, axis=0, return_inverse=True)
        self.owner, self.count = owner.ravel(), np.bincount(owner.ravel())
        who, what = np.unique(self.unique[:, 0]), np.unique(self.unique[:, 1:])
        generator = np.random.default_rng(seed)
        at = np.searchsorted(who, self.unique[:, 0])
        left, right = np.searchsorted(what, self.unique[:, 1]), np.searchsorted(what, self.unique[:, 2])
        self.weights = np.ones((DRAWS, len(self.unique)))
        for draw in range(DRAWS):
            if listeners:
                self.weights[draw] *= _counts(generator, len(who))[at]
            if clips:
                drawn = _counts(generator, len(what))
                self.weights[draw] *= drawn[left] * drawn[right]

    def means(self, values: FloatArray) -> FloatArray:
        """Mean of ``values`` ``(pairs,)`` in each draw, ``(DRAWS,)``; NaN where nothing was drawn."""
        total = np.bincount(self.owner, values)
        with np.errstate(invalid="ignore", divide="ignore"):
            found: FloatArray = (self.weights @ total) / (self.weights @ self.count)
        return found

    def metric(self, values: FloatArray, *, baseline: float | None = None, chance: float | None = None) -> Metric:
        """The mean with its 95 % interval; ``n`` counts each pair of a listener once, however often it was asked."""
        if len(values) == 0:
            return Metric(None, baseline=baseline, chance=chance)
        draws = self.means(values)
        low, high = np.nanquantile(draws, [0.025, 0.975])
        return Metric(float(values.mean()), float(low), float(high), len(self.unique), baseline, chance)


def two_way(over_listeners: Resampling, over_clips: Resampling, values: FloatArray) -> Metric:
    """Mean of ``values`` ``(pairs,)`` with a normal interval, clustered by listener and by clip."""
    total, mean = np.bincount(over_clips.owner, values), float(values.mean())
    alone = float(((total - mean * over_clips.count) ** 2).sum()) / len(values) ** 2
    apart = [float(np.nanvar(draws.means(values))) for draws in (over_listeners, over_clips)]
    half = NORMAL_95 * math.sqrt(max(sum(apart) - alone, *apart))
    return Metric(mean, mean - half, mean + half, len(over_clips.unique))


def _counts(generator: np.random.Generator, many: int) -> FloatArray:
    return np.bincount(generator.integers(many, size=many), minlength=many).astype(np.float64)
