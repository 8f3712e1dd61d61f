"""A drawing as vectors: filled and stroked paths on a square grid, written as SVG and rendered to pixels.

A drawing holds numbers alone, so an SVG that is written from one has paths and gradients and nothing else: no script,
no style sheet, no address. All colours stand in one table, which styles change without touching a path.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import resvg_py
from PIL import Image

from models.picture.film import SIDE, Pictures

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int16]

GRID = 4000  # units along each side
SHOWN = 480  # pixels of a document that nobody gives a size
MARGIN = 80  # of them on each side, that a drawing leaves free where it is widest
WHITE = (1.0, 1.0, 1.0)
POINTS = {"M": 1, "L": 1, "C": 3, "Z": 0}  # that each command of a path takes
KINDS = ("solid", "linear", "radial")
OUTLINE, SHADE = 40.0, 0.4  # width of an added outline, and how dark it is beside what it encloses
BOLDEST, WIDEST = 5.0, 150.0  # what a stroke gains where lines are boldest: times its width, and at most
DETAIL = 0.04  # of the picture: what is smaller is left out there
FADED, FLAT = 0.95, 0.85  # how far fills go towards the paper where all is line, and to one colour where nothing is
SQUARES = np.linspace(0, 1, 13)  # sides of squares around the middle, beside the picture's
CORNER = 0.08  # of the side of what a drawing stands on
CAPS, JOINS = ("butt", "round", "square"), ("miter", "round", "bevel")


@dataclass(frozen=True)
class Paint:
    """A colour, or several along a gradient: the ``count`` from ``first`` on in the drawing's table.

    ``offsets`` ``(count,)`` in 0..1; ``matrix`` (a, b, c, d, e, f) takes the unit line or circle to the grid.
    """

    kind: str
    first: int
    count: int = 1
    offsets: tuple[float, ...] = (0.0,)
    matrix: tuple[float, ...] = ()

    @property
    def places(self) -> slice:
        """Where its colours stand in the table."""
        return slice(self.first, self.first + self.count)


@dataclass(frozen=True)
class Shape:
    """A path: ``commands`` as in ``POINTS``, their ``points`` ``(n, 2)`` on the grid; how it is filled and stroked.

    ``width`` of its stroke, in units of the grid. ``even_odd``: what a path encloses twice is outside.
    """

    commands: str
    points: Integers
    fill: Paint | None
    stroke: Paint | None = None
    width: float = 0.0
    even_odd: bool = False
    cap: str = CAPS[0]
    join: str = JOINS[0]

    @cached_property
    def path(self) -> str:
        """The path as an SVG writes it."""
        rows = self.points.tolist()
        told, at = [], 0
        for command in self.commands:
            some = rows[at : at + POINTS[command]]
            told.append(command + " ".join(f"{x} {y}" for x, y in some))
            at += len(some)
        return "".join(told)


@dataclass(frozen=True)
class Drawing:
    """``shapes``, the lowest first, and the table of their ``colours`` ``(n, 4)``: red, green, blue, alpha in 0..1.

    ``areas`` ``(n,)``: the share of the picture in which each colour is seen, and ``within`` ``(SQUARES,)`` the share
    that is painted within each square. The drawing stands on a square of the colour ``paper`` ``(3,)`` whose side is
    ``ground`` of the picture's; what is left is white.
    ``line``: 0 as drawn. Towards 1 fills fade, and what has no stroke is outlined, until all is line; towards -1
    strokes widen, what they enclose is filled, colours become one and small shapes are left out, until there is but a
    silhouette; of a ``whole`` drawing every shape stays, and only what is filled is. ``stroke``: by how many octaves
    strokes and outlines are wider. ``size``: as large beside how it was drawn, around the middle.
    """

    shapes: tuple[Shape, ...]
    colours: Floats
    areas: Floats
    paper: tuple[float, float, float] = WHITE
    line: float = 0.0
    size: float = 1.0
    stroke: float = 0.0
    ground: float = 1.0
    within: Floats = field(default_factory=lambda: np.zeros(len(SQUARES)))
    whole: bool = False

    def svg(self) -> str:
        """The drawing as a whole document."""
        return document(self.paper, sized(self.elements(), self.size), self.ground)

    def elements(self, prefix: str = "g") -> str:
        """What it draws upon the paper; its gradients have names that begin with ``prefix``."""
        colours = self.lined()
        paints = [(number, paint) for number, paint in enumerate(self.paints()) if paint.kind != "solid"]
        names = {id(paint): f"{prefix}{number}" for number, paint in paints}
        defined = "".join(_gradient(f"{prefix}{number}", paint, colours) for number, paint in paints)
        least = 0.0 if self.whole else DETAIL * max(0.0, -self.line)
        drawn = "".join(
            _drawn(shape, self, colours, names)
            for shape, size in zip(self.shapes, self.sizes(), strict=True)
            if size >= least
        )
        return f"{f'<defs>{defined}</defs>' if defined else ''}{drawn}"

    def pixels(self, side: int = SIDE) -> Pictures:
        """Rendered: uint8 ``(side, side, 3)``."""
        return rendered(self.svg(), side)

    def lined(self) -> Floats:
        """The table of colours as the line leaves it: fills faded, or everything near one colour."""
        found = self.colours.copy()
        if self.line > 0:
            for shape in self.shapes:
                if shape.fill is not None:
                    faded = found[shape.fill.places, :3]
                    found[shape.fill.places, :3] = faded + FADED * self.line * (np.array(self.paper) - faded)
        elif self.line < 0 and len(found):
            seen = self.areas * found[:, 3] * np.abs(found[:, :3] - self.paper).max(1)
            mean = np.average(found[:, :3], axis=0, weights=seen + 1e-9)
            found[:, :3] += FLAT * -self.line * (mean - found[:, :3])
        return found

    def sizes(self) -> list[float]:
        """The share of the picture in which each shape is seen."""
        paints = [[each for each in (shape.fill, shape.stroke) if each is not None] for shape in self.shapes]
        return [float(sum(self.areas[paint.places].sum() for paint in each)) for each in paints]

    def paints(self) -> Iterator[Paint]:
        """Every fill and stroke, in the order of the shapes."""
        for shape in self.shapes:
            yield from (paint for paint in (shape.fill, shape.stroke) if paint is not None)

    def seen(self, side: int = SIDE) -> Drawing:
        """The same with ``areas`` measured: every colour is counted where its paint is on top."""
        paints = [*self.paints()]
        codes = np.array([_code(number) for number in range(len(paints))]).reshape(-1, 3) / 255
        flat = np.ones_like(self.colours)
        for paint, code in zip(paints, codes, strict=True):
            flat[paint.places, :3] = code
            flat[paint.places, 3] = self.colours[paint.places, 3].mean() >= 0.5  # what shines through counts below it
        pixels = rendered(replace(self, colours=flat).svg(), side, crisp=True).reshape(-1, 3).astype(np.int64)
        found = pixels[:, 0] // 8 + (pixels[:, 1] // 8) * 32 + (pixels[:, 2] // 8) * 1024
        painted = (found < len(paints)).reshape(side, side)
        cuts = [round(side / 2 * (1 - each)) for each in SQUARES]
        within = np.array([painted[cut : side - cut, cut : side - cut].sum() / side**2 for cut in cuts])
        counts = np.bincount(found, minlength=32768) / len(found)
        areas = np.zeros(len(self.colours))
        for number, paint in enumerate(paints):
            areas[paint.places] = counts[number] / paint.count
        return replace(self, areas=areas, within=within)


def document(paper: npt.ArrayLike, elements: str, ground: float = 1.0) -> str:
    """An SVG of ``elements`` on ``paper``, of which a square of a side of ``ground`` is seen, and white around it."""
    under = f'<path d="M0 0H{GRID}V{GRID}H0Z" fill="{hex_of(paper if ground >= 1 else WHITE)}"/>'
    if ground < 1:
        low, side = GRID / 2 * (1 - ground), GRID * ground
        place = f'x="{low:.0f}" y="{low:.0f}" width="{side:.0f}" height="{side:.0f}" rx="{CORNER * side:.0f}"'
        under += f'<rect {place} fill="{hex_of(paper)}"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {GRID} {GRID}" width="{SHOWN}" height="{SHOWN}">'
        f"{under}{elements}</svg>"
    )


def sized(elements: str, size: float) -> str:
    """``elements`` so many times as large, around the middle."""
    if size == 1:
        return elements
    left = GRID / 2 * (1 - size)
    return f'<g transform="matrix({size:.4f} 0 0 {size:.4f} {left:.1f} {left:.1f})">{elements}</g>'


def rendered(svg: str, side: int = SIDE, *, crisp: bool = False) -> Pictures:
    """An SVG's pixels on white, uint8 ``(side, side, 3)``; ``crisp`` without soft edges."""
    png = resvg_py.svg_to_bytes(
        svg_string=svg, width=side, height=side, background="white", skip_system_fonts=True,
        shape_rendering="crisp_edges" if crisp else "geometric_precision",
    )  # fmt: skip
    with Image.open(io.BytesIO(bytes(png)), formats=("PNG",)) as image:
        return np.asarray(image.convert("RGB"))


def packed(drawings: Sequence[Drawing]) -> Mapping[str, npt.NDArray[Any]]:
    """Drawings as a few arrays; their ``paper`` is not kept."""
    shapes = [shape for drawing in drawings for shape in drawing.shapes]
    paints = [paint for drawing in drawings for paint in drawing.paints()]
    text = "".join(shape.commands for shape in shapes).encode()
    about = [
        (len(s.commands), s.fill is not None, s.stroke is not None, s.even_odd, CAPS.index(s.cap), JOINS.index(s.join))
        for s in shapes
    ]
    return {
        "shapes": np.array([len(drawing.shapes) for drawing in drawings], np.int32),
        "about": np.array(about, np.int32).reshape(-1, 6),
        "widths": np.array([shape.width for shape in shapes], np.float16),
        "commands": np.frombuffer(text, np.uint8),
        "points": np.concatenate([shape.points for shape in shapes]),
        "paints": np.array([(KINDS.index(paint.kind), paint.count) for paint in paints], np.uint8).reshape(-1, 2),
        "offsets": np.array([offset for paint in paints for offset in paint.offsets], np.float16),
        "matrices": np.array([each for paint in paints for each in paint.matrix], np.float32).reshape(-1, 6),
        "colours": np.concatenate([np.round(drawing.colours * 255) for drawing in drawings]).astype(np.uint8),
        "areas": np.concatenate([drawing.areas for drawing in drawings]).astype(np.float16),
        "within": np.stack([drawing.within for drawing in drawings]).astype(np.float16),
    }


def unpacked(arrays: Mapping[str, npt.NDArray[Any]]) -> list[Drawing]:
    """What ``packed`` gave; raises ``ValueError`` for arrays that don't belong together."""
    commands = arrays["commands"].tobytes().decode("ascii")
    if set(commands) - set(POINTS):
        raise ValueError(f"a path has the commands {sorted(set(commands) - set(POINTS))}; {list(POINTS)} are known")
    if sum(POINTS[each] for each in commands) != len(arrays["points"]):
        raise ValueError(f"{len(commands)} commands and {len(arrays['points'])} points don't belong together")
    widths, points = arrays["widths"].astype(np.float64).tolist(), arrays["points"]
    colours, areas = arrays["colours"] / 255.0, arrays["areas"].astype(np.float64)
    paints = _paints(arrays)
    about = iter(arrays["about"].tolist())
    found, command, point, colour, number = [], 0, 0, 0, 0
    for many, within in zip(arrays["shapes"].tolist(), arrays["within"].astype(np.float64), strict=True):
        shapes, first = [], colour
        for _ in range(many):
            count, filled, stroked, even_odd, cap, join = next(about)
            said = commands[command : command + count]
            size = sum(POINTS[each] for each in said)
            own: list[Paint | None] = []
            for there in (filled, stroked):
                paint = next(paints) if there else None
                own.append(None if paint is None else replace(paint, first=colour - first))
                colour += 0 if paint is None else paint.count
            shapes.append(
                Shape(
                    said, points[point : point + size], own[0], own[1], widths[number], bool(even_odd),
                    CAPS[cap], JOINS[join],
                )
            )  # fmt: skip
            command, point, number = command + count, point + size, number + 1
        found.append(Drawing(tuple(shapes), colours[first:colour], areas[first:colour], within=within))
    return found


def _paints(arrays: Mapping[str, npt.NDArray[Any]]) -> Iterator[Paint]:
    offsets, matrices = arrays["offsets"].astype(np.float64).tolist(), iter(arrays["matrices"].tolist())
    at = 0
    for kind, count in arrays["paints"].tolist():
        matrix = () if KINDS[kind] == "solid" else tuple(next(matrices))
        yield Paint(KINDS[kind], 0, count, tuple(offsets[at : at + count]), matrix)
        at += count


def _code(number: int) -> tuple[int, int, int]:
    """A colour that stands for a number below 32,768, the same after rounding."""
    return (number % 32) * 8 + 4, (number // 32 % 32) * 8 + 4, (number // 1024) * 8 + 4


def hex_of(colour: npt.ArrayLike) -> str:
    """The first three of a colour's values in 0..1 as an SVG writes them."""
    red, green, blue = np.clip(np.round(np.asarray(colour)[:3] * 255), 0, 255).astype(int).tolist()
    return f"#{red:02x}{green:02x}{blue:02x}"


def _opacity(name: str, alpha: float) -> str:
    return "" if alpha > 0.995 else f' {name}-opacity="{alpha:.2f}"'


def _gradient(name: str, paint: Paint, colours: Floats) -> str:
    stops = "".join(
        f'<stop offset="{offset:.3f}" stop-color="{hex_of(colour)}"{_opacity("stop", colour[3])}/>'
        for offset, colour in zip(paint.offsets, colours[paint.places], strict=True)
    )
    matrix = " ".join(f"{each:.5g}" for each in paint.matrix)
    where = 'x1="0" y1="0" x2="1" y2="0"' if paint.kind == "linear" else 'cx="0" cy="0" r="1"'
    return (
        f'<{paint.kind}Gradient id="{name}" gradientUnits="userSpaceOnUse" {where} '
        f'gradientTransform="matrix({matrix})">{stops}</{paint.kind}Gradient>'
    )


def _drawn(shape: Shape, of: Drawing, colours: Floats, names: Mapping[int, str]) -> str:
    """The element of a shape ``of`` a drawing in the ``colours`` that the line leaves; ``names`` of gradients."""
    line, wider = of.line, 2.0**of.stroke

    def said(name: str, paint: Paint | None) -> str:
        if paint is None:
            return f' {name}="none"'
        if paint.kind != "solid":
            return f' {name}="url(#{names[id(paint)]})"'
        return f' {name}="{hex_of(colours[paint.first])}"{_opacity(name, colours[paint.first, 3])}'

    fill, stroke = said("fill", shape.fill), ""
    # what lines enclose is filled as they widen
    if shape.fill is None and shape.stroke is not None and line < 0 and not of.whole:
        colour = colours[shape.stroke.first]
        fill = f' fill="{hex_of(colour)}"{_opacity("fill", -line * colour[3])}'
    thin = shape.stroke is None or shape.width * colours[shape.stroke.first, 3] < OUTLINE / 3
    if shape.stroke is not None and not (thin and line > 0 and shape.fill is not None):
        width = wider * shape.width
        width = width * (1 - line / 2) if line > 0 else width - line * min(BOLDEST * width, WIDEST)
        stroke = f'{said("stroke", shape.stroke)} stroke-width="{width:.4g}"'
        stroke += f' stroke-linecap="{shape.cap}" stroke-linejoin="{shape.join}"'
    elif shape.fill is not None and line > 0:
        mean = of.colours[shape.fill.places].mean(0)
        stroke = f' stroke="{hex_of(SHADE * mean)}"{_opacity("stroke", min(1.0, 2 * line) * mean[3])}'
        stroke += f' stroke-width="{wider * OUTLINE:.4g}" stroke-linejoin="round"'
    rule = ' fill-rule="evenodd"' if shape.even_odd else ""
    return f'<path d="{shape.path}"{fill}{rule}{stroke}/>'
