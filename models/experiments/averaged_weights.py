"""A model in training beside the running mean of its weights, which is what is evaluated, kept and shipped.

Source: Polyak & Juditsky 1992, with an exponential window.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Generic, TypeVar

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from models.experiments.optimiser_state import packed, unpack

Model = TypeVar("Model", bound=nn.Module)
WINDOW = 0.98


class AveragedTraining(Generic[Model]):
    """``update`` moves ``model`` by AdamW and ``average`` after it; ``best`` holds the weights that validated best."""

    def __init__(self, model: Model, learning_rate: float, weight_decay: float) -> None:
        self.model, self.average = model, copy.deepcopy(model).eval()
        self.optimiser = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=weight_decay)
        self.step = self.best_step = 0
        self.best_score = -1.0
        self.best = {name: value.clone() for name, value in model.state_dict().items()}

    def update(self, loss: Tensor, learning_rate: float) -> float:
        """One optimiser step; the norm of the gradient before clipping to 1."""
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate
        self.optimiser.zero_grad()
        torch.autograd.backward(loss)
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        with torch.no_grad():
            keep = min(WINDOW, self.step / (self.step + 9))
            for mean, value in zip(self.average.parameters(), self.model.parameters(), strict=True):
                mean.lerp_(value, 1 - keep)
        return norm.item()

    def judged(self, score: float) -> None:
        """Keep the average as the best so far if ``score`` is above all before."""
        if score > self.best_score:
            self.best_score, self.best_step = score, self.step
            self.best = {name: value.clone() for name, value in self.average.state_dict().items()}

    def save(self, path: Path, counts: Mapping[str, float]) -> None:
        """Write all of it and ``counts``; a crash while writing leaves the last state whole."""
        parts = {"model": self.model.state_dict(), "average": self.average.state_dict(), "best": self.best}
        state = {f"{part}.{name}": v.contiguous() for part, found in parts.items() for name, v in found.items()}
        state |= packed(self.optimiser)
        own = {"step": self.step, "best_step": self.best_step, "best_score": self.best_score}
        state |= {f"count.{n}": torch.tensor(v, dtype=torch.float64) for n, v in {**counts, **own}.items()}
        part = path.with_suffix(".part")
        save_file({name: value.detach().clone() for name, value in state.items()}, part)
        part.replace(path)

    def resume(self, path: Path) -> dict[str, float]:
        """Take up what ``save`` wrote; gives the ``counts``."""
        state = load_file(path)

        def part(name: str) -> dict[str, Tensor]:
            return {key.removeprefix(f"{name}."): v for key, v in state.items() if key.startswith(f"{name}.")}

        self.model.load_state_dict(part("model"))
        self.average.load_state_dict(part("average"))
        self.best = part("best")
        counts = {name: value.item() for name, value in part("count").items()}
        unpack(self.optimiser, state)
        self.step, self.best_step = int(counts["step"]), int(counts["best_step"])
        self.best_score = counts["best_score"]
        return counts
