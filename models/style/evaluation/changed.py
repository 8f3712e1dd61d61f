"""Music that somebody changed, as the application composes it: how often a classifier tells it from real music."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from models.experiments.report import Metric, Report, mean_over_songs
from models.metrics.two_sample import FOLDS, two_sample_test
from models.music.notes import DOMAINS, Domain, Piece
from models.style.asking import as_latents_say, composed_anew, tune_in_styles, write_asked
from models.style.clip_plan import ClipPlan
from models.style.compose import Composer
from models.style.directions import Directions, tonic_of
from models.style.drafts import Ask
from models.style.evaluation.clips import BATCH, Clips, donors_of
from models.style.evaluation.swaps import found_first, line_likeness
from models.style.latents import STYLE_GROUPS, Latents, between, morphed
from models.style.locks import Locks

Floats = npt.NDArray[np.float64]

LOCKED = (0, 1, 6, 7)  # the bars between these are composed anew, and nothing else of them is kept


def changed(report: Report, composer: Composer, clips: Clips, seed: int) -> None:
    """Add ``style.WAY.two_sample.DOMAIN`` for WAY in swapped, dialled, morphed, locked, tune, and of the latter more.

    ``swapped``: one style of another clip of the domain, of each in turn. ``dialled``: one style a standard deviation
    up or down. ``morphed``: halfway to that other clip. ``locked``: four bars stay. ``tune``: the clip's tune in all
    styles of the other; ``correlation`` of its top line with the clip's, and how often the clip's is ``found`` first
    among its domain's. All are written by a piece model that hears latents, where the model has one; the ``baseline``
    is decoded. Ways that a model lacks have no figures.
    """
    encoded = [composer.encode(piece) for piece in clips.pieces]
    others = [encoded[int(donor)] for donor in donors_of(clips, seed)]
    groups = [STYLE_GROUPS[row % len(STYLE_GROUPS)] for row in range(len(encoded))]
    borrowed = [{group: other} for group, other in zip(groups, others, strict=True)]
    halfway = [morphed(own, other, 0.5) for own, other in zip(encoded, others, strict=True)]
    ways = {
        "swapped": (encoded, borrowed),
        "dialled": (encoded, _turned(composer, clips, encoded)),
        "morphed": ([own for own, _ in halfway], [passed for _, passed in halfway]),
    }
    for way, (content, styles) in ways.items():
        if not styles:
            continue
        plans = _plans(composer, clips, content, seed, styles=styles)
        decoded = _decoded(composer, plans)
        asks = [as_latents_say(plan.latents, clips.pieces[row], styles[row]) for row, plan in enumerate(plans)]
        _tell(report, way, clips, written(composer, clips.domains, asks, decoded, seed), beside=decoded)
    styles = [dict.fromkeys(STYLE_GROUPS, other) for other in others]
    decoded = _decoded(composer, _plans(composer, clips, encoded, seed, styles=styles))
    mixed = [between(own, other, 1.0, STYLE_GROUPS) for own, other in zip(encoded, others, strict=True)]
    asks = [tune_in_styles(latents, piece) for latents, piece in zip(mixed, clips.pieces, strict=True)]
    tunes = written(composer, clips.domains, asks, decoded, seed)
    _tell(report, "tune", clips, tunes, beside=decoded)
    _tunes(report, clips, tunes, decoded)
    held = [tuple(bar for bar in LOCKED if bar < latents.bars) for latents in encoded]
    decoded = _decoded(composer, _plans(composer, clips, encoded, seed, held=held))
    asks = [composed_anew(encoded[row], piece, held[row], 0.0) for row, piece in enumerate(clips.pieces)]
    _tell(report, "locked", clips, written(composer, clips.domains, asks, decoded, seed), beside=decoded)


def _turned(composer: Composer, clips: Clips, encoded: Sequence[Latents]) -> list[dict[str, Latents]]:
    """One style of each clip a standard deviation up or down; none where no directions come with the model."""
    folder = composer.bundle.folder
    known = Directions.load(folder) if folder else None
    if known is None or known.version != composer.version:
        return []
    names = [group for group in STYLE_GROUPS if group in known.groups and group != "harmony"]
    found = []
    for row, (latents, piece) in enumerate(zip(encoded, clips.pieces, strict=True)):
        group, by = names[row % len(names)], (1.0, -1.0)[row // len(names) % 2]
        found.append({group: known.moved(latents, group, by, tonic_of(piece))})
    return found


def _plans(
    composer: Composer,
    clips: Clips,
    content: Sequence[Latents],
    seed: int,
    *,
    styles: Sequence[dict[str, Latents]] = (),
    held: Sequence[tuple[int, ...]] = (),
) -> list[ClipPlan]:
    return [
        composer.plan(
            domain=clips.domains[row], content=latents, styles=styles[row] if styles else {}, seed=seed + row,
            keep=0.0 if held else 1.0, locks=Locks(held[row] if held else ()), notes=clips.pieces[row],
        )
        for row, latents in enumerate(content)
    ]  # fmt: skip


def _decoded(composer: Composer, plans: list[ClipPlan]) -> list[Piece]:
    return [piece for k in range(0, len(plans), BATCH) for piece in composer.compose(plans[k : k + BATCH])]


def written(
    composer: Composer, domains: Sequence[Domain], asks: Sequence[Ask], decoded: Sequence[Piece], seed: int
) -> list[Piece]:
    """What the piece model writes of ``asks``; ``decoded`` where nothing came that can be offered."""
    found = [*decoded]
    for domain in dict.fromkeys(domains) if composer.asked else ():
        rows = [row for row, each in enumerate(domains) if each == domain]
        drafts = write_asked(composer, domain, [asks[row] for row in rows], [(seed, row) for row in rows])
        for row, draft in zip(rows, drafts, strict=True):
            if draft and draft.notes:
                found[row] = draft.notes
    return found


def _tunes(report: Report, clips: Clips, tunes: Sequence[Piece], decoded: Sequence[Piece]) -> None:
    for domain in DOMAINS:
        rows = clips.of(domain).tolist()
        if not rows:
            continue
        own, songs = np.arange(len(rows)), [clips.songs[row] for row in rows]
        alike, rival = (
            line_likeness([made[row] for row in rows], [clips.pieces[row] for row in rows]) for made in (tunes, decoded)
        )
        kept = mean_over_songs(songs, alike[own, own], chance=0.0, baseline=float(rival[own, own].mean()))
        report.add(f"style.tune.correlation.{domain}", kept)
        first, theirs = found_first(alike, own), float(found_first(rival, own).mean())
        report.add(f"style.tune.found.{domain}", mean_over_songs(songs, first, chance=1 / len(rows), baseline=theirs))


def _tell(report: Report, way: str, clips: Clips, pieces: Sequence[Piece], beside: Sequence[Piece] = ()) -> None:
    for domain in DOMAINS:

        def told(made: Sequence[Piece], domain: Domain = domain) -> tuple[list[str], Floats]:
            rows = [row for row in clips.of(domain).tolist() if len(made[row].bars) == len(clips.pieces[row].bars)]
            rows = [row for row in rows if len(made[row].notes)]
            songs = [clips.songs[row] for row in rows] * 2
            if len(set(songs)) < 2 * FOLDS:
                return songs, np.zeros(0)
            return songs, two_sample_test([clips.pieces[row] for row in rows], [made[row] for row in rows], songs)

        songs, right = told(pieces)
        baseline = float(told(beside)[1].mean()) if beside and len(right) else None
        figure = mean_over_songs(songs, right, chance=0.5, baseline=baseline) if len(right) else Metric(None)
        report.add(f"style.{way}.two_sample.{domain}", figure)
