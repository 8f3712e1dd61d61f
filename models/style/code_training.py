"""Fit the style codes of a style model: what two windows of a piece share and nobody has named.

A step of its own between the style model and the prior, of large batches, since small ones can't tell what bands of
something named explain of a code: a rank correlation finds a code that grows with the tempo, not one that is high for
slow and for fast pieces alike.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor
from torch.nn import functional as F

from models.experiments.provenance import commit, data_hash
from models.experiments.run_log import run_row
from models.music.notes import DOMAINS
from models.style.features import NoteBatch, clip_mean, gather_notes, style_features
from models.style.latents import BARS
from models.style.model import StyleModel
from models.style.windows import DOMAIN_SHARE, WindowSet, pad, transposition

LEARNING_RATE = 1e-3
PAIRS, BATCH = 20_000, 1024  # pairs of windows, at most, and how many a step
BANDS = 8  # of everything that has a name and is a number
LEAST = 3 * BANDS  # pairs of a domain in a batch, below which they say nothing
LOG_EVERY = 50  # steps


@dataclass(frozen=True)
class Pairs:
    """Two windows of each of some pieces.

    ``one`` and ``two`` ``(pairs, bars, features)``, what ``StyleModel.codes`` hears, in half precision; ``named``
    ``(pairs, names)``, of the first windows: the band of each number, of those of its domain, and the meter; ``domain``
    ``(pairs,)``.
    """

    one: Tensor
    two: Tensor
    named: Tensor
    domain: Tensor

    def __getitem__(self, rows: Tensor) -> Pairs:
        return Pairs(self.one[rows], self.two[rows], self.named[rows], self.domain[rows])

    def to(self, device: str) -> Pairs:
        """The same on ``device``."""
        return Pairs(*(part.to(device) for part in (self.one, self.two, self.named, self.domain)))


def fit_codes(model: StyleModel, windows: WindowSet, *, steps: int, seed: int, out: Path, device: str = "cpu") -> None:
    """Teach ``model.codes``, from nothing, on pairs of ``windows`` for so many steps; logs to ``out/codes.jsonl``."""
    torch.manual_seed(seed)
    pairs = choose_pairs(model, windows, seed).to(device)
    learner = copy.deepcopy(model.codes).float().to(device).train()
    for layer in (learner.inner, learner.deep, learner.out):
        layer.reset_parameters()
    optimiser = torch.optim.AdamW(learner.parameters(), lr=LEARNING_RATE, weight_decay=0.02)
    generator = torch.Generator().manual_seed(seed)
    columns = (TextColumn("style codes"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress, (out / "codes.jsonl").open("w", encoding="utf-8") as log:
        print(run_row("codes", seed=seed, data=data_hash(windows.pieces), commit=commit()), file=log, flush=True)
        for step in progress.track(range(1, steps + 1)):
            rows = torch.randint(len(pairs.domain), (min(BATCH, 4 * len(pairs.domain)),), generator=generator)
            batch = pairs[rows.to(device)]
            loss = shared_loss(learner.open(batch.one), learner.open(batch.two), batch)
            for group in optimiser.param_groups:
                group["lr"] = LEARNING_RATE * min(1.0, (steps - step + 1) / (0.4 * steps))
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            if step % LOG_EVERY == 0 or step == steps:
                print(json.dumps({"step": step, "loss": loss.item()}), file=log, flush=True)
    model.codes.load_state_dict(learner.state_dict())


def shared_loss(one: Tensor, two: Tensor, pairs: Pairs) -> Tensor:
    """What makes codes of two windows of each piece agree, and say something that has no name yet.

    ``one`` and ``two`` ``(pairs, codes)`` before they are bounded. Within each domain: the correlation of each code
    with itself in the other window shall be 1, all others 0 (Barlow Twins: Zbontar et al. 2021); its mean shall be 0
    and its SD at least 1 (VICReg: Bardes et al. 2022); and nothing named shall explain any of its variance (eta
    squared, beyond chance).
    """
    total = one.new_zeros(())
    for index, name in enumerate(DOMAINS):
        here = pairs.domain == index
        if here.sum() < LEAST:
            continue
        a, b = one[here], two[here]
        across = correlations(a, b)
        agree = (1 - across.diagonal()).square().sum()
        apart = _off_diagonal(across) + _off_diagonal(correlations(a, a))
        both = torch.stack([a, b])
        live = ((1 - (both.var(1) + 1e-4).sqrt()).clamp(min=0).square() + both.mean(1).square()).sum() / 2
        known = torch.stack([explained(a, groups) for groups in pairs.named[here].unbind(1)]).clamp(min=0).sum()
        total = total + DOMAIN_SHARE[name] * (agree + apart / 2 + live + known)
    return total


def explained(codes: Tensor, groups: Tensor) -> Tensor:
    """The share of the variance of each of ``codes`` ``(rows, codes)`` between ``groups`` ``(rows,)``, beyond chance.

    Epsilon squared (Kelley 1935), ``(codes,)``.
    """
    _, group = torch.unique(groups, return_inverse=True)
    member = F.one_hot(group).to(codes.dtype)
    centred = codes - codes.mean(0)
    means = (member.T @ centred) / member.sum(0)[:, None]
    within = (centred - member @ means).square().sum(0)
    spare = max(1, len(codes) - member.shape[1])
    return 1 - within / centred.square().sum(0).clamp(min=1e-6) * (len(codes) - 1) / spare


def correlations(one: Tensor, two: Tensor) -> Tensor:
    """Correlations of the columns of ``(rows, a)`` and ``(rows, b)``, ``(a, b)``."""
    first, second = (F.normalize(each - each.mean(0), dim=0) for each in (one, two))
    return first.T @ second


def _off_diagonal(matrix: Tensor) -> Tensor:
    """Sum of the squares beside the diagonal."""
    return (matrix - torch.diag_embed(matrix.diagonal())).square().sum()


@torch.no_grad()
def choose_pairs(model: StyleModel, windows: WindowSet, seed: int) -> Pairs:
    """Up to ``PAIRS`` windows, shared over domains as in training, each with another of its piece.

    One without a bar in common, where there is one; each window is transposed for itself.
    """
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(windows.domain == index) for index in range(len(DOMAINS))]
    counts = [min(int(PAIRS * DOMAIN_SHARE[name]), 8 * len(rows)) for name, rows in zip(DOMAINS, members, strict=True)]
    one = np.concatenate([rng.choice(rows, n) for rows, n in zip(members, counts, strict=True) if n])
    two = np.array([_partner(windows, row, rng) for row in one.tolist()])
    heard, named = zip(*(_described(model, windows, rows, rng) for rows in (one, two)), strict=True)
    domain = torch.from_numpy(windows.domain[one])
    return Pairs(heard[0], heard[1], bands(named[0], domain), domain)


def _partner(windows: WindowSet, row: int, rng: np.random.Generator) -> int:
    """Another window of the same piece, as far away as its own length if possible; the same where there is no other."""
    first, last = (int(np.searchsorted(windows.piece, windows.piece[row], side)) for side in ("left", "right"))
    others = np.arange(first, last)
    far = np.abs(windows.first_bar[others] - windows.first_bar[row]) >= BARS
    return int(rng.choice(others[far] if far.any() else others))


def _described(
    model: StyleModel, windows: WindowSet, rows: npt.NDArray[np.int64], rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """What the codes hear of windows, ``(windows, bars, features)``, and what has a name, ``(windows, names)``."""
    heard: list[Tensor] = []
    named: list[Tensor] = []
    for start in range(0, len(rows), 64):
        clips = [windows.tokens[a:b] for a, b in windows.spans[rows[start : start + 64]]]
        notes = gather_notes(pad(clips, np.array([transposition(clip, rng) for clip in clips])), BARS)
        heard.append(model.heard_by_codes(style_features(notes), BARS).half())
        named.append(named_of(notes))
    return torch.cat(heard), torch.cat(named)


def named_of(notes: NoteBatch) -> Tensor:
    """What has a name in clips, in any units: means of pitch, velocity, tempo, onset share and duration; onsets; meter.

    ``(clips, 7)``.
    """
    onset = torch.ones_like(notes.velocity)
    onset[1:] = ((notes.bar[1:] != notes.bar[:-1]) | (notes.position[1:] != notes.position[:-1])).float()
    values = [notes.pitch.float(), notes.velocity, notes.tempo[notes.bar].float(), onset, notes.steps.float().log2()]
    means = torch.cat([clip_mean(notes, each) for each in values], 1)[::BARS]
    onsets = torch.zeros(len(means)).index_add_(0, notes.clip[notes.bar], onset)
    return torch.cat([means, onsets[:, None], notes.meter[::BARS, None].float()], 1)


def bands(named: Tensor, domain: Tensor) -> Tensor:
    """The band of each number ``(clips, names)`` among those of its domain, equally full ones; the last is the meter.

    ``(clips, names)``, whole numbers that differ between bands.
    """
    found = named.long()
    edges = torch.arange(1, BANDS) / BANDS
    for index in torch.unique(domain):
        here = domain == index
        for column in range(named.shape[1] - 1):
            values = named[here, column].contiguous()
            found[here, column] = torch.bucketize(values, torch.quantile(values, edges))
    return found
