"""Tunes as the towers take them: cleaned titles, one name for each type, a melody note by note, a group; pools of them.

A title loses types, numbers and editors' marks, and its alternatives are split.
``models.music.dance_types.clean_title`` has taken the type in brackets or after "--" already. A type that is part of
the name ("The Roscommon Reel") stays, and ``without_type_words`` is there to measure what it is worth. ``invented``
makes new titles from the halves of known ones: "The Siege of Troy" and "The Monks of the Screw" make "The Monks of
Troy". Halves meet where titles of one build have their joint (``of``, ``'s``, or between adjective and noun).

The melody is the highest voice without graces and without second passes. Meters are grouped by their beats (2/4 in
sixteenths is 2/2 in eighths, a bar of 12/8 is two of 6/8), positions and durations are shares of a bar, so that
collections that were typed differently look alike. The key is estimated from the notes (``likely_key``).

A pool of tunes to search has their distinct titles, and says which tune answers to which title. A title answers to
every tune that bears it and to their near-duplicates (one group), so the same tune printed twice is two right answers
and no trap. ``training_parts`` are the tunes of a training run, split. Needs no torch: the web process titles music.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.experiments.dataset import neutral
from models.music import corpora
from models.music.dance_types import clean_title
from models.music.grouping import PUBLISHED, group_ids, part_of, title_key
from models.music.keys import likely_key
from models.music.notes import IntArray, MusicError, Piece

TYPE_WORDS = re.compile(
    r"\b(?:reel|(?:slip |hop |single |double )?jig|horn ?pipe|march|strathspe?y|polka|waltz|slide|minuet|quick ?step|"
    r"quick march|air|song|lament|lamentation|clog|fling|dance|rant|planxty|gavotte|rondo|galop|quadrille)s?\b",
    re.IGNORECASE,
)
OR = re.compile(r"[,;.]?\s*\(or\s+([^()]*)\)|[,;.]\s*or\s+|\s+or\s+(?=the\s)", re.IGNORECASE)
LEADING_OR = re.compile(r"^or\s+", re.IGNORECASE)
VERSION = re.compile(
    r"[\s.,]*[(\[]?(?:\d(?:st|nd|rd|th)|first|second|third|original|florid|old|new)\s+(?:setting|version)s?[)\]]?\s*$|"
    r"\s*(?:\[[ivx]+\]|#\s*\d+|\s\d(?:\s*&\s*\d)?)\s*$",
    re.IGNORECASE,
)
ABBREVIATED = re.compile(r"\s*\((?:h'pipe|sj|barn dance|lancashire|burns)\)|\s*\[[^\]]*index\]|^T:", re.IGNORECASE)
INSTRUMENTS = re.compile(
    r"[.,]?\s*(?:for (?:the |two |2 )?(?:ger\w*:? |german )?|\b\d )(?:flutes?|violins?|fifes?|clarinets?)\b.*$",
    re.IGNORECASE,
)
MARKS = re.compile(r"\(\*\)|[*\"]")  # CRE's asterisk: never printed before
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789 '&-"
LETTERS = {letter: index + 1 for index, letter in enumerate(ALPHABET)}
SYMBOLS = len(ALPHABET) + 1  # 0: nothing
LONGEST_TITLE = 48  # characters that are read

BUILDS = (
    re.compile(r"(The \w+ of) ((?:the |my )?[\w']+(?: \w+)?)"),
    re.compile(r"((?:\w+ )?[A-Z]\w+'s) ([A-Z]\w+)"),
    re.compile(r"(The [A-Z]\w+) ([A-Z]\w+)"),
)
KINDS = re.compile(r"\b(reel|jig|hornpipe|march|strathspe?y|waltz|pol[lk]ac?c?a|quickstep|set|no)\b", re.IGNORECASE)
LEAST_LETTERS = 4  # letters of a half: "Mr. H's" is none
TRIES = 20  # a title, as many may be there already

IntTable = npt.NDArray[np.int16]

FIELD_SIZES: Mapping[str, int] = {
    "interval": 25, "degree": 12, "pitch": 48, "position": 24, "duration": 16, "bar": 32, "meter": 6, "key": 24,
}  # fmt: skip
FIELDS = tuple(FIELD_SIZES)
LONGEST = 192  # notes
LOWEST_PITCH = 48
GRACE_TICKS = 4
METER_NAMES = ("duple", "3/4", "6/8", "9/8", "3/8", "other")
METERS = {(2, 4): 0, (2, 2): 0, (4, 4): 0, (3, 4): 1, (3, 2): 1, (6, 8): 2, (6, 4): 2, (9, 8): 3, (12, 8): 2, (3, 8): 4}
GENRES = {
    "double jig": "jig", "single jig": "jig", "hop jig": "slip jig", "highland fling": "fling", "slow air": "air",
    "quickstep": "march",
}  # fmt: skip
NAMED_AFTER = "oneills1850/"
BOOK_HELD_OUT: Mapping[str, float] = {"validation": 0.1, "test": 0.31}  # of O'Neill's: a test pool of about 630 tunes
HELD_OUT: Mapping[str, float] = {"validation": 0.1, "test": 0.1}

CORPORA = ("oneills1850", "ryansMammoth", "airdsAirs")


def alternatives(titles: Iterable[str]) -> tuple[str, ...]:
    """All that a tune is called, in the order of its ``T:`` lines, each name once; any of them is right."""
    found: dict[str, str] = {}
    for title in titles:
        for part in OR.split(INSTRUMENTS.sub("", ABBREVIATED.sub("", LEADING_OR.sub("", title)))):
            name = _plain(part or "")
            if name and spelled(name):
                found.setdefault(title_key(name), name)
    return tuple(found.values())


def _plain(title: str) -> str:
    """One name without asterisks, version numbers, quotation marks and stray punctuation."""
    name = clean_title(MARKS.sub("", title))
    while (shorter := VERSION.sub("", name)) != name:
        name = shorter
    return re.sub(r"\s+", " ", name).strip(" ,;:.-")


def without_type_words(title: str) -> str:
    """The title without words that name a kind of tune; may be empty."""
    return re.sub(r"\s+", " ", TYPE_WORDS.sub(" ", title)).strip()


def spelled(title: str) -> str:
    """The title as the encoders read it: lower case, no accents, only ``ALPHABET``.

    Case and accents are habits of whoever typed a file, and files hold tunes of one kind.
    """
    plain = unicodedata.normalize("NFKD", title.replace("’", "'")).casefold()
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return re.sub(r"\s+", " ", "".join(c if c in ALPHABET else " " for c in plain)).strip()


def invented(titles: Sequence[str], count: int, rng: np.random.Generator) -> list[str]:
    """``count`` new titles, or fewer where ``titles`` have too few halves; none of them is among ``titles``."""
    halves = [
        [found.groups() for title in titles if (found := build.fullmatch(title)) and _are_words(found)]
        for build in BUILDS
    ]
    halves = [some for some in halves if some]
    known, made = {title.casefold() for title in titles}, dict[str, None]()
    for _ in range(TRIES * count if halves else 0):
        some = halves[rng.integers(len(halves))]
        first, second = some[rng.integers(len(some))][0], some[rng.integers(len(some))][1]
        title = f"{first} {second}"
        if title.casefold() not in known:
            made[title] = None
        if len(made) == count:
            break
    return list(made)


def _are_words(found: re.Match[str]) -> bool:
    """Whether both halves are words, and none says what kind of tune it is: that is not known."""
    return all(len(half) >= LEAST_LETTERS and not KINDS.search(half) for half in found.groups())


@dataclass(frozen=True)
class Tune:
    """One tune: ``notes`` int16 ``(notes, len(FIELDS))``, -1 where a field is unknown; ``group``: whatever is the same.

    ``name`` is unique over all collections.
    """

    name: str
    source: str
    titles: tuple[str, ...]
    genre: str | None
    group: str
    notes: IntTable
    part: str | None = None  # of a split that came with the music

    @property
    def meter(self) -> str:
        """The meter of the tune's first note, one of ``METER_NAMES``."""
        return METER_NAMES[int(self.notes[0, FIELDS.index("meter")])]


def name_of(piece: Piece) -> str:
    """A piece's name over all collections."""
    prefix = f"{piece.source}/"
    return piece.piece_id if piece.piece_id.startswith(prefix) else prefix + piece.piece_id


def tunes_of(pieces: Sequence[Piece]) -> list[Tune]:
    """The pieces that have a title and a melody, grouped; raises ``MusicError`` where there are none."""
    found = []
    for piece, group in zip(pieces, group_ids(pieces), strict=True):
        titles, notes = alternatives(piece.titles), note_fields(piece)
        if titles and len(notes) > 1:
            genre = GENRES.get(piece.genre, piece.genre) if piece.genre else None
            part = PUBLISHED.get(piece.extra.get("split", ""))
            found.append(Tune(name_of(piece), piece.source, titles, genre, group, notes, part))
    if not found:
        raise MusicError(f"of {len(pieces)} pieces none has both a title and a melody; ABC tunes with T: lines have")
    return found


def split_tunes(tunes: Sequence[Tune]) -> dict[str, list[Tune]]:
    """Train, validation and test by a hash of the group: of O'Neill's more is held out than of what is only elsewhere.

    A split that came with the music holds for the whole group.
    """
    published = {tune.group: tune.part for tune in tunes if tune.part}
    parts: dict[str, list[Tune]] = {"train": [], "validation": [], "test": []}
    for tune in tunes:
        shares = BOOK_HELD_OUT if tune.group.startswith(NAMED_AFTER) else HELD_OUT
        parts[published.get(tune.group) or part_of(tune.group, 0, shares)].append(tune)
    return parts


def tunes_hash(tunes: Sequence[Tune]) -> str:
    """Digest of names, titles and melodies, whatever the order."""
    digests = sorted(
        hashlib.sha256("\0".join([tune.name, *tune.titles]).encode() + tune.notes.tobytes()).hexdigest()
        for tune in tunes
    )
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:16]


def note_fields(piece: Piece) -> IntTable:
    """A melody as int16 ``(notes, len(FIELDS))``, at most ``LONGEST`` notes; empty where there is none."""
    melody = highest_voice(piece.notes)
    if len(melody) == 0:
        return np.zeros((0, len(FIELDS)), dtype=np.int16)
    key = likely_key(np.bincount(melody[:, 2] % 12, melody[:, 1], minlength=12))
    bar = np.searchsorted(piece.bars[:, 0], melody[:, 0], side="right") - 1
    passes = first_passes(piece, melody, bar)
    kept = np.isin(bar, passes)
    melody, bar = melody[kept][:LONGEST], bar[kept][:LONGEST]
    numerator, denominator = piece.bars[bar, 2], piece.bars[bar, 3]
    full = 96 * numerator // denominator
    late = np.where(bar == 0, np.maximum(0, full - piece.bars[bar, 1]), 0)  # a pickup is the end of a bar
    position = melody[:, 0] - piece.bars[bar, 0] + late
    number = np.searchsorted(passes, bar)
    if (double := (numerator == 12) & (denominator == 8)).any():
        full = np.where(double, full // 2, full)
        number = 2 * number + np.where(double, position // full, 0)
        position = np.where(double, position % full, position)
    pitch = melody[:, 2]
    columns = {
        "interval": np.append(-1, np.clip(np.diff(pitch), -12, 12) + 12),
        "degree": (pitch - key) % 12,
        "pitch": np.clip(pitch - LOWEST_PITCH, 0, FIELD_SIZES["pitch"] - 1),
        "position": np.clip(24 * position // full, 0, 23),
        "duration": np.clip(np.round(2 * np.log2(48 * melody[:, 1] / full)), 0, 15),
        "bar": np.minimum(number, FIELD_SIZES["bar"] - 1),
        "meter": [METERS.get((int(n), int(d)), 5) for n, d in zip(numerator, denominator, strict=True)],
        "key": np.full(len(melody), key),
    }
    return np.stack([np.asarray(columns[name]) for name in FIELDS], axis=1).astype(np.int16)


def highest_voice(notes: IntArray) -> IntArray:
    """The highest note at each onset, graces left out: int32 ``(notes, 4)``."""
    real = notes[notes[:, 1] > GRACE_TICKS]
    last = np.append(np.diff(real[:, 0]) > 0, np.ones(min(1, len(real)), dtype=np.bool_))
    voice: IntArray = real[last]  # notes are sorted by onset, then pitch
    return voice


def first_passes(piece: Piece, melody: IntArray, bar: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Indices of the bars that don't repeat the 16, 8 or 4 bars before them; a repeat's last bar may differ."""
    told = melody[:, :3].copy()
    told[:, 0] -= piece.bars[bar, 0]
    edges = np.searchsorted(bar, np.arange(len(piece.bars) + 1))
    seen: dict[bytes, int] = {}
    bars = [seen.setdefault(told[a:b].tobytes(), len(seen)) for a, b in itertools.pairwise(edges.tolist())]
    kept = list(range(len(bars)))
    for length in (16, 8, 4):
        at = 0
        while at + 2 * length <= len(kept):
            first, second = kept[at : at + length - 1], kept[at + length : at + 2 * length - 1]
            if all(bars[i] == bars[j] for i, j in zip(first, second, strict=True)):
                del kept[at + length : at + 2 * length]
            else:
                at += 1
    return np.array(kept)


@dataclass(frozen=True)
class Pool:
    """``right``: bool ``(titles, tunes)``; ``title_groups`` and ``tune_groups`` are what a bootstrap draws whole."""

    tunes: tuple[Tune, ...]
    titles: tuple[str, ...]
    right: npt.NDArray[np.bool_]
    title_groups: tuple[str, ...]

    @property
    def tune_groups(self) -> tuple[str, ...]:
        """The group of each tune."""
        return tuple(tune.group for tune in self.tunes)

    @property
    def duplicates(self) -> int:
        """Tunes whose group another tune of the pool has, too."""
        counts = Counter(self.tune_groups)
        return sum(count for count in counts.values() if count > 1)

    def first_titles(self) -> npt.NDArray[np.int64]:
        """Indices of the titles that are some tune's first one."""
        first = {title_key(tune.titles[0]) for tune in self.tunes}
        return np.flatnonzero([title_key(title) in first for title in self.titles])


def make_pool(tunes: Sequence[Tune]) -> Pool:
    """The pool of ``tunes``, which must not be empty."""
    titles: dict[str, str] = {}
    groups: dict[str, set[str]] = defaultdict(set)
    for tune in tunes:
        for title in tune.titles:
            titles.setdefault(title_key(title), title)
            groups[title_key(title)].add(tune.group)
    names, owner = np.unique([tune.group for tune in tunes], return_inverse=True)
    number = {name: index for index, name in enumerate(names.tolist())}
    answers = np.zeros((len(titles), len(names)), dtype=np.bool_)
    for row, key in enumerate(titles):
        answers[row, [number[group] for group in groups[key]]] = True
    return Pool(tuple(tunes), tuple(titles.values()), answers[:, owner], tuple(min(groups[key]) for key in titles))


def training_parts(data: Path | None, out: Path, *, again: bool) -> dict[str, list[Tune]]:
    """The tunes by part, split now and noted in ``out/split.json``, or as noted there (``again``).

    Raises ``MusicError`` where there is nothing to train on or to validate with.
    """
    if data is None:
        there = corpora.registry()
        pieces = [piece for name in CORPORA if there[name].available for piece in corpora.load(name)]
    else:
        pieces = corpora.load_folder(data, neutral)
    tunes, record = tunes_of(pieces), out / "split.json"
    if again and record.exists():
        noted = {part: set(names) for part, names in json.loads(record.read_text(encoding="utf-8")).items()}
        parts = {part: [tune for tune in tunes if tune.name in names] for part, names in noted.items()}
    else:
        parts = split_tunes(tunes)
        text = json.dumps({part: [tune.name for tune in found] for part, found in parts.items()}, ensure_ascii=False)
        record.write_text(text + "\n", encoding="utf-8")
    for part, least in (("train", 8), ("validation", 2)):
        if len(parts[part]) < least:
            raise MusicError(f"{len(tunes)} tunes leave {len(parts[part])} for {part}; at least {least} are needed")
    return parts
