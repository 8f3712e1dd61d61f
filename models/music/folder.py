"""A folder of one's own music: ``**/*.{mid,midi,abc}`` with an optional ``metadata.csv``.

Columns of ``metadata.csv``: path, and any of piece_id, title, genre, quadrant, valence, arousal, split (read by
``models.music.tables``). One broken file is reported and skipped; it stops nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from .abc import decoded, split_tunes, tune_piece
from .keys import with_chords
from .midi import read_midi
from .midi_file import SUFFIXES as MIDI
from .notes import MusicError, Piece
from .tables import Names, TableError, plain, read_table

SUFFIXES = {*MIDI, ".abc"}
LABELS = ("quadrant", "valence", "arousal", "split")
METADATA = "metadata.csv"
MAX_FILES = 200_000


@dataclass(frozen=True)
class Loaded:
    """Music as it was read: the pieces, and for every tune or file that could not be read the reason."""

    pieces: list[Piece]
    broken: dict[str, str]


def read_folder(folder: Path, of_midi: Callable[[Piece], Piece] = lambda piece: piece) -> Loaded:
    """Every piece below ``folder``, those of MIDI files as ``of_midi`` returns them.

    Raises ``MusicError`` where the folder is missing or holds no music at all.
    """
    if not folder.is_dir():
        raise MusicError(f"{folder} is not a folder; a folder with .mid, .midi or .abc files is needed")
    files = sorted(music_files(folder))
    if not files:
        raise MusicError(f"{folder} holds no .mid, .midi or .abc file; at least one is needed")
    loaded = Loaded([], {})
    names = [path.relative_to(folder).as_posix() for path in files]
    rows = _metadata(folder / METADATA, names, loaded.broken)
    for path, name in zip(files, names, strict=True):
        try:
            read = list(_pieces(path, name, of_midi, loaded.broken))
        except (MusicError, OSError) as error:
            loaded.broken[name] = str(error)
            continue
        loaded.pieces.extend(_described(piece, rows.get(name, {}), alone=len(read) == 1) for piece in read)
    return loaded


def music_files(folder: Path) -> Iterator[Path]:
    """The music files below ``folder``, links not followed; raises ``MusicError`` beyond ``MAX_FILES``."""
    count = 0
    for root, folders, names in os.walk(folder, followlinks=False):
        folders.sort()
        for name in names:
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."):
                count += 1
                if count > MAX_FILES:
                    raise MusicError(f"{folder} holds more than {MAX_FILES} music files; at most that many are allowed")
                yield Path(root) / name


def _metadata(path: Path, names: Iterable[str], broken: dict[str, str]) -> dict[str, dict[str, str]]:
    """What the table says of each of the files that are there; what it says of others is told."""
    if not path.is_file():
        return {}
    try:
        table = read_table(path)
    except TableError as error:
        broken[METADATA] = str(error)
        return {}
    if "path" not in table.columns:
        there = ", ".join(filter(None, table.columns))
        broken[METADATA] = f"its columns are {there}; one called path is needed, and lines with commas"
        return {}
    files, rows, lost = Names(names), dict[str, dict[str, str]](), set[str]()
    for row in table.rows:
        if (name := files.find(row["path"])) is not None:
            rows[name] = {column: value for column, value in row.items() if value}
        elif row["path"]:
            lost.add(plain(row["path"]))
    if lost:
        count = f"{len(lost)} rows name files that are" if len(lost) > 1 else "a row names a file that is"
        broken[METADATA] = f"{count} not there, such as {min(lost)}"
    return rows


def _pieces(path: Path, name: str, of_midi: Callable[[Piece], Piece], broken: dict[str, str]) -> Iterator[Piece]:
    if path.suffix.lower() != ".abc":
        yield of_midi(replace(read_midi(path, piece_id=name), source="folder"))
        return
    tunes = split_tunes(decoded(path))
    if not tunes:
        raise MusicError("the file is not ABC: no X: or K: line was found; each tune needs both")
    for tune in tunes:
        try:
            yield tune_piece(tune, name if len(tunes) == 1 else f"{name}:{tune.number}", "folder")
        except MusicError as error:
            broken[f"{name}:{tune.number}"] = str(error)


def _described(piece: Piece, row: dict[str, str], *, alone: bool) -> Piece:
    """The piece with what ``metadata.csv`` says; a file of several tunes keeps their own titles and numbers."""
    piece = with_chords(piece)
    extra = {**piece.extra, **{label: row[label] for label in LABELS if label in row}}
    piece = replace(piece, genre=row.get("genre", piece.genre), extra=extra)
    if not alone:
        return piece
    titles = (row["title"],) if "title" in row else piece.titles
    return replace(piece, piece_id=row.get("piece_id", piece.piece_id), titles=titles)
