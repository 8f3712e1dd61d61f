"""Pictures of every kind become 96 x 96 pixels; what is no picture says so in one line."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from shutil import copyfile

import numpy as np
import pytest
from PIL import Image

from models.picture import reading
from models.picture.collection import halves, series_of
from models.picture.reading import PictureError, read_folder, read_picture


def _bytes(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def test_any_mode_and_size_is_read() -> None:
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"):
        image = Image.new("I;16", (200, 50), 30_000) if mode == "I;16" else Image.new("L", (200, 50), 90).convert(mode)
        found = read_picture(_bytes(image, "TIFF" if mode == "CMYK" else "PNG"))
        assert found.shape == (96, 96, 3)
        assert found.dtype == np.uint8
        assert (found[0] == 255).all()  # padded with white above and below
        assert found[48, 48].mean() < 160


def test_what_is_transparent_stands_on_white() -> None:
    found = read_picture(_bytes(Image.new("RGBA", (96, 96), (0, 0, 0, 0))))
    assert (found == 255).all()


def test_a_turned_camera_is_turned_back() -> None:
    image = Image.new("RGB", (60, 60), "white")
    image.paste((255, 0, 0), (0, 0, 60, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera's right is up
    found = read_picture(_bytes(image, "JPEG", exif=exif, quality=95)).astype(int)
    assert found[48, 90, 1] < 60
    assert found[48, 5, 1] > 200


def test_what_can_not_be_read_says_so_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for data, word in ((b"", "empty"), (b"no picture", "no picture"), ("cut", "broken"), ("huge", "pixels")):
        whole = _bytes(Image.effect_noise((120, 120), 50))
        if data == "huge":
            monkeypatch.setattr(reading, "MOST_PIXELS", 100)
        given = whole[:2000] if data == "cut" else whole if data == "huge" else data
        assert isinstance(given, bytes)
        with pytest.raises(PictureError, match=word) as found:
            read_picture(given)
        assert "\n" not in str(found.value)


def test_nothing_is_handed_to_other_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = tmp_path / "ran"
    interpreter = tmp_path / "gs"  # with which Pillow opens EPS
    interpreter.write_text(f"#!/bin/sh\ntouch {ran}\n", encoding="ascii")
    interpreter.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (tmp_path / "a.png").write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 96 96\n%%EndComments\n0 0 96 96 rectfill\nshowpage\n%%EOF\n"
    )
    with pytest.raises(PictureError, match="no picture that can be read"):
        read_picture(tmp_path / "a.png")
    assert not ran.exists()


def test_a_folder_goes_on_after_a_broken_picture(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    Image.new("RGB", (5, 9)).save(tmp_path / "cats" / "a_cat.png")
    (tmp_path / "cats" / "broken.jpg").write_bytes(b"none")
    (tmp_path / "metadata.csv").write_text("path,category,title\ncats/a_cat.png,animals,A cat\n")
    found = read_folder(tmp_path)
    assert [(p.path, p.category, p.title) for p in found.pictures] == [("cats/a_cat.png", "animals", "A cat")]
    assert len(found.unreadable) == 1
    assert found.unreadable[0].startswith("cats/broken.jpg: ")


def test_a_folder_without_pictures_says_so(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="no picture"):
        read_folder(tmp_path)
    with pytest.raises(PictureError, match="no folder"):
        read_folder(tmp_path / "none")


def test_a_film_is_a_picture_a_second_in_a_folder_for_each_shot(make_film: Callable[..., Path], tmp_path: Path) -> None:
    film = make_film()  # three shots of three seconds
    found = read_folder(film).pictures
    assert [each.path.split("/")[1] for each in found] == ["shot-0000"] * 3 + ["shot-0001"] * 3 + ["shot-0002"] * 3
    assert len({*series_of(found)}) >= 3
    with pytest.raises(PictureError, match="too few series"):
        halves(found)  # neighbouring frames of a film are alike, also across a cut
    for each in found:
        assert each.pixels.shape == (96, 96, 3)
    folder = tmp_path / "mixed"
    folder.mkdir()
    copyfile(film, folder / "a film.mp4")
    (folder / "broken.webm").write_bytes(b"no film")
    Image.new("RGB", (20, 20), "red").save(folder / "picture.png")
    mixed = read_folder(folder)
    assert len(mixed.pictures) == len(found) + 1
    assert mixed.pictures[0].title == "a film, 0 s"
    assert [line.split(":")[0] for line in mixed.unreadable] == ["broken.webm"]


def test_metadata_is_read_as_music_s_is_and_what_is_lost_is_said(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("a.png", "sub/b.png"):
        (tmp_path / name).write_bytes(_bytes(Image.new("RGB", (8, 8), "red")))
    (tmp_path / "metadata.csv").write_bytes("PATH;Category\ra.PNG;dog\rsub\\b.png;cat\rc.png;cow\r".encode("utf-16"))
    found = read_folder(tmp_path)
    assert {each.path: each.category for each in found.pictures} == {"a.png": "dog", "sub/b.png": "cat"}
    assert found.unreadable == ["metadata.csv: 1 rows name no picture that is there, such as 'c.png'"]
    (tmp_path / "metadata.csv").write_text("file,category\na.png,dog\n")
    found = read_folder(tmp_path)
    assert [each.category for each in found.pictures] == [None, None]
    assert "no column path" in found.unreadable[0]


def test_what_phones_take_is_read_or_named(tmp_path: Path) -> None:
    picture = Image.new("RGB", (200, 100), (250, 20, 20))
    for kind in ("AVIF", "MPO", "TIFF", "BMP"):
        middle = read_picture(_bytes(picture, kind))[48, 48].astype(int)
        assert middle.tolist() == pytest.approx([250, 20, 20], abs=8)
    for brand in (b"heic", b"heix", b"mif1"):
        (tmp_path / "IMG_1.HEIC").write_bytes(b"\x00\x00\x00\x24ftyp" + brand + bytes(400))
        with pytest.raises(PictureError, match=r"IMG_1\.HEIC is HEIC, .* export it as JPEG"):
            read_picture(tmp_path / "IMG_1.HEIC")
    (tmp_path / "a.avif").write_bytes(_bytes(picture, "AVIF"))
    found = read_folder(tmp_path)
    assert [each.path for each in found.pictures] == ["a.avif"]
    assert "is HEIC" in found.unreadable[0]


def test_a_phone_s_fifty_megapixels_are_read() -> None:
    huge = Image.new("L", (8192, 6144), 100)
    assert read_picture(_bytes(huge, "JPEG", quality=30)).mean() > 100
    assert read_picture(_bytes(huge, "PNG", compress_level=1)).mean() > 100
    with pytest.raises(PictureError, match="56 million are read, of a JPEG 168: make it smaller"):
        read_picture(_bytes(Image.new("1", (9000, 8000)), "PNG"))
