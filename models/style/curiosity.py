"""What to train on next, by learning progress: more of what is just being learned, or forgotten.

Arms are a domain of music and one style that rearranged clips of it have from elsewhere. Every so often the model is
asked what such clips, of songs that it isn't trained on, cost; an arm's progress is how far that has moved lately
against its own past, and batches are drawn by it. Sources: Oudeyer et al. 2007, Graves et al. 2017; the absolute
value, by which what is forgotten comes again, is of Matiisen et al. 2019.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.experiments.run_log import RunLog, rows
from models.music.notes import DOMAINS
from models.style.features import bar_features, gather_notes
from models.style.latents import BARS
from models.style.likelihood import losses
from models.style.model import StyleModel
from models.style.objective import mixed_latents, nats_a_note
from models.style.rearrange import REARRANGED, SWAP_CHANCE, SWAPPED, UNIFORM, Schedule, Swaps, rearrange
from models.style.windows import DOMAIN_SHARE, WindowSet, pad

PROBES = "curiosity.jsonl"  # the log, beside the run's
CLIPS = 8  # of each domain that are asked about
QUICK, SLOW = 0.6, 0.25  # weight of the last probe in the two exponential means whose distance is progress
EVEN = 0.3  # of an arm's weight that doesn't depend on progress
MOST = 0.95  # chance of a swap
HARDEST = 3  # arms that the log names


@dataclass(frozen=True)
class Arm:
    """Clips of a domain ``(clips, steps, 7)``, told once more with one style of one another."""

    domain: str
    group: str
    tokens: Tensor
    swaps: Swaps

    @property
    def name(self) -> str:
        """As the log says it."""
        return f"{self.domain}.{self.group}"

    @torch.inference_mode()
    def cost(self, model: StyleModel) -> float:
        """Nats a note of the rearranged clips, given latents that don't agree."""
        device = next(model.parameters()).device
        tokens, swaps = self.tokens.to(device), self.swaps.to(str(device))
        z = model.encode(bar_features(gather_notes(tokens, BARS))).mean.view(len(tokens), BARS, -1)
        domain = torch.full((len(swaps.rows),), DOMAINS.index(self.domain), device=device)
        told = losses(model, swaps.tokens, domain, mixed_latents(model, z, swaps))
        return nats_a_note(told, swaps.tokens)


def arms_of(windows: WindowSet) -> list[Arm]:
    """Every domain of ``windows`` with every group whose swaps can be made of its clips."""
    found = []
    for index, domain in enumerate(DOMAINS):
        members = np.flatnonzero(windows.domain == index)
        if len(members) < 2:
            continue
        chosen = members[np.unique(np.linspace(0, len(members) - 1, CLIPS).astype(int))]
        tokens = pad([windows.tokens[a:b] for a, b in windows.spans[chosen]])
        own = torch.arange(len(tokens))
        for group in REARRANGED:
            donors = {name: own.roll(1) if name == group else own for name in REARRANGED}
            made, whole = rearrange(tokens, donors)
            if whole.any():
                taken = {name: rows[whole] for name, rows in donors.items()}
                found.append(Arm(domain, group, tokens, Swaps(made[whole], own[whole], taken)))
    return found


@dataclass
class Bandit:
    """What each arm has cost so far: ``first`` and the quick and the slow exponential mean of it."""

    first: dict[str, float] = field(default_factory=dict)
    quick: dict[str, float] = field(default_factory=dict)
    slow: dict[str, float] = field(default_factory=dict)

    def hear(self, costs: Mapping[str, float]) -> None:
        """One more probe."""
        for arm, cost in costs.items():
            self.first.setdefault(arm, cost)
            for mean, weight in ((self.quick, QUICK), (self.slow, SLOW)):
                mean[arm] = cost if arm not in mean else (1 - weight) * mean[arm] + weight * cost

    def progress(self) -> dict[str, float]:
        """How far each arm's cost has moved lately, as a share of it."""
        return {arm: abs(self.quick[arm] - slow) / slow for arm, slow in self.slow.items()}

    def hardest(self) -> list[str]:
        """The arms of which most of the first cost is left, the hardest first."""
        return sorted(self.first, key=lambda arm: -self.quick[arm] / self.first[arm])[:HARDEST]

    def schedule(self) -> Schedule:
        """Batches by progress; the shipped schedule as long as there is none."""
        progress = self.progress()
        usual = {arm: DOMAIN_SHARE[arm.split(".")[0]] for arm in progress}
        total = sum(usual.values())
        mean = sum(usual[arm] * value for arm, value in progress.items()) / total if total else 0.0
        if mean == 0:
            return UNIFORM
        weight = {arm: usual[arm] * (EVEN + (1 - EVEN) * value / mean) for arm, value in progress.items()}
        by_domain = {domain: [weight.get(f"{domain}.{group}", 0.0) for group in REARRANGED] for domain in DOMAINS}
        level = {domain: sum(values) / len(values) for domain, values in by_domain.items()}
        chances = tuple(
            tuple(min(MOST, SWAP_CHANCE * value / max(level[domain], 1e-9)) for value in values)
            for domain, values in by_domain.items()
        )
        whole = sum(level.values())
        return Schedule({domain: value / whole for domain, value in level.items()}, SWAPPED, chances)


class Curiosity:
    """Asks a model about its arms, logs what it finds to a JSONL file, and says what to train on until it asks again.

    A row has the arms' costs in nats a note, their progress, the hardest ones and the schedule that follows.
    """

    def __init__(self, held_out: WindowSet, path: Path, step: int) -> None:
        """Of a run at ``step``; what an earlier part of it logged before that step counts on."""
        self.arms, self.bandit = arms_of(held_out), Bandit()
        past: Sequence[Mapping[str, Any]] = [row for row in rows(path) if row["step"] < step]
        for row in past:
            self.bandit.hear(row["cost"])
        self.path, self.probes = path, len(past)

    @property
    def schedule(self) -> Schedule:
        """What to train on now."""
        return self.bandit.schedule()

    def look(self, model: StyleModel, step: int) -> None:
        """Ask ``model`` what every arm costs now."""
        cost = {arm.name: arm.cost(model) for arm in self.arms}
        self.bandit.hear(cost)
        schedule = self.schedule
        with RunLog(self.path, keep=self.probes) as log:
            log.write(
                "probe",
                step=step,
                cost=cost,
                progress=_rounded(self.bandit.progress()),
                hardest=self.bandit.hardest(),
                domain_share=_rounded(schedule.domain_share),
                chances=[[round(chance, 4) for chance in row] for row in schedule.chances],
            )
        self.probes += 1


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 5) for name, value in values.items()}
