"""Which types of tune a linear reading of the melody tower tells apart, on tunes of collections it never trained on.

The probe is a logistic regression on the tower's vectors of one set of tunes; its penalty is chosen by cross-validation
over groups inside them. Baseline: the commonest type of each meter.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix, f1_score
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.title.tunes import Tune
from models.title.two_tower import TowerEnsemble, TwoTower

LEAST = 10  # tunes of a type on either side
PENALTIES = (0.01, 0.1, 1.0, 10.0)
Names = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Probe:
    """Types ``(tunes,)`` as they are, as the probe reads them and as the meter alone says, and the types there are."""

    types: tuple[str, ...]
    truth: Names
    read: Names
    by_meter: Names
    groups: tuple[str, ...]

    def macro_f1(self, rows: npt.NDArray[np.int64], *, meter: bool = False) -> float:
        """Mean F1 of the types among ``rows``; 0 for a type that nobody was told to be."""
        told = self.by_meter if meter else self.read
        return float(f1_score(self.truth[rows], told[rows], labels=self.types, average="macro", zero_division=0))

    def f1(self, rows: npt.NDArray[np.int64], kind: str) -> float:
        """F1 of one type among ``rows``."""
        return float(f1_score(self.truth[rows] == kind, self.read[rows] == kind, zero_division=0))

    def confusion(self) -> npt.NDArray[np.int64]:
        """Counts ``(true type, type read)``."""
        table: npt.NDArray[np.int64] = confusion_matrix(self.truth, self.read, labels=self.types)
        return table


def probe_genres(
    towers: TwoTower | TowerEnsemble,
    known: Sequence[Tune],
    unknown: Sequence[Tune],
    seed: int,
    penalties: Sequence[float] = PENALTIES,
) -> Probe | None:
    """Read the types of ``unknown`` tunes after ``known`` ones; None where fewer than two types are on both sides.

    With one of ``penalties`` there is nothing to choose.
    """
    counts = [Counter(tune.genre for tune in side) for side in (known, unknown)]
    types = tuple(sorted(name for name in counts[0] if name and min(count[name] for count in counts) >= LEAST))
    if len(types) < 2:
        return None
    known = [tune for tune in known if tune.genre in types]
    unknown = [tune for tune in unknown if tune.genre in types]
    labels = np.array([tune.genre for tune in known])
    regression = LogisticRegression(max_iter=2000, class_weight="balanced", random_state=seed, C=penalties[0])
    probe = make_pipeline(StandardScaler(), regression)
    if len(penalties) == 1:
        probe.fit(towers.pooled(known), labels)
    else:
        grid = {"logisticregression__C": penalties}
        probe = GridSearchCV(probe, grid, scoring="f1_macro", cv=GroupKFold(5))
        probe.fit(towers.pooled(known), labels, groups=[tune.group for tune in known])
    commonest: dict[str, Counter[str]] = defaultdict(Counter)
    for tune in known:
        commonest[tune.meter][tune.genre or ""] += 1
    overall = Counter(labels.tolist()).most_common(1)[0][0]
    by_meter = [commonest[t.meter].most_common(1)[0][0] if commonest[t.meter] else overall for t in unknown]
    return Probe(
        types=types,
        truth=np.array([tune.genre for tune in unknown]),
        read=probe.predict(towers.pooled(unknown)),
        by_meter=np.array(by_meter),
        groups=tuple(tune.group for tune in unknown),
    )
