import os

import pytest

from models.music.corpora import corpora_folder
from models.rating.plays import audible_ceiling, read_plays, reliability


@pytest.fixture(scope="module")
def emotify():
    folder = corpora_folder()
    if folder is None or not (folder / "emotify" / "ratings.csv").is_file():
        message = "KALLOS_CORPORA names no folder with emotify"
        if os.environ.get("KALLOS_REQUIRE_CORPORA") == "1":
            pytest.fail(message)
        pytest.skip(message)
    return read_plays(folder / "emotify")


@pytest.mark.slow
def test_a_part_of_p_is_how_often_a_track_was_played(emotify):
    found = reliability(emotify.played, emotify.liked, splits=20)
    assert 0.5 < found.whole < 0.65
    assert found.pairs_low < found.pairs < found.pairs_high
    assert 0.6 < audible_ceiling(emotify.played, emotify.liked)[0] < found.pairs_low
