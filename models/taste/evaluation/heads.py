"""The page's heads on a study, and what else they could be: Bayesian layers over a basis, updated vote by vote.

``ours`` is what the page does: utility is linear in the lines of the taste space and in their distances from the
middle, and each clip has an effect of its own that the others have taught (``models.taste.clip_effects``).
``page_alone`` knows no such effects; ``page_linear`` knows no distances either; ``page_gp`` has a Gaussian process with
inducing points among the clips in their place (Quinonero-Candela & Rasmussen 2005). Measures of clips that a study adds
(``FURTHER``) are lines too, with distances of their own, and tell a clip's effect. All of these begin at what the
listeners outside the fold have in common and learn how each listener answers; ``page_before``, linear, begins at the
fixed prior and takes everybody to be even-handed, attentive and easily content, as the page once did. Clips are seen as
the page sees them, by their latents; where some have none, by principal components of their statistics.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from models.metrics.music_statistics import ATTRIBUTES
from models.taste.clip_effects import Clips, Common, factor_of, learn_common
from models.taste.evaluation.study import IntArray, Study
from models.taste.head import PRIOR_TIE, Answer, Head, Outcome, after, answer, predict
from models.taste.hierarchy import Evidence, PopulationPrior, learn
from models.taste.space import MIDDLE_SHARE, UTILITY_DIFFERENCE_SD, distances

FloatArray = npt.NDArray[np.float64]

COMPONENTS = 8
PAGE = ("ours", "page_alone", "page_linear", "page_gp", "page_before")
FURTHER = "further"  # a group of features: measures that were added, a column each
STATISTICS = ("notes", "audio", FURTHER)  # groups that tell a clip's effect beside its own
INDUCING, GP_SHARE = 24, 0.3  # points, and the share of the prior variance that the process has
PLAIN, PLAIN_VARIANCE = (0.0, PRIOR_TIE, -40.0), (1e-6, 1.0, 1e-6)  # no side bias, and "neither" is never said


def lines_of(study: Study) -> FloatArray:
    """What a linear head sees of each clip ``(C, L)``, every column with mean 0 and SD 1; further measures last."""
    return np.hstack([_first_lines(study), _further_lines(study)])


def _further_lines(study: Study) -> FloatArray:
    table = study.features.get(FURTHER, np.zeros((len(study.clips), 0)))
    return np.asarray(StandardScaler().fit_transform(table), dtype=np.float64) if table.shape[1] else table


def _first_lines(study: Study) -> FloatArray:
    if "latents" in study.features:
        return np.asarray(StandardScaler().fit_transform(study.features["latents"]), dtype=np.float64)
    table = np.hstack([study.features[name] for name in ("notes", "audio") if name in study.features])
    parts = min(COMPONENTS, len(table) - 1, table.shape[1])
    found = PCA(parts, whiten=True, random_state=0).fit_transform(StandardScaler().fit_transform(table))
    return np.asarray(found, dtype=np.float64)


def basis_of(study: Study, method: str) -> tuple[FloatArray, FloatArray]:
    """What a head of this ``method`` sees of each clip ``(C, F)``, and the prior variance of its weights ``(F,)``.

    Raises ``ValueError`` on another method.
    """
    lines = lines_of(study)
    if method in ("ours", "page_alone"):
        named = np.hstack([_first_lines(study)[:, : len(ATTRIBUTES)], _further_lines(study)])
        more, share = distances(named), MIDDLE_SHARE
    elif method == "page_gp":
        more, share = inducing_features(lines), GP_SHARE
    elif method in PAGE:
        more, share = lines[:, :0], 0.0
    else:
        raise ValueError(f"method is {method!r}; it must be one of {', '.join(PAGE)}")
    total = UTILITY_DIFFERENCE_SD**2 / 2
    each = total * (1 - share) / lines.shape[1]
    of_more = total * share / max(float((more**2).mean(axis=0).sum()), 1e-9)
    variance = np.repeat([each, of_more], [lines.shape[1], more.shape[1]])
    return np.hstack([lines, more]), variance


def inducing_features(lines: FloatArray) -> FloatArray:
    """Features ``(C, K)`` of mean 0 whose products are a squared-exponential kernel's, as K inducing points see it.

    The points are centres of clusters of clips, the length scale is the clips' median distance.
    """
    points = KMeans(min(INDUCING, len(lines) - 1), n_init=4, random_state=0).fit(lines).cluster_centers_
    apart = np.linalg.norm(lines[:, None] - lines, axis=2)
    scale = max(float(np.median(apart[np.triu_indices(len(lines), 1)])), 1e-9)

    def kernel(one: FloatArray) -> FloatArray:
        found: FloatArray = np.exp(-((one[:, None] - points) ** 2).sum(axis=2) / (2 * scale**2))
        return found

    root = np.linalg.cholesky(kernel(points) + 1e-6 * np.eye(len(points)))
    features: FloatArray = np.linalg.solve(root, kernel(lines).T).T
    return np.asarray(features - features.mean(axis=0), dtype=np.float64)


@dataclass(frozen=True)
class Beginning:
    """Where a listener begins: a head, and the effects of the study's clips ``(C,)``."""

    head: Head
    effects: FloatArray


class PageHeads:
    """Heads of a study's listeners by one ``method`` of ``PAGE``, learned from the judgements in ``rows`` (all).

    Ratings are heard as votes on each rated clip and the one rated before it: all pairs of ten ratings would be counted
    as forty-five answers, though they are ten.
    """

    def __init__(self, study: Study, method: str = "ours", rows: IntArray | None = None) -> None:
        self.study, self.method = study, method
        self.x, variance = basis_of(study, method)
        begun = np.zeros(len(variance)), np.diag(variance), "study"
        self.plain = Beginning(Head.of(*begun), np.zeros(len(study.clips)))
        if method == "page_before":
            head = Head.of(*begun, manner=PLAIN, manner_variance=PLAIN_VARIANCE, lapses=0.0)
            self.plain = replace(self.plain, head=head)
            return
        known = np.arange(len(study.judgements)) if rows is None else rows
        whose = study.judgements.listener[known]
        self.rows = {int(one): known[whose == one] for one in np.unique(whose)}
        self.evidence = {
            one: Evidence.of(self.after(self.plain, own), self.plain.head) for one, own in self.rows.items()
        }

    def beginning(self, others: Sequence[int]) -> Beginning:
        """Where a listener begins who is taken to be like ``others``."""
        if self.method == "page_before":
            return self.plain
        population, common = self.learned(others)
        if common is None:
            return replace(self.plain, head=population.newcomer())
        # all are in the first of two folds: the effects for the second are learned from all of them
        return Beginning(population.newcomer(), common.effects[1])

    def learned(self, others: Sequence[int]) -> tuple[PopulationPrior, Common | None]:
        """How these differ, and what they have in common where this ``method`` asks for it."""
        there = [one for one in others if one in self.rows]
        fixed = PopulationPrior.fixed(self.plain.head)
        population = learn([self.evidence[one] for one in there], fixed)
        if self.method != "ours":
            return population, None
        begun = replace(self.plain, head=population.newcomer())
        factors = [factor_of(self.answers(begun, self.rows[one]), len(fixed.mean)) for one in there]
        statistics = [self.study.features[name] for name in STATISTICS if name in self.study.features]
        clips = Clips(self.x, statistics, np.unique(np.concatenate([each.clips for each in factors])))
        return population, learn_common(factors, population, fixed, clips, fold=np.zeros(len(there)), folds=2)

    def answers(self, begun: Beginning, rows: IntArray) -> Iterator[tuple[tuple[int, int], Answer]]:
        """The judgements in ``rows`` of one listener as the clips and what each told the head that it met."""
        head = begun.head
        for left, right, outcome in self.votes(rows):
            clips = [left, right]
            heard = answer(head, self.x[clips], outcome, begun.effects[clips])
            if heard:
                yield (left, right), heard
                head = after(head, heard)

    def after(self, begun: Beginning, rows: IntArray) -> Head:
        """The head after the judgements in ``rows`` of one listener."""
        head = begun.head
        for left, right, outcome in self.votes(rows):
            clips = [left, right]
            head = after(head, answer(head, self.x[clips], outcome, begun.effects[clips]))
        return head

    def votes(self, rows: IntArray) -> list[tuple[int, int, Outcome]]:
        """Judgements of one listener as (left, right, outcome)."""
        some = self.study.judgements.choose(rows)
        if not some.rated:
            answer: dict[float, Outcome] = {1.0: "left", 0.0: "equal", -1.0: "right"}
            given = zip(some.left.tolist(), some.right.tolist(), some.value.tolist(), strict=True)
            return [(left, right, answer[value]) for left, right, value in given]
        found: list[tuple[int, int, Outcome]] = []
        for place in range(1, len(some)):
            # sides in turn: nobody stands left of anybody in ratings
            one, two = (place, place - 1) if place % 2 else (place - 1, place)
            gap = some.value[one] - some.value[two]
            outcome: Outcome = "left" if gap > 0 else "right" if gap < 0 else "equal"
            found.append((int(some.left[one]), int(some.left[two]), outcome))
        return found

    def wins(self, head: Head, effects: FloatArray, left: IntArray, right: IntArray) -> FloatArray:
        """P(left is put above right, given that they are told apart) ``(pairs,)``, whichever stands left."""
        gap = effects[left] - effects[right]
        chance = predict(head, self.x[left] - self.x[right], gap)
        mirrored = predict(head, self.x[right] - self.x[left], -gap)
        up, down = chance.left + mirrored.right, chance.right + mirrored.left
        return np.asarray(up / (up + down), dtype=np.float64)
