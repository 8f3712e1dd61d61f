"""Clips encoded and written again, and what that costs in bits; music from the prior: how good, how fast it comes."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from models.experiments.report import Metric, Report, mean_over_songs
from models.metrics import music_statistics as ms
from models.metrics.intervals import finite_mean
from models.metrics.two_sample import FOLDS, shuffled, two_sample_test
from models.music.notes import DOMAINS, Piece, skyline
from models.music.tokens import to_tokens
from models.style.compose import Composer
from models.style.evaluation.clips import BATCH, Clips, compose_all, donors_of
from models.style.features import bar_features, gather_notes
from models.style.fingerprint import rejection_reason
from models.style.latents import GROUPS
from models.style.layers import Posterior
from models.style.model import StyleModel
from models.style.windows import pad

NOISE = (1, 2, 3)  # times the posterior's standard deviation


def onset_pitch(piece: Piece) -> npt.NDArray[np.int32]:
    """Onsets and pitches ``(notes, 2)``."""
    return piece.notes[:, [0, 2]]


def reconstruction(report: Report, composer: Composer, clips: Clips, seed: int) -> list[Piece]:
    """Encode and decode; adds ``reconstruction.*``; the greedy reconstructions."""
    greedy = compose_all(composer, clips, seed=seed, temperature=0.0)
    sampled = compose_all(composer, clips, seed=seed)
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
    lines = [ms.note_f1(skyline(a), skyline(b)) for a, b in zip(greedy, clips.pieces, strict=True)]
    chroma = [ms.chroma_correlation(a, b) for a, b in zip(greedy, clips.pieces, strict=True)]
    report.add("reconstruction.onset_f1", mean_over_songs(clips.songs, onsets, reference=0.95))
    report.add("reconstruction.skyline_f1", mean_over_songs(clips.songs, lines))
    report.add("reconstruction.chroma_correlation", mean_over_songs(clips.songs, chroma, reference=0.97))
    whole = [ms.chroma_correlation(a, b, 2) for a, b in zip(greedy, clips.pieces, strict=True)]
    report.add("reconstruction.chroma_correlation_whole_bars", mean_over_songs(clips.songs, whole))
    report.add(
        "reconstruction.bits_per_bar",
        mean_over_songs(clips.songs, [bits(posterior_of(composer.model, p)) for p in clips.pieces]),
    )
    return greedy


def fidelity_curve(report: Report, composer: Composer, clips: Clips, seed: int) -> None:
    """Fidelity against bits; adds ``reconstruction.noise_K.{note_f1,bits_per_bar}``.

    Latents are drawn from the posterior with K times its standard deviation, which tells a clip in fewer bits.
    """
    generator = torch.Generator().manual_seed(seed)
    for times in NOISE:
        drawn, rates = [], []
        for piece in clips.pieces:
            posterior = wider(posterior_of(composer.model, piece), times)
            z = posterior.sample(generator).numpy()
            parts = np.split(z, np.cumsum([composer.model.config.latent[name] for name in GROUPS])[:-1], axis=1)
            drawn.append(replace(composer.encode(piece), groups=dict(zip(GROUPS, parts, strict=True))))
            rates.append(bits(posterior))
        made = compose_all(composer, clips, seed=seed, temperature=0.0, encoded=drawn)
        found = [ms.note_f1(onset_pitch(a), onset_pitch(b)) for a, b in zip(made, clips.pieces, strict=True)]
        report.add(f"reconstruction.noise_{times}.note_f1", mean_over_songs(clips.songs, found))
        report.add(f"reconstruction.noise_{times}.bits_per_bar", mean_over_songs(clips.songs, rates))


@torch.inference_mode()
def posterior_of(model: StyleModel, piece: Piece) -> Posterior:
    """The posterior over the latents of a clip's bars."""
    return model.encode(bar_features(gather_notes(pad([to_tokens(piece)]), len(piece.bars))))


def wider(posterior: Posterior, times: float) -> Posterior:
    """The posterior with so many times its standard deviation, though no more than the prior's, which says nothing."""
    most = posterior.log_variance.clamp(min=0)
    return replace(posterior, log_variance=torch.minimum(posterior.log_variance + 2 * np.log(times), most))


def bits(posterior: Posterior) -> float:
    """KL to N(0, 1) in bits a bar: the rate at which a clip is told."""
    return float(posterior.kl().sum(-1).mean()) / float(np.log(2))


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
