"""How far maps can be trusted: ``python -m models.evaluate.atlas [--data DIR] [--kind KIND …] [--seed N] [--limit N]``.

Draws each map from the corpora (``--data``: from a folder of tunes), as the worker does, and judges it in the original
space: trustworthiness, kNN purity and silhouette of every colouring, each beside what chance gives; the baseline of
trustworthiness is the plane of the first two principal components. ``placed``: a tenth of the points is left out,
the map is drawn without them, and each is placed on it; its trustworthiness there (neighbours in the picture among the
points that were drawn), beside UMAP's own transform as reference and places dealt at random as chance (``--transform``
computes the reference, which takes minutes to compile). ``seconds``: the time of gathering and of drawing.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.atlas.material import gather
from models.atlas.picture_points import gather_pictures
from models.atlas.points import KINDS, Material, load_shipped_map
from models.atlas.projection import MIN_DIST, NEIGHBOURS, FloatArray, expected_warnings_of_umap, nearest, place, project
from models.atlas.quality import NEAREST, Figure, judge, trustworthiness
from models.experiments.arguments import positive_int
from models.experiments.report import Metric, Report
from models.music.corpora import corpora_folder
from models.music.notes import MusicError
from models.picture.collection import DRAWINGS

LEFT_OUT = 0.1


def evaluate(report: Report, kind: str, material: Material, seed: int, *, transform: bool = False) -> None:
    """Adds ``atlas.KIND.*``; raises ``ValueError`` on too few points."""
    points = material.points
    vectors = points.vectors
    begun = time.monotonic()
    neighbours = nearest(vectors, NEIGHBOURS)
    places = project(vectors, seed, neighbours)
    report.add(f"atlas.{kind}.project_seconds", Metric(time.monotonic() - begun, n=len(points)))
    quality = judge(vectors, places, points.colours, seed, neighbours)
    rows = np.arange(len(points))
    plane = trustworthiness(vectors, nearest(_principal(vectors), quality.k).index, rows)
    told = quality.trustworthiness
    report.add(f"atlas.{kind}.trustworthiness", _metric(told, baseline=plane))
    for name, colour in quality.colours.items():
        report.add(f"atlas.{kind}.{name}.purity", _metric(colour.purity))
        report.add(f"atlas.{kind}.{name}.purity_in_picture", _metric(colour.purity_in_picture))
        report.add(f"atlas.{kind}.{name}.silhouette", _metric(colour.silhouette))
    report.add(f"atlas.{kind}.placed.trustworthiness", placed(vectors, seed, transform=transform))


def placed(vectors: FloatArray, seed: int, *, transform: bool) -> Metric:
    """Trustworthiness of points that were left out while the map was drawn, and placed on it."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(vectors))
    new, known = np.split(order, [max(1, round(LEFT_OUT * len(order)))])
    drawn = project(vectors[known], seed)
    ours = place(vectors[new], vectors[known], drawn)
    dealt = drawn[rng.integers(len(known), size=len(new))]
    reference = None
    if transform:
        reference = _trust(vectors, new, known, *_transformed(vectors[known], vectors[new], seed))
    value, chance = (_trust(vectors, new, known, drawn, where) for where in (ours, dealt))
    return Metric(value, n=len(new), chance=chance, reference=reference)


def _trust(
    vectors: FloatArray, new: npt.NDArray[np.int64], known: npt.NDArray[np.int64], drawn: FloatArray, where: FloatArray
) -> float:
    """Trustworthiness of new points, each alone among the known ones."""
    k = min(NEAREST, (len(known) - 1) // 2)
    near = nearest(drawn, k, where).index
    costs = []
    for row, theirs in zip(new.tolist(), near, strict=True):
        alone = np.concatenate([vectors[row][None], vectors[known]])
        costs.append(trustworthiness(alone, theirs[None] + 1, np.array([0])))
    return float(np.mean(costs))


def _transformed(known: FloatArray, new: FloatArray, seed: int) -> tuple[FloatArray, FloatArray]:
    """UMAP's own map of the known points and its own places for the new ones."""
    with expected_warnings_of_umap():
        from umap import UMAP  # noqa: PLC0415 (numba: seconds)

        reducer = UMAP(n_neighbors=NEIGHBOURS, min_dist=MIN_DIST, random_state=seed, n_jobs=1).fit(known)
        return np.asarray(reducer.embedding_, np.float32), np.asarray(reducer.transform(new), np.float32)


def _principal(vectors: FloatArray) -> FloatArray:
    centred = vectors - vectors.mean(0)
    _, directions = np.linalg.eigh(np.cov(centred.T))
    plane: FloatArray = (centred @ directions[:, -2:]).astype(np.float32)
    return plane


def _metric(figure: Figure, baseline: float | None = None) -> Metric:
    return Metric(figure.value, n=figure.n, chance=figure.chance, baseline=baseline)


def _material(kind: str, data: Path | None, limit: int | None) -> Material:
    """What a map is drawn of; pictures are tied to the music of the map of clips that came with the weights."""
    if kind != "pictures":
        return gather(kind, data=data, limit=limit)
    music = load_shipped_map("clips")
    if music is None:
        raise FileNotFoundError("pictures are tied to the map of clips that comes with the weights, and there is none")
    return gather_pictures(data or (corpora_folder() or Path()) / DRAWINGS, music.points, limit=limit)


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.atlas", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="a folder of tunes, or of pictures, instead of the corpora")
    parser.add_argument("--kind", nargs="+", choices=KINDS, default=["tunes"], help="which maps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=positive_int, help="about so many pieces of each corpus")
    parser.add_argument("--transform", action="store_true", help="compare placing with UMAP's own transform")
    given = parser.parse_args(argv)
    report: Report | None = None
    try:
        for kind in given.kind:
            begun = time.monotonic()
            material = _material(kind, given.data, given.limit)
            seconds = time.monotonic() - begun
            if report is None:
                about = {"hash": material.points.hash, "n": len(material.points)}
                report = Report(
                    "evaluate.atlas", about, {"version": material.model_version, "sha256": None}, given.seed
                )
            report.add(f"atlas.{kind}.gather_seconds", Metric(seconds, n=len(material.points)))
            report.add(f"atlas.{kind}.left_out", Metric(material.about["left_out"]["pieces"]))
            evaluate(report, kind, material, given.seed, transform=given.transform)
    except (MusicError, ValueError, FileNotFoundError) as error:
        raise SystemExit(f"nothing to evaluate: {error}") from error
    if report is not None:
        report.print()


if __name__ == "__main__":
    main()
