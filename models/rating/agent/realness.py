"""A critic that holds an agent near real music: it tells real clips from those that the agent played before.

It hears statistics of the notes (``models.metrics.music_statistics``), and learns anew at every step, as the critic of
dreams does: what once gave the agent away stays known. What it takes for real as readily as not gains nothing more.
A leash on the policy holds back every change alike; this holds back what leads away from music.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import ExtraTreesClassifier

from models.metrics.music_statistics import note_statistics
from models.music.notes import Domain, Piece

Floats = npt.NDArray[np.float64]
REMEMBERED = 128  # of the agent's last clips in a domain
REAL = 400  # clips a domain
LEAST = 2  # clips of a kind, without which there is nothing to tell apart
TREES, LEAF = 200, 3


class Realness:
    """A critic for each domain of ``real``: statistics of real clips ``(clips, statistics)``, from ``described``."""

    def __init__(self, real: Mapping[Domain, Floats], seed: int) -> None:
        self.real, self.seed = dict(real), seed
        self.remembered: dict[Domain, Floats] = {domain: rows[:0] for domain, rows in self.real.items()}

    def learn(self, domain: Domain, played: Floats) -> None:
        """Remember what the agent played, as ``described`` says it."""
        if (there := np.isfinite(played).all(axis=1)).any():
            self.remembered[domain] = np.concatenate([self.remembered[domain], played[there]])[-REMEMBERED:]

    def __call__(self, domain: Domain, rows: Floats) -> Floats:
        """The log odds that each ``described`` clip is real rather than played ``(clips,)``, 0 at most.

        0 while nothing is known; not a number for a clip without notes.
        """
        there = np.isfinite(rows).all(axis=1)
        found = np.where(there, 0.0, np.nan)
        real, played = self.real[domain], self.remembered[domain]
        if min(len(real), len(played)) < LEAST or not there.any():
            return found
        critic = ExtraTreesClassifier(
            TREES, min_samples_leaf=LEAF, max_features="sqrt", class_weight="balanced", random_state=self.seed
        )
        critic.fit(np.concatenate([real, played]), np.repeat([1, 0], [len(real), len(played)]))
        share = critic.predict_proba(rows[there])[:, 1].clip(1 / TREES, 1 - 1 / TREES)
        found[there] = np.minimum(np.log(share / (1 - share)), 0.0)
        return found


def described(pieces: Sequence[Piece]) -> Floats:
    """Statistics of each piece, ``(pieces, statistics)``; not a number throughout for one without notes."""
    rows = [list(note_statistics(piece).values()) if len(piece.notes) else [] for piece in pieces]
    size = max(1, *map(len, rows))
    return np.array([row or [np.nan] * size for row in rows], dtype=np.float64).reshape(len(pieces), size)


def real_statistics(pieces: Mapping[Domain, Sequence[Piece]]) -> dict[Domain, Floats]:
    """What ``Realness`` knows of real clips, by domain."""
    found = {domain: described(clips) for domain, clips in pieces.items()}
    return {domain: rows[np.isfinite(rows).all(axis=1)] for domain, rows in found.items()}
