"""Quality of music from the prior beside real clips, and how fast it is composed."""

from __future__ import annotations

import time
from collections import Counter

import numpy as np

from models.experiments.report import Metric, Report, mean_over_songs
from models.metrics import music_statistics as ms
from models.metrics.intervals import finite_mean
from models.metrics.two_sample import FOLDS, shuffled, two_sample_test
from models.music.notes import DOMAINS, Piece
from models.style.compose import Composer
from models.style.evaluation.clips import BATCH, Clips, compose_all
from models.style.fingerprint import rejection_reason


def quality(report: Report, composer: Composer, clips: Clips, seed: int) -> None:
    """Music from the prior beside the real clips; adds ``quality.*`` and the share that would be thrown away.

    ``two_sample_decoder`` is the classifier on real clips encoded and written again: the part that isn't the prior's.
    """
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
    broken = [rejection_reason(p, composer.bundle.fingerprint) for p in made]
    reasons.update(reason for reason in broken if reason)
    kept = [p for p, reason in zip(made, broken, strict=True) if reason is None]
    names = [str(i) for i in range(len(kept))]
    for key, statistic in (
        ("in_key", ms.in_key), ("repeats", ms.repeats), ("density", ms.density), ("bar_similarity", ms.bar_similarity),
        ("leap", ms.leap),
    ):  # fmt: skip
        real = finite_mean([statistic(p) for p in clips.pieces])
        report.add(f"quality.{key}", mean_over_songs(names, [statistic(p) for p in kept], baseline=real))
    distance = float(np.abs(ms.onset_histogram(kept) - ms.onset_histogram(clips.pieces)).sum() / 2) if kept else None
    half = len(clips.pieces) // 2
    mixed = np.random.default_rng(seed).permutation(len(clips.pieces))
    one, two = ([clips.pieces[i] for i in part] for part in (mixed[:half], mixed[half:]))
    between = float(np.abs(ms.onset_histogram(one) - ms.onset_histogram(two)).sum() / 2)
    report.add("quality.onset_distance", Metric(distance, n=len(kept), baseline=between))
    rng = np.random.default_rng(seed)
    again = compose_all(composer, clips, seed=seed + 10_000)
    sounding = [i for i, p in enumerate(again) if len(p.notes)]
    others = {
        "two_sample": (kept, names),
        "two_sample_decoder": ([again[i] for i in sounding], [clips.songs[i] for i in sounding]),
        "shuffled_found": ([shuffled(p, rng) for p in clips.pieces], clips.songs),
    }
    for key, reference in (("two_sample", 0.65), ("two_sample_decoder", None), ("shuffled_found", 0.9)):
        pieces, songs = others[key][0], [*clips.songs, *others[key][1]]
        enough = min(len(set(clips.songs)), len(pieces)) >= 2 * FOLDS
        right = two_sample_test(clips.pieces, pieces, songs) if enough else None
        metric = mean_over_songs(songs, right, chance=0.5, reference=reference) if right is not None else Metric(None)
        report.add(f"quality.{key}", metric)
    runs = np.array([composer.bundle.fingerprint.copied_bars(p) for p in made])
    real_runs = np.array([composer.bundle.fingerprint.copied_bars(p) for p in clips.pieces])
    report.add(
        "quality.copied",
        mean_over_songs([str(i) for i in range(len(made))], runs > 2, baseline=float((real_runs > 2).mean())),
    )
    copied_bars = Metric(int(runs.max(initial=0)), n=len(runs), baseline=int(real_runs.max(initial=0)))
    report.add("quality.longest_copy_bars", copied_bars)
    thrown = np.array([reason is not None for reason in broken], dtype=float)
    real_broken = float(np.mean([rejection_reason(p) is not None for p in clips.pieces]))
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
