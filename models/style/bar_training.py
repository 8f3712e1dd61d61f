"""Fit the VAEs of one-bar lines: β-VAE, AR-VAE and ours, for equally many steps on equally many bars.

Losses are nats a step; the KL weighs 0.001 in β-VAE and AR-VAE, as published. AR-VAE: the first four dimensions are to
order the bars as the four attributes do (Pati & Lerch 2021, γ = 1, δ = 10). Ours: the element decoders' losses, the
named dimensions are to be the standardised attributes, the unnamed ones not to correlate with them, and where a bar
gets another one's named dimensions, its element decoders are to tell the other one's attributes.

One-voice lines to fit and to test on: bars of the chorales' sopranos, windows of sixteen bars of dance tunes.

Pieces are split by group (``models.music.grouping``), so that no melody is on both sides. A folder is all test data;
then whatever of the corpora shares a group with one of its pieces is left out of the fit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.experiments.dataset import likely_domain, piece_name
from models.music import corpora
from models.music.grouping import group_ids, split
from models.music.lines import CLASSES, FIRST_PITCH, LINE_ATTRIBUTES, STEPS, Line, line_attributes, line_bars
from models.music.notes import MusicError, Piece
from models.style.bar_vae import BarConfig, BarVAE, GroupedBarVAE
from models.style.windows import regular_bars

CHORALES = ("bachChorales",)
DANCES = ("oneills1850", "ryansMammoth", "airdsAirs", "cre")
CHORALE_PARTS = {"validation": 0.1, "test": 0.2}
DANCE_PARTS = {"validation": 0.05, "test": 0.1}
WINDOW = 16  # bars
LEAST_BARS = 16  # to fit on
LOWEST, HIGHEST = 55, 84  # a soprano's pitches, AR-VAE's range: beyond, another voice sounds alone while it rests


@dataclass(frozen=True)
class Lines:
    """Bars to fit on and to choose by ``(bars, 16)``, and the test part ``(items, steps)`` with the piece of each."""

    train: Line
    validation: Line
    test: Line
    songs: list[str]
    pieces: list[Piece]  # of the test part

    @property
    def digest(self) -> str:
        """Of what is fitted on."""
        return hashlib.sha256(self.train.tobytes() + self.validation.tobytes()).hexdigest()[:16]


def soprano_bars(piece: Piece) -> Line:
    """Bars of 4/4 with a note, all within a soprano's range and on the grid of sixteenths: ``(bars, 16)`` tokens."""
    line = line_bars(piece)
    common = (piece.bars[:, 2:] == 4).all(1)
    starts, pitch = line.tokens >= FIRST_PITCH, line.tokens - FIRST_PITCH
    sung = starts.any(1) & (~starts | ((pitch >= LOWEST) & (pitch <= HIGHEST))).all(1)
    found: Line = line.tokens[line.whole & line.exact & common & sung]
    return found


def dance_bars(piece: Piece) -> Line:
    """All bars of four quarters, halves on both sides of a repeat sign joined: ``(bars, 16)`` tokens."""
    line = line_bars(regular_bars(piece))
    return line.tokens[line.whole]


def dance_windows(piece: Piece) -> Line:
    """Sixteen bars of four quarters in a row, from the first one on, without overlap: ``(windows, 256)`` tokens."""
    line = line_bars(regular_bars(piece))
    rows, first = [], 0
    while first + WINDOW <= len(line.whole):
        if line.whole[first : first + WINDOW].all():
            rows.append(line.tokens[first : first + WINDOW].ravel())
            first += WINDOW
        else:
            first += 1
    return np.array(rows, dtype=np.int64).reshape(-1, WINDOW * STEPS)


def chorale_lines(data: Sequence[Piece] | None, limit: int | None) -> Lines:
    """Soprano lines; raises ``MusicError`` where there is nothing to fit on."""
    parts = _parts(CHORALES, CHORALE_PARTS, data, limit)
    return _lines(parts, soprano_bars, [soprano_bars(p) for p in parts["test"]], STEPS)


def melody_lines(data: Sequence[Piece] | None, limit: int | None) -> Lines:
    """Dance tunes; of a folder its one-voice pieces. Raises ``MusicError`` where there is nothing to fit on."""
    voices = None if data is None else [p for p in data if (p.domain or likely_domain(p)) == "dance"]
    parts = _parts(DANCES, DANCE_PARTS, voices, limit)
    return _lines(parts, dance_bars, [dance_windows(p) for p in parts["test"]], WINDOW * STEPS)


def folder_pieces(folder: Path, limit: int | None) -> list[Piece]:
    """The first ``limit`` pieces of a folder; raises ``MusicError``."""
    return corpora.load_folder(folder)[:limit]


def _parts(
    names: Sequence[str], shares: Mapping[str, float], data: Sequence[Piece] | None, limit: int | None
) -> dict[str, list[Piece]]:
    """Train, validation and test; ``data`` is all test, and nothing else is."""
    there = corpora.registry()
    pieces = [p for name in names if there[name].available for p in corpora.load(name, limit=limit)]
    if data is None:
        return split(pieces, seed=0, held_out=shares)
    groups = group_ids([*pieces, *data])
    asked = set(groups[len(pieces) :])
    kept = [i for i in range(len(pieces)) if groups[i] not in asked]
    only = {"validation": shares["validation"]}
    return {**split([pieces[i] for i in kept], 0, only, [groups[i] for i in kept]), "test": list(data)}


def _lines(parts: Mapping[str, list[Piece]], bars: Callable[[Piece], Line], items: list[Line], width: int) -> Lines:
    train, validation = (_stacked([bars(p) for p in parts[part]], STEPS) for part in ("train", "validation"))
    if len(train) < LEAST_BARS:
        raise MusicError(
            f"there are {len(train)} bars of four quarters to fit on; at least {LEAST_BARS} are needed: leave out "
            "--limit or give a larger one"
        )
    songs = [piece_name(p) for p, rows in zip(parts["test"], items, strict=True) for _ in rows]
    return Lines(train, validation if len(validation) else train, _stacked(items, width), songs, parts["test"])


def _stacked(rows: Sequence[Line], width: int) -> Line:
    return np.concatenate([*rows, np.zeros((0, width), dtype=np.int64)])


METHODS = ("beta_vae", "ar_vae", "ours")
FORGET = 0.3  # share of last tokens that the decoder does not hear in training
SHARPNESS = 10.0  # AR-VAE's δ
CHECKS = 10  # validations; the best weights stay


@dataclass(frozen=True)
class BarObjective:
    """What a model is fitted to: its method, the weights of its losses, and how long."""

    method: str
    steps: int
    config: BarConfig = field(default_factory=BarConfig)
    batch: int = 128
    learning_rate: float = 3e-3
    kl: float = 0.001
    named: float = 1.0
    elements: float = 0.5
    independent: float = 0.5
    swapped: float = 0.5


@dataclass(frozen=True)
class NamedLoss:
    """Ours: squared errors of the named dimensions, correlation of the others, squared errors after a swap."""

    told: Tensor
    apart: Tensor
    swapped: Tensor


@dataclass(frozen=True)
class Scale:
    """Mean and standard deviation of the attributes in the training bars, each ``(4,)``."""

    mean: Tensor
    deviation: Tensor

    @classmethod
    def of(cls, bars: Line) -> Scale:
        """Measured on bars ``(bars, 16)``."""
        values = torch.from_numpy(line_attributes(bars)).float()
        return cls(values.mean(0), values.std(0).clamp(min=1e-3))

    def standardised(self, bars: Line) -> Tensor:
        """Attributes of bars, ``(bars, 4)``."""
        return (torch.from_numpy(line_attributes(bars)).float() - self.mean) / self.deviation


def named_dimensions(model: BarVAE) -> list[int]:
    """The dimensions that stand for the four attributes in AR-VAE and ours, in the order of ``ATTRIBUTES``."""
    if isinstance(model, GroupedBarVAE):  # complexity and density are rhythm's, range and contour pitch's
        return [0, model.config.rhythm, 1, model.config.rhythm + 1]
    return list(range(len(LINE_ATTRIBUTES)))


def ordering_loss(z: Tensor, attributes: Tensor) -> Tensor:
    """AR-VAE's regularisation of dimensions ``(bars, k)`` by attributes ``(bars, k)``, summed over the attributes."""
    apart = torch.tanh(SHARPNESS * (z[:, None] - z[None]))
    wanted = torch.sign(attributes[:, None] - attributes[None])
    return (apart - wanted).abs().mean((0, 1)).sum()


def correlation_loss(z: Tensor, attributes: Tensor) -> Tensor:
    """Mean squared correlation of dimensions ``(bars, d)`` with attributes ``(bars, k)`` in a batch."""
    a, b = z - z.mean(0), attributes - attributes.mean(0)
    scale = ((a**2).sum(0)[:, None] * (b**2).sum(0)).clamp(min=1e-6)
    return ((a.T @ b) ** 2 / scale).mean()


def named_loss(model: GroupedBarVAE, z: Tensor, bars: Line, scale: Scale, generator: torch.Generator) -> NamedLoss:
    """What is asked of the latents ``z`` of ``bars`` besides telling them."""
    wanted, named = scale.standardised(bars), named_dimensions(model)
    others = [d for d in range(z.shape[1]) if d not in named]
    donors = torch.randperm(len(z), generator=generator)
    mixed = z.clone()
    mixed[:, named] = z[donors][:, named]
    made = (model.expected_attributes(mixed) - scale.mean) / scale.deviation
    return NamedLoss(
        told=((z[:, named] - wanted) ** 2).mean(0).sum(),
        apart=correlation_loss(z[:, others], wanted),
        swapped=((made - wanted[donors]) ** 2).mean(0).sum(),
    )


def bar_loss(
    model: BarVAE, objective: BarObjective, bars: Line, scale: Scale, generator: torch.Generator
) -> dict[str, Tensor]:
    """Losses of one batch of bars ``(bars, 16)``; ``total`` is to be minimised."""
    tokens = torch.from_numpy(bars)
    posterior = model.encode(tokens)
    z = posterior.sample(generator)
    losses = model.losses(tokens, z, posterior, FORGET, generator)
    total = losses.steps + objective.kl * losses.kl
    if objective.method == "ar_vae":
        total = total + objective.named * ordering_loss(z[:, named_dimensions(model)], scale.standardised(bars))
    if isinstance(model, GroupedBarVAE):
        named = named_loss(model, z, bars, scale, generator)
        total = total + objective.elements * losses.elements + objective.named * named.told
        total = total + objective.independent * named.apart + objective.swapped * named.swapped
    return {"total": total, "steps": losses.steps, "kl": losses.kl}


def transposed(bars: Line, rng: np.random.Generator) -> Line:
    """Each bar moved by -5..6 semitones, where that stays within MIDI's pitches."""
    moved = bars + (bars >= FIRST_PITCH) * rng.integers(-5, 7, size=(len(bars), 1))
    outside = ((bars >= FIRST_PITCH) & ((moved < FIRST_PITCH) | (moved >= CLASSES))).any(1)
    moved[outside] = bars[outside]
    return moved


def fit(
    objective: BarObjective, bars: Line, validation: Line, seed: int, tick: Callable[[Mapping[str, float]], None]
) -> BarVAE:
    """A model fitted on ``bars`` ``(bars, 16)``; of ten states the one with the least validation loss is kept.

    ``tick`` hears the losses after every step.
    """
    torch.manual_seed(seed)
    model = (GroupedBarVAE if objective.method == "ours" else BarVAE)(objective.config)
    optimiser = torch.optim.AdamW(model.parameters(), lr=objective.learning_rate, weight_decay=0.01)
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    scale = Scale.of(bars)
    best, least = {k: v.clone() for k, v in model.state_dict().items()}, float("inf")
    for step in range(objective.steps):
        left = 1 - step / objective.steps
        for group in optimiser.param_groups:
            group["lr"] = objective.learning_rate * min((step + 1) / 50, left / 0.5, 1.0)
        rows = rng.integers(len(bars), size=min(objective.batch, 4 * len(bars)))
        losses = bar_loss(model, objective, transposed(bars[rows], rng), scale, generator)
        optimiser.zero_grad()
        torch.autograd.backward(losses["total"])
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        tick({name: value.item() for name, value in losses.items()})
        if (step + 1) * CHECKS // objective.steps > step * CHECKS // objective.steps:
            found = _validation_loss(model, objective, validation, scale)
            if found < least:
                best, least = {k: v.clone() for k, v in model.state_dict().items()}, found
    model.load_state_dict(best)
    return model.eval()


@torch.no_grad()
def _validation_loss(model: BarVAE, objective: BarObjective, validation: Line, scale: Scale) -> float:
    generator = torch.Generator().manual_seed(0)
    return float(bar_loss(model, objective, validation[:2048], scale, generator)["total"])
