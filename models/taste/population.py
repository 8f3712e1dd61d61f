"""What people like in common and how persons differ: a Gaussian process over clips, learned from all listeners.

Utility of clip ``c`` for person ``p`` is ``u_c + t_pc``: a population part ``u`` (functions of the clip's features and
an effect of the clip itself, for clips that others have judged) and a personal part ``t_p`` (functions of the features
alone). Outcomes are ordinal with a personal offset (of ratings: how generous a person is; of votes: a side bias).
Every function has a Gaussian process prior, one squared-exponential kernel a feature group; all variances are learned
by marginal likelihood (Laplace's approximation; Rasmussen & Williams 2006, chapters 3 and 5). A newcomer's prior is
what the population leaves open: mean ``u``, covariance of ``u`` plus that of persons. Each listener adds their own
information to ``u``, so one listener is taken out again exactly and fast.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from models.taste.judgements import Blocks, Judgements, between, scatter, scatter_rows
from models.taste.ordinal import FAR, sites, win_probability

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

FARTHEST = 2.5  # standard deviations: a clip that is odd in one statistic is still like others in the rest
NOISE = 1.0  # variance of one answer: the unit of utility
NEWTON_STEPS = 30
LEARN_FROM = 300  # listeners from which the variances are learned; all of them inform the utilities
LEARN_FROM_EACH = 20  # and so many judgements of each
SEARCH_STEPS = 15
PRIOR_SD = 2.0  # of the log variances around their start


@dataclass(frozen=True)
class Variances:
    """Learned variances: ``common`` and ``personal`` by feature group, of a clip's own effect and of the offset.

    ``zone``: the difference of utility up to which two clips are called equal in a vote.
    """

    common: FloatArray
    personal: FloatArray
    clip: float
    offset: float
    zone: float

    @classmethod
    def unpack(cls, logs: FloatArray, groups: int) -> Variances:
        """From ``(2 * groups + 3,)`` logarithms."""
        e = np.exp(logs)
        return cls(e[:groups], e[groups : 2 * groups], float(e[-3]), float(e[-2]), float(e[-1]))

    @staticmethod
    def start(groups: int) -> FloatArray:
        """Where the search begins: tastes differ less than clips do."""
        half = np.log(0.3 / groups)
        return np.concatenate([np.full(groups, half), np.full(groups, half - 1.0), np.log([0.05, 0.3, 0.3])])


@dataclass(frozen=True)
class Belief:
    """Utilities of some clips for one person: mean ``(K,)``, covariance ``(K, K)``; ``zone`` as in ``Variances``."""

    mean: FloatArray
    covariance: FloatArray
    zone: float

    def wins(self, left: npt.ArrayLike, right: npt.ArrayLike) -> FloatArray:
        """P(left is put above right, given that they are told apart) ``(pairs,)``; indices into the K clips."""
        a, b = np.asarray(left, dtype=np.int64), np.asarray(right, dtype=np.int64)
        spread = self.covariance[a, a] + self.covariance[b, b] - 2 * self.covariance[a, b]
        return win_probability(self.mean[a] - self.mean[b], np.maximum(spread, 0) + 2 * NOISE, self.zone)


class Kernels:
    """Squared-exponential kernels over clips ``(groups, C, C)``, one a feature group, of unit variance.

    Features are standardised over the ``known`` clips and clipped; the length scale of each group is the root of its
    number of features.
    """

    def __init__(self, features: Mapping[str, npt.ArrayLike], known: npt.ArrayLike) -> None:
        self.names = tuple(features)
        self.values = np.stack([_kernel(np.asarray(x, dtype=np.float64), np.asarray(known)) for x in features.values()])

    @property
    def clips(self) -> int:
        """Number C of clips."""
        return len(self.values[0])

    def weighted(self, variances: FloatArray) -> FloatArray:
        """The sum of the kernels ``(C, C)``."""
        total: FloatArray = np.tensordot(variances, self.values, axes=1)
        return total


def _kernel(x: FloatArray, known: npt.NDArray[np.generic]) -> FloatArray:
    centre, spread = x[known].mean(axis=0), x[known].std(axis=0)
    z = np.clip((x - centre) / np.where(spread > 1e-9, spread, np.inf), -FARTHEST, FARTHEST)
    square = (z**2).sum(axis=1)
    distance = np.maximum(square[:, None] + square[None, :] - 2 * z @ z.T, 0)
    live = max(int((spread > 1e-9).sum()), 1)
    kernel: FloatArray = np.exp(-distance / (2 * live))
    return kernel


@dataclass(frozen=True)
class Population:
    """Posterior over the population part of C clips: ``mean`` ``(C,)``, ``covariance`` ``(C, C)``.

    ``spread`` ``(C, C)``: covariance of persons around it. ``evidence``: log marginal likelihood of the judgements
    that it was learned from, which are ratings where ``rated``. ``thresholds``: between ratings.
    """

    variances: Variances
    mean: FloatArray
    covariance: FloatArray
    spread: FloatArray
    thresholds: FloatArray
    rating_levels: FloatArray
    evidence: float
    rated: bool

    @classmethod
    def fit(cls, kernels: Kernels, judgements: Judgements, *, logs: FloatArray | None = None) -> Population:
        """Learn the variances (unless their ``logs`` are given) and the utilities of all clips of ``kernels``.

        Raises ``ValueError`` where there is nothing to learn from.
        """
        if len(judgements) == 0:
            raise ValueError("there are no judgements to learn from; at least one is needed")
        if logs is None:
            logs = learn_variances(kernels, judgements)
        blocks = Blocks.of(judgements, kernels.clips)
        model = _Model(kernels, Variances.unpack(logs, len(kernels.names)), blocks)
        state = model.mode(np.zeros(blocks.left.shape))
        return cls(
            variances=model.variances,
            mean=state.covariance @ state.weighted,
            covariance=state.covariance,
            spread=model.spread,
            thresholds=model.thresholds,
            rating_levels=blocks.rating_levels,
            evidence=state.evidence,
            rated=blocks.rated,
        )

    @property
    def zone(self) -> float:
        """The difference up to which two clips are called equal: of ratings, half of the middle levels' width."""
        if not self.rated:
            return self.variances.zone
        return float(np.diff(self.thresholds).mean() / 2) if len(self.thresholds) > 1 else 0.0

    def person(self, known: Judgements, clips: npt.ArrayLike, *, apart: float = 1.0) -> Belief:
        """Utilities of ``clips`` ``(K,)`` for one person who said ``known``.

        Without any, the population part and all doubt. ``apart``: by how many zones two clips differ at least that are
        told apart. What this population was learned from should not hold ``known``.
        """
        at = np.asarray(clips, dtype=np.int64)
        total = self.covariance + self.spread
        centre, spread = self.mean[at], total[np.ix_(at, at)]
        if len(known) == 0:
            return Belief(centre, spread, self.zone * apart)
        left, right = known.left, known.right
        padded = np.pad(total, (0, 1))
        square = between(padded, left, right, left, right) + self.variances.offset
        cross = padded[np.ix_(at, left)] - padded[np.ix_(at, right)]
        prior = np.pad(self.mean, (0, 1))[left] - np.pad(self.mean, (0, 1))[right]
        low, high = self._bounds(known)
        f = prior.copy()
        for _ in range(NEWTON_STEPS):
            at_f = sites(f, low, high)
            noise = 1 / at_f.curvature
            response = f + at_f.slope * noise
            gain = np.linalg.solve(square + np.diag(noise), response - prior)
            new = response - noise * gain
            moved, f = float(np.abs(new - f).max()), new
            if moved < 1e-6:
                break
        shrink = np.linalg.solve(square + np.diag(noise), cross.T)
        return Belief(centre + cross @ gain, spread - cross @ shrink, self.zone * apart)

    def _bounds(self, known: Judgements) -> tuple[FloatArray, FloatArray]:
        if self.rated != known.rated:
            raise ValueError("a population of ratings needs a person's ratings, one of votes their votes")
        if known.rated:
            level = np.clip(np.searchsorted(self.rating_levels, known.value, side="right") - 1, 0, None)
            return _edges(level, self.thresholds)
        return _vote_edges(known.value, self.variances.zone)


def learn_variances(kernels: Kernels, judgements: Judgements) -> FloatArray:
    """Logarithms of the variances that explain ``judgements`` best, for ``Variances.unpack``."""
    blocks = Blocks.of(_sample(judgements), kernels.clips)
    groups = len(kernels.names)
    start = Variances.start(groups)
    f = np.zeros(blocks.left.shape)

    def cost(logs: FloatArray) -> float:
        nonlocal f
        state = _Model(kernels, Variances.unpack(logs, groups), blocks).mode(f)
        f = state.f
        return -state.evidence + float((((logs - start) / PRIOR_SD) ** 2).sum() / 2)

    bounds = [(low, high) for low, high in zip(start - 5, start + 5, strict=True)]
    found = minimize(
        cost, start, method="L-BFGS-B", bounds=bounds, options={"maxiter": SEARCH_STEPS, "eps": 1e-3, "ftol": 1e-6}
    )
    return np.asarray(found.x, dtype=np.float64)


def _sample(judgements: Judgements) -> Judgements:
    """Judgements to learn the variances from, taken evenly: of 300 listeners, 20 of each."""
    names, owner, counts = np.unique(judgements.listener, return_inverse=True, return_counts=True)
    chosen = names[np.unique(np.linspace(0, len(names) - 1, LEARN_FROM).astype(np.int64))]
    order = np.argsort(owner, kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    share = np.minimum(LEARN_FROM_EACH / counts[owner], 1.0)
    kept = np.floor((place + 1) * share + 1e-9) > np.floor(place * share + 1e-9)
    return judgements.choose(kept & np.isin(judgements.listener, chosen))


@dataclass(frozen=True)
class _State:
    """The mode ``f`` ``(P, n)``, what the listeners tell about ``u`` and the Laplace evidence."""

    f: FloatArray
    covariance: FloatArray
    weighted: FloatArray
    evidence: float


class _Model:
    """Prior and outcomes for given variances."""

    def __init__(self, kernels: Kernels, variances: Variances, blocks: Blocks) -> None:
        self.variances, self.blocks = variances, blocks
        self.prior = kernels.weighted(variances.common) + variances.clip * np.eye(kernels.clips)
        self.spread = kernels.weighted(variances.personal)
        total = NOISE + variances.offset + float(np.diag(self.prior + self.spread).mean())
        self.thresholds = blocks.quantiles * np.sqrt(total)
        if blocks.rated:
            self.low, self.high = _edges(blocks.value.astype(np.int64), self.thresholds)
        else:
            self.low, self.high = _vote_edges(blocks.value, variances.zone)
        padded = np.pad(self.spread, (0, 1))
        left, right = blocks.left, blocks.right
        both = blocks.mask[:, :, None] & blocks.mask[:, None, :]
        self.square = np.where(both, between(padded, left, right, left, right) + variances.offset, 0.0)

    def mode(self, f: FloatArray) -> _State:
        """Newton's method from ``f``; each step is a Gaussian regression on working responses."""
        blocks, clips, mask = self.blocks, len(self.prior), self.blocks.mask
        diagonal = np.arange(f.shape[1])
        for _ in range(NEWTON_STEPS):
            at_f = sites(f, self.low, self.high)
            noise = np.where(mask, 1 / at_f.curvature, 1.0)
            response = np.where(mask, f + at_f.slope * noise, 0.0)
            block = self.square.copy()
            block[:, diagonal, diagonal] += noise
            own = np.where(mask[:, :, None] & mask[:, None, :], np.linalg.inv(block), 0.0)
            own_weighted = np.einsum("pij,pj->pi", own, response)
            precision = scatter(blocks.left, blocks.right, own, clips)
            weighted = scatter_rows(blocks.left, blocks.right, own_weighted, clips)
            covariance, log_det = _posterior(self.prior, precision)
            u = np.pad(covariance @ weighted, (0, 1))
            rest = own_weighted - np.einsum("pij,pj->pi", own, u[blocks.left] - u[blocks.right])
            new = np.where(mask, response - noise * rest, 0.0)
            moved, f = float(np.abs(new - f).max()), new
            if moved < 1e-5:
                break
        at_f = sites(f, self.low, self.high)
        gaussian = (
            weighted @ covariance @ weighted - (response * own_weighted).sum() - log_det
            - np.linalg.slogdet(block)[1].sum()
        ) / 2  # fmt: skip
        expansion = at_f.log_likelihood + ((response - f) ** 2 / noise + np.log(noise)) / 2
        evidence = float(gaussian + expansion[mask].sum())
        return _State(f, covariance, weighted, evidence)


def _posterior(prior: FloatArray, precision: FloatArray) -> tuple[FloatArray, float]:
    """Covariance of N(0, prior) given information ``precision``, and log |I + prior precision|."""
    root = np.asarray(np.linalg.cholesky(prior + 1e-9 * np.eye(len(prior))), dtype=np.float64)
    inner = np.eye(len(prior)) + root.T @ precision @ root
    covariance = np.asarray(root @ np.linalg.solve(inner, root.T), dtype=np.float64)
    return (covariance + covariance.T) / 2, float(np.linalg.slogdet(inner)[1])


def _edges(level: IntArray, thresholds: FloatArray) -> tuple[FloatArray, FloatArray]:
    edges = np.concatenate([[-2 * FAR], thresholds, [2 * FAR]])
    return edges[level], edges[level + 1]


def _vote_edges(vote: FloatArray, zone: float) -> tuple[FloatArray, FloatArray]:
    low = np.where(vote > 0, zone, np.where(vote < 0, -2 * FAR, -zone))
    high = np.where(vote > 0, 2 * FAR, np.where(vote < 0, -zone, zone))
    return low, high
