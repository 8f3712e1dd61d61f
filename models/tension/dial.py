"""The dial calmer – tenser: which of some pieces have a future as open as somebody wants it.

Openness is the mean uncertainty before a note. Where on its scale a piece should lie is said beside the pieces among
which is chosen: calmer and tenser are than these are as a rule. A target, and not the more the better, since the most
open future is noise's and the least open one a loop's.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MOST = 2  # steps to either side of the middle
STEP = 0.75  # standard deviations of the pieces' openness that one step is worth
WEIGHT = 1.0  # standard deviations of the head's score that one standard deviation away from the target costs


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
