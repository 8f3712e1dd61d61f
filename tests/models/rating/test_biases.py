"""What likes depend on beside the sound, in listenings of which that is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from models.rating.biases import BIASES, biases, save_biases
from models.rating.plays import PlaysError

HEAD = "track id,genre,liked,age,mother tongue"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """60 tracks of two genres, jazz liked more often; Danes like every track .3 more often, and hear more jazz."""
    rng = np.random.default_rng(0)
    lines = [HEAD]
    for track in range(60):
        genre, likes = ("jazz", 0.5) if track < 30 else ("rock", 0.2)
        for listening in range(30):
            tongue = "Danish" if listening % 3 == 0 or (genre == "jazz" and listening % 3 == 1) else "Finnish"
            liked = rng.random() < likes + 0.3 * (tongue == "Danish")
            lines.append(f"{track},{genre},{int(liked)},{20 + listening},{tongue}")
    (tmp_path / "ratings.csv").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


def test_people_are_compared_on_the_tracks_that_both_heard(folder: Path) -> None:
    found = {(each.by, each.group): each for each in biases(folder)}
    danish, jazz, rock = (found[key] for key in (("mother tongue", "Danish"), ("genre", "jazz"), ("genre", "rock")))
    assert danish.more is not None
    assert danish.more_low is not None
    assert danish.more_low < 0.3 < danish.more_high  # type: ignore[operator]
    assert danish.liked - found["mother tongue", "Finnish"].liked > danish.more + 0.05  # they heard more jazz
    assert jazz.low > rock.high
    assert sum(each.n for key, each in found.items() if key[0] == "age") == 60 * 30
    assert abs(found["age", "under 25"].more or 1) < 0.1


def test_they_are_kept_beside_the_weights_with_what_they_are_of(folder: Path, tmp_path: Path) -> None:
    save_biases(folder, tmp_path)
    kept = json.loads((tmp_path / BIASES).read_text(encoding="utf-8"))
    assert len(kept["data"]) == 16
    assert [each["group"] for each in kept["biases"] if each["by"] == "genre"] == ["jazz", "rock"]


def test_a_folder_without_listenings_tells_none(tmp_path: Path) -> None:
    with pytest.raises(PlaysError, match="has no ratings"):
        biases(tmp_path)
