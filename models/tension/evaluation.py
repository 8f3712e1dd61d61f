"""What the score knows without a label: real music above the same music spoiled, and what people like.

Every figure of ``models.evaluate.tension``. Excerpts of real music are so many bars from where a phrase may begin. They
are spoiled in three ways: bars shuffled, melody notes jittered, the second half from another piece.

Two rivals need no training on states. After IDyOM (Pearce 2005) a melody's surprise comes from two n-gram models, mixed
note by note: what was learned in the long term and what this piece has taught so far. Symbols are pairs of interval and
time to the next onset (``models.metrics.idiom``).

The other is tonal tension in the spiral array. Pitch classes lie on a helix by fifths; chords and keys are points
within it (Chew 2000). Of each half bar: the cloud's diameter, its momentum (how far its centre moved) and its tensile
strain (how far it is from the key) (Herremans & Chew 2016, "Tension ribbons"). Distances are in units of the helix's
radius. Notes are spelled by the nearest fifths of the key that fits the whole piece best.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from rich.progress import track

from models.experiments.report import Metric, Report, over_songs
from models.metrics.idiom import MELODY_SYMBOLS, NGram, melody_symbols
from models.metrics.intervals import FEW, NORMAL_95
from models.music.keys import half_bar_chroma, likely_key
from models.music.notes import DOMAINS, Domain, MusicError, Piece, in_melody, skyline
from models.music.tokens import LOWEST_PITCH, PITCHES
from models.style.evaluation.clips import Excerpts, real_excerpts, regular
from models.taste.evaluation.heads import FURTHER
from models.taste.evaluation.study import DRAWS, Pairs, Resampling, Study, accuracy_of
from models.tension.score import Ears, Measured, TensionBundle, score

Floats = npt.NDArray[np.float64]

EXCERPT_BARS = {"pop": 16, "dance": 16, "chorale": 8}

JITTERED, FARTHEST = 0.3, 3  # share of the notes of the top line, and semitones that these move

ORDER = 3  # symbols together in the piece's own model

RISE = np.sqrt(2 / 15)  # of the helix for a fifth, in radii
CENTRE_WEIGHTS = np.array(
    [0.536, 0.274, 0.19]
)  # of root, fifth and third in a chord, and of tonic, dominant and subdominant
MAJOR_DOMINANT, MINOR_SUBDOMINANT = 0.75, 0.75  # shares of these chords in a minor key
FIFTHS = np.array([((7 * pc + 5) % 12) - 5 for pc in range(12)])  # of pitch classes above the tonic: -5 to 6

ALTERATIONS = ("shuffled", "jittered", "swapped")
REWARDS = ("future", "past", "both")
RIVALS = ("ngram", "spiral")
REACH = 0.9
POWER = NORMAL_95 + 0.8416212335729143  # of standard errors: found at 95 % in four of five repetitions
# Effects of standardised surprise, uncertainty and their product on pleasure in 39 listeners (Cheung et al. 2019)
CHEUNG = {"surprise": -0.33, "uncertainty": -0.14, "product": -0.12}


def excerpts(pieces: Sequence[Piece], domain: str, *, limit: int, seed: int) -> Excerpts:
    """Up to ``limit`` excerpts of a domain, as few a piece as possible."""
    own = regular(piece for piece in pieces if piece.domain == domain)
    return real_excerpts(own, EXCERPT_BARS[domain], limit, seed)


def measured(ears: Ears, pieces: Sequence[Piece], domain: Domain | str, *, limit: int, seed: int) -> list[Measured]:
    """What is measured on them; those that can't be heard are left out."""
    found = []
    for piece in excerpts(pieces, str(domain), limit=limit, seed=seed).pieces:
        try:
            found.append(ears.measure(piece))
        except MusicError:
            continue
    return found


def shuffled(piece: Piece, rng: np.random.Generator) -> Piece:
    """The bars in another order; a pickup stays where it is."""
    first = 1 if piece.has_pickup else 0
    order = np.arange(len(piece.bars))
    while len(piece.bars) - first > 1 and (order == np.arange(len(order))).all():
        order[first:] = rng.permutation(order[first:])
    return _of_bars([piece.window(int(bar), 1) for bar in order], piece)


def jittered(piece: Piece, rng: np.random.Generator) -> Piece:
    """Some notes of the top line up to three semitones higher or lower."""
    melody = np.flatnonzero(in_melody(piece))
    chosen = rng.choice(melody, max(1, round(JITTERED * len(melody))), replace=False)
    notes = piece.notes.copy()
    by = rng.integers(1, FARTHEST + 1, len(chosen)) * rng.choice([-1, 1], len(chosen))
    notes[chosen, 2] = np.clip(notes[chosen, 2] + by, LOWEST_PITCH, LOWEST_PITCH + PITCHES - 1)
    return replace(piece, notes=notes, chords=())


def of_another_song(real: Excerpts, index: int) -> Piece:
    """The next excerpt that is of another song than the one at ``index``."""
    turns = (other % len(real.pieces) for other in range(index + 1, index + len(real.pieces)))
    return real.pieces[next(other for other in turns if real.songs[other] != real.songs[index])]


def swapped(piece: Piece, other: Piece) -> Piece:
    """The first half of one and the second half of another."""
    half, of_other = len(piece.bars) // 2, len(other.bars) // 2
    return _of_bars(
        [piece.window(0, half), other.window(of_other, min(len(other.bars) - of_other, len(piece.bars) - half))], piece
    )


def _of_bars(parts: list[Piece], like: Piece) -> Piece:
    """Parts behind each other."""
    notes, bars, tempo, at = [], [], [], 0
    for part in parts:
        moved, own = part.notes.copy(), part.bars.copy()
        moved[:, 0] += at
        own[:, 0] += at
        at += part.end_tick
        notes.append(moved)
        bars.append(own)
        tempo.append(part.tempo_bpm)
    if not sum(map(len, notes)):
        raise MusicError("the piece has no note")
    return replace(
        like, notes=np.concatenate(notes), bars=np.concatenate(bars), tempo_bpm=np.concatenate(tempo), chords=()
    )


class Melodies:
    """The long-term model, of the top lines of ``pieces``."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self.long_term = NGram.fit((melody_symbols(skyline(piece)) for piece in pieces), MELODY_SYMBOLS)

    def surprise(self, piece: Piece) -> Floats:
        """Bits of each note of the top line but the first two, by both models alike ``(notes - 2,)``."""
        symbols = melody_symbols(skyline(piece))
        long_term = 2.0 ** -self.long_term.bits(symbols)
        found: Floats = -np.log2((long_term + own_chances(symbols.tolist(), long_term)) / 2)
        return found


def own_chances(symbols: Sequence[int], without: Floats) -> Floats:
    """How likely each symbol is by what the piece has taught before it, else as likely as ``without`` that ``(n,)``."""
    counts: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    found = np.array(without, dtype=np.float64)
    for index, symbol in enumerate(symbols):
        for length in range(ORDER):
            if length > index:
                break
            seen = counts[tuple(symbols[index - length : index])]
            total, types = seen.total(), len(seen)
            if total:
                found[index] = (seen[symbol] + types * found[index]) / (total + types)
            seen[symbol] += 1
    return found


def helix_point(fifths: npt.ArrayLike) -> Floats:
    """Where notes so many fifths above the tonic lie, ``(..., 3)``."""
    k = np.asarray(fifths, dtype=np.float64)
    return np.stack([np.sin(k * np.pi / 2), np.cos(k * np.pi / 2), k * RISE], axis=-1)


def chord_centre(root: int, *, minor: bool) -> Floats:
    """The centre of a triad whose root is so many fifths above the tonic ``(3,)``."""
    centre: Floats = CENTRE_WEIGHTS @ helix_point([root, root + 1, root - 3 if minor else root + 4])
    return centre


def key_centre(*, minor: bool) -> Floats:
    """The centre of the key on the tonic ``(3,)``."""
    if not minor:
        whole = np.stack([chord_centre(root, minor=False) for root in (0, 1, -1)])
    else:
        dominant = MAJOR_DOMINANT * chord_centre(1, minor=False) + (1 - MAJOR_DOMINANT) * chord_centre(1, minor=True)
        below = MINOR_SUBDOMINANT * chord_centre(-1, minor=True) + (1 - MINOR_SUBDOMINANT) * chord_centre(
            -1, minor=False
        )
        whole = np.stack([chord_centre(0, minor=True), dominant, below])
    centre: Floats = CENTRE_WEIGHTS @ whole
    return centre


def tonal_tension(piece: Piece) -> Floats:
    """Diameter, momentum and strain of each half bar that sounds, ``(half bars, 3)``; the first has no momentum: 0."""
    chroma = half_bar_chroma(piece)
    minor, tonic = divmod(likely_key(chroma.sum(axis=0)), 12)
    places = helix_point(FIFTHS[(np.arange(12) - tonic) % 12])
    chroma = chroma[chroma.sum(axis=1) > 0]
    centres = chroma @ places / chroma.sum(axis=1, keepdims=True)
    apart = np.linalg.norm(places[:, None] - places, axis=2)
    sounds = chroma > 0
    diameter = np.array([apart[np.ix_(row, row)].max() for row in sounds])
    moved = np.linalg.norm(np.diff(centres, axis=0, prepend=centres[:1]), axis=1)
    return np.stack([diameter, moved, np.linalg.norm(centres - key_centre(minor=bool(minor)), axis=1)], axis=1)


def rewards(bundle: TensionBundle, found: Measured, domain: str) -> dict[str, float]:
    """The rewards of a piece as music of a domain."""
    each = score(found, bundle.usual[domain])
    return {"future": each.future, "past": each.past, "both": each.both()}


def rivals(melodies: Melodies, piece: Piece) -> dict[str, float]:
    """What the rivals say of a piece: how expected its melody was, and how near it stayed to its key."""
    return {"ngram": -float(melodies.surprise(piece).mean()), "spiral": -float(tonal_tension(piece)[:, 2].mean())}


def real_above_spoiled(
    report: Report, bundle: TensionBundle, train: Sequence[Piece], test: Sequence[Piece], *, limit: int
) -> None:
    """How often a real excerpt scores above itself spoiled; adds ``tension.real_above_*``, overall and by domain.

    Half a point where the two are alike. The interval is over songs; domains with fewer than ``FEW`` are left out.
    """
    wins: dict[tuple[str, str, str], list[float]] = {}
    songs: dict[str, list[str]] = {}
    for domain in [each for each in DOMAINS if each in bundle.usual]:
        every = excerpts(test, domain, limit=max(limit, FEW), seed=report.seed)
        if len(set(every.songs)) < FEW:
            continue
        real = every.some(range(min(limit, len(every.pieces))))
        melodies = Melodies([piece for piece in train if piece.domain == domain])
        rng = np.random.default_rng(report.seed)
        songs[domain] = real.songs
        for index in track(range(len(real.pieces)), f"{domain} spoiled"):
            piece, other = real.pieces[index], of_another_song(every, index)
            spoiled = (shuffled(piece, rng), jittered(piece, rng), swapped(piece, other))
            own, *worse = (_values(bundle, melodies, each, domain) for each in (piece, *spoiled))
            for name, values in zip(ALTERATIONS, worse, strict=True):
                for method, value in values.items():
                    won = float(np.sign(own[method] - value) + 1) / 2
                    wins.setdefault((name, method, domain), []).append(won)
    if not songs:
        raise MusicError(f"no domain has {FEW} songs to be spoiled; bring more music")
    for name in ALTERATIONS:
        for method in (*REWARDS, *RIVALS):
            parts = {each: np.array(wins[name, method, each]) for each in songs}
            whose = [f"{each} {song}" for each, found in songs.items() for song in found]
            key = f"tension.real_above_{name}"
            report.add(f"{key}.{method}", _mean(np.concatenate([*parts.values()]), whose, report.seed))
            for each, found in parts.items():
                report.add(f"{key}.{each}.{method}", _mean(found, songs[each], report.seed))


def _values(bundle: TensionBundle, melodies: Melodies, piece: Piece, domain: str) -> dict[str, float]:
    return rewards(bundle, bundle.ears.measure(piece), domain) | rivals(melodies, piece)


def _mean(values: Floats, songs: Sequence[str], seed: int) -> Metric:
    return over_songs(songs, lambda rows: float(values[rows].mean()), seed=seed, chance=0.5, reference=REACH)


@dataclass(frozen=True)
class Judged:
    """The clips of a study as they are measured, ``(clips,)`` each."""

    surprise: Floats
    uncertainty: Floats
    own_bars: Floats
    scores: Mapping[str, Floats]

    @classmethod
    def of(cls, bundle: TensionBundle, melodies: Melodies, clips: Sequence[Piece]) -> Judged:
        """Heard as pop piano where that is usual. Raises ``MusicError`` where a clip can't be heard."""
        found, scores = [], []
        domain = next(each for each in DOMAINS if each in bundle.usual)
        for clip in track(clips, "judged clips"):
            measured = bundle.ears.measure(clip, domain)
            found.append(measured)
            scores.append(rewards(bundle, measured, domain) | rivals(melodies, clip))
        return cls(
            np.array([each.surprise for each in found]),
            np.array([each.uncertainty for each in found]),
            np.array([each.own_bars for each in found]),
            {name: np.array([each[name] for each in scores]) for name in (*REWARDS, *RIVALS)},
        )

    def measures(self) -> Floats:
        """Surprise, uncertainty and recognition ``(clips, 3)``."""
        return np.stack([self.surprise, self.uncertainty, self.own_bars], axis=1)


def with_measures(study: Study, columns: Floats) -> Study:
    """The study with measures of its clips ``(clips, K)`` among what heads and clip effects see.

    Heads see each and its distance from the middle, so that people may like a middle best.
    """
    return replace(study, features=study.features | {FURTHER: columns})


def gain(report: Report, name: str, asked: Pairs, wins: tuple[Floats, Floats]) -> None:
    """Accuracy of a head with some features and ``without``, and their difference; adds ``tension.features.NAME.*``.

    ``wins``: P(left) with them and without them, of the same pairs.
    """
    draws = Resampling(asked, seed=report.seed)
    with_them, without = (accuracy_of(each, asked.won) for each in wins)
    report.add(f"tension.features.{name}.with.accuracy", draws.metric(with_them, chance=0.5))
    report.add(f"tension.features.{name}.without.accuracy", draws.metric(without, chance=0.5))
    report.add(f"tension.features.{name}.gain", draws.metric(with_them - without, chance=0.0))


def liking(report: Report, study: Study, judged: Judged) -> None:
    """Effects of surprise, uncertainty and their product on liking; adds ``tension.liking.*``.

    Ratings are standardised within each listener, the two over clips; coefficients of one regression, with listeners
    and clips drawn again together. ``smallest`` is what these data would show in four of five repetitions.
    """
    said = study.judgements
    if not said.rated:
        return
    s, u = standardised(judged.surprise), standardised(judged.uncertainty)
    columns = np.stack([s, u, s * u], axis=1)
    rating = said.value.astype(np.float64)
    _, who = np.unique(said.listener, return_inverse=True)
    centre = np.bincount(who, rating) / np.bincount(who)
    spread = np.sqrt(np.bincount(who, (rating - centre[who]) ** 2) / np.bincount(who))
    kept = spread[who] > 0
    if not kept.any():
        return
    y = (rating - centre[who])[kept] / spread[who][kept]
    x, owner, clip = columns[said.left][kept], who[kept], said.left[kept]
    heard = np.maximum(np.bincount(owner, minlength=len(centre)), 1)
    x = x - np.stack([(np.bincount(owner, column, len(centre)) / heard)[owner] for column in x.T], axis=1)
    rng = np.random.default_rng(report.seed)
    draws = np.array([_coefficients(x, y, _drawn(rng, owner)[owner] * _drawn(rng, clip)[clip]) for _ in range(DRAWS)])
    value = _coefficients(x, y, np.ones(len(y)))
    low, high = np.nanquantile(draws, [0.025, 0.975], axis=0)
    for place, (name, published) in enumerate(CHEUNG.items()):
        report.add(
            f"tension.liking.{name}",
            Metric(float(value[place]), float(low[place]), float(high[place]), len(y), reference=published),
        )
        report.add(f"tension.liking.{name}.smallest", Metric(POWER * float(np.nanstd(draws[:, place])), n=len(y)))


def standardised(values: Floats) -> Floats:
    """With mean 0 and a standard deviation of 1, or 0 where all are alike."""
    found: Floats = (values - values.mean()) / max(float(values.std()), 1e-9)
    return found


def _drawn(rng: np.random.Generator, of: npt.NDArray[np.int64]) -> Floats:
    many = int(of.max()) + 1
    return np.bincount(rng.integers(many, size=many), minlength=many).astype(np.float64)


def _coefficients(x: Floats, y: Floats, weight: Floats) -> Floats:
    """Of a weighted least-squares regression without a constant ``(3,)``."""
    scaled = x * weight[:, None]
    return np.asarray(np.linalg.lstsq(scaled.T @ x, scaled.T @ y, rcond=None)[0], dtype=np.float64)


def pairs(report: Report, study: Study, judged: Judged, beside: Mapping[str, tuple[Pairs, Floats]]) -> None:
    """How often a score alone tells which clip of a pair a listener likes better; adds ``tension.pairs.*``.

    ``beside``: supervised rivals' pairs and P(left).
    """
    every = study.pairs(np.arange(len(study.judgements)))
    draws = Resampling(every, seed=report.seed)
    for name, values in judged.scores.items():
        gap = values[every.left] - values[every.right]
        hits = accuracy_of((np.sign(gap) + 1) / 2, every.won)
        report.add(f"tension.pairs.{name}.accuracy", draws.metric(hits, chance=0.5))
    for name, (asked, wins) in beside.items():
        told = Resampling(asked, seed=report.seed).metric(accuracy_of(wins, asked.won), chance=0.5)
        report.add(f"tension.pairs.{name}.accuracy", told)
