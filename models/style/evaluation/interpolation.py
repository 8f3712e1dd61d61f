"""The way from one clip to another: one style after the other, beside notes that are cross-faded.

The cross-fade takes each note of the one with the probability 1 - share and of the other with share, as MusicVAE's
baseline takes events (Roberts et al. 2018). What is asked of a way: each step is music (in key, bars that belong
together), it goes evenly, without detours, and each step lies between the ends as far along as it was asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from models.experiments.report import Report, mean_over_songs
from models.metrics import music_statistics as ms
from models.metrics.intervals import finite_mean
from models.music.notes import Piece
from models.style.compose import Composer
from models.style.evaluation.clips import Clips, donors_of
from models.style.latents import morphed

STEPS = 5
SHARES = tuple(step / (STEPS + 1) for step in range(1, STEPS + 1))
STATISTICS: dict[str, Callable[[Piece], float]] = {"in_key": ms.in_key, "bar_similarity": ms.bar_similarity}
Floats = npt.NDArray[np.float64]


def cross_fade(one: Piece, other: Piece, share: float, rng: np.random.Generator) -> Piece:
    """Each note of ``one`` with the probability 1 - ``share``, of ``other`` with ``share``; tempo as latents go."""
    notes = np.concatenate([
        one.notes[rng.random(len(one.notes)) >= share], other.notes[rng.random(len(other.notes)) < share]
    ])  # fmt: skip
    tempo = np.exp((1 - share) * np.log(one.tempo_bpm) + share * np.log(other.tempo_bpm))
    return replace(one, notes=notes, tempo_bpm=tempo)


def interpolation(report: Report, composer: Composer, clips: Clips, seed: int) -> None:
    """Adds ``interpolation.*`` over pairs of clips of one meter and eight bars each; ``baseline``: the cross-fade.

    ``in_key``, ``bar_similarity`` of the steps (reference: of the ends); ``detour``: by how many standard deviations an
    attribute goes further than from end to end, mean over attributes; ``largest_step``: the largest step's share of the
    whole way (reference: an even one's); ``place_K``: where step K lies between the ends by its attributes, 0 to 1
    (reference: where it was asked for); ``order``: Spearman of that place with the step's number.
    """
    pairs = [
        (i, int(j)) for i, j in enumerate(donors_of(clips, seed + 51))
        if i != j and (clips.pieces[i].bars.tolist() == clips.pieces[j].bars.tolist())
    ]  # fmt: skip
    if not pairs:  # too few clips: there is nothing to go between
        return
    rng = np.random.default_rng(seed)
    encoded = {k: composer.encode(clips.pieces[k]) for k in sorted({k for pair in pairs for k in pair})}
    steps = [(pair, share, morphed(encoded[pair[0]], encoded[pair[1]], share)) for pair in pairs for share in SHARES]
    ends = [pair[share > 0.5] for pair, share, _ in steps]
    plans = [
        composer.plan(
            domain=clips.domains[end], content=content, styles=styles, seed=seed + pair[0], notes=clips.pieces[end]
        )
        for (pair, _, (content, styles)), end in zip(steps, ends, strict=True)
    ]
    composed = composer.compose(plans)
    faded = [cross_fade(clips.pieces[i], clips.pieces[j], share, rng) for i, j in pairs for share in SHARES]
    spread = np.array([[*ms.attributes(p).values()] for p in clips.pieces]).std(0) + 1e-6
    songs = [clips.songs[i] for i, _ in pairs]
    everyone = np.repeat(songs, STEPS).tolist()
    for key, statistic in STATISTICS.items():
        values, baseline, real = ([statistic(p) for p in pieces] for pieces in (composed, faded, clips.pieces))
        metric = mean_over_songs(everyone, values, baseline=finite_mean(baseline), reference=finite_mean(real))
        report.add(f"interpolation.{key}", metric)
    ours, theirs = (np.array(_ways(clips, pairs, steps, spread)).T for steps in (composed, faded))
    names = {"detour": 0.0, "largest_step": 1 / (STEPS + 1), "order": 1.0}
    names |= {f"place_{k}": share for k, share in enumerate(SHARES, start=1)}
    for (name, reference), values, baseline in zip(names.items(), ours, theirs, strict=True):
        metric = mean_over_songs(songs, values, baseline=finite_mean(baseline), reference=reference)
        report.add(f"interpolation.{name}", metric)


def _ways(clips: Clips, pairs: list[tuple[int, int]], steps: list[Piece], spread: Floats) -> list[list[float]]:
    """Detour, largest step, order and the place of each step, of each pair."""
    found = []
    for row, (i, j) in enumerate(pairs):
        way = [clips.pieces[i], *steps[row * STEPS : (row + 1) * STEPS], clips.pieces[j]]
        path = np.array([[*ms.attributes(p).values()] for p in way]) / spread
        moves = np.abs(np.diff(path, axis=0))
        detour = float((moves.sum(0) - np.abs(path[-1] - path[0])).mean())
        lengths = np.linalg.norm(moves, axis=1)
        near, far = (np.linalg.norm(path[1:-1] - end, axis=1) for end in (path[0], path[-1]))
        place = near / np.maximum(1e-9, near + far)
        order = float(np.corrcoef(place.argsort().argsort(), np.arange(STEPS))[0, 1])
        found.append([detour, float(lengths.max() / max(1e-9, lengths.sum())), order, *place.tolist()])
    return found
