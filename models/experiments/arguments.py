"""Command-line arguments, checked: one clear line where they can't be used."""

from __future__ import annotations

import math
from argparse import Action, ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from models.music.notes import DOMAINS, MusicError


def positive_int(text: str) -> int:
    """An argument that counts something; argparse ends the command where it is below 1."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise ArgumentTypeError(f"{text} was given; it must be at least 1")
    return number


def minutes(text: str) -> float:
    """An argument that says how long something may take; argparse ends the command where it is no time."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < math.inf:
        raise ArgumentTypeError(f"{text} was given; minutes above 0 are needed, such as 0.5 or 90")
    return found


def add_domains_argument(parser: ArgumentParser, help_text: str = "kinds of music") -> None:
    """``--domains dance chorale``, or with commas: some of ``DOMAINS``, in their order; all where none is given."""
    parser.add_argument(
        "--domains", nargs="+", action=_Domains, default=list(DOMAINS), metavar="DOMAIN",
        help=f"{help_text}: {', '.join(DOMAINS)}",
    )  # fmt: skip


class _Domains(Action):
    def __call__(
        self,
        parser: ArgumentParser,
        namespace: Namespace,
        values: str | Sequence[Any] | None,
        option: str | None = None,
    ) -> None:
        given = {name for text in values or () for name in str(text).split(",")}
        if unknown := given - {*DOMAINS}:
            parser.error(f"argument {option}: {min(unknown)!r} was given; there are {', '.join(DOMAINS)}")
        setattr(namespace, self.dest, [domain for domain in DOMAINS if domain in given])


def output_folder(path: Path) -> Path:
    """The folder that ``--out`` names, made where it isn't there; ends the command where it can't be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SystemExit(f"--out {path} is no folder and cannot be made one ({error.strerror})") from error
    return path


def add_run_arguments(parser: ArgumentParser, presets: Iterable[str], out: str) -> None:
    """What a command that trains one run takes: its preset, folder, end and seed, and whether it goes on."""
    parser.add_argument("--preset", choices=sorted(presets), default="cpu", help="sizes and steps (cpu)")
    parser.add_argument("--out", type=Path, default=Path(out), help=f"folder of the run ({out})")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.add_argument("--minutes", type=minutes, help="train for so long, instead of the preset's steps")
    parser.add_argument("--steps", type=positive_int, help="optimiser steps in all, instead of the preset's")
    parser.add_argument("--seed", type=int, default=0)


def run_folder(given: Namespace, state: str) -> Path:
    """The folder of the run; ends the command where it is to go on (``given.resume``) and there is no ``state``."""
    out = output_folder(given.out)
    if given.resume and not (out / state).exists():
        raise SystemExit(f"there is no {out / state} to resume; leave out --resume to begin")
    return out


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Ends the command with the line of a ``FileNotFoundError`` or ``ValueError``: of weights or data that don't do."""
    try:
        yield
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(str(error)) from error


@contextmanager
def exit_without_music(wanted: str = "evaluate") -> Iterator[None]:
    """Ends the command with a line where what happens inside finds too little music (``MusicError``)."""
    try:
        yield
    except MusicError as error:
        raise SystemExit(f"nothing to {wanted} on: {error}") from error
