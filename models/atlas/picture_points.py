"""A map of pictures: drawings by their latents, each with the music that the annotated tie finds nearest to it.

What is compared is measured of both sides (``models.picture.fit.measures``): brightness with register, warmth with
mode, busyness with density, size with loudness. Each side is measured in deviations of its own map, so that the
brightest picture finds a high piece even where all are brighter than usual.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from models.atlas.neighbours import FloatArray, nearest
from models.atlas.points import Material, Points
from models.metrics.music_statistics import attributes
from models.music.notes import MusicError, Piece
from models.music.progress import Tell, silent
from models.picture import readouts
from models.picture.checkpoint import PictureBundle, load_pictures
from models.picture.collection import DRAWINGS, DRAWINGS_TERMS
from models.picture.fit.measures import SEEN, of_music, of_pictures
from models.picture.reading import Picture, PictureError, Pixels, read_folder

SEED = 0
MOST_MUSIC = 800  # pieces that pictures are tied to, which are measured in some seconds
TIED = 3
QUALITY = 70  # of WebP: 96 x 96 pixels in about a kilobyte
AT_ONCE = 256
LEAST_SD = 1e-3


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
    mean, deviation = heard.mean(0), heard.std(0) + LEAST_SD
    pictures = [found.pictures[row] for row in order]
    points = picture_points(bundle, pictures, music, (rows, (heard - mean) / deviation), terms=terms, tell=tell)
    left_out = {"pieces": len(found.unreadable), "why": "unreadable"}
    usual = {"mean": mean.tolist(), "deviation": deviation.tolist()}
    return Material(points, bundle.version, {"left_out": left_out, "music": usual})


def picture_points(
    bundle: PictureBundle, pictures: Sequence[Picture], music: Points, heard: tuple[list[int], FloatArray], *,
    terms: str, tell: Tell = silent,
) -> Points:  # fmt: skip
    """Points of ``pictures``, each with a thumbnail, its measures and the ids of the ``TIED`` nearest pieces.

    ``heard``: rows of the ``music`` and what is measured of each, standardised.
    """
    vectors = []
    for start in range(0, len(pictures), AT_ONCE):
        tell(start / len(pictures))
        vectors.append(bundle.encode(np.stack([each.pixels for each in pictures[start : start + AT_ONCE]])))
    measures = measured_pictures(np.stack([each.pixels for each in pictures]))
    rows, sides = heard
    near = nearest(sides, min(TIED, len(rows)), measures).index
    first = [int(rows[each[0]]) for each in near]
    return Points(
        ids=tuple(f"pictures/{each.path}" for each in pictures),
        texts=tuple(each.title or Path(each.path).stem for each in pictures),
        vectors=np.concatenate(vectors).astype(np.float32),
        colours={"category": tuple(each.category or "" for each in pictures)},
        pieces=tuple(music.pieces[row] for row in first),
        terms=tuple(f"Picture: {terms}. Music: {music.terms[row]}" for row in first),
        thumbnails=tuple(thumbnail(each.pixels) for each in pictures),
        measures=measures,
        tied=tuple(tuple(music.ids[rows[each]] for each in some) for some in near),
    )


def measured_pictures(pixels: Pixels) -> FloatArray:
    """What the tie compares of pictures ``(n, side, side, 3)``, in their own deviations: float32 ``(n, 4)``."""
    seen = of_pictures(readouts.of_pictures(pixels), readouts.USUAL[:, : len(SEEN)])
    own: FloatArray = ((seen - seen.mean(0)) / (seen.std(0) + LEAST_SD)).astype(np.float32)
    return own


def measured_piece(piece: Piece, usual: Mapping[str, Sequence[float]] | None = None) -> FloatArray:
    """The same of a piece: float32 ``(4,)``, in the order of the pictures' measures.

    ``usual``: ``mean`` and ``deviation`` of the map's music, as ``about["music"]`` of a map of pictures has them.
    """
    heard = of_music(attributes(piece), piece.domain or "pop")[: len(SEEN)]
    if usual:
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
