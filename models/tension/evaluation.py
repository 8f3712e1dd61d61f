"""What the score knows without a label: real music above the same music spoiled, and what people like.

Every figure of ``models.evaluate.tension``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from rich.progress import track

from models.experiments.report import Metric, Report, over_songs
from models.metrics.intervals import NORMAL_95
from models.music.notes import DOMAINS, MusicError, Piece
from models.taste.evaluation.heads import FURTHER
from models.taste.evaluation.resampling import DRAWS, Resampling, accuracy_of
from models.taste.evaluation.study import Pairs, Study
from models.tension.alterations import jittered, shuffled, swapped
from models.tension.checkpoint import TensionBundle
from models.tension.idyom import Melodies
from models.tension.score import Measured, score
from models.tension.spiral import tonal_tension
from models.tension.usual import excerpts

Floats = npt.NDArray[np.float64]

ALTERATIONS = ("shuffled", "jittered", "swapped")
REWARDS = ("future", "past", "both")
RIVALS = ("ngram", "spiral")
REACH = 0.9
POWER = NORMAL_95 + 0.8416212335729143  # of standard errors: found at 95 % in four of five repetitions
# Effects of standardised surprise, uncertainty and their product on pleasure in 39 listeners (Cheung et al. 2019)
CHEUNG = {"surprise": -0.33, "uncertainty": -0.14, "product": -0.12}


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

    Half a point where the two are alike. The interval is over songs.
    """
    wins: dict[tuple[str, str, str], list[float]] = {}
    songs: dict[str, list[str]] = {}
    for domain in [each for each in DOMAINS if each in bundle.usual]:
        real = excerpts(test, domain, limit=limit, seed=report.seed)
        if len(real.pieces) < 2:
            continue
        melodies = Melodies([piece for piece in train if piece.domain == domain])
        rng = np.random.default_rng(report.seed)
        songs[domain] = real.songs
        for index in track(range(len(real.pieces)), f"{domain} spoiled"):
            piece, other = real.pieces[index], real.pieces[(index + 1) % len(real.pieces)]
            spoiled = (shuffled(piece, rng), jittered(piece, rng), swapped(piece, other))
            own, *worse = (_values(bundle, melodies, each, domain) for each in (piece, *spoiled))
            for name, values in zip(ALTERATIONS, worse, strict=True):
                for method, value in values.items():
                    won = float(np.sign(own[method] - value) + 1) / 2
                    wins.setdefault((name, method, domain), []).append(won)
    if not songs:
        raise MusicError("no domain has two excerpts to be spoiled")
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
