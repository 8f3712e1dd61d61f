from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.picture.film import FilmError
from models.picture.movie import CANVAS, PICTURE_S, faded, read_slide, slideshow


def test_pictures_follow_each_other_and_fade(tmp_path: Path) -> None:
    slides = []
    for number, colour in enumerate(("red", "blue")):
        Image.new("RGB", (300, 200), colour).save(tmp_path / f"{number}.png")
        slides.append(read_slide(tmp_path / f"{number}.png"))
    film = slideshow(slides)
    assert film.seconds == pytest.approx(2 * PICTURE_S)
    assert film.cuts_s == pytest.approx([PICTURE_S])
    middle = list(faded(slides, 10))[round(PICTURE_S * 10)][CANVAS[1] // 2, CANVAS[0] // 2]
    assert int(middle[0]) == pytest.approx(127, abs=2)
    assert int(middle[2]) == pytest.approx(127, abs=2)


def test_an_alpha_channel_lies_on_white(tmp_path: Path) -> None:
    Image.new("RGBA", (100, 100), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (read_slide(tmp_path / "clear.png") == 255).all()


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "CMYK", "I;16"])
def test_a_grey_picture_of_any_mode_is_as_grey(tmp_path: Path, mode: str) -> None:
    grey = Image.new("L", (60, 60), 120)
    if mode == "I;16":
        Image.fromarray(np.full((60, 60), 120 * 257, dtype=np.uint16)).save(tmp_path / "grey.png")
    else:
        grey.convert("RGB").convert(mode).save(tmp_path / ("grey.tiff" if mode == "CMYK" else "grey.png"))
    (path,) = tmp_path.iterdir()
    middle = read_slide(path)[CANVAS[1] // 2, CANVAS[0] // 2]
    assert middle.tolist() == pytest.approx([120] * 3, abs=3)


@pytest.mark.parametrize(
    "data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + bytes(40)], ids=["empty", "text", "broken"]
)
def test_what_is_no_picture_gives_one_clear_line(data: bytes) -> None:
    with pytest.raises(FilmError, match="no picture that can be read"):
        read_slide(data)


def test_too_many_pictures_are_refused() -> None:
    with pytest.raises(FilmError, match="101 pictures"):
        slideshow([np.zeros((4, 4, 3), dtype=np.uint8)] * 101)
