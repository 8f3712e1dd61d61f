"""Networks that each learn from all folds but one: each track is rated by those that never heard it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from safetensors.torch import load_file, save_file

from models.experiments.provenance import commit
from models.experiments.run_log import RunLog

from .checkpoint import ABLATIONS, Trained, save_bundle
from .figures import Order
from .folds import FOLDS, folds_of
from .material import Floats, Material
from .outlier import Heard
from .recipe import Recipe
from .training import Member, noise_pictures, predicted


class CrossFit:
    """The networks of a run in the folder ``out``."""

    def __init__(self, material: Material, out: Path, preset: str, *, seed: int) -> None:
        self.material, self.out, self.preset, self.seed = material, out, preset, seed
        self.fold = folds_of(material.digests, material.p, seed=seed, folds=min(FOLDS, len(material.digests)))
        self.noises = noise_pictures(seed)

    def member(self, recipe: Recipe, fold: int, number: int) -> Member:
        """The ``number``-th network that learns from all but ``fold``."""
        rows = np.flatnonzero(self.fold != fold)
        return Member(self.material, rows, recipe, self.noises, 1000 * self.seed + 10 * fold + number)

    def train(self, recipe: Recipe, networks: int, *, resume: bool) -> dict[str, Any]:
        """``networks`` a fold, and the bundle; what was found on tracks that each had not heard."""
        plan = [(fold, number) for fold in range(int(self.fold.max()) + 1) for number in range(networks)]
        config = {"recipe": asdict(recipe), "networks": networks, "data": self.material.hash, "seed": self.seed}
        at, lines = self._begun(config, plan) if resume else (0, 0)
        settings = self.out / "run.json"
        settings.write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
        if not resume:
            for old in self.out.glob("*.safetensors"):
                old.unlink()
        members = []
        with RunLog(self.out / "log.jsonl", lines) as log:
            if not log.lines:
                log.write("run", what="rating", preset=self.preset, seed=self.seed, data=self.material.hash,
                          commit=commit(), steps=recipe.steps * len(plan), config=asdict(recipe.config))  # fmt: skip
            for place, (fold, number) in enumerate(track(plan, "networks", console=Console(stderr=True))):
                member = self.member(recipe, fold, number)
                done, state = self.out / f"network-{fold}-{number}.safetensors", self.out / "state.safetensors"
                if place < at:
                    network = member.training.average
                    network.load_state_dict(load_file(done))
                else:
                    if place == at and state.exists():
                        member.training.resume(state)
                    network = member.run(f"{fold}.{number}", state, log)
                    save_file(dict(network.state_dict()), done)
                    (self.out / "lines.txt").write_text(f"{log.lines}\n", encoding="utf-8")
                    state.unlink(missing_ok=True)
                members.append(Trained(network.eval(), member.scale, fold))
            found = self._bundle(members, recipe)
            log.write("end", step=recipe.steps * len(plan), **found)
        return found

    def _begun(self, config: dict[str, Any], plan: list[tuple[int, int]]) -> tuple[int, int]:
        """How many networks of ``plan`` are done, and how many lines of the log to keep."""
        path = self.out / "run.json"
        if not path.exists():
            raise FileNotFoundError(f"there is no {path} to resume; leave out --resume to begin")
        if json.loads(path.read_text(encoding="utf-8")) != json.loads(json.dumps(config)):
            raise ValueError("it has other data or another recipe; begin without --resume")
        done = [(self.out / f"network-{fold}-{number}.safetensors").exists() for fold, number in plan]
        at = done.index(False) if False in done else len(done)
        state, counted = self.out / "state.safetensors", self.out / "lines.txt"
        if at < len(done) and state.exists():
            return at, int(load_file(state)["count.lines"])
        return at, int(counted.read_text()) if counted.exists() else 0

    def _bundle(self, members: list[Trained], recipe: Recipe) -> dict[str, Any]:
        rated = self.held_out(members)
        error = float(np.sqrt(np.mean((rated - self.material.p) ** 2)))
        order = Order(self.material.p, self.fold, self.seed)
        figures = {"pairs": order.pair_accuracy(rated).value, "spearman": order.spearman(rated).value, "error": error}
        card = {
            "name": f"rating-{self.preset}", "preset": self.preset, "seed": self.seed, "commit": commit(),
            "steps": recipe.steps, "config": asdict(recipe.config),
            "data": {"hash": self.material.hash, "tracks": len(self.material.digests)},
            "validation": {**figures, "predicted": [round(float(each), 4) for each in np.sort(rated)]},
        }  # fmt: skip
        folds = dict(zip(self.material.digests, self.fold.tolist(), strict=True))
        save_bundle(self.out / "bundle", members, card, Heard.of(self.material.pictures, seed=self.seed), folds)
        return figures

    def held_out(self, members: list[Trained]) -> Floats:
        """p of each track by the members that have not learned from it, ``(tracks,)``."""
        rated, count = np.zeros(len(self.fold)), np.zeros(len(self.fold))
        for one in members:
            rows = np.flatnonzero(self.fold == one.fold)
            rated[rows] += predicted(one.network, one.scale, [self.material.pictures[row] for row in rows])
            count[rows] += 1
        return rated / count

    def ablate(self, name: str, recipe: Recipe) -> dict[str, Any]:
        """One network a fold by ``recipe``; what it rates the tracks it has not heard is kept beside the bundle."""
        members = []
        for fold in track(range(int(self.fold.max()) + 1), name, console=Console(stderr=True)):
            member = self.member(recipe, fold, 0)
            members.append(Trained(member.run(name, None, None), member.scale, fold))
        rated = self.held_out(members)
        path = self.out / "bundle" / ABLATIONS
        kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        kept[name] = {digest: round(float(p), 5) for digest, p in zip(self.material.digests, rated, strict=True)}
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(kept) + "\n", encoding="utf-8")
        order = Order(self.material.p, self.fold, self.seed)
        return {"pairs": order.pair_accuracy(rated).value, "spearman": order.spearman(rated).value}
