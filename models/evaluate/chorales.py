"""Latents of one-voice lines: ``python -m models.evaluate.chorales [--data DIR] [--model PATH] [--steps N]``.

**Chorales.** β-VAE, AR-VAE (Pati & Lerch 2021) and ours are fitted on one-bar soprano lines of the Bach chorales (4/4,
on the grid of sixteenths, transposed at random): 32 latents, equally many steps and bars, about 0.4 M parameters each
(``models.style.bar_vae``, ``models.style.bar_training``). On the bars of other chorales, each metric of
``models.metrics.disentanglement`` compares one draw of the posterior, as AR-VAE's own evaluation does, with rhythmic
complexity, pitch range, note density and contour. Baseline: the attributes themselves as codes among noise, which is
what the metrics give at best where attributes hang together as these do. Reference: the published figure of AR-VAE (of
β-VAE for β-VAE), on another cut of the chorales. Ours ties named dimensions to the attributes by restricted encoders
and a regression, so its figures say that the latents are as they were built; whether the notes follow them is
``control``: each attribute's likeliest dimension is taken from another bar, all at once, and the mean Spearman between
that bar's attributes and the decoded ones is told. ``accuracy``: steps decoded right, free running; baseline: hold.

**Melody.** Ours, once more, with a low KL weight, on bars of dance tunes; tested on sixteen-bar windows (bars of four
quarters, 256 sixteenths) of tunes held out by group: the share of steps whose token (a pitch starts, hold, a rest
starts) is decoded right from the posterior's mean, 16 × 32 = 512 latents a window, greedy, the decoder hearing its own
output within each bar. Baseline: always hold. Reference: MusicVAE's 16-bar melodies, .812 (hierarchical decoder, 512
latents, free running; its melodies are others, so the two stand beside each other and are in no race).

Everything is fitted inside, on the training part; validation chooses the state that is kept; the test part is only
evaluated. With ``--model`` the fitted models are kept in that folder, and those that lie there are not fitted again.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from scipy.stats import spearmanr

from models.experiments.provenance import data_hash
from models.experiments.report import Metric, Report, mean_over_songs, over_halves
from models.metrics.disentanglement import disentanglement, mutual_information
from models.music.lines import FIRST_PITCH, HOLD, STEPS, Line, line_attributes
from models.music.notes import MusicError
from models.style.bar_training import METHODS, BarObjective, Lines, chorale_lines, fit, folder_pieces, melody_lines
from models.style.bar_vae import BarConfig, BarVAE, load_bars, save_bars

CHORALE_STEPS, MELODY_STEPS = 600, 400
OURS_KL = 0.003  # of 0.001 and 0.003: the same accuracy within a hundredth, and fewer dimensions that say things twice
MELODY = BarConfig(rhythm=12)
LEAST = 12  # bars to test on; fewer tell nothing
PUBLISHED: Mapping[str, Mapping[str, float]] = {
    "ar_vae": {"interpretability": 0.96, "scc": 0.975, "mig": 0.165, "sap": 0.32, "modularity": 0.69},
    "beta_vae": {"interpretability": 0.08, "scc": 0.35, "mig": 0.03, "sap": 0.075},
}
MUSICVAE = 0.812
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Fits:
    """How models come to be: fitted for ``steps`` (None: as long as each needs), kept in ``folder`` if one is given."""

    folder: Path | None
    steps: int | None
    seed: int

    def model(self, name: str, objective: BarObjective, lines: Lines, progress: Progress) -> BarVAE:
        """The model called ``name``, from the folder or fitted now; a folder that cannot be used ends the command."""
        task = progress.add_task(name, total=objective.steps, loss="")
        try:
            found = load_bars(self.folder, name, lines.digest) if self.folder else None
        except ValueError as error:
            raise SystemExit(f"--model cannot be used: {error}") from error
        if found is not None:
            progress.update(task, completed=objective.steps, loss="as given")
            return found

        def tick(losses: Mapping[str, float]) -> None:
            progress.update(task, advance=1, loss=f"{losses['total']:.3f}")

        model = fit(objective, lines.train, lines.validation, self.seed, tick)
        if self.folder:
            card = {"method": objective.method, "steps": objective.steps, "seed": self.seed, "data": lines.digest}
            save_bars(self.folder, name, model, card)
        return model


def chorales(report: Report, models: Mapping[str, BarVAE], lines: Lines, seed: int) -> None:
    """Adds ``chorales.METHOD.*``."""
    attributes = line_attributes(lines.test)
    best = ceiling(attributes, seed)
    donors = np.random.default_rng(seed).permutation(len(lines.test))
    always = float((lines.test == HOLD).mean())
    for method, model in models.items():
        found = represent(model, lines.test, seed)
        likeliest = mutual_information(found.drawn, attributes, seed).argmax(0)
        made = controlled(model, found.mean, likeliest, donors)

        def statistics(rows: Ints, codes: Floats = found.drawn, made: Floats = made) -> dict[str, float]:
            followed = control(made[rows], attributes[donors[rows]])
            return {**figures(codes[rows], attributes[rows], seed), "control": followed}

        reference = PUBLISHED.get(method, PUBLISHED["ar_vae"])
        for name, metric in over_halves(lines.songs, statistics, seed=seed).items():
            beside = {"baseline": best.get(name), "reference": reference.get(name)}
            report.add(f"chorales.{method}.{name}", Metric(metric.value, metric.low, metric.high, metric.n, **beside))
        right = (found.decoded == lines.test).mean(1)
        report.add(f"chorales.{method}.accuracy", mean_over_songs(lines.songs, right, baseline=always))
        report.add(f"chorales.{method}.bits_per_bar", mean_over_songs(lines.songs, found.bits))


def figures(codes: Floats, attributes: Floats, seed: int) -> dict[str, float]:
    """The five metrics by name; not a number where they say nothing."""
    try:
        return vars(disentanglement(codes, attributes, seed))
    except ValueError:
        return dict.fromkeys(PUBLISHED["ar_vae"], float("nan"))


def ceiling(attributes: Floats, seed: int) -> dict[str, float]:
    """The metrics of codes that are the attributes, untied, among as many dimensions of noise as make up 32."""
    noise = np.random.default_rng(seed).normal(size=(len(attributes), 32))
    known = attributes.shape[1]
    return figures(np.concatenate([attributes + 1e-6 * noise[:, :known], noise[:, known:]], axis=1), attributes, seed)


@dataclass(frozen=True)
class Represented:
    """Bars as a model has them: a draw and the mean of the posterior ``(bars, latent)``, its rate, the mean decoded."""

    drawn: Floats
    mean: torch.Tensor
    bits: Floats
    decoded: Line


@torch.inference_mode()
def represent(model: BarVAE, bars: Line, seed: int) -> Represented:
    """Bars ``(bars, 16)`` encoded, and decoded free running."""
    posterior = model.encode(torch.from_numpy(bars))
    drawn = posterior.sample(torch.Generator().manual_seed(seed)).numpy().astype(np.float64)
    bits = posterior.kl().sum(-1).numpy().astype(np.float64) / np.log(2)
    return Represented(drawn, posterior.mean, bits, model.decode(posterior.mean).numpy())


def controlled(model: BarVAE, mean: torch.Tensor, dimensions: Ints, donors: Ints) -> Floats:
    """Attributes ``(bars, 4)`` of what is decoded when the likeliest dimension of each comes from the donor bar."""
    chosen = torch.from_numpy(np.unique(dimensions))
    z = mean.clone()
    z[:, chosen] = mean[torch.from_numpy(donors)][:, chosen]
    return line_attributes(model.decode(z).numpy())


def control(made: Floats, asked: Floats) -> float:
    """Mean over attributes of Spearman between asked and made ``(bars, 4)``; 0 for what never varies."""
    live = [k for k in range(made.shape[1]) if np.ptp(made[:, k]) > 0 and np.ptp(asked[:, k]) > 0]
    return float(sum(spearmanr(made[:, k], asked[:, k]).statistic for k in live) / made.shape[1])


def melody(report: Report, model: BarVAE, lines: Lines) -> None:
    """Adds ``melody.*``: all steps, those at which a pitch starts, the rate; null where no window is long enough."""
    windows = lines.test
    found = represent(model, windows.reshape(-1, STEPS), 0) if len(windows) else None
    right = (found.decoded.reshape(windows.shape) if found else windows) == windows
    always = float((windows == HOLD).mean()) if found else None
    report.add("melody.accuracy", mean_over_songs(lines.songs, right.mean(1), baseline=always, reference=MUSICVAE))
    starts = windows >= FIRST_PITCH
    share = (right & starts).sum(1) / np.maximum(starts.sum(1), 1)
    report.add("melody.pitch_accuracy", mean_over_songs(lines.songs, share, baseline=0.0))
    bits = found.bits.reshape(len(windows), -1).mean(1) if found else np.zeros(0)
    report.add("melody.bits_per_bar", mean_over_songs(lines.songs, bits))


def chorale_objective(method: str, steps: int) -> BarObjective:
    """What a method is fitted to on soprano bars."""
    return BarObjective(method, steps, kl=OURS_KL) if method == "ours" else BarObjective(method, steps)


def melody_objective(steps: int) -> BarObjective:
    """What the melody model is fitted to: fidelity first."""
    return BarObjective("ours", steps, MELODY, batch=256, kl=0.0002, named=0.1, independent=0.0, swapped=0.0)


def evaluate(data: Path | None, fits: Fits, limit: int | None) -> Report:
    """All figures; raises ``MusicError`` where there is nothing to fit or test on."""
    pieces = None if data is None else folder_pieces(data, limit)
    bars, tunes = chorale_lines(pieces, limit), melody_lines(pieces, limit)
    if len(bars.test) < LEAST:
        raise MusicError(
            f"{data or 'the chorales'} gave {len(bars.test)} bars of 4/4 on the grid of sixteenths to test on; "
            f"at least {LEAST} are needed"
        )
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TimeRemainingColumn(), TextColumn("{task.fields[loss]}"),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as progress:
        found = {
            method: fits.model(method, chorale_objective(method, fits.steps or CHORALE_STEPS), bars, progress)
            for method in METHODS
        }
        singer = fits.model("melody", melody_objective(fits.steps or MELODY_STEPS), tunes, progress)
    report = Report(
        "evaluate.chorales",
        {"hash": data_hash([*bars.pieces, *tunes.pieces]), "n": len(bars.test), "windows": len(tunes.test)},
        {"version": f"fitted-{bars.digest}", "sha256": weights_hash([*found.values(), singer])},
        fits.seed,
    )
    chorales(report, found, bars, fits.seed)
    melody(report, singer, tunes)
    return report


def weights_hash(models: list[BarVAE]) -> str:
    """Hex digest of all weights, in order."""
    digest = hashlib.sha256()
    for model in models:
        for value in model.state_dict().values():
            digest.update(value.numpy().tobytes())
    return digest.hexdigest()


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.chorales", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of MIDI and ABC files, all of it test data")
    parser.add_argument("--model", type=Path, help="folder to keep the fitted models in, or to take them from")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, help="at most so many pieces of each corpus")
    parser.add_argument("--steps", type=int, help="optimiser steps of each model, instead of its own")
    given = parser.parse_args(argv)
    for name, least in (("limit", 1), ("steps", 1), ("seed", 0)):
        value = getattr(given, name)
        if value is not None and value < least:
            raise SystemExit(f"--{name} {value} was given; it must be at least {least}")
    try:
        if given.model:
            given.model.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SystemExit(f"--model {given.model} is no folder and cannot be made one ({error.strerror})") from error
    try:
        evaluate(given.data, Fits(given.model, given.steps, given.seed), given.limit).print()
    except MusicError as error:
        raise SystemExit(f"nothing to evaluate on: {error}") from error


if __name__ == "__main__":
    main()
