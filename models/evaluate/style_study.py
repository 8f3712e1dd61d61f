"""Which part of the style model earns its place: ``python -m models.evaluate.style_study [--data DIR] [--out DIR]``.

``[--seeds 3] [--steps N] [--variants a,b] [--clips N] [--resume]``. Small models are trained from nothing, each without
one part, with the same number of optimiser steps and decoder steps a batch, and measured on songs never trained on:

* ``ours``: as shipped, but small;
* ``flat``: one decoder of equal size (4 % larger) that tells all elements from all latents, none from one group alone;
* ``fsq``: latents quantised (finite scalar quantisation), at the rate in bits a bar of ``ours`` of the same seed;
* ``unswapped``: no rearranged clips in training, but so many more real ones;
* ``unbudgeted``: harmony, register and dynamics don't know what has sounded so far;
* ``unrestricted``: every group's encoder hears the whole bar;
* ``adversarial``, ``uncorrelated``: what a group's latents tell of others' costs as much as the KL, as networks find it
  that try to tell them, or by their correlations (``models.style.objective``); ``_10``: ten times that;
* ``ordered``: a group's first dimension is to order bars as its attribute does, as in AR-VAE, at the price of the KL;
* ``curious``: what to train on is drawn by learning progress; probes take their share of its steps.

``swap.GROUP.nats``: nats a note of a clip that has this style from another (``models.style.swap_augmentation``), given
latents that don't agree. Intervals are over songs and seeds, differences from ``ours`` paired. Runs lie in
``OUT/VARIANT-SEED``, seed by seed. An ``adversarial`` run of more than 500 steps that was stopped within them and
resumed has other figures than one that was not: its adversary is not saved.

A variant is measured clip by clip: how well it tells notes, those of a clip and those of one with another's style, and
what can be read of a style from other groups' latents.
"""

from __future__ import annotations

import argparse
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.table import Table

from models.experiments.dataset import training_pieces
from models.experiments.provenance import data_hash
from models.experiments.report import Metric, Report
from models.experiments.run_log import rows as log_rows
from models.metrics.disentanglement import errors_of_reading, folds_of, share_read
from models.metrics.intervals import finite_mean
from models.music.files import replacing
from models.music.grouping import split
from models.music.notes import DOMAINS, MusicError
from models.music.tokens import to_tokens
from models.style.evaluation.clips import Clips, choose_clips, donors_of
from models.style.evaluation.reconstruction import bits, posterior_of
from models.style.evaluation.relations import CHROMA, Measured, measure
from models.style.evaluation.swaps import ATTRIBUTE
from models.style.features import bar_features, gather_notes
from models.style.latents import BARS, GROUPS, STYLE_GROUPS
from models.style.model import StyleConfig, StyleModel
from models.style.objective import losses, mixed_latents, nats_a_note
from models.style.swap_augmentation import REARRANGED, SWAPPED, Schedule, Swaps, rearrange
from models.style.training import Preset, train
from models.style.windows import WindowSet, make_windows, pad

Rows = npt.NDArray[np.int64]
Ints = npt.NDArray[np.int64]

READ = {group: CHROMA if group == "harmony" else name for group, name in ATTRIBUTE.items()}


@dataclass(frozen=True)
class Figures:
    """Of one run: columns over the clips that were told, and over those that were only encoded.

    ``swapped``: by group, nats a note of each clip rearranged in another's style, given its latents with that group of
    the other's; not a number where the two can't be put together. ``missed`` and ``mean_missed``: squared errors of
    reading a group's attribute from another's latents, by ``ATTRIBUTE_GROUP.GROUP``.
    """

    variant: str
    seed: int
    steps: int
    data: str  # what the study's music is known by
    parameters: int
    train_seconds: float
    rates: Mapping[str, float]  # bits a bar by group
    nats: list[float]
    bits: list[float]
    swapped: Mapping[str, list[float]]
    missed: Mapping[str, list[float]]
    mean_missed: Mapping[str, list[float]]

    def write(self, path: Path) -> None:
        """As JSON; a crash while writing leaves nothing."""
        with replacing(path) as part:
            part.write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Figures:
        """What ``write`` wrote."""
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{"data": "", **found})  # those of earlier versions don't say it


def figures_of(
    model: StyleModel, about: Mapping[str, Any], clips: Clips, read: Clips, *, seed: int, train_seconds: float
) -> Figures:
    """Measure ``model`` on held-out ``clips`` (told, and told with a style of another) and ``read`` (encoded)."""
    model = model.eval()
    music = measure(model, read, seed)
    missed, mean_missed = reading(music, seed)
    return Figures(
        **about,
        parameters=sum(each.numel() for each in model.parameters()),
        train_seconds=train_seconds,
        rates={group: float(music.bits[group].mean()) for group in GROUPS},
        nats=[cost(model, clips, row, seed) for row in range(len(clips.pieces))],
        bits=[bits(posterior_of(model, piece)) for piece in clips.pieces],
        swapped=swapped(model, clips, seed),
        missed=missed,
        mean_missed=mean_missed,
    )


@torch.inference_mode()
def swapped(model: StyleModel, clips: Clips, seed: int) -> dict[str, list[float]]:
    """``swapped`` of ``Figures``."""
    donors = {group: donors_of(clips, seed + place) for place, group in enumerate(REARRANGED)}
    found = {group: [float("nan")] * len(clips.pieces) for group in REARRANGED}
    for row, piece in enumerate(clips.pieces):
        for group, taken in donors.items():
            tokens = pad([to_tokens(piece), to_tokens(clips.pieces[taken[row]])])
            own = torch.arange(2)
            both = {name: own.flip(0) if name == group else own for name in REARRANGED}
            made, whole = rearrange(tokens, both)
            if not whole[0]:
                continue
            z = model.encode(bar_features(gather_notes(tokens, BARS))).mean.view(2, BARS, -1)
            swaps = Swaps(made[:1], own[:1], {name: rows[:1] for name, rows in both.items()})
            domain = torch.tensor([DOMAINS.index(clips.domains[row])])
            told = losses(model, swaps.tokens, domain, mixed_latents(model, z, swaps))
            found[group][row] = nats_a_note(told, swaps.tokens)
    return found


@torch.inference_mode()
def cost(model: StyleModel, clips: Clips, row: int, seed: int) -> float:
    """Nats a note of a clip given a draw of its own latents, teacher-forced."""
    tokens = pad([to_tokens(clips.pieces[row])])
    features = bar_features(gather_notes(tokens, BARS))
    z = model.encode(features).sample(torch.Generator().manual_seed(seed + row))[None]
    domain = torch.tensor([DOMAINS.index(clips.domains[row])])
    return nats_a_note(losses(model, tokens, domain, z), tokens)


def reading(music: Measured, seed: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """``missed`` and ``mean_missed`` of ``Figures``: sums over what is read of each clip."""
    folds = folds_of(music.songs, seed)
    targets = [music.target(READ[group]) for group in STYLE_GROUPS]
    edges = np.cumsum([target.shape[1] for target in targets])[:-1]
    missed: dict[str, list[float]] = {}
    mean_missed: dict[str, list[float]] = {}
    for group in GROUPS:
        errors = errors_of_reading(music.of_clips(group), np.hstack(targets), music.domains, folds)
        for told, each in zip((missed, mean_missed), errors, strict=True):
            parts = zip(STYLE_GROUPS, np.split(each, edges, axis=1), strict=True)
            told |= {f"{own}.{group}": part.sum(1).tolist() for own, part in parts if own != group}
    return missed, mean_missed


def leak(figures: Figures, group: str, rows: Ints) -> float:
    """R² of a group's attribute read from another group's latents, at least 0 each, mean over those others."""
    shares = [
        share_read(np.array(figures.missed[key])[rows], np.array(figures.mean_missed[key])[rows])
        for key in (f"{group}.{other}" for other in GROUPS if other != group)
    ]
    return float(np.mean(np.maximum(shares, 0)))


LEVELS = 5  # of a quantised dimension
PROBED = 0.06  # of a curious run's time goes to its probes
MORE_READ = 4  # times as many clips are read from as are told
DRAWS = 100
OURS, MATCHED = "ours", "fsq"
STUDY = Preset(
    steps=300, batch=2048, learning_rate=2e-3, prior_steps=0, kl_warm_up=150, falling=0.4, muon=True,
    config=StyleConfig(dim=64, layers=2, heads=2, hidden=128, memory=16),
)  # fmt: skip


def variants(study: Preset) -> dict[str, Preset]:
    """What each variant trains; that of ``MATCHED`` lacks its sizes (``matched``)."""
    config = study.config
    return {
        OURS: study,
        "flat": replace(study, config=replace(config, two_level=False)),
        MATCHED: study,
        "unswapped": replace(study, batch=round(study.batch * (1 + SWAPPED)), schedule=Schedule(swapped=0.0)),
        "unbudgeted": replace(study, config=replace(config, budgets=False)),
        "unrestricted": replace(study, config=replace(config, restricted=False)),
        "adversarial": replace(study, penalty="adversary"),
        "adversarial_10": replace(study, penalty="adversary", price=10 * study.price),
        "uncorrelated": replace(study, penalty="correlation"),
        "uncorrelated_10": replace(study, penalty="correlation", price=10 * study.price),
        "ordered": replace(study, penalty="ordering"),
        "curious": replace(study, steps=round(study.steps * (1 - PROBED)), probe_every=max(1, study.steps // 12)),
    }


def matched(study: Preset, rates: Mapping[str, float]) -> Preset:
    """Quantised latents at ``rates`` in bits a bar by group; tempo, which is a scale, stays one."""
    sizes = {name: max(1, round(rates[name] / math.log2(LEVELS))) for name in GROUPS}
    return replace(study, config=replace(study.config, levels=LEVELS, latent={**sizes, "tempo": 1}))


@dataclass(frozen=True)
class StudyMusic:
    """The music of a study: what is trained on, validated on, and asked about."""

    windows: WindowSet
    held_out: WindowSet
    clips: Clips
    read: Clips

    @cached_property
    def hash(self) -> str:
        """Digest of all of it."""
        return data_hash([*self.windows.pieces, *self.held_out.pieces, *self.clips.pieces, *self.read.pieces])

    @classmethod
    def of(cls, data: Path | None, count: int) -> StudyMusic:
        """Split by song; ``count`` clips are measured. Raises ``MusicError`` where there is too little."""
        parts = split(training_pieces(data), seed=0)
        windows, held_out, test = (make_windows(parts[name]) for name in ("train", "validation", "test"))
        return cls(windows, held_out, choose_clips(test, count, 0), choose_clips(test, MORE_READ * count, 1))


def run(name: str, preset: Preset, music: StudyMusic, folder: Path, *, seed: int, resume: bool) -> Figures:
    """Train one variant in ``folder`` and measure it, or read what was measured of it before.

    Raises ``SystemExit`` where that was another study.
    """
    result, state, log = (folder / each for each in ("figures.json", "state.safetensors", "log.jsonl"))
    if resume and result.exists():
        found = Figures.read(result)
        if (found.steps, len(found.nats)) != (preset.steps, len(music.clips.pieces)):
            raise SystemExit(
                f"{folder} has {found.steps} steps and {len(found.nats)} clips; {preset.steps} and "
                f"{len(music.clips.pieces)} are asked for: give --steps and --clips as before, or another --out"
            )
        if found.data != music.hash:
            raise SystemExit(f"{folder} is of other music: give --data as before, or another --out")
        return found
    folder.mkdir(parents=True, exist_ok=True)
    if not resume:
        result.unlink(missing_ok=True)
        state.unlink(missing_ok=True)
    going = state.exists()
    begun = next(iter(log_rows(log)), {})
    if not going:
        log.unlink(missing_ok=True)
    elif (begun.get("data"), begun.get("steps")) != (data_hash(music.windows.pieces), preset.steps):
        raise SystemExit(f"{folder} holds a run of another study: give --data and --steps as before, or another --out")
    started = sum(os.times()[:4])
    training = train(preset, music.windows, music.held_out, folder, seed=seed, resume=going, device="cpu")
    seconds = sum(os.times()[:4]) - started
    about = {"variant": name, "seed": seed, "steps": training.step, "data": music.hash}
    figures = figures_of(training.master.eval(), about, music.clips, music.read, seed=0, train_seconds=seconds)
    figures.write(result)
    return figures


def statistics(run: Figures, rows: Rows, read: Rows) -> dict[str, float]:
    """Every figure of a run over the clips that were told in ``rows`` and the encoded ones in ``read``."""
    told = {"nats_per_note": run.nats, "bits_per_bar": run.bits}
    found = {name: float(np.array(values)[rows].mean()) for name, values in told.items()}
    swaps = {group: finite_mean(np.array(values)[rows].tolist()) for group, values in run.swapped.items()}
    found |= {f"swap.{group}.nats": value for group, value in swaps.items()}
    found |= {"swap.nats": finite_mean(list(swaps.values()))}
    leaks = {group: leak(run, group, read) for group in STYLE_GROUPS}
    return (
        found | {f"leak.{group}": value for group, value in leaks.items()} | {"leak": finite_mean(list(leaks.values()))}
    )


def tabulate(report: Report, runs: Mapping[str, Sequence[Figures]], music: StudyMusic) -> None:
    """Adds ``VARIANT.FIGURE``, mean over seeds, and ``VARIANT.FIGURE.less_ours`` over the seeds that both have."""
    rng = np.random.default_rng(0)
    every = (np.arange(len(music.clips.pieces)), np.arange(len(music.read.pieces)))
    draws = [every] + [(_songs(music.clips, rng), _songs(music.read, rng)) for _ in range(DRAWS)]
    found = {
        (variant, each.seed): [statistics(each, *rows) for rows in draws]
        for variant, several in runs.items() for each in several
    }  # fmt: skip
    count = len(every[0])
    for variant, several in runs.items():
        seeds = [each.seed for each in several]
        both = [seed for seed in seeds if (OURS, seed) in found]
        for name in statistics(several[0], *every):
            values = np.array([[each[name] for each in found[variant, seed]] for seed in seeds])
            report.add(f"{variant}.{name}", over_seeds(values, count))
            if variant != OURS and both:
                less = [
                    [a[name] - b[name] for a, b in zip(found[variant, seed], found[OURS, seed], strict=True)]
                    for seed in both
                ]
                report.add(f"{variant}.{name}.less_ours", over_seeds(np.array(less), count))
        for name in ("parameters", "steps", "train_seconds"):
            values = np.array([[getattr(each, name)] for each in several])
            report.add(f"{variant}.{name}", Metric(float(values.mean()), n=len(several)))


def over_seeds(values: npt.NDArray[np.float64], count: int) -> Metric:
    """A figure of ``values`` ``(seeds, 1 + draws)``: of all songs, then of each draw, in which seeds are drawn too."""
    rng = np.random.default_rng(1)
    chosen = rng.integers(len(values), size=(len(values), values.shape[1] - 1))
    samples = np.take_along_axis(values[:, 1:], chosen, 0).mean(0)
    samples = samples[np.isfinite(samples)]
    low, high = np.quantile(samples, [0.025, 0.975]).tolist() if len(samples) else (None, None)
    return Metric(finite_mean(values[:, 0]), low, high, count)


def _songs(clips: Clips, rng: np.random.Generator) -> Rows:
    """Indices of clips, songs drawn with replacement."""
    names, owner = np.unique(np.asarray(clips.songs), return_inverse=True)
    return np.concatenate([np.flatnonzero(owner == song) for song in rng.integers(len(names), size=len(names))])


def show(report: Report, names: Sequence[str]) -> None:
    """A row a figure, a column a variant; then the JSON line."""
    table = Table("figure", *names, title="value (95 % interval over songs and seeds); * differs from ours")
    for key in [key.removeprefix(f"{names[0]}.") for key in report.metrics if key.startswith(f"{names[0]}.")]:
        if not key.endswith(".less_ours"):
            table.add_row(key, *(_cell(report.metrics, f"{name}.{key}") for name in names))
    Console(width=40 + 24 * len(names)).print(table)
    print(json.dumps(report.to_json()))


def _cell(metrics: Mapping[str, Metric], key: str) -> str:
    metric, less = metrics[key], metrics.get(f"{key}.less_ours")
    if metric.value is None or not math.isfinite(metric.value):
        return ""
    if metric.low is None or metric.high is None:
        return f"{metric.value:.0f}"
    apart = less is not None and less.low is not None and less.high is not None and (less.low > 0 or less.high < 0)
    return f"{metric.value:.3f} ({metric.low:.3f}-{metric.high:.3f}){'*' if apart else ''}"


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.style_study", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of MIDI and ABC files instead of the corpora")
    parser.add_argument("--out", type=Path, default=Path("runs/style-study"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=STUDY.steps, help="optimiser steps of each run")
    parser.add_argument("--variants", default=",".join(variants(STUDY)), help="separated by commas; ours comes first")
    parser.add_argument("--clips", type=int, default=60, help="held-out clips that are told")
    parser.add_argument("--resume", action="store_true", help="leave runs that have ended and go on with the rest")
    arguments = parser.parse_args(argv)
    study = replace(STUDY, steps=arguments.steps, kl_warm_up=arguments.steps // 2)
    chosen = [OURS, *(name for name in arguments.variants.split(",") if name != OURS)]
    known = variants(study)
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise SystemExit(f"variants {unknown} were asked for; there are {list(known)}")
    try:
        music = StudyMusic.of(arguments.data, arguments.clips)
    except MusicError as error:
        raise SystemExit(f"nothing to study: {error}") from error
    runs: dict[str, list[Figures]] = {name: [] for name in chosen}
    for seed in range(arguments.seeds):
        for name in chosen:
            preset = matched(study, runs[OURS][seed].rates) if name == MATCHED else known[name]
            folder = arguments.out / f"{name}-{seed}"
            runs[name].append(run(name, preset, music, folder, seed=seed, resume=arguments.resume))
    report = Report(
        "evaluate.style_study",
        {"hash": data_hash(music.windows.pieces), "n": len(music.clips.pieces)},
        {"version": f"study-{arguments.steps}", "sha256": None},
        seed=0,
    )
    tabulate(report, runs, music)
    show(report, chosen)


if __name__ == "__main__":
    main()
