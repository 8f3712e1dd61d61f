"""The process that dreams: ``webapp.rating.dreaming_process FOLDER MODEL METHOD SEED STEPS SURFACE``.

Every step is a JSON line on its output; at the end ``FOLDER/heard`` has what it ended with, ``dream.wav``, and the way
there from the noise, ``trail.wav``. The critic listens to ``models.rating.real_sounds``.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any, cast

import soundfile
import torch

from models.rating.dreaming import (
    METHODS,
    MethodName,
    Real,
    Surface,
    audible,
    dream,
    levelled,
    trail_picture,
    trail_samples,
)
from models.rating.mel_bands import SAMPLE_RATE_HZ
from models.rating.rater import load_bundle
from models.rating.real_sounds import real_sounds
from webapp.runtime.listener_files import HEARD

SECONDS = 5.9  # two of the tagger's windows
SCENES = 16  # of the trail


def main(folder: Path, model: str, method: MethodName, *, seed: int, steps: int, surface: Surface) -> None:
    """See the module docstring."""
    torch.set_num_threads(1)
    bundle = load_bundle(model)
    real = Real(real_sounds(model).pictures)
    pictures, sounds = [], []
    for step in dream(
        bundle.ensemble,
        bundle.judge.network,
        real,
        METHODS[method],
        steps=steps,
        seconds=SECONDS,
        seed=seed,
        surface=surface,
    ):
        pictures.append(step.picture)
        sounds += [step.samples] if step.samples is not None else []
        realness = step.realness if math.isfinite(step.realness) else None
        line: dict[str, Any] = {"step": step.number, "p": step.p, "judge": step.judge}
        print(json.dumps({**line, "realness": realness, "alarm": step.alarm}), flush=True)
    kept = [round(at * (len(pictures) - 1) / (SCENES - 1)) for at in range(SCENES)]
    if sounds:  # the sound itself was changed
        sound = {"dream": levelled(sounds[-1]), "trail": trail_samples([sounds[at] for at in kept])}
    else:
        trail = trail_picture([pictures[at] for at in kept])
        sound = {"dream": audible(pictures[-1]), "trail": audible(trail)}
    part = folder / "part"
    part.mkdir()
    for name, samples in sound.items():
        soundfile.write(part / f"{name}.wav", samples, SAMPLE_RATE_HZ)
    part.rename(folder / HEARD)


if __name__ == "__main__":
    main(
        Path(sys.argv[1]), sys.argv[2], cast("MethodName", sys.argv[3]),
        seed=int(sys.argv[4]), steps=int(sys.argv[5]), surface=cast("Surface", sys.argv[6]),
    )  # fmt: skip
