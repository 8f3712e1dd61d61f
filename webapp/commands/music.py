"""Music without a server: what models learn from, pieces into files, films set to music."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from webapp.commands import Commands
from webapp.runtime.settings import Settings


def add_corpus(commands: Commands) -> None:
    """Add ``kallos corpus list|build``."""
    corpus = commands.add_parser("corpus", help="list the music that models learn from, or parse all of it")
    corpus.add_argument("action", choices=["list", "build"])
    corpus.set_defaults(run=_corpus)


def _corpus(given: argparse.Namespace, settings: Settings) -> int:  # noqa: ARG001
    from rich.console import Console
    from rich.table import Table

    from models.music import corpora

    table = Table("corpus", "domain", "files", "from", "terms")
    for corpus in corpora.registry().values():
        built = ""
        if given.action == "build" and corpus.available:
            loaded = corpora.build(corpus.name)
            built = f": {len(loaded.pieces)} pieces, {len(loaded.broken)} broken"
        files = str(corpus.files) if corpus.available else "missing"
        table.add_row(corpus.name, corpus.domain, files + built, corpus.origin, corpus.terms)
    Console().print(table)
    return 0


def add_compose(commands: Commands) -> None:
    """Add ``kallos compose``."""
    compose = commands.add_parser("compose", help="compose pieces into MIDI files, without server or database")
    compose.add_argument("--domain", default="pop", help="pop, dance or chorale (pop)")
    compose.add_argument("--count", type=int, default=1, help="how many pieces (1)")
    compose.add_argument("--seed", type=int, default=0, help="the same seed composes the same notes (0)")
    compose.add_argument(
        "--bars", type=int, default=8, help="of each piece (8); from nine on, to 64, whole pieces with an ending"
    )
    compose.add_argument("--form", default="", help="of whole pieces, such as AABB: the same letter, the same bars")
    compose.add_argument("--out", type=Path, required=True, help="folder for 000.mid, 001.mid …")
    compose.add_argument(
        "--played", action="store_true", help="as a pianist might play them, not as written, on the grid"
    )
    compose.add_argument("--wav", action="store_true", help="write the sound of each piece beside it")
    compose.set_defaults(run=_compose)


def _compose(given: argparse.Namespace, settings: Settings) -> int:
    from webapp.composing import offline

    try:
        task = offline.Task.checked(given.domain, given.count, given.seed, given.bars, given.form)
        offline.compose_files(
            task, given.out, settings.style_folder, settings.device, wav=given.wav, played=given.played
        )
    except OSError as error:
        told = f"{error.filename} can't be used: {error.strerror}" if error.filename and error.strerror else str(error)
        print(told, file=sys.stderr)
        return 1
    except (ValueError, offline.NothingComposedError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{given.out}: {task.count} {'piece' if task.count == 1 else 'pieces'} of {task.domain}")
    return 0


def add_film(commands: Commands) -> None:
    """Add ``kallos film``."""
    film = commands.add_parser("film", help="set a film or pictures to music: MP4, MIDI and WAV")
    film.add_argument("film", type=Path, nargs="+", help="a film, a folder of pictures, or several pictures")
    film.add_argument(
        "--out", type=Path, default=Path("film"), help="folder for film.mp4, film.mid and film.wav (film)"
    )
    film.add_argument("--way", default="annotated", help="how pictures are tied to music (annotated)")
    film.add_argument("--links", type=Path, help="with --way learned: JSON with the links of a listener, 5 × 5 numbers")
    film.add_argument("--domain", choices=["pop", "dance", "chorale"], default="pop")
    film.add_argument("--seed", type=int, default=0, help="the same seed composes the same music (0)")
    film.set_defaults(run=_film)


def _film(given: argparse.Namespace, settings: Settings) -> int:
    from rich.console import Console

    from webapp.film import making

    device = "cpu" if settings.device == "auto" else settings.device
    try:
        links = _links(given.links) if given.links else None
        with Console(stderr=True).status("reading…") as status:
            made = making.make(
                given.film, given.out, settings.style_folder, way=given.way, links=links, domain=given.domain,
                seed=given.seed, device=device, progress=lambda stage, share: status.update(f"{stage}… {share:.0%}"),
            )  # fmt: skip
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    on_cuts = f", bar lines on {made.met} of {made.cuts} cuts" if made.cuts else ""
    print(
        f"{given.out}: {made.seconds:.1f} seconds in {made.bars} bars{on_cuts}",
        made.again,
        sep=". " if made.again else "",
    )
    return 0


def _links(path: Path) -> list[list[float]]:
    """The links in a file: what the endpoint ``tie`` gives, or its ``links`` alone; raises ``ValueError``."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        rows = told["links"] if isinstance(told, dict) else told
        found = [[float(each) for each in row] for row in rows]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} holds no links of a listener ({error}); give what the endpoint `tie` gave") from error
    if [len(row) for row in found] != [5] * 5 or not all(abs(each) <= 1 for row in found for each in row):
        raise ValueError(f"{path} does not hold 5 × 5 numbers from −1 to 1; give what the endpoint `tie` gave")
    return found
