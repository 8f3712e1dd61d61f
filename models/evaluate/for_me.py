"""Whether "compose for me" works: ``python -m models.evaluate.for_me [--domain NAME] [--limit N] [--seed N]``.

Simulated listeners of six kinds (``models.taste.simulated_people``) who share a part of their taste, as real listeners
do: ``--shared`` of its variance. A study of them gives the population and the average listener. Then others vote on the
pairs that the page would offer, and clips are composed as the page composes them
(``models.taste.evaluation.gifts``), from one bank of drafts of which nobody is given what another has: for the listener
after 6 to 60 votes, for the average listener, and with all that the features can say of the listener's true taste (the
ceiling). Beside them stand the best of ``SEARCHED`` drafts by the head that a newcomer begins with, and drafts as they
come ("prior"). A listener's utility is a function of what the notes are, not of latents: of the attributes that the
head reads out as well, or with ``--rule traits`` of plain traits of the notes that sound (``TRAITS``), which no head
was made for. The same over HTTP is ``tests/bench/gifts.py``.

``for_me.WAY`` tells of each way of choosing (``gift``, ``asked``, ``written``, ``decoded``, ``mosaic``,
``real_chosen``, ``draw``) after most votes, ``for_me.VOTES.WAY`` after others: how often it ``wins`` against a draw,
how often a classifier tells it from real music (``two_sample``; ``two_sample_matched``: from real clips as dense and
fast), folds grouped by the draft or the song that a clip came from; ``bits`` a note under an n-gram model of training
music; and the share ``copied`` from it. ``real_chosen`` is the yardstick: what a listener likes can be told because
they like it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.progress import track

from models.experiments.arguments import exit_without_music, positive_int
from models.experiments.report import Metric, Report, mean_over_songs, ratio_over_songs
from models.metrics import music_statistics as ms
from models.metrics.idiom import melody_symbols
from models.metrics.intervals import bootstrap, finite_mean
from models.metrics.two_sample import FOLDS, matched_rows, two_sample_test
from models.music.notes import DOMAINS, Domain, MusicError, Piece, skyline
from models.style.checkpoint import MODEL_HELP, style_argument
from models.style.compose import Composer
from models.style.drafting import draft_many
from models.style.drafts import Draft
from models.style.evaluation.clips import Excerpts, corpora_parts, held_out_pieces, real_excerpts, regular
from models.style.evaluation.pieces import Judges
from models.style.fingerprint import LONGEST_COPY_BARS
from models.style.latents import BARS
from models.style.pieces.sampling import version_of
from models.taste.evaluation.gifts import (
    AT,
    MEASURES,
    POOL,
    SHARED,
    WAYS,
    Clip,
    Met,
    Searched,
    composed_pool,
    everybody,
    opened,
    space_of,
)
from models.taste.simulated_people import KINDS
from models.taste.space import TasteSpace

FloatArray = npt.NDArray[np.float64]

LISTENERS = 60
EACH = 12  # listeners of each kind
BANK = 2048  # drafts
WANTED = {("60", "average"): 0.66, ("60", "best_draw"): 0.66, ("6", "prior"): 0.6}
SHARES = ("density", "leap")  # whose change is told as a share
STATISTICS: dict[str, Callable[[Piece], float]] = {
    "in_key": ms.in_key,
    "repeats": ms.repeats,
    "density": ms.density,
    "bar_similarity": ms.bar_similarity,
    "leap": ms.leap,
}


def wins(report: Report, found: Sequence[Met]) -> None:
    """How often clips for the listener are preferred, over all listeners and by kind."""
    pairs = [(f"{votes}", rival) for votes in AT for rival in ("average", "best_draw", "prior")]
    pairs += [("knowing", "average"), ("knowing", "best_draw"), ("average", "prior")]
    for mine, theirs in pairs:
        won = np.array([one.wins(mine, theirs) for one in found])
        report.add(f"for_me.{mine}_vs_{theirs}", _mean(won, chance=0.5, reference=WANTED.get((mine, theirs))))
    for kind in KINDS:
        some = [one for one in found if one.mind.kind == kind]
        for mine, theirs in WANTED:
            won = np.array([one.wins(mine, theirs) for one in some])
            report.add(f"for_me.{kind}.{mine}_vs_{theirs}", _mean(won, chance=0.5))


def quality(report: Report, found: Sequence[Met]) -> None:
    """What clips for a listener after the most votes are like (``value``) beside what the prior draws (``baseline``).

    ``gap`` is the difference of the two within a listener, of density and leap as a share.
    """
    mine, drawn = ([[clip.piece for clip in one.clips[side]] for one in found] for side in (f"{max(AT)}", "prior"))
    for name, measure in STATISTICS.items():
        values, beside = ([finite_mean([measure(p) for p in pieces]) for pieces in side] for side in (mine, drawn))
        baseline = finite_mean(beside)
        report.add(f"for_me.quality.{name}", _mean(np.array(values), baseline=baseline))
        scale = baseline if name in SHARES else 1.0
        report.add(f"for_me.quality.{name}.gap", _mean((np.array(values) - np.array(beside)) / scale, baseline=0.0))


def ways(
    report: Report, found: Sequence[Met], real: Excerpts, judges: Judges | None, names: Sequence[str] = WAYS
) -> None:
    """What each way of choosing comes to, after each number of votes; figures beside ``real`` where there is music."""
    for votes in sorted(AT, reverse=True):
        prefix = "for_me" if votes == max(AT) else f"for_me.{votes}"
        for way in track(names, f"told after {votes} votes", console=Console(stderr=True)):
            side = way if way == "draw" else f"{way} {votes}"
            clips = [clip for one in found for clip in one.clips[side]]
            if way != "draw":
                won = np.array([one.wins(side, "draw") for one in found if one.clips[side]])
                report.add(f"{prefix}.{way}.wins", _mean(won, chance=0.5))
            elif votes != max(AT):
                continue  # they are the same
            else:
                report.add(f"{prefix}.{way}.wins", Metric(0.5, n=len(clips), chance=0.5))
            for name, metric in beside_real(clips, real, judges).items():
                report.add(f"{prefix}.{way}.{name}", metric)


def beside_real(clips: Sequence[Clip], real: Excerpts, judges: Judges | None) -> dict[str, Metric]:
    """``two_sample``, ``two_sample_matched``, ``bits`` and ``copied`` of clips; null where music is too little."""
    pieces, sources = [clip.piece for clip in clips], [clip.source for clip in clips]
    count = min(len(pieces), len(real.pieces))
    empty = Metric(None, n=0, chance=0.5)
    found = {"two_sample": empty, "two_sample_matched": empty}
    if min(len(set(sources[:count])), len(set(real.songs[:count]))) >= 2 * FOLDS:
        pieces, sources = pieces[:count], sources[:count]
        rows = {"two_sample": np.arange(count), "two_sample_matched": matched_rows(pieces, real.pieces)}
        for name, chosen in rows.items():
            songs = [*(real.songs[row] for row in chosen), *sources]
            right = two_sample_test([real.pieces[row] for row in chosen], pieces, songs)
            found[name] = mean_over_songs(songs, right, chance=0.5)
    if judges is not None and pieces:
        bits = bits_of(pieces, sources, judges, baseline=bits_of(real.pieces, real.songs, judges).value)
        copied = [float(judges.known.copied_bars(piece) > LONGEST_COPY_BARS) for piece in pieces]
        found |= {"bits": bits, "copied": mean_over_songs(sources, copied)}
    return found


def bits_of(pieces: Sequence[Piece], songs: Sequence[str], judges: Judges, baseline: float | None = None) -> Metric:
    """Bits a note of the top line under the domain's n-gram model."""
    if not pieces:
        return Metric(None)
    bits = [judges.melody.bits(melody_symbols(skyline(piece))) for piece in pieces]
    return ratio_over_songs(
        songs, [float(each.sum()) for each in bits], [float(len(each)) for each in bits], baseline=baseline
    )


def real_music(composer: Composer, data: Path | None) -> list[Piece]:
    """What was never trained on; none where no corpus is there. Ends the command where ``data`` holds no music."""
    if data is not None:
        with exit_without_music():
            return held_out_pieces(data, composer.bundle.folder)
    try:
        return held_out_pieces(None, composer.bundle.folder)
    except MusicError:
        return []


def judges_of(composer: Composer, domain: Domain) -> Judges | None:
    """Fitted to the corpora's training part; None where there is none."""
    try:
        training = corpora_parts(composer.bundle.folder)["train"]
    except MusicError:
        return None
    known = regular(piece for piece in training if piece.domain == domain)
    return Judges.fit(domain, known) if known else None


def halves(
    composer: Composer, space: TasteSpace, music: Sequence[Piece], *, domain: Domain, count: int, seed: int
) -> tuple[Excerpts, Searched | None]:
    """Real clips to tell composed ones from, and clips of other songs to choose among; none where there are none."""
    clips = real_excerpts(regular(piece for piece in music if piece.domain == domain), BARS, 2 * count, seed)
    names = np.random.default_rng(seed).permutation(np.unique(clips.songs))
    told = set(names[: len(names) // 2].tolist())
    reference = clips.some([row for row, song in enumerate(clips.songs) if song in told])
    drafts, sources = [], []
    for piece, song in zip(clips.pieces, clips.songs, strict=True):
        if song not in told:
            try:
                drafts.append(Draft(composer.encode(piece), piece))
            except MusicError:
                continue
            sources.append(f"song {song}")
    return reference, Searched.of(space, drafts, sources) if drafts else None


def _mean(
    values: FloatArray, *, baseline: float | None = None, chance: float | None = None, reference: float | None = None
) -> Metric:
    figure = bootstrap(values[np.isfinite(values)])
    return Metric(figure.value, figure.low, figure.high, figure.n, baseline, chance, reference)


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.for_me", description=__doc__)
    parser.add_argument("--model", default="default", help=MODEL_HELP)
    parser.add_argument("--data", type=Path, help="folder of MIDI and ABC files: real clips to tell composed ones from")
    parser.add_argument("--domain", choices=DOMAINS, default="pop")
    parser.add_argument("--shared", type=float, default=SHARED, help="of the variance of tastes, 0 to 1")
    parser.add_argument("--rule", choices=MEASURES, default="attributes", help="what listeners go by")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, help="of choosing, to compare")
    parser.add_argument("--clips", type=int, default=POOL, help="in the pool")
    parser.add_argument("--listeners", type=positive_int, default=LISTENERS, help="of the study")
    parser.add_argument("--limit", type=positive_int, default=EACH, help="listeners of each kind")
    parser.add_argument("--bank", type=positive_int, default=BANK, help="drafts to search")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    if not 0 <= arguments.shared <= 1:
        parser.error(f"--shared {arguments.shared:g} was given; 0 (nothing) to 1 (all) is allowed")
    torch.set_num_threads(1)
    composer = Composer(style_argument(arguments.model))
    music = real_music(composer, arguments.data)
    space, seed, measure = space_of(composer.bundle), arguments.seed, MEASURES[arguments.rule]
    pool = composed_pool(composer, space, arguments.domain, arguments.clips, seed, measure=measure)
    house, common = opened(
        composer, space, pool, listeners=arguments.listeners, seed=seed, shared=arguments.shared, measure=measure
    )
    drafts = draft_many(composer, arguments.domain, arguments.bank, 1_000_000 * (seed + 1) - 1)
    house.bank = Searched.of(space, drafts)
    reference, house.real = halves(composer, space, music, domain=arguments.domain, count=arguments.bank, seed=seed)
    found = everybody(house, common, arguments.limit, seed, shared=arguments.shared, ways=arguments.ways)
    report = Report(
        "evaluate.for_me",
        {"hash": pool.hash, "n": len(found), "domain": arguments.domain, "rule": arguments.rule},
        {
            "version": composer.version,
            "sha256": composer.bundle.card.get("sha256"),
            "writer": version_of(composer.writer),
        },
        seed,
    )
    wins(report, found)
    report.add("for_me.seconds", _mean(np.array([one.seconds for one in found])))
    quality(report, found)
    judges = judges_of(composer, arguments.domain) if reference.pieces else None
    if judges is not None:
        report.add("for_me.real.bits", bits_of(reference.pieces, reference.songs, judges))
    ways(report, found, reference, judges, arguments.ways)
    report.print()


if __name__ == "__main__":
    main()
