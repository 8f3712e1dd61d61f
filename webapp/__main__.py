"""The command ``kallos``: serve the page, run one of its parts alone, look after the database and a listener's data.

Each command imports what it needs itself, so that the others answer at once.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import uuid
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from webapp.runtime import settings as known_settings
from webapp.runtime.logs import set_up_logging
from webapp.runtime.settings import SettingError, Settings
from webapp.runtime.supervised_process import WRONG_SETTING, supervised

USES_DATABASE = {"backup", "restore", "serve", "worker", "db", "listener", "study", "journal", "atlas", "report"}


class _Version(argparse.Action):
    """Says which Kallos this is and ends."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from webapp.runtime.version import VERSION, commit

        at = commit()
        print(f"kallos {VERSION}{f' ({at[:12]})' if at else ''}")
        parser.exit()


def parser() -> argparse.ArgumentParser:
    """Every command and its arguments."""
    top = argparse.ArgumentParser(prog="kallos", description="Music that learns what a person finds beautiful.")
    top.add_argument("--version", action=_Version, nargs=0, help="print the version and commit")
    commands = top.add_subparsers(dest="command", required=True)

    serve = commands.add_parser("serve", help="run the page with everything that it needs")
    serve.add_argument("--host", help="where the page listens (KALLOS_HOST)")
    serve.add_argument("--port", type=int, help="0 takes any free port (KALLOS_PORT)")
    serve.add_argument("--open", action="store_true", help="open the page in a browser")
    serve.set_defaults(run=_serve)

    _add_generator(commands)
    worker = commands.add_parser("worker", help="run only the worker, which fills the pool, composes and fits")
    worker.set_defaults(run=_worker)

    corpus = commands.add_parser("corpus", help="list the music that models learn from, or parse all of it")
    corpus.add_argument("action", choices=["list", "build"])
    corpus.set_defaults(run=_corpus)

    listener = commands.add_parser("listener", help="export, import or delete one listener's data")
    actions = listener.add_subparsers(dest="action", required=True)
    export = actions.add_parser("export", help="everything about a listener, as JSON, or as a zip with CSV and MIDI")
    export.add_argument("id", type=uuid.UUID)
    export.add_argument("--out", type=Path, help="a file, .json or .zip; JSON on standard output where none is given")
    restore = actions.add_parser("import", help="bring an exported listener back, from either form")
    restore.add_argument("file", type=Path)
    restore.add_argument(
        "--trusted", action="store_true", help="let votes count in studies though this installation did not write them"
    )
    delete = actions.add_parser("delete", help="forget all of a listener, with the clips composed only for them")
    delete.add_argument("id", type=uuid.UUID)
    listener.set_defaults(run=_listener)

    _add_compose(commands)
    _add_film(commands)
    _add_study(commands)
    _add_hosting(commands)
    journal = commands.add_parser("journal", help="fill an empty database from the journal of votes")
    journal.add_argument("action", choices=["rebuild"], help="fill an empty database from it")
    journal.set_defaults(run=_journal)

    _add_atlas(commands)
    report = commands.add_parser("report", help="report on a listener, a study or a study of titles")
    about = report.add_subparsers(dest="about", required=True)
    about.add_parser("listener", help="one listener").add_argument("id", type=uuid.UUID)
    about.add_parser("study", help="everybody in a study").add_argument("id", nargs="?", default="default")
    retrieval = about.add_parser("retrieval", help="a study of models of titles (KALLOS_RUNS), as one HTML file")
    retrieval.add_argument("id", nargs="?", help="its folder below the folder of runs; the newest without")
    retrieval.add_argument("--out", type=Path, default=Path("study.html"))
    report.set_defaults(run=_report)
    return top


def _add_hosting(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    database = commands.add_parser("db", help="upgrade, downgrade or check the database's schema")
    database.add_argument("action", choices=["upgrade", "downgrade", "check"])
    database.add_argument("revision", nargs="?", help="to which; without one, to the newest or one step back")
    database.set_defaults(run=_database)

    space = commands.add_parser("space", help="write a repository that a Hugging Face Space runs as it is")
    space.add_argument("out", type=Path, metavar="DIR", help="a new folder, or one that this command wrote before")
    space.set_defaults(run=_space)
    for name, does in (
        ("backup", "write the database to one file, while Kallos runs"),
        ("restore", "and bring it back"),
    ):
        command = commands.add_parser(name, help=does)
        command.add_argument("file", type=Path)
        command.set_defaults(run=_backup)


def _add_generator(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    generator = commands.add_parser("generator", help="run only the generation server")
    generator.add_argument("--host", default="127.0.0.1")
    generator.add_argument("--port", type=int, default=7861)
    generator.add_argument("--device", help="cpu, cuda or auto (KALLOS_DEVICE)")
    generator.set_defaults(run=_generator)


def _add_atlas(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    atlas = commands.add_parser("atlas", help="draw maps of clips, tunes and titles")
    atlas.add_argument("action", choices=["draw"], help="draw maps here and now, and store them for the pages")
    atlas.add_argument("kinds", nargs="*", help="clips, tunes, titles, joint; all of them where none is named")
    atlas.add_argument("--seed", type=int, default=0)
    atlas.add_argument("--limit", type=int, help="about so many pieces of each corpus")
    atlas.add_argument("--ship", type=Path, help="a folder to write them to as well, small, as weights come with them")
    atlas.set_defaults(run=_atlas)


def _add_compose(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    compose = commands.add_parser("compose", help="compose pieces into MIDI files, without server or database")
    compose.add_argument("--domain", default="pop", help="pop, dance or chorale")
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


def _add_film(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    film = commands.add_parser("film", help="set a film or pictures to music: MP4, MIDI and WAV")
    film.add_argument("film", type=Path, nargs="+", help="a film, a folder of pictures, or several pictures")
    film.add_argument(
        "--out", type=Path, default=Path("film"), help="folder for film.mp4, film.mid and film.wav (film)"
    )
    film.add_argument("--way", default="annotated", help="how pictures are tied to music (annotated)")
    film.add_argument("--domain", choices=["pop", "dance", "chorale"], default="pop")
    film.add_argument("--seed", type=int, default=0, help="the same seed composes the same music (0)")
    film.set_defaults(run=_film)


def _add_study(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    study = commands.add_parser("study", help="export or simulate a study's votes")
    actions = study.add_subparsers(dest="action", required=True)
    export = actions.add_parser("export", help="votes and clips without names, as a zip of CSV and MIDI")
    export.add_argument("id", nargs="?", default="default")
    export.add_argument("--out", type=Path, default=Path("study.zip"))
    simulate = actions.add_parser("simulate", help="votes of simulated listeners, in an installation of their own")
    simulate.add_argument("--listeners", type=int, default=40)
    simulate.add_argument("--votes", type=int, default=40, help="of each of them (40)")
    simulate.add_argument("--seed", type=int, default=0)
    simulate.add_argument("--out", type=Path, default=Path("simulated_study.json"), help="what the page shows of them")
    study.set_defaults(run=_study)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status, 2 where a setting can't be used."""
    given = parser().parse_args(arguments)
    changed = {name: getattr(given, name, None) for name in ("host", "port", "device")}
    try:
        settings = known_settings.read({name: value for name, value in changed.items() if value is not None})
        _check(given.command, settings)
        status: int = given.run(given, settings)
    except SettingError as error:
        print(error, file=sys.stderr)
        return WRONG_SETTING
    return status


def _check(command: str, settings: Settings) -> None:
    """Raises ``SettingError`` for a database or a model that can't be used."""
    if settings.database_url and command in USES_DATABASE and not supervised():  # a child waits for it instead
        from webapp.runtime.database import unreachable

        if reason := unreachable(settings.database_url):
            raise SettingError(f"KALLOS_DATABASE_URL: the database does not answer ({reason})")
    if settings.device.startswith("cuda") and command == "serve" and not settings.generator_url:
        _require_cuda(settings.device)
    if settings.model and command not in {"db", "corpus"} and (wrong := _wrong_model(settings)):
        raise SettingError(wrong)


def _require_cuda(device: str) -> None:
    """Raises ``SettingError`` where there is no such device; torch, which the web process does without, is asked."""
    number = int(device.partition(":")[2] or 0)
    asked = f"import sys, torch; sys.exit(torch.cuda.device_count() <= {number})"
    if subprocess.run([sys.executable, "-c", asked], check=False).returncode:  # noqa: S603 (our own program, no shell)
        raise SettingError(f"KALLOS_DEVICE={device}: there is no such device here; leave it out, or set it to cpu")


def _wrong_model(settings: Settings) -> str:
    from webapp.context import Context

    return Context(settings).wrong_model()


def _serve(given: argparse.Namespace, settings: Settings) -> int:
    from webapp.app import serve

    settings.prepare_home()
    set_up_logging(settings.home, "web")
    return serve(settings, open_browser=given.open)


def _generator(given: argparse.Namespace, settings: Settings) -> int:
    from webapp.generation.server import serve

    settings.prepare_home()
    set_up_logging(settings.home, "generator")
    model = str(settings.style_folder)
    secret = settings.generator_secret
    return serve(host=given.host, port=given.port, device=settings.device, model=model, secret=secret)


def _worker(given: argparse.Namespace, settings: Settings) -> int:  # noqa: ARG001
    from webapp.worker import run_worker

    settings.prepare_home()
    set_up_logging(settings.home, "worker")
    return run_worker(settings)


def _database(given: argparse.Namespace, settings: Settings) -> int:
    from alembic.util import CommandError

    from db import migrate
    from webapp.runtime.database import Database

    database = Database(settings)
    try:
        engine = database.open()
        if given.action == "check":
            problems = migrate.check(engine)
            print(*(problems or ["the database has the schema of this version"]), sep="\n")
            return 1 if problems else 0
        if given.action == "upgrade":
            migrate.upgrade(engine, given.revision or "head")
        else:
            migrate.downgrade(engine, given.revision or "-1")
        print(f"the database is at {migrate.current_revision(engine) or 'nothing'}")
    except CommandError as error:
        print(f"{given.action} {given.revision}: {error}", file=sys.stderr)
        return 1
    finally:
        database.close()
    return 0


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


def _listener(given: argparse.Namespace, settings: Settings) -> int:
    from db.queries.restore import NotAnExportError
    from webapp.context import Context
    from webapp.listeners import archive, deletion, export, restore
    from webapp.runtime.errors import UnknownListenerError

    try:
        with closing(Context(settings)) as context:
            if given.action == "import":
                data = archive.unpack(given.file.read_bytes())
                trusted = given.trusted or export.is_ours(data, context.identity)
                back = restore.restore(context.database, context.journal, data, trusted=trusted)
                print(f"listener {back.listener_id}: {back.offers} offers with {back.votes} votes")
                if not trusted:
                    print("this installation did not write this file: its votes stand in no study (see --trusted)")
                if back.missing:
                    print(f"{back.missing} offers stay away: their clips are not in this installation", file=sys.stderr)
            elif given.action == "delete":
                deletion.delete(context.records, given.id)
                print(f"forgotten: {given.id}")
            else:
                data = export.signed(export.export(context.database, given.id), context.identity)
                if given.out and given.out.suffix == ".zip":
                    given.out.write_bytes(archive.pack(data))
                elif given.out:
                    given.out.write_text(json.dumps(data, ensure_ascii=False, indent=1), encoding="utf-8")
                else:
                    print(json.dumps(data, ensure_ascii=False, indent=1))
    except UnknownListenerError:
        print(f"there is no listener {given.id}, or no longer", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename}: {error.strerror}" if error.filename else error, file=sys.stderr)
        return 1
    except NotAnExportError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _compose(given: argparse.Namespace, settings: Settings) -> int:
    from webapp.composing import offline

    try:
        task = offline.Task.checked(given.domain, given.count, given.seed, given.bars, given.form)
        offline.compose_files(
            task, given.out, settings.style_folder, settings.device, wav=given.wav, played=given.played
        )
    except (ValueError, OSError, offline.NothingComposedError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{given.out}: {task.count} pieces of {task.domain}")
    return 0


def _film(given: argparse.Namespace, settings: Settings) -> int:
    from rich.console import Console

    from webapp.film import making

    device = "cpu" if settings.device == "auto" else settings.device
    try:
        with Console(stderr=True).status("reading…") as status:
            made = making.make(
                given.film, given.out, settings.style_folder, way=given.way, domain=given.domain, seed=given.seed,
                device=device, progress=lambda stage, share: status.update(f"{stage}… {share:.0%}"),
            )  # fmt: skip
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    on_cuts = f", bar lines on {made.met} of {made.cuts} cuts" if made.cuts else ""
    print(f"{given.out}: {made.seconds:.1f} seconds in {made.bars} bars{on_cuts}")
    return 0


def _space(given: argparse.Namespace, settings: Settings) -> int:  # noqa: ARG001
    from webapp.hosting import space

    try:
        size = space.write_space(given.out)
    except (space.NotEmptyError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{given.out}: a Space of {size / 1e6:.0f} MB; see its README.md for what to set")
    return 0


def _backup(given: argparse.Namespace, settings: Settings) -> int:
    from webapp.context import Context
    from webapp.hosting import backup

    try:
        with closing(Context(settings)) as context:
            made = (backup.backup if given.command == "backup" else backup.restore)(context, given.file)
    except (backup.NotABackupError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    again = f"; {made.deleted} who were deleted since are deleted again" if made.deleted else ""
    print(f"{given.file}: {made.rows} rows of {made.listeners} listeners{again}")
    return 0


def _study(given: argparse.Namespace, settings: Settings) -> int:
    if given.action == "simulate":
        return _simulated_study(given, settings)
    from webapp.context import Context
    from webapp.research import study_dataset, vote_report

    try:
        with closing(Context(settings)) as context:
            found = study_dataset.export(context.database, context.space, given.id, given.out)
    except (vote_report.UnknownStudyError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    votes = f"{found.votes} votes and {found.fours} picks of four"
    print(f"{given.out}: {votes} by {found.listeners} listeners on {found.clips} clips")
    return 0


def _simulated_study(given: argparse.Namespace, settings: Settings) -> int:
    from db import migrate
    from models.style.checkpoint import load_style
    from models.style.compose import Composer
    from webapp.composing.clip_maker import ClipMaker
    from webapp.context import Context
    from webapp.generation.engine import Engine
    from webapp.generation.protocol import GenerationError
    from webapp.research import simulation

    try:
        with closing(Context(settings)) as context:
            migrate.upgrade(context.database.open())
            here = simulation.Installation(context.database, context.journal, context.space, context.playable)
            with closing(Engine(Composer(load_style(context.style_folder), "cpu"))) as engine:
                print("Composing what the pool lacks…", file=sys.stderr)
                maker = ClipMaker(context.database, context.journal, context.clip_store, engine, context.style)
                simulation.fill_pool(here, maker, given.seed)
            found = simulation.simulate(here, given.listeners, given.votes, given.seed)
            given.out.write_text(json.dumps(found, separators=(",", ":")), encoding="utf-8")
    except (simulation.NotEmptyError, GenerationError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{given.out}: {given.listeners} simulated listeners with {given.votes} votes each")
    return 0


def _journal(given: argparse.Namespace, settings: Settings) -> int:  # noqa: ARG001 (there is one action)
    from webapp.context import Context
    from webapp.listeners.journal_rebuild import rebuild

    try:
        with closing(Context(settings)) as context:
            result = rebuild(context.database, context.journal, context.space)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{result.listeners} listeners with {result.votes} votes, {result.clips} clips of the pool")
    print(*result.problems, sep="\n", end="\n" if result.problems else "", file=sys.stderr)
    return 1 if result.problems else 0


def _atlas(given: argparse.Namespace, settings: Settings) -> int:
    from db import migrate
    from models.atlas.points import KINDS
    from models.atlas.shipped import every_installation_has, ship
    from models.music.notes import MusicError
    from webapp.context import Context
    from webapp.maps.drawing import draw
    from webapp.maps.open_maps import opened
    from webapp.maps.progress import Progress

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
                ship({kind: each.drawn for kind, each in files}, every_installation_has(), given.ship)
    except (MusicError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _report(given: argparse.Namespace, settings: Settings) -> int:
    if given.about == "retrieval":
        return _retrieval(given, settings)
    from webapp.context import Context
    from webapp.research import vote_report
    from webapp.runtime.errors import UnknownListenerError

    try:
        with closing(Context(settings)) as context:
            found = (
                vote_report.of_listener(context.database, context.space, given.id)
                if given.about == "listener"
                else vote_report.of_study(context.database, context.space, given.id)
            )
    except (UnknownListenerError, vote_report.UnknownStudyError) as error:
        print(error, file=sys.stderr)
        return 1
    found.print(
        vote_report.WORDS, f"What the votes of {'this listener' if given.about == 'listener' else 'this study'} tell"
    )
    return 0


def _retrieval(given: argparse.Namespace, settings: Settings) -> int:
    from webapp.context import Context
    from webapp.research import retrieval_report

    try:
        with closing(Context(settings)) as context:
            name = retrieval_report.write(context.database, context.settings, given.id, given.out)
    except retrieval_report.NoStudyError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{given.out} tells what {name} found")
    return 0


if __name__ == "__main__":
    sys.exit(main())
