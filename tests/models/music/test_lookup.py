"""One piece by its id."""

import pytest

from models.music.corpora import find_piece
from models.music.notes import MusicError


def test_a_tune_is_found_by_its_id_alone() -> None:
    piece = find_piece("oneills1850/0001-0050:1")
    assert piece.titles
    assert (piece.piece_id, piece.source, piece.domain) == ("oneills1850/0001-0050:1", "oneills1850", "dance")


def test_a_piece_that_is_nowhere_is_told() -> None:
    for name in ("oneills1850/0001-0050:none", "nowhere/1", ""):
        with pytest.raises(MusicError, match="in none of the collections"):
            find_piece(name)
