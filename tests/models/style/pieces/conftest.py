"""A tiny piece model that hears what came before, though nobody trained it."""

import pytest

from models.style.pieces.checkpoint import tiny_pieces
from models.style.pieces.model import PieceModel


@pytest.fixture(scope="session")
def model() -> PieceModel:
    return tiny_pieces().model
