"""Pictures: ``python -m models.evaluate.picture [--data DIR] [--model PATH] [--seed N] [--limit N]``.

DIR holds pictures, and ``metadata.csv`` with their categories where they have any: all of them are test pictures.
Without DIR, the test drawings below ``KALLOS_CORPORA``. Principal components and the probe are fitted on the training
drawings; where there are none, there is no such baseline. Test drawings as SVG (in DIR, or
below ``KALLOS_CORPORA``) are drawn in each other's styles. Prints a table and, as its last line, one JSON object.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from models.experiments.arguments import exit_on_error, positive_int
from models.experiments.report import Metric, Report
from models.music.corpora import corpora_folder
from models.picture.attributes import STYLES
from models.picture.autoencoder import load_pictures
from models.picture.collection import collection
from models.picture.drawings import load_drawings
from models.picture.evaluation import (
    Components,
    Real,
    Some,
    categories,
    drawn,
    fidelity,
    interpolations,
    latents,
    realness,
    swaps,
)
from models.picture.reading import PictureError

VECTORS = "drawings"


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.picture", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of pictures and films, or a film, instead of the drawings")
    parser.add_argument("--model", help="a shipped model, or the folder of one of your own")
    parser.add_argument("--limit", type=positive_int, help="pictures")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(argv)
    with exit_on_error():
        bundle = load_pictures(given.model)
        found = collection(given.data)
    for line in found.unreadable:
        print(line)
    rows = list(range(len(found.pictures))) if given.data else found.parts["test"]
    if given.limit is not None and given.limit < len(rows):
        rows = sorted(np.random.default_rng(given.seed).permutation(rows)[: given.limit].tolist())
    held = Some.of(bundle.model, found, rows)
    try:
        drawings = found if given.data is None else collection(None)
    except PictureError:
        drawings = None
    learned = Some.of(bundle.model, drawings, drawings.parts["train"]) if drawings else None
    components = Components.of(learned.pixels, given.seed) if learned else None
    about = {"hash": found.hash, "n": len(held), "unreadable": len(found.unreadable)}
    model = {"version": bundle.version, "sha256": bundle.card["sha256"]["picture"]}
    report = Report("evaluate.picture", about, model, given.seed)
    fidelity(report, bundle.model, held, components)
    latents(report, held)
    realness(report, bundle.model, held, components, given.seed)
    interpolations(report, bundle.model, held, given.seed)
    swaps(report, bundle.model, held, given.seed)
    categories(report, held, learned if given.data is None else None, components)
    folder, part = (given.data, None) if given.data else ((corpora_folder() or Path()) / VECTORS, "test")
    real = Real.read(bundle, folder, part=part, limit=given.limit, seed=given.seed)
    if real is not None:
        drawn(report, real, bundle, load_drawings(), given.seed)
    else:  # what can't be drawn in other styles has no such figures
        for name in ("two_sample", "category", *(f"swap.{group}.own" for group in STYLES)):
            report.add(f"picture.{name}", Metric(None))
    report.print()


if __name__ == "__main__":
    main()
