from pathlib import Path

import av
import numpy as np
import pytest

from models.music.midi import read_midi
from models.music.render import SAMPLE_RATE_HZ
from models.picture.film import FilmError
from models.picture.movie import write_frames
from webapp.__main__ import main
from webapp.film import making, scored_films

pytestmark = pytest.mark.slow


@pytest.fixture
def film(tmp_path: Path) -> Path:
    frames = (np.full((48, 64, 3), 40 if number < 48 else 220, dtype=np.uint8) for number in range(96))
    write_frames(frames, 12, np.zeros((8 * SAMPLE_RATE_HZ, 2), dtype=np.float32), tmp_path / "film.mp4")
    return tmp_path / "film.mp4"


def test_the_command_writes_a_film_with_sound_and_its_notes(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["film", str(film), "--out", str(out), "--seed", "3"]) == 0
    assert "bar lines on 1 of 1 cuts" in capsys.readouterr().out
    with av.open(str(out / scored_films.MOVIE)) as made:
        heard = np.concatenate([frame.to_ndarray() for frame in made.decode(audio=0)], axis=1)
        assert made.duration == pytest.approx(8e6, abs=1e5)
    assert np.abs(heard).max() > 0.05
    assert len(read_midi(out / scored_films.NOTES).notes) > 8


def test_what_can_not_be_used_gives_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "film.mp4").write_bytes(b"nothing")
    assert main(["film", str(tmp_path / "film.mp4"), "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err.strip().endswith("no film that can be read; MP4, WebM, MOV, MKV, AVI and GIF can")


def test_links_that_are_none_give_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for links, said in (
        ('{"links": 3', "holds no links"),
        ('{"picks": 3}', "holds no links"),
        ("[[1, 0]]", "5 × 5 numbers"),
        ("[[NaN,0,0,0,0],[0,0,0,0,0],[0,0,0,0,0],[0,0,0,0,0],[0,0,0,0,0]]", "5 × 5 numbers"),
    ):
        (tmp_path / "links.json").write_text(links, encoding="utf-8")
        given = ["--way", "learned", "--links", str(tmp_path / "links.json"), "--out", str(tmp_path)]
        assert main(["film", str(tmp_path / "film.mp4"), *given]) == 1
        assert said in capsys.readouterr().err


def test_a_film_and_pictures_do_not_mix(film: Path, tmp_path: Path) -> None:
    (tmp_path / "one.png").touch()
    with pytest.raises(FilmError, match="one film is needed, or pictures"):
        making.pictures_of([film, tmp_path / "one.png"])
