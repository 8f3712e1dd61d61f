"""Drawings that move: where one stays its colours change, where another follows it becomes that one."""

import numpy as np
import pytest

from models.picture.moving import Moment, Moving, moment_of, outlines_of, paired, pulse, subject_json
from models.picture.vector import Drawing, Paint, Shape, rendered


def disc(middle: int, radius: int, colour: tuple[float, float, float]) -> Drawing:
    angles = np.linspace(0, 2 * np.pi, 25)[:-1]
    points = np.column_stack([middle + radius * np.cos(angles), 2000 + radius * np.sin(angles)]).astype(np.int16)
    shape = Shape("M" + "L" * 23 + "Z", points, Paint("solid", 0))
    return Drawing((shape,), np.array([(*colour, 1.0)]), np.array([0.1]))


LEFT, RIGHT = disc(1000, 500, (1.0, 0.0, 0.0)), disc(3000, 500, (0.0, 0.0, 1.0))


def at(moving: Moving, time_s: float, x: int) -> np.ndarray:
    return rendered(moving.svg(time_s), 100)[50, x].astype(int)


def test_between_two_moments_of_a_drawing_its_colours_are_mixed() -> None:
    moments = [moment_of(0, LEFT, 1.0), moment_of(0, disc(1000, 500, (0.0, 0.0, 1.0)), 1.0)]
    moving = Moving([LEFT], moments, np.array([0.0, 2.0]))
    assert at(moving, 0, 25) == pytest.approx([255, 0, 0], abs=1)
    assert at(moving, 1, 25) == pytest.approx([128, 0, 128], abs=2)


def test_one_drawing_becomes_the_next_along_their_outlines() -> None:
    moving = Moving([LEFT, RIGHT], [moment_of(0, LEFT, 1.0), moment_of(1, RIGHT, 1.0)], np.array([0.0, 2.0]))
    assert at(moving, 0, 25) == pytest.approx([255, 0, 0], abs=1)
    assert at(moving, 1, 50) == pytest.approx([128, 0, 128], abs=3)  # half way lies between both
    assert at(moving, 1, 25) == pytest.approx([255] * 3)
    assert at(moving, 2, 75) == pytest.approx([0, 0, 255], abs=1)


def test_a_shape_without_a_partner_grows_or_shrinks() -> None:
    ones, others = ([(number, ring) for number, ring in outlines_of(each).items()] for each in (LEFT, RIGHT))
    assert [(before is None, after is None) for before, after in paired(ones, [])] == [(False, True)]
    assert [(before is None, after is None) for before, after in paired([], others)] == [(True, False)]


def test_notes_make_it_larger_as_they_begin() -> None:
    notes = [(1.0, 0.5, 60, 127), (1.0, 0.5, 64, 30)]
    assert pulse(notes, 0.99) == 0
    assert pulse(notes, 1.0) == pytest.approx(0.03)
    assert 0 < pulse(notes, 1.3) < 0.01


def test_a_moment_is_written_and_read() -> None:
    moment = moment_of(3, LEFT, 0.9)
    found = Moment.from_json(moment.to_json())
    assert (found.subject, found.size, found.line) == (3, 0.9, 0.0)
    assert found.colours == pytest.approx(moment.colours)
    assert subject_json("left", LEFT)["shapes"][0]["outline"][:2] == pytest.approx([1500, 2000], abs=2)


def test_small_shapes_stay_while_a_drawing_moves_towards_a_silhouette() -> None:
    dot = Shape(
        "MLLLZ", np.array([(3000, 1900), (3200, 1900), (3200, 2100), (3000, 2100)], np.int16), Paint("solid", 1)
    )
    colours, areas = np.array([(1.0, 0.0, 0.0, 1.0), (0.0, 0.0, 0.0, 1.0)]), np.array([0.05, 0.0025])
    figure = Drawing((*LEFT.shapes, dot), colours, areas, line=-0.7)
    moving = Moving([figure], [moment_of(0, figure, 1.0)], np.array([0.0]))
    assert at(moving, 0, 77).max() < 200
    assert figure.pixels(100)[50, 77].min() == 255  # a picture that stands still is but a silhouette


def test_a_line_is_not_filled_while_a_drawing_moves_towards_a_silhouette() -> None:
    corner = np.array([(2000, 1000), (3000, 2000), (2000, 3000)], np.int16)
    line = Shape("MLL", corner, None, Paint("solid", 1), width=20)
    colours, areas = np.array([(1.0, 0.0, 0.0, 1.0), (0.0, 0.0, 0.0, 1.0)]), np.array([0.05, 0.05])
    figure = Drawing((*LEFT.shapes, line), colours, areas, line=-0.7)
    moving = Moving([figure], [moment_of(0, figure, 1.0)], np.array([0.0]))
    assert at(moving, 0, 60).min() == 255
    assert figure.pixels(100)[50, 60].min() < 150
