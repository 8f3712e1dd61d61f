"""Emotify's plays, and what of them can be foretold at all."""

import os

import numpy as np
import pytest

from models.music.corpora import corpora_folder
from models.rating.outlier import Heard
from models.rating.plays import audible_ceiling, read_plays, reliability
from models.rating.sound import log_mel, read_sound


@pytest.fixture(scope="module")
def emotify():
    folder = corpora_folder()
    if folder is None or not (folder / "emotify" / "ratings.csv").is_file():
        message = "KALLOS_CORPORA names no folder with emotify"
        if os.environ.get("KALLOS_REQUIRE_CORPORA") == "1":
            pytest.fail(message)
        pytest.skip(message)
    return read_plays(folder / "emotify")


def test_listenings_are_counted_by_track(emotify):
    assert len(emotify.clips) == 300
    assert (emotify.played.sum(), emotify.liked.sum()) == (6225, 2412)
    assert np.isfinite(emotify.emotions).all()
    assert emotify.remarks == ()


@pytest.mark.slow
def test_a_part_of_p_is_how_often_a_track_was_played(emotify):
    found = reliability(emotify.played, emotify.liked, splits=20)
    assert 0.5 < found.whole < 0.65
    assert found.pairs_low < found.pairs < found.pairs_high
    assert 0.6 < audible_ceiling(emotify.played, emotify.liked)[0] < found.pairs_low


@pytest.mark.slow
def test_real_tracks_are_heard_and_resemble_one_another(emotify):
    pictures = [log_mel(read_sound(file).samples) for file in emotify.files[:12]]
    heard = Heard.of(pictures)
    assert np.median([heard.score(picture) for picture in pictures]) < 1
