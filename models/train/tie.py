"""Fit a tie: ``python -m models.train.tie [--data DIR] [--model STYLE] [--pictures MODEL] [--out OUT] [--seed N]``.

Principal axes of the latents of training pictures (DIR, a folder of them) and of the bars of training music, the
rotation of the ones to the noise behind the others, and what both are usually like: closed forms, two minutes. OUT gets
the weights. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.experiments.arguments import exit_on_error, exit_without_music, output_folder, positive_int
from models.experiments.provenance import commit, data_hash
from models.music.corpora import corpora_folder
from models.music.notes import MusicError
from models.picture.attributes import GROUPS as SEEN
from models.picture.attributes import attributes_of
from models.picture.autoencoder import Pixels, load_pictures
from models.picture.drawings import load_drawings
from models.picture.reading import read_folder
from models.picture.tie import rotation
from models.picture.tie.bars import sounding_of
from models.picture.tie.checkpoint import Axes, Tie, load_tie, save_tie, shown_by
from models.style.bundle import style_folder
from models.style.checkpoint import load_style, terms_of
from models.style.compose import Composer, whole_bars
from models.style.evaluation.clips import corpora_parts, real_excerpts, regular
from models.style.latents import BARS, GROUPS

EXCERPTS = 600
PICTURES = 4000
FOLLOWED = {"palette": (1.0, 0.9), "light": (0.7, 0.2), "line": (0.9, 0.2)}  # correlations, on training drawings
SHAPE = 1e-3
Floats = npt.NDArray[np.float64]


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.train.tie", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of pictures; KALLOS_CORPORA/pictures without it")
    parser.add_argument("--model", help="style model, shipped or a folder of your own")
    parser.add_argument("--pictures", help="picture model, shipped or a folder of your own")
    parser.add_argument("--limit", type=positive_int, default=PICTURES, help="pictures")
    parser.add_argument("--out", type=Path, default=Path("runs/tie"))
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(argv)
    out, rng = output_folder(given.out), np.random.default_rng(given.seed)
    composer = Composer(load_style(str(given.model or style_folder())))
    with exit_on_error():
        seen = load_pictures(given.pictures)
        folder = read_folder(given.data or (corpora_folder() or Path()) / "pictures").pictures
    held_out = {path for paths in seen.held_out.values() for path in paths}
    known = [row for row, picture in enumerate(folder) if picture.path not in held_out]
    rows = rng.permutation(known)[: given.limit]
    pixels = np.stack([folder[row].pixels for row in rows])
    with exit_without_music("train"):
        pieces = regular(piece for piece in corpora_parts(composer.bundle.folder)["train"] if piece.domain == "pop")
        excerpts = real_excerpts(pieces, BARS, EXCERPTS, given.seed).pieces
        if not excerpts:
            raise MusicError("pop piano of the training part is needed, and there is none")
    whole = [whole_bars(piece) for piece in excerpts]
    encoded = [composer.encode(piece) for piece in whole]
    bars = np.concatenate([np.concatenate([each.groups[name] for name in GROUPS], axis=1) for each in encoded])
    heard = np.concatenate([sounding_of(piece) for piece in whole])
    owner = np.repeat(np.arange(len(encoded)), [each.bars for each in encoded])
    scale, weight = (each.double().cpu().numpy() for each in (composer.prior.scale, composer.prior.weight))
    latents = seen.encode(pixels).astype(np.float64)
    noise = np.concatenate([rotation.noise_behind(composer, each, "pop") for each in encoded])
    shown = shown_by(pixels, latents)
    agreed = rotation.slopes(noise, heard / heard.std(0))[:, : len(shown)] @ shown
    subjects = load_drawings().rich().latents
    turn = rotation.fitted(noise, bars / scale * (weight > 0), latents, seen_of(pixels, latents, subjects), agreed)
    tie = Tie.fit(Axes.fit(latents, bars.astype(np.float64), owner, scale), turn, shown, heard)
    card = {
        "name": "tie-cpu", "seed": given.seed, "style": composer.version, "pictures": seen.version,
        "data": {"pictures": len(rows), "excerpts": len(excerpts), "hash": data_hash(excerpts),
                 "terms": terms_of(excerpts)},
        "share": {"pictures": _share(tie.axes.picture_sd, latents),
                  "music": round(float((tie.axes.music_sd**2).sum() / _spread(bars / scale, owner)), 3)},
    }  # fmt: skip
    save_tie(out, tie, card)
    version = load_tie(out).card["version"]
    print(json.dumps({"command": "models.train.tie", "version": version, "commit": commit(), **card}))


def seen_of(pixels: Pixels, latents: Floats, subjects: Floats) -> dict[str, Floats]:
    """Group → what is seen of it in pictures with their ``latents`` ``(n, …)``, by how well drawings follow it.

    Of shape next to nothing, and that along the main axes of ``subjects`` ``(m, dims)``: a drawing shows its shape only
    as which drawing it is.
    """
    found, shape = attributes_of(pixels), SEEN["shape"]
    mean_colour = found["palette"][:, :2] * found["palette"][:, 2:]
    looks = {"palette": mean_colour, "light": found["light"], "line": np.log(np.maximum(found["line"], 1e-3))}
    followed = {name: np.array(FOLLOWED[name]) * each / each.std(0) for name, each in looks.items()}
    _, size, axes = np.linalg.svd(subjects[:, shape] - subjects[:, shape].mean(0), full_matrices=False)
    return {"shape": latents[:, shape] @ axes.T * (SHAPE * size / size[0]), **followed}


def _share(deviations: np.ndarray, latents: np.ndarray) -> float:
    return round(float((deviations**2).sum() / latents.var(0).sum()), 3)


def _spread(bars: np.ndarray, owner: np.ndarray) -> float:
    """Variance of bars about their piece's mean, over all dimensions."""
    return float(np.mean([bars[owner == piece].var(0).sum() for piece in np.unique(owner)]))


if __name__ == "__main__":
    main()
