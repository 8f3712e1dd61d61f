"""A low-rank adapter on the writer's linear layers: all that is trained, and all that is stored (LoRA: Hu et al. 2021).

A layer's weight becomes W + s · B A with B zero at the beginning, so that the agent begins as the writer. W never
changes: training runs the writer with the sums in place of its weights, and an agent is a copy that has them.
"""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

from models.style.pieces.model import NARROW, PieceModel

SCALE = 2.0  # alpha / rank


def adapted_layers(model: PieceModel) -> dict[str, Tensor]:
    """The weights that an adapter changes, by name: of every linear layer that is wide enough."""
    return {
        f"{name}.weight": layer.weight
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear) and min(layer.weight.shape) >= NARROW
    }


class Adapter(nn.Module):
    """``down`` ``(rank, inputs)`` and ``up`` ``(outputs, rank)`` for each layer of ``adapted_layers``."""

    def __init__(self, model: PieceModel, rank: int, seed: int) -> None:
        super().__init__()
        self.rank = rank
        generator = torch.Generator().manual_seed(seed)
        self.names = tuple(adapted_layers(model))
        self.down, self.up = nn.ParameterList(), nn.ParameterList()
        for weight in adapted_layers(model).values():
            outputs, inputs = weight.shape
            self.down.append(torch.randn(rank, inputs, generator=generator) / math.sqrt(inputs))
            self.up.append(torch.zeros(outputs, rank))

    def weights(self, model: PieceModel) -> dict[str, Tensor]:
        """The adapted weights by name, with a gradient to the adapter alone."""
        frozen = adapted_layers(model)
        return {
            name: frozen[name].detach() + SCALE * up @ down
            for name, down, up in zip(self.names, self.down, self.up, strict=True)
        }


def adapted(model: PieceModel, adapter: Adapter) -> PieceModel:
    """A copy of ``model`` that plays as the adapter has learned; ``model`` stays as it is."""
    agent = copy.deepcopy(model)
    with torch.no_grad():
        for name, weight in adapter.weights(model).items():
            agent.get_parameter(name).copy_(weight)
    return agent.eval()
