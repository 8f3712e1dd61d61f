"""Draw the pictures that a page asks about: ``python -m models.train.drawings [--data DIR] [--out OUT] [--seed N]``.

The picture model decodes the shape of held-out drawings with palette, light and line drawn from N(0, I). Of many those
are kept that lie farthest apart in what is measured of them. OUT gets PNG files and a card with their readouts. The
last line is one JSON object.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.experiments.arguments import output_folder, positive_int
from models.experiments.provenance import commit
from models.music.corpora import corpora_folder
from models.picture import readouts
from models.picture.autoencoder import Pixels
from models.picture.checkpoint import load_pictures
from models.picture.fit.measures import SEEN
from models.picture.groups import DIMS, GROUPS
from models.picture.places import on_grid
from models.picture.reading import PictureError, read_folder
from models.style.bundle import write_card

DRAWN, KEPT = 600, 48
SPREAD = 1.3  # of palette, light and line: a little wider than N(0, I), for contrast
LEAST = 0.05  # share of a picture that is not background: less is nothing to look at
COLOURS = 128  # of a file
COLUMNS = 8  # of the map on which they lie


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.train.drawings", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of pictures; KALLOS_CORPORA/pictures without it")
    parser.add_argument("--pictures", help="picture model, shipped or a folder of your own")
    parser.add_argument("--limit", type=positive_int, default=KEPT, help="pictures")
    parser.add_argument("--out", type=Path, default=Path("runs/drawings"))
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(argv)
    out, rng = output_folder(given.out), np.random.default_rng(given.seed)
    try:
        model = load_pictures(given.pictures)
        folder = read_folder(given.data or (corpora_folder() or Path()) / "pictures").pictures
    except (FileNotFoundError, PictureError, ValueError) as error:
        raise SystemExit(str(error)) from error
    held = {path for paths in model.held_out.values() for path in paths}
    some = [each.pixels for each in folder if given.data or each.path in held]
    latents = SPREAD * rng.standard_normal((DRAWN, DIMS))
    rows = rng.choice(len(some), DRAWN, replace=len(some) < DRAWN)
    latents[:, GROUPS["shape"]] = model.encode(np.stack([some[row] for row in rows]))[:, GROUPS["shape"]]
    pixels = model.decode(latents)
    measured = readouts.of_pictures(pixels)
    there = measured[:, SEEN.index("size")] >= LEAST
    pixels, measured = pixels[there], measured[there]
    kept = farthest((measured - measured.mean(0)) / measured.std(0), given.limit)
    usual = np.stack([measured[kept].mean(0), measured[kept].std(0)])
    places = on_grid(model.encode(pixels[kept]).astype(np.float64), COLUMNS)
    card = {
        "name": "drawings-cpu", "version": f"drawings-{given.seed}-{digest(pixels[kept])}", "commit": commit(),
        "seed": given.seed, "pictures": model.version, "readouts": list(SEEN), "usual": usual.round(4).tolist(),
        "drawings": {f"{number:02}": measured[row].round(4).tolist() for number, row in enumerate(kept)},
        "places": {f"{number:02}": place for number, place in enumerate(places.round(4).tolist())},
        "terms": "drawn by the picture model, which was trained on public domain drawings",
    }  # fmt: skip
    for number, row in enumerate(kept):
        Image.fromarray(pixels[row]).quantize(COLOURS).save(out / f"{number:02}.png", optimize=True)
    write_card(out, card)
    print(json.dumps({"command": "models.train.drawings", **{name: card[name] for name in ("version", "pictures")}}))


def farthest(measures: npt.NDArray[np.float64], count: int) -> list[int]:
    """Rows that lie far from each other, the first the farthest from the middle (farthest-first traversal)."""
    found = [int(np.linalg.norm(measures, axis=1).argmax())]
    away = np.linalg.norm(measures - measures[found[0]], axis=1)
    while len(found) < min(count, len(measures)):
        found.append(int(away.argmax()))
        away = np.minimum(away, np.linalg.norm(measures - measures[found[-1]], axis=1))
    return found


def digest(pixels: Pixels) -> str:
    """The first digits of the SHA-256 of the pictures."""
    return hashlib.sha256(pixels.tobytes()).hexdigest()[:8]


if __name__ == "__main__":
    main()
