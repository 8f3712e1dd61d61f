"""What the network says of music turned up, buried in noise, played backwards, and of sounds that are no music."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from models.experiments.report import Metric, Report, mean_over_songs
from models.metrics.intervals import bootstrap
from models.music.decoding import Samples
from models.rating.checkpoint import RatingBundle
from models.rating.mel_bands import SAMPLE_RATE_HZ
from models.rating.noises import LEARNED, UNSEEN, coloured
from models.rating.sound import Sound, checked
from models.rating.spectrogram import log_mel

Floats = npt.NDArray[np.float64]
Change = Callable[[Samples, np.random.Generator], Samples]
Rate = Callable[[npt.NDArray[np.float32]], float]

EXCERPT_S = 10.0
MOST = 40  # tracks that are changed
EACH = 8  # sounds of each kind of noise


def noisy(decibels: float) -> Change:
    """Under white noise that is ``decibels`` softer than the music."""

    def change(samples: Samples, rng: np.random.Generator) -> Samples:
        noise = coloured(len(samples) / SAMPLE_RATE_HZ, rng)[: len(samples)]
        level = np.sqrt(np.mean(samples**2)) / np.sqrt(np.mean(noise**2)) * 10 ** (-decibels / 20)
        return np.asarray(samples[: len(noise)] + noise * level, dtype=np.float32)

    return change


def half_silent(samples: Samples, rng: np.random.Generator) -> Samples:
    """Followed by as much silence."""
    del rng
    return np.concatenate([samples, np.zeros_like(samples)])


CHANGES: Mapping[str, Change] = {
    "louder_12_db": lambda samples, _: samples * np.float32(4),
    "softer_12_db": lambda samples, _: samples * np.float32(0.25),
    "noise_20_db": noisy(20),
    "noise_10_db": noisy(10),
    "noise_0_db": noisy(0),
    "reversed": lambda samples, _: np.ascontiguousarray(samples[::-1]),
    "half_silent": half_silent,
}


def piano_chord(seconds: float = 4.0) -> Samples:
    """A chord of partials that die away, the higher the sooner."""
    time = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    sound = np.zeros(len(time))
    for pitch in (48, 55, 60, 64, 67):
        base = 440 * 2 ** ((pitch - 69) / 12)
        for k in range(1, 12):
            sharp = base * k * np.sqrt(1 + 0.0004 * k * k)
            if sharp < SAMPLE_RATE_HZ / 2:
                sound += np.sin(2 * np.pi * sharp * time + k) * np.exp(-time * (0.6 + 0.35 * k)) / k**1.3
    return np.asarray(0.2 * sound / np.abs(sound).max(), dtype=np.float32)


def report_responses(
    report: Report,
    bundle: RatingBundle,
    sounds: Sequence[Sound],
    rated: Sequence[Rate],
) -> None:
    """``rating.response.NAME.{p,outlier}``: the change of p and the share that is called unlike anything heard.

    ``rated[i]`` rates a picture by networks that have not learned from ``sounds[i]``.
    """
    rng = np.random.default_rng([report.seed, 17])
    rows = rng.permutation(len(sounds))[:MOST]
    length = int(EXCERPT_S * SAMPLE_RATE_HZ)
    excerpts = [sounds[row].samples[:length] for row in rows]
    names = [str(row) for row in rows]
    plain = [log_mel(each) for each in excerpts]
    before = np.array([rated[row](picture) for row, picture in zip(rows, plain, strict=True)])
    report.add("rating.response.music.p", _mean(before))
    alarms = np.array([bundle.heard.score(picture) > 1 for picture in plain], float)
    report.add("rating.response.music.outlier", _mean(alarms))
    for name, change in CHANGES.items():
        changed = [log_mel(checked(change(each, rng), SAMPLE_RATE_HZ).samples) for each in excerpts]
        after = np.array([rated[row](picture) for row, picture in zip(rows, changed, strict=True)])
        report.add(f"rating.response.{name}.p", mean_over_songs(names, after - before))
        alarms = np.array([bundle.heard.score(picture) > 1 for picture in changed], float)
        report.add(f"rating.response.{name}.outlier", _mean(alarms))
    kinds = {**LEARNED, **UNSEEN}
    raw, ranked = [], []
    for name, noise in kinds.items():
        pictures = [log_mel(noise(EXCERPT_S, rng)) for _ in range(EACH)]
        p = bundle.rate(pictures)
        strange = np.array([bundle.heard.score(picture) > 1 for picture in pictures])
        report.add(f"rating.response.{name}.p", _mean(p))
        report.add(f"rating.response.{name}.outlier", _mean(strange.astype(float)))
        raw.append((p[:, None] > before).mean())
        ranked.append(((p[:, None] > before) & ~strange[:, None]).mean())
    report.add(
        "rating.noise_above_music", Metric(float(np.mean(ranked)), n=len(kinds) * EACH, baseline=float(np.mean(raw)))
    )
    chord = log_mel(piano_chord())
    report.add("rating.response.piano_chord.p", Metric(float(bundle.rate([chord])[0]), n=1))
    report.add("rating.response.piano_chord.outlier", Metric(float(bundle.heard.score(chord) > 1), n=1))


def _mean(values: Floats) -> Metric:
    found = bootstrap(values)
    return Metric(found.value, found.low, found.high, found.n)
