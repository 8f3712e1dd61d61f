"""Listening studies of one's own: made from a file, and their results taken along."""

from __future__ import annotations

import argparse
import sys
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
    from webapp.studies import clips, deletion, design, sources, studies

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
                    making = clips.follow(
                        context.database, context.journal, context.clip_store, settings, keys.researcher,
                        place=given.clips,
                    )  # fmt: skip
                    for now in making:
                        print(f"\r{now.stage} {now.share:.0%}   ", end="", file=sys.stderr, flush=True)
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
