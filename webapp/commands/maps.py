"""Maps of clips, tunes, titles and pictures, drawn here and now."""

from __future__ import annotations

import argparse
import sys
import uuid
from contextlib import closing
from pathlib import Path

from webapp.commands import Commands
from webapp.runtime.settings import Settings


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
