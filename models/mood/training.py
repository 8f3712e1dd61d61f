"""Training judges of mood, and how often they are right about clips of songs that they were not trained on.

A judge learns from each clip with some variants of it: one network a fold of the songs, and a temperature for all.
Judges stand next to rivals on the same folds. A linear probe reads mood from each group of latents of held-out clips,
song by song.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.progress import track
from scipy.stats import spearmanr
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.nn import functional as F

from models.experiments.optimisation import rise_and_fall, share_done
from models.experiments.report import Metric, Report, mean_over_songs, over_songs
from models.mood.judge import (
    FEATURES,
    HAND_MADE,
    Judge,
    MoodBundle,
    MoodNetwork,
    Moods,
    drawn_variant,
    hand_made,
    named_statistics,
)
from models.mood.labels import QUADRANTS, Labelled, digest, emopia
from models.music.notes import MusicError
from models.style.compose import Composer
from models.style.evaluation.clips import Clips
from models.style.latents import GROUPS, Latents

BATCH = 128
WARM_UP = 20
TEMPERATURES = np.geomspace(0.4, 2.5, 60)

Floats = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

PUBLISHED = {"quadrant": 0.684, "valence": 0.833, "arousal": 0.882}  # EMOPIA's LSTM with attention, 86 clips
CHANCE = {"quadrant": 0.25, "valence": 0.5, "arousal": 0.5}
TREES, LEAF, OF_FEATURES = 400, 2, 0.3
BINS = 10

FOLDS = 5
STRENGTH = 0.1  # of the probe's fit beside its penalty: there are few clips


@dataclass(frozen=True)
class Preset:
    """Variants of each clip, passes over them and sizes."""

    variants: int
    epochs: int
    hidden: int
    members: int
    learning_rate: float = 3e-3
    weight_decay: float = 0.05
    smoothing: float = 0.05


PRESETS: Mapping[str, Preset] = {
    "tiny": Preset(1, 80, 8, 2),
    "cpu": Preset(6, 30, 48, 4),
    "gpu": Preset(16, 30, 96, 16),
}


def heard(labelled: Labelled, variants: int, *, seed: int) -> dict[str, Floats]:
    """Features of each judge ``(pieces, 1 + variants, features)``: of the piece itself, then of its variants."""
    rng = np.random.default_rng(seed)
    features_of_judges: dict[str, list[list[Floats]]] = {name: [] for name in FEATURES}
    for piece in track(labelled.pieces, "clips", console=Console(stderr=True)):
        versions = [piece, *(drawn_variant(piece, rng) for _ in range(variants))]
        for name, features in FEATURES.items():
            features_of_judges[name].append([features(version) for version in versions])
    return {name: np.array(each) for name, each in features_of_judges.items()}


def fit(features: Floats, quadrant: IntArray, preset: Preset, *, seed: int) -> MoodNetwork:
    """A network of pieces' features ``(pieces, versions, features)`` and quadrants ``(pieces,)``."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = MoodNetwork(features.shape[2], preset.hidden, preset.members).train()
    network.mean.copy_(torch.from_numpy(features[:, 0].mean(0)))
    network.deviation.copy_(torch.from_numpy(features[:, 0].std(0) + 1e-6))
    x = torch.from_numpy(features.reshape(-1, features.shape[2]).astype(np.float32))
    y = torch.from_numpy(np.repeat(quadrant, features.shape[1]))
    optimiser = torch.optim.AdamW(network.parameters(), lr=preset.learning_rate, weight_decay=preset.weight_decay)
    batches = max(1, len(x) // BATCH)
    for epoch in range(preset.epochs):
        for place, rows in enumerate(np.array_split(rng.permutation(len(x)), batches)):
            step = epoch * batches + place
            rate = rise_and_fall(preset.learning_rate, step, share_done(step, preset.epochs * batches), warm_up=WARM_UP)
            for group in optimiser.param_groups:
                group["lr"] = rate
            logits = network(x[rows])
            wanted = y[rows].expand(len(logits), -1).reshape(-1)
            loss = F.cross_entropy(logits.flatten(0, 1), wanted, label_smoothing=preset.smoothing)
            optimiser.zero_grad()
            torch.autograd.backward(loss * len(logits))
            optimiser.step()
    return network.eval()


def folds_of(quadrant: IntArray, songs: Sequence[str], *, seed: int) -> IntArray:
    """The fold of each piece: no song in two of them, the quadrants in each as in all. Raises ``MusicError``."""
    if len(set(songs)) < FOLDS:
        raise MusicError(f"there are {len(set(songs))} songs; {FOLDS} are needed to hold out a fifth of them")
    if (most := int(np.unique(quadrant, return_counts=True)[1].max())) < FOLDS:
        raise MusicError(f"no quadrant has more than {most} pieces; {FOLDS} of one are needed to hold out a fifth")
    folds = np.zeros(len(quadrant), dtype=np.int64)
    split = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for number, (_, rows) in enumerate(split.split(quadrant, quadrant, list(songs))):
        folds[rows] = number
    return folds


@dataclass(frozen=True)
class Crossfit:
    """The networks of all folds, the fold of each piece, and what was said of pieces that were not learned from."""

    networks: list[MoodNetwork]
    fold: IntArray
    moods: Moods

    def judge(self, features: str, labelled: Labelled) -> Judge:
        """The judge that these networks are."""
        folds = {digest(piece): int(fold) for piece, fold in zip(labelled.pieces, self.fold, strict=True)}
        return Judge(features, self.networks, folds)


def crossfit(features: Floats, quadrant: IntArray, fold: IntArray, preset: Preset, *, seed: int) -> Crossfit:
    """A network for each fold on all the others, at the temperature that is best on pieces it has not heard."""
    networks = [
        fit(features[fold != number], quadrant[fold != number], preset, seed=1000 * seed + number)
        for number in range(int(fold.max()) + 1)
    ]

    def told() -> Floats:
        found = np.zeros((len(quadrant), 4))
        for number, network in enumerate(networks):
            found[fold == number] = network.probabilities(features[fold == number, 0])
        return found

    costs = []
    for temperature in TEMPERATURES:
        for network in networks:
            network.temperature.fill_(float(temperature))
        costs.append(-np.log(told()[np.arange(len(quadrant)), quadrant]).mean())
    for network in networks:
        network.temperature.fill_(float(TEMPERATURES[int(np.argmin(costs))]))
    return Crossfit(networks, fold, Moods(told()))


def right(labelled: Labelled, moods: Moods) -> dict[str, Floats]:
    """1 where the quadrant, or the sign of valence or arousal, is what people said, else 0; NaN where nobody said."""
    quadrant = labelled.quadrant
    hits = {"quadrant": np.where(quadrant < 0, np.nan, moods.quadrant.argmax(1) == quadrant)}
    for name, said, judged in (
        ("valence", labelled.valence, moods.valence),
        ("arousal", labelled.arousal, moods.arousal),
    ):
        hits[name] = np.where((said == 0) | np.isnan(said), np.nan, (judged > 0) == (said > 0))
    return {name: each.astype(np.float64) for name, each in hits.items()}


def figures(labelled: Labelled, moods: Moods, seed: int) -> dict[str, Metric]:
    """Shares that are right, and rank correlations of valence and arousal, with intervals over songs."""
    found = {}
    for name, values in right(labelled, moods).items():
        rows = np.flatnonzero(np.isfinite(values))
        songs = [labelled.songs[row] for row in rows]
        known = values[rows]
        found[name] = over_songs(
            songs, partial(_mean, known), seed=seed, baseline=majority(labelled, name), chance=CHANCE[name]
        )
    for name, said, judged in (
        ("valence", labelled.valence, moods.valence),
        ("arousal", labelled.arousal, moods.arousal),
    ):
        rows = np.flatnonzero(np.isfinite(said))
        songs = [labelled.songs[row] for row in rows]
        along = partial(_rank_correlation, said[rows], judged[rows])
        found[f"{name}.spearman"] = over_songs(songs, along, seed=seed, chance=0.0)
    return found


def majority(labelled: Labelled, name: str) -> float | None:
    """The share that always saying the commonest would have right."""
    said = {"quadrant": labelled.quadrant.astype(np.float64), "valence": labelled.valence, "arousal": labelled.arousal}
    values = said[name]
    known = values[values >= 0] if name == "quadrant" else np.sign(values[np.isfinite(values) & (values != 0)])
    return float(np.unique(known, return_counts=True)[1].max() / len(known)) if len(known) else None


def judged_folder(report: Report, labelled: Labelled, said: Mapping[str, Moods]) -> None:
    """A judge that is given on music that it does not know; ``said`` has ``both`` first, then each alone."""
    for name, moods in said.items():
        for figure, metric in figures(labelled, moods, report.seed).items():
            report.add(f"mood.judge.{figure}" if name == "both" else f"mood.judge.{name}.{figure}", metric)


def hand_made_rival(labelled: Labelled) -> Moods:
    """What a logistic regression on five features says, fitted on the clips of EMOPIA that are not among ``labelled``.

    Raises ``MusicError`` where EMOPIA is not there.
    """
    known = {digest(piece) for piece in labelled.pieces}
    clips = emopia()
    clips = clips.taken([row for row, piece in enumerate(clips.pieces) if digest(piece) not in known])
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    model.fit(np.array([hand_made(piece) for piece in clips.pieces]), clips.quadrant)
    return Moods(model.predict_proba(np.array([hand_made(piece) for piece in labelled.pieces])))


def crossfitted(report: Report, labelled: Labelled, preset: Preset, seeds: int) -> None:
    """Judges and rivals on the folds of several seeds; adds ``mood.judge.*``.

    Each clip has as many answers as there are seeds, and the interval is over songs.
    """
    features = heard(labelled, preset.variants, seed=report.seed)
    plain = {name: each[:, 0] for name, each in features.items()}
    names = list(named_statistics(labelled.pieces[0]))
    five = plain["first"][:, [names.index(name) for name in HAND_MADE]]
    quadrant = labelled.quadrant
    said: dict[str, list[Moods]] = {}
    for seed in range(report.seed, report.seed + seeds):
        fold = folds_of(quadrant, labelled.songs, seed=seed)
        own = {name: crossfit(each, quadrant, fold, preset, seed=seed).moods for name, each in features.items()}
        fitted = {
            "hand_made": _told(_logistic(1.0), five, quadrant, fold),
            "logistic": _told(_logistic(0.03), plain["first"], quadrant, fold),
            "trees": _told(partial(_trees, seed), plain["first"], quadrant, fold),
        }
        for name, moods in {"both": Moods.mean([*own.values()]), **own, **fitted}.items():
            said.setdefault(name, []).append(moods)
    whose = [song for _ in range(seeds) for song in labelled.songs]
    values = {
        name: {figure: np.concatenate([right(labelled, moods)[figure] for moods in each]) for figure in CHANCE}
        for name, each in said.items()
    }
    for name, each in values.items():
        for figure, found in each.items():
            metric = over_songs(
                whose,
                partial(_mean, found),
                seed=report.seed,
                baseline=majority(labelled, figure) if name != "both" else float(values["hand_made"][figure].mean()),
                chance=CHANCE[figure],
                reference=PUBLISHED[figure],
            )
            report.add(f"mood.judge.{figure}" if name == "both" else f"mood.judge.{name}.{figure}", metric)
    for figure in CHANCE:
        paired = values["both"][figure] - values["hand_made"][figure]
        report.add(
            f"mood.judge.{figure}.less_hand_made",
            over_songs(whose, partial(_mean, paired), seed=report.seed, chance=0.0),
        )
    report.add("mood.judge.calibration_error", Metric(_calibration(said["both"], quadrant), n=len(whose)))


def _told(make: Callable[[], object], x: Floats, quadrant: IntArray, fold: IntArray) -> Moods:
    """What a classifier says of the clips of each fold, fitted on the others."""
    probabilities = np.zeros((len(quadrant), len(QUADRANTS)))
    for number in np.unique(fold):
        model = make()
        model.fit(x[fold != number], quadrant[fold != number])  # type: ignore[attr-defined]
        probabilities[fold == number] = model.predict_proba(x[fold == number])  # type: ignore[attr-defined]
    return Moods(probabilities)


def _logistic(c: float) -> Callable[[], object]:
    return lambda: make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=500))


def _trees(seed: int) -> object:
    return ExtraTreesClassifier(TREES, min_samples_leaf=LEAF, max_features=OF_FEATURES, random_state=seed)


def _mean(values: Floats, rows: IntArray) -> float:
    return float(values[rows].mean())


def _rank_correlation(said: Floats, judged: Floats, rows: IntArray) -> float:
    if np.ptp(said[rows]) == 0 or np.ptp(judged[rows]) == 0:
        return float("nan")
    return float(spearmanr(said[rows], judged[rows]).statistic)


def _calibration(said: list[Moods], quadrant: IntArray) -> float:
    """How far the chance of the likeliest quadrant is from how often it is right: ten bins of equal count."""
    chance = np.concatenate([moods.quadrant.max(1) for moods in said])
    hit = np.concatenate([moods.quadrant.argmax(1) == quadrant for moods in said])
    bins = np.array_split(np.argsort(chance, kind="stable"), BINS)
    return float(sum(len(rows) * abs(chance[rows].mean() - hit[rows].mean()) for rows in bins) / len(chance))


def probe(report: Report, bundle: MoodBundle, composer: Composer, clips: Clips) -> None:
    """Adds ``mood.probe.GROUP.{valence,arousal}``: how often a logistic regression says which half a clip is in.

    The halves are those above and below the median of what both judges say. It reads the mean and the spread over bars
    of a group's latents, and has learned from other songs.
    """
    said = bundle.judge(clips.pieces)
    latents = [composer.encode(piece) for piece in clips.pieces]
    songs = np.array(clips.songs)
    few = len(set(clips.songs)) < FOLDS
    for group in GROUPS:
        inputs = np.stack([_of_group(each, group) for each in latents])
        for name, values in (("valence", said.valence), ("arousal", said.arousal)):
            high = values > np.median(values)
            if few or high.all() or not high.any():
                report.add(f"mood.probe.{group}.{name}", Metric(None, chance=0.5))
                continue
            reading = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=1000))
            predicted = cross_val_predict(reading, inputs, high, groups=songs, cv=GroupKFold(FOLDS))
            report.add(f"mood.probe.{group}.{name}", mean_over_songs(clips.songs, predicted == high, chance=0.5))


def _of_group(latents: Latents, group: str) -> Floats:
    own = np.asarray(latents.groups[group], dtype=np.float64)
    return np.concatenate([own.mean(0), own.std(0)])
