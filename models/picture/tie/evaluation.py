"""Do film and music go together? Speeds, finding each other among a hundred, neighbours, and what the tie costs.

Held-out films are walks through held-out drawings, since there is one film of thirty seconds alone, which is scored
several times beside them. In a walk pictures follow each other by cuts and by cross-fades; each drifts a little while
it is seen, some more and some less, so that there is motion to measure. Matching is not the tie itself: for each way a
ridge regression foretells what is measured in the notes of a moment (register, mode, density, loudness, tempo, and main
axes of latents encoded from these notes) from what is measured in the pictures of that moment, fitted on other films
with their music, of other drawings and seeds. All films last equally long, and are compared on one clock of ``SLOTS``
moments.

The learned way is several listeners': films, and pieces that are shown, are dealt to their links in turn. Whoever
matches knows the links: readouts are measured as what they ask of each side of the music.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image
from rich.console import Console
from rich.progress import track

from models.experiments.report import Metric, Report, mean_over_songs
from models.metrics.retrieval import ranked
from models.metrics.two_sample import two_sample_test
from models.music.notes import Piece
from models.music.performance import as_written
from models.picture import readouts
from models.picture.drawing import PictureDrawing
from models.picture.film import A_SECOND, SIDE, Film, Pictures
from models.picture.moving import Moving
from models.picture.tie import writing
from models.picture.tie.bars import BarLines, sounding_of
from models.picture.tie.scoring import ANNOTATED, LEARNED, UNTIED, Scorer, Watched
from models.picture.tie.showing import A_BAR, Shower
from models.picture.vector import rendered
from models.style.compose import Composer
from models.style.evaluation.clips import Excerpts, composed_excerpts
from models.style.latents import BARS, GROUPS

SHORTEST_S, LONGEST_S = 2.0, 5.0  # of a picture
FADED, FADE_S = 0.5, 1.2  # share of the changes that are fades, and how long these are
FASTEST = 0.05  # of its side that a picture drifts a second
Floats = npt.NDArray[np.float64]
SLOTS = 12  # moments of a film
SEEN, HEARD = 16, 16  # main axes of picture latents, and of latents of music, that matching may use
RIDGE = 0.1  # of the films' own variance
NEIGHBOURS = 10
NOBODY = np.zeros((0, 5, 5))  # links of no listener
LEAST_PIECES = 40  # of either kind, below which the classifier says the same of everything
Tied = TypeVar("Tied", Scorer, Shower)


def walk(pictures: Sequence[Pictures], seconds: float, rng: np.random.Generator) -> Film:
    """A film of so many ``seconds`` through ``pictures`` ``(SIDE, SIDE, 3)`` in their order, from the first on."""
    ends = np.cumsum(rng.uniform(SHORTEST_S, LONGEST_S, len(pictures)))
    if ends[-1] < seconds:
        raise ValueError(f"{len(pictures)} pictures last {ends[-1]:.0f} seconds; {seconds:g} are needed")
    faded = rng.random(len(pictures)) < FADED
    speed = FASTEST * rng.random((len(pictures), 1)) ** 2 * rng.choice([-1, 1], (len(pictures), 2))
    times = np.arange(0, seconds, 1 / A_SECOND)
    frames = []
    for time in times:
        one = int(np.searchsorted(ends, time, side="right"))
        frame = _drifted(pictures[one], speed[one] * (time - ends[one]))
        till = ends[one] - time
        if faded[one] and till < FADE_S and one + 1 < len(pictures):
            share = 1 - till / FADE_S
            coming = _drifted(pictures[one + 1], np.zeros(2))
            frame = (frame * (1 - share) + coming * share).round().astype(np.uint8)
        frames.append(frame)
    cuts = ends[:-1][~faded[:-1]]
    return Film(np.stack(frames), times, cuts[cuts < seconds], seconds)


def _drifted(picture: Pictures, by: np.ndarray) -> Pictures:
    """Seen through a window a little smaller than the picture, ``by`` of its side from its middle."""
    room = SIDE * 0.1
    left, top = (float(np.clip(room / 2 + SIDE * each, 0, room)) for each in by)
    box = (left, top, left + SIDE - room, top + SIDE - room)
    return np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=box))


@dataclass(frozen=True)
class Pair:
    """A film with its music on one clock: ``seen`` and ``heard`` ``(SLOTS, …)`` readouts, and latents of both.

    ``speeds``: how fast pictures and music change from bar to bar, ``(2, bars - 1)``.
    """

    piece: Piece
    seen: Floats
    heard: Floats
    seen_latents: Floats
    heard_latents: Floats
    speeds: Floats

    def goes_together(self) -> float:
        """Correlation of both speeds; not-a-number where one of them stands still."""
        if self.speeds.shape[1] < 3 or (self.speeds.std(1) < 1e-9).any():
            return float("nan")
        return float(np.corrcoef(self.speeds[0], self.speeds[1])[0, 1])


def paired(scorer: Scorer, watched: Watched, way: str, seed: int) -> Pair:
    """The film set to music in one ``way``, and both measured."""
    found = scorer.score(watched, way, seed)
    return measured(scorer.composer, watched, found.piece, found.lines, scorer.links if way == LEARNED else None)


def dealt(tied: Tied, links: Floats, number: int) -> Tied:
    """With the links ``(listeners, 5, 5)`` of the listener whose turn it is; without any it is as it was."""
    return replace(tied, links=links[number % len(links)]) if len(links) else tied


def measured(
    composer: Composer, watched: Watched, piece: Piece, lines: BarLines, links: Floats | None = None
) -> Pair:  # fmt: skip
    """A film with a piece whose bars are its ``lines``; where the tie is learned, by its ``links`` ``(5, 5)``."""
    film = watched.film
    middles = (lines.starts_s[1:] + lines.starts_s[:-1]) / 2
    clock = (np.arange(SLOTS) + 0.5) * film.seconds / SLOTS
    bar = np.clip(np.searchsorted(lines.starts_s, clock, side="right") - 1, 0, lines.bars - 1)
    pictures = watched.by_bar(lines)
    music = encoded(composer, piece)
    heard = sounding_of(piece)
    heard[:, 2] /= np.diff(lines.starts_s)  # notes a second
    speeds = np.stack([np.linalg.norm(np.diff(each, axis=0), axis=1) for each in (pictures, music)])
    at = [int(np.abs(film.times_s - moment).argmin()) for moment in clock]
    smooth = readouts.by_bar(watched.readouts, film.times_s, np.linspace(0, film.seconds, SLOTS + 1))
    smooth = smooth if links is None else smooth @ links
    return Pair(piece, smooth, heard[bar], watched.latents[at], music[bar], speeds / np.diff(middles))


def encoded(composer: Composer, piece: Piece) -> Floats:
    """Latents of each bar of the notes, standardised: ``(bars, latent)``; dimensions that carry nothing are 0."""
    latents = writing.latents_of(composer, piece)
    z = np.concatenate([latents.groups[name] for name in GROUPS], axis=1).astype(np.float64)
    prior = composer.prior
    mean, scale, weight = (each.double().cpu().numpy() for each in (prior.mean, prior.scale, prior.weight))
    found: Floats = (z - mean) / scale * (weight > 0)
    return found


@dataclass(frozen=True)
class Films:
    """Those that matching is ``fitted_on``, of which each has a seed of its own, and those that are ``tested``."""

    fitted_on: Sequence[Watched]
    tested: Sequence[Watched]


def evaluate(
    report: Report, scorer: Scorer, films: Films, ways: Sequence[str], real: Excerpts, *, links: Floats = NOBODY
) -> None:
    """Add ``tie.WAY.*`` of every way on the test ``films``; the baseline is music of the same bars without the tie.

    ``links`` ``(listeners, 5, 5)``: for the way that is learned.
    """
    base: dict[str, float | None] = {}
    for way in (UNTIED, *ways):
        fit, test = (
            [
                paired(dealt(scorer, links, number), film, way, 1000 * part + report.seed + number)
                for number, film in enumerate(track(some, f"{way}: {said}", console=Console(stderr=True)))
            ]
            for part, (some, said) in enumerate(((films.fitted_on, "fitted"), (films.tested, "tested")))
        )
        _add(report, f"tie.{way}", fit, test, base)
        told = _told_apart([pair.piece for pair in test], real, base.get("two_sample"))
        base.setdefault("two_sample", told.value)
        report.add(f"tie.{way}.two_sample", told)


def evaluate_shown(
    report: Report, shower: Shower, drawing: PictureDrawing, pieces: Mapping[str, Sequence[Piece]], ways: Sequence[str],
    *, links: Floats = NOBODY,
) -> None:  # fmt: skip
    """Add ``tie.WAY.shown.*``: the way from music to pictures, of the "test" ``pieces``, matched on the "fit" ones.

    All have the same number of bars. What is measured is measured in the pixels that are shown. The baseline is the
    pictures of another piece.
    """
    base: dict[str, float | None] = {}
    for way in (UNTIED, *ways):
        fit, test = (
            [
                shown_pair(
                    dealt(shower, links, number), drawing, piece, way, 1000 * place + report.seed + number, other=other
                )
                for number, (piece, other) in enumerate(
                    track(_with_next(pieces[part]), f"{way}, shown: {part}", console=Console(stderr=True))
                )
            ]
            for place, part in enumerate(("fit", "test"))
        )
        _add(report, f"tie.{way}.shown", fit, test, base)


def shown_pair(
    shower: Shower, drawing: PictureDrawing, piece: Piece, way: str, seed: int, *, other: Piece | None = None
) -> Pair:
    """A piece with the pictures that are shown to it; untied, with those that are shown to the ``other`` one."""
    seen = other if way == UNTIED and other is not None else piece
    assert shower.composer is not None
    bars_s = np.asarray(as_written(piece).bars_s, dtype=np.float64)
    lines = BarLines(bars_s - bars_s[0], 0)
    found = shower.show(seen, ANNOTATED if way == UNTIED else way, seed)
    at = np.arange(len(found.latents)) / A_BAR * len(piece.bars) / len(seen.bars)
    times = np.interp(at, np.arange(len(lines.starts_s)), lines.starts_s)
    moving = Moving([drawing.drawings.drawings[row] for row in found.subjects], found.drawn(drawing.drawings), times)
    shown = [rendered(moving.svg(time)) for time in times.tolist()]
    film = Film(np.stack(shown), times, np.zeros(0), float(lines.starts_s[-1]))
    links = shower.links if way == LEARNED else None
    return measured(shower.composer, Watched(film, drawing.pictures), piece, lines, links)


def _with_next(pieces: Sequence[Piece]) -> list[tuple[Piece, Piece]]:
    return [(piece, pieces[(number + 1) % len(pieces)]) for number, piece in enumerate(pieces)]


def _add(report: Report, key: str, fit: Sequence[Pair], test: Sequence[Pair], base: dict[str, float | None]) -> None:
    """Add what pairs are measured by; the first that are added are the baseline of the others."""
    names = tuple(f"pair {number}" for number in range(len(test)))
    found: dict[str, tuple[Floats, float | None]] = {
        "speed_correlation": (np.array([pair.goes_together() for pair in test]), 0.0),
        **_found(fit, test, report.seed),
        "neighbours": _neighbours(test),
    }
    for name, (values, chance) in found.items():
        metric = mean_over_songs(names, values, baseline=base.get(name), chance=chance)
        base.setdefault(name, metric.value)
        report.add(f"{key}.{name}", metric)


def own_film(
    report: Report, scorer: Scorer, film: Watched, ways: Sequence[str], times: int, *, links: Floats = NOBODY
) -> None:
    """Add ``tie.WAY.film.*`` of one film, set to music so many times: intervals are over seeds."""
    base: float | None = None
    for way in (UNTIED, *ways):
        pairs = [paired(dealt(scorer, links, number), film, way, report.seed + number) for number in range(times)]
        seeds = tuple(f"seed {number}" for number in range(times))
        values = np.array([pair.goes_together() for pair in pairs])
        metric = mean_over_songs(seeds, values, baseline=base, chance=0.0)
        base = metric.value if base is None else base
        report.add(f"tie.{way}.film.speed_correlation", metric)


def _found(fit: Sequence[Pair], test: Sequence[Pair], seed: int) -> Mapping[str, tuple[Floats, float]]:
    """Whether each film's own music is the first among all, and whether each music's own film is."""
    seen_axes, heard_axes = _axes([p.seen_latents for p in fit], SEEN), _axes([p.heard_latents for p in fit], HEARD)

    def told(pairs: Sequence[Pair]) -> tuple[Floats, Floats]:
        seen = np.stack([np.concatenate([p.seen, p.seen_latents @ seen_axes.T], 1) for p in pairs])
        heard = np.stack([np.concatenate([p.heard, p.heard_latents @ heard_axes.T], 1) for p in pairs])
        return seen, heard

    (seen, heard), (asked, there) = told(fit), told(test)
    (seen, asked), (heard, there) = _standard(seen, asked), _standard(heard, there)
    x, y = seen.reshape(-1, seen.shape[-1]), heard.reshape(-1, heard.shape[-1])
    slope = np.linalg.solve(x.T @ x + RIDGE * len(x) * np.eye(x.shape[1]), x.T @ y)
    unsure = (y - x @ slope).var(0) + 1e-6
    # how much likelier the music is with this film than with any: alone, music near the mean would be everybody's
    usual = (there**2 / (y.var(0) + 1e-6)).mean((1, 2))
    scores = usual[None] - (((asked @ slope)[:, None] - there[None]) ** 2 / unsure).mean((2, 3))
    own, chance = np.eye(len(test), dtype=bool), 1 / max(1, len(test))
    both = {"found": ranked(scores, own, seed), "back": ranked(scores.T, own, seed)}
    first = {name: ((each.best == 1).astype(np.float64), chance) for name, each in both.items()}
    tenth = {f"{name}_10": ((each.best <= 10).astype(np.float64), min(1, 10 * chance)) for name, each in both.items()}
    return first | tenth


def _neighbours(pairs: Sequence[Pair]) -> tuple[Floats, float]:
    """The share of a moment's nearest pictures of other films whose music is among its music's nearest, by film."""
    count = len(pairs) * SLOTS
    film = np.repeat(np.arange(len(pairs)), SLOTS)
    near = []
    for rows in (np.concatenate([p.seen_latents for p in pairs]), np.concatenate([p.heard_latents for p in pairs])):
        square = (rows**2).sum(1)
        distance = square[:, None] + square[None] - 2 * rows @ rows.T
        distance[film[:, None] == film[None]] = np.inf
        near.append(np.argsort(distance, axis=1)[:, :NEIGHBOURS])
    kept = np.array([len(np.intersect1d(*each)) / NEIGHBOURS for each in zip(*near, strict=True)])
    return kept.reshape(-1, SLOTS).mean(1), NEIGHBOURS / max(1, count - SLOTS)


def _told_apart(pieces: Sequence[Piece], real: Excerpts, baseline: float | None) -> Metric:
    """How often a classifier tells eight bars of this music from as many of real music."""
    made = composed_excerpts(pieces, BARS, seed=0)
    many = min(len(made.pieces), len(real.pieces))
    songs = [*real.songs[:many], *made.songs[:many]]
    if many < LEAST_PIECES:
        return Metric(None, baseline=baseline, chance=0.5)
    right = two_sample_test(real.pieces[:many], made.pieces[:many], songs)
    return mean_over_songs(songs, right, baseline=baseline, chance=0.5)


def _axes(parts: Sequence[Floats], count: int) -> Floats:
    rows = np.concatenate(parts)
    found: Floats = np.linalg.svd(rows - rows.mean(0), full_matrices=False)[2][:count]
    return found


def _standard(known: Floats, new: Floats) -> tuple[Floats, Floats]:
    mean, deviation = known.mean((0, 1)), known.std((0, 1)) + 1e-9
    return (known - mean) / deviation, (new - mean) / deviation
