"""Studies: votes exported, simulated and reported on; and listening studies of one's own.

A listening study is made from a file, and its results are taken along.
"""

from __future__ import annotations

import argparse
import json
import sys
import uuid
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from webapp.commands import Commands
from webapp.runtime.settings import Settings

NEXT = (
    "It is a draft. Hear the preview, then open it for participants on the researcher's page. Keep that address: it "
    "can't be looked up."
)
OPENED = "The study is open. Keep the researcher's address: it can't be looked up."


def add_study(commands: Commands) -> None:
    """Add ``kallos study export|simulate``, and those of listening studies."""
    study = commands.add_parser("study", help="export or simulate a study's votes; make a listening study of your own")
    actions = study.add_subparsers(dest="action", required=True)
    export = actions.add_parser("export", help="votes and clips without names, as a zip of CSV and MIDI")
    export.add_argument("id", nargs="?", default="default")
    export.add_argument("--out", type=Path, default=Path("study.zip"))
    export.add_argument(
        "--pictures", action="store_true", help="votes on pictures, and these as SVG; else those on music"
    )
    simulate = actions.add_parser("simulate", help="votes of simulated listeners, in an installation of their own")
    simulate.add_argument("--listeners", type=int, default=40)
    simulate.add_argument("--votes", type=int, default=40, help="of each of them (40)")
    simulate.add_argument("--seed", type=int, default=0)
    simulate.add_argument(
        "--pictures", action="store_true", help="they vote on pictures, which are drawn for them; else on music"
    )
    simulate.add_argument("--out", type=Path, default=Path("simulated_study.json"), help="what the page shows of them")
    study.set_defaults(run=_study)
    add_actions(actions)


def _study(given: argparse.Namespace, settings: Settings) -> int:
    if given.action == "simulate":
        return _simulated_study(given, settings)
    from webapp.context import Context
    from webapp.research import vote_report

    try:
        with closing(Context(settings)) as context:
            space = context.picture_space if given.pictures else context.space
            found = vote_report.export(context.database, context.clip_store, space, given.id, given.out)
    except (vote_report.UnknownStudyError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    votes = f"{found.votes} votes and {found.fours} picks of four"
    judged = f"{found.clips} {'pictures' if given.pictures else 'clips'}"
    print(f"{given.out}: {votes} by {found.listeners} listeners on {judged}")
    return 0


def _simulated_study(given: argparse.Namespace, settings: Settings) -> int:
    from db import migrate
    from models.style.checkpoint import load_style
    from models.style.compose import Composer
    from webapp.composing.clip_maker import ClipMaker
    from webapp.composing.pictures import PictureMaker
    from webapp.context import PICTURE_MODEL, Context
    from webapp.generation.engine import Engine
    from webapp.generation.protocol import GenerationError
    from webapp.learning.playable_clips import InstalledStyle
    from webapp.research import simulation

    about = "pictures" if given.pictures else "music"
    try:
        with closing(Context(settings)) as context:
            migrate.upgrade(context.database.open())
            space = context.picture_space if given.pictures else context.space
            here = simulation.Installation(context.database, context.journal, space, context.playable)
            make = PictureMaker if given.pictures else ClipMaker
            style = InstalledStyle(PICTURE_MODEL, space) if given.pictures else context.style
            with closing(Engine(Composer(load_style(context.style_folder), "cpu"))) as engine:
                print(f"Making the {about} that the pool lacks…", file=sys.stderr)
                maker = make(context.database, context.journal, context.clip_store, engine, style)
                simulation.fill_pool(here, maker, given.seed)
            found = simulation.simulate(here, given.listeners, given.votes, given.seed)
            given.out.write_text(json.dumps(found, separators=(",", ":")), encoding="utf-8")
    except (simulation.NotEmptyError, GenerationError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{given.out}: {given.listeners} simulated listeners with {given.votes} votes each on {about}")
    return 0


def add_report(commands: Commands) -> None:
    """Add ``kallos report listener|study|retrieval``."""
    report = commands.add_parser("report", help="report on a listener, a study or a study of titles")
    about = report.add_subparsers(dest="about", required=True)
    listener, study = (
        about.add_parser(name, help=meaning)
        for name, meaning in (("listener", "one listener"), ("study", "everybody in a study"))
    )
    listener.add_argument("id", type=uuid.UUID)
    study.add_argument("id", nargs="?", default="default")
    for votes in (listener, study):
        votes.add_argument("--pictures", action="store_true", help="of votes on pictures; else of those on music")
    retrieval = about.add_parser("retrieval", help="a study of models of titles (KALLOS_RUNS), as one HTML file")
    retrieval.add_argument("id", nargs="?", help="its folder below the folder of runs; the newest without")
    retrieval.add_argument("--out", type=Path, default=Path("study.html"))
    report.set_defaults(run=_report)


def _report(given: argparse.Namespace, settings: Settings) -> int:
    if given.about == "retrieval":
        return _retrieval(given, settings)
    from webapp.context import Context
    from webapp.research import vote_report
    from webapp.runtime.errors import UnknownListenerError

    try:
        with closing(Context(settings)) as context:
            space = context.picture_space if given.pictures else context.space
            report = vote_report.of_listener if given.about == "listener" else vote_report.of_study
            found = report(context.database, space, given.id)
    except (UnknownListenerError, vote_report.UnknownStudyError) as error:
        print(error, file=sys.stderr)
        return 1
    who = "this listener" if given.about == "listener" else "this study"
    found.print(vote_report.WORDS, f"What the votes of {who} on {'pictures' if given.pictures else 'music'} tell")
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


def add_actions(actions: Commands) -> None:
    """Add ``create`` and ``results`` to ``kallos study``."""
    create = actions.add_parser("create", help="make a listening study from a design, JSON or TOML; prints its links")
    create.add_argument("design", type=Path, nargs="?", help="of a template: only what is to be another way")
    create.add_argument(
        "--template", choices=("mood", "fit"),
        help="begin with a design that comes along: people rate the mood of clips, or say which music fits a picture",
    )  # fmt: skip
    create.add_argument("--clips", type=Path, help="a folder or zip file of clips; none where all are composed")
    create.add_argument("--url", help="where the pages are reached, for the links (this machine, at KALLOS_PORT)")
    create.add_argument("--open", action="store_true", help="let participants in at once")
    create.set_defaults(run=_create)
    results = actions.add_parser("results", help="report and dataset of a listening study, by the researcher's key")
    results.add_argument("key")
    results.add_argument("--out", type=Path, default=Path("study"), help="folder for what is written (study)")
    results.set_defaults(run=_results)


def _create(given: argparse.Namespace, settings: Settings) -> int:
    from db import migrate
    from webapp.context import Context
    from webapp.runtime.errors import Problem
    from webapp.runtime.long_tasks import until_ended
    from webapp.studies import clips, deletion, design, sources, studies
    from webapp.worker import LongTaskWorker

    try:
        if not given.design and not given.template:
            print("name a design, or a template (--template mood or fit)", file=sys.stderr)
            return 1
        found = (
            design.read(given.design.read_text(encoding="utf-8"), toml=_is_toml(given.design)) if given.design else {}
        )
        if given.template:
            found = {"template": given.template, **found}
        if given.clips and not given.clips.exists():
            print(f"{given.clips}: there is no such folder or zip file", file=sys.stderr)
            return 1
        if given.clips:
            with TemporaryDirectory() as folder:  # what is wrong with the files is told before anything is made
                sources.read(given.clips, Path(folder))
        with closing(Context(settings)) as context:
            migrate.upgrade(context.database.open())
            keys = studies.create(context.database, context.journal, found)
            try:
                if given.clips or design.checked(found).makes_clips:
                    clips.begin(context.database, settings, keys.researcher, place=given.clips)
                    with LongTaskWorker(context).at_work():  # whether or not a server runs
                        for now in until_ended(lambda: clips.look(context.database, settings, keys.researcher)):
                            print(f"\r{now.stage} {now.share:.0%}   ", end="", file=sys.stderr, flush=True)
                    if now.problem:
                        raise now.problem
                    print(f"\r{now.clips} clips are ready.  ", file=sys.stderr)
                if given.open:
                    studies.open_study(context.database, context.journal, settings, keys.researcher)
            except Problem:
                deletion.delete_study(context.database, context.clip_store, context.journal, keys.researcher)
                raise
        _print_links(given.url or f"http://localhost:{settings.port}", keys.researcher)
        print(OPENED if given.open else NEXT, file=sys.stderr)
    except (Problem, sources.SourceError, OSError, UnicodeDecodeError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _is_toml(path: Path) -> bool:
    return path.suffix.lower() == ".toml"


def _print_links(url: str, researcher: str) -> None:
    from webapp.studies import keys

    found = keys.of_researcher(researcher)
    print(f"researcher:   {url.rstrip('/')}/studies?key={found.researcher}")
    print(f"participants: {url.rstrip('/')}/study?key={found.participant}")
    print(f"preview:      {url.rstrip('/')}/study?key={found.preview}", flush=True)


def _results(given: argparse.Namespace, settings: Settings) -> int:
    from webapp.context import Context
    from webapp.runtime.errors import Problem
    from webapp.studies import dataset, report

    try:
        with closing(Context(settings)) as context:
            page = report.report(context.database, given.key)
            packed = dataset.export(context.database, context.clip_store, given.key)
            words = dataset.in_words(context.database, given.key)
        given.out.mkdir(parents=True, exist_ok=True)
        (given.out / "report.html").write_text(page, encoding="utf-8")
        (given.out / "study.zip").write_bytes(packed)
        (given.out / "words.csv").write_bytes(words)
    except (Problem, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{given.out}: report.html and study.zip; words.csv has what was answered in words, not to be published")
    return 0
