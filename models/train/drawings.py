"""Pack drawings: ``python -m models.train.drawings [--data DIR] [--pictures MODEL] [--limit N] [--out OUT]``.

DIR holds SVG files, in a folder for each category; without it, KALLOS_CORPORA/drawings. Those that can be drawn as
vectors alone and that the picture model was trained on are encoded, and N are packed: category by category in turn, in
each the farthest in shape from those there are, few of a series. Of pictures in other styles those that lie farthest
apart in what is measured of them are written beside the pack, for the page that asks which picture fits. The last line
is one JSON object.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from models.experiments.arguments import exit_on_error, output_folder, positive_int
from models.music.corpora import corpora_folder
from models.picture import readouts
from models.picture.attributes import DIMS, GROUPS
from models.picture.autoencoder import load_pictures
from models.picture.collection import on_grid, series_of
from models.picture.drawing import ink
from models.picture.drawings import Drawings, load_drawings, save_drawings
from models.picture.fit.head import SEEN
from models.picture.reading import Picture
from models.picture.svg import DrawingError, read_drawing
from models.picture.vector import Drawing

PACKED, A_SERIES = 1000, 4
LEAST_INK, MOST_WHITE = 0.05, 0.97  # of a drawing that is worth looking at
STYLED, SHOWN, LEAST_SHOWN = 400, 48, 0.16  # drawn, kept, and the ink of one that is asked about
COLUMNS = 8  # of the map on which they lie
TERMS = "public domain (Open Clip Art Library 0.18)"


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.train.drawings", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of SVG files; KALLOS_CORPORA/drawings without it")
    parser.add_argument("--pictures", help="picture model, shipped or a folder of your own")
    parser.add_argument("--limit", type=positive_int, default=PACKED, help="drawings")
    parser.add_argument("--terms", default="", help="of drawings of your own, for the card")
    parser.add_argument("--out", type=Path, default=Path("runs/drawings"))
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(argv)
    out, rng = output_folder(given.out), np.random.default_rng(given.seed)
    folder = given.data or (corpora_folder() or Path()) / "drawings"
    files = sorted(folder.glob("**/*.svg"))
    if not files:
        raise SystemExit(f"there are no SVG files below {folder}; give --data DIR")
    with exit_on_error():
        model = load_pictures(given.pictures)
    held = {PurePosixPath(path).with_suffix("") for paths in model.held_out.values() for path in paths}
    names, drawings, unreadable = [], [], 0
    for file in track(files, "reading", console=Console(stderr=True)):
        name = file.relative_to(folder).with_suffix("").as_posix()
        if PurePosixPath(name) in held:
            continue
        try:
            drawings.append(read_drawing(file))
            names.append(name)
        except DrawingError:
            unreadable += 1
    if len(drawings) < 2:
        raise SystemExit(f"{len(drawings)} drawings can be drawn as vectors; two are needed at least")
    pixels = np.stack([each.pixels() for each in drawings])
    latents = model.encode(pixels)
    kept = chosen(names, pixels, latents[:, GROUPS["shape"]].astype(np.float64), given.limit)
    found = Drawings.of([names[k] for k in kept], [drawings[k] for k in kept], latents[kept])
    shown, measured, places = styled(found, rng)
    numbers = [f"v{number:02}" for number in range(len(shown))]
    card = {
        "name": "drawings-cpu", "seed": given.seed, "pictures": model.version,
        "terms": given.terms or (TERMS if given.data is None else "your own"),
        "data": {"files": len(files), "unreadable": unreadable, "kept": len(kept)},
        "readouts": list(SEEN), "usual": np.stack([measured.mean(0), measured.std(0)]).round(4).tolist(),
        "drawings": dict(zip(numbers, measured.round(4).tolist(), strict=True)),
        "places": dict(zip(numbers, places.round(4).tolist(), strict=True)),
    }  # fmt: skip
    save_drawings(out, found, card)
    for number, drawing in zip(numbers, shown, strict=True):
        (out / f"{number}.svg").write_text(drawing.svg(), encoding="utf-8")
    version = load_drawings(out).version
    print(json.dumps({"command": "models.train.drawings", "version": version, "drawings": len(kept), **card["data"]}))


def chosen(
    names: Sequence[str], pixels: npt.NDArray[np.uint8], shapes: npt.NDArray[np.float64], limit: int
) -> list[int]:
    """Rows of drawings to be kept: from each category in turn the one that is farthest from those there are."""
    series = series_of([Picture(f"{name}.svg", each) for name, each in zip(names, pixels, strict=True)])
    enough = (ink(pixels) >= LEAST_INK) & ((pixels == 255).all(-1).mean((1, 2)) <= MOST_WHITE)
    away = np.where(enough, np.linalg.norm(shapes, axis=1), -np.inf)
    category = np.array([name.partition("/")[0] for name in names])
    found: list[int] = []
    while len(found) < limit and (away > 0).any():
        for each in np.unique(category):
            own = np.where(category == each, away, -np.inf)
            row = int(own.argmax())
            if own[row] <= 0 or len(found) >= limit:
                continue
            found.append(row)
            away = np.minimum(away, np.linalg.norm(shapes - shapes[row], axis=1))
            same = [k for k in found if series[k] == series[row]]
            if len(same) >= A_SERIES:
                away[[k for k, name in enumerate(series) if name == series[row]]] = -np.inf
            away[found] = -np.inf
    return sorted(found)


def styled(
    found: Drawings, rng: np.random.Generator
) -> tuple[list[Drawing], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Drawings in drawn styles, far apart in their readouts ``(n, 4)``, and their places on a map ``(n, 2)``."""
    latents = rng.standard_normal((min(STYLED, 8 * len(found.names)), DIMS))
    latents[:, GROUPS["shape"]] = found.latents[rng.integers(len(found.names), size=len(latents))][:, GROUPS["shape"]]
    drawings = [found.decode(each) for each in latents]
    pixels = np.stack([each.pixels() for each in drawings])
    rows = np.flatnonzero(ink(pixels) >= LEAST_SHOWN)
    drawings, latents, measured = [drawings[row] for row in rows], latents[rows], readouts.of_pictures(pixels[rows])
    kept = farthest((measured - measured.mean(0)) / measured.std(0), SHOWN)
    return [drawings[row] for row in kept], measured[kept], on_grid(latents[kept], COLUMNS)


def farthest(measures: npt.NDArray[np.float64], count: int) -> list[int]:
    """Rows that lie far from each other, the first the farthest from the middle (farthest-first traversal)."""
    found = [int(np.linalg.norm(measures, axis=1).argmax())]
    away = np.linalg.norm(measures - measures[found[0]], axis=1)
    while len(found) < min(count, len(measures)):
        found.append(int(away.argmax()))
        away = np.minimum(away, np.linalg.norm(measures - measures[found[-1]], axis=1))
    return found


if __name__ == "__main__":
    main()
