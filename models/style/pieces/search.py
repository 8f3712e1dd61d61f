"""Choosing among what is written: particles that a reward lets go on, other last bars for a piece that doesn't close.

Particles are a search over bars: pieces are written side by side, and after some bars a reward says which go on.
Sequential Monte Carlo (Lew et al. 2023, for language models): a group of particles is weighed when the last of them has
come so far, each by its first bars alone, and is drawn again by systematic resampling. It writes as many notes as the
best of so many whole pieces, and hears them in parts besides.

Endings: the piece model knows neither keys nor voices. Three of ten pieces end on their tonic (of real ones six or
seven), and half of the chorales in a cadence (nearly all). Half of its pop comes to rest in its last bar, of real pop
seven in ten. What it would write in place of the last bars often does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from models.metrics.structure import comes_to_rest, ends_on_tonic
from models.metrics.voice_leading import ends_in_cadence, part_writing_faults
from models.music.notes import DOMAINS, Domain, MusicError, Piece
from models.music.tokens import BAR, POSITION, TokenArray, from_tokens
from models.style.pieces.conditions import Place, Wishes, first_numbers
from models.style.pieces.model import PieceModel
from models.style.pieces.writing import Writing

Floats = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

BARS = 2  # that are written again
# Endings of a piece that doesn't close. With so many, chorales end on their tonic as often as real ones; tunes do less
# often, and twice as many tries hardly help them
TRIED: Mapping[Domain, int] = {"pop": 4, "dance": 4, "chorale": 6}


def closing(piece: Piece, domain: Domain) -> tuple[bool, bool]:
    """How well it ends, more is better: a chorale in a cadence first of all; a chorale or a tune on its tonic.

    Pop ends in any harmony, and comes to rest.
    """
    if domain == "pop":
        return True, comes_to_rest(piece)
    return domain != "chorale" or ends_in_cadence(piece), ends_on_tonic(piece)


def closed(
    model: PieceModel,
    tokens: TokenArray,
    wishes: Wishes,
    seed: Sequence[int],
    place: Place | None,
    *,
    given: int = 0,
    between: Callable[[], None] | None = None,
) -> Piece:
    """The piece ``tokens`` ``(steps, 7)``, with another ending where one of those that are tried closes it better.

    ``wishes`` and ``place`` are those that it was written with; its first ``given`` steps stay. ``between`` is called
    after each step of the endings.
    """
    piece, domain = from_tokens(tokens), DOMAINS[wishes.domain]
    bars = np.flatnonzero(tokens[:, POSITION] == BAR)
    own = closing(piece, domain)
    if len(bars) <= BARS or all(own):
        return piece
    last = len(bars) - 1 + int(first_numbers(tokens[bars[:1]])[0])
    tried = TRIED[domain]
    seeds = [(*seed, len(bars), number) for number in range(tried)]
    wishes = replace(wishes, last=last, most_dense=np.inf)
    writing = Writing(model, wishes, seeds, tokens[: max(given, bars[-BARS])], [place] * tried if place else ())
    while not writing.ended.all():
        writing.step()
        if between:
            between()
    found = [(closing(each, domain), -part_writing_faults(each), each) for each in map(from_tokens, writing.pieces())]
    how_well, _, best = max(found, key=lambda each: each[:2])
    return best if how_well > own else piece


EVERY = {"pop": 4, "dance": 4, "chorale": 2}  # bars after which is weighed
SHARPNESS = 2.0  # of the weights, to a standard deviation of the reward
OTHER = 7  # so that other draws than those of the notes follow from a seed


class Particles:
    """What a ``Writer`` calls after each step; ``rows`` pieces behind each other are one group.

    ``reward`` of a piece's first bars: more is better. None: it can't be heard, and doesn't go on. ``seeds``: one for
    each group, whatever else is written beside it.
    """

    def __init__(
        self, domain: Domain, reward: Callable[[Piece], float | None], rows: int, seeds: Sequence[Sequence[int]]
    ) -> None:
        self.domain, self.reward, self.rows = domain, reward, rows
        self.generators = [np.random.default_rng([*seed, rows, OTHER]) for seed in seeds]
        self.resampled = 0  # how often
        self.writing: Writing | None = None
        self.before = 0  # groups of earlier writings
        self.begun: IntArray
        self.weighed: IntArray = np.zeros(0, dtype=np.int64)

    def __call__(self, writing: Writing) -> None:
        """Weigh the groups that have come so far."""
        if writing is not self.writing:
            self.writing = writing
            self.before += len(self.weighed)
            heads = np.stack(writing.tokens)[..., POSITION] == BAR
            self.begun = heads.sum(0)
            self.weighed = heads[: writing.given, :: self.rows].sum(0)  # bars of a prompt are everybody's
        else:
            self.begun += writing.tokens[-1][:, POSITION] == BAR
        source = np.arange(len(self.begun))
        for group, bars in enumerate(self.weighed + EVERY[self.domain]):
            rows = source[group * self.rows : (group + 1) * self.rows]
            if self.begun[rows].min() <= bars or writing.ended[rows].any():
                continue
            self.weighed[group] = bars
            source[rows] = rows[self._drawn(writing, rows, int(bars), self.generators[self.before + group])]
        if (source != np.arange(len(source))).any():
            writing.choose(source)
            self.begun = self.begun[source]

    def _drawn(self, writing: Writing, rows: IntArray, bars: int, rng: np.random.Generator) -> IntArray:
        steps = np.stack([step[rows] for step in writing.tokens], 1).astype(np.int16)
        rewards = [self._worth(first_bars(tokens, bars)) for tokens in steps]
        self.resampled += 1
        return survivors(np.array([-np.inf if each is None else each for each in rewards]), rng)

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
