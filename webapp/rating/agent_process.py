"""The process in which an agent learns: ``webapp.rating.agent_process FOLDER STYLE RATING …``.

``…`` are the reward, the domain, the seed and the number of steps. ``FOLDER/head.npz`` is the listener's head where
that rewards. Every step is a JSON line on its output; at the end ``FOLDER/bundle`` has the adapter, and
``FOLDER/heard`` what the writer (``before-N.wav``) and the agent (``after-N.wav``) play from the same place on.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import soundfile
import torch

from models.music.notes import Domain
from models.music.performance import sounding_seconds
from models.music.render import SAMPLE_RATE_HZ, render
from models.rating.agent.policy import agent_of, save_agent
from models.rating.agent.reward import heard_by_judge, load_head, reward_of
from models.rating.agent.training import PRESETS, AgentTraining
from models.rating.evaluation.agent import plays
from models.rating.rater import load_bundle
from models.style.checkpoint import load_style
from models.style.compose import Composer
from models.tension.score import beauty, load_tension
from webapp.runtime.listener_files import HEARD

CLIPS, RATE = 12, 2e-3  # of a group; twice the usual learning rate, since it trains for a short while
PAIRS, SECONDS = 3, 14.0  # to compare, and how much of each is heard
HEARD_SEED = 1_000_003  # of what is played at the end, which was never played in training
TOLD = ("reward", "judge", "kl")


def main(folder: Path, style: str, rating: str, reward: str, domain: Domain, *, seed: int, steps: int) -> None:
    """See the module docstring."""
    torch.set_num_threads(1)
    composer = Composer(load_style(Path(style)))
    writer = composer.writer
    if writer is None:
        raise SystemExit("this style model names no piece model")
    network = load_bundle(rating) if rating and reward != "head" else None
    space, head = load_head(composer, given) if (given := folder / "head.npz").is_file() else (None, None)
    tension = partial(beauty, load_tension()) if reward in {"tension", "mixture"} else None
    wanted = reward_of(reward, network, head, composer, space, tension=tension)
    preset = replace(PRESETS["cpu"], steps=steps, clips=CLIPS, learning_rate=RATE)
    training = AgentTraining(
        "page", preset, writer, wanted, folder, seed=seed, domains=[domain],
        judge=partial(heard_by_judge, network.judge) if network else None, about={"reward": reward},
    )  # fmt: skip
    while training.at < steps:
        values = training.step()
        print(json.dumps({"step": training.at, **{name: values.get(name) for name in TOLD}}), flush=True)
    agent = agent_of(writer, training.adapter, "agent")
    both = [plays(each)(domain, PAIRS, HEARD_SEED + seed) for each in (writer, agent)]
    part = folder / "part"
    part.mkdir()
    for number, (before, after) in enumerate(zip(*both, strict=True)):
        seconds = min(SECONDS, sounding_seconds(before), sounding_seconds(after))
        for name, piece in (("before", before), ("after", after)):
            soundfile.write(part / f"{name}-{number}.wav", render(piece, seconds), SAMPLE_RATE_HZ)
    save_agent(folder / "bundle", training.adapter, training.card())
    part.rename(folder / HEARD)


if __name__ == "__main__":
    main(
        Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], cast("Domain", sys.argv[5]),
        seed=int(sys.argv[6]), steps=int(sys.argv[7]),
    )  # fmt: skip
