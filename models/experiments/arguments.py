"""Command-line arguments, checked: one clear line where they can't be used."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.music.notes import MusicError


def positive_int(text: str) -> int:
    """An argument that counts something; argparse ends the command where it is below 1."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise ArgumentTypeError(f"{text} was given; it must be at least 1")
    return number


def output_folder(path: Path) -> Path:
    """The folder that ``--out`` names, made where it isn't there; ends the command where it can't be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SystemExit(f"--out {path} is no folder and cannot be made one ({error.strerror})") from error
    return path


@contextmanager
def exit_without_music(wanted: str = "evaluate") -> Iterator[None]:
    """Ends the command with a line where what happens inside finds too little music (``MusicError``)."""
    try:
        yield
    except MusicError as error:
        raise SystemExit(f"nothing to {wanted} on: {error}") from error
