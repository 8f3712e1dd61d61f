"""Fit the prior over latent sequences to the encoded training windows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor

from models.experiments.optimisation import MasterWeights
from models.experiments.provenance import commit, data_hash
from models.experiments.run_log import run_row
from models.music.keys import likely_key
from models.music.notes import DOMAINS
from models.music.tokens import DURATION, DURATIONS, METER, PITCH, POSITION, POSITIONS
from models.style.features import bar_features, gather_notes
from models.style.latents import BARS
from models.style.model import StyleModel
from models.style.prior import Prior, PriorConfig, Setting, index_of
from models.style.windows import DOMAIN_SHARE, WindowSet, pad, transposition

LEARNING_RATE = 1e-3
NOISE = 0.2  # of the posterior's own: at its full width half of what the prior learns is noise, and keys blur
CLOSED = 0.2  # variance of a dimension in the data, over the posterior's, below which it carries nothing
PRECISE = 0.5  # power of that ratio by which an error costs more, the more finely a dimension is told
AVERAGING = 0.999  # of the exponential mean of weights that is kept
LOG_EVERY, SAVE_EVERY = 100, 500  # steps
ENCODED = {"pop": 24_000, "dance": 20_000, "chorale": 8_000}  # windows, transposed at random


@torch.inference_mode()
def encode_windows(
    model: StyleModel, windows: WindowSet, seed: int, *, most: int = 1, device: str = "cpu"
) -> tuple[Tensor, Tensor, Setting]:
    """Means and log-variances ``(windows, bars, latent)`` in half precision, and the settings of the windows.

    Windows that begin phrases, drawn with replacement where a domain has fewer than ``most`` times ``ENCODED``; each is
    transposed.
    """
    rng = np.random.default_rng(seed)
    chosen = []
    for index, name in enumerate(DOMAINS):
        members = np.flatnonzero(windows.domain == index)
        members = members[windows.start[members]] if windows.start[members].any() else members
        if len(members):
            count = min(most * ENCODED[name], 8 * len(members))
            chosen.append(np.resize(rng.permutation(members), count))
    rows = np.concatenate(chosen)
    rows = rows[np.argsort(np.diff(windows.spans[rows], axis=1)[:, 0], kind="stable")]
    means, variances, keys, codes = [], [], [], []
    for start in range(0, len(rows), 64):
        clips = [windows.tokens[a:b] for a, b in windows.spans[rows[start : start + 64]]]
        tokens = pad(clips, np.array([transposition(c, rng) for c in clips]))
        features = bar_features(gather_notes(tokens.to(device), BARS))
        posterior = model.encode(features)
        codes.append(model.encode_codes(features, BARS))
        means.append(posterior.mean.view(len(clips), BARS, -1).half())
        keys += [_key(clip) for clip in tokens.numpy()]
        variances.append(posterior.log_variance.view(len(clips), BARS, -1).half())
    meter = torch.from_numpy(windows.tokens[windows.spans[rows, 0], METER].astype(np.int64))
    setting = Setting(torch.from_numpy(windows.domain[rows]), meter, torch.tensor(keys), torch.cat(codes).cpu())
    return torch.cat(means), torch.cat(variances), setting


def _key(clip: npt.NDArray[np.int64]) -> int:
    """The key of token steps ``(steps, 7)``, by how long each pitch class sounds."""
    notes = clip[clip[:, POSITION] < POSITIONS]
    return likely_key(np.bincount(notes[:, PITCH] % 12, np.array(DURATIONS)[notes[:, DURATION]], minlength=12))


def fit_prior(
    model: StyleModel,
    windows: WindowSet,
    *,
    steps: int,
    seed: int,
    out: Path,
    batch: int = 128,
    encoded: int = 1,
    start: Prior | None = None,
    resume: bool = False,
    device: str = "cpu",
) -> Prior:
    """A prior for the latents of ``windows``, trained for ``steps`` steps; logs to ``out/prior.jsonl``.

    ``batch`` windows a step, of ``encoded`` times ``ENCODED``; ``start`` has the weights to begin with, where it isn't
    from nothing; ``resume`` goes on with what ``out`` holds of one, where it does.
    """
    torch.manual_seed(seed)
    mean, log_variance, setting = encode_windows(model.eval().to(device), windows, seed, most=encoded, device=device)
    prior = (start or Prior(PriorConfig(model.config.latent_dim, model.config.codes))).to(device).train()
    if start is None:
        _standardise(prior, mean, log_variance)
    _count(prior, setting)
    members = [(np.flatnonzero(setting.domain == d), DOMAIN_SHARE[name]) for d, name in enumerate(DOMAINS)]
    members = [(rows, share) for rows, share in members if len(rows)]
    share = np.array([s for _, s in members]) / sum(s for _, s in members)
    setting = setting.to(torch.device(device))

    training = MasterWeights(prior, LEARNING_RATE, AVERAGING, orthogonal=prior.matrices())
    state = out / "prior.safetensors"
    if resume and state.exists():
        training.resume(state)
    columns = (TextColumn("prior"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    running: list[Tensor] = []
    out.mkdir(parents=True, exist_ok=True)
    with Progress(*columns) as progress, (out / "prior.jsonl").open("a" if training.step else "w") as log:
        if training.step == 0:
            about = {"seed": seed, "data": data_hash(windows.pieces), "commit": commit(), "steps": steps}
            settings = {"batch": batch, "encoded": encoded, "learning_rate": LEARNING_RATE}
            print(run_row("prior", **about, hyperparameters=settings), file=log, flush=True)
        task = progress.add_task("prior", total=steps, completed=training.step)
        while training.step < steps:
            rng = np.random.default_rng([seed, training.step])
            generator = torch.Generator(device).manual_seed(seed * 1_000_003 + training.step)
            picks = rng.choice(len(members), size=batch, p=share)
            chosen = np.array([members[p][0][rng.integers(len(members[p][0]))] for p in picks])
            rows = torch.from_numpy(chosen).to(device)
            noise = torch.randn((batch, *mean.shape[1:]), generator=generator, device=device)
            z = mean[rows].float() + NOISE * noise * (0.5 * log_variance[rows].float()).exp()
            loss = training.working.loss(prior.standardise(z), setting[rows], generator)
            left = (steps - training.step) / (0.4 * steps)
            training.update(loss, LEARNING_RATE * min(1.0, (training.step + 1) / 100, max(0.02, left)))
            running.append(loss.detach())
            progress.update(task, completed=training.step)
            if training.step % LOG_EVERY == 0:
                print(
                    json.dumps({"step": training.step, "loss": torch.stack(running).mean().item()}),
                    file=log,
                    flush=True,
                )
                running = []
            if training.step % SAVE_EVERY == 0 or training.step == steps:
                training.save(state)
    return training.average.cpu().eval()


def _standardise(prior: Prior, mean: Tensor, log_variance: Tensor) -> None:
    """Set how latents are scaled and weighed by encoded windows."""
    flat, doubt = mean.float().flatten(0, 1), log_variance.float().exp().flatten(0, 1).mean(0)
    prior.mean.copy_(flat.mean(0))
    prior.scale.copy_((flat.var(0) + NOISE**2 * doubt).sqrt().clamp(min=0.05))
    signal = flat.var(0) / doubt
    prior.weight.copy_(torch.where(signal > CLOSED, signal**PRECISE, 0.0))


def _count(prior: Prior, setting: Setting) -> None:
    """Set how frequent meters, keys and codes are in each domain that has windows; others stay as they were."""
    setting = setting.to(torch.device("cpu"))
    there = torch.unique(setting.domain)
    told = (
        (prior.meter_share, (setting.meter,)), (prior.key_share, (setting.key,)),
        (prior.code_share, (setting.meter, index_of(setting.codes))),
    )  # fmt: skip
    for shares, found in told:
        counts = torch.full(shares.shape, 1e-6).index_put_(
            (setting.domain, *found), torch.ones(len(setting)), accumulate=True
        )
        shares[there] = (counts / counts.sum(-1, keepdim=True))[there]
