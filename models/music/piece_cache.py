"""Pieces of a corpus in one compressed numpy file, so that a corpus is parsed once."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .notes import MusicError, Piece

READERS = (
    "abc", "abc_fields", "abc_measures", "abc_repeats", "abc_voices", "chorales", "chords", "corpora", "dance_types",
    "folder", "midi", "midi_bars", "midi_file", "notes", "tables",
)  # fmt: skip


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
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    with os.fdopen(handle, "wb") as file:
        np.savez_compressed(file, **arrays)
    Path(name).replace(path)


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
