"""Can composed clips be told from real ones? A fixed classifier, tested first on real clips with their bars shuffled.

Features of a clip (`describe`): for every pair of its bars how alike they are (pitch classes, pitch classes of each
half, onsets, top line, number of notes, height), averaged by how far apart they are as well; how the top and the bottom
line step over each bar line beside how they step within bars; how pitch
classes go over from bar to bar, and the bass's steps; the first and the last bar beside the rest; histograms of
melodic intervals, durations, positions and velocities; the named attributes. No feature knows the key. The classifier
is scikit-learn's HistGradientBoostingClassifier with 200 trees of up to 15 leaves at a learning rate of 0.06, the mean
of ``VOTERS`` of them; five folds, a song whole in one of them. Two-sample test by classifier: Lopez-Paz & Oquab 2017.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedGroupKFold

from models.metrics import music_statistics as ms
from models.metrics.intervals import finite_mean
from models.metrics.structure import (
    chord_irregularity,
    ends_on_tonic,
    grooving_similarity,
    pitch_class_entropy,
    structureness,
)
from models.music.keys import half_bar_chroma, likely_key
from models.music.notes import Piece, skyline

Floats = npt.NDArray[np.float64]
FOLDS, VOTERS = 5, 3
SLOTS = 24
ENDS = 8  # bars at the beginning and at the end of a whole piece
OTHER_METER = 100.0  # standard deviations: a clip in the same meter is always nearer


def shuffled(piece: Piece, rng: np.random.Generator) -> Piece:
    """The bars of ``piece`` in another order; bars are equally long."""
    bars = len(piece.bars)
    order = rng.permutation(bars)
    while bars > 1 and (order == np.arange(bars)).all():
        order = rng.permutation(bars)
    length = int(piece.bars[0, 1])
    notes = piece.notes.copy()
    bar = notes[:, 0] // length
    notes[:, 0] += ((np.argsort(order))[bar] - bar) * length
    notes = notes[np.lexsort((notes[:, 2], notes[:, 0]))]
    return replace(
        piece, notes=notes, tempo_bpm=piece.tempo_bpm[order] if len(piece.tempo_bpm) == bars else piece.tempo_bpm
    )


def describe(piece: Piece) -> Floats:
    """Features of a clip of equally long bars, as the module docstring tells; not-a-number where there are none."""
    bars, length = len(piece.bars), int(piece.bars[0, 1])
    onset, duration, pitch, velocity = piece.notes.T.astype(np.int64)
    bar = np.clip(onset // length, 0, bars - 1)
    slot = np.clip((onset - bar * length) * SLOTS // length, 0, SLOTS - 1)
    chroma, halves, rhythm = np.zeros((bars, 12)), np.zeros((bars, 24)), np.zeros((bars, SLOTS))
    np.add.at(chroma, (bar, pitch % 12), np.minimum(duration, length))
    np.add.at(halves, (bar, pitch % 12 + 12 * (slot * 2 // SLOTS)), np.minimum(duration, length))
    rhythm[bar, slot] = 1
    count = np.bincount(bar, minlength=bars).astype(float)
    top, low = np.full((bars, SLOTS), np.nan), np.full((bars, SLOTS), np.nan)
    for line, choose in ((top, np.fmax), (low, np.fmin)):
        choose.at(line, (bar, slot), pitch.astype(float))
    held = _hold(top)
    height = np.array([pitch[bar == b].mean() if (bar == b).any() else np.nan for b in range(bars)])

    one, two = np.triu_indices(bars, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        alike = np.stack(
            [
                _cosine(chroma[one], chroma[two]),
                _cosine(halves[one], halves[two]),
                (rhythm[one] * rhythm[two]).sum(1) / np.maximum(rhythm[one], rhythm[two]).sum(1),
                (held[one] == held[two]).sum(1) / np.isfinite(held[one] + held[two]).sum(1),
                np.abs(count[one] - count[two]) / (count[one] + count[two]),
                np.abs(height[one] - height[two]),
            ]
        )
        lags = [[finite_mean(row[two - one == lag]) for lag in range(1, bars)] for row in alike]
        steps = []
        for line in (top, low):
            firsts, lasts = _first(line), _first(line[:, ::-1])
            over = np.abs(firsts[1:] - lasts[:-1])
            inside = np.abs(np.concatenate([np.diff(row[np.isfinite(row)]) for row in line]))
            steps += [
                finite_mean(over),
                finite_mean(over > 7),
                finite_mean(inside),
                finite_mean(over) - finite_mean(inside),
                *over,
            ]
        ends = [
            count[0] / count.mean(),
            count[-1] / count.mean(),
            height[0] - finite_mean(height),
            height[-1] - finite_mean(height),
        ]
        late, early = halves[:-1, 12:], halves[1:, :12]
        joints = _cosine(late, early)
        strangers = [_cosine(late, np.roll(early, by, axis=0)) for by in range(1, bars - 1)]
        bass = _first(low) % 12
        roots = (np.diff(bass[np.isfinite(bass)]) % 12).astype(np.int64)
        progress = [*joints, finite_mean(joints), finite_mean(joints) - finite_mean(strangers), *_shares(roots, 12)]
        above_tonic = (bass - likely_key(chroma.sum(0)) % 12) % 12
    top_line = skyline(piece)[:, 1]
    final = [finite_mean(duration[bar == bars - 1]) / length, _degree(piece)]
    histograms = [
        _shares(np.clip(np.diff(top_line), -13, 13) + 13, 27),
        _shares(np.clip(duration * 12 // length, 0, 15), 16),
        _shares(slot, SLOTS),
        _shares(velocity // 8, 16),
    ]
    attributes = list(ms.attributes(piece).values())
    whole = [ms.in_key(piece), ms.repeats(piece), ms.density(piece), finite_mean(np.diff(count) ** 2)]
    return np.concatenate(
        [alike.ravel(), *lags, steps, progress, above_tonic, ends, final, *histograms, attributes, whole]
    ).astype(np.float64)


def two_sample_test(
    ones: Sequence[Piece],
    others: Sequence[Piece],
    songs: Sequence[str],
    features_of: Callable[[Piece], Floats] = describe,
) -> Floats:
    """For each of ``ones``, then of ``others``: 1 where the classifier of the other folds says which it is, else 0.

    ``songs`` names the song of each, ``ones`` first; there are at least ``FOLDS`` songs. ``features_of`` a piece have
    the same length whatever the piece.
    """
    features = np.stack([features_of(piece) for piece in (*ones, *others)])
    return rightly_named(features, np.repeat([0, 1], [len(ones), len(others)]), songs)


def rightly_named(features: Floats, label: npt.NDArray[np.int64], songs: Sequence[str]) -> Floats:
    """For each row of ``features`` ``(N, F)``: 1 where the classifier of the other folds names its ``label``, else 0.

    ``label`` ``(N,)`` is 0 or 1, ``songs`` names the song of each row, of which there are at least ``FOLDS``.
    """
    _, group = np.unique(np.array(songs), return_inverse=True)
    right = np.zeros(len(label))
    for train, test in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0).split(features, label, group):
        chance = np.zeros(len(test))
        for voter in range(VOTERS):
            model = HistGradientBoostingClassifier(
                max_iter=200, max_leaf_nodes=15, learning_rate=0.06, max_features=0.3, random_state=voter
            )
            chance += model.fit(features[train], label[train]).predict_proba(features[test])[:, 1]
        right[test] = (chance / VOTERS > 0.5) == label[test]
    return right


def describe_whole(piece: Piece) -> Floats:
    """Features of a whole piece of at least ``ENDS`` equally long bars, however many.

    Its first and its last eight bars as `describe` has them, then its length and what tells of form over all of it:
    structureness, entropies, grooving similarity, irregularity of chords, the end. Not-a-number where there are none.
    """
    ends = [describe(piece.window(first, ENDS)) for first in (0, len(piece.bars) - ENDS)]
    form = [
        *structureness(piece).values(),
        pitch_class_entropy(piece, 1),
        pitch_class_entropy(piece, 4),
        grooving_similarity(piece),
        chord_irregularity(piece),
        float(ends_on_tonic(piece)),
        float(len(piece.bars)),
    ]
    return np.concatenate([*ends, form])


def matched_rows(made: Sequence[Piece], real: Sequence[Piece]) -> npt.NDArray[np.int64]:
    """For each of ``made`` the index of a real clip like it, no clip twice, all distances together the least.

    Distance: of log tempo, log notes a bar and mode (major less minor correlation), each over its standard deviation in
    ``real``; another meter counts as ``OTHER_METER`` more. Optimal matching: Rosenbaum 1989. There are at least as
    many ``real`` clips as ``made``.
    """
    one, two = (np.array([_setting(piece) for piece in pieces]).reshape(-1, 3) for pieces in (made, real))
    scale = np.maximum(two.std(axis=0), 1e-6)
    distance = np.linalg.norm((one[:, None] - two[None]) / scale, axis=2)
    meters = [np.array([tuple(p.bars[0, 2:].tolist()) for p in pieces]).reshape(-1, 2) for pieces in (made, real)]
    distance += OTHER_METER * (meters[0][:, None] != meters[1][None]).any(axis=2)
    return linear_sum_assignment(distance)[1].astype(np.int64)


def _setting(piece: Piece) -> tuple[float, float, float]:
    found = ms.attributes(piece)
    return np.log(found["tempo_bpm"]), np.log(max(ms.density(piece), 0.1)), found["mode"]


def _hold(line: Floats) -> Floats:
    """Empty places of ``(bars, slots)`` filled with the last value before them."""
    index = np.where(np.isfinite(line), np.arange(line.shape[1]), 0)
    return np.take_along_axis(line, np.maximum.accumulate(index, axis=1), axis=1)


def _first(line: Floats) -> Floats:
    """The first finite value of each row."""
    return np.take_along_axis(line, np.isfinite(line).argmax(1)[:, None], axis=1)[:, 0]


def _cosine(a: Floats, b: Floats) -> Floats:
    found: Floats = (a * b).sum(1) / np.sqrt((a**2).sum(1) * (b**2).sum(1))
    return found


def _shares(classes: npt.NDArray[np.int64], size: int) -> Floats:
    return np.bincount(classes, minlength=size)[:size] / max(1, len(classes))


def _degree(piece: Piece) -> float:
    """How far the last bass note lies above the tonic of the likeliest key, in semitones."""
    if len(piece.notes) == 0:
        return np.nan
    key = likely_key(half_bar_chroma(piece).sum(0)) % 12
    last = piece.notes[piece.notes[:, 0] == piece.notes[:, 0].max(), 2].min()
    return float((last - key) % 12)
