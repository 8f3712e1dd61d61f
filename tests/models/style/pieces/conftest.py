"""A tiny piece model that hears what came before, though nobody trained it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from models.music.notes import Domain
from models.style.pieces.model import PieceBundle, PieceModel, tiny_pieces
from models.style.pieces.sampling import Writer


@pytest.fixture(scope="session")
def model() -> PieceModel:
    return tiny_pieces().model


@pytest.fixture(scope="session")
def drawing() -> Callable[..., Writer]:
    """``drawing(bundle, domain, among=4)``: a writer whose card says that music of ``domain`` is drawn so."""

    def made(bundle: PieceBundle, domain: Domain, **way: Any) -> Writer:
        return Writer(replace(bundle, card={**bundle.card, "sampling": {domain: way}}))

    return made
