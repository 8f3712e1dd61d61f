"""Drawings that move with music: between two moments colours and lines change, and one drawing becomes the next.

The same is drawn by ``moving_picture.js`` on a page; here it becomes SVG, frame by frame, for a film. Where the drawing
stays, its colours go straight from one moment's to the next one's. Where another follows, its largest shapes become the
other's largest, outline by outline, while what is drawn within fades out and in. However near to a silhouette, no
shape is left out, since it would vanish and come back, and no line is filled, since it would cover what it runs around.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from models.picture.vector import POINTS, Drawing, Shape, document, hex_of, sized

Floats = npt.NDArray[np.float64]

OUTLINES, CORNERS = 8, 40  # shapes that become others, the largest ones; points along each
A_CURVE = 6  # points along a curve
DETAIL = 0.3  # of a transition, in which what is drawn within fades
PULSE, PULSE_S = 0.03, 0.18  # by how much a note of full velocity makes the picture larger, and for how long
SMALLEST = 0.8  # size of what is softest

Outline = tuple[int, Floats]  # the number of its shape, and its points


@dataclass(frozen=True)
class Moment:
    """How a subject looks at one time: ``colours`` ``(n + 1, 4)``, the last the paper's, its ``line`` and ``size``."""

    subject: int
    colours: Floats
    line: float
    size: float

    def to_json(self) -> dict[str, Any]:
        """Colours as eight digits each."""
        values = np.clip(np.round(self.colours * 255), 0, 255).astype(np.uint8)
        return {
            "subject": self.subject, "colours": values.tobytes().hex(), "line": round(self.line, 3),
            "size": round(self.size, 3),
        }  # fmt: skip

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Moment:
        """What ``to_json`` gave."""
        values = np.frombuffer(bytes.fromhex(told["colours"]), np.uint8).reshape(-1, 4) / 255
        return cls(told["subject"], values, told["line"], told["size"])


def moment_of(subject: int, drawing: Drawing, size: float) -> Moment:
    """A drawing as it looks."""
    return Moment(subject, np.vstack([drawing.colours, [*drawing.paper, 1.0]]), drawing.line, size)


def subject_json(name: str, drawing: Drawing) -> dict[str, Any]:
    """The paths of a drawing for a page: its ``shapes``, and its ``paints`` (kind, first, count, offsets, matrix)."""
    paints: list[list[Any]] = []
    shapes = []
    outlines = outlines_of(drawing)
    for number, (shape, size) in enumerate(zip(drawing.shapes, drawing.sizes(), strict=True)):
        told: dict[str, Any] = {"d": shape.path, "size": round(size, 5)}
        for key, paint in (("fill", shape.fill), ("stroke", shape.stroke)):
            if paint is not None:
                told[key] = len(paints)
                matrix = [float(f"{each:.5g}") for each in paint.matrix]
                paints.append([paint.kind, paint.first, paint.count, [round(x, 3) for x in paint.offsets], matrix])
        if shape.stroke is not None:
            told |= {"width": shape.width, "cap": shape.cap, "join": shape.join}
        if shape.even_odd:
            told["evenodd"] = True
        if number in outlines:
            told["outline"] = np.round(outlines[number]).astype(int).ravel().tolist()
        shapes.append(told)
    areas = [round(each, 5) for each in drawing.areas.tolist()]
    return {"name": name, "shapes": shapes, "paints": paints, "areas": areas}


def outlines_of(drawing: Drawing) -> dict[int, Floats]:
    """Outlines ``(CORNERS, 2)`` of the largest filled shapes by their numbers, the largest first."""
    sizes = drawing.sizes()
    filled = [number for number, shape in enumerate(drawing.shapes) if shape.fill is not None]
    largest = sorted(filled, key=lambda number: -sizes[number])[:OUTLINES]
    found = {number: _outline(drawing.shapes[number]) for number in largest}
    return {number: outline for number, outline in found.items() if outline is not None}


def _outline(shape: Shape) -> Floats | None:
    """The largest ring of a path, evenly divided from its rightmost direction on, clockwise; None for no area."""
    rings: list[list[Floats]] = []
    points, at = shape.points.astype(np.float64), 0
    for command in shape.commands:
        some = points[at : at + POINTS[command]]
        at += len(some)
        if command == "M":
            rings.append([some[0]])
        elif command == "L":
            rings[-1].append(some[0])
        elif command == "C":
            start, share = rings[-1][-1], np.linspace(0, 1, A_CURVE + 1)[1:, None]
            back = 1 - share
            inner = 3 * back**2 * share * some[0] + 3 * back * share**2 * some[1]
            rings[-1].extend(back**3 * start + inner + share**3 * some[2])
    areas = [_area(np.array(ring)) for ring in rings]
    if not areas or max(abs(each) for each in areas) < 1:
        return None
    number = int(np.argmax(np.abs(areas)))
    ring = np.array(rings[number])[:: 1 if areas[number] > 0 else -1]
    away = ring - ring.mean(0)
    first = int(np.argmin(np.abs(np.arctan2(away[:, 1], away[:, 0]))))
    closed = np.vstack([np.roll(ring, -first, axis=0), ring[first]])
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    places = np.linspace(0, length[-1], CORNERS, endpoint=False)
    return np.column_stack([np.interp(places, length, closed[:, axis]) for axis in (0, 1)])


def _area(ring: Floats) -> float:
    x, y = ring.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


@dataclass(frozen=True)
class Moving:
    """``moments`` at ``times_s`` ``(moments,)`` of ``subjects``; ``notes``: start, length, pitch and velocity."""

    subjects: Sequence[Drawing]
    moments: Sequence[Moment]
    times_s: Floats
    notes: Sequence[tuple[float, float, int, int]] = ()

    def svg(self, time_s: float) -> str:
        """The picture at a time."""
        place = float(np.interp(time_s, self.times_s, np.arange(len(self.times_s))))
        number = min(int(place), len(self.moments) - 1)
        one, other = self.moments[number], self.moments[min(number + 1, len(self.moments) - 1)]
        share = place - number
        size = (1 - share) * one.size + share * other.size + pulse(self.notes, time_s)
        if one.subject == other.subject:
            paper, inner = self._between(one, other, share)
        else:
            paper, inner = self._changing(one, other, share * share * (3 - 2 * share))
        return document(paper, sized(inner, size))

    def _between(self, one: Moment, other: Moment, share: float) -> tuple[Floats, str]:
        colours = (1 - share) * one.colours + share * other.colours
        line = (1 - share) * one.line + share * other.line
        return colours[-1], self._drawing(one.subject, colours, line).elements()

    def _changing(self, one: Moment, other: Moment, share: float) -> tuple[Floats, str]:
        paper = (1 - share) * one.colours[-1] + share * other.colours[-1]
        told = []
        for before, after in paired(self._outlines(one.subject), self._outlines(other.subject)):
            rings = [ring for ring in (before, after) if ring is not None]
            ring = (1 - share) * rings[0][1] + share * rings[-1][1]
            if before is None or after is None:
                middle = ring.mean(0)
                ring = middle + (ring - middle) * (1 - share if after is None else share)
            colours = [self._filled(each, found[0]) for each, found in ((one, before), (other, after)) if found]
            colour = (1 - share) * colours[0] + share * colours[-1]
            path = "M" + "L".join(f"{x:.0f} {y:.0f}" for x, y in ring) + "Z"
            told.append(f'<path d="{path}" fill="{hex_of(colour)}" fill-opacity="{colour[3]:.2f}"/>')
        for each, alpha, prefix in ((one, 1 - share / DETAIL, "a"), (other, (share - 1) / DETAIL + 1, "b")):
            if alpha > 0:
                inner = self._drawing(each.subject, each.colours, each.line).elements(prefix)
                told.append(f'<g opacity="{alpha:.3f}">{inner}</g>')
        return paper, "".join(told)

    def _outlines(self, subject: int) -> list[Outline]:
        return [*outlines_of(self.subjects[subject]).items()]

    def _filled(self, moment: Moment, number: int) -> Floats:
        """The mean colour of a filled shape."""
        fill = self.subjects[moment.subject].shapes[number].fill
        assert fill is not None
        found: Floats = moment.colours[fill.places].mean(0)
        return found

    def _drawing(self, subject: int, colours: Floats, line: float) -> Drawing:
        red, green, blue = colours[-1, :3].tolist()
        return replace(self.subjects[subject], colours=colours[:-1], paper=(red, green, blue), line=line, whole=True)


def paired(ones: Sequence[Outline], others: Sequence[Outline]) -> list[tuple[Outline | None, Outline | None]]:
    """Outlines that become each other, the largest the largest; None where there is no partner."""
    count = max(len(ones), len(others))
    return [(ones[k] if k < len(ones) else None, others[k] if k < len(others) else None) for k in range(count)]


def pulse(notes: Sequence[tuple[float, float, int, int]], time_s: float) -> float:
    """By how much larger the picture is for the notes that have just begun."""
    since = [(time_s - start, velocity) for start, _, _, velocity in notes if 0 <= time_s - start < 5 * PULSE_S]
    beats = [velocity / 127 * float(np.exp(-each / PULSE_S)) for each, velocity in since]
    return PULSE * max(beats, default=0.0)
