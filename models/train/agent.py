"""Train an agent at the piano: ``python -m models.train.agent --preset tiny|cpu|gpu --reward NAME``.

The writer that the style model names plays eight bars again and again; an adapter on its weights learns by GRPO what is
rewarded: the rating network on the sound, a listener's head (``--head FILE.npz`` with ``mean``, ``covariance`` and
``version``) on the latents, the sum of both, tension, or a mixture of all that is there. ``--leash B`` weighs the KL
divergence from the writer, whose weights never change; ``--realness W`` weighs a critic that learns to tell the agent's
clips from real ones. OUT has what ``--resume`` needs, the log (``log.jsonl``), what was played at some steps from the
same places on (``played.json``) and, at the end, the adapter with both in ``OUT/bundle``. The last line is one JSON
object.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from models.experiments.arguments import add_domains_argument, exit_without_music, output_folder, positive_int
from models.experiments.dataset import training_pieces
from models.experiments.provenance import commit
from models.music.notes import Domain
from models.rating.agent.reward import (
    LEAST,
    NAMES,
    REAL,
    Realness,
    heard_by_judge,
    load_head,
    real_statistics,
    reward_of,
)
from models.rating.agent.training import PRESETS, STATE, AgentTraining
from models.rating.rater import SHIPPED, load_bundle
from models.style.checkpoint import MODEL_HELP, style_argument
from models.style.compose import Composer
from models.style.evaluation.clips import corpora_parts, real_excerpts, regular
from models.style.latents import BARS
from models.tension.score import beauty, load_tension


def critic_for(composer: Composer, data: Path | None, domains: Sequence[Domain], seed: int) -> Realness:
    """A critic who knows the music in ``data``, or what the style model learned from; ends where a domain has none."""
    with exit_without_music("train"):
        pieces = corpora_parts(composer.bundle.folder)["train"] if data is None else training_pieces(data)
    real = {
        domain: real_excerpts(regular(piece for piece in pieces if piece.domain == domain), BARS, REAL, seed).pieces
        for domain in domains
    }
    if silent := [domain for domain, clips in real.items() if len(clips) < LEAST]:
        raise SystemExit(f"there is no real music for a critic of {', '.join(silent)}; give other --domains, or --data")
    return Realness(real_statistics(real), seed)


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.train.agent", description=__doc__)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="cpu")
    parser.add_argument("--reward", choices=NAMES, default="network")
    parser.add_argument("--head", type=Path, help="a listener's head, for head, sum and mixture")
    parser.add_argument("--leash", dest="kl_weight", type=float, help="weight of the KL divergence from the writer")
    parser.add_argument("--realness", type=float, help="weight of the critic that tells its clips from real ones")
    parser.add_argument("--data", type=Path, help="folder of MIDI and ABC files that are real to the critic")
    parser.add_argument("--model", default="default", help=MODEL_HELP)
    parser.add_argument("--rating", default=SHIPPED, help="a rating network")
    add_domains_argument(parser)
    parser.add_argument("--steps", type=positive_int, help="instead of the preset's")
    parser.add_argument("--clips", type=positive_int, help="of a group, instead of the preset's")
    parser.add_argument("--rate", type=float, help="learning rate, instead of the preset's")
    parser.add_argument("--unstandardised", action="store_true", help="compare rewards in their own unit")
    parser.add_argument("--out", type=Path, default=Path("runs/agent"))
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(argv)
    asked = {
        "kl_weight": given.kl_weight, "steps": given.steps, "clips": given.clips, "learning_rate": given.rate,
        "realness": given.realness,
    }  # fmt: skip
    preset = replace(PRESETS[given.preset], **{name: value for name, value in asked.items() if value is not None})
    preset = replace(preset, standardise=not given.unstandardised)
    out = output_folder(given.out)
    if given.resume and not (out / STATE).is_file():
        raise SystemExit(f"there is no {out / STATE} to resume; leave out --resume to begin")
    torch.set_num_threads(min(2, torch.get_num_threads()))
    composer = Composer(style_argument(given.model))
    if composer.writer is None:
        raise SystemExit(f"the style model {composer.version} names no piece model, so nobody plays note by note")
    try:
        rating = load_bundle(given.rating) if given.reward in {"network", "sum", "mixture"} else None
        space, head = load_head(composer, given.head) if given.head else (None, None)
        tension = partial(beauty, load_tension()) if given.reward in {"tension", "mixture"} else None
        reward = reward_of(given.reward, rating, head, composer, space, tension=tension)
    except (OSError, ValueError, KeyError) as error:
        raise SystemExit(str(error)) from error
    about = {"reward": given.reward, "rating": rating.version if rating else None}
    judge = partial(heard_by_judge, rating.judge) if rating else None
    critic = critic_for(composer, given.data, given.domains, given.seed) if preset.realness > 0 else None
    training = AgentTraining(
        given.preset, preset, composer.writer, reward, out,
        seed=given.seed, domains=given.domains, judge=judge, critic=critic, about=about,
    )  # fmt: skip
    if given.resume:
        try:
            training.resume()
        except (ValueError, RuntimeError, KeyError) as error:
            raise SystemExit(f"the run in {out} cannot go on as {given.preset}: {error}") from error
    progress = training.run()
    card = json.loads((out / "bundle" / "card.json").read_text(encoding="utf-8"))
    print(json.dumps({
        "command": "models.train.agent", "version": card["version"], "commit": commit(), "seed": given.seed,
        "steps": training.at, "seconds": round(progress.seconds, 1), "reward": given.reward, "leash": preset.kl_weight,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
