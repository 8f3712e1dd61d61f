"""How well beats are found: F-measure with a tolerance of 70 ms (Davies, Degara & Plumbley 2009), as mir_eval's."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

TOLERANCE_S = 0.07
TRIMMED_S = 5.0  # at the beginning, where nobody can know the beat yet


def beat_f(found_s: npt.ArrayLike, wanted_s: npt.ArrayLike) -> float:
    """F-measure of beats found against wanted, in seconds and in order; each is matched at most once.

    What lies before 5 s is left out. 0 where either is empty.
    """
    found, wanted = (_trimmed(times) for times in (found_s, wanted_s))
    if not len(found) or not len(wanted):
        return 0.0
    hits = at = 0
    for time in wanted:
        while at < len(found) and found[at] < time - TOLERANCE_S:
            at += 1
        if at < len(found) and found[at] <= time + TOLERANCE_S:
            hits += 1
            at += 1
    return 2 * hits / (len(found) + len(wanted))


def _trimmed(times: npt.ArrayLike) -> npt.NDArray[np.float64]:
    data = np.asarray(times, dtype=np.float64)
    kept: npt.NDArray[np.float64] = data[data >= TRIMMED_S]
    return kept
