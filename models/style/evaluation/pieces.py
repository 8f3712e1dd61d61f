"""Generated music beside held-out real music of one domain: every figure of ``models.evaluate.pieces``.

A measure of a clip is an amount and what it is divided by, such as bits and notes; a figure is the sum of the one over
the sum of the other, with an interval over songs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.experiments.report import Metric, Report, mean_over_songs, ratio_over_songs
from models.metrics import music_statistics as ms
from models.metrics import structure
from models.metrics.idiom import (
    CHORD_SYMBOLS,
    MELODY_SYMBOLS,
    Ints,
    NGram,
    chord_symbols,
    lowest_line,
    melody_symbols,
)
from models.metrics.two_sample import FOLDS, describe, describe_whole, matched_rows, two_sample_test
from models.metrics.voice_leading import ends_in_cadence, voice_leading
from models.music.notes import TICKS_PER_QUARTER, Domain, Piece, skyline
from models.style.evaluation.excerpts import Excerpts
from models.style.fingerprint import LONGEST_COPY_BARS, Fingerprint, melodies, two_bar_melodies

Amounts = dict[str, tuple[float, float]]  # measure: amount, and what it is divided by
REAL = "real"
LEAST_IN_A_BAR = 5  # notes; emptier bars are everybody's
REACH: Mapping[tuple[Domain, str], float] = {
    ("chorale", "parallels"): 0.06,
    ("chorale", "dissonant_beats"): 0.24,
}
REACH_TWO_SAMPLE = 0.6


@dataclass(frozen=True)
class Judges:
    """What is fitted to the training part of a domain: idiom of the melody, the bass and the chords, what is known."""

    domain: Domain
    melody: NGram
    bass: NGram
    chords: NGram
    known: Fingerprint
    known_bars: frozenset[bytes]

    @classmethod
    def fit(cls, domain: Domain, training: Sequence[Piece]) -> Judges:
        """Judges of regular pieces of one domain."""
        return cls(
            domain,
            NGram.fit((melody_symbols(skyline(piece)) for piece in training), MELODY_SYMBOLS),
            NGram.fit((melody_symbols(lowest_line(piece)) for piece in training), MELODY_SYMBOLS),
            NGram.fit((progression(piece, domain) for piece in training), CHORD_SYMBOLS),
            Fingerprint.of(training),
            frozenset(key for piece in training for _, key in melodies(piece, 1, LEAST_IN_A_BAR)),
        )


def progression(piece: Piece, domain: Domain) -> Ints:
    """The chords of a piece as symbols: a chord a quarter in chorales, a chord a bar elsewhere."""
    return chord_symbols(piece, TICKS_PER_QUARTER if domain == "chorale" else None)


def measures(piece: Piece, judges: Judges) -> Amounts:
    """All measures of one excerpt."""
    found: Amounts = {"idiom_bits": _bits(judges.melody, melody_symbols(skyline(piece)))}
    if judges.domain != "dance":  # which has one voice
        found["bass_bits"] = _bits(judges.bass, melody_symbols(lowest_line(piece)))
    found["chord_bits"] = _bits(judges.chords, progression(piece, judges.domain))
    figures = {
        "steps": structure.steps(piece),
        "leap": ms.leap(piece),
        "repeats": ms.repeats(piece),
        **structure.structureness(piece),
        "pitch_entropy_1": structure.pitch_class_entropy(piece, 1),
        "pitch_entropy_4": structure.pitch_class_entropy(piece, 4),
        "grooving": structure.grooving_similarity(piece),
        "chord_irregularity": structure.chord_irregularity(piece),
        "ends_on_tonic": float(structure.ends_on_tonic(piece)),
        "copied": float(judges.known.copied_bars(piece) > LONGEST_COPY_BARS),
    }
    found |= {name: (value, 1.0) if np.isfinite(value) else (0.0, 0.0) for name, value in figures.items()}
    for name, known, keys in (
        ("copied_bars", judges.known_bars, melodies(piece, 1, LEAST_IN_A_BAR)),
        ("copied_two_bars", judges.known, two_bar_melodies(piece)),
    ):
        found[name] = (sum(key in known for _, key in keys), len(keys))
    return found | (_four_parts(piece) if judges.domain == "chorale" else {})


def _bits(model: NGram, symbols: Ints) -> tuple[float, float]:
    return float(model.bits(symbols).sum()), float(len(symbols))


def _four_parts(piece: Piece) -> Amounts:
    found = voice_leading(piece)
    beats = piece.end_tick // TICKS_PER_QUARTER
    return {
        "parallels": (found.parallels, found.changes),
        "hidden": (found.hidden, found.changes),
        "unprepared": (found.unprepared, found.changes),
        "crossings": (found.crossings, found.onsets),
        "dissonant_beats": (found.dissonant, found.beats),
        "four_voices": (found.four, beats),
        "outside_range": (found.outside, 4 * found.four),
        "cadence": (float(ends_in_cadence(piece)), 1.0),
    }


def compare(
    report: Report, judges: Judges, real: Excerpts, methods: Mapping[str, Excerpts], *, limit: int, whole: bool
) -> None:
    """Add ``pieces.DOMAIN.MEASURE.METHOD`` for ``real`` and every method, which stand beside real.

    The first ``limit`` of ``real`` are what is measured; matched clips are sought among all.
    """
    shown = real.some(np.arange(min(limit, len(real.pieces))))
    found = {
        name: [measures(piece, judges) for piece in excerpts.pieces]
        for name, excerpts in ((REAL, shown), *methods.items())
    }
    keys = list(found[REAL][0]) if found[REAL] else []
    for key in keys:
        baseline = None
        for name, rows in found.items():
            songs = (shown if name == REAL else methods[name]).songs
            told = [place for place, row in enumerate(rows) if row[key][1] > 0]
            amounts, numbers = ([rows[place][key][part] for place in told] for part in range(2))
            metric = ratio_over_songs(
                [songs[place] for place in told],
                amounts,
                numbers,
                baseline=baseline,
                reference=REACH.get((judges.domain, key)),
            )
            report.add(f"pieces.{judges.domain}.{key}.{name}", metric)
            baseline = metric.value if name == REAL else baseline
    for name, excerpts in ((REAL, real), *methods.items()):
        thrown = [float(bad) for bad in excerpts.thrown_away]
        songs = [str(number) for number in range(len(thrown))]
        report.add(f"pieces.{judges.domain}.thrown_away.{name}", mean_over_songs(songs, thrown))
    for name, metric in classified(real, methods, limit=limit, whole=whole).items():
        report.add(f"pieces.{judges.domain}.{name}", metric)


def classified(real: Excerpts, methods: Mapping[str, Excerpts], *, limit: int, whole: bool) -> dict[str, Metric]:
    """``two_sample.METHOD`` and ``two_sample_matched.METHOD``: how often a classifier tells a method's clips from real.

    For real clips one half of the songs stands beside the other: what the classifier finds where there is nothing.
    """
    halves = np.unique(real.songs, return_inverse=True)[1] % 2
    ones, others = (real.some(np.flatnonzero(halves == half)[:limit]) for half in (0, 1))
    return {
        f"two_sample.{REAL}": told_apart(ones, others, whole=whole),
        **{f"two_sample.{name}": told_apart(real, made, whole=whole) for name, made in methods.items()},
        **{
            f"two_sample_matched.{name}": told_apart(matched(real, made), made, whole=whole)
            for name, made in methods.items()
        },
    }


def matched(real: Excerpts, made: Excerpts) -> Excerpts:
    """The real clips most like those of ``made`` in meter, tempo, notes a bar and mode, one each."""
    count = min(len(real.pieces), len(made.pieces))
    return real.some(matched_rows(made.pieces[:count], real.pieces)) if count else real.some([])


def told_apart(real: Excerpts, made: Excerpts, *, whole: bool) -> Metric:
    """Share of clips that the two-sample classifier names rightly, as many of the one as of the other."""
    count = min(len(real.pieces), len(made.pieces))
    ones, others = (each.some(np.arange(count)) for each in (real, made))
    if min(len(set(ones.songs)), len(set(others.songs))) < 2 * FOLDS:
        return Metric(None, n=0, chance=0.5, reference=REACH_TWO_SAMPLE)
    songs = [*ones.songs, *others.songs]
    right = two_sample_test(ones.pieces, others.pieces, songs, describe_whole if whole else describe)
    return mean_over_songs(songs, right, chance=0.5, reference=REACH_TWO_SAMPLE)
