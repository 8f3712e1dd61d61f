"""Ways to tell which of two clips a listener will prefer, behind one interface, each learned inside its folds.

``choix``, ``pairwise_gp`` (BoTorch), ``logistic`` and ``trees`` know no persons: they learn what everybody prefers from
the listeners outside the fold. ``average`` ranks by the mean rating of all other listeners (Bradley-Terry strengths and
trees see 90 % of these). ``ours`` and the others of ``PAGE`` are heads that begin at what the listeners outside the
fold have in common and learn the person's own known judgements (``models.taste.evaluation.heads``).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize_scalar
from scipy.special import expit, ndtr
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from models.taste.evaluation.heads import PAGE, PageHeads
from models.taste.evaluation.policies import fit, import_botorch
from models.taste.evaluation.study import FloatArray, IntArray, Pairs, Study
from models.taste.head import utilities

FOLDS = 10
INNER = 5
TREES = 200
COMPONENTS = 10  # principal components of the features that PairwiseGP sees
STRENGTHS = np.logspace(-4, -1, 4)  # inverse penalties among which logistic regression chooses
PROBITS = math.sqrt(2) / 1.7  # of a logistic utility, where each of two clips has unit normal noise
CHOIX_ALPHA = 1.0  # unit normal prior of the Bradley-Terry strengths


@dataclass(frozen=True)
class Task:
    """What is known of one listener (rows of the study's judgements), and the pairs to be told."""

    listener: int
    known: IntArray
    pairs: Pairs


@dataclass(frozen=True)
class Scores:
    """Utilities of all clips for anybody: ``mean`` and, where there is doubt, ``variance`` ``(C,)``.

    P(left) is logistic in the difference of means; with a variance it is a probit's with unit noise on each clip.
    """

    mean: FloatArray
    variance: FloatArray | None = None

    def wins(self, pairs: Pairs) -> FloatArray:
        """P(left is preferred) ``(pairs,)``."""
        difference = self.mean[pairs.left] - self.mean[pairs.right]
        if self.variance is None:
            return np.asarray(expit(difference), dtype=np.float64)
        spread = self.variance[pairs.left] + self.variance[pairs.right] + 2
        return np.asarray(ndtr(difference / np.sqrt(spread)), dtype=np.float64)


@dataclass(frozen=True)
class Answer:
    """Predictions of one method: P(left) of each pair, all tasks behind each other, and what they took."""

    wins: FloatArray
    seconds: float


Learn = Callable[[Study, IntArray, IntArray, int], Scores]


def clip_folds(clips: int, seed: int) -> IntArray:
    """Fold ``(C,)`` of each clip; no clip is in two."""
    return np.asarray(np.random.default_rng(seed).permutation(clips) % FOLDS, dtype=np.int64)


def listener_folds(study: Study, seed: int) -> dict[int, int]:
    """Fold of each listener."""
    order = np.random.default_rng([seed, 1]).permutation(study.listeners)
    return {int(listener): place % FOLDS for place, listener in enumerate(order)}


def heard(study: Study, rows: IntArray) -> IntArray:
    """Clips that occur in ``rows``."""
    some = study.judgements.choose(rows)
    both = np.unique(np.concatenate([some.left, some.right]))
    return both[both >= 0]


def about(study: Study, clips: IntArray) -> IntArray:
    """Rows of judgements in which only ``clips`` occur."""
    allowed = np.append(np.isin(np.arange(len(study.clips)), clips), True)  # the last: no right clip
    return np.flatnonzero(allowed[study.judgements.left] & allowed[study.judgements.right])


def clip_means(study: Study, rows: IntArray, *, centred: bool) -> tuple[FloatArray, FloatArray]:
    """Mean rating (of votes: outcome) of each clip in ``rows`` and its count, ``(C,)`` each; NaN where it is 0.

    ``centred``: ratings minus their listener's mean.
    """
    some, clips = study.judgements.choose(rows), len(study.clips)
    value = some.value
    if not some.rated:
        total = np.bincount(some.left, value, clips) - np.bincount(some.right, value, clips)
        count = np.bincount(some.left, minlength=clips) + np.bincount(some.right, minlength=clips)
    else:
        if centred:
            owner = np.unique(some.listener, return_inverse=True)[1]
            value = value - (np.bincount(owner, value) / np.bincount(owner))[owner]
        total, count = np.bincount(some.left, value, clips), np.bincount(some.left, minlength=clips)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan), count.astype(np.float64)


def slope(differences: npt.ArrayLike, won: npt.ArrayLike) -> float:
    """The factor that makes ``differences`` log odds of ``won``, by maximum likelihood."""
    d, sign = np.asarray(differences, dtype=np.float64), np.where(np.asarray(won, dtype=np.bool_), 1.0, -1.0)
    spread = float(d.std()) if len(d) else 0.0
    if spread < 1e-12:
        return 1.0

    def loss(log_slope: float) -> float:
        return float(np.logaddexp(0, -sign * d / spread * np.exp(log_slope)).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-6, 4), method="bounded").x) / spread)


def learn_choix(study: Study, rows: IntArray, target: IntArray, seed: int) -> Scores:
    """Bradley-Terry strengths of everybody's pairs (choix, with a unit normal prior)."""
    del target, seed
    import choix  # noqa: PLC0415  # comes with the tests only

    pairs = study.pairs(rows)
    winner, loser = np.where(pairs.won, pairs.left, pairs.right), np.where(pairs.won, pairs.right, pairs.left)
    data = np.stack([winner, loser], axis=1).tolist()
    return Scores(np.asarray(choix.opt_pairwise(len(study.clips), data, alpha=CHOIX_ALPHA), dtype=np.float64))


def learn_pairwise_gp(study: Study, rows: IntArray, target: IntArray, seed: int) -> Scores:
    """BoTorch's PairwiseGP on principal components of the features, everybody's pairs being one utility's."""
    del target
    pairs = study.pairs(rows)
    x = _components(study, heard(study, rows))
    winner, loser = np.where(pairs.won, pairs.left, pairs.right), np.where(pairs.won, pairs.right, pairs.left)
    known, place = np.unique(np.concatenate([winner, loser]), return_inverse=True)
    comparisons = torch.from_numpy(place.reshape(2, -1).T.copy())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = import_botorch().models.pairwise_gp.PairwiseGP(torch.from_numpy(x[known]), comparisons)
        fit(model)
        with torch.no_grad():
            posterior: Any = model.posterior(torch.from_numpy(x))
            mean, variance = posterior.mean[:, 0].numpy(), posterior.variance[:, 0].numpy()
    return Scores(mean, variance)


def learn_logistic(study: Study, rows: IntArray, target: IntArray, seed: int) -> Scores:
    """Logistic regression on differences of standardised features; the penalty by inner folds over clips."""
    del target
    known = heard(study, rows)
    x = StandardScaler().fit(_table(study)[known]).transform(_table(study))
    pairs = study.pairs(rows)
    difference = x[pairs.left] - x[pairs.right]
    fold = clip_folds(len(study.clips), seed + 1) % INNER
    losses = np.zeros(len(STRENGTHS))
    for inner in range(INNER):
        held = (fold[pairs.left] == inner) | (fold[pairs.right] == inner)
        if held.all() or not held.any() or (~held).sum() < 2:
            continue
        for index, strength in enumerate(STRENGTHS):
            odds = difference[held] @ _weights(difference[~held], pairs.won[~held], strength)
            losses[index] += np.logaddexp(0, -np.where(pairs.won[held], odds, -odds)).sum()
    return Scores(x @ _weights(difference, pairs.won, STRENGTHS[int(np.argmin(losses))]))


def _weights(difference: FloatArray, won: npt.NDArray[np.bool_], strength: float) -> FloatArray:
    wanted = np.arange(len(won)) % 2 == 0  # turned so that every other left clip wins: both answers occur, evenly
    turned = np.where((won == wanted)[:, None], difference, -difference)
    model = LogisticRegression(C=strength, fit_intercept=False, solver="newton-cholesky").fit(turned, wanted)
    return np.asarray(model.coef_[0], dtype=np.float64)


def learn_trees(study: Study, rows: IntArray, target: IntArray, seed: int) -> Scores:
    """Extra trees from all statistics to a clip's mean rating; log odds by a slope from inner folds.

    The inner folds are over clips where ``target`` clips are new, over listeners otherwise.
    """
    scores = _grown(study, rows, seed)
    known = heard(study, rows)
    new = not np.isin(target, known).all()
    some = study.judgements.choose(rows)
    group = clip_folds(len(study.clips), seed + 1) if new else some.listener
    differences, won = [], []
    for inner in range(INNER):
        if new:
            held_clips = known[group[known] % INNER == inner]
            train = np.intersect1d(rows, about(study, np.setdiff1d(known, held_clips)))
            pairs = study.pairs(np.intersect1d(rows, about(study, held_clips)))
        else:
            train, pairs = rows[group % INNER != inner], study.pairs(rows[group % INNER == inner])
        if len(train) and len(pairs):
            inner_scores = _grown(study, train, seed)
            differences.append(inner_scores[pairs.left] - inner_scores[pairs.right])
            won.append(pairs.won)
    return Scores(scores * (slope(np.concatenate(differences), np.concatenate(won)) if won else 1.0))


def _grown(study: Study, rows: IntArray, seed: int) -> FloatArray:
    mean, count = clip_means(study, rows, centred=True)
    known = count > 0
    trees = ExtraTreesRegressor(TREES, max_features=1 / 3, random_state=seed)
    trees.fit(_table(study)[known], mean[known], sample_weight=count[known])
    return np.asarray(trees.predict(_table(study)), dtype=np.float64)


def learn_ours(study: Study, rows: IntArray, target: IntArray, seed: int) -> Scores:
    """A newcomer's utilities: of clips that nobody has judged from their features and statistics alone."""
    del target, seed
    heads = PageHeads(study, "ours", rows)
    begun = heads.beginning(list(heads.rows))
    found = utilities(begun.head, heads.x, begun.effects)
    return Scores(found.mean * PROBITS, (found.sd * PROBITS) ** 2)


LEARNERS: dict[str, Learn] = {
    "choix": learn_choix,
    "pairwise_gp": learn_pairwise_gp,
    "logistic": learn_logistic,
    "trees": learn_trees,
}
NEW_CLIPS: dict[str, Learn] = {"ours": learn_ours, **{name: LEARNERS[name] for name in LEARNERS if name != "choix"}}


class People:
    """What methods predict for listeners of whom something is known; what is learned is kept between protocols."""

    def __init__(self, study: Study, seed: int) -> None:
        self.study, self.seed = study, seed
        self.fold = listener_folds(study, seed)
        self.learned: dict[str, tuple[list[Scores], float]] = {}
        self.page: dict[str, tuple[PageHeads, float]] = {}

    def outside(self, fold: int) -> IntArray:
        """Rows of the listeners outside a fold."""
        inside = [listener for listener, number in self.fold.items() if number == fold]
        return np.flatnonzero(~np.isin(self.study.judgements.listener, inside))

    def answer(self, method: str, tasks: Sequence[Task]) -> Answer:
        """P(left) of every pair of ``tasks``; ``ImportError`` where the method's library is missing."""
        if method == "average":
            return self._average(tasks)
        if method in PAGE:
            return self._page(method, tasks)
        if method not in self.learned:
            begin, everything = time.perf_counter(), np.arange(len(self.study.clips))
            scores = [LEARNERS[method](self.study, self.outside(fold), everything, self.seed) for fold in range(FOLDS)]
            self.learned[method] = scores, time.perf_counter() - begin
        scores, learning = self.learned[method]
        begin = time.perf_counter()
        wins = [scores[self.fold[task.listener]].wins(task.pairs) for task in tasks]
        return Answer(np.concatenate(wins), learning + time.perf_counter() - begin)

    def _page(self, method: str, tasks: Sequence[Task]) -> Answer:
        """The population from the listeners outside the fold, then the person's own known judgements."""
        if method not in self.page:
            begin = time.perf_counter()
            self.page[method] = PageHeads(self.study, method), time.perf_counter() - begin
        heads, learning = self.page[method]
        begin = time.perf_counter()
        beginnings = {
            fold: heads.beginning([one for one, number in self.fold.items() if number != fold])
            for fold in sorted({self.fold[task.listener] for task in tasks})
        }
        wins = []
        for task in tasks:
            begun = beginnings[self.fold[task.listener]]
            head = heads.after(begun, task.known)
            wins.append(heads.wins(head, begun.effects, task.pairs.left, task.pairs.right))
        return Answer(np.concatenate(wins), learning + time.perf_counter() - begin)

    def _average(self, tasks: Sequence[Task]) -> Answer:
        begin, study = time.perf_counter(), self.study
        means = {listener: self._mean_of_others(listener) for listener in self.fold}
        everybody = {listener: study.pairs(study.rows_of(listener)) for listener in self.fold}
        slopes = []
        for fold in range(FOLDS):
            outside = [listener for listener, number in self.fold.items() if number != fold]
            gaps = [means[one][everybody[one].left] - means[one][everybody[one].right] for one in outside]
            slopes.append(slope(np.concatenate(gaps), np.concatenate([everybody[one].won for one in outside])))
        wins = [Scores(slopes[self.fold[t.listener]] * means[t.listener]).wins(t.pairs) for t in tasks]
        return Answer(np.concatenate(wins), time.perf_counter() - begin)

    def _mean_of_others(self, listener: int) -> FloatArray:
        others = np.flatnonzero(self.study.judgements.listener != listener)
        mean, count = clip_means(self.study, others, centred=False)
        return np.where(count > 0, mean, np.nanmean(mean) if (count > 0).any() else 0.0)


def new_clips(study: Study, method: str, pairs: Pairs, seed: int) -> Answer:
    """P(left) of ``pairs`` from scores that each clip got from a model which saw no judgement of it (ten folds)."""
    begin, clips = time.perf_counter(), len(study.clips)
    fold = clip_folds(clips, seed)
    mean, variance = np.zeros(clips), np.zeros(clips)
    certain = False
    for number in range(FOLDS):
        held = np.flatnonzero(fold == number)
        if len(held) == 0:
            continue
        scores = NEW_CLIPS[method](study, about(study, np.flatnonzero(fold != number)), held, seed)
        mean[held] = scores.mean[held]
        certain = scores.variance is None
        if scores.variance is not None:
            variance[held] = scores.variance[held]
    whole = Scores(mean, None if certain else variance)
    return Answer(whole.wins(pairs), time.perf_counter() - begin)


def _table(study: Study) -> FloatArray:
    """Statistics of notes and sound side by side ``(C, F)``."""
    return np.hstack([study.features[name] for name in ("notes", "audio") if name in study.features])


def _components(study: Study, known: IntArray) -> FloatArray:
    """The first principal components ``(C, COMPONENTS)`` of the statistics, standardised over ``known`` clips."""
    scaler = StandardScaler().fit(_table(study)[known])
    x = scaler.transform(_table(study))
    pca = PCA(min(COMPONENTS, len(known) - 1, x.shape[1]), whiten=True, random_state=0).fit(x[known])
    return np.asarray(pca.transform(x), dtype=np.float64)
