"""Which question to ask next: one piece and two pictures, or one picture and two pieces.

Half of the questions are of either kind. Of some thousand candidates a question is the likelier the more nats its
answer is expected to tell about the tie (``models.taste.acquisition.information_gain``), less for what was shown
before; some are drawn at random. So every question has a known probability.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from models.picture.fit.head import features
from models.taste.acquisition import information_gain
from models.taste.head import Head

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Kind = Literal["pictures", "pieces"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Fit = tuple[int, int]  # a piece and a picture
Compared = frozenset[Fit]

CANDIDATES = 2000  # questions of a kind, which take some milliseconds
CONTROL = 0.1  # share of questions that are drawn at random
SHARPNESS = 40.0  # inverse temperature over scores of which the best is 1
FAMILIAR = 0.05  # of the best score, what it costs that a piece or a picture was shown once before
INFORMATION, RANDOM = "information", "control"


class NoQuestionLeftError(LookupError):
    """Every question about these pieces and pictures was asked."""


@dataclass(frozen=True)
class Question:
    """Two pairs of a piece and a picture with one of them shared; of ``kind`` "pictures" it is the piece.

    ``probability`` of the unordered question given the candidates; ``policy``: which component drew it.
    """

    kind: Kind
    left: Fit
    right: Fit
    policy: str
    probability: float


@dataclass(frozen=True)
class Shown:
    """How often each piece ``(M,)`` and each picture ``(P,)`` was shown, and what was ``compared`` already."""

    pieces: Integers
    pictures: Integers
    compared: Collection[Compared] = ()

    @classmethod
    def nothing(cls, pieces: int, pictures: int) -> Shown:
        """Of so many."""
        return cls(np.zeros(pieces, dtype=np.int64), np.zeros(pictures, dtype=np.int64))

    def and_then(self, left: Fit, right: Fit) -> Shown:
        """With one more question."""
        pieces, pictures = self.pieces.copy(), self.pictures.copy()
        for times, both in ((pieces, {left[0], right[0]}), (pictures, {left[1], right[1]})):
            times[list(both)] += 1
        return Shown(pieces, pictures, {*self.compared, frozenset((left, right))})


def choose(
    head: Head, music: Floats, pictures: Floats, *, shown: Shown, generator: np.random.Generator, seed: int = 0,
    control: float = CONTROL,
) -> Question:  # fmt: skip
    """Draw a question about ``music`` ``(M, 5)`` and ``pictures`` ``(P, 4)``, both standardised.

    ``seed`` and the number of questions so far fix the candidates; ``control`` is the share drawn at random.
    Raises ``NoQuestionLeftError``.
    """
    plans = {
        kind: found
        for number, kind in enumerate(KINDS)
        if len(found := candidates(kind, shown, (seed, len(shown.compared), number)))
    }
    if not plans:
        raise NoQuestionLeftError(f"all questions about {len(music)} pieces and {len(pictures)} pictures were asked")
    kind = list(plans)[int(generator.integers(len(plans)))]
    asked = plans[kind]
    even = np.full(len(asked), 1 / len(asked))
    told = np.exp(SHARPNESS * _scores(head, music, pictures, asked, shown)) if control < 1 else even
    weights = {INFORMATION: (1 - control, told / told.sum()), RANDOM: (control, even)}
    policy = INFORMATION if generator.random() >= control else RANDOM
    row = int(generator.choice(len(asked), p=weights[policy][1]))
    left, right = ((int(piece), int(picture)) for piece, picture in asked[row])
    if generator.random() < 0.5:
        left, right = right, left
    probability = sum(share * float(weight[row]) for share, weight in weights.values()) / len(plans)
    return Question(kind, left, right, policy, probability)


def candidates(kind: Kind, shown: Shown, seed: tuple[int, ...]) -> Integers:
    """Different questions of a kind that were not asked, drawn at random: ``(Q, 2, 2)``, pairs of piece and picture."""
    counts = np.array([len(shown.pieces), len(shown.pictures)])
    own, other = (0, 1) if kind == "pictures" else (1, 0)  # the column that is shared, and the other one
    if counts[own] < 1 or counts[other] < 2:
        return np.zeros((0, 2, 2), dtype=np.int64)
    drawn = np.random.default_rng(seed).integers(0, [counts[own], counts[other], counts[other]], size=(CANDIDATES, 3))
    drawn[:, 1:].sort(axis=1)
    shared, first, second = drawn[drawn[:, 1] < drawn[:, 2]].T
    numbers = _number(shared, first, second, counts[other])
    asked = [
        _number(one[own], min(one[other], two[other]), max(one[other], two[other]), counts[other])
        for one, two in map(tuple, shown.compared)
        if one[own] == two[own]
    ]
    shared, pair = np.divmod(np.setdiff1d(numbers, asked), counts[other] ** 2)
    found = np.empty((len(shared), 2, 2), dtype=np.int64)
    found[:, :, own] = shared[:, None]
    found[:, 0, other], found[:, 1, other] = np.divmod(pair, counts[other])
    return found


def _number(shared: Any, first: Any, second: Any, others: int) -> Any:
    """A number that no other question of its kind has; for arrays as well."""
    return (shared * others + first) * others + second


def _scores(head: Head, music: Floats, pictures: Floats, asked: Integers, shown: Shown) -> Floats:
    """Of each question ``(Q,)``: the nats that its answer tells, the most being 1, less what is familiar."""
    x = features(music[asked[:, :, 0]], pictures[asked[:, :, 1]])
    difference = x[:, 0] - x[:, 1]
    variance = ((difference @ head.covariance) * difference).sum(1)
    gain = information_gain(difference @ head.mean, variance, head.tie).astype(np.float64)
    familiar = (shown.pieces[asked[:, :, 0]] + shown.pictures[asked[:, :, 1]]).sum(1)
    found = gain / max(float(gain.max()), 1e-12) - FAMILIAR * familiar
    best: Floats = found - found.max()
    return best
