"""What listeners hear alike: their mean taste, and for each clip an effect of its own beyond its features.

Utility of clip c for person p is ``weights_p . features_c + effect_c``. What an answer tells about the scores of its
clips is a Gaussian factor (assumed-density filtering, as in ``models.taste.head``), so that all answers together are a
linear-Gaussian mixed model in the persons' weights, their mean and the effects; persons are integrated out exactly.
Effects are a Gaussian process over clips: smooth functions of what was measured on them, and what is each clip's alone.
Variances are those of highest marginal likelihood (Rasmussen & Williams 2006, chapters 2 and 5). An effect that one's
own answers have taught would tell them again: there is one set of effects a fold, learned from all other folds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

from models.taste.head import Answer
from models.taste.hierarchy import PopulationPrior
from models.taste.likelihood import RESPONSE, FloatArray

IntArray = npt.NDArray[np.int64]

FARTHEST = 2.5  # standard deviations: a clip that is odd in one statistic is still like others in the rest
SEARCH_STEPS = 20
PRIOR_SD = 2.0  # of the log variances around their start
# Where the search begins: the variance of utility over clips that the features tell, that their statistics tell, and
# that is each clip's alone; and the share of the fixed prior's variance that the mean manner may have.
START_FEATURES, START_STATISTICS, START_CLIP, START_MANNER = 0.3, 0.3, 0.2, 0.5
_LEAST = 1e-9  # variance of a score below which an answer can't have told anything about it


@dataclass(frozen=True)
class Factor:
    """What one listener's answers told of their weights and manner and of the effects of ``clips`` ``(k,)``.

    ``precision`` ``(F + 3 + k, F + 3 + k)``, positive semi-definite, and ``shift`` ``(F + 3 + k,)`` = precision @ best.
    """

    precision: FloatArray
    shift: FloatArray
    clips: IntArray


@dataclass(frozen=True)
class Variances:
    """Of the mean taste's utility over clips, of the mean manner (a share of the prior's), of each group of
    statistics' smooth function, and of what is each clip's alone.
    """

    features: float
    manner: float
    statistics: tuple[float, ...]
    clip: float


@dataclass(frozen=True)
class Common:
    """What listeners hear alike: ``effects`` ``(folds, clips)``, and the variances that explain their answers best."""

    effects: FloatArray
    variances: Variances


def factor_of(answers: Iterable[tuple[Sequence[int], Answer]], size: int) -> Factor:
    """What one listener's ``answers`` told, each with the clips that it is about; ``size`` is F + 3.

    Each is to be one of the head that the answers before it have led to.
    """
    clips: dict[int, int] = {}
    parts = [([clips.setdefault(clip, len(clips)) for clip in about], answer) for about, answer in answers]
    precision = np.zeros((size + len(clips),) * 2)
    shift = np.zeros(len(precision))
    for places, answer in parts:
        at = np.array([*range(size), *(size + place for place in places)])
        rows = np.hstack([answer.scores.rows, answer.scores.shares])
        told, towards = _told(answer)
        precision[np.ix_(at, at)] += rows.T @ told @ rows
        shift[at] += rows.T @ towards
    return Factor((precision + precision.T) / 2, shift, np.array(list(clips), dtype=np.int64))


def _told(answer: Answer) -> tuple[FloatArray, FloatArray]:
    """Precision ``(K, K)`` and shift ``(K,)`` of the Gaussian factor between a belief about K scores and the next."""
    heard = answer.heard
    values, vectors = np.linalg.eigh(heard.root)
    inverse = (vectors * np.where(values**2 > _LEAST, 1 / np.maximum(values, 1e-12), 0.0)) @ vectors.T
    spread, turned = np.linalg.eigh(heard.spread)
    gain = np.maximum(1 / spread - 1, 0.0)  # a surprise may leave more doubt than there was: then it said nothing
    before, moved_by = turned.T @ inverse @ answer.scores.centre, turned.T @ heard.shift
    towards = np.where(gain > 0, gain * before + moved_by / spread, 0.0)
    turn = inverse @ turned
    return (turn * gain) @ turn.T, turn @ towards


class Clips:
    """The ``features`` ``(C, F)`` of clips, and squared-exponential kernels of groups of ``statistics`` ``(C, S)``.

    Statistics are standardised over the ``known`` clips and clipped; the length scale of each group is the root of its
    number of statistics.
    """

    def __init__(self, features: FloatArray, statistics: Sequence[FloatArray], known: IntArray) -> None:
        self.features = features
        self._tables = [_standardised(table, known) for table in statistics]

    def kernels(self, some: IntArray, others: IntArray) -> FloatArray:
        """Each group's kernel, of unit variance, between these clips: ``(groups, some, others)``."""
        found = np.zeros((len(self._tables), len(some), len(others)))
        for number, z in enumerate(self._tables):
            found[number] = _kernel(z[some], z[others])
        return found


def _standardised(table: FloatArray, known: IntArray) -> FloatArray:
    """The columns that vary among ``known`` clips, over the root of their number."""
    centre, spread = table[known].mean(axis=0), table[known].std(axis=0)
    live = spread > 1e-9
    z = np.clip((table[:, live] - centre[live]) / spread[live], -FARTHEST, FARTHEST)
    found: FloatArray = z / np.sqrt(max(int(live.sum()), 1))
    return found


def _kernel(some: FloatArray, others: FloatArray) -> FloatArray:
    square = (some**2).sum(axis=1)[:, None] + (others**2).sum(axis=1) - 2 * some @ others.T
    kernel: FloatArray = np.exp(-np.maximum(square, 0) / 2)
    return kernel


def learn_common(
    factors: Sequence[Factor],
    population: PopulationPrior,
    fixed: PopulationPrior,
    clips: Clips,
    *,
    fold: npt.ArrayLike,
    folds: int,
) -> Common:
    """The effects of ``clips`` as listeners with these ``factors`` tell them, each in a ``fold`` ``(listeners,)``.

    ``population`` says how persons differ, ``fixed`` what their mean is without an answer. An effect is what the clip
    is expected to be worth more than the features of a new one would be by the population's mean.
    Costs O((F + clips judged)^3) a step of the search. Raises ``ValueError`` where there is no factor.
    """
    if not factors:
        raise ValueError("no listener was given; what they hear alike takes one at least")
    judged = np.unique(np.concatenate([each.clips for each in factors]))
    inside = np.asarray(fold, dtype=np.int64) == np.arange(folds)[:, None]
    parts = [_information(factors, chosen, judged, population) for chosen in inside]
    size = len(fixed.mean)
    # around the fixed prior's mean
    parts = [(precision, shift - precision[:, :size] @ fixed.mean) for precision, shift in parts]
    precision, shift = (np.sum([part[place] for part in parts], axis=0) for place in (0, 1))
    bases = _bases(fixed, clips.kernels(judged, judged))
    variance = np.exp(_search(precision, shift, bases))
    prior = np.tensordot(variance, bases, axes=1)
    to_all = np.tensordot(variance[2:-1], clips.kernels(np.arange(len(clips.features)), judged), axes=1)
    to_all[judged, np.arange(len(judged))] += variance[-1]
    effects = []
    for own in parts:
        others, told = precision - own[0], shift - own[1]
        best = _posterior_mean(prior, others, told)
        mean = (fixed.mean + best[:size] - population.mean)[: clips.features.shape[1]]
        effects.append(clips.features @ mean + to_all @ (told - others @ best)[size:])
    features, manner, *statistics, clip = variance.tolist()
    return Common(np.stack(effects), Variances(features, manner, tuple(statistics), clip))


def _information(
    factors: Sequence[Factor], chosen: npt.NDArray[np.bool_], judged: IntArray, population: PopulationPrior
) -> tuple[FloatArray, FloatArray]:
    """What the chosen listeners tell of the mean and the ``judged`` clips' effects, persons being integrated out."""
    size = len(population.mean)
    precision, shift = np.zeros((size + len(judged),) * 2), np.zeros(size + len(judged))
    around = np.linalg.inv(population.covariance)
    for each in (factor for factor, wanted in zip(factors, chosen, strict=True) if wanted):
        at = np.concatenate([np.arange(size), size + np.searchsorted(judged, each.clips)])
        own = each.precision[:, :size]
        taken = np.linalg.solve(around + own[:size], np.c_[own.T, each.shift[:size]])
        precision[np.ix_(at, at)] += each.precision - own @ taken[:, :-1]
        shift[at] += each.shift - own @ taken[:, -1]
    return (precision + precision.T) / 2, shift


def _bases(fixed: PopulationPrior, among: FloatArray) -> FloatArray:
    """The parts of the prior covariance of mean and effects, each to be multiplied by its variance."""
    size, clips = len(fixed.mean), among.shape[-1]
    features = size - len(RESPONSE)
    spread = np.diag(fixed.covariance)
    bases = np.zeros((len(among) + 3, size + clips, size + clips))
    bases[0, :features, :features] = np.diag(spread[:features] / spread[:features].sum())
    bases[1, features:size, features:size] = np.diag(spread[features:])
    bases[2:-1, size:, size:] = among
    bases[-1, size:, size:] = np.eye(clips)
    return bases


def _search(precision: FloatArray, shift: FloatArray, bases: FloatArray) -> FloatArray:
    """Logarithms of the variances of highest marginal likelihood, with a wide prior around where the search begins."""
    groups = len(bases) - 3
    smooth = np.full(groups, START_STATISTICS / max(groups, 1))
    start = np.log(np.concatenate([[START_FEATURES, START_MANNER], smooth, [START_CLIP]]))

    def cost(logs: FloatArray) -> float:
        root = cholesky(np.tensordot(np.exp(logs), bases, axes=1) + 1e-9 * np.eye(len(shift)), lower=True)
        inner = cholesky(np.eye(len(shift)) + root.T @ precision @ root, lower=True)
        reached = solve_triangular(inner, root.T @ shift, lower=True)
        evidence = float(reached @ reached) / 2 - float(np.log(np.diag(inner)).sum())
        return -evidence + float((((logs - start) / PRIOR_SD) ** 2).sum()) / 2

    bounds = [(float(at) - 5, float(at) + 5) for at in start]
    found = minimize(
        cost, start, method="L-BFGS-B", bounds=bounds, options={"maxiter": SEARCH_STEPS, "eps": 1e-3, "ftol": 1e-6}
    )
    return np.asarray(found.x, dtype=np.float64)


def _posterior_mean(prior: FloatArray, precision: FloatArray, shift: FloatArray) -> FloatArray:
    """Mean given N(0, ``prior``) and a Gaussian factor."""
    root = cholesky(prior + 1e-9 * np.eye(len(prior)), lower=True)
    inner = cholesky(np.eye(len(prior)) + root.T @ precision @ root, lower=True)
    return np.asarray(root @ cho_solve((inner, True), root.T @ shift), dtype=np.float64)
