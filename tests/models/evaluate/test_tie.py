import json
import os

import pytest
from PIL import Image

from models.evaluate import tie
from models.music.corpora import corpora_folder
from models.picture.tie import annotated
from models.picture.tie.scoring import LEARNED, WAYS
from tests.models.picture.conftest import make_film

__all__ = ["make_film"]

pytestmark = pytest.mark.slow

FILMS = 2


def test_the_command_sets_films_to_music_in_every_way_and_shows_music(capsys, monkeypatch, make_film):
    """Real drawings and real music, where they are there; short films, few questions."""
    folder = corpora_folder()
    if folder is None or not (folder / "pictures").is_dir() or not (folder / "pop1k7").is_dir():
        if os.environ.get("KALLOS_REQUIRE_CORPORA") == "1":
            pytest.fail("KALLOS_REQUIRE_CORPORA is 1, but KALLOS_CORPORA names no folder with pictures and pop1k7")
        pytest.skip("no drawings or no pop piano")
    for name, value in {"SECONDS": 12.0, "LISTENED": 24, "SEEN_BY_LISTENERS": 24, "TIMES": 1}.items():
        monkeypatch.setattr(tie, name, value)
    monkeypatch.setattr(annotated, "AMONG", 2)
    tie.main(["--limit", str(FILMS), "--seed", "3", "--film", str(make_film(seconds=6.0))])
    found = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    figures = found["metrics"]
    assert found["data"]["n"] == FILMS
    for way in ("untied", *WAYS, LEARNED):
        for name in ("found", "back", "speed_correlation", "neighbours", "shown.found"):
            value = figures[f"tie.{way}.{name}"]["value"]
            assert value is not None, f"tie.{way}.{name}"
            assert -1 <= value <= 1
        assert f"tie.{way}.film.speed_correlation" in figures
    assert found["data"]["film"] == "film.mp4"


def test_pictures_of_one_series_are_no_test(tmp_path):
    for number in range(24):
        Image.new("RGB", (20, 20), (10 * number, 40, 200)).save(tmp_path / f"frame {number}.png")
    with pytest.raises(SystemExit, match="too few series"):
        tie.main(["--data", str(tmp_path)])
