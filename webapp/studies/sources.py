"""What clips a study is made of: files that say what each one is, or the answers of a generator elsewhere.

``clips.csv`` in a zip file or folder has the columns ``clip`` (the file), ``system`` (what is compared), and, where
wanted, ``item`` (of which music it is) and ``condition`` (which group hears it). Without it ``SYSTEM/ITEM.mid`` says
the same. ``pairs.csv`` has the columns ``left`` and ``right``: pairs for all participants to hear.

A generator gets a POST of ``{"seed": …, "seconds": …}`` as JSON and answers with MIDI, ABC or sound. Only addresses of
an origin (scheme, host and port) in ``KALLOS_STUDY_GENERATORS`` are asked, and no redirect is followed: a design must
not reach what only this machine can reach.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import httpx

from models.music.midi_file import SUFFIXES as MIDI
from models.music.tables import Names, TableError, read_table
from webapp.runtime.errors import NotAllowed
from webapp.studies.design import MOST_CLIPS

NOTES = (*MIDI, ".abc")
SOUND = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".m4a", ".aac")
BESIDE = frozenset({".txt", ".md", ".csv", ".tsv", ".json", ".pdf", ".rtf", ".doc", ".docx", ".odt", ".xlsx", ".html",
                    ".png", ".jpg", ".jpeg", ".svg", ".ini", ".db", ".m3u", ""})  # fmt: skip
TABLE, PAIRS = "clips.csv", "pairs.csv"
MOST_BYTES = 500_000_000  # unpacked
MOST_PAIRS = 10_000
MOST_LETTERS = 60
CLIPS, MADE = "clips.jsonl", "made.json"
TIMEOUT_S = 120.0
MOST_ANSWERED_BYTES = 20_000_000
KINDS = {b"MThd": ".mid", b"RIFF": ".wav", b"fLaC": ".flac", b"OggS": ".ogg", b"ID3": ".mp3", b"\xff": ".mp3"}


class SourceError(ValueError):
    """The clips can't be used, in one line that says what to do."""


@dataclass(frozen=True)
class Source:
    """A file that becomes a clip."""

    name: str
    system: str
    item: str
    condition: str
    path: Path


@dataclass(frozen=True)
class Sources:
    """All clips that were brought, and pairs of their names."""

    clips: tuple[Source, ...]
    pairs: tuple[tuple[str, str], ...] = ()


def read(place: Path, unpacked: Path) -> Sources:
    """The clips of a folder, or of a zip file that is unpacked into ``unpacked``; raises ``SourceError``."""
    folder = place if place.is_dir() else _unpack(place, unpacked)
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    files = {name: path for name, path in files.items() if not _hidden(name)}
    table = next((path for name, path in files.items() if PurePosixPath(name).name == TABLE), None)
    clips = _from_table(table, files) if table else _from_names(files)
    if len(clips) > MOST_CLIPS:
        raise SourceError(f"{len(clips)} clips were brought; a study has {MOST_CLIPS} at most")
    if not clips:
        raise SourceError(f"no clips were found; they may be {', '.join((*NOTES, *SOUND))}")
    pairs = next((path for name, path in files.items() if PurePosixPath(name).name == PAIRS), None)
    return Sources(tuple(clips), tuple(_pairs(pairs, {each.name for each in clips})) if pairs else ())


def _unpack(place: Path, folder: Path) -> Path:
    try:
        with zipfile.ZipFile(place) as packed:
            for each in packed.infolist():
                each.filename = each.filename.replace("\\", "/")  # as some programs of Windows pack
            names = [each for each in packed.infolist() if not each.is_dir()]
            if sum(each.file_size for each in names) > MOST_BYTES:
                raise SourceError(f"unpacked the clips take more than {MOST_BYTES // 1_000_000} MB; shorten them")
            for each in names:
                packed.extract(each, folder)  # which keeps to the folder, whatever a name says
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError) as error:
        why = (error.strerror or "it can't be unpacked") if isinstance(error, OSError) else error
        raise SourceError(f"the file is no zip file that can be read ({why}); pack the clips again") from error
    return folder


def _hidden(name: str) -> bool:
    return any(part.startswith((".", "__")) for part in PurePosixPath(name).parts)


def _from_table(table: Path, files: dict[str, Path]) -> list[Source]:
    root = table.parent
    clips: list[Source] = []
    known = {path.relative_to(root).as_posix(): path for path in files.values() if path.is_relative_to(root)}
    names = Names(known)
    for number, row in _rows(table, ("clip", "system")):
        name = names.find(row["clip"])
        if name is None:
            raise SourceError(
                f"{TABLE}, line {number}: there is no file {row['clip']!r}; write its path from {TABLE} on"
            )
        path = known[name]
        source = Source(name, row["system"], row.get("item", ""), row.get("condition", ""), path)
        if path.suffix.lower() not in (*NOTES, *SOUND):
            raise SourceError(f"{row['clip']} is neither notes nor sound; use {', '.join((*NOTES, *SOUND))}")
        if any(len(each) > MOST_LETTERS for each in (source.system, source.item, source.condition)):
            raise SourceError(f"{TABLE}, line {number}: names may have {MOST_LETTERS} letters")
        if source.name in {each.name for each in clips}:
            raise SourceError(f"{TABLE}, line {number}: the clip {source.name!r} stands there twice")
        clips.append(source)
    return clips


def _from_names(files: dict[str, Path]) -> list[Source]:
    music = {name: path for name, path in files.items() if path.suffix.lower() in (*NOTES, *SOUND)}
    if others := [name for name in files if name not in music and PurePosixPath(name).suffix.lower() not in BESIDE]:
        raise SourceError(
            f"{others[0]} is neither notes nor sound that can be read{_more(len(others))}; use "
            f"{', '.join((*NOTES, *SOUND))}, or leave it out"
        )
    clips = [
        Source(name, PurePosixPath(name).parent.name[:MOST_LETTERS] or "clips", PurePosixPath(name).stem[:MOST_LETTERS],
               "", path)
        for name, path in music.items()
    ]  # fmt: skip
    systems = {each.system for each in clips}
    every = {item: {each.system for each in clips if each.item == item} for item in {each.item for each in clips}}
    if len(systems) > 1 and any(len(each) > 1 for each in every.values()):
        return clips
    # names that no two folders share say nothing about the music
    return [Source(each.name, each.system, "", "", each.path) for each in clips]


def _more(count: int) -> str:
    return "" if count == 1 else f", and so are {count - 1} more" if count > 2 else ", and so is one more"


def _pairs(table: Path, names: set[str]) -> list[tuple[str, str]]:
    there, found = Names(names), list[tuple[str, str]]()
    for number, row in _rows(table, ("left", "right")):
        pair = (there.find(row["left"]) or row["left"], there.find(row["right"]) or row["right"])
        found.append(pair)
        if missing := set(pair) - names:
            raise SourceError(f"{PAIRS}, line {number}: there is no clip {min(missing)!r}")
        if pair[0] == pair[1]:
            raise SourceError(f"{PAIRS}, line {number}: {pair[0]!r} can't be compared with itself")
    if len(found) > MOST_PAIRS:
        raise SourceError(f"{PAIRS} has {len(found)} pairs; {MOST_PAIRS} are allowed")
    return found


def _rows(table: Path, needed: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """The lines of a table, each with its number and its columns; those that are ``needed`` are never empty."""
    try:
        read = read_table(table)
        read.require(needed)
    except TableError as error:
        raise SourceError(f"{table.name}: {error}") from error
    if not read.rows:
        raise SourceError(f"{table.name} has columns, but no line below them")
    found = list(zip(read.lines, read.rows, strict=True))
    for number, row in found:
        for name in needed:
            if not row[name]:
                raise SourceError(f"{table.name}, line {number}: {name} is empty")
    return found


@dataclass(frozen=True)
class Task:
    """What clips to make, as the process reads it: a zip file or folder, what is composed and asked for, pairs."""

    place: str
    composed: tuple[dict[str, Any], ...]
    asked: tuple[dict[str, Any], ...]
    seconds: float
    played: bool
    style_folder: str
    pairs: dict[str, Any] = field(default_factory=dict)
    moods: tuple[dict[str, Any], ...] = ()
    pictures: tuple[dict[str, Any], ...] = ()
    task: str = "pairs"


def origin(url: str) -> str:
    """Scheme, host and port of an address, ``http://host:80``; empty where it is none that can be asked."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return ""
    known = parts.scheme in {"http", "https"} and parts.hostname and port and "@" not in parts.netloc
    return f"{parts.scheme}://{parts.hostname}:{port}" if known else ""


def require_allowed(url: str, allowed: str) -> None:
    """Raises ``NotAllowed`` for an address of an origin that is not among the ``allowed``, by commas."""
    if origin(url) not in {origin(each.strip()) for each in allowed.split(",") if each.strip()} - {""}:
        raise NotAllowed(
            f"{url[:200]} may not be asked for clips; whoever runs this installation allows its origin in "
            "KALLOS_STUDY_GENERATORS"
        )


def clips(asked: tuple[dict[str, Any], ...], seconds: float, folder: Path) -> Iterator[Source]:
    """Ask for every clip and write each into ``folder``; raises ``SourceError``."""
    for place, wanted in enumerate(asked):
        with httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client:
            for number in range(wanted["count"]):
                name = f"{wanted['system']}-asked-{place + 1}-{number + 1:03}"
                data = _asked(client, wanted["url"], {"seed": wanted["seed"] + number, "seconds": seconds}, name)
                kind = next((suffix for magic, suffix in KINDS.items() if data.startswith(magic)), ".abc")
                path = folder / f"asked-{place}-{number:03}{kind}"
                path.write_bytes(data)
                yield Source(name, wanted["system"], "", "", path)


def _asked(client: httpx.Client, url: str, body: dict[str, Any], name: str) -> bytes:
    data = bytearray()
    try:
        with client.stream("POST", url, json=body) as answer:
            if answer.status_code != httpx.codes.OK:
                raise SourceError(f"{name}: {url} answered with the status {answer.status_code} instead of a clip")
            for some in answer.iter_bytes():
                data += some
                if len(data) > MOST_ANSWERED_BYTES:
                    raise SourceError(f"{name}: {url} answered with more than {MOST_ANSWERED_BYTES // 1_000_000} MB")
    except httpx.HTTPError as error:
        raise SourceError(f"{name}: {url} did not answer ({type(error).__name__}); try again later") from error
    return bytes(data)
