"""Whether "compose for me" works: ``python -m models.evaluate.for_me [--limit N] [--listeners N] [--seed N]``.

Simulated listeners of six kinds (``models.taste.simulated_people``) who share a part of their taste, as real listeners
do: ``SHARED`` of its variance. A study of them gives the population and the average listener. Then others vote on the
pairs that the page would offer, and clips are composed as the page composes them, from as many draws of the prior and
by the same search: for the listener after 6 and after 60 votes, for the average listener, and with all that the
features can say of the listener's true taste (the ceiling). Beside them stand the best of as many draws by the head
that a newcomer begins with, and draws as they come. All are decoded to notes; a listener's utility is a function of
what the notes are, not of latents. Quality is told by the figures of ``models.evaluate.style``, beside the draws'.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from models.evaluate.clips import choose_clips, pieces_to_test
from models.evaluate.report import Metric, Report, finite_mean, mean_over_songs
from models.evaluate.taste_simulation import BATCH, POOL, Pool, composed_pool
from models.evaluate.two_sample import FOLDS, told_apart
from models.metrics import music_statistics as ms
from models.metrics.preference import bootstrap
from models.music.notes import MusicError, Piece
from models.style.checkpoint import load_style
from models.style.compose import Composer
from models.style.latents import Latents
from models.style.screen import why_broken
from models.style.windows import make_windows
from models.taste.bradley_terry import Head
from models.taste.hierarchy import Evidence, PopulationPrior, average, learn
from models.taste.measured import attribute_row
from models.taste.policy import Mixture
from models.taste.search import SEARCHED, best_latents, pick
from models.taste.simulated_listener import RANDOM, new_head
from models.taste.simulated_people import KINDS, Person, Taste, listen, person_of, taste
from models.taste.space import TasteSpace, summary

FloatArray = npt.NDArray[np.float64]

DOMAIN = "pop"
# Of the variance of taste: .44 of that of 200 raters, .35 of that of 366 likers (``variance`` in evaluate.taste).
SHARED = 0.4
LISTENERS, VOTES_EACH = 60, 40
EACH = 12  # listeners of each kind
AT = (6, 60)  # votes
CLIPS = 3  # of each side, as many as a job composes
SURE = 1e-4  # variance of the weights of a head that knows
MEASURES: dict[str, Callable[[Piece], float]] = {
    "in_key": ms.in_key,
    "repeats": ms.repeats,
    "density": ms.density,
    "bar_similarity": ms.bar_similarity,
    "leap": ms.leap,
}


@dataclass(frozen=True)
class Mind:
    """A listener's whole taste: what everybody loves, and what is their own."""

    kind: str
    common: Taste
    own: Taste

    @classmethod
    def draw(cls, kind: str, common: Taste, attributes: FloatArray, generator: np.random.Generator) -> Mind:
        """Somebody of this kind."""
        return cls(kind, common, taste(kind, attributes, generator))

    def person(self, attributes: npt.ArrayLike) -> Person:
        """The listener before clips with ``attributes`` ``(N, A)``."""
        loved = np.sqrt(SHARED) * self.common.of(attributes) + np.sqrt(1 - SHARED) * self.own.of(attributes)
        return person_of(self.kind, loved)


@dataclass(frozen=True)
class Composed:
    """The clips that one listener met, by side: ``pieces``, and what they are worth to them, ``(clips,)``."""

    mind: Mind
    pieces: dict[str, list[Piece]]

    def wins(self, mine: str, theirs: str) -> float:
        """How often the listener prefers a clip of one side to one of the other; 0.5 where a side has none."""
        one, two = self.pieces[mine], self.pieces[theirs]
        if not one or not two:
            return 0.5
        someone = self.mind.person([attribute_row(piece) for piece in (*one, *two)])
        first, second = np.divmod(np.arange(len(one) * len(two)), len(two))
        return float(someone.wins(first, second + len(one)).mean())


@dataclass(frozen=True)
class House:
    """What composing needs, and the two heads that know nothing of the listener: a newcomer's and the average's."""

    composer: Composer
    space: TasteSpace
    pool: Pool
    newcomer: Head
    average: Head

    def listened(self, mind: Mind, seed: int) -> dict[int, Head]:
        """The listener's head after each number of votes of ``AT``."""
        page = listen(
            mind.person(self.pool.attributes), self.newcomer, self.pool.features, np.arange(len(self.pool.features)),
            mixture=Mixture(composed=0), seed=seed, styles=self.space.together,
        )  # fmt: skip
        heads = list(islice(page, max(AT)))
        return {votes: heads[votes - 1] for votes in AT}

    def knowing(self, mind: Mind) -> Head:
        """A head that holds all that is linear in the features of the true taste."""
        x, utility = self.pool.features, mind.person(self.pool.attributes).utility
        weights = np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ utility)
        return Head.of(weights, SURE * np.eye(len(weights)), self.space.version)

    def compose(self, mind: Mind, seed: int) -> Composed:
        """Listen, search and decode for every side."""
        candidates = self.composer.sample_latents(DOMAIN, SEARCHED, seed)
        features = self.space.features(np.stack([summary(each) for each in candidates]))
        sides = {f"for_me_{votes}": head for votes, head in self.listened(mind, seed).items()}
        sides |= {"average": self.average, "knowing": self.knowing(mind)}
        found = {
            name: [each.latents for each in best_latents(head, self.space, candidates, 2 * CLIPS)]
            for name, head in sides.items()
        }
        found["best_draw"] = [candidates[i] for i in pick(self.newcomer, features, 2 * CLIPS)]
        found["prior"] = candidates[: 2 * CLIPS]
        return Composed(mind, {name: self.decoded(latents, seed) for name, latents in found.items()})

    def decoded(self, latents: Sequence[Latents], seed: int) -> list[Piece]:
        """The first ``CLIPS`` that can be offered."""
        kept: list[Piece] = []
        while latents and len(kept) < CLIPS:
            now, latents = latents[: CLIPS - len(kept)], latents[CLIPS - len(kept) :]
            plans = [
                self.composer.plan(domain=DOMAIN, content=each, styles={}, bars=each.bars, seed=seed + len(latents) + i)
                for i, each in enumerate(now)
            ]
            fingerprint = self.composer.bundle.fingerprint
            kept += [piece for piece in self.composer.compose(plans) if why_broken(piece, fingerprint) is None]
        return kept


def opened(composer: Composer, space: TasteSpace, pool: Pool, common: Taste, listeners: int, seed: int) -> House:
    """The house after a study of so many listeners, who voted on random pairs."""
    fixed, evidence = new_head(space), []
    for number in track(range(listeners), "a study", console=Console(stderr=True)):
        mind = Mind.draw(KINDS[number % len(KINDS)], common, pool.attributes, np.random.default_rng([seed, 1, number]))
        everything = np.arange(len(pool.features))
        someone = mind.person(pool.attributes)
        *_, head = islice(listen(someone, fixed, pool.features, everything, mixture=RANDOM, seed=seed + number), VOTES_EACH)
        evidence.append(Evidence.of(head, fixed))
    prior = PopulationPrior.fixed(fixed)
    population = learn(evidence, prior)
    return House(composer, space, pool, population.newcomer(), average(evidence, population, prior))


def wins(report: Report, found: Sequence[Composed]) -> None:
    """How often clips for the listener are preferred, over all listeners and by kind."""
    pairs = [(f"for_me_{votes}", rival) for votes in AT for rival in ("average", "best_draw", "prior")]
    pairs += [("knowing", "average"), ("knowing", "best_draw"), ("average", "prior")]
    wanted = {("for_me_60", "average"): 0.66, ("for_me_60", "best_draw"): 0.66, ("for_me_6", "prior"): 0.6}
    for mine, theirs in pairs:
        everybody = np.array([one.wins(mine, theirs) for one in found])
        report.add(f"for_me.{mine}_vs_{theirs}", _mean(everybody, wanted.get((mine, theirs))))
    for kind in KINDS:
        some = [one for one in found if one.mind.kind == kind]
        for mine, theirs in wanted:
            report.add(f"for_me.{kind}.{mine}_vs_{theirs}", _mean(np.array([one.wins(mine, theirs) for one in some]), None))


def quality(report: Report, found: Sequence[Composed], real: Sequence[Piece], songs: Sequence[str]) -> None:
    """What clips for a listener are like beside what the prior draws."""
    side = f"for_me_{max(AT)}"
    for name, measure in MEASURES.items():
        mine, prior = ([[measure(p) for p in one.pieces[key]] for one in found] for key in (side, "prior"))
        gap = [finite_mean(np.array(a)) - finite_mean(np.array(b)) for a, b in zip(mine, prior, strict=True) if a and b]
        baseline = finite_mean(np.array([value for row in prior for value in row]))
        report.add(f"for_me.quality.{name}", _mean(np.array([finite_mean(np.array(row)) for row in mine if row]), None, baseline))
        report.add(f"for_me.quality.{name}_gap", _mean(np.array(gap)))


def _mean(values: FloatArray, reference: float | None = None, baseline: float | None = None) -> Metric:
    figure = bootstrap(values[np.isfinite(values)])
    return Metric(figure.value, figure.low, figure.high, figure.n, baseline, 0.5 if baseline is None else None, reference)
