"""The music to train and test on, behind one registry; each corpus is parsed once and cached.

``oneills1850``, ``ryansMammoth``, ``airdsAirs`` and ``bachChorales`` come with the installed music21 package;
``pop1k7``, ``cre`` and ``emopia`` lie in the folder that ``KALLOS_CORPORA`` names, which is read here and nowhere else.
A chorale of Bach has four voices, bars and pickups as written, and repeats written out; fermatas are ignored.

Pieces that were parsed are kept in one compressed numpy file a corpus. ``find_piece`` reads one of them alone: a whole
corpus takes seconds, or minutes where it is new.
"""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import json
import logging
import os
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache as remembered
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import platformdirs

from models.music.files import replacing

from .abc import decoded, split_tunes, titles_of, tune_piece
from .dance_types import accent, unit_hash
from .folder import Loaded, read_folder
from .keys import with_chords
from .midi import read_midi, without_overlaps
from .notes import TICKS_PER_QUARTER, Domain, IntArray, MusicError, Piece

Tell = Callable[[float], None]  # is called with the share that is done, 0 to 1

SLOWEST_BPM, FASTEST_BPM = 72.0, 80.0
SOPRANO_LOUDER = 6

log = logging.getLogger(__name__)

MUSIC21_TERMS = "distributed with music21 by permission of its encoders; some files non-commercial"

READERS = (
    "abc", "abc_fields", "abc_measures", "corpora", "dance_types", "folder", "keys", "midi",
    "midi_file", "notes", "tables",
)  # fmt: skip


def silent(share: float) -> None:
    """Tell nobody."""


def chorale_tempo_bpm(name: str) -> float:
    """Quarters a minute of a chorale by its name: 72 to 80."""
    return SLOWEST_BPM + (FASTEST_BPM - SLOWEST_BPM) * unit_hash(name)


def chorale_velocity(accent_of: npt.ArrayLike, *, soprano: npt.ArrayLike) -> IntArray:
    """About 70: a third of the accents that a dance tune gets, the soprano 6 louder."""
    return np.asarray(70 + (np.asarray(accent_of) - 70) // 3 + SOPRANO_LOUDER * np.asarray(soprano), dtype=np.int32)


def read_chorale(path: Path, source: str = "") -> Piece:
    """One score as a piece; tempo 72 to 80 by a hash of its name, since the scores give none.

    Velocities lie about 70: a third of the accents that a dance tune gets, the soprano 6 louder. Raises
    ``MusicError`` where music21 cannot read the score.
    """
    from music21 import converter  # noqa: PLC0415 (a quarter of a second that only this corpus needs)

    try:
        score: Any = converter.parse(path, forceSource=True, storePickle=False)
        if any(score.recurse().getElementsByClass("Repeat")):
            score = score.expandRepeats()
        parts = _voices([part for part in score.parts if len(part.recurse().notes)])
        bars = _bars(parts)
        notes = np.concatenate([_notes(part, bars, soprano=index == 0) for index, part in enumerate(parts)])
    except MusicError:
        raise
    except Exception as error:  # music21 raises whatever went wrong inside it
        raise MusicError(f"the score {path.name} cannot be read: {error}") from error
    name = path.stem
    bpm = chorale_tempo_bpm(name)
    title = score.metadata.title if score.metadata else None
    return Piece(
        notes=without_overlaps(notes),
        bars=bars,
        tempo_bpm=np.full(len(bars), bpm, dtype=np.float32),
        titles=(title,) if title and not title.lower().startswith("bwv") else (),
        genre="chorale",
        source=source,
        piece_id=name,
    )


@remembered
def hymn_titles() -> Mapping[str, str]:
    """Number in the catalogue of Bach's works → the hymn, of the chorales that Riemenschneider or Kalmus printed."""
    from music21.corpus.chorales import ChoraleListRKBWV  # noqa: PLC0415 (a second that only a search needs)

    listed = ChoraleListRKBWV()  # type: ignore[no-untyped-call]
    return {number: str(each["title"]) for number, each in listed.byBWV.items()}


def _voices(parts: list[Any]) -> list[Any]:
    """Soprano, alto, tenor and bass where the score also has instruments, which double them; else all parts."""
    names = [str(part.partName or "").lower() for part in parts]
    voices = [
        next((part for part, name in zip(parts, names, strict=True) if name.startswith(voice)), None)
        for voice in ("sop", "alto", "ten", "bass")
    ]
    return parts if any(voice is None for voice in voices) else voices


def _ticks(quarters: Any) -> int:
    return round(float(quarters) * TICKS_PER_QUARTER)


def _bars(parts: list[Any]) -> IntArray:
    """Bars of the part that lasts longest, halves on both sides of a repeat sign joined: int32 ``(bars, 4)``."""
    if not parts:
        raise MusicError("the score has no parts with notes")
    part = max(parts, key=lambda p: float(p.duration.quarterLength))
    measures = list(part.getElementsByClass("Measure"))
    starts = [_ticks(m.offset) for m in measures]
    end = max(_ticks(p.duration.quarterLength) for p in parts)
    rows: list[tuple[int, int, int, int]] = []
    meter = (4, 4)
    for measure, start, stop in zip(measures, starts, [*starts[1:], end], strict=True):
        if measure.timeSignature is not None:
            meter = (int(measure.timeSignature.numerator), int(measure.timeSignature.denominator))
        full = 96 * meter[0] // meter[1]
        if len(rows) > 1 and rows[-1][1] < full and stop - rows[-1][0] <= full:
            rows[-1] = (rows[-1][0], stop - rows[-1][0], *meter)
        elif stop > start:
            rows.append((start, stop - start, *meter))
    return np.array(rows, dtype=np.int32)


def _notes(part: Any, bars: IntArray, *, soprano: bool) -> IntArray:
    rows = []
    flat = part.flatten()
    flat.stripTies(inPlace=True)  # a copy would take half of all the time
    for item in flat.notes:
        start, end = _ticks(item.offset), _ticks(item.offset + item.duration.quarterLength)
        if end <= start:  # a grace note
            continue
        bar = bars[np.searchsorted(bars[:, 0], start, side="right") - 1]
        full = 96 * int(bar[2]) // int(bar[3])
        late = max(0, full - int(bar[1])) if bar[0] == 0 else 0
        struck = accent(start - int(bar[0]) + late, int(bar[2]), int(bar[3]))
        velocity = int(chorale_velocity(struck, soprano=soprano))
        rows += [(start, end - start, int(p.midi), velocity) for p in item.pitches]
    return np.array(rows, dtype=np.int32).reshape(-1, 4)


@dataclass(frozen=True)
class Unread:
    """A piece of a file before it is parsed: ``read`` gives it or raises ``MusicError``, its neighbours go on."""

    name: str
    titles: tuple[str, ...]
    read: Callable[[], Piece]


Reader = Callable[[Path], Iterator[Unread]]


@dataclass(frozen=True)
class Corpus:
    """One corpus: where its files lie below the music21 corpus or ``KALLOS_CORPORA``, and how each of them is read."""

    name: str
    domain: Domain
    terms: str
    shipped: bool  # with music21
    pattern: str
    read: Reader

    def files(self) -> list[Path]:
        """The corpus's files in a fixed order; empty where it is not installed."""
        root = music21_corpus() if self.shipped else corpora_folder()
        return sorted(root.glob(self.pattern)) if root and root.is_dir() else []


@dataclass(frozen=True)
class CorpusStatus:
    """What ``kallos corpus list`` shows: the corpus, whether its files are there, how many, and what may be done."""

    name: str
    domain: Domain
    available: bool
    files: int
    origin: str
    terms: str


def corpora_folder() -> Path | None:
    """The folder of ``KALLOS_CORPORA``, None where it is not set."""
    value = os.environ.get("KALLOS_CORPORA", "").strip()
    return Path(value) if value else None


def music21_corpus() -> Path | None:
    """The corpus folder of the installed music21 package, found without importing it."""
    spec = importlib.util.find_spec("music21")
    return Path(spec.origin).parent / "corpus" if spec and spec.origin else None


def default_cache() -> Path:
    """Where parsed corpora are kept: ``$KALLOS_HOME/cache``, or the user's cache folder."""
    home = os.environ.get("KALLOS_HOME", "").strip()
    return Path(home) / "cache" if home else Path(platformdirs.user_cache_dir("kallos"))


def _tunes(path: Path) -> Iterator[Unread]:
    yield from _named_tunes(path, decoded(path))


def _ryans_tunes(path: Path) -> Iterator[Unread]:
    """Tunes of this copy of Ryan's, in which whoever hid the at signs left a colon after every "at" ("Stat:ue")."""
    yield from _named_tunes(path, re.sub(r"(?<=at):", "", decoded(path)))


def _named_tunes(path: Path, text: str) -> Iterator[Unread]:
    """Tunes by file and number, a second tune of one number with a letter."""
    seen: dict[str, int] = {}
    for tune in split_tunes(text):
        again = seen[tune.number] = seen.get(tune.number, -1) + 1
        name = f"{path.stem}:{tune.number}{chr(97 + again) if again else ''}"
        yield Unread(name, titles_of(tune), partial(tune_piece, tune, name))


def _chorale(path: Path) -> Iterator[Unread]:
    """A chorale; its scores bear no title but the number of the work."""
    yield Unread(path.stem, (f"BWV {path.stem.removeprefix('bwv')}",), partial(read_chorale, path))


def _performance(path: Path) -> Iterator[Unread]:
    yield Unread(path.stem, (), partial(read_midi, path, performed=True))


def _emopia(path: Path) -> Iterator[Unread]:
    labels = partial(emopia_labels, path)
    yield Unread(path.stem, (), lambda: replace(read_midi(path), performed=True, extra=labels()))


def emopia_labels(path: Path) -> dict[str, str]:
    """Quadrant, song and published split of an EMOPIA clip; its bars, a fixed grid of 120 bpm, mean nothing."""
    quadrant, song = path.stem.split("_")[0], re.sub(r"^Q\d_|_\d+$", "", path.stem)
    labels = {"quadrant": quadrant, "song": song, "bars": "unestimated"}
    split = _emopia_split(path.parent.parent / "split").get(path.name)
    return {**labels, "split": split} if split else labels


@remembered  # ``cache`` is a folder in this file
def _emopia_split(folder: Path) -> dict[str, str]:
    """The published part of each clip by its file name."""
    parts: dict[str, str] = {}
    for part in ("train", "val", "test"):
        table = folder / f"{part}_clip.csv"
        if table.is_file():
            with table.open(newline="", encoding="utf-8") as file:
                parts |= dict.fromkeys((row["clip_name"] for row in csv.DictReader(file)), part)
    return parts


CORPORA = {
    corpus.name: corpus
    for corpus in (
        Corpus("oneills1850", "dance", MUSIC21_TERMS, True, "oneills1850/*.abc", _tunes),  # noqa: FBT003
        Corpus("ryansMammoth", "dance", MUSIC21_TERMS, True, "ryansMammoth/*.abc", _ryans_tunes),  # noqa: FBT003
        Corpus("airdsAirs", "dance", MUSIC21_TERMS, True, "airdsAirs/*.abc", _tunes),  # noqa: FBT003
        Corpus("bachChorales", "chorale", MUSIC21_TERMS, True, "bach/bwv*.*l", _chorale),  # noqa: FBT003
        Corpus("pop1k7", "pop", "unstated; not redistributed", False, "pop1k7/*/*.mid", _performance),  # noqa: FBT003
        Corpus("cre", "dance", "Unlicense / CC BY 4.0", False, "cre/*.abc", _tunes),  # noqa: FBT003
        Corpus("emopia", "pop", "CC BY-NC-SA 4.0", False, "emopia/midi/*.mid", _emopia),  # noqa: FBT003
    )
}

NEVER_SHIPPED = ("pop1k7",)  # neither excerpts nor what a model makes of one piece or bar


def registry() -> dict[str, CorpusStatus]:
    """Every corpus that Kallos knows by its name, there or not."""
    rows = {}
    for corpus in CORPORA.values():
        count = len(corpus.files())
        origin = "music21" if corpus.shipped else "KALLOS_CORPORA"
        rows[corpus.name] = CorpusStatus(corpus.name, corpus.domain, count > 0, count, origin, corpus.terms)
    return rows


def load(name: str, cache: Path | None = None, limit: int | None = None, tell: Tell = silent) -> list[Piece]:
    """The pieces of a corpus, parsed once and then taken from ``cache``; raises ``MusicError`` where it is missing.

    ``limit`` reads only about the first files that hold so many pieces, and leaves the cache alone. ``tell`` is called
    with how much of it has been parsed, 0 to 1.
    """
    return build(name, cache, limit, tell).pieces


def load_folder(folder: Path, of_midi: Callable[[Piece], Piece] = lambda piece: piece) -> list[Piece]:
    """The pieces of a folder of MIDI and ABC files (``folder.read_folder`` also tells what was broken)."""
    return read_folder(folder, of_midi).pieces


def build(name: str, cache: Path | None = None, limit: int | None = None, tell: Tell = silent) -> Loaded:
    """As ``load``, with the broken files and why each is broken."""
    if name not in CORPORA:
        raise MusicError(f"no corpus is called {name!r}; there are {', '.join(CORPORA)}")
    corpus = CORPORA[name]
    files = corpus.files()
    if not files:
        where = "the music21 package" if corpus.shipped else "the folder that KALLOS_CORPORA names"
        raise MusicError(f"the corpus {name} is not in {where}")
    if limit is not None:
        return _parsed(corpus, files, limit, tell)
    path = (cache or default_cache()) / f"{name}-{fingerprint(files)}.npz"
    if (found := load_pieces(path)) is not None:
        return Loaded(*found)
    loaded = _parsed(corpus, files, None, tell)
    save_pieces(path, loaded.pieces, loaded.broken)
    for old in path.parent.glob(f"{name}-*.npz"):
        if old != path:
            old.unlink(missing_ok=True)
    return loaded


def read_one(corpus: Corpus, path: Path, name: str) -> Piece:
    """One piece of a corpus's file by its name; raises ``MusicError`` where it is broken or not there."""
    for unread in corpus.read(path):
        if unread.name == name:
            return whole(corpus, unread)
    raise MusicError(f"there is no {name} in {path.name}")


def whole(corpus: Corpus, unread: Unread) -> Piece:
    """A piece of a corpus parsed, with what the corpus says of it and its chords; raises ``MusicError``."""
    piece_id = f"{corpus.name}/{unread.name}"
    about = {"piece_id": piece_id, "source": corpus.name, "terms": corpus.terms, "domain": corpus.domain}
    return with_chords(replace(unread.read(), **about))  # type: ignore[arg-type]


def _parsed(corpus: Corpus, files: list[Path], limit: int | None, tell: Tell) -> Loaded:
    pieces: list[Piece] = []
    broken: dict[str, str] = {}
    for number, path in enumerate(files):
        if limit is not None and len(pieces) >= limit:
            break
        try:
            found = list(corpus.read(path))
            for place, unread in enumerate(found):
                if limit is not None and len(pieces) >= limit:
                    break
                tell(max((number + place / len(found)) / len(files), len(pieces) / limit if limit else 0.0))
                try:
                    pieces.append(whole(corpus, unread))
                except MusicError as error:
                    broken[unread.name] = str(error)
        except (MusicError, OSError) as error:
            broken[path.name] = str(error)
    for name, reason in broken.items():
        log.warning("%s: %s: %s", corpus.name, name, reason)
    return Loaded(pieces, broken)


def fingerprint(files: Iterable[Path]) -> str:
    """Hash of the files' names and contents and of the source of the readers, which made what is cached."""
    digest = hashlib.blake2b(digest_size=12)
    for reader in READERS:
        digest.update((Path(__file__).parent / f"{reader}.py").read_bytes())
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.name}:{len(content)}:".encode())
        digest.update(content)
    return digest.hexdigest()


def save_pieces(path: Path, pieces: Sequence[Piece], broken: dict[str, str]) -> None:
    """Write the pieces and the reasons of the broken files; the file appears whole or not at all."""
    about = []
    for piece in pieces:
        row = piece.to_json()
        about.append({k: v for k, v in row.items() if k not in {"notes", "bars", "tempo_bpm", "ticks_per_quarter"}})
    meta = json.dumps({"pieces": about, "broken": broken}, ensure_ascii=False).encode()
    arrays: dict[str, Any] = {
        "notes": np.concatenate([p.notes for p in pieces] or [np.zeros((0, 4), np.int32)]),
        "bars": np.concatenate([p.bars for p in pieces] or [np.zeros((0, 4), np.int32)]),
        "tempo_bpm": np.concatenate([p.tempo_bpm for p in pieces] or [np.zeros(0, np.float32)]),
        "note_counts": np.array([len(p.notes) for p in pieces], dtype=np.int64),
        "bar_counts": np.array([len(p.bars) for p in pieces], dtype=np.int64),
        "meta": np.frombuffer(meta, dtype=np.uint8),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part, part.open("wb") as file:
        np.savez_compressed(file, **arrays)


def load_pieces(path: Path) -> tuple[list[Piece], dict[str, str]] | None:
    """The pieces and the broken files of ``save_pieces``; None where the file is missing or damaged."""
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            arrays = {name: data[name] for name in data.files}
        meta = json.loads(arrays["meta"].tobytes())
        pieces, note, bar = [], 0, 0
        for about, notes, bars in zip(meta["pieces"], arrays["note_counts"], arrays["bar_counts"], strict=True):
            pieces.append(
                Piece(
                    notes=arrays["notes"][note : note + notes],
                    bars=arrays["bars"][bar : bar + bars],
                    tempo_bpm=arrays["tempo_bpm"][bar : bar + bars],
                    chords=tuple(about.pop("chords")),
                    titles=tuple(about.pop("titles")),
                    **about,
                )
            )
            note, bar = note + int(notes), bar + int(bars)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, MusicError):
        return None
    return pieces, dict(meta["broken"])


def find_piece(piece_id: str) -> Piece:
    """The piece that ``corpora.load`` calls so.

    Raises ``MusicError`` where its collection is not there, has no such piece, or holds one that can't be read.
    """
    corpus_name, _, name = piece_id.partition("/")
    corpus = CORPORA.get(corpus_name)
    if corpus is not None:
        for path in corpus.files():
            if path.stem != name.partition(":")[0]:  # files of tunes call theirs FILE:NUMBER
                continue
            for unread in corpus.read(path):
                if unread.name == name:
                    return whole(corpus, unread)
    raise MusicError(f"{piece_id[:80]!r} is in none of the collections that are here")
