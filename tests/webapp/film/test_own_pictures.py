"""Pictures of one's own through the real process: read, named where they can't be, refused."""

import base64
import io
import uuid

import numpy as np
import pytest
from PIL import Image

from webapp.film import own_pictures
from webapp.film.own_pictures import MOST_PICTURES, read
from webapp.runtime.errors import NotAllowed, TooMany
from webapp.runtime.limits import Buckets

pytestmark = pytest.mark.slow

SOMEBODY = uuid.UUID(int=7)


def png(colour: str, size: tuple[int, int] = (60, 40)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


def test_pictures_are_read_one_below_the_other_and_what_is_none_is_named():
    found = read(SOMEBODY, [("red.png", png("red")), ("../tune.png", b"X:1"), ("blue.png", png("blue", (10, 400)))])
    assert found.count == 2
    (problem,) = found.problems
    assert problem.startswith("“tune.png”: ")
    with Image.open(io.BytesIO(base64.b64decode(found.strip))) as strip:
        pixels = np.asarray(strip)
    assert pixels.shape == (192, 96, 3)
    assert pixels[48, 48].tolist() == [255, 0, 0]
    assert pixels[96 + 48, 48].tolist() == [0, 0, 255]


def test_none_too_many_and_too_often_are_refused(monkeypatch):
    with pytest.raises(NotAllowed, match="the picture is empty"):
        read(SOMEBODY, [("a.png", b"")])
    for files in ([], [("a.png", b"")] * (MOST_PICTURES + 1)):
        with pytest.raises(NotAllowed, match=f"1 to {MOST_PICTURES}"):
            read(SOMEBODY, files)
    monkeypatch.setattr(own_pictures, "_asked", Buckets(0.001, 0))
    with pytest.raises(TooMany):
        read(SOMEBODY, [("red.png", png("red"))])
