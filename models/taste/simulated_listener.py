"""A listener whose taste is known: for measuring how fast a head and a policy find it out.

Utility is linear in the true attributes of the notes (not in the latents that the head sees), and a share of the
votes is a coin toss.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from models.taste.head import Head, Outcome, update
from models.taste.policy import Mixture, choose
from models.taste.space import TasteSpace

FloatArray = npt.NDArray[np.float64]

SLOW_DENSE_LOW: Mapping[str, float] = {"tempo_bpm": -1.0, "onsets_per_bar": 1.0, "mean_pitch": -1.0}
RANDOM = Mixture(control=1.0, composed=0.0)


@dataclass(frozen=True)
class SimulatedListener:
    """Loves attributes with the weights ``loves`` (a standard deviation each); ``lapse`` of the votes are random."""

    loves: Mapping[str, float] = field(default_factory=lambda: dict(SLOW_DENSE_LOW))
    lapse: float = 0.1

    def utility(self, attributes: npt.ArrayLike, names: Sequence[str], mean: FloatArray, sd: FloatArray) -> FloatArray:
        """True utility ``(N,)`` of clips with ``attributes`` ``(N, A)``; ``mean``, ``sd`` ``(A,)`` are the usual."""
        standard = (np.atleast_2d(np.asarray(attributes, dtype=np.float64)) - mean) / np.maximum(sd, 1e-9)
        weights = np.array([self.loves.get(name, 0.0) for name in names])
        utility: FloatArray = standard @ weights
        return utility

    def vote(self, left: float, right: float, generator: np.random.Generator) -> Outcome:
        """The better clip of two true utilities, or a coin toss."""
        lapses, coin = generator.random(2)
        better_left = coin < 0.5 if lapses < self.lapse or left == right else left > right
        return "left" if better_left else "right"


def new_head(space: TasteSpace) -> Head:
    """The head of somebody who has not voted yet."""
    return Head.of(space.prior_mean, space.prior_covariance, space.version)


def heads_while_listening(
    listener: SimulatedListener,
    head: Head,
    features: npt.ArrayLike,
    utility: npt.ArrayLike,
    *,
    votes: Sequence[int],
    mixture: Mixture,
    seed: int,
) -> dict[int, Head]:
    """The head after each number of ``votes``, on pairs that ``mixture`` draws among clips ``features`` ``(N, F)``."""
    x, truth = np.asarray(features, dtype=np.float64), np.asarray(utility, dtype=np.float64)
    generator = np.random.default_rng(seed)
    heard = np.zeros(len(x), dtype=np.bool_)
    offered: set[tuple[int, int]] = set()
    found = {0: head}
    for picks in range(max(votes)):
        choice = choose(x, head, offered=offered, picks=picks, generator=generator, heard=heard, mixture=mixture)
        left, right = choice.left, choice.right
        head = update(head, x[left], x[right], listener.vote(truth[left], truth[right], generator))
        offered.add((min(left, right), max(left, right)))
        heard[[left, right]] = True
        found[picks + 1] = head
    return {count: found[count] for count in votes}


def share_ranked_right(head: Head, features: npt.ArrayLike, utility: npt.ArrayLike) -> float:
    """Share of all pairs of clips that the head orders as their true utility does; undecided pairs count half."""
    guess, truth = np.asarray(features) @ head.mean, np.asarray(utility)
    first, second = np.triu_indices(len(truth), k=1)
    real = np.sign(truth[first] - truth[second])
    agree = np.sign(guess[first] - guess[second]) * real
    return float(((agree + 1) / 2)[real != 0].mean())
