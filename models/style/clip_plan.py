"""One clip to decode, with all that decides its notes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.music.tokens import (
    GRID_TICKS,
    METERS,
)
from models.style.constraints import Constraints
from models.style.latents import Latents
from models.style.model import BarPlan
from models.style.windows import bar_ticks


@dataclass(frozen=True)
class ClipPlan:
    """One clip to decode: its bar plan (batch of one), meter, domain, sampling and how it came about."""

    bar_plan: BarPlan
    latents: Latents
    domain: int
    meter: int
    seed: int
    temperature: float
    top_p: float
    recipe: Mapping[str, Any]
    emphasis: tuple[float | None, ...] = (None, None, None)  # ``EMPHASIS`` of harmony, register and dynamics, borrowed
    held: Constraints | None = None

    @property
    def bars(self) -> int:
        """Bars to compose."""
        return self.bar_plan.heard.shape[1]

    @property
    def length(self) -> int:
        """Grid steps of a bar."""
        return bar_ticks(*METERS[self.meter]) // GRID_TICKS
