from models.music.corpora import find_piece


def test_a_tune_is_found_by_its_id_alone() -> None:
    piece = find_piece("oneills1850/0001-0050:1")
    assert piece.titles
    assert (piece.piece_id, piece.source, piece.domain) == ("oneills1850/0001-0050:1", "oneills1850", "dance")
