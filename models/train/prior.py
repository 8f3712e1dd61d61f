"""Fit the prior over latent sequences to the encoded training windows, and release the bundle that is complete with it.

``models.train.style`` ends with it; ``python -m models.train.prior --out DIR [--preset tiny|cpu|gpu] [--steps N]`` does
it again for the style weights of a run.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from models.experiments.optimisation import trained_weights
from models.experiments.provenance import commit
from models.music.notes import MusicError
from models.style.checkpoint import Origin, StyleBundle, digest_of, release
from models.style.compose import Composer
from models.style.model import StyleModel
from models.style.objective import validate
from models.style.prior_training import (
    fit_codes,
    fit_prior,
)
from models.style.training import PRESETS, fine_tuning_preset
from models.style.windows import RunMusic, run_music
from models.taste.space_fitting import fit_model_space

HELD_OUT = "validation and test parts, by name in held_out.json"
NOT_HELD_OUT = "nothing, for want of a second piece: figures are of the music that was trained on"


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
    device: str = "cpu",
) -> StyleBundle:
    """Fit the prior for a ``model`` trained for ``steps`` steps and write the whole bundle to ``out/bundle``.

    A run from nothing fits the style codes before; others have those of the weights that they went on from, and go on
    from their prior. ``resume`` is that of ``fit_prior``.
    """
    origin = Origin.of(out)
    base = origin.bundle() if origin else None
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
    bundle = release(folder, model, prior, music.pieces, music.windows, card=card, base=base)
    space = fit_model_space(Composer(bundle), music.windows, seed=seed, every_domain=base is not None)
    space.save(folder / "taste.safetensors")
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
        preset = fine_tuning_preset(preset)
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
        device=arguments.device,
    )


if __name__ == "__main__":
    main()
