"""Fit the taste space of a picture model: ``python -m models.train.picture_taste [--pictures NAME] [--count N]``.

Draws pictures as they are offered to listeners, measures them, and writes ``taste.safetensors``, ``taste.json`` and
``slopes.json`` (along which a picture is made warmer or larger) beside the model's weights. Nothing here is a
listener's: it is the ruler that tastes are measured by. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json

import numpy as np

from models.experiments.arguments import positive_int
from models.picture.autoencoder import load_pictures
from models.picture.drawing import NAMES, PictureDrawing, Slopes
from models.picture.drawings import load_drawings
from models.style.latents import MEASURED, PICTURE_GROUPS
from models.taste.space import TasteSpace, summary


def fit(drawing: PictureDrawing, count: int, seed: int) -> tuple[TasteSpace, Slopes, dict[str, float]]:
    """Space and slopes from ``count`` pictures; the share of each attribute's variance found in a tenth as many."""
    drawn = drawing.draw(count, seed)
    unseen = drawing.draw(max(len(NAMES) * 8, count // 10), seed + 1)
    space = TasteSpace.fit(
        [summary(each) for each in drawn],
        [[each.piece[MEASURED][name] for name in NAMES] for each in drawn],
        NAMES,
        drawing.pictures.version,
        groups=PICTURE_GROUPS,
    )
    lines = space.lines([summary(each) for each in unseen])[:, : len(NAMES)]
    truth = np.array([[each.piece[MEASURED][name] for name in NAMES] for each in unseen])
    found = [float(np.corrcoef(lines[:, k], truth[:, k])[0, 1] ** 2) for k in range(len(NAMES))]
    return space, Slopes.fit(drawn), {name: round(share, 3) for name, share in zip(NAMES, found, strict=True)}


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.train.picture_taste", description=__doc__)
    parser.add_argument("--pictures", help="picture model, shipped or a folder of your own")
    parser.add_argument("--count", type=positive_int, default=4000, help="pictures")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(argv)
    try:
        pictures = load_pictures(given.pictures)
        drawing = PictureDrawing(pictures, load_drawings())
        space, slopes, unseen = fit(drawing, given.count, given.seed)
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(f"no taste space can be fitted: {error}") from error
    space.save(pictures.folder / "taste")
    slopes.save(pictures.folder)
    told = {"command": "models.train.picture_taste", "version": space.version, "features": space.size}
    print(json.dumps({**told, "count": given.count, "seed": given.seed, "explained_unseen": unseen}))


if __name__ == "__main__":
    main()
