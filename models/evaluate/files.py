"""What becomes of files of many kinds: ``python -m models.evaluate.files --data DIR [--expected FILE]``.

``FILE`` (``DIR/expected.json``) says of each path below ``DIR``, a file or a folder with a table, its ``kind`` and what
is right of it: ``notes`` ([onset in quarters, pitch] each), ``bars`` and ``lengths`` of notes (quarters), ``seconds``,
``frames`` and ``size`` of the film that is made of it, the ``colour`` of a picture ([red, green, blue]), and what a
table says: ``categories``, ``titles``, ``plays`` ([played, liked]); or ``refused``: words that say why not. Without
a ``FILE`` all files are tried and nothing is judged. The table has a line a kind; ``music21`` counts the scores of
which its own readers give the same onsets and pitches. What is wrong stands below it. Nothing is random.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
from rich.console import Console
from rich.table import Table

from models.experiments.report import Metric, Report
from models.music.abc import read_abc
from models.music.decoding import SoundError, decode
from models.music.folder import music_files
from models.music.folder import read_folder as read_music
from models.music.midi import read_midi
from models.music.midi_file import SUFFIXES as MIDI
from models.music.notes import TICKS_PER_QUARTER, MusicError
from models.music.render import SAMPLE_RATE_HZ
from models.picture.film import FORMATS, FilmError, read_film
from models.picture.movie import write_movie
from models.picture.reading import FILMS, PictureError, read_folder, read_picture
from models.rating.plays import FILES as PLAYS
from models.rating.plays import PlaysError, read_plays

NOTES = {".abc": "abc", **dict.fromkeys(MIDI, "midi")}
SOUND = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac", ".aif", ".aiff", ".webm"})
REFUSALS = (MusicError, SoundError, FilmError, PictureError, PlaysError)
EXPECTED = "expected.json"
NEAR_S = 0.1  # that a sound may be longer or shorter than it should
Facts = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What became of a file: ``found`` facts, or the words of its refusal; whether music21 ``agrees``, if it reads."""

    path: str
    kind: str
    found: Facts
    refused: str = ""
    wrong: str = ""
    judged: bool = True
    agrees: bool | None = None


def facts_of(path: Path) -> Facts:
    """What the reader of its kind finds in a file or a folder; raises what the reader raises."""
    suffix = path.suffix.lower()
    if path.is_dir():
        return _of_folder(path)
    if suffix in NOTES:
        return _of_notes(path)
    if suffix in SOUND:
        with path.open("rb") as file:
            return {"seconds": decode(file, path.name).seconds}
    if suffix in FILMS:
        return _of_film(path)
    return {"colour": [round(float(level)) for level in read_picture(path).mean(axis=(0, 1))]}


def _of_folder(folder: Path) -> Facts:
    """What the tables of a folder say: of plays and ratings, of music, or else of pictures."""
    if any((folder / name).is_file() for name in PLAYS):
        plays = read_plays(folder)
        counts = zip(plays.played.tolist(), plays.liked.tolist(), strict=True)
        return {"plays": {clip: list(each) for clip, each in zip(plays.clips, counts, strict=True)}}
    if any(music_files(folder)):
        return {"titles": {each.piece_id: list(each.titles) for each in read_music(folder).pieces}}
    return {"categories": {each.path: each.category for each in read_folder(folder).pictures}}


def _of_notes(path: Path) -> Facts:
    piece = read_abc(path)[0] if path.suffix.lower() == ".abc" else read_midi(path)
    return {
        "notes": [[onset / TICKS_PER_QUARTER, pitch] for onset, _, pitch, _ in piece.notes.tolist()],
        "lengths": [length / TICKS_PER_QUARTER for length in piece.notes[:, 1].tolist()],
        "bars": [length / TICKS_PER_QUARTER for length in piece.bars[:, 1].tolist()],
        "seconds": float(piece.seconds_at(piece.end_tick)),
    }


def _of_film(path: Path) -> Facts:
    """Of the film with new sound that is made of it, as a browser shows it."""
    seconds = read_film(path).seconds
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "made.mp4"
        write_movie(path, np.zeros((round(seconds * SAMPLE_RATE_HZ), 2), dtype=np.float32), made)
        with av.open(str(made), options={"format_whitelist": FORMATS}) as container:
            stream = container.streams.video[0]
            frames = list(container.decode(stream))
            width, height = frames[0].width * float(stream.sample_aspect_ratio or 1), frames[0].height
            if round(frames[0].rotation / 90) % 2:
                width, height = height, round(width)
    return {"seconds": seconds, "frames": len(frames), "size": [round(width), height]}


def music21_agrees(path: Path, found: Facts) -> bool | None:
    """Whether music21 gives the same onsets and pitches; None where it can't read the file."""
    from music21 import converter, exceptions21, repeat  # noqa: PLC0415 (seconds)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        form = NOTES[path.suffix.lower()]
        try:
            score = converter.parse(path, format=form)
            with suppress(repeat.ExpanderException, exceptions21.Music21Exception):
                score = score.expandRepeats()
        except Exception:  # noqa: BLE001 (whatever another reader makes of a broken file)
            return None
        theirs = {
            (round(float(each.getOffsetInHierarchy(score)), 1), pitch.midi)
            for each in score.recurse().notes
            if "ChordSymbol" not in each.classSet
            for pitch in each.pitches
        }
    return theirs == {(round(onset, 1), pitch) for onset, pitch in found["notes"]}


def judged(path: str, expected: Mapping[str, Any], find: Callable[[], Facts]) -> Outcome:
    """Read a file and compare what is found with what is ``expected`` of it."""
    kind = str(expected.get("kind") or Path(path).suffix.lower().lstrip(".") or "folder")
    right = {name: value for name, value in expected.items() if name != "kind"}
    try:
        found = find()
    except REFUSALS as error:
        words = str(error)
        wrong = "" if not right or right.get("refused", "\n") in words else "refused"
        return Outcome(path, kind, {}, words, wrong, bool(right))
    except Exception as error:  # noqa: BLE001 (a reader that raises anything else is what is looked for)
        return Outcome(path, kind, {}, "", f"{type(error).__name__}: {error}")
    wrongs = [
        f"{name} {_short(found.get(name))} instead of {_short(value)}"
        for name, value in right.items()
        if not _near(found.get(name), value)
    ]
    return Outcome(path, kind, found, "", "; ".join(wrongs), bool(right))


def _near(found: Any, value: Any) -> bool:
    if isinstance(value, list) and isinstance(found, list):
        return len(found) == len(value) and all(map(_near, found, value))
    if isinstance(value, int | float) and isinstance(found, int | float):
        return abs(found - value) <= NEAR_S
    return bool(found == value)


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "…"


def evaluate(data: Path, expected: Mapping[str, Mapping[str, Any]], *, against_music21: bool = True) -> list[Outcome]:
    """What becomes of each file that ``expected`` names, or of every file below ``data``."""
    names = sorted(expected) or [
        path.relative_to(data).as_posix() for path in sorted(data.rglob("*")) if path.is_file()
    ]
    outcomes = []
    for name in names:
        path = data / name
        if not path.exists():
            raise SystemExit(f"{path} is expected and isn't there; give another --data or --expected")
        outcome = judged(name, expected.get(name, {}), partial(facts_of, path))
        if against_music21 and "notes" in outcome.found:
            agrees = music21_agrees(path, outcome.found)
            outcome = Outcome(**{**vars(outcome), "agrees": agrees})
        outcomes.append(outcome)
    return outcomes


def report(outcomes: Sequence[Outcome], digest: str) -> Report:
    """``files.KIND.{right,refused,music21}``: shares of the kind's files, of those that music21 reads for the last."""
    out = Report("evaluate.files", {"hash": digest, "n": len(outcomes)}, {}, 0)
    for kind, rows in {"all": list(outcomes), **by_kind(outcomes)}.items():
        right = [not each.wrong for each in rows if each.judged]
        known = [each.agrees for each in rows if each.agrees is not None]
        out.add(f"files.{kind}.right", Metric(_share(right), n=len(right)))
        out.add(f"files.{kind}.refused", Metric(_share([bool(each.refused) for each in rows]), n=len(rows)))
        out.add(f"files.{kind}.music21", Metric(_share(known), n=len(known)))
    return out


def _share(values: Sequence[bool | None]) -> float | None:
    return float(np.mean([bool(value) for value in values])) if values else None


def by_kind(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """The outcomes of each kind."""
    kinds: dict[str, list[Outcome]] = {}
    for each in outcomes:
        kinds.setdefault(each.kind, []).append(each)
    return kinds


def print_table(outcomes: Sequence[Outcome]) -> None:
    """A line a kind, and what is wrong below it."""
    console = Console(width=150)
    table = Table("kind", "files", "right", "wrong", "refused", "music21 agrees", "refused with the words")
    for kind, rows in by_kind(outcomes).items():
        known = [each.agrees for each in rows if each.agrees is not None]
        words = list(dict.fromkeys(each.refused for each in rows if each.refused))
        wrong = sum(bool(each.wrong) for each in rows)
        right = sum(each.judged and not each.wrong for each in rows)
        refused = sum(bool(each.refused) for each in rows)
        agree = f"{sum(map(bool, known))} of {len(known)}" if known else ""
        table.add_row(kind, *map(str, (len(rows), right, wrong, refused)), agree, "\n".join(words))
    console.print(table)
    for each in outcomes:
        if each.wrong:
            console.print(f"{each.path}: {each.wrong}", markup=False, highlight=False)


def main(argv: Sequence[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.files", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a folder of files")
    parser.add_argument("--expected", type=Path, help=f"what is right of each (DIR/{EXPECTED}, if it is there)")
    given = parser.parse_args(argv)
    said = given.expected or given.data / EXPECTED
    if not given.data.is_dir() or (given.expected and not said.is_file()):
        parser.error(f"{given.expected if given.data.is_dir() else given.data} isn't there")
    text = said.read_text(encoding="utf-8") if said.is_file() else "{}"
    outcomes = evaluate(given.data, json.loads(text))
    if not outcomes:
        raise SystemExit(f"{given.data} holds no file; at least one is needed")
    print_table(outcomes)
    print(json.dumps(report(outcomes, hashlib.sha256(text.encode()).hexdigest()[:16]).to_json()))


if __name__ == "__main__":
    main()
