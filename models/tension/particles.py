"""A search over bars: pieces are written side by side as particles, and after some bars a reward says which go on.

Sequential Monte Carlo (Lew et al. 2023, for language models): a group of particles is weighed when the last of them has
come so far, each by its first bars alone, and is drawn again by systematic resampling. It writes as many notes as the
best of so many whole pieces, and hears them in parts besides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from models.music.notes import Domain, MusicError, Piece
from models.music.tokens import BAR, POSITION, TokenArray, from_tokens
from models.style.pieces.sampling import AMONG as OF_FAULTS
from models.style.pieces.writing import Writing

Floats = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

EVERY = {"pop": 4, "dance": 4, "chorale": 2}  # bars after which is weighed
SHARPNESS = 2.0  # of the weights, to a standard deviation of the reward


class Particles:
    """What ``Writer.excerpts`` calls after each step; ``among`` excerpts behind each other are one group.

    ``reward`` of a piece's first bars: more is better. None: it can't be heard, and doesn't go on.
    """

    def __init__(self, domain: Domain, reward: Callable[[Piece], float | None], among: int, seed: int) -> None:
        self.domain, self.reward = domain, reward
        self.among = among * OF_FAULTS.get(domain, 1)
        self.rng = np.random.default_rng(seed)
        self.resampled = 0  # how often
        self.writing: Writing | None = None
        self.begun: IntArray
        self.weighed: IntArray

    def __call__(self, writing: Writing) -> None:
        """Weigh the groups that have come so far."""
        if writing is not self.writing:
            self.writing = writing
            self.begun = np.zeros(len(writing.ended), dtype=np.int64)
            self.weighed = np.zeros(-(-len(self.begun) // self.among), dtype=np.int64)
        self.begun += writing.tokens[-1][:, POSITION] == BAR
        source = np.arange(len(self.begun))
        for group, bars in enumerate(self.weighed + EVERY[self.domain]):
            rows = source[group * self.among : (group + 1) * self.among]
            if self.begun[rows].min() <= bars or writing.ended[rows].any():
                continue
            self.weighed[group] = bars
            source[rows] = rows[self._drawn(writing, rows, int(bars))]
        if (source != np.arange(len(source))).any():
            writing.choose(source)
            self.begun = self.begun[source]

    def _drawn(self, writing: Writing, rows: IntArray, bars: int) -> IntArray:
        steps = np.stack([step[rows] for step in writing.tokens], 1).astype(np.int16)
        rewards = [self._worth(first_bars(tokens, bars)) for tokens in steps]
        self.resampled += 1
        return survivors(np.array([-np.inf if each is None else each for each in rewards]), self.rng)

    def _worth(self, tokens: TokenArray) -> float | None:
        try:
            return self.reward(replace(from_tokens(tokens), domain=self.domain))
        except MusicError:
            return None


def first_bars(tokens: TokenArray, bars: int) -> TokenArray:
    """The steps of the first bars of tokens ``(steps, 7)`` that have more than these."""
    begins = np.flatnonzero(tokens[:, POSITION] == BAR)
    return tokens[: begins[bars]]


def survivors(rewards: Floats, rng: np.random.Generator) -> IntArray:
    """Which particle each goes on as ``(n,)``, by systematic resampling; who survives goes on as itself.

    All as they are where nobody has a reward.
    """
    count = len(rewards)
    if not np.isfinite(rewards).any():
        return np.arange(count)
    weight = np.exp(SHARPNESS * (rewards - rewards.max()))
    marks = (rng.random() + np.arange(count)) / count
    drawn = np.minimum(np.searchsorted(np.cumsum(weight / weight.sum()), marks), count - 1)
    number = np.bincount(drawn, minlength=count)
    found = np.arange(count)
    found[number == 0] = np.repeat(found, np.maximum(number - 1, 0))
    return found
