"""Train the style model: ``python -m models.train.style --preset tiny|cpu|gpu [--data DIR] [--out DIR] [--resume]``.

``--from BUNDLE`` goes on from trained weights ("default" or a folder) instead of from nothing, as fine-tuning on a
folder of one's own music does: ``--from default --data DIR --steps 500``. ``--curious`` chooses what to train on by
learning progress.

The style model first, then its style codes (``models.style.prior_training``) and the prior over its latents, then all
that ships with them (fingerprint of the training songs, taste space, card). The learning rate stays constant and falls
over the last fifth of the steps.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from models.experiments.arguments import exit_without_music, output_folder
from models.experiments.optimisation import trained_weights
from models.style.bundle import SHIPPED_STYLE
from models.style.checkpoint import Origin, style_argument
from models.style.evaluation.run import complete
from models.style.model import StyleModel
from models.style.prior_training import PRIOR_STATE
from models.style.training import (
    PRESETS,
    Preset,
    fine_tuning_preset,
    train,
)
from models.style.windows import run_music
from models.train.prior import finish

PROBED = 30  # times that a curious run measures its learning progress


def beginning(arguments: argparse.Namespace, preset: Preset, out: Path) -> tuple[StyleModel | None, Origin | None]:
    """The model to begin with, where it isn't a new one, and where the run in ``out`` comes from, noted there.

    Ends the command where that can't be: what is to be resumed, or gone on from, is not there or of another form.
    """
    state = out / "state.safetensors"
    if arguments.resume and not state.exists():
        raise SystemExit(f"there is no {state} to resume; leave out --resume to begin")
    start = base = None
    if arguments.start and not arguments.resume:
        base = style_argument(str(SHIPPED_STYLE) if arguments.start == "default" else arguments.start)
        if base.model.config != preset.config:
            its_own = base.card.get("preset", "its own")
            raise SystemExit(f"{base.version} is not of the preset {arguments.preset}; give --preset {its_own}")
    if not arguments.resume:
        Origin.forget(out)
        for old in (state, out / PRIOR_STATE):  # a run that is killed before it has saved must not go on from them
            old.unlink(missing_ok=True)
    if base:
        start = base.model.train()
        Origin(base.version, int(base.card["steps"]), str(base.folder)).write(out)
    origin = Origin.of(out)
    try:
        if arguments.resume:
            StyleModel(preset.config).load_state_dict(trained_weights(state)[0])
        if origin:
            origin.bundle()
    except RuntimeError as error:
        raise SystemExit(f"{state} is not of the preset {arguments.preset}; give --preset its own") from error
    except (OSError, ValueError) as error:
        raise SystemExit(f"the run in {out} cannot go on: {error}") from error
    return start, origin


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.train.style", description=__doc__)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="cpu")
    parser.add_argument("--data", type=Path, help="folder of MIDI and ABC files instead of the corpora")
    parser.add_argument("--out", type=Path, default=Path("runs/style"))
    parser.add_argument("--from", dest="start", help='trained weights to go on from: "default" or a bundle\'s folder')
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, help="optimiser steps in all, instead of the preset's")
    parser.add_argument("--prior-steps", type=int, help="optimiser steps of the prior after that, instead of its own")
    parser.add_argument(
        "--figures", type=int, default=40, help="with --data: held-out clips that are measured at the end"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--curious", action="store_true", help="choose what to train on by learning progress")
    arguments = parser.parse_args(argv)
    preset = PRESETS[arguments.preset]
    if arguments.steps:
        preset = replace(preset, steps=arguments.steps)
    if arguments.curious:
        preset = replace(preset, probe_every=max(1, preset.steps // PROBED))
    out = output_folder(arguments.out)
    start, origin = beginning(arguments, preset, out)
    if origin:
        preset = fine_tuning_preset(preset)
    with exit_without_music("train"):
        music = run_music(arguments.data, out, again=arguments.resume)
    if arguments.prior_steps:
        preset = replace(preset, prior_steps=arguments.prior_steps)
    training = train(
        preset,
        music.windows,
        music.held_out,
        out,
        seed=arguments.seed,
        resume=arguments.resume,
        device=arguments.device,
        start=start,
    )
    model = training.master.cpu().eval()
    bundle = finish(
        model,
        music,
        arguments.preset,
        steps=training.step,
        prior_steps=preset.prior_steps,
        seed=arguments.seed,
        out=out,
        resume=arguments.resume,
        device=arguments.device,
    )
    if arguments.data is not None:
        base = origin.bundle() if origin else None
        complete(bundle, music, base, clips=arguments.figures, seed=arguments.seed)


if __name__ == "__main__":
    main()
