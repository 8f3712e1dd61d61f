"""How well beats and downbeats of performances are found, beside one steady tempo by autocorrelation."""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.progress import track

from models.experiments.report import Report, mean_over_songs
from models.metrics.beats import beat_f
from models.mood.beats.checkpoint import BeatBundle
from models.mood.beats.songs import corpus_files, read_all
from models.mood.beats.tracking import autocorrelated
from models.mood.beats.training import measured

REACH = {"beat_f": 0.90, "downbeat_f": 0.75}


def beats(report: Report, bundle: BeatBundle, limit: int) -> None:
    """On songs of Pop1K7 that were held out, where the corpus is there; adds ``beats.*``, baseline: the rival."""
    there = corpus_files()
    names = [name for name in bundle.held_out if name in there]
    some = np.random.default_rng(report.seed).permutation(len(names))[:limit]
    performances = read_all((names[row], there[names[row]]) for row in some)
    if not performances:
        return
    own, rival = [], []
    for _, played in track(performances, "beats", console=Console(stderr=True)):
        own.append(measured(bundle.network, played))
        plain = autocorrelated(played)
        rival.append((beat_f(plain.beats_s, played.beats_s), beat_f(plain.downbeats_s, played.downbeats_s)))
    songs = [name for name, _ in performances]
    for column, (name, reach) in enumerate(REACH.items()):
        ours, theirs = (np.array(each)[:, column] for each in (own, rival))
        report.add(f"beats.{name}", mean_over_songs(songs, ours, baseline=float(theirs.mean()), reference=reach))
