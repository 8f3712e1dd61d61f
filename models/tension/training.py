"""Training the recogniser, and fitting small heads.

The recogniser learns from contexts and bars of real pieces, read once by the piece model, which stays as it is. A small
head is fitted in so many steps on rows of training pieces; it is kept as it was best on others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from rich.progress import track
from torch import Tensor, nn
from torch.nn import functional as F

from models.experiments.optimisation import rise_and_fall, share_done
from models.music.notes import DOMAINS, MusicError, Piece
from models.style.pieces.model import PieceModel
from models.tension.past import LEAST_HEARD, OTHERS, Bars, Others, Recogniser, bars_of, candidates, recognised

ROWS = 256  # contexts a step
WARM_UP = 50
CHECKS = 10
LATER = 4  # bars ahead at most: the bar to be found need not be the very next one

HEAD_ROWS = 256  # a step, if nothing else is said
CHECK = 50  # steps between looks at the validation rows
Head = TypeVar("Head", bound=nn.Module)


@dataclass(frozen=True)
class Preset:
    """Pieces a domain, optimiser steps and sizes of the recogniser, and steps of each head."""

    pieces: int
    bars: int
    steps: int
    hidden: int
    head_steps: int
    learning_rate: float = 2e-3
    weight_decay: float = 0.05


PRESETS: Mapping[str, Preset] = {
    "tiny": Preset(12, 16, 20, 16, 20),
    "cpu": Preset(250, 40, 1200, 160, 800),
    "gpu": Preset(2000, 64, 12_000, 256, 4000),
}


def read_all(model: PieceModel, pieces: Sequence[Piece], *, each: int, most: int, seed: int) -> dict[str, Bars]:
    """The bars of up to ``each`` pieces of every domain, in a random order; those that can't be read are left out."""
    rng = np.random.default_rng(seed)
    found: dict[str, Bars] = {}
    for domain in DOMAINS:
        own = [piece for piece in pieces if piece.domain == domain]
        parts = []
        for index in track(rng.permutation(len(own))[:each].tolist(), f"{domain} bars"):
            try:
                parts.append(bars_of(model, own[index], most=most))
            except MusicError:
                continue
        if parts:
            found[domain] = Bars.joined(parts)
    if not found:
        raise MusicError("none of the pieces has bars that can be read")
    return found


def train(
    bars: Mapping[str, Bars], held_out: Mapping[str, Bars], preset: Preset, *, inputs: int, seed: int
) -> tuple[Recogniser, dict[str, float]]:
    """The recogniser that knew the ``held_out`` pieces best, and by domain the mean log chance of their own bars.

    By guessing that is -2.77. Few pieces are soon known by heart, so it is asked ``CHECKS`` times.

    Raises ``MusicError`` where there are too few to learn from.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    recogniser = Recogniser(inputs, preset.hidden)
    optimiser = torch.optim.AdamW(recogniser.parameters(), lr=preset.learning_rate, weight_decay=preset.weight_decay)
    drawn = {name: _Drawing(own) for name, own in bars.items()}
    names = [name for name, own in drawn.items() if len(own.rows)]
    if not names:
        raise MusicError(f"no bar can be told from {OTHERS} like it of other pieces; give more pieces of a kind")
    best, found = recogniser.state_dict(), dict.fromkeys(held_out, -math.inf)
    for step in track(range(preset.steps), "recogniser"):
        contexts, choice = drawn[names[int(rng.integers(len(names)))]].batch(rng)
        rate = rise_and_fall(preset.learning_rate, step, share_done(step, preset.steps), warm_up=WARM_UP, falling=0.5)
        for group in optimiser.param_groups:
            group["lr"] = rate
        scores = recogniser.train().scores(contexts, choice)
        loss = F.cross_entropy(scores, torch.zeros(len(scores), dtype=torch.long))
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        if (step + 1) % max(1, preset.steps // CHECKS) == 0:
            now = _asked(recogniser.eval(), held_out)
            if sum(now.values()) > sum(found.values()):
                found, best = now, {name: value.clone() for name, value in recogniser.state_dict().items()}
    recogniser.load_state_dict(best)
    return recogniser.eval(), found


def _asked(recogniser: Recogniser, held_out: Mapping[str, Bars]) -> dict[str, float]:
    """The mean log chance of a piece's own bar in each domain; that of guessing where too few pieces were held out."""
    found = {}
    for name, own in held_out.items():
        chances = recognised(recogniser, own, Others.of(recogniser, own), same=True)
        known = chances[np.isfinite(chances)]
        found[name] = float(known.mean()) if len(known) else -math.log(1 + OTHERS)
    return found


class _Drawing:
    """Training rows of one domain: a context, a bar of its own that comes soon, and bars of others like that one."""

    def __init__(self, bars: Bars) -> None:
        self.bars = bars
        rows = np.flatnonzero((bars.number >= LEAST_HEARD) & (bars.density > 0))
        self.others = {int(row): candidates(bars, bars, int(row), same=True) for row in rows}
        self.rows = np.array([row for row, found in self.others.items() if len(found) >= OTHERS], dtype=np.int64)

    def batch(self, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Contexts ``(n, dim)`` and for each its own bar, then the others ``(n, 1 + OTHERS, dim)``."""
        bars = self.bars
        own = rng.choice(self.rows, ROWS)
        back = np.minimum(rng.integers(0, LATER, ROWS), bars.number[own] - LEAST_HEARD)
        others = np.stack([rng.choice(self.others[int(row)], OTHERS, replace=False) for row in own])
        choice = bars.own[np.concatenate([own[:, None], others], axis=1)]
        return torch.from_numpy(bars.context[own - back]), torch.from_numpy(choice)


def fitted(
    head: Head,
    loss: Callable[[Any, Any], Tensor],
    rows: Any,
    validation: Any,
    *,
    count: int,
    steps: int,
    seed: int,
    learning_rate: float = 2e-3,
    each: int = HEAD_ROWS,
) -> Head:
    """``head`` as it was when ``loss`` ``(rows,)`` was least in the mean of ``validation``.

    ``rows`` has ``count`` rows, of which ``some``, ``each`` many, are taken at random in each step.
    """
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    optimiser = torch.optim.AdamW(head.parameters(), lr=learning_rate, weight_decay=0.05)
    best, least = _state(head), math.inf
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate * (1 - step / steps)
        value = loss(head.train(), rows.some(rng.integers(count, size=each))).mean()
        optimiser.zero_grad()
        torch.autograd.backward(value)
        optimiser.step()
        if (step + 1) % CHECK == 0 or step + 1 == steps:
            with torch.inference_mode():
                now = float(loss(head.eval(), validation).mean())
            if now < least:
                best, least = _state(head), now
    head.load_state_dict(best)
    return head.eval()


def _state(head: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in head.state_dict().items()}
