import io
from dataclasses import replace

import pytest
from PIL import Image

from models.picture.drawings import load_drawings
from webapp.composing import media

DRAWING = replace(load_drawings().drawings[0], size=0.8, line=0.5).svg().encode()
WRONG = (
    b"<script>alert(1)</script>",
    b'<image href="http://example.org/a.png"/>',
    b"<style>@import 'http://example.org'</style>",
    b'<path d="M0 0" onload="alert(1)"/>',
    b'<path d="M0 0" fill="url(http://example.org/a.svg#b)"/>',
    b'<path d="M0 0" fill="URL(http://example.org/a.svg#b)"/>',
    rb'<path d="M0 0" fill="\75 rl(http://example.org/a.svg#b)"/>',
    b"<foreignObject><p>x</p></foreignObject>",
    b"<g>" * 8 + b"</g>" * 8,
    b"<g/>" * 600,
    b'<path d="' + b"L1 1" * 20_000 + b'"/>',
)


@pytest.mark.parametrize("more", WRONG)
def test_an_svg_that_could_run_or_load_anything_or_is_too_much_is_no_picture(more: bytes) -> None:
    assert media.ending(DRAWING) == ".svg"
    with pytest.raises(ValueError, match="no picture"):
        media.ending(DRAWING.replace(b"</svg>", more + b"</svg>"))


def test_neither_is_one_with_entities_nor_what_is_no_svg() -> None:
    for wrong in (b"<!DOCTYPE svg [<!ENTITY a 'b'>]>" + DRAWING, DRAWING[:-3], b"GIF89a", b""):
        with pytest.raises(ValueError, match="no picture"):
            media.ending(wrong)


def test_a_drawing_is_taken_along_large_and_an_older_picture_as_it_is() -> None:
    with Image.open(io.BytesIO(media.as_png(DRAWING))) as found:
        assert (found.format, found.size) == ("PNG", (1024, 1024))
    older = io.BytesIO()
    Image.new("RGB", (96, 96)).save(older, "PNG")
    assert media.as_png(older.getvalue()) == older.getvalue()
