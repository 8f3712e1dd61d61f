"""Where a film's bars lie: on its cuts, as nearly as a range of tempi allows, and to its very end.

Between two cuts the wished tempo gives so many bars; to be a whole number of them, the tempo is stretched. A path over
the cuts (dynamic programming) leaves one out where to meet it would stretch the tempo too far.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from models.music.notes import Domain

Floats = npt.NDArray[np.float64]

QUARTERS = 4  # a bar: the music of films is in 4/4
TEMPI_BPM = (52.0, 176.0)
MIDDLE_BPM = 96.0
# Of the training pieces of a kind, what shares of SHARES are slower than
USUAL_BPM: Mapping[Domain, tuple[float, ...]] = {
    "pop": (74, 93, 118, 136, 159), "dance": (102, 139, 165, 170, 176), "chorale": (72, 75, 75, 78, 78),
}  # fmt: skip
SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
MISSED = 8.0  # what a cut costs that is left out; a tempo that is stretched by STRETCH, in log2, costs 1
STRETCH = 0.25
IMPOSSIBLE = 1e6
STEP_S = 0.05


@dataclass(frozen=True)
class BarLines:
    """``starts_s`` ``(bars + 1,)``: where each bar begins and the last one ends; how many cuts have a bar line."""

    starts_s: Floats
    met: int

    @property
    def bars(self) -> int:
        """Number of bars."""
        return len(self.starts_s) - 1

    @property
    def tempo_bpm(self) -> Floats:
        """Of each bar, ``(bars,)``."""
        found: Floats = 60 * QUARTERS / np.diff(self.starts_s)
        return found


def usual_bpm(domain: Domain, seed: int) -> float:
    """A tempo as music of this kind has it; which one is the seed's."""
    share = np.random.default_rng([seed, 26]).uniform(SHARES[0], SHARES[-1])
    return float(np.interp(share, SHARES, USUAL_BPM[domain]))


def bar_lines(seconds: float, cuts_s: Floats, times_s: Floats, wished_bpm: Floats) -> BarLines:
    """Bars of a film of so many ``seconds``, near the tempo ``wished_bpm`` ``(frames,)`` at each of ``times_s``."""
    clock = np.append(np.arange(0, seconds, STEP_S), seconds)
    wished = np.clip(np.interp(clock, times_s, wished_bpm), *TEMPI_BPM)
    phase = np.concatenate([[0.0], np.cumsum(np.diff(clock) * (wished[1:] + wished[:-1]) / (2 * 60 * QUARTERS))])
    anchors = np.array([0.0, *sorted(cut for cut in cuts_s if 0 < cut < seconds), seconds])
    at = np.interp(anchors, clock, phase)
    before, count = _path(anchors, at)
    chosen = [len(anchors) - 1]
    while chosen[-1]:
        chosen.append(before[chosen[-1]])
    chosen.reverse()
    starts = [0.0]
    for i, j in pairwise(chosen):
        places = np.linspace(at[i], at[j], count[j] + 1)[1:]
        starts += np.interp(places, phase, clock).tolist()
        starts[-1] = float(anchors[j])
    return BarLines(np.array(starts), len(chosen) - 2)


def _path(anchors: Floats, at: Floats) -> tuple[list[int], list[int]]:
    """The cheapest way over the anchors: which one comes before each of them, and how many bars lie between."""
    cost, before, count = [0.0], [0], [0]
    for j in range(1, len(anchors)):
        options = []
        for i in range(j - 1, -1, -1):
            bars, stretched = _between(at[j] - at[i], anchors[j] - anchors[i])
            options.append((cost[i] + stretched + MISSED * (j - i - 1), i, bars))
        best = min(options)
        cost.append(best[0])
        before.append(best[1])
        count.append(best[2])
    return before, count


def _between(wished_bars: float, seconds: float) -> tuple[int, float]:
    """How many bars lie best between two anchors, and what they cost."""
    below = max(1, int(wished_bars))
    bars = below if wished_bars**2 < below * (below + 1) else below + 1  # the stretch of either is a ratio
    stretch = abs(np.log2(bars / max(wished_bars, 1e-6))) / STRETCH
    tempo = 60 * QUARTERS * bars / max(seconds, 1e-6)
    outside = 0.0 if TEMPI_BPM[0] <= tempo <= TEMPI_BPM[1] else IMPOSSIBLE * (1 + abs(np.log2(tempo / MIDDLE_BPM)))
    return bars, float(stretch**2 + outside)
