"""Form and texture over time: how much comes back, at which range, and how evenly pitch, rhythm and harmony run.

After S.-L. Wu, Y.-H. Yang: The Jazz Transformer on the front line, ISMIR 2020 [1]_. Its structureness indicator is the
largest fitness of any segment of a length in a bracket, fitness being that of the scape plot of [2]_: how well a
segment explains the piece by its repetitions. There it is computed from sound at a frame a second; here from the
notes' pitch classes at a frame a second.

.. [1] https://arxiv.org/abs/2008.01307
.. [2] M. Müller, N. Jiang, P. Grosche: A robust fitness measure for capturing repetitions in music recordings with
   applications to audio thumbnailing. IEEE Transactions on Audio, Speech, and Language Processing 21(3), 2013.
"""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import numpy.typing as npt

from models.music.keys import estimate_chords, half_bar_chroma, likely_key
from models.music.notes import Piece, skyline

Floats = npt.NDArray[np.float64]

RANGES_S = {"si_short": (3, 8), "si_mid": (8, 15), "si_long": (15, None)}  # Wu & Yang's brackets
KEPT, PENALTY = 0.2, -2.0  # share of the likeness that counts, and what all other costs (Müller et al., section III)
FINE = 15  # segments up to so many frames are tried at every length, longer ones at every third
SLOTS = 48  # places of a bar at which onsets are compared: sixteenths and triplets are exact
STEP = 2  # semitones


def structureness(piece: Piece) -> dict[str, float]:
    """``si_short``, ``si_mid`` and ``si_long``: the largest fitness of segments of 3-8, 8-15 and from 15 seconds.

    Segments up to half the piece are tried, since longer ones have no room to come back; a bracket that begins beyond
    has not-a-number.
    """
    likeness = self_similarity(second_chroma(piece))
    half = len(likeness) // 2
    found = {}
    for name, (shortest, longest) in RANGES_S.items():
        last = min(half, longest or half)
        lengths = [n for n in range(shortest, last + 1) if n <= FINE or (n - FINE) % 3 == 0]
        found[name] = max((float(fitness(likeness, n).max()) for n in lengths), default=math.nan)
    return found


def second_chroma(piece: Piece) -> Floats:
    """Sounding time of each pitch class in each second up to the end of the last bar: ``(seconds, 12)``."""
    start, end = piece.seconds_at(piece.notes[:, 0]), piece.seconds_at(piece.notes[:, 0] + piece.notes[:, 1])
    frames = np.arange(math.floor(float(piece.seconds_at(piece.end_tick))))
    overlap = np.clip(np.minimum(end, frames[:, None] + 1) - np.maximum(start, frames[:, None]), 0, None)
    chroma = np.zeros((len(frames), 12))
    np.add.at(chroma.T, piece.notes[:, 2] % 12, overlap.T)
    return chroma


def self_similarity(chroma: Floats) -> Floats:
    """Cosines of all frames ``(frames, 12)``: the largest fifth scaled to 0..1, others a penalty, 1 on the diagonal.

    The diagonal does not count towards the fifth.
    """
    frames = len(chroma)
    if frames < 2:
        return np.ones((frames, frames))
    unit = chroma / np.maximum(np.linalg.norm(chroma, axis=1, keepdims=True), 1e-9)
    cosine = unit @ unit.T
    least = min(float(np.quantile(cosine[np.triu_indices(frames, 1)], 1 - KEPT)), 1 - 1e-6)
    scaled = np.where(cosine >= least, np.clip((cosine - least) / (1 - least), 0, 1), PENALTY)
    scaled[cosine <= 0] = PENALTY
    np.fill_diagonal(scaled, 1.0)
    return scaled


def fitness(likeness: Floats, length: int) -> Floats:
    """Fitness of every segment of ``length`` frames: ``(segments,)``, by first frame; Müller et al., sections IV, V.

    An optimal path family is found for all segments at once: through ``likeness[:, segment]`` paths run from the
    segment's first to its last frame in steps (1, 1), (2, 1) and (1, 2), one after the other. Beside each score go the
    cells of the paths and the frames of the piece that they cover, from which score and coverage are normalised.
    """
    frames = len(likeness)
    columns = np.arange(frames - length + 1)[:, None] + np.arange(length)
    state = np.zeros((3, len(columns), length + 1))  # score, cells, frames covered; place 0: between paths
    state[0, :, 1:] = -np.inf
    nowhere = state[:, :, 1:].copy()
    older = state.copy()
    older[0] = -np.inf
    for frame in range(frames):
        fresh = np.empty_like(state)
        rest, ended = state[:, :, 0], state[:, :, length]
        fresh[:, :, 0] = np.where(ended[0] > rest[0], ended, rest)
        one = np.concatenate([fresh[:, :, :1], state[:, :, 1:-1]], axis=2)
        two = np.concatenate([nowhere[:, :, :1], older[:, :, 1:-1]], axis=2)
        skip = np.concatenate([nowhere[:, :, :2], state[:, :, 1:-2]], axis=2)[:, :, :length]
        best = np.where(two[0] > one[0], two + np.array([0, 0, 1])[:, None, None], one)
        best = np.where(skip[0] > best[0], skip, best)
        fresh[0, :, 1:] = best[0] + likeness[frame][columns]
        fresh[1:, :, 1:] = best[1:] + 1
        older, state = state, fresh
    rest, ended = state[:, :, 0], state[:, :, length]
    score, cells, covered = np.where(ended[0] > rest[0], ended, rest)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, coverage = (score - length) / cells, (covered - length) / frames
        mean = 2 * precision * coverage / (precision + coverage)
    return np.where((precision > 0) & (coverage > 0), mean, 0.0)


def pitch_class_entropy(piece: Piece, bars: int) -> float:
    """Entropy in bits of the pitch classes that begin in ``bars`` bars, mean over such windows (Wu & Yang's H1, H4).

    Not-a-number where no window sounds.
    """
    bar = np.searchsorted(piece.bars[:, 0], piece.notes[:, 0], side="right") - 1
    counts = np.zeros((len(piece.bars), 12))
    np.add.at(counts, (bar, piece.notes[:, 2] % 12), 1)
    windows = np.stack([counts[first : first + bars].sum(0) for first in range(max(1, len(counts) - bars + 1))])
    windows = windows[windows.sum(1) > 0]
    share = windows / windows.sum(1, keepdims=True)
    return float(-(share * np.log2(np.where(share > 0, share, 1))).sum(1).mean()) if len(share) else math.nan


def grooving_similarity(piece: Piece) -> float:
    """Share of the ``SLOTS`` places of a bar on which two bars agree, whether a note begins there; mean over pairs.

    Wu & Yang's GS, with 48 places instead of 64. Not-a-number below two bars.
    """
    if len(piece.bars) < 2:
        return math.nan
    bar = np.searchsorted(piece.bars[:, 0], piece.notes[:, 0], side="right") - 1
    begins = np.zeros((len(piece.bars), SLOTS), dtype=bool)
    begins[bar, (piece.notes[:, 0] - piece.bars[bar, 0]) * SLOTS // piece.bars[bar, 1]] = True
    return float(np.mean([(begins[one] == begins[two]).mean() for one, two in combinations(range(len(begins)), 2)]))


def chord_irregularity(piece: Piece) -> float:
    """Share of distinct ones among the trigrams of estimated chords, one a bar (Wu & Yang's CPI); NaN below three."""
    chords = estimate_chords(piece)
    trigrams = list(zip(chords, chords[1:], chords[2:], strict=False))
    return len(set(trigrams)) / len(trigrams) if trigrams else math.nan


def steps(piece: Piece) -> float:
    """Share of the skyline's intervals of at most two semitones, unisons among them; NaN below two notes."""
    interval = np.abs(np.diff(skyline(piece)[:, 1]))
    return float((interval <= STEP).mean()) if len(interval) else math.nan


def ends_on_tonic(piece: Piece) -> bool:
    """Whether the lowest note of the last onset is the tonic of the likeliest key."""
    if len(piece.notes) == 0:
        return False
    last = piece.notes[piece.notes[:, 0] == piece.notes[:, 0].max(), 2].min()
    return int(last) % 12 == likely_key(half_bar_chroma(piece).sum(0)) % 12


def comes_to_rest(piece: Piece) -> bool:
    """Whether in the last bar that has notes none begins in its second half."""
    if len(piece.notes) == 0:
        return False
    last = int(piece.notes[:, 0].max())
    start, length = piece.bars[np.searchsorted(piece.bars[:, 0], last, "right") - 1, :2].tolist()
    return bool(last - start <= length / 2)
