"""Evaluate a style model on songs that it never saw: ``python -m models.evaluate.style [--data DIR] [--model PATH]``.

Reconstruction (8 bars encoded and decoded, free running), swaps of every style group, quality of music from the prior
beside real held-out clips, and speed. Music given with ``--data`` is all test data; otherwise the test part of the
corpora's split is used. Definitions: the project's contracts, ``models.metrics.music_statistics``.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import spearmanr

from models.evaluate.clips import Clips, choose_clips, donors_of, pieces_to_test
from models.evaluate.report import Metric, Report, finite_mean, mean_over_songs, over_songs
from models.metrics import music_statistics as ms
from models.music.notes import DOMAINS, MusicError, Piece
from models.music.tokens import to_tokens
from models.style.checkpoint import load_style
from models.style.compose import Composer
from models.style.features import bar_features, gather_notes
from models.style.latents import STYLE_GROUPS
from models.style.release import data_hash
from models.style.screen import why_broken
from models.style.windows import make_windows, pad

ATTRIBUTE = {
    "rhythm": "onsets_per_bar", "register": "mean_pitch", "harmony": "mode", "dynamics": "mean_velocity",
    "tempo": "tempo_bpm", "texture": "notes_per_onset",
}  # fmt: skip
BATCH = 24
AMONG = 100
SLOTS = 16
Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.str_]


def compose_all(
    composer: Composer,
    clips: Clips,
    *,
    seed: int,
    temperature: float,
    styles: dict[str, npt.NDArray[np.int64]] | None = None,
) -> list[Piece]:
    """Each clip composed again, with the groups of ``styles`` taken from the clips of the given indices."""
    encoded = [composer.encode(p) for p in clips.pieces]
    order = np.argsort([len(p.notes) for p in clips.pieces], kind="stable")
    out: dict[int, Piece] = {}
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        plans = [
            composer.plan(
                domain=clips.domains[i],
                content=encoded[i],
                styles={name: encoded[donors[i]] for name, donors in (styles or {}).items()},
                seed=seed + int(i),
                temperature=temperature,
            )
            for i in rows
        ]
        out |= dict(zip(rows.tolist(), composer.compose(plans), strict=True))
    return [out[i] for i in range(len(clips.pieces))]


def onset_pitch(piece: Piece) -> npt.NDArray[np.int32]:
    """Onsets and pitches ``(notes, 2)``."""
    return piece.notes[:, [0, 2]]


def reconstruction(report: Report, composer: Composer, clips: Clips, seed: int) -> list[Piece]:
    """Encode and decode; adds ``reconstruction.*``; the greedy reconstructions."""
    greedy = compose_all(composer, clips, seed=seed, temperature=0.0)
    sampled = compose_all(composer, clips, seed=seed, temperature=0.9)
    wanted = [onset_pitch(p) for p in clips.pieces]
    f1 = np.array([ms.note_f1(onset_pitch(a), b) for a, b in zip(greedy, wanted, strict=True)])
    drawn = np.array([ms.note_f1(onset_pitch(a), b) for a, b in zip(sampled, wanted, strict=True)])
    later = [ms.note_f1(onset_pitch(a), b) if a else np.nan for a, b in zip(clips.later, wanted, strict=True)]
    random = [ms.note_f1(wanted[i], wanted[j]) for i, j in enumerate(donors_of(clips, seed + 7))]
    for name, values, reference in (("", f1, 0.53), (".sampled", drawn, 0.48)):
        metric = mean_over_songs(
            clips.songs, values, baseline=finite_mean(later), chance=float(np.mean(random)), reference=reference
        )
        report.add(f"reconstruction{name}.note_f1", metric)
    for domain in DOMAINS:
        rows = clips.of(domain)
        if len(rows):
            songs = [clips.songs[i] for i in rows]
            baseline = finite_mean(np.array(later)[rows])
            report.add(f"reconstruction.{domain}.note_f1", mean_over_songs(songs, f1[rows], baseline=baseline))
    onsets = [ms.note_f1(a.notes[:, 0], b.notes[:, 0]) for a, b in zip(greedy, clips.pieces, strict=True)]
    lines = [ms.note_f1(ms.skyline(a), ms.skyline(b)) for a, b in zip(greedy, clips.pieces, strict=True)]
    chroma = [ms.chroma_correlation(a, b) for a, b in zip(greedy, clips.pieces, strict=True)]
    report.add("reconstruction.onset_f1", mean_over_songs(clips.songs, onsets, reference=0.95))
    report.add("reconstruction.skyline_f1", mean_over_songs(clips.songs, lines))
    report.add("reconstruction.chroma_correlation", mean_over_songs(clips.songs, chroma, reference=0.97))
    report.add("reconstruction.bits_per_bar", mean_over_songs(clips.songs, bits_per_bar(composer, clips)))
    return greedy


@torch.inference_mode()
def bits_per_bar(composer: Composer, clips: Clips) -> Floats:
    """KL from the posterior to N(0, 1) of each clip, in bits a bar: the rate at which a clip is told."""
    rates = []
    for piece in clips.pieces:
        posterior = composer.model.encode(bar_features(gather_notes(pad([to_tokens(piece)]), len(piece.bars))))
        rates.append(float(posterior.kl().sum(-1).mean()) / np.log(2))
    return np.array(rates)


def melody(piece: Piece) -> npt.NDArray[np.int64]:
    """Pitch of the skyline at 16 places a bar, held through rests: ``(bars * 16,)``."""
    line = ms.skyline(piece)
    places = np.concatenate([b[0] + b[1] * np.arange(SLOTS) // SLOTS for b in piece.bars])
    if len(line) == 0:
        return np.zeros(len(places), dtype=np.int64)
    held: npt.NDArray[np.int64] = line[np.clip(np.searchsorted(line[:, 0], places, side="right") - 1, 0, None), 1]
    return held


def melody_likeness(one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> float:
    """Share of places where two melodies agree in pitch class, in the best of the twelve transpositions."""
    n = min(len(one), len(other))
    shift = (one[:n] - other[:n]) % 12
    return float(np.bincount(shift, minlength=12).max() / max(1, n))


def found_among(results: list[Piece], clips: Clips, seed: int) -> Floats:
    """1 where the original is the likest by melody among ``AMONG`` clips of its domain; ties count in part."""
    rng = np.random.default_rng(seed)
    originals = [melody(p) for p in clips.pieces]
    hits = np.empty(len(results))
    for i, result in enumerate(results):
        others = [j for j in clips.of(clips.domains[i]) if clips.songs[j] != clips.songs[i]]
        chosen = rng.permutation(np.array(others, dtype=np.int64))[: AMONG - 1]
        own = melody(result)
        target = melody_likeness(own, originals[i])
        scores = np.array([melody_likeness(own, originals[j]) for j in chosen])
        hits[i] = 0.0 if (scores > target).any() else 1 / (1 + (scores == target).sum())
    return hits


def correlation(x: Floats, y: Floats, domains: Labels) -> float:
    """Spearman over the clips of each domain, averaged by their number; domains where nothing varies are left out.

    Within domains, since donors come from the same one: how pop differs from dance tunes would count as success.
    """
    total = weight = 0.0
    for domain in DOMAINS:
        rows = domains == domain
        if rows.sum() < 8 or np.ptp(x[rows]) < 1e-6 or np.ptp(y[rows]) < 1e-6:
            continue
        if len(np.unique(x[rows])) < 0.1 * rows.sum():  # a velocity that all tunes share tells nothing
            continue
        total += rows.sum() * float(spearmanr(x[rows], y[rows]).statistic)
        weight += rows.sum()
    return total / weight if weight else float("nan")


def swaps(report: Report, composer: Composer, clips: Clips, greedy: list[Piece], seed: int) -> None:
    """Each style group from another clip onto every content; adds ``swap.*`` and ``drift.*``."""
    domains = np.array(clips.domains)
    plain = compose_all(composer, clips, seed=seed + 10_000, temperature=0.9)
    again = compose_all(composer, clips, seed=seed + 20_000, temperature=0.9)
    real = {name: np.array([ms.attributes(p)[a] for p in clips.pieces]) for name, a in ATTRIBUTE.items()}
    spread = {name: sd if (sd := float(values.std())) > 1e-6 else np.nan for name, values in real.items()}
    base = {name: np.array([ms.attributes(p)[a] for p in plain]) for name, a in ATTRIBUTE.items()}
    noise = {
        n: np.abs(np.array([ms.attributes(p)[a] for p in again]) - base[n]) / spread[n] for n, a in ATTRIBUTE.items()
    }
    kept_plain = np.array([ms.note_f1(ms.skyline(a), ms.skyline(b)) for a, b in zip(plain, clips.pieces, strict=True)])
    for group in STYLE_GROUPS:
        donors = donors_of(clips, seed + STYLE_GROUPS.index(group))
        results = compose_all(composer, clips, seed=seed + 10_000, temperature=0.9, styles={group: donors})
        got = {name: np.array([ms.attributes(p)[a] for p in results]) for name, a in ATTRIBUTE.items()}
        asked = real[group][donors]
        if group == "harmony":
            match = np.array([ms.chroma_correlation(clips.pieces[d], r) for d, r in zip(donors, results, strict=True)])
            before = np.array([ms.chroma_correlation(clips.pieces[d], r) for d, r in zip(donors, plain, strict=True)])
            own = mean_over_songs(clips.songs, match, baseline=float(before.mean()), reference=0.93)
        else:
            own = over_songs(
                clips.songs,
                partial(_correlation_of, asked, got[group], domains),
                draws=200,
                baseline=correlation(asked, base[group], domains),
                chance=0.0,
                reference=0.97,
            )
        report.add(f"swap.{group}.own", own)
        others = [name for name in STYLE_GROUPS if name != group]
        strengths = {name: correlation(asked, got[name], domains) for name in others}
        chance = {name: correlation(asked, base[name], domains) for name in others}
        worst = max(others, key=lambda name: abs(np.nan_to_num(strengths[name])))
        report.add(
            f"swap.{group}.max_other",
            Metric(abs(strengths[worst]), n=len(asked), baseline=max(abs(np.nan_to_num(v)) for v in chance.values())),
        )
        kept = np.array([_tune_kept(r, p, group) for r, p in zip(results, clips.pieces, strict=True)])
        ratio = float(kept.mean() / kept_plain.mean()) if kept_plain.any() else None
        report.add(f"swap.{group}.melody_kept", Metric(ratio, n=len(kept), reference=0.8))
        report.add(
            f"swap.{group}.original_found",
            mean_over_songs(clips.songs, found_among(results, clips, seed), chance=1 / AMONG, reference=0.9),
        )
        for name in others:
            drift = np.abs(got[name] - base[name]) / spread[name]
            report.add(
                f"drift.{group}.{name}.sd", mean_over_songs(clips.songs, drift, baseline=float(noise[name].mean()))
            )
    found = mean_over_songs(clips.songs, found_among(greedy, clips, seed), chance=1 / AMONG)
    report.add("reconstruction.original_found", found)


def _correlation_of(asked: Floats, made: Floats, domains: Labels, rows: npt.NDArray[np.int64]) -> float:
    return correlation(asked[rows], made[rows], domains[rows])


def _tune_kept(result: Piece, original: Piece, group: str) -> float:
    """Skyline note-F1; octaves don't count where the register was swapped."""
    a, b = ms.skyline(result), ms.skyline(original)
    if group == "register":
        a[:, 1] %= 12
        b[:, 1] %= 12
    return ms.note_f1(a, b)


def quality(report: Report, composer: Composer, clips: Clips, seed: int) -> None:
    """Music from the prior beside the real clips; adds ``quality.*`` and the share that would be thrown away."""
    made: list[Piece] = []
    reasons: Counter[str] = Counter()
    counts = Counter(clips.domains)
    for domain, count in counts.items():
        for start in range(0, count, BATCH):
            seeds = [
                seed * 1_000_000 + DOMAINS.index(domain) * 100_000 + start + k for k in range(min(BATCH, count - start))
            ]
            plans = [composer.plan(domain=domain, content=None, styles={}, seed=s) for s in seeds]
            made += composer.compose(plans)
    broken = [why_broken(p, composer.bundle.fingerprint) for p in made]
    reasons.update(reason for reason in broken if reason)
    kept = [p for p, reason in zip(made, broken, strict=True) if reason is None]
    names = [str(i) for i in range(len(kept))]
    for key, statistic in (
        ("in_key", ms.in_key), ("repeats", ms.repeats), ("density", ms.density), ("bar_similarity", ms.bar_similarity),
    ):  # fmt: skip
        real = finite_mean([statistic(p) for p in clips.pieces])
        report.add(f"quality.{key}", mean_over_songs(names, [statistic(p) for p in kept], baseline=real))
    distance = float(np.abs(ms.onset_histogram(kept) - ms.onset_histogram(clips.pieces)).sum() / 2) if kept else None
    half = len(clips.pieces) // 2
    shuffled = np.random.default_rng(seed).permutation(len(clips.pieces))
    one, two = ([clips.pieces[i] for i in part] for part in (shuffled[:half], shuffled[half:]))
    between = float(np.abs(ms.onset_histogram(one) - ms.onset_histogram(two)).sum() / 2)
    report.add("quality.onset_distance", Metric(distance, n=len(kept), baseline=between))
    runs = np.array([composer.bundle.fingerprint.copied_bars(p) for p in made])
    real_runs = np.array([composer.bundle.fingerprint.copied_bars(p) for p in clips.pieces])
    report.add(
        "quality.copied",
        mean_over_songs([str(i) for i in range(len(made))], runs > 2, baseline=float((real_runs > 2).mean())),
    )
    thrown = np.array([reason is not None for reason in broken], dtype=float)
    real_broken = float(np.mean([why_broken(p) is not None for p in clips.pieces]))
    report.add("quality.thrown_away", mean_over_songs([str(i) for i in range(len(made))], thrown, baseline=real_broken))
    print("thrown away:", dict(reasons) or "none", f"of {len(made)}")


def speed(report: Report, composer: Composer, seed: int) -> None:
    """Seconds to compose one clip and eight at once, notes only, from the prior; median of five after a warm-up."""
    for count in (1, 8):
        seconds = []
        for turn in range(6):
            started = time.perf_counter()
            plans = [
                composer.plan(domain="pop", content=None, styles={}, seed=seed + turn * 8 + k) for k in range(count)
            ]
            composer.compose(plans)
            seconds.append(time.perf_counter() - started)
        report.add(f"compose.seconds_{count}", Metric(float(np.median(seconds[1:])), n=5))


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.style", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of MIDI and ABC files, all of it test data")
    parser.add_argument("--model", default="default", help="a shipped style model or a folder with card.json")
    parser.add_argument("--limit", type=int, default=500, help="held-out clips")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    composer = Composer(load_style(arguments.model))
    try:
        pieces = pieces_to_test(arguments.data, composer.bundle.folder)
        clips = choose_clips(make_windows(pieces), arguments.limit, arguments.seed)
    except MusicError as error:
        raise SystemExit(f"nothing to evaluate on: {error}") from error
    report = Report(
        "evaluate.style",
        {"hash": data_hash(pieces), "n": len(clips.pieces)},
        {"version": composer.version, "sha256": composer.bundle.card.get("sha256", {}).get("style")},
        arguments.seed,
    )
    greedy = reconstruction(report, composer, clips, arguments.seed)
    swaps(report, composer, clips, greedy, arguments.seed)
    quality(report, composer, clips, arguments.seed)
    speed(report, composer, arguments.seed)
    report.print()


if __name__ == "__main__":
    main()
