"""A map of the tracks that a rating network knows, where those lie together that it hears alike.

A sound is what the tagger hears in it, before any network says how well it will be liked: the mean embedding of its
windows, standardised, in a few principal components. Tracks are laid out by UMAP; a new sound is placed among
its neighbours and moves none (``models.atlas.projection``).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from models.atlas.points import LIST, Track, known_tracks
from models.atlas.projection import LEAST_POINTS, FloatArray, nearest, place, project
from models.rating.material import Material, Picture
from models.rating.rater import RatingBundle
from models.rating.tagger import Features

WEIGHTS = "tracks.safetensors"
DECIMALS = 3
COMPONENTS = 16
NEAREST = 5


@dataclass(frozen=True)
class Placed:
    """Where a sound lies, and the names of the tracks nearest to it, by what the networks hear."""

    x: float
    y: float
    nearest: tuple[str, ...]


@dataclass(frozen=True)
class TrackMap:
    """``tracks`` and their ``vectors`` ``(n, d)``, which are ``((embedding - mean) / deviation) @ axes``."""

    version: str
    tracks: tuple[Track, ...]
    vectors: FloatArray
    mean: FloatArray
    deviation: FloatArray
    axes: FloatArray

    @classmethod
    def of(cls, bundle: RatingBundle, material: Material, *, heard: Sequence[Features] = (), seed: int = 0) -> Self:
        """A map of ``material``, of which the tracks need not be ``heard`` once more.

        Raises ``ValueError`` where they are too few.
        """
        if len(material.digests) < LEAST_POINTS:
            raise ValueError(f"{len(material.digests)} tracks are too few for a map; {LEAST_POINTS} are needed")
        found = embeddings(heard or [bundle.ensemble.heard(picture) for picture in material.pictures])
        mean, deviation = found.mean(axis=0), found.std(axis=0).clip(1e-3)
        even = (found - mean) / deviation
        axes = np.linalg.svd(even, full_matrices=False)[2][:COMPONENTS].T / np.sqrt(even.shape[1])
        axes *= np.where(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])] < 0, -1, 1)  # of either, one
        vectors = (even @ axes).astype(np.float32)
        plays, places = material.plays, project(vectors, seed).round(DECIMALS).astype(np.float64)
        numbers = zip(plays.played.tolist(), plays.liked.tolist(), material.p.round(DECIMALS).tolist(), strict=True)
        tracks = tuple(
            Track(name, genre, played, liked, p, round(x, DECIMALS), round(y, DECIMALS))
            for name, genre, (played, liked, p), (x, y) in zip(
                plays.clips, plays.genres, numbers, places.tolist(), strict=True
            )
        )
        return cls(bundle.version, tracks, vectors, mean, deviation, axes.astype(np.float32))

    @property
    def places(self) -> FloatArray:
        """Where the tracks lie, ``(n, 2)``."""
        return np.array([(track.x, track.y) for track in self.tracks], dtype=np.float32)

    def place(self, bundle: RatingBundle, picture: Picture) -> Placed:
        """Where a sound with this log-mel picture ``(MELS, frames)`` lies."""
        even = (embeddings([bundle.ensemble.heard(picture)]) - self.mean) / self.deviation
        vector = np.asarray(even @ self.axes, dtype=np.float32)
        x, y = place(vector, self.vectors, self.places)[0].tolist()
        near = nearest(self.vectors, min(NEAREST, len(self.tracks)), vector).index[0].tolist()
        return Placed(x, y, tuple(self.tracks[row].name for row in near))

    def save(self, folder: Path) -> None:
        """Beside the weights of the networks."""
        arrays = {name: np.ascontiguousarray(getattr(self, name), dtype=np.float32) for name in _ARRAYS}
        (folder / WEIGHTS).write_bytes(save(arrays))
        said = {"version": self.version, "tracks": [asdict(track) for track in self.tracks]}
        (folder / LIST).write_text(json.dumps(said) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, version: str) -> Self | None:
        """The map beside the networks of this ``version``; None where there is none, or one of other networks."""
        if not (tracks := known_tracks(folder, version)):
            return None
        try:
            arrays = load_file(folder / WEIGHTS)
            return cls(version, tracks, **{name: arrays[name] for name in _ARRAYS})
        except (OSError, KeyError, SafetensorError):
            return None


_ARRAYS = ("vectors", "mean", "deviation", "axes")


def embeddings(heard: Sequence[Features]) -> FloatArray:
    """What the tagger heard in whole sounds, ``(sounds, width)``."""
    return np.array([each.windows[0].mean(0).numpy() for each in heard])
