"""Drawings as vectors: read from SVG, rendered, packed, and moved with their line."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.picture.drawings import PLAIN, edges_of
from models.picture.svg import DrawingError, read_drawing
from models.picture.vector import GRID, MARGIN, Drawing, Paint, packed, rendered, unpacked

SPACE = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
HOUSE = f"""<svg {SPACE} viewBox="0 0 50 40">
<defs>
  <linearGradient id="sky">
    <stop offset="0" stop-color="#1040ff"/><stop offset="100%" stop-color="#ffd000"/>
  </linearGradient>
  <linearGradient id="wall" xlink:href="#sky" gradientUnits="userSpaceOnUse" x1="20" y1="60" x2="20" y2="20"/>
  <radialGradient id="sun" cx=".5" cy=".5" r=".5">
    <stop offset="0" stop-color="white"/><stop offset="1" style="stop-color:red"/>
  </radialGradient>
</defs>
<g transform="translate(10 5) scale(2)">
  <rect x="0" y="10" width="40" height="30" fill="url(#wall)" stroke="black" stroke-width="2"/>
  <path d="M0 10L20-10 40 10z" style="fill:#a03020;fill-opacity:.5"/>
  <ellipse cx="50" cy="0" rx="12" ry="6" fill="url(#sun)" transform="rotate(20)"/>
  <path d="M6 20h10v10h-10zM8 22h6v6h-6z" fill-rule="evenodd" fill="green"/>
  <circle cx="30" cy="60" r="5" display="none"/>
</g></svg>"""


@pytest.fixture
def house(tmp_path: Path) -> Drawing:
    (tmp_path / "house.svg").write_text(HOUSE)
    return read_drawing(tmp_path / "house.svg")


def test_a_drawing_looks_as_its_file_does_and_is_fitted_to_the_grid(house: Drawing) -> None:
    points = np.concatenate([shape.points for shape in house.shapes])
    assert MARGIN - 40 <= points.min() <= points.max() <= GRID - MARGIN + 40
    assert len(house.shapes) == 4  # what is not displayed is left out
    wall = house.pixels()[45:80, 40].astype(int)
    assert wall[-1, 2] > wall[0, 2] + 60  # blue from below, as the gradient that it refers to says
    assert house.areas.sum() == pytest.approx((house.pixels().min(-1) < 250).mean(), abs=0.06)


def test_what_a_drawing_cannot_hold_is_refused(tmp_path: Path) -> None:
    masked = HOUSE.replace("<g ", '<clipPath id="c"><rect width="9" height="9"/></clipPath><g clip-path="url(#c)" ')
    wrong = {
        "masked": masked,
        "empty": f"<svg {SPACE}/>",
        "broken": "<svg",
        "none": f"<svg {SPACE}><path d='x'/></svg>",
    }
    for name, text in wrong.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(DrawingError, match=name):
            read_drawing(tmp_path / name)


def test_nothing_of_a_file_survives_but_paths_and_colours(tmp_path: Path) -> None:
    linked = '<a xlink:href="http://example.org"><rect width="9" height="9" onload="x()"/></a></svg>'
    (tmp_path / "loud.svg").write_text(HOUSE.replace("</svg>", f"<script>alert(1)</script>{linked}"))
    text = read_drawing(tmp_path / "loud.svg").svg()
    assert not any(each in text for each in ("script", "href", "onload", "example", "alert", "style"))


def test_packed_drawings_come_back(house: Drawing) -> None:
    other = Drawing((replace(house.shapes[1], fill=Paint("solid", 0)),), house.colours[:1], house.areas[:1])
    found = unpacked(packed([house, other, house]))
    assert [len(each.shapes) for each in found] == [4, 1, 4]
    assert np.abs(found[2].pixels().astype(int) - house.pixels()).max() <= 2
    assert found[0].within == pytest.approx(house.within, abs=1e-3)
    assert house.within[-1] == pytest.approx(house.areas.sum(), abs=0.02)
    with pytest.raises(ValueError, match="together"):
        unpacked({**packed([house]), "points": np.zeros((1, 2), np.int16)})


def test_the_line_goes_from_a_silhouette_to_outlines_alone(house: Drawing) -> None:
    fine = edges_of(house)[PLAIN[0], :, 0]
    assert fine[0] < fine[PLAIN[1]] < fine[-1]
    outlined, bold = (replace(house, line=line).pixels().astype(int) for line in (1.0, -1.0))
    assert outlined[75, 60].min() > 225  # the wall is paper
    assert (bold.min(-1) < 250).mean() > (house.pixels().min(-1) < 250).mean()


def test_an_svg_is_rendered_on_white_at_any_size(house: Drawing) -> None:
    large = rendered(house.svg(), 300)
    assert large.shape == (300, 300, 3)
    assert (large[0, 0] == 255).all()
