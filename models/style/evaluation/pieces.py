"""Generated music beside held-out real music of one domain, and the rivals: every figure of ``models.evaluate.pieces``.

A measure of a clip is an amount and what it is divided by, such as bits and notes; a figure is the sum of the one over
the sum of the other, with an interval over songs.

A rival is a function from domain, count, bars and seed to pieces. ``CopyBot`` joins bars of real music, each following
a bar of the same chord where it was found. It has no idea of its own, and whatever single bars are judged by, it
passes. What it lacks is what a piece is made of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

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
    sample_melody,
)
from models.metrics.two_sample import FOLDS, describe, describe_whole, matched_rows, two_sample_test
from models.metrics.voice_leading import ends_in_cadence, voice_leading
from models.music.folder import read_folder
from models.music.keys import QUALITIES, ROOTS, bar_chroma, likely_key, with_chords
from models.music.midi import without_overlaps
from models.music.notes import DOMAINS, TICKS_PER_QUARTER, Domain, IntArray, MusicError, Piece, skyline
from models.music.tokens import bar_ticks
from models.style.compose import Composer
from models.style.evaluation.clips import BATCH, Excerpts, excerpt, starts_of
from models.style.fingerprint import LONGEST_COPY_BARS, Fingerprint, melodies, two_bar_melodies
from models.style.latents import BARS
from models.style.pieces.sampling import Writer

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
    found = rightly_told(real, made, describe_whole if whole else describe)
    if found is None:
        return Metric(None, n=0, chance=0.5, reference=REACH_TWO_SAMPLE)
    return mean_over_songs(*found, chance=0.5, reference=REACH_TWO_SAMPLE)


def rightly_told(
    real: Excerpts, made: Excerpts, features_of: Callable[[Piece], npt.NDArray[np.float64]] = describe
) -> tuple[list[str], npt.NDArray[np.float64]] | None:
    """The songs of as many clips of either, and 1 for each that the classifier names rightly; None for few songs."""
    count = min(len(real.pieces), len(made.pieces))
    ones, others = (each.some(np.arange(count)) for each in (real, made))
    if min(len(set(ones.songs)), len(set(others.songs))) < 2 * FOLDS:
        return None
    songs = [*ones.songs, *others.songs]
    return songs, two_sample_test(ones.pieces, others.pieces, songs, features_of)


Place = tuple[int, int]  # a piece and a bar in it
Context = tuple[int, int, bool, str]  # meter, whether major, the chord in the key: "N" or degree and quality


class CopyBot:
    """Bars of real pieces by the chord before them, ready to be joined.

    Args:
        pieces: regular pieces with bars of known length.
    """

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = [with_chords(piece) for piece in pieces]
        self.keys = [likely_key(bar_chroma(piece, 0).sum(axis=0)) for piece in pieces]
        self.edges = [np.searchsorted(p.notes[:, 0], np.append(p.bars[:, 0], p.end_tick)) for p in pieces]
        self.following: dict[Context, list[Place]] = defaultdict(list)
        for number, piece in enumerate(pieces):
            for bar in range(1, len(piece.bars)):
                whole = piece.bars[bar, 1] == bar_ticks(*piece.bars[bar, 2:].tolist())
                if whole and (piece.bars[bar, 1:] == piece.bars[bar - 1, 1:]).all():
                    self.following[self._context((number, bar - 1))].append((number, bar))

    def compose(self, setting: int, start: int, bars: int, rng: np.random.Generator) -> Piece:
        """``bars`` bars in meter, key and tempo of a piece, beginning with its bar ``start``.

        Each further bar followed a bar with the present chord in another piece of this meter and mode, where there is
        one; without any the bar after the present one.
        """
        here: Place = (setting, start)
        length = int(self.pieces[setting].bars[start, 1])
        rows = [self._notes(here, setting)]
        for bar in range(1, bars):
            places = self.following[self._context(here)]
            others = [place for place in places if place[0] != here[0]] or places
            if not others:
                break
            here = others[rng.integers(len(others))]
            rows.append(self._notes(here, setting) + np.array([bar * length, 0, 0, 0], dtype=np.int32))
        like = self.pieces[setting].window(start, 1)
        table = np.repeat(like.bars, len(rows), axis=0)
        table[:, 0] = np.arange(len(rows)) * length
        return replace(
            like,
            notes=without_overlaps(np.concatenate(rows)),
            bars=table,
            tempo_bpm=np.repeat(like.tempo_bpm, len(rows)),
            chords=(),
            titles=(),
            source="copy_bot",
            piece_id="",
        )

    def _context(self, place: Place) -> Context:
        number, bar = place
        piece, key = self.pieces[number], self.keys[number]
        root, _, quality = piece.chords[bar].partition(":")
        chord = f"{(ROOTS.index(root) - key) % 12}:{quality}" if quality in QUALITIES else "N"
        return (int(piece.bars[bar, 2]), int(piece.bars[bar, 3]), key < 12, chord)

    def _notes(self, place: Place, setting: int) -> IntArray:
        """Notes that begin in a bar, from its start, in the key of the setting's piece, by the smaller way there."""
        number, bar = place
        piece, edges = self.pieces[number], self.edges[number]
        notes: IntArray = piece.notes[edges[bar] : edges[bar + 1]].copy()
        notes[:, 0] -= piece.bars[bar, 0]
        notes[:, 2] += (self.keys[setting] - self.keys[number] + 6) % 12 - 6
        return notes


Compose = Callable[[Domain, int, int | None, int], list[Piece]]
"""``compose(domain, count, bars, seed)``: pieces of ``bars`` bars, whole pieces where that is None.

It gives none where it can't answer, and fewer than ``count`` where it has no more.
"""


def flow(composer: Composer) -> Compose:
    """Draws from the prior of a style model, which are eight bars long."""

    def compose(domain: Domain, count: int, bars: int | None, seed: int) -> list[Piece]:
        made: list[Piece] = []
        first = seed * 1_000_000 + DOMAINS.index(domain) * 100_000
        for start in range(0, count if bars == BARS else 0, BATCH):
            seeds = range(first + start, first + min(start + BATCH, count))
            made += composer.compose([composer.plan(domain=domain, content=None, styles={}, seed=s) for s in seeds])
        return made

    return compose


def written(writer: Writer) -> Compose:
    """What the piece model writes: excerpts, as the page plays them, or pieces that it ends."""

    def compose(domain: Domain, count: int, bars: int | None, seed: int) -> list[Piece]:
        if bars is None:
            return writer.compose(domain, count=count, bars=None, seed=seed)
        seeds = [(seed, number) for number in range(count)]
        return writer.excerpts(domain, seeds, bars, writer.places(domain, seeds, bars))

    return compose


def copy_bot(training: Sequence[Piece]) -> Compose:
    """Real bars of regular ``training`` pieces joined by chord; whole pieces are as long as real ones."""

    def compose(domain: Domain, count: int, bars: int | None, seed: int) -> list[Piece]:
        bot, rng, made = CopyBot(_of(domain, training)), np.random.default_rng(seed), []
        for number, start in _settings(bot.pieces, bars, count, rng):
            made.append(bot.compose(number, start, len(excerpt(bot.pieces[number], start, bars).bars), rng))
        return made

    return compose


def ngram(model: NGram, training: Sequence[Piece]) -> Compose:
    """Melodies from an n-gram model in the bars of regular ``training`` pieces; it knows one voice: dance tunes."""

    def compose(domain: Domain, count: int, bars: int | None, seed: int) -> list[Piece]:
        pieces, rng = _of("dance", training) if domain == "dance" else [], np.random.default_rng(seed)
        settings = _settings(pieces, bars, count, rng)
        return [sample_melody(model, excerpt(pieces[number], start, bars), rng) for number, start in settings]

    return compose


def files(folder: Path) -> Compose:
    """The music files in a domain's folder below ``folder``, in the order of their names; none where there is none."""

    def compose(domain: Domain, count: int, bars: int | None, seed: int) -> list[Piece]:  # noqa: ARG001 (as they are)
        try:
            pieces = read_folder(folder / domain).pieces
        except MusicError:
            return []
        return [replace(piece, domain=domain) for piece in pieces[:count]]

    return compose


def _of(domain: Domain, pieces: Sequence[Piece]) -> list[Piece]:
    return [piece for piece in pieces if piece.domain == domain]


def _settings(pieces: Sequence[Piece], bars: int | None, count: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """``count`` random pieces, again where there are fewer, each with a bar at which an excerpt of it may begin."""
    able = [number for number, piece in enumerate(pieces) if starts_of(piece, bars) and len(piece.notes)]
    if not able:
        return []
    drawn = [able[i] for i in rng.choice(len(able), size=count, replace=count > len(able))]
    return [(number, int(rng.choice(starts_of(pieces[number], bars)))) for number in drawn]
