"""Music that somebody changed, as the application composes it: styles, dials, morphs, shares that are kept, locks.

``changed``: how often a classifier tells it from real music. ``editing``: how much stays where a share is kept or parts
are locked, and whether the rest is music. Keeping goes along the prior's flow (``models.style.prior.Kept``); beside it
stands the straight line between the clip's latents and a draw from the prior.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from models.experiments.report import Metric, Report, mean_over_songs
from models.metrics import music_statistics as ms
from models.metrics.intervals import finite_mean
from models.metrics.two_sample import FOLDS, two_sample_test
from models.music.keys import half_bar_chroma
from models.music.notes import DOMAINS, Piece, in_melody
from models.style.compose import FREE, Composer
from models.style.drafts import Locks
from models.style.evaluation.clips import Clips, donors_of
from models.style.evaluation.swaps import found_first, line_likeness
from models.style.latents import STYLE_GROUPS, Directions, Latents, between, morphed, tonic_of

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


SHARES = (0.0, 0.25, 0.5, 0.75)
STATISTICS: dict[str, Callable[[Piece], float]] = {"in_key": ms.in_key, "bar_similarity": ms.bar_similarity}


def editing(report: Report, composer: Composer, clips: Clips, seed: int) -> None:
    """Adds ``keep.PERCENT.{likeness,in_key,bar_similarity}`` (``baseline``: the straight line) and ``lock.*``.

    ``likeness``: correlation of half-bar chroma with the original. ``lock.*``: nothing else is kept; of a locked melody
    its note-F1 (and ``harmonised``: the share of its notes that the accompaniment doubles; reference: real clips), of
    harmony the likeness, of rhythm the onsets' F1, beside nothing locked (``baseline``); of four locked
    bars the similarity of the bars before and behind the seam, beside two clips put together.
    """
    encoded = [composer.encode(p) for p in clips.pieces]
    drawn = [composer.draw_each([domain], [seed + 70_000 + i])[0] for i, domain in enumerate(clips.domains)]

    def flow(share: float, locks: Locks = FREE) -> list[Piece]:
        return composer.compose([
            composer.plan(
                domain=clips.domains[i], content=each, styles={}, seed=seed + i, keep=share, locks=locks,
                notes=clips.pieces[i],
            )
            for i, each in enumerate(encoded)
        ])  # fmt: skip

    def line(share: float) -> list[Piece]:
        content = [between(one, other, 1 - share) for one, other in zip(encoded, drawn, strict=True)]
        return composer.compose([
            composer.plan(domain=clips.domains[i], content=each, styles={}, seed=seed + i)
            for i, each in enumerate(content)
        ])  # fmt: skip

    real = {name: finite_mean([statistic(p) for p in clips.pieces]) for name, statistic in STATISTICS.items()}
    for share in SHARES:
        ours, theirs = flow(share), line(share)
        for name, statistic in STATISTICS.items():
            baseline = finite_mean([statistic(p) for p in theirs])
            metric = mean_over_songs(clips.songs, [statistic(p) for p in ours], baseline=baseline, reference=real[name])
            report.add(f"keep.{round(100 * share)}.{name}", metric)
        like, unlike = (_likeness(made, clips, ms.chroma_correlation) for made in (ours, theirs))
        report.add(
            f"keep.{round(100 * share)}.likeness", mean_over_songs(clips.songs, like, baseline=finite_mean(unlike))
        )

    free = flow(0.0)
    asked: list[tuple[str, Locks, Callable[[Piece, Piece], float]]] = [
        ("melody", Locks(melody=True), _melody_f1),
        ("harmony", Locks(harmony=True), ms.chroma_correlation),
        ("rhythm", Locks(rhythm=True), _onset_f1),
    ]
    for name, locks, asks in asked:
        made = flow(0.0, locks)
        baseline = finite_mean(_likeness(free, clips, asks))
        report.add(f"lock.{name}", mean_over_songs(clips.songs, _likeness(made, clips, asks), baseline=baseline))
        in_key = [ms.in_key(p) for p in made]
        report.add(f"lock.{name}.in_key", mean_over_songs(clips.songs, in_key, reference=real["in_key"]))
        if locks.melody:
            fits = [_likeness(each, clips, _harmonised) for each in (made, free, clips.pieces)]
            _, other, own = map(finite_mean, fits)
            metric = mean_over_songs(clips.songs, fits[0], baseline=other, reference=own)
            report.add("lock.melody.harmonised", metric)
    made = flow(0.0, Locks(bars=(0, 1, 2, 3)))
    spliced = [_across(_spliced(one, other)) for one, other in zip(clips.pieces, free, strict=True)]
    seams, usual = ([_across(p) for p in pieces] for pieces in (made, clips.pieces))
    metric = mean_over_songs(clips.songs, seams, baseline=finite_mean(spliced), reference=finite_mean(usual))
    report.add("lock.bars.seam", metric)


def _likeness(made: list[Piece], clips: Clips, statistic: Callable[[Piece, Piece], float]) -> list[float]:
    return [statistic(one, other) for one, other in zip(made, clips.pieces, strict=True)]


def _melody_f1(one: Piece, other: Piece) -> float:
    first, second = (piece.notes[in_melody(piece)][:, [0, 2]] for piece in (one, other))
    return ms.note_f1(first, second)


def _harmonised(accompanied: Piece, sung: Piece) -> float:
    """Share of the melody notes of ``sung`` whose pitch class the accompaniment of the other has in that half bar.

    Not a number where ``sung`` has no accompaniment of its own.
    """
    melody = in_melody(sung)
    if melody.all() or len(sung.bars) != len(accompanied.bars):
        return float("nan")
    accompaniment = half_bar_chroma(replace(accompanied, notes=accompanied.notes[~in_melody(accompanied)]))
    starts = np.concatenate([[bar[0], bar[0] + bar[1] / 2] for bar in sung.bars])
    half = np.searchsorted(starts, sung.notes[melody, 0], side="right") - 1
    return float((accompaniment[half, sung.notes[melody, 2] % 12] > 0).mean())


def _onset_f1(one: Piece, other: Piece) -> float:
    return ms.note_f1(one.notes[:, 0], other.notes[:, 0])


def _across(piece: Piece) -> float:
    """Similarity of the fourth and the fifth bar; not a number where there aren't that many."""
    return ms.bar_similarity(piece.window(3, 2)) if len(piece.bars) >= 5 else float("nan")


def _spliced(one: Piece, other: Piece) -> Piece:
    """The first four bars of ``one`` before the others of ``other``."""
    middle = int(one.bars[min(4, len(one.bars) - 1), 0])
    notes = np.concatenate([one.notes[one.notes[:, 0] < middle], other.notes[other.notes[:, 0] >= middle]])
    return replace(one, notes=notes)
