"""A map of tracks: drawn by what networks hear, and where a sound lies that was not on it."""

import json

import numpy as np
import pytest

from models.atlas.points import LIST, known_tracks
from models.atlas.tracks import TrackMap
from models.rating.material import load_material
from models.rating.plays import read_plays
from models.rating.rater import load_bundle
from tests.models.rating.conftest import played_folder
from tests.webapp.rating.conftest import rating_model, trained_model

__all__ = ["played_folder", "rating_model", "trained_model"]

pytestmark = pytest.mark.slow  # a network is trained first


def test_a_track_lies_beside_itself_and_the_map_is_read_again_for_its_own_networks_alone(
    rating_model, played_folder, tmp_path
):
    bundle, material = load_bundle(rating_model), load_material(read_plays(played_folder), quiet=True)
    found = TrackMap.load(rating_model, bundle.version)
    assert [track.name for track in found.tracks] == list(material.plays.clips)
    assert [track.liked for track in found.tracks] == material.plays.liked.tolist()
    for row in (0, 7, 16):
        placed = found.place(bundle, material.pictures[row])
        assert placed.nearest[0] == material.plays.clips[row]
        near = [found.places[[track.name for track in found.tracks].index(name)] for name in placed.nearest]
        away = np.linalg.norm(np.array(near) - [placed.x, placed.y], axis=1)
        assert away.mean() < np.linalg.norm(found.places - [placed.x, placed.y], axis=1).mean()
    again = TrackMap.of(bundle, material)
    assert again.tracks == found.tracks  # of one seed
    again.save(tmp_path)
    assert known_tracks(tmp_path, bundle.version) == found.tracks
    assert known_tracks(tmp_path, "other") == ()
    assert TrackMap.load(tmp_path, "other") is None
    (tmp_path / LIST).write_text(json.dumps({"version": bundle.version, "tracks": [{"name": "half"}]}))
    assert known_tracks(tmp_path, bundle.version) == ()


def test_a_map_of_few_tracks_is_refused(rating_model, played_folder):
    few = load_material(read_plays(played_folder).choose(range(6)), quiet=True)
    with pytest.raises(ValueError, match="6 tracks are too few"):
        TrackMap.of(load_bundle(rating_model), few)
