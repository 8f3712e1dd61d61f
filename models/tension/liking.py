"""How tense somebody wants music: a dial that pieces are chosen by, and what their picks say of surprise.

The dial calmer – tenser says which of some pieces have a future as open as somebody wants it. Openness is the mean
uncertainty before a note. Where on its scale a piece should lie is said beside the pieces among which is chosen: calmer
and tenser are than these are as a rule. A target, and not the more the better, since the most open future is noise's
and the least open one a loop's.

How surprising somebody likes music to be is a head of surprise and its distance from the middle, from picks alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from models.metrics.intervals import Figure
from models.taste.head import Head, after, answer_vote
from models.taste.space import distances

Floats = npt.NDArray[np.float64]

MOST = 2  # steps to either side of the middle
STEP = 0.75  # standard deviations of the pieces' openness that one step is worth
WEIGHT = 1.0  # standard deviations of the head's score that one standard deviation away from the target costs

Liked = Literal["little", "much", "middle", "ends", ""]
PRIOR_SD = 1.0  # of what a standard deviation of surprise is worth: as wide as that of a style
LEAST_SD = 0.1  # of surprise among the clips, in that of real music: where they hardly differ nothing can be told
SURE = 2.241403  # standard deviations: of two effects, either of which may be told, one in twenty is by chance
FROM_MIDDLE = float(distances([1.0])[0] - distances([0.0])[0])  # of a clip one standard deviation away from it
VERSION = "surprise"


def cost(openness: npt.ArrayLike, dial: int) -> Floats:
    """What each piece loses for lying away from where the dial says, in standard deviations of a score ``(N,)``.

    ``openness`` ``(N,)`` in any unit. In the middle, 0, none loses anything. Raises ``ValueError`` beyond ``MOST``.
    """
    if abs(dial) > MOST:
        raise ValueError(f"the dial was set to {dial}; {-MOST} (calmest) to {MOST} (tensest) is allowed")
    values = np.asarray(openness, dtype=np.float64)
    if dial == 0 or len(values) == 0:
        return np.zeros(len(values))
    standard = (values - values.mean()) / max(float(values.std()), 1e-9)
    lost: Floats = WEIGHT * np.abs(standard - STEP * dial)
    return lost


@dataclass(frozen=True)
class Leaning:
    """What is ``liked`` of surprise, empty where nothing shows.

    ``share``: how often the one is picked of two clips of which one has it and the other is a standard deviation of the
    clips away; its interval is as wide as is needed to tell either of two things, and ``n`` counts the picks.
    """

    liked: Liked
    share: Figure


def leaning(picks: Sequence[tuple[Floats, str]]) -> Leaning:
    """What ``picks`` tell: the surprise of two or four clips ``(k,)``, and the outcome.

    The middle is that of all these clips. Of a liking of more or less, and one of the middle or the ends, the surer.
    """
    every = np.concatenate([surprise for surprise, _ in picks]) if picks else np.zeros(1)
    middle, scale = every.mean(), max(float(every.std()), LEAST_SD)
    head = Head.of(np.zeros(2), PRIOR_SD**2 * np.eye(2), VERSION)
    for surprise, outcome in picks:
        z = (surprise - middle) / scale
        head = after(head, answer_vote(head, np.stack([z, distances(z)], axis=1), outcome))
    sd = np.sqrt(np.diag(head.covariance))
    place = int(np.argmax(np.abs(head.mean) / sd))
    effect, doubt = float(head.mean[place]), SURE * float(sd[place])
    ends: tuple[Liked, Liked] = (("little", "much"), ("middle", "ends"))[place]
    step = (1.0, FROM_MIDDLE)[place]
    value, low, high = expit(step * (abs(effect) + doubt * np.array([0.0, -1.0, 1.0]))).tolist()
    liked: Liked = ends[effect > 0] if abs(effect) > doubt else ""
    return Leaning(liked, Figure(value, low, high, len(picks)))
