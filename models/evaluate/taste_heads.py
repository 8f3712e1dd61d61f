"""The page's heads on a study: a linear utility that begins at what the listeners outside the fold have in common.

``page`` begins at the learned population and learns how each listener answers; ``page_before`` begins at the fixed
prior and takes everybody to be even-handed, attentive and easily content, as the page once did. Both see a clip as the
page does, by its latents; where some clips have none, by principal components of their statistics.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from models.evaluate.taste_study import Study
from models.taste.bradley_terry import PRIOR_TIE, Head, Outcome, predict, update
from models.taste.hierarchy import Evidence, PopulationPrior, learn
from models.taste.judgements import IntArray
from models.taste.space import UTILITY_DIFFERENCE_SD

FloatArray = npt.NDArray[np.float64]

COMPONENTS = 8
PAGE = ("page", "page_before")
PLAIN, PLAIN_VARIANCE = (0.0, PRIOR_TIE, -40.0), (1e-6, 1.0, 1e-6)  # no side bias, and "neither" is never said


def features_of(study: Study) -> FloatArray:
    """What a head sees of each clip ``(C, F)``, every column with mean 0 and SD 1."""
    if "latents" in study.features:
        return np.asarray(StandardScaler().fit_transform(study.features["latents"]), dtype=np.float64)
    table = np.hstack([study.features[name] for name in ("notes", "audio") if name in study.features])
    parts = min(COMPONENTS, len(table) - 1, table.shape[1])
    found = PCA(parts, whiten=True, random_state=0).fit_transform(StandardScaler().fit_transform(table))
    return np.asarray(found, dtype=np.float64)


class PageHeads:
    """Heads of a study's listeners.

    Ratings are heard as votes on each rated clip and the one rated before it: all pairs of ten ratings would be counted
    as forty-five answers, though they are ten.
    """

    def __init__(self, study: Study) -> None:
        self.study, self.x = study, features_of(study)
        size = self.x.shape[1]
        spread = np.eye(size) * UTILITY_DIFFERENCE_SD**2 / 2 / size
        self.fixed = Head.of(np.zeros(size), spread, "study")
        self.before = Head.of(np.zeros(size), spread, "study", manner=PLAIN, manner_variance=PLAIN_VARIANCE, lapses=0.0)
        self.evidence = {
            int(one): Evidence.of(self.after(self.fixed, study.rows_of(int(one))), self.fixed)
            for one in study.listeners
        }

    def beginning(self, method: str, others: Sequence[int]) -> Head:
        """Where a listener begins whom ``others`` have in common; raises ``ValueError`` on another method."""
        if method not in PAGE:
            raise ValueError(f"method is {method!r}; it must be one of {', '.join(PAGE)}")
        if method == "page_before":
            return self.before
        return learn([self.evidence[one] for one in others], PopulationPrior.fixed(self.fixed)).newcomer()

    def after(self, head: Head, rows: IntArray) -> Head:
        """The head after the judgements in ``rows`` of one listener."""
        for left, right, outcome in self.votes(rows):
            head = update(head, self.x[left], self.x[right], outcome)
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

    def wins(self, head: Head, left: IntArray, right: IntArray) -> FloatArray:
        """P(left is put above right, given that they are told apart) ``(pairs,)``, whichever stands left."""
        chance = predict(head, self.x[left] - self.x[right])
        mirrored = predict(head, self.x[right] - self.x[left])
        up, down = chance.left + mirrored.right, chance.right + mirrored.left
        return np.asarray(up / (up + down), dtype=np.float64)
