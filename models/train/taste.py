"""Fit the taste space of a style model: ``python -m models.train.taste [--model NAME] [--data DIR] [--clips N]``.

Encodes clips of the corpora's training part, measures their attributes and writes ``taste.safetensors`` and
``taste.json`` beside the model's weights. Nothing here is a listener's: it is the ruler that tastes are measured by.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.table import Table

from models.experiments.dataset import training_pieces
from models.metrics.music_statistics import ATTRIBUTES
from models.music.grouping import split
from models.style.checkpoint import MODEL_HELP, style_argument
from models.style.compose import Composer
from models.style.windows import make_windows
from models.taste.space import TasteSpace
from models.taste.space_fitting import draw_clips, explained_variance, fit_space, measure_clips

HELD_OUT = 10  # one clip of songs that aren't fitted on for so many that are


def fit(
    composer: Composer, data: Path | None, *, clips: int, seed: int, quiet: bool = False
) -> tuple[TasteSpace, Table]:
    """The space from at most ``clips`` clips of each domain, and how well it reads songs that it was not fitted on."""
    parts = split(training_pieces(data), seed=0)
    space = fit_space(
        composer, measure_clips(composer, draw_clips(make_windows(parts["train"]), clips, seed), quiet=quiet)
    )
    table = Table(
        "style", "attribute", "variance found", title=f"taste space of {space.version}, {space.size} features"
    )
    unseen = {}
    if parts["test"]:
        drawn = draw_clips(make_windows(parts["test"]), -(-clips // HELD_OUT), seed)
        unseen = explained_variance(space, measure_clips(composer, drawn, quiet=quiet))
    for domain in unseen:
        table.add_column(f"unseen {domain}")
    for row, (name, explained) in enumerate(zip(space.names, space.explained, strict=True)):
        table.add_row(ATTRIBUTES[name], name, f"{explained:.3f}", *(f"{found[row]:.3f}" for found in unseen.values()))
    return space, table


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.train.taste", description=__doc__)
    parser.add_argument("--model", default="default", help=MODEL_HELP)
    parser.add_argument("--data", type=Path, help="folder of MIDI and ABC files instead of the corpora")
    parser.add_argument("--clips", type=int, default=2000, help="at most so many clips of each domain")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    bundle = style_argument(arguments.model)
    if bundle.folder is None:
        raise SystemExit("this style model has no folder to write a taste space into")
    try:
        space, table = fit(Composer(bundle), arguments.data, clips=arguments.clips, seed=arguments.seed)
    except ValueError as error:  # MusicError among them
        raise SystemExit(f"no taste space can be fitted: {error}") from error
    space.save(bundle.folder / "taste")
    Console().print(table)


if __name__ == "__main__":
    main()
