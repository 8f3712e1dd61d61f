"""Rating a sound: p with its doubt and its rank, or that it is unlike anything heard."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.metrics.intervals import NORMAL_95

from .checkpoint import RatingBundle
from .sound import Sound
from .spectrogram import log_mel


@dataclass(frozen=True)
class Rating:
    """``p`` with its 95 % interval, and the share of tracks that were liked less; all None for an outlier.

    ``outlier``: above 1 the sound is unlike all music heard, and no rating is given.
    """

    outlier: float
    p: float | None = None
    low: float | None = None
    high: float | None = None
    rank: float | None = None


def rate(bundle: RatingBundle, sound: Sound) -> Rating:
    """What ``bundle`` says of ``sound``: the doubt is how far it was off on tracks it had not heard."""
    picture = log_mel(sound.samples)
    outlier = bundle.heard.score(picture)
    if outlier > 1:
        return Rating(outlier)
    each = bundle.ensemble.each([bundle.ensemble.heard(picture)])[:, 0]
    p = float(each.mean())
    doubt = NORMAL_95 * float(np.hypot(bundle.card["validation"]["error"], each.std()))
    scores = np.asarray(bundle.card["validation"]["predicted"], dtype=np.float64)
    return Rating(outlier, p, max(p - doubt, 0.0), p + doubt, float((scores < p).mean()))


def order(ratings: list[Rating]) -> list[int]:
    """Places of ``ratings``, best first; what is unlike anything heard comes last, the strangest at the end."""

    def place(at: int) -> tuple[bool, float, float]:
        return ratings[at].p is None, -(ratings[at].p or 0.0), ratings[at].outlier

    return sorted(range(len(ratings)), key=place)
