"""How unlike all music heard a sound is: noise, a hum or a scrape gets no rating, whatever the network would say.

Mahalanobis' distance of eleven statistics of the picture from those of real music, in excerpts of 2 to 30 s, with the
shrunk covariance of Ledoit & Wolf (2004). 1 is the distance that one excerpt in fifty exceeds: at one in two hundred,
coloured noise lay on the border. A chord that dies away is nothing like a whole piece, so chords are a kind of
their own, and what is near to neither kind is an outlier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.covariance import LedoitWolf

from models.rating.mel_bands import MELS
from models.rating.sound import DARK, FRAMES_A_SECOND

Floats = npt.NDArray[np.float64]
Picture = npt.NDArray[np.float32]

EXCERPTS_S = (2.0, 5.0, 10.0, 30.0)
RARE = 0.98
TOGETHER = 3  # frames, a twentieth of a second


def statistics(picture: Picture) -> Floats:
    """Peaked or flat, sustained or fluttering, rising faster than falling, …: ``(11,)``.

    Peaks, roughness, sustain (short, long), change, rises, bursts, spread of level, centroid and its spread, dark.
    """
    seen = _slower(np.asarray(picture, dtype=np.float64))
    level = seen.max(axis=0)
    heard = seen[:, level > DARK + 2]
    if heard.shape[1] < 6:
        heard = seen if seen.shape[1] >= 6 else np.pad(seen, ((0, 0), (0, 6 - seen.shape[1])), mode="edge")
    frame = heard.mean(axis=0)
    rest = heard - heard.mean(axis=1, keepdims=True) - frame + heard.mean()
    power = (rest**2).mean() + 1e-6
    change = np.diff(heard, axis=1)
    size = np.sqrt((change**2).mean()) + 1e-6
    share = np.exp(heard - heard.max(axis=0))
    centroid = (share * np.arange(MELS)[:, None]).sum(axis=0) / share.sum(axis=0)
    return np.array([
        float((np.log(share.mean(axis=0)) - np.log(share).mean(axis=0)).mean()),
        float(np.abs(np.diff(heard, n=2, axis=0)).mean()),
        float((rest[:, 1:] * rest[:, :-1]).mean() / power),
        float((rest[:, 4:] * rest[:, :-4]).mean() / power),
        float(np.log(size)),
        float((change**3).mean() / size**3),
        float(np.log((change**4).mean() / size**4 + 0.1)),
        float(np.log(frame.std() + 0.05)),
        float(centroid.mean()),
        float(np.log(centroid.std() + 0.1)),
        float((heard < DARK + 1).mean()),
    ])  # fmt: skip


def _slower(picture: Floats) -> Floats:
    """The mean power of every ``TOGETHER`` frames."""
    starts = np.arange(0, picture.shape[1], TOGETHER)
    counts = np.diff([*starts, picture.shape[1]])
    return np.asarray(np.log(np.add.reduceat(np.exp(picture), starts, axis=1) / counts))


@dataclass(frozen=True)
class Kind:
    """What one kind of sound was like: ``mean`` ``(11,)``, ``precision`` ``(11, 11)``, and the distance that is 1."""

    mean: Floats
    precision: Floats
    limit: float

    @classmethod
    def of(cls, pictures: Sequence[Picture], *, seed: int = 0) -> Self:
        """Learned from pictures ``(MELS, frames)``, a random excerpt of each length from each."""
        rng = np.random.default_rng([seed, 11])
        rows = []
        for picture in pictures:
            for seconds in EXCERPTS_S:
                frames = min(int(seconds * FRAMES_A_SECOND), picture.shape[1])
                start = int(rng.integers(0, picture.shape[1] - frames + 1))
                rows.append(statistics(picture[:, start : start + frames]))
        table = np.array(rows)
        fitted = LedoitWolf().fit(table)
        found = cls(fitted.location_, fitted.precision_, 1.0)
        return cls(found.mean, found.precision, float(np.quantile([found.score(row) for row in table], RARE)))

    def score(self, row: Floats) -> float:
        """How far from the mean, in limits."""
        away = row - self.mean
        return float(np.sqrt(max(float(away @ self.precision @ away), 0.0))) / self.limit

    def to_json(self) -> dict[str, Any]:
        """For the card beside the weights."""
        return {"mean": self.mean.tolist(), "precision": self.precision.tolist(), "limit": self.limit}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """What ``to_json`` wrote."""
        return cls(np.array(data["mean"]), np.array(data["precision"]), float(data["limit"]))


@dataclass(frozen=True)
class Heard:
    """The kinds of sound that were heard: music, and chords that stand alone."""

    kinds: tuple[Kind, ...]

    @classmethod
    def of(cls, *kinds: Sequence[Picture], seed: int = 0) -> Self:
        """Learned from pictures of each kind."""
        return cls(tuple(Kind.of(each, seed=seed) for each in kinds if each))

    @property
    def music(self) -> Kind:
        """The first kind."""
        return self.kinds[0]

    def score(self, picture: Picture) -> float:
        """0: as music mostly is; above 1: unlike anything heard."""
        row = statistics(picture)
        return min(kind.score(row) for kind in self.kinds)

    def to_json(self) -> list[dict[str, Any]]:
        """For the card beside the weights."""
        return [kind.to_json() for kind in self.kinds]

    @classmethod
    def from_json(cls, data: list[dict[str, Any]]) -> Self:
        """What ``to_json`` wrote."""
        return cls(tuple(Kind.from_json(each) for each in data))
