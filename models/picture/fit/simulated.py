"""Listeners whose tie is known, of four kinds: for measuring how few picks find it.

*annotated*: drawn around the annotated tie as the prior has it; *reversed*: the same with every sign turned;
*own*: each readout goes with a side, or two, of this person's alone; *nearest*: one point of the music is the best for
each picture, the annotated one, and fit falls with the distance from it, which no bilinear tie can say. Beside it
everybody likes some pieces and pictures whatever they fit, and hears in each pair something that is measured nowhere.
Answers are those of ``models.taste.simulated_people``: Davidson's, with some lapses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from models.picture.fit.asking import Fit
from models.picture.fit.head import ANNOTATED, SIZE, TIE_SD, TIES, annotated, features
from models.picture.fit.measures import HEARD, SEEN
from models.taste.head import Outcome
from models.taste.simulated_people import UTILITY_SD, Person

Floats = npt.NDArray[np.float64]
Kind = Literal["annotated", "reversed", "own", "nearest"]
KINDS: tuple[Kind, ...] = get_args(Kind)

LIKING, UNMEASURED = 0.15, 0.1  # shares of the variance of utility: of pieces and pictures alone, and of each pair
LINKED = 2  # sides of the music that a readout goes with for somebody of their own kind, at most


@dataclass(frozen=True)
class Viewer:
    """Somebody with ``weights`` ``(SIZE,)`` where their tie is bilinear, else None.

    ``expected`` ``(M, P)``: utility of each piece with each picture by the tie and by liking, which is all that can be
    known; ``person`` answers by this and by what is measured nowhere.
    """

    weights: Floats | None
    expected: Floats
    person: Person

    def answer(self, left: Fit, right: Fit, answers_before: int, generator: np.random.Generator) -> Outcome:
        """Which of two fits better, or that both do alike."""
        return self.person.vote(self.place(left), self.place(right), answers_before, generator)

    def place(self, fit: Fit) -> int:
        """The row of a pair of piece and picture in ``person``'s utility."""
        return fit[0] * int(self.expected.shape[1]) + fit[1]


def viewer(kind: Kind, music: Floats, pictures: Floats, generator: np.random.Generator) -> Viewer:
    """Somebody of this ``kind`` before ``music`` ``(M, 5)`` and ``pictures`` ``(P, 4)``.

    Raises ``ValueError`` on another kind.
    """
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}; it must be one of {', '.join(KINDS)}")
    liking = np.zeros(SIZE)
    liking[TIES.stop :] = generator.normal(size=SIZE - TIES.stop)
    rows = features(music[:, None], pictures[None])
    if kind == "nearest":
        weights, tied = None, -np.linalg.norm(music[:, None, : len(SEEN)] - pictures[None], axis=2)
    else:
        weights = _tie(kind, generator)
        tied = rows @ weights
    shares = (1 - LIKING - UNMEASURED, LIKING, UNMEASURED)
    parts = (tied, rows @ liking, generator.normal(size=tied.shape))
    scaled = [UTILITY_SD * np.sqrt(share) * _even(part) for share, part in zip(shares, parts, strict=True)]
    return Viewer(weights, scaled[0] + scaled[1], Person(sum(scaled, np.zeros_like(tied)).ravel()))


def _tie(kind: Kind, generator: np.random.Generator) -> Floats:
    """Weights of which only those of the tie are not 0."""
    weights = np.zeros(SIZE)
    if kind == "own":
        own = np.zeros((len(SEEN), len(HEARD)))
        for row in own:
            sides = generator.permutation(len(HEARD))[: generator.integers(1, LINKED + 1)]
            row[sides] = generator.choice([-1.0, 1.0], len(sides)) * generator.uniform(0.5, 1.5, len(sides))
        weights[TIES] = ANNOTATED * own.ravel()
        return weights
    weights[TIES] = generator.normal(scale=TIE_SD, size=TIES.stop)
    sign = -1.0 if kind == "reversed" else 1.0
    found: Floats = weights + sign * annotated()
    return found


def _even(part: Floats) -> Floats:
    """With mean 0 and standard deviation 1 over all pairs."""
    found: Floats = (part - part.mean()) / max(float(part.std()), 1e-9)
    return found
