"""Music and maps without a server: what models learn from, pieces into files, films set to music, music without end.

Music without end plays on the operator's machine, steered by OSC and sent as OSC with MIDI in it. Maps of clips, tunes,
titles and pictures are drawn here and now.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import uuid
from contextlib import closing
from pathlib import Path

from webapp.commands import Commands
from webapp.generation.protocol import Generator
from webapp.runtime.settings import Settings
from webapp.runtime.supervised_process import WRONG_SETTING


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
    for form in ("wav", "mp3"):
        compose.add_argument(
            f"--{form}", dest="sounds", action="append_const", const=form, default=[], help=f"write 000.{form} …, too"
        )
    compose.set_defaults(run=_compose)


def _compose(given: argparse.Namespace, settings: Settings) -> int:
    from webapp.composing import offline

    try:
        task = offline.Task.checked(given.domain, given.count, given.seed, given.bars, given.form)
        offline.compose_files(
            task, given.out, settings.style_folder, settings.device, sounds=given.sounds, played=given.played
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
    film.add_argument("--way", dest="method", default="annotated", help="how pictures are tied to music (annotated)")
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
                given.film, given.out, settings.style_folder, method=given.method, links=links, domain=given.domain,
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


def add_live(commands: Commands) -> None:
    """Add ``kallos live``."""
    live = commands.add_parser("live", help="compose bar after bar, steered by OSC, and send it as OSC and MIDI")
    live.add_argument("--osc-out", required=True, metavar="[HOST:]PORT", help="where beats, bars and notes are sent")
    live.add_argument("--osc-in", metavar="[HOST:]PORT", help="where readouts or positions are heard; else as usual")
    live.add_argument(
        "--beyond-this-machine", action="store_true", help="allow hosts other than this machine in both of them"
    )
    live.add_argument("--domain", choices=["pop", "dance", "chorale"], default="pop")
    live.add_argument("--seed", type=int, default=0, help="the same seed composes the same backing track (0)")
    live.add_argument("--bars", type=int, help="stop after so many (never)")
    live.set_defaults(run=_live)


def _live(given: argparse.Namespace, settings: Settings) -> int:
    from models.style.latents import Directions
    from webapp.generation.protocol import GenerationError
    from webapp.live import performing, steering
    from webapp.live.music import LiveBar, LiveMusic
    from webapp.live.performing import Performer

    try:
        outward = performing.address(given.osc_out, "--osc-out", beyond=given.beyond_this_machine)
        inward = (
            performing.address(given.osc_in, "--osc-in", beyond=given.beyond_this_machine) if given.osc_in else None
        )
    except performing.OscAddressError as error:
        print(error, file=sys.stderr)
        return WRONG_SETTING
    if given.seed < 0 or (given.bars is not None and given.bars < 1):
        print(f"--seed {given.seed} --bars {given.bars}: a seed is 0 or more, bars are 1 or more", file=sys.stderr)
        return WRONG_SETTING

    def told(bar: LiveBar, took_s: float) -> None:
        which = f"bar {bar.number}{', second half' if bar.from_tick else ''}"
        print(f"{which}: {bar.tempo_bpm:.0f} bpm, {len(bar.piece.notes)} notes, composed in {took_s:.2f} s")

    engine = _generator(settings)
    out = performing.OscOut(*outward)
    heard: performing.OscIn | None = None
    try:
        music = LiveMusic(engine, Directions.load(settings.style_folder), given.domain, given.seed)
        player = Performer(music, lambda: heard.seen if heard else {}, out, told)
        if inward:
            heard = performing.OscIn(*inward, steering.drawings(), player.act)
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: player.stop())
        player.play(given.bars)
    except (GenerationError, OSError) as error:
        print(f"live music can't go on: {error}", file=sys.stderr)
        return 1
    finally:
        if heard:
            heard.close()
        out.close()
        engine.close()
    return 0


def _generator(settings: Settings) -> Generator:
    """The generation server that is set, or one in this process."""
    from webapp.generation.remote import RemoteGenerator
    from webapp.generation.server import load_engine

    if settings.generator_url:
        return RemoteGenerator(settings.generator_url, settings.generator_secret)
    return load_engine(str(settings.style_folder), settings.device)


def add_atlas(commands: Commands) -> None:
    """Add ``kallos atlas draw``."""
    atlas = commands.add_parser("atlas", help="draw maps of clips, tunes, titles and pictures")
    atlas.add_argument("action", choices=["draw"], help="draw maps here and now, and store them for the pages")
    atlas.add_argument("kinds", nargs="*", help="clips, tunes, titles, joint, pictures; all where none is named")
    atlas.add_argument("--seed", type=int, default=0)
    atlas.add_argument("--limit", type=int, help="about so many pieces of each corpus")
    atlas.add_argument("--ship", type=Path, help="a folder to write them to as well, small, as weights come with them")
    atlas.set_defaults(run=_atlas)


def _atlas(given: argparse.Namespace, settings: Settings) -> int:
    from db import migrate
    from models.atlas.points import KINDS, every_installation_has, ship
    from models.music.notes import MusicError
    from webapp.context import Context
    from webapp.maps.catalogue import Progress
    from webapp.maps.drawing import draw
    from webapp.maps.open_maps import opened

    if unknown := sorted(set(given.kinds) - set(KINDS)):
        print(f"maps of {', '.join(unknown)} were asked for; there are {', '.join(KINDS)}", file=sys.stderr)
        return 1
    try:
        with closing(Context(settings)) as context:
            migrate.upgrade(context.database.open())
            results = {}
            for kind in given.kinds or KINDS:
                print(f"{kind}:")
                told: list[str] = []

                def tell(progress: Progress, told: list[str] = told) -> None:
                    if progress.stage not in told:
                        told.append(progress.stage)
                        print(f"  {progress.stage}…", flush=True)

                result = draw(context.atlas, kind, given.seed, tell, given.limit)
                print(f"  {result.points} points, map {result.map_id}{'' if result.drawn else ', as before'}")
                results[kind] = uuid.UUID(result.map_id)
            if given.ship:
                files = ((kind, opened(context.database, context.clip_store, each)) for kind, each in results.items())
                collections = every_installation_has() if set(results) - {"pictures"} else {}
                ship({kind: each.drawn for kind, each in files}, collections, given.ship)
    except (MusicError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0
