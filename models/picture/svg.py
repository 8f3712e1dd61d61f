"""Reads SVG files as drawings: transforms, styles and units are worked out, and everything becomes paths on a grid.

What a drawing can't hold (filters, masks, clips, patterns, text, pictures) is left out. Whether much is lost by that
is measured: ``faithful`` compares with the whole file as a renderer shows it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
import svgelements as svg

from models.picture.vector import CAPS, GRID, JOINS, MARGIN, Drawing, Paint, Shape, rendered

Floats = npt.NDArray[np.float64]

HREF = "{http://www.w3.org/1999/xlink}href"
ALIKE = 4.0  # grey levels, mean over all pixels, by which a drawing may differ from its file
MOST_BYTES = 64_000
MOST_COLOURS, MOST_POINTS = 400, 6000
BROKEN = (ValueError, KeyError, TypeError, AttributeError, IndexError, ZeroDivisionError, ElementTree.ParseError)


class DrawingError(ValueError):
    """An SVG that can't become a drawing; the message says why."""


@dataclass(frozen=True)
class _Found:
    """A shape in the file's own units, before it is known where everything lies."""

    path: Any
    paints: tuple[_Painted | None, _Painted | None]
    width: float
    even_odd: bool
    cap: str
    join: str


@dataclass(frozen=True)
class _Painted:
    kind: str
    colours: Floats
    offsets: tuple[float, ...] = (0.0,)
    matrix: Any = None


def read_drawing(path: Path) -> Drawing:
    """The drawing in a file, fitted to the grid, its colours counted; raises ``DrawingError`` for what has none."""
    data = path.read_bytes()
    if len(data) > MOST_BYTES:
        raise DrawingError(f"{path.name} has {len(data)} bytes; up to {MOST_BYTES} are read")
    try:
        found = _found(data)
    except BROKEN as error:
        raise DrawingError(f"{path.name} can't be read as SVG: {error}") from error
    if not found:
        raise DrawingError(f"{path.name} shows nothing")
    box = _box(found)
    if box is None:
        raise DrawingError(f"{path.name} has no extent")
    drawing = _fitted(found, box)
    if len(drawing.colours) > MOST_COLOURS or sum(len(each.points) for each in drawing.shapes) > MOST_POINTS:
        raise DrawingError(f"{path.name} has more than {MOST_COLOURS} colours or {MOST_POINTS} points")
    if not faithful(data.decode("utf-8", "replace"), drawing, box):
        raise DrawingError(f"{path.name} has what a drawing can't hold")
    return drawing.seen()


def faithful(text: str, drawing: Drawing, box: tuple[float, float, float]) -> bool:
    """Whether a drawing looks as its file does within ``box`` (left, top, side in the file's units)."""
    root = re.sub(r'\s(viewBox|width|height|preserveAspectRatio)="[^"]*"', "", text[: text.index(">")])
    left, top, side = box
    whole = f'{root} viewBox="{left:.6g} {top:.6g} {side:.6g} {side:.6g}"{text[text.index(">") :]}'
    try:
        shown = rendered(whole)
    except (ValueError, OSError):
        return False
    return float(np.abs(shown.astype(np.float64) - drawing.pixels()).mean()) < ALIKE


def _found(data: bytes) -> list[_Found]:
    tree = ElementTree.fromstring(data)  # noqa: S314 (bounded, and Python's expat refuses to expand without end)
    tree.attrib.pop("viewBox", None)
    tree.attrib.pop("width", None)
    tree.attrib.pop("height", None)
    gradients = {each.get("id"): each for each in tree.iter() if str(each.tag).endswith("Gradient")}
    parsed = svg.SVG.parse(io.BytesIO(ElementTree.tostring(tree)), reify=False, ppi=96)
    found = []
    for element in parsed.elements():
        if not isinstance(element, svg.Shape) or isinstance(element, svg.SVGText):
            continue
        values = element.values
        if values.get("visibility") == "hidden" or values.get("display") == "none":
            continue
        path, matrix = abs(svg.Path(element)), svg.Matrix(element.transform)
        if not len(path):
            continue
        fill = _painted(element, "fill", gradients)
        scale = float(np.sqrt(abs(matrix.a * matrix.d - matrix.b * matrix.c)))
        width = float(element.stroke_width or 0) * scale
        stroke = _painted(element, "stroke", gradients) if width > 0 else None
        if fill is None and stroke is None:
            continue
        cap, join = values.get("stroke-linecap", CAPS[0]), values.get("stroke-linejoin", JOINS[0])
        found.append(
            _Found(
                path, (fill, stroke), width if stroke else 0.0, values.get("fill-rule") == "evenodd",
                cap if cap in CAPS else CAPS[0], join if join in JOINS else JOINS[0],
            )
        )  # fmt: skip
    return found


def _painted(element: Any, name: str, gradients: Mapping[str | None, Any]) -> _Painted | None:
    """How an element is filled or stroked (``name``); None where it isn't."""
    values, colour = element.values, getattr(element, name)
    raw = str(values.get(name, ""))
    alpha = _number(values.get("opacity"), 1.0) * _number(values.get(f"{name}-opacity"), 1.0)
    if alpha <= 0:
        return None
    if told := re.match(r"url\(#([^)]+)\)", raw):
        return _gradient(gradients.get(told.group(1)), alpha, gradients, element)
    if colour is None or colour.value is None:
        return None
    return _Painted("solid", np.array([[colour.red / 255, colour.green / 255, colour.blue / 255, alpha]]))


def _gradient(first: Any, alpha: float, gradients: Mapping[str | None, Any], painted: Any) -> _Painted | None:
    """A gradient on the element that is ``painted``, with what it has from others that it names."""
    if first is None:
        return None
    chain = [first]
    while (href := chain[-1].get(HREF) or chain[-1].get("href")) and len(chain) < 8:
        following = gradients.get(href.lstrip("#"))
        if following is None:
            break
        chain.append(following)
    told = {name: value for each in reversed(chain) for name, value in each.attrib.items()}
    stops = next((list(each) for each in chain if len(each)), [])
    if not stops:
        return None
    offsets: list[float] = []
    colours: list[tuple[float, float, float, float]] = []
    for stop in stops:
        style = dict(part.split(":", 1) for part in stop.get("style", "").replace(" ", "").split(";") if ":" in part)
        said = svg.Color(style.get("stop-color", stop.get("stop-color", "black")))
        share = _number(style.get("stop-opacity", stop.get("stop-opacity")), 1.0)
        place = _number(stop.get("offset"), 0.0)
        offsets.append(float(np.clip(max(place, offsets[-1] if offsets else 0.0), 0, 1)))
        colours.append((said.red / 255, said.green / 255, said.blue / 255, share * alpha))
    linear = str(first.tag).endswith("linearGradient")
    in_box = told.get("gradientUnits", "objectBoundingBox") != "userSpaceOnUse"
    unit = svg.Matrix()
    if linear:
        x1, y1 = _number(told.get("x1"), 0.0), _number(told.get("y1"), 0.0)
        x2, y2 = _number(told.get("x2"), 1.0), _number(told.get("y2"), 0.0)
        unit = svg.Matrix(x2 - x1, y2 - y1, -(y2 - y1), x2 - x1, x1, y1)
    else:
        r = _number(told.get("r"), 0.5)
        unit = svg.Matrix(r, 0, 0, r, _number(told.get("cx"), 0.5), _number(told.get("cy"), 0.5))
    whole = unit * svg.Matrix(told.get("gradientTransform", ""))
    if in_box:
        plain = svg.Path(painted)
        plain.transform = svg.Matrix()
        box = plain.bbox()
        if box is None or box[2] <= box[0] or box[3] <= box[1]:
            return None
        whole = whole * svg.Matrix(box[2] - box[0], 0, 0, box[3] - box[1], box[0], box[1])
    whole = whole * svg.Matrix(painted.transform)
    values = np.array(colours)
    if whole.a * whole.d - whole.b * whole.c == 0:
        return _Painted("solid", values[-1:])
    return _Painted("linear" if linear else "radial", values, tuple(offsets), whole)


def _number(value: Any, otherwise: float) -> float:
    if value is None or value == "":
        return otherwise
    text = str(value).strip()
    if text.endswith("%"):
        return float(text[:-1]) / 100
    return float(re.sub(r"[a-z]+$", "", text))


def _box(found: list[_Found]) -> tuple[float, float, float] | None:
    """Left, top and side of the square around all that is seen, with its margin."""
    corners = []
    for each in found:
        box = each.path.bbox()
        if box is not None:
            more = each.width / 2
            corners.append((box[0] - more, box[1] - more, box[2] + more, box[3] + more))
    if not corners:
        return None
    values = np.array(corners, dtype=np.float64)
    left, top = values[:, :2].min(0).tolist()
    right, bottom = values[:, 2:].max(0).tolist()
    side = float(max(right - left, bottom - top)) * GRID / (GRID - 2 * MARGIN)
    if not np.isfinite(side) or side <= 0:
        return None
    return float((left + right - side) / 2), float((top + bottom - side) / 2), side


def _fitted(found: list[_Found], box: tuple[float, float, float]) -> Drawing:
    left, top, side = box
    scale = GRID / side
    fit = svg.Matrix(scale, 0, 0, scale, -left * scale, -top * scale)
    shapes, colours = [], []
    count = 0
    for each in found:
        commands, points = _commands(each.path * fit)
        if not commands:
            continue
        paints: list[Paint | None] = []
        for painted in each.paints:
            if painted is None:
                paints.append(None)
                continue
            matrix = () if painted.matrix is None else _numbers(painted.matrix * fit)
            paints.append(Paint(painted.kind, count, len(painted.colours), painted.offsets, matrix))
            colours.append(painted.colours)
            count += len(painted.colours)
        shapes.append(
            Shape(
                commands, points, paints[0], paints[1], round(each.width * scale, 1), each.even_odd, each.cap, each.join
            )
        )
    table = np.concatenate(colours) if colours else np.zeros((0, 4))
    return Drawing(tuple(shapes), np.round(table * 255) / 255, np.zeros(len(table)))


def _numbers(matrix: Any) -> tuple[float, ...]:
    return tuple(float(getattr(matrix, name)) for name in "abcdef")


def _commands(path: Any) -> tuple[str, npt.NDArray[np.int16]]:
    """A path as commands and points on the grid."""
    commands: list[str] = []
    points: list[tuple[float, float]] = []
    for segment in abs(path):
        if isinstance(segment, svg.Move):
            commands.append("M")
            points.append(segment.end)
        elif isinstance(segment, svg.Close):
            commands.append("Z")
        elif isinstance(segment, svg.Line):
            commands.append("L")
            points.append(segment.end)
        elif isinstance(segment, svg.CubicBezier):
            commands.append("C")
            points += [segment.control1, segment.control2, segment.end]
        elif isinstance(segment, svg.QuadraticBezier):
            start, middle, end = (np.array([each.x, each.y]) for each in (segment.start, segment.control, segment.end))
            commands.append("C")
            points += [tuple((start + 2 * middle) / 3), tuple((end + 2 * middle) / 3), segment.end]
        elif isinstance(segment, svg.Arc):
            for curve in segment.as_cubic_curves():
                commands.append("C")
                points += [curve.control1, curve.control2, curve.end]
    rows = np.array([(each[0], each[1]) for each in points], dtype=np.float64).reshape(-1, 2)
    return "".join(commands), np.clip(np.round(rows), -32000, 32000).astype(np.int16)
