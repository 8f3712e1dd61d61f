"""Is it played as people play? ``python -m models.evaluate.performance [--data DIR] [--model PATH] [--limit N]``.

On songs that the model was not trained on: a classifier tells a pianist's timing, dynamics and articulation from the
model's, from the score as written (deadpan) and from random jitter of the same spread. Then how far each of these
lies from the pianists in how late notes are, how chords are spread, loudness, tempo changes and lengths; the baseline
is one half of the songs beside the other. Prints a table and, as its last line, one JSON object.

The same excerpts, the same notes, played four ways: as the pianist did, as the model does from the score alone,
deadpan (the score as written), and with independent normal deviations as widely spread as the pianists'. The
two-sample classifier sees what was played, never which notes. Pop1K7 was transcribed in frames of 32 ms, on which all
its onsets lie: the others are heard through such frames, too, or a classifier would tell the transcriber.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.stats import wasserstein_distance

from models.experiments.arguments import exit_on_error, exit_without_music, positive_int
from models.experiments.provenance import data_hash
from models.experiments.report import Metric, Report, mean_over_songs, over_songs
from models.metrics.intervals import finite_mean
from models.metrics.two_sample import FOLDS, rightly_named
from models.music.corpora import CORPORA, corpora_folder
from models.music.notes import TICKS_PER_QUARTER, MusicError, Piece
from models.style.performance.player import SHIPPED, Player, load_performance_model
from models.style.performance.score import (
    MOST_LENGTH,
    MOST_SECONDS,
    MOST_TEMPO,
    Played,
    Score,
    bars_of,
    read_score,
    seconds_of_ticks,
)
from models.style.performance.training import PERFORMED, Example, performed_songs

Floats = npt.NDArray[np.float64]

BARS, WINDOWS = 16, 3  # of an excerpt, and excerpts of a song
FRAME_SECONDS = 0.032
LEAST_NOTES = 32
REACH = 0.65
QUANTILES = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)
METHODS = {"two_sample": "ours", "deadpan": "deadpan", "jitter": "jitter", "without_dynamics": "without_dynamics"}


@dataclass(frozen=True)
class Excerpt:
    """So many bars of a song: their score, and how a pianist played them."""

    song: str
    piece: Piece
    score: Score
    played: Played


def excerpts(examples: Sequence[Example]) -> list[Excerpt]:
    """Up to ``WINDOWS`` from each song, spread over it; its first bar, before which nobody kept time, is left out."""
    found = []
    for example in examples:
        order = read_score(example.piece).order
        room = len(example.piece.bars) - 1 - BARS
        starts = np.unique(np.linspace(1, 1 + room, WINDOWS).astype(int)).tolist() if room >= 0 else []
        for first in starts:
            piece = example.piece.window(first, BARS)
            if len(piece.notes) < LEAST_NOTES:
                continue
            bar = bars_of(example.piece, example.piece.notes[order, 0])
            mine = (bar >= first) & (bar < first + BARS)
            played = example.played
            found.append(
                Excerpt(
                    example.piece.piece_id,
                    piece,
                    read_score(piece),
                    Played(
                        played.tempo[first : first + BARS],
                        played.late_s[mine],
                        played.velocity[mine],
                        played.length[mine],
                    ),
                )
            )
    return found


def ways(of: Sequence[Excerpt], player: Player, seed: int) -> dict[str, list[Played]]:
    """The excerpts as played by each method."""
    spread = {
        name: float(np.concatenate([getattr(each.played, name) for each in of]).std())
        for name in ("tempo", "late_s", "length")
    }
    loud = float(np.concatenate([each.played.velocity - _told(each) for each in of]).std())
    found: dict[str, list[Played]] = {name: [] for name in METHODS.values()}
    for place, each in enumerate(of):
        rng = np.random.default_rng([seed, place])
        found["ours"].append(player.play(each.score, rng.random((len(each.score.order), 4, 2))))
        muted = read_score(each.piece, dynamics=False)
        found["without_dynamics"].append(player.play(muted, rng.random((len(muted.order), 4, 2))))
        told, notes = _told(each), len(each.played.late_s)
        flat = Played(np.zeros(len(each.played.tempo)), np.zeros(notes), told, np.zeros(notes))
        found["deadpan"].append(flat)

        def noise(name: str, count: int, most: float, rng: np.random.Generator = rng) -> Floats:
            drawn: Floats = np.clip(rng.normal(0, spread[name], count), -most, most)
            return drawn

        found["jitter"].append(
            replace(
                flat,
                tempo=noise("tempo", len(each.played.tempo), MOST_TEMPO),
                late_s=noise("late_s", notes, MOST_SECONDS),
                velocity=np.clip(flat.velocity + rng.normal(0, loud, notes), 1, 127),
                length=noise("length", notes, MOST_LENGTH),
            )
        )
    for place, each in enumerate(of):
        phase = np.random.default_rng([seed, place, 1]).uniform(0, FRAME_SECONDS)
        for method in found.values():
            method[place] = in_frames(each, method[place], phase)
    return found


def in_frames(excerpt: Excerpt, played: Played, phase: float) -> Played:
    """As the transcriber would have heard it, whose first frame begins at ``phase`` seconds."""
    piece, score = excerpt.piece, excerpt.score
    tempo = score.base_tempo_bpm * np.exp(played.tempo)
    bars_s = np.concatenate([[0.0], np.cumsum(piece.bars[:, 1] / TICKS_PER_QUARTER * 60.0 / tempo)])
    onset, duration = piece.notes[score.order, :2].T
    start = seconds_of_ticks(piece, bars_s, onset)
    lasts = seconds_of_ticks(piece, bars_s, onset + duration) - start

    def heard(seconds: Floats) -> Floats:
        found: Floats = np.round((seconds - phase) / FRAME_SECONDS) * FRAME_SECONDS + phase
        return found

    began = heard(start + played.late_s)
    ended = heard(start + played.late_s + lasts * np.exp(played.length))
    length = np.log(np.maximum(ended - began, 0.01) / np.maximum(lasts, 0.01))
    return replace(played, late_s=began - start, length=np.clip(length, -MOST_LENGTH, MOST_LENGTH))


def _told(excerpt: Excerpt) -> Floats:
    told: Floats = excerpt.piece.notes[excerpt.score.order, 3].astype(np.float64)
    return told


def describe(excerpt: Excerpt, played: Played) -> Floats:
    """What a classifier sees of one way to play an excerpt; not-a-number where there is nothing to tell."""
    score = excerpt.score
    notes = excerpt.piece.notes[score.order].astype(np.float64)
    group = np.cumsum(score.first) - 1
    heads = np.flatnonzero(score.first)
    top = score.first
    late, loud, length = played.late_s, np.rint(played.velocity), played.length
    head = late[heads]
    apart = (late - head[group])[~top]
    beat = notes[heads, 0] % TICKS_PER_QUARTER
    tempo = np.repeat(60.0, len(score.bar)) / (score.base_tempo_bpm * np.exp(played.tempo))[score.bar]
    gap = np.diff(notes[heads, 0]) / TICKS_PER_QUARTER * tempo[heads[1:]]
    between = np.log(np.maximum(gap + np.diff(head), 0.01) / np.maximum(gap, 0.01))
    melody = loud[heads]
    below = np.array([finite_mean(loud[(group == g) & ~top]) for g in range(len(heads))])
    bars = played.tempo
    with np.errstate(invalid="ignore", divide="ignore"):
        found = [
            *_spread(bars), *_moves(bars), finite_mean(np.abs(np.diff(bars))),
            *_spread(late), *_moves(head), *(finite_mean(head[beat == at]) for at in (0, 6, 12, 18)),
            *(finite_mean(np.abs(head[beat == at])) for at in (0, 6, 12, 18)),
            *_spread(apart), finite_mean(np.abs(apart)), finite_mean(apart == 0), *_moves(between), *_spread(between),
            *_spread(loud), *_moves(melody), finite_mean(melody - below), float(np.nanstd(melody - below)),
            *(np.bincount(loud.astype(int) % 4, minlength=4) / len(loud)),
            *_spread(loud - _told(excerpt)), *_moves(loud - _told(excerpt)),
            *_spread(length), *_moves(length), *_spread(length[top]),
            finite_mean(length[top]) - finite_mean(length[~top]),
            _correlation(loud, notes[:, 2]), _correlation(late, notes[:, 2]), _correlation(late, loud),
            _correlation(length, late), _correlation(length, np.log(notes[:, 1])), _correlation(length, loud),
            _correlation(np.abs(late), np.log(notes[:, 1])), _correlation(melody[1:], between),
        ]  # fmt: skip
    return np.array(found, dtype=np.float64)


def _spread(values: Floats) -> list[float]:
    if len(values) == 0:
        return [np.nan] * (len(QUANTILES) + 1)
    return [*np.quantile(values, QUANTILES).tolist(), float(values.std())]


def _moves(values: Floats) -> list[float]:
    """How a series goes on: its steps, and its correlation with itself one, two and four places on."""
    steps = np.diff(values)
    size = float(steps.std()) if len(steps) else np.nan
    return [size, *(_correlation(values[lag:], values[:-lag]) for lag in (1, 2, 4))]


def _correlation(one: Floats, two: Floats) -> float:
    if len(one) < 3 or one.std() < 1e-9 or two.std() < 1e-9:
        return np.nan
    return float(np.corrcoef(one, two)[0, 1])


def told_apart(of: Sequence[Excerpt], other: Sequence[Played]) -> Floats:
    """For each excerpt as the pianist played it, then for each of ``other``: 1 where the classifier is right.

    Folds divide songs, so both ways of playing an excerpt are in one of them.
    """
    features = np.stack([*(describe(each, each.played) for each in of), *map(describe, of, other)])
    return rightly_named(features, np.repeat([0, 1], len(of)), [each.song for each in of] * 2)


ASPECTS: Mapping[str, Callable[[Excerpt, Played], Floats]] = {
    "late_ms": lambda _, played: 1000 * played.late_s,
    "chord_ms": lambda each, played: 1000 * _chord(each, played),
    "velocity": lambda _, played: played.velocity,
    "tempo_change": lambda _, played: np.abs(np.diff(played.tempo)),
    "length": lambda _, played: played.length,
}


def _chord(excerpt: Excerpt, played: Played) -> Floats:
    """How far after a chord's highest note the others sound."""
    head = played.late_s[np.flatnonzero(excerpt.score.first)]
    found: Floats = (played.late_s - head[np.cumsum(excerpt.score.first) - 1])[~excerpt.score.first]
    return found


def distance(one: Sequence[Floats], two: Sequence[Floats], songs: Sequence[str], baseline: float | None) -> Metric:
    """How far (Wasserstein, in the values' own unit) the values of two ways to play lie apart, over all excerpts."""

    def between(rows: npt.NDArray[np.int64]) -> float:
        return float(
            wasserstein_distance(np.concatenate([one[i] for i in rows]), np.concatenate([two[i] for i in rows]))
        )

    return over_songs(songs, between, draws=100, baseline=baseline)


def evaluate(report: Report, examples: Sequence[Example], player: Player) -> None:
    """Add ``performance.*``; raises ``MusicError`` where no song is long enough."""
    of = excerpts(examples)
    if not of:
        raise MusicError(f"none of {len(examples)} songs has {BARS + 1} bars")
    songs = [each.song for each in of]
    played = ways(of, player, report.seed)
    for name, method in METHODS.items():
        reach = REACH if method == "ours" else None
        metric = Metric(None, chance=0.5, reference=reach)
        if len(set(songs)) >= 2 * FOLDS:
            metric = mean_over_songs(songs * 2, told_apart(of, played[method]), chance=0.5, reference=reach)
        report.add(f"performance.{name}", metric)
    half = np.unique(songs, return_inverse=True)[1] % 2
    for aspect, value in ASPECTS.items():
        if len(set(songs)) < 2:  # which has no other to differ from
            for method in played:
                report.add(f"performance.{aspect}.{method}", Metric(None))
            continue
        real = [value(each, each.played) for each in of]
        parts = [np.concatenate([values for values, side in zip(real, half, strict=True) if side == s]) for s in (0, 1)]
        between = float(wasserstein_distance(*parts))
        for method, given in played.items():
            made = [value(each, other) for each, other in zip(of, given, strict=True)]
            report.add(f"performance.{aspect}.{method}", distance(real, made, songs, between))


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.performance", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of the corpora, or of performed MIDI files, all test data")
    parser.add_argument("--model", default=SHIPPED, help="a shipped model, or OUT/bundle of a run of one's own")
    parser.add_argument("--limit", type=positive_int, default=1000, help="songs")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(argv)
    with exit_on_error():
        bundle = load_performance_model(given.model)
    folder = given.data or corpora_folder()
    with exit_without_music():
        if folder is None:
            raise MusicError("KALLOS_CORPORA names no folder with Pop1K7; give --data with performed MIDI files")
        os.environ["KALLOS_CORPORA"] = str(folder)
        parts = performed_songs(folder)
        examples = (
            parts["test"]
            if any(CORPORA[PERFORMED].files())
            else [example for part in parts.values() for example in part]
        )
        examples = examples[: given.limit]
        about = {"hash": data_hash([each.piece for each in examples]), "n": len(examples)}
        model = {"version": bundle.version, "sha256": bundle.card["sha256"]["performance"]}
        report = Report("evaluate.performance", about, model, given.seed)
        evaluate(report, examples, bundle.player)
    report.print()


if __name__ == "__main__":
    main()
