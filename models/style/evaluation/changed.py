"""Music that somebody changed, as the application composes it: how often a classifier tells it from real music."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.experiments.report import Metric, Report, mean_over_songs
from models.metrics.two_sample import FOLDS, two_sample_test
from models.music.notes import DOMAINS, Piece
from models.style.compose import FREE, Composer
from models.style.directions import Directions, tonic_of
from models.style.drafts import Locks
from models.style.evaluation.clips import Clips, donors_of
from models.style.evaluation.swaps import found_first, line_likeness
from models.style.latents import STYLE_GROUPS, Latents, morphed

LOCKED = (0, 1, 6, 7)  # the bars between these are composed anew, and nothing else of them is kept


def changed(report: Report, composer: Composer, clips: Clips, seed: int) -> None:
    """Add ``style.WAY.two_sample.DOMAIN`` for WAY in swapped, dialled, morphed, tune, locked, and of ``tune`` more.

    ``swapped``: one style of another clip of the domain, of each in turn. ``dialled``: one style a standard deviation
    up or down. ``morphed``: halfway to that other clip. ``tune``: the clip's tune in all styles of the other;
    ``correlation`` of its top line with the clip's, and how often the clip's is ``found`` first among its domain's.
    ``locked``: four bars stay; ``melody``, ``harmony``, ``rhythm``: these do, and nothing else is kept. Ways that a
    model lacks have no figures.
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
        "tune": (encoded, [dict.fromkeys(STYLE_GROUPS, other) for other in others]),
    }
    for way, (content, styles) in ways.items():
        if not styles:
            continue
        made = _written(composer, clips, content, seed, styles=styles)
        _tell(report, way, clips, made)
        if way == "tune":
            _tunes(report, clips, made)
    held = [Locks(tuple(bar for bar in LOCKED if bar < latents.bars)) for latents in encoded]
    _tell(report, "locked", clips, _written(composer, clips, encoded, seed, locks=held))
    for way, locks in {
        "melody": Locks(melody=True), "harmony": Locks(harmony=True), "rhythm": Locks(rhythm=True)
    }.items():  # fmt: skip
        _tell(report, way, clips, _written(composer, clips, encoded, seed, locks=[locks] * len(encoded)))


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


def _written(
    composer: Composer,
    clips: Clips,
    content: Sequence[Latents],
    seed: int,
    *,
    styles: Sequence[dict[str, Latents]] = (),
    locks: Sequence[Locks] = (),
) -> list[Piece]:
    """As the application composes it."""
    plans = [
        composer.plan(
            domain=clips.domains[row], content=latents, styles=styles[row] if styles else {}, seed=seed + row,
            keep=0.0 if locks else 1.0, locks=locks[row] if locks else FREE, notes=clips.pieces[row],
        )
        for row, latents in enumerate(content)
    ]  # fmt: skip
    found: dict[int, Piece] = {}
    for domain in dict.fromkeys(clips.domains):
        rows = clips.of(domain).tolist()
        asks, seeds = [plans[row].ask for row in rows], [plans[row].seed for row in rows]
        drafts = composer.write_surely(domain, asks, seeds)
        found |= {row: draft.notes for row, draft in zip(rows, drafts, strict=True) if draft.notes}
    return [found[row] for row in range(len(plans))]


def _tunes(report: Report, clips: Clips, tunes: Sequence[Piece]) -> None:
    for domain in DOMAINS:
        rows = clips.of(domain).tolist()
        if not rows:
            continue
        own, songs = np.arange(len(rows)), [clips.songs[row] for row in rows]
        alike = line_likeness([tunes[row] for row in rows], [clips.pieces[row] for row in rows])
        report.add(f"style.tune.correlation.{domain}", mean_over_songs(songs, alike[own, own], chance=0.0))
        found = mean_over_songs(songs, found_first(alike, own), chance=1 / len(rows))
        report.add(f"style.tune.found.{domain}", found)


def _tell(report: Report, way: str, clips: Clips, made: Sequence[Piece]) -> None:
    for domain in DOMAINS:
        rows = [row for row in clips.of(domain).tolist() if len(made[row].bars) == len(clips.pieces[row].bars)]
        rows = [row for row in rows if len(made[row].notes)]
        songs = [clips.songs[row] for row in rows] * 2
        figure = Metric(None)
        if len(set(songs)) >= 2 * FOLDS:
            right = two_sample_test([clips.pieces[row] for row in rows], [made[row] for row in rows], songs)
            figure = mean_over_songs(songs, right, chance=0.5)
        report.add(f"style.{way}.two_sample.{domain}", figure)
