"""What the piece model says of steps that it is to foretell: cross-entropy by element, and validation."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from models.music.tokens import FIELDS, POSITION
from models.style.pieces.conditions import ABSENT
from models.style.pieces.data import Batch
from models.style.pieces.model import CHAINS, Coming, PieceModel


def element_losses(model: PieceModel, batch: Batch) -> dict[int, Tensor]:
    """The summed cross-entropy in nats of each element over the steps that have it, and so the whole of all of them."""
    memory = model.remember(batch.steps.told)
    state, following = model(batch.steps, memory=memory).flatten(0, 1), batch.following.flatten(0, 1)
    found: dict[int, Tensor] = {}
    for chain in CHAINS:
        rows = torch.nonzero(following[:, chain[0]] >= 0)[:, 0]
        own, coming = state.index_select(0, rows), following[rows]
        place = None if memory is None else Coming.after(batch.steps, memory, rows)
        for element in chain:
            logits = model.logits(own, element, coming, place)
            found[element] = F.cross_entropy(logits, coming[:, element], reduction="sum", ignore_index=ABSENT)
    return found


def step_count(batch: Batch) -> int:
    """How many steps of ``batch`` are to be told."""
    return int((batch.following[..., POSITION] >= 0).sum())


@torch.inference_mode()
def validate(model: PieceModel, held_out: Mapping[str, Batch]) -> dict[str, float]:
    """Nats a step of each domain's batch, in all and by element; ``mean`` is over the domains. Nothing drops out."""
    found: dict[str, float] = {}
    training = model.training
    model.eval()
    for domain, batch in held_out.items():
        losses, count = element_losses(model, batch), step_count(batch)
        found |= {f"{domain}.{FIELDS[element]}": loss.item() / count for element, loss in losses.items()}
        found[domain] = sum(loss.item() for loss in losses.values()) / count
    model.train(training)
    found["mean"] = sum(found[domain] for domain in held_out) / len(held_out)
    return found
