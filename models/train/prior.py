"""Fit the prior over latent sequences to the encoded training windows, and release the bundle that is complete with it.

``models.train.style`` ends with it; ``python -m models.train.prior --out DIR [--preset tiny|cpu|gpu] [--steps N]`` does
it again for the style weights of a run.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor

from models.evaluate.report import commit
from models.metrics.music_statistics import likely_key
from models.music.notes import DOMAINS, MusicError
from models.music.tokens import DURATION, DURATIONS, METER, PITCH, POSITION, POSITIONS
from models.style.checkpoint import StyleBundle, digest_of
from models.style.features import bar_features, gather_notes
from models.style.model import BARS, StyleModel
from models.style.prior import Prior, PriorConfig, Setting, index_of
from models.style.release import data_hash, release
from models.style.windows import DOMAIN_SHARE, WindowSet, pad, transposition
from models.train.bfloat16 import MasterWeights, trained_weights
from models.train.codes import fit_codes
from models.train.objective import validate
from models.train.presets import PRESETS, Origin, RunMusic, fine_tuning, run_music
from models.train.run_log import run_row

LEARNING_RATE = 1e-3
NOISE = 0.2  # of the posterior's own: at its full width half of what the prior learns is noise, and keys blur
CLOSED = 0.2  # variance of a dimension in the data, over the posterior's, below which it carries nothing
PRECISE = 0.5  # power of that ratio by which an error costs more, the more finely a dimension is told
AVERAGING = 0.999  # of the exponential mean of weights that is kept
LOG_EVERY, SAVE_EVERY = 100, 500  # steps
HELD_OUT = "validation and test parts, by name in held_out.json"
NOT_HELD_OUT = "nothing, for want of a second piece: figures are of the music that was trained on"
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
            print(run_row("prior", seed=seed, data=data_hash(windows.pieces), commit=commit()), file=log, flush=True)
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


def finish(
    model: StyleModel,
    music: RunMusic,
    preset: str,
    *,
    steps: int,
    prior_steps: int,
    seed: int,
    out: Path,
    resume: bool = False,
    again: bool = False,
    device: str = "cpu",
) -> StyleBundle:
    """Fit the prior for a ``model`` trained for ``steps`` steps and write the whole bundle to ``out/bundle``.

    A run from nothing fits the style codes before; others have those of the weights that they went on from, which the
    prior knows. A run that kept the latents of the weights it went on from has their prior, unless it is to be fitted
    ``again``; one that moved them goes on from it. ``resume`` is that of ``fit_prior``.
    """
    origin = Origin.of(out)
    base = origin.bundle() if origin else None
    if base and origin and origin.keeps_latents and not again:
        prior, prior_steps = base.prior, int(base.card["prior_steps"])
    else:
        sizes = PRESETS[preset]
        if base is None:
            fit_codes(model, music.windows, steps=sizes.code_steps, seed=seed, out=out, device=device)
        prior = fit_prior(
            model, music.windows, steps=prior_steps, seed=seed, out=out, batch=sizes.prior_batch,
            encoded=sizes.encoded, start=base.prior if base else None, resume=resume, device=device,
        )  # fmt: skip
        model = model.cpu()
        prior_steps += int(base.card["prior_steps"]) if base else 0
    print("All weights are trained; what is left is measured with them: taste space, dials and figures.")
    found = validate(model, music.held_out, seed=1)
    in_all = steps + (origin.steps if origin else 0)
    card = {
        "name": f"style-{preset}",
        "version": f"style-{preset}-{in_all}-{seed}-{digest_of(model)}",
        "preset": preset,
        "steps": in_all,
        **({"from": origin.told()} if origin else {}),
        "prior_steps": prior_steps,
        "seed": seed,
        "commit": commit(),
        "data": {
            "sources": sorted({piece.source for piece in music.pieces}),
            "windows": len(music.windows),
            "held_out": HELD_OUT if music.held_out is not music.windows else NOT_HELD_OUT,
        },
        "validation": {name: round(value, 4) for name, value in found.items()},
    }
    folder = out / "bundle"
    bundle = release(folder, model, prior, music.pieces, music.windows, card=card, seed=seed, base=base)
    names = json.loads((out / "split.json").read_text(encoding="utf-8"))
    held_out = {part: sorted(found) for part, found in names.items() if part != "train"}
    (folder / "held_out.json").write_text(json.dumps(held_out, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{bundle.version} is in {folder}; evaluate it with: python -m models.evaluate.style --model {folder}")
    return bundle


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.train.prior", description=__doc__)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="cpu", help="the preset of the style weights")
    parser.add_argument("--data", type=Path, help="folder of MIDI and ABC files instead of the corpora")
    parser.add_argument("--out", type=Path, default=Path("runs/style"), help="the run, which holds state.safetensors")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, help="optimiser steps of the prior, instead of the preset's")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--resume", action="store_true", help="go on with the prior that --out holds, where it does")
    arguments = parser.parse_args(argv)
    preset, out = PRESETS[arguments.preset], arguments.out
    if Origin.of(out):
        preset = fine_tuning(preset)
    state = out / "state.safetensors"
    if not state.exists():
        raise SystemExit(f"there is no {state}; python -m models.train.style --out {out} makes one")
    model = StyleModel(preset.config)
    try:
        weights, steps = trained_weights(state)
        if origin := Origin.of(out):
            origin.bundle()
        model.load_state_dict(weights)
        music = run_music(arguments.data, out, again=True)
    except RuntimeError as error:
        raise SystemExit(f"{state} is not of the preset {arguments.preset}: {error}") from error
    except MusicError as error:
        raise SystemExit(f"nothing to train on: {error}") from error
    except (OSError, ValueError) as error:
        raise SystemExit(f"the run in {out} cannot go on: {error}") from error
    prior_steps = arguments.steps or preset.prior_steps
    finish(
        model.eval(),
        music,
        arguments.preset,
        steps=steps,
        prior_steps=prior_steps,
        seed=arguments.seed,
        out=out,
        resume=arguments.resume,
        again=True,
        device=arguments.device,
    )


if __name__ == "__main__":
    main()
