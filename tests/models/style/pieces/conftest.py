"""A tiny piece model that hears what came before, though nobody trained it."""

import pytest
import torch

from models.style.pieces.model import PieceConfig, PieceModel


def tiny_pieces_model(seed: int = 0) -> PieceModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = PieceModel(PieceConfig(dim=32, layers=2, heads=2, hidden=32, condition=16, context=96))
        for block in model.blocks:  # zero-initialised projections would make all steps deaf
            torch.nn.init.normal_(block.out.weight, std=0.3)
            torch.nn.init.normal_(block.down.weight, std=0.3)
    return model.eval()


@pytest.fixture(scope="session")
def model() -> PieceModel:
    return tiny_pieces_model()
