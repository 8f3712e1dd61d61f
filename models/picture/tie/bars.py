"""The bars of a film's music: where they lie, what latents each of them has, and what can be measured of each.

Bars lie on the film's cuts, as nearly as a range of tempi allows, and to its very end. Between two cuts the wished
tempo gives so many bars; to be a whole number of them, the tempo is stretched. A path over the cuts (dynamic
programming) leaves one out where to meet it would stretch the tempo too far.

Latents are a sequence: one a bar, and between two of them on the sphere (Shoemake 1985), where N(0, I) lies. What is
measured of each bar is the side of the tie that faces the five readouts of a film.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from models.music.keys import half_bar_chroma, key_fits
from models.music.notes import Domain, Piece

Floats = npt.NDArray[np.float64]
SOUNDING = ("register", "mode", "density", "loudness", "tempo")
# Mean and standard deviation of all but tempo, over bars of training music
USUAL: Mapping[Domain, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "pop": ((62.4, 0.07, 14.0, 63.4), (5.4, 0.18, 8.6, 5.8)),
    "dance": ((72.5, 0.10, 6.5, 71.0), (4.5, 0.16, 1.9, 2.0)),
    "chorale": ((61.0, 0.08, 15.9, 72.8), (2.4, 0.20, 5.4, 0.8)),
}
AROUND = 1  # bars before and after that a bar's mode is heard with
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


def slerp(one: Floats, other: Floats, share: float) -> Floats:
    """``share`` of the way from ``one`` to ``other`` ``(…, dims)``: the direction turns evenly, so does the length."""
    sizes = [np.maximum(np.linalg.norm(each, axis=-1, keepdims=True), 1e-9) for each in (one, other)]
    ends = [each / size for each, size in zip((one, other), sizes, strict=True)]
    angle = np.arccos(np.clip((ends[0] * ends[1]).sum(-1, keepdims=True), -1, 1))
    sine = np.maximum(np.sin(angle), 1e-9)
    turned = np.where(
        angle < 1e-4,
        (1 - share) * ends[0] + share * ends[1],
        (np.sin((1 - share) * angle) * ends[0] + np.sin(share * angle) * ends[1]) / sine,
    )
    found: Floats = turned * ((1 - share) * sizes[0] + share * sizes[1])
    return found


def along(latents: Floats, places: npt.ArrayLike) -> Floats:
    """Latents ``(bars, dims)`` at ``places`` ``(n,)`` in bars, the middle of the first one being 0: ``(n, dims)``."""
    at = np.clip(np.asarray(places, dtype=np.float64), 0, len(latents) - 1)
    begins = np.minimum(at.astype(int), max(0, len(latents) - 2))
    ends = np.minimum(begins + 1, len(latents) - 1)
    found = [slerp(latents[i], latents[j], float(t - i)) for i, j, t in zip(begins, ends, at, strict=True)]
    return np.array(found).reshape(-1, latents.shape[1])


def by_bar(latents: Floats, times_s: Floats, bars_s: Floats) -> Floats:
    """One latent a bar of those of frames ``(frames, dims)``: their mean direction, as long as they are in the mean."""
    found = []
    for begin, end in pairwise(bars_s.tolist()):
        inside = np.flatnonzero((times_s >= begin) & (times_s < end))
        rows = latents[inside if len(inside) else [int(np.abs(times_s - (begin + end) / 2).argmin())]]
        mean = rows.mean(0)
        found.append(mean * np.linalg.norm(rows, axis=1).mean() / max(float(np.linalg.norm(mean)), 1e-9))
    return np.array(found)


def sounding_of(piece: Piece) -> Floats:
    """Mean pitch, mode, notes a bar, mean velocity and log2 of tempo in each bar: ``(bars, 5)``.

    Mode is the correlation with the best major key less that with the best minor key. A silent bar has the piece's mean
    pitch and velocity.
    """
    count = len(piece.bars)
    bar = np.searchsorted(piece.bars[:, 0], piece.notes[:, 0], side="right") - 1
    notes = np.bincount(bar, minlength=count).astype(np.float64)
    pitch, velocity = (_mean(bar, piece.notes[:, column], notes) for column in (2, 3))
    chroma = half_bar_chroma(piece).reshape(count, 2, 12).sum(1)
    mode = []
    for number in range(count):
        fits = key_fits(chroma[max(0, number - AROUND) : number + AROUND + 1].sum(0))
        mode.append(fits[:12].max() - fits[12:].max())
    return np.column_stack([pitch, mode, notes, velocity, np.log2(piece.tempo_bpm)])


def _mean(bar: npt.NDArray[np.int64], values: npt.NDArray[np.int32], notes: Floats) -> Floats:
    usual = float(values.mean()) if len(values) else 0.0
    total = np.bincount(bar, weights=values, minlength=len(notes))
    found: Floats = np.where(notes > 0, total / np.maximum(notes, 1), usual)
    return found


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
    """How many bars lie best between two anchors, in a tempo that music has if any number does, and what they cost."""
    below = max(1, int(wished_bars))
    bars = below if wished_bars**2 < below * (below + 1) else below + 1  # the stretch of either is a ratio
    fewest, most = math.ceil(seconds * TEMPI_BPM[0] / (60 * QUARTERS)), int(seconds * TEMPI_BPM[1] / (60 * QUARTERS))
    if 1 <= fewest <= most:
        bars = min(max(bars, fewest), most)
    stretch = abs(np.log2(bars / max(wished_bars, 1e-6))) / STRETCH
    tempo = 60 * QUARTERS * bars / max(seconds, 1e-6)
    outside = 0.0 if TEMPI_BPM[0] <= tempo <= TEMPI_BPM[1] else IMPOSSIBLE * (1 + abs(np.log2(tempo / MIDDLE_BPM)))
    return bars, float(stretch**2 + outside)
