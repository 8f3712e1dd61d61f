"""A map of pictures: drawings by their latents, each with the music that the annotated tie finds nearest to it.

What is compared is measured of both sides (``models.picture.fit.head``): brightness with register, warmth with
mode, busyness with density, size with loudness. Each side is measured by its rank on its own map, so that the
brightest picture finds a high piece even where all are brighter than usual, and a crowd of grey outlines on white is
spread as wide as the music. Of what is left near to many, mutual proximity (Schnitzer et al. 2012) takes its due: near
are a picture and a piece that are near for either of the two.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.special import ndtr, ndtri

from models.atlas.points import Material, Points
from models.atlas.projection import FloatArray
from models.metrics.music_statistics import attributes
from models.music.corpora import Tell, silent
from models.music.notes import MusicError, Piece
from models.picture import readouts
from models.picture.autoencoder import PictureBundle, load_pictures
from models.picture.collection import DRAWINGS, DRAWINGS_TERMS
from models.picture.fit.head import SEEN, of_music, of_pictures
from models.picture.reading import Picture, PictureError, Pixels, read_folder

SEED = 0
MOST_MUSIC = 800  # pieces that pictures are tied to, which are measured in some seconds
TIED = 3
QUALITY = 70  # of WebP: 96 x 96 pixels in about a kilobyte
AT_ONCE = 256
LEVELS = 101  # quantiles by which a measure's rank is told


def gather_pictures(
    folder: Path, music: Points, *, limit: int | None = None, terms: str = DRAWINGS_TERMS, tell: Tell = silent
) -> Material:
    """The pictures of a folder, or ``limit`` of them drawn at random, tied to the ``music`` of a map of clips.

    Raises ``MusicError`` where there are no pictures, or no music whose notes are on the map.
    """
    try:
        found = read_folder(folder)
    except PictureError as error:
        raise MusicError(f"a map of pictures is drawn of KALLOS_CORPORA/{DRAWINGS}: {error}") from error
    order = np.sort(np.random.default_rng(SEED).permutation(len(found.pictures))[:limit])
    bundle = load_pictures()
    rows, heard = measured_music(music)
    usual = quantiles(heard).round(4)
    pictures = [found.pictures[row] for row in order]
    points = picture_points(bundle, pictures, music, (rows, by_rank(heard, usual)), terms=terms, tell=tell)
    left_out = {"pieces": len(found.unreadable), "why": "unreadable"}
    return Material(points, bundle.version, {"left_out": left_out, "music": {"quantiles": usual.tolist()}})


def picture_points(
    bundle: PictureBundle, pictures: Sequence[Picture], music: Points, heard: tuple[list[int], FloatArray], *,
    terms: str, tell: Tell = silent,
) -> Points:  # fmt: skip
    """Points of ``pictures``, each with a thumbnail, its measures and the ids of the ``TIED`` nearest pieces.

    ``heard``: rows of the ``music`` and what is measured of each, by rank.
    """
    vectors = []
    for start in range(0, len(pictures), AT_ONCE):
        tell(start / len(pictures))
        vectors.append(bundle.encode(np.stack([each.pixels for each in pictures[start : start + AT_ONCE]])))
    measures = measured_pictures(np.stack([each.pixels for each in pictures]))
    rows, sides = heard
    near = tie(measures, sides)[:, :TIED]
    first = [int(rows[each[0]]) for each in near]
    return Points(
        ids=tuple(f"pictures/{each.path}" for each in pictures),
        texts=tuple(each.title or Path(each.path).stem for each in pictures),
        vectors=np.concatenate(vectors).astype(np.float32),
        colours={"category": tuple((each.category or "").replace("_", " ") for each in pictures)},
        pieces=tuple(music.pieces[row] for row in first),
        terms=tuple(f"Picture: {terms}. Music: {music.terms[row]}" for row in first),
        thumbnails=tuple(thumbnail(each.pixels) for each in pictures),
        measures=measures,
        tied=tuple(tuple(music.ids[rows[each]] for each in some) for some in near),
    )


def measured_pictures(pixels: Pixels) -> FloatArray:
    """What the tie compares of pictures ``(n, side, side, 3)``, by their rank among them: float32 ``(n, 4)``."""
    seen = of_pictures(readouts.of_pictures(pixels), readouts.USUAL[:, : len(SEEN)])
    return by_rank(seen, quantiles(seen))


def quantiles(values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """``LEVELS`` quantiles of each column of ``(n, sides)``, lowest first: ``(sides, LEVELS)``."""
    return np.quantile(values.astype(np.float64), np.linspace(0, 1, LEVELS), axis=0).T


def by_rank(values: npt.NDArray[np.floating[Any]], usual: npt.ArrayLike) -> FloatArray:
    """Values ``(n, sides)`` as normal scores of their rank among the ``usual`` quantiles; equal ones get the middle."""
    found = np.empty(values.shape, dtype=np.float32)
    for side, levels in enumerate(np.asarray(usual, dtype=np.float64)):
        low, high = (np.searchsorted(levels, values[:, side], where) for where in ("left", "right"))
        found[:, side] = ndtri(np.clip((low + high) / 2 / len(levels), 0.5 / len(levels), 1 - 0.5 / len(levels)))
    return found


def tie(seen: FloatArray, heard: FloatArray) -> npt.NDArray[np.int64]:
    """The pieces ``heard`` ``(m, sides)`` in the order in which each picture ``seen`` ``(n, sides)`` has them near.

    By mutual proximity: how surely a distance is small among those of the picture, times among those of the piece.
    """
    far = np.stack([np.linalg.norm(heard.astype(np.float64) - row, axis=1) for row in seen])
    close = np.ones_like(far)
    for axis in (0, 1):
        middle, spread = far.mean(axis, keepdims=True), np.maximum(far.std(axis, keepdims=True), 1e-9)
        close *= ndtr((middle - far) / spread)
    return np.argsort(-close, axis=1, kind="stable")


def measured_piece(piece: Piece, usual: Mapping[str, Any] | None = None) -> FloatArray:
    """The same of a piece: float32 ``(4,)``, in the order of the pictures' measures.

    ``usual``: the ``quantiles`` of the map's music, as ``about["music"]`` of a map of pictures has them; without them
    in usual deviations.
    """
    heard = of_music(attributes(piece), piece.domain or "pop")[: len(SEEN)]
    if usual and "quantiles" in usual:
        ranked: FloatArray = by_rank(heard[None], usual["quantiles"])[0]
        return ranked
    if usual:  # a map that was drawn when measures stood in deviations
        heard = (heard - np.asarray(usual["mean"])) / np.asarray(usual["deviation"])
    found: FloatArray = heard.astype(np.float32)
    return found


def measured_music(music: Points) -> tuple[list[int], FloatArray]:
    """At most ``MOST_MUSIC`` rows of a map of clips whose notes are on it, and what is measured of each ``(n, 4)``.

    Raises ``MusicError`` where there are fewer than two.
    """
    there = [row for row, text in enumerate(music.pieces) if "notes" in (notes := json.loads(text)) and notes["notes"]]
    rows = sorted(np.random.default_rng(SEED).permutation(there)[:MOST_MUSIC].tolist())
    if len(rows) < 2:
        raise MusicError("pictures are tied to the music of the map of clips; draw that map first")
    return rows, np.stack([measured_piece(Piece.from_json(json.loads(music.pieces[row]))) for row in rows])


def thumbnail(pixels: Pixels) -> bytes:
    """A picture as WebP."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", quality=QUALITY, method=6)
    return file.getvalue()
