"""Training: how far a run is, learning rates over it, bfloat16 weights beside a float32 master copy, averaged weights.

``MasterWeights`` trains in true bfloat16 beside a float32 master copy: twice as fast as float32 on CPUs with bfloat16
products. Autocast is slower there; a CPU without such products takes fifty times as long for them, and trains in
float32. Source: the master-weights recipe of Micikevicius et al. 2018, without loss scaling. ``AveragedTraining``
trains a model beside the running mean of its weights, which is what is evaluated, kept and shipped (Polyak & Juditsky
1992, with an exponential window). What an optimiser remembers is saved as named tensors beside a model's in one file:
loading is exact, nothing is pickled.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Generic, TypeVar

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from models.music.files import replacing

PREFIX = "optimiser."

Model = TypeVar("Model", bound=nn.Module)
COUNT = "count."
SLOWER = 0.04  # of the learning rate, for weights that knew their trade before others were added
MUON, FASTER = "muon.", 20.0  # its tensors among the saved ones, and its learning rate over AdamW's

WINDOW = 0.98  # of the running mean stays at each step


def share_done(step: int, steps: int, seconds: float = 0.0, minutes: float | None = None) -> float:
    """The share of a run that lies behind, 0 to 1: of its ``minutes`` where it has them, else of its ``steps``."""
    return min(1.0, step / steps if minutes is None else seconds / (60 * minutes))


def rise_and_fall(
    rate: float, step: int, done: float, *, warm_up: int, falling: float = 1.0, least: float = 0.02
) -> float:
    """The learning rate: up to ``rate`` in ``warm_up`` steps, constant, then linear down over the last ``falling``.

    ``falling`` is a share of the run, of which the share ``done`` lies behind; ``least`` is the share of ``rate`` that
    it ends with.
    """
    return rate * min(1.0, (step + 1) / warm_up, max(least, (1 - done) / falling))


def progress_bar(what: str, field: str = "") -> Progress:
    """How far a training is and how long it will take; last what its task's ``field`` says, where one is named."""
    said = [TextColumn(f"{{task.fields[{field}]}}")] if field else []
    times = (MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    return Progress(TextColumn(what), BarColumn(), *times, *said)


def packed(optimiser: Optimizer, prefix: str = PREFIX) -> dict[str, Tensor]:
    """The state as ``PREFIX.PARAMETER.NAME``, with parameters numbered in the optimiser's order."""
    return {
        f"{prefix}{index}.{name}": value
        for index, entry in optimiser.state_dict()["state"].items()
        for name, value in entry.items()
    }


def unpack(optimiser: Optimizer, state: Mapping[str, Tensor], prefix: str = PREFIX) -> None:
    """Give ``optimiser`` what ``packed`` put into ``state``, among whatever else is there."""
    entries: dict[int, dict[str, Tensor]] = {}
    for key, value in state.items():
        if key.startswith(prefix):
            index, name = key.removeprefix(prefix).split(".")
            entries.setdefault(int(index), {})[name] = value
    optimiser.load_state_dict({**optimiser.state_dict(), "state": entries})


class MasterWeights(Generic[Model]):
    """``working`` runs in ``dtype``; ``update`` moves the float32 ``master`` by AdamW and copies it to ``working``.

    In bfloat16 its ``orthogonal`` matrices are moved by Muon (Jordan et al. 2024), whose own products are in it: its
    steps take more time and get further. ``average`` follows the master as the exponential mean of its weights over
    about 1 / (1 - ``averaging``) steps (Polyak & Juditsky 1992). Without a ``dtype`` it is that of ``working_dtype``.
    ``slower`` weights have ``SLOWER`` of the learning rate.
    """

    def __init__(
        self,
        master: Model,
        learning_rate: float,
        averaging: float = 0.0,
        orthogonal: Sequence[nn.Parameter] = (),
        dtype: torch.dtype | None = None,
        *,
        slower: Sequence[nn.Parameter] = (),
    ) -> None:
        self.master, self.step, self.averaging = master, 0, averaging
        self.average = copy.deepcopy(master) if averaging else master
        dtype = dtype or working_dtype(next(master.parameters()).device)
        self.working = copy.deepcopy(master).to(dtype)
        orthogonal = orthogonal if dtype == torch.bfloat16 else ()
        turned = {id(p) for p in orthogonal}
        late = {id(p) for p in slower}
        by_adam = [p for p in master.parameters() if p.ndim < 2 or id(p) not in turned]
        groups = [
            {"params": chosen, "weight_decay": 0.02 if wide else 0.0, "share": SLOWER if slow else 1.0}
            for slow in (False, True)
            for wide in (True, False)
            if (chosen := [p for p in by_adam if (p.ndim >= 2) == wide and (id(p) in late) == slow])
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.98), fused=True)
        self.muon = torch.optim.Muon(orthogonal, lr=FASTER * learning_rate, weight_decay=0.02) if orthogonal else None

    def update(self, loss: Tensor, learning_rate: float) -> float:
        """Backward through ``working`` and one optimiser step; the norm of the gradient before clipping to 1."""
        for group in self.optimiser.param_groups:
            group["lr"] = group["share"] * learning_rate
        for group in self.muon.param_groups if self.muon else []:
            group["lr"] = FASTER * learning_rate
        torch.autograd.backward(loss)
        for master, working in zip(self.master.parameters(), self.working.parameters(), strict=True):
            master.grad = working.grad.float() if working.grad is not None else None
            working.grad = None
        norm = torch.nn.utils.clip_grad_norm_(self.master.parameters(), 1.0)
        self.optimiser.step()
        if self.muon:
            self.muon.step()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            torch._foreach_copy_(list(self.working.parameters()), list(self.master.parameters()))
            self.step += 1
            if self.averaging:
                new = 1 - min(self.averaging, self.step / (self.step + 9))
                torch._foreach_lerp_(list(self.average.parameters()), list(self.master.parameters()), new)
        return norm.item()

    def begin_with(self, weights: Mapping[str, Tensor]) -> None:
        """Take these weights to go on from, with a fresh optimiser."""
        self.master.load_state_dict(weights)
        if self.averaging:
            self.average.load_state_dict(weights)
        self.working.load_state_dict(weights)

    def save(self, path: Path, counts: Mapping[str, float] = MappingProxyType({})) -> None:
        """Write weights, optimiser state and ``counts``; a crash while writing leaves the last ones whole."""
        state = {f"model.{k}": v for k, v in self.master.state_dict().items()} | packed(self.optimiser)
        if self.muon:
            state |= packed(self.muon, MUON)
        if self.averaging:
            state |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        state |= {f"{COUNT}{k}": torch.tensor(v, dtype=torch.float64) for k, v in counts.items()}
        state["step"] = torch.tensor(self.step)
        with replacing(path) as part:
            save_file(state, part)

    def resume(self, path: Path) -> dict[str, float]:
        """Take up where ``save`` left off, and give its ``counts``; raises ``FileNotFoundError`` where it never did.

        And ``ValueError`` where its matrices were moved by another optimiser.
        """
        state = load_file(path)
        if bool(self.muon) != any(name.startswith(MUON) for name in state):
            raise ValueError(f"{path} was trained by another optimiser; begin another run without --resume")
        self.step = int(state.pop("step"))
        self.master.load_state_dict({k[6:]: v for k, v in state.items() if k.startswith("model.")})
        if self.averaging:
            self.average.load_state_dict({k[8:]: v for k, v in state.items() if k.startswith("average.")})
        unpack(self.optimiser, state)
        if self.muon:
            unpack(self.muon, state, MUON)
        self.working.load_state_dict(self.master.state_dict())
        return {k.removeprefix(COUNT): v.item() for k, v in state.items() if k.startswith(COUNT)}


def working_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where ``device`` has instructions for its products, else float32."""
    slow = device.type == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.float32 if slow else torch.bfloat16


def trained_weights(path: Path) -> tuple[dict[str, Tensor], int]:
    """The master's state dict and the steps that it was trained for, from what ``MasterWeights.save`` wrote.

    Raises ``ValueError`` for anything else.
    """
    try:
        state = load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is not what a training saves ({error}); begin another without --resume") from error
    weights = {k.removeprefix("model."): v for k, v in state.items() if k.startswith("model.")}
    return weights, int(state["step"])


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
        with replacing(path) as part:
            save_file({name: value.detach().clone() for name, value in state.items()}, part)

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
