"""The drawings that come with Kallos, as vectors, with the latents that the picture model's encoder gives each.

Latents become a drawing again by looking up: the subject is the drawing whose shape is nearest, and palette and light
change its colours, line its strokes. So whatever is decoded is sharp at any size.

What latents ask of a look is said by the drawings that are known: a style is that of the drawing whose latents are
nearest, moved along the regression of what is measured on latents for the rest of the way. So the latents of a known
drawing give its own colours back. Colours move in OKLab (Ottosson 2020: lightness, and two axes of colour in which
equal steps look equal), the paper with them. Areas of colours are counted beforehand (``Drawing.seen``), so nothing has
to be rendered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save

from models.picture.attributes import GROUPS, LUMA, attributes_of
from models.picture.vector import SQUARES, Drawing, packed, unpacked
from models.style.bundle import BundleFormat

Floats = npt.NDArray[np.float64]
TO_CONES = np.array([
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
])  # fmt: skip
TO_LAB = np.array([
    [0.2104542553, 0.7936177850, -0.0040720468],
    [1.9779984951, -2.4285922050, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.8086757660],
])  # fmt: skip
FROM_LAB, FROM_CONES = np.linalg.inv(TO_LAB), np.linalg.inv(TO_CONES)
PIXEL = 1 / 96**2  # of a picture: so that a grey one is neither warm nor green
GREY = 0.04  # chroma in OKLab, below which a colour has no hue
HUE = 0.6  # radians, within which colours are shades of one
RIDGE = 1e-2
LINES = (-1.0, -0.7, -0.4, -0.2, 0.0, 0.2, 0.4, 0.7, 0.9)  # at which edges are measured
STROKES = (-1.3, 0.0, 1.0, 2.0)
PLAIN = (STROKES.index(0.0), LINES.index(0.0))
STEPS = 8
CHANGED = 0.01  # cost of a line or stroke unlike the own, beside edges that miss by a deviation
GROUNDS = [(dark, side) for dark in (0.3, 0.7) for side in (0.6, 0.75, 0.85, 0.96)]  # from which one is looked for
OWN_GIVES = 9.0  # times more than what another style's latents ask for
MEASURED = {"palette": slice(0, 3), "light": slice(3, 5)}
TOLERANCE = np.array([0.08, 0.08, 0.01, 0.012, 0.012])  # of what is measured
FOLLOWED = np.array([0.01, 0.01, 0.012, 0.05])  # of mean colour and light, where a drawing moves
COLOUR_KEPT, FLATTEST = 0.6, -0.7  # where a drawing moves: the share of its chroma that stays, and the least line
KNOBS = {  # the usual size of each change, its least and its most
    "chroma": (0.7, -3.0, 1.5), "a": (0.04, -0.12, 0.12), "b": (0.04, -0.12, 0.12),
    "gamma": (0.8, -2.0, 2.0), "contrast": (0.8, -1.5, 1.0), "lift": (0.3, 0.0, 0.8),
    "drop": (0.3, 0.0, 0.8), "dark": (0.3, 0.08, 0.95), "paper a": (0.06, -0.2, 0.2), "paper b": (0.06, -0.2, 0.2),
    "side": (2.0, 0.5, 0.96),
}  # fmt: skip
MOVED = KNOBS | {  # where a drawing moves: it stays in its colours, and the paper takes what they can't
    "chroma": (0.7, float(np.log(COLOUR_KEPT)), 1.5), "a": (0.03, -0.06, 0.06), "b": (0.03, -0.06, 0.06),
    "gamma": (0.5, -1.2, 1.0), "lift": (0.2, 0.0, 0.5), "drop": (0.15, 0.0, 0.35),
}  # fmt: skip
NAMES = tuple(KNOBS)
OF_GROUND = ("dark", "paper a", "paper b", "side")
TONES = [name not in OF_GROUND for name in NAMES]
CURVES = [name not in (*OF_GROUND, "lift", "drop") for name in NAMES]
NEAR = 15.0  # sum of squares of what is missing, in tolerances, with which black and white may stay
STANDING = 10.0  # what a coloured square below a drawing costs beside that
SHIPPED = "drawings-cpu"
RECENT = 256  # drawings that are kept as they were decoded
SIZES = (0.35, 1.3)  # the least and the most
COLOURFUL, SHAPES, FEWEST = 0.05, 3, 60  # of a drawing that is watched for long, and of such drawings
PALE, MOST_PALE = 0.06, 0.5  # chroma in OKLab of white, cream, grey and black; the share of ink that may be so
# categories of signs, icons, maps and devices, and those that say nothing of what is drawn
UNWATCHED = frozenset({
    "computer", "containers", "education", "electronics", "geography", "logos", "office", "people", "science", "shapes",
    "signs_and_symbols", "special", "tools", "transportation", "unsorted",
})  # fmt: skip
FORMAT = BundleFormat("drawings", "collection of drawings", "python -m models.train.drawings makes one", ("seed",))


def to_lab(colours: npt.ArrayLike) -> Floats:
    """Lightness, a and b ``(…, 3)`` of sRGB ``(…, 3)`` in 0..1."""
    found: Floats = np.cbrt(linear(colours) @ TO_CONES.T) @ TO_LAB.T
    return found


def from_lab(lab: npt.ArrayLike) -> Floats:
    """sRGB ``(…, 3)`` in 0..1, what lies outside moved to its edge."""
    light = np.clip((np.asarray(lab, dtype=np.float64) @ FROM_LAB.T) ** 3 @ FROM_CONES.T, 0, 1)
    found: Floats = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return found


def linear(colours: npt.ArrayLike) -> Floats:
    """Light of sRGB values in 0..1."""
    values = np.asarray(colours, dtype=np.float64)
    found: Floats = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return found


def edges_of(drawing: Drawing) -> Floats:
    """How strong fine and coarse edges are in the grey picture of even contrast ``(STROKES, LINES, 2)``, as logarithm.

    At each setting of stroke and line.
    """
    pixels = [replace(drawing, line=line, stroke=stroke).pixels() for stroke in STROKES for line in LINES]
    found: Floats = np.log(np.maximum(attributes_of(np.stack(pixels))["line"], 1e-3))
    return found.reshape(len(STROKES), len(LINES), 2)


def looks_of(drawing: Drawing) -> Floats:
    """Palette and light ``(5,)`` as they are measured in pixels."""
    found = attributes_of(drawing.pixels()[None])
    return np.concatenate([found[name][0] for name in MEASURED])


def pale_share(drawing: Drawing) -> float:
    """How much of a drawing's ink has hardly any colour, 0 to 1: most of a playing card, a form or a road sign."""
    colours = Colours.of(drawing)
    lab, areas = to_lab(colours.seen()[:-1]), colours.areas[:-1] * colours.alpha[:-1]
    pale = np.hypot(lab[:, 1], lab[:, 2]) < PALE
    return float(areas[pale].sum() / max(float(areas.sum()), 1e-9))


@dataclass(frozen=True)
class Colours:
    """All that a drawing is painted with: ``lab`` ``(n, 3)`` and ``areas`` ``(n,)``, of which the last is the paper's.

    ``alpha`` ``(n,)``: what is seen of a colour above the paper. ``within`` ``(SQUARES,)``: what is painted of each.
    """

    lab: Floats
    areas: Floats
    alpha: Floats
    within: Floats

    @classmethod
    def of(cls, drawing: Drawing) -> Colours:
        """Those of a drawing."""
        lab = to_lab(np.vstack([drawing.colours[:, :3], drawing.paper]))
        left = max(0.0, 1.0 - float(drawing.areas.sum()))
        return cls(lab, np.append(drawing.areas, left), np.append(drawing.colours[:, 3], 1.0), drawing.within)

    def at(self, size: float) -> Colours:
        """The same of a drawing that is so many times as large."""
        if size == 1:
            return self
        areas = self.areas[:-1] * min(size**2, 1 / max(1e-6, float(self.areas[:-1].sum())))
        within = np.minimum(SQUARES**2, size**2 * np.interp(SQUARES / size, SQUARES, self.within))
        return replace(self, areas=np.append(areas, 1 - areas.sum()), within=within)

    def on(self, drawing: Drawing) -> Drawing:
        """The drawing in these colours."""
        rgb = from_lab(self.lab)
        red, green, blue = rgb[-1].tolist()
        return replace(drawing, colours=np.column_stack([rgb[:-1], self.alpha[:-1]]), paper=(red, green, blue))

    def seen(self) -> Floats:
        """As they are seen, sRGB ``(n, 3)``."""
        rgb = from_lab(self.lab)
        found: Floats = rgb[-1] + (rgb - rgb[-1]) * self.alpha[:, None]
        return found

    def measured(self) -> Floats:
        """Palette ``(3,)`` and light ``(2,)``, one after the other."""
        return measured(self.seen(), self.areas)


@dataclass(frozen=True)
class Known:
    """What is known of one style: ``latents`` ``(n, dims)`` of drawings, and what is ``measured`` of each ``(n, m)``.

    ``slopes`` ``(dims, m)``: the regression of the one on the other.
    """

    latents: Floats
    measured: Floats
    slopes: Floats

    @classmethod
    def fit(cls, latents: Floats, measured: Floats) -> Known:
        """By ridge regression."""
        x, y = latents - latents.mean(0), measured - measured.mean(0)
        slopes = np.linalg.solve(x.T @ x / len(x) + RIDGE * np.eye(x.shape[1]), x.T @ y / len(x))
        return cls(latents, measured, slopes)

    def beyond(self, row: int, latents: Floats) -> Floats:
        """What ``latents`` ``(dims,)`` ask for ``(m,)``, by how far they are from those of a row."""
        found: Floats = self.measured[row] + (latents - self.latents[row]) @ self.slopes
        return found

    def foretold(self, latents: Floats) -> Floats:
        """What ``latents`` ``(n, dims)`` ask for by the regression alone ``(n, m)``."""
        found: Floats = self.measured.mean(0) + (latents - self.latents.mean(0)) @ self.slopes
        return found

    def asked(self, latents: Floats) -> tuple[int, Floats]:
        """What ``latents`` ``(dims,)`` ask for ``(m,)``, and the row that is nearest to them and measures like that."""
        away = ((self.latents - latents) ** 2).sum(1)
        found = self.beyond(int(away.argmin()), latents)
        unlike = ((self.measured - found) / (self.measured.std(0) + 1e-9)) ** 2
        return int((away / len(latents) + unlike.mean(1)).argmin()), found


def repainted(own: Colours, donor: Colours) -> Colours:
    """``own`` with the hues of ``donor``, each where about as much is as light as there."""
    lab = own.lab.copy()
    theirs = _shades(donor)
    left = np.array([donor.areas[rows].sum() for rows in theirs])
    means = np.array([np.average(donor.lab[rows], axis=0, weights=donor.areas[rows] + 1e-6) for rows in theirs])
    for rows in sorted(_shades(own), key=lambda rows: -float(own.areas[rows].sum())):
        area, mean = float(own.areas[rows].sum()), np.average(own.lab[rows], axis=0, weights=own.areas[rows] + 1e-6)
        cost = np.abs(means[:, 0] - mean[0]) + 3 * np.maximum(0, area - left) + 0.3 * np.maximum(0, -left)
        chosen = int(cost.argmin())
        left[chosen] -= area
        if rows[0] != len(lab) - 1:  # the paper is coloured where nothing else does
            lab[rows, 1:] = _in_hue(lab[rows], mean, means[chosen])
    return replace(own, lab=lab)


def coloured(painted: Colours, own: Colours) -> Colours:
    """What is ``painted`` as pure as its ``own`` colours, at least nearly; where it lost its hue, in its own."""
    chroma, least = (np.hypot(each.lab[:, 1], each.lab[:, 2]) for each in (painted, own))
    least = COLOUR_KEPT * least
    lab = painted.lab.copy()
    pale, grey = chroma < least, chroma < GREY
    lab[pale, 1:] *= (least / np.maximum(chroma, 1e-9))[pale, None]
    lab[pale & grey, 1:] = COLOUR_KEPT * own.lab[pale & grey, 1:]
    return replace(painted, lab=lab)


def _shades(colours: Colours) -> list[list[int]]:
    """Rows that are shades of one colour: of a hue, or of none and dark, middling or light; the paper by itself."""
    found: list[tuple[float | str, list[int]]] = []
    chroma, hue = np.hypot(colours.lab[:, 1], colours.lab[:, 2]), np.arctan2(colours.lab[:, 2], colours.lab[:, 1])
    for row in sorted(range(len(colours.lab) - 1), key=lambda row: -float(colours.areas[row])):
        own: float | str = float(hue[row])
        if chroma[row] < GREY:
            own = "dark" if colours.lab[row, 0] < 0.35 else "light" if colours.lab[row, 0] > 0.9 else "grey"
        for name, rows in found:
            if name == own or (not isinstance(name, str) and not isinstance(own, str) and _apart(name, own) < HUE):
                rows.append(row)
                break
        else:
            found.append((own, [row]))
    return [*(rows for _, rows in found), [len(colours.lab) - 1]]


def _apart(one: float, other: float) -> float:
    return abs(float(np.angle(np.exp(1j * (one - other)))))


def _in_hue(lab: Floats, mean: Floats, target: Floats) -> Floats:
    """Colours ``(n, 2)`` of shades around ``mean`` turned to ``target``: what differs among them still does."""
    was, will = np.hypot(*mean[1:]), np.hypot(*target[1:])
    if was < GREY:  # a grey takes as much colour as its lightness bears
        bears = np.clip(4 * lab[:, :1] * (1.02 - lab[:, :1]), 0, 1)
        return np.asarray(target[1:] * bears if will >= GREY else lab[:, 1:])
    turn = np.arctan2(target[2], target[1]) - np.arctan2(mean[2], mean[1]) if will >= GREY else 0.0
    turned = (lab[:, 1] + 1j * lab[:, 2]) * np.exp(1j * turn) * (will / was)
    return np.column_stack([turned.real, turned.imag])


def as_measured(own: Colours, wanted: Floats, tolerance: Floats, off: Floats | float = 0.0) -> tuple[Colours, float]:
    """The colours moved as little as may be until ``wanted`` ``(5,)`` is measured, within the ``tolerance`` ``(5,)``.

    Chroma is scaled and what has a hue is moved; lightness follows a curve, and black is lifted and white lowered.
    Only where that doesn't do, the drawing stands on a coloured square (``KNOBS``), whose side is what is returned
    beside the colours. ``off``: by how much pixels differ from what areas say.
    """
    at = _Turned(own)
    knobs, short = _solved(at, wanted - off, tolerance, np.zeros(len(KNOBS)), CURVES)
    if short > NEAR:
        tried = [_solved(at, wanted - off, tolerance, np.zeros(len(KNOBS)), TONES)]
        for dark, side in GROUNDS if tried[0][1] > STANDING else []:
            start = np.zeros(len(KNOBS))
            start[[NAMES.index("dark"), NAMES.index("side")]] = dark, side
            found, cost = _solved(at, wanted - off, tolerance, start, [True] * len(KNOBS))
            tried.append((found, cost + STANDING))
        knobs, _ = min(tried, key=lambda each: each[1])
    return replace(own, lab=at.lab(knobs[None])[0]), float(knobs[-1]) or 1.0


def _solved(
    at: _Turned,
    wanted: Floats,
    tolerance: Floats,
    start: Floats,
    free: Sequence[bool],
    *,
    bounds: Mapping[str, tuple[float, float, float]] = KNOBS,
) -> tuple[Floats, float]:
    """Settings of the knobs, of which some are ``free``, and their cost: Gauss–Newton with a Gaussian prior at 0.

    The side has none.
    """
    knobs, prior = start, np.array([each[0] for each in bounds.values()])
    prior = np.where(free, prior, 1e-4)
    least, most = (np.array([each[k] for each in bounds.values()]) for k in (1, 2))
    if start[-1] == 1:  # what covers everything is the paper, which may stay white
        least[NAMES.index("dark")] = 0.0
    weight = np.where([name == "side" for name in KNOBS], 0.0, prior**-2.0)
    cost = np.inf
    for _ in range(STEPS):
        found = at.measured(np.vstack([knobs, knobs + np.diag(0.1 * np.minimum(prior, 0.3))]))
        slopes = (found[1:] - found[0]).T / (0.1 * np.minimum(prior, 0.3)) / tolerance[:, None]
        short = (wanted - found[0]) / tolerance
        step = np.linalg.solve(slopes.T @ slopes + np.diag(prior**-2.0), slopes.T @ short - knobs * weight)
        tried = np.where(free, np.clip(knobs + np.outer((1.0, 0.5, 0.25, 0.0), step), least, most), start)
        costs = (((wanted - at.measured(tried)) / tolerance) ** 2).sum(1) + (tried**2 * weight).sum(1)
        before, knobs, cost = knobs, tried[int(costs.argmin())], float(costs.min())
        if np.array_equal(before, knobs):  # no step is better, and so none would be after it
            break
    return knobs, cost


class _Turned:
    """Colours under many settings of the knobs at once."""

    def __init__(self, own: Colours) -> None:
        self.own = own
        self.hued = np.minimum(1.0, np.hypot(own.lab[:, 1], own.lab[:, 2]) / (2 * GREY))

    def lab(self, knobs: Floats) -> Floats:
        """``(settings, n, 3)`` of ``knobs`` ``(settings, KNOBS)``."""
        chroma, a, b, gamma, contrast, lift, drop, dark, paper_a, paper_b, _ = knobs.T[:, :, None]
        lab = np.repeat(self.own.lab[None], len(knobs), axis=0)
        light = np.clip(lab[..., 0], 1e-3, 1.0) ** np.exp(gamma)
        light = light + contrast * light * (1 - light) * (2 * light - 1)
        lab[..., 0] = (lift + (1 - lift) * light) * (1 - drop)
        lab[..., 1] = lab[..., 1] * np.exp(chroma) + a * self.hued
        lab[..., 2] = lab[..., 2] * np.exp(chroma) + b * self.hued
        lab[:, -1, 0] = self.own.lab[-1, 0] - dark[:, 0]
        lab[:, -1, 1] = paper_a[:, 0]
        lab[:, -1, 2] = paper_b[:, 0]
        return lab

    def measured(self, knobs: Floats) -> Floats:
        """Palette and light ``(settings, 5)``."""
        rgb, side = from_lab(self.lab(knobs)), knobs[:, -1]
        ink = float(self.own.areas[:-1].sum())
        inside = np.interp(side, SQUARES, self.own.within)
        below = 1 + (rgb[:, -1:] - 1) * (inside / max(ink, 1e-6)).clip(0, 1)[:, None, None]
        seen = np.concatenate([below + (rgb[:, :-1] - below) * self.own.alpha[:-1, None], rgb[:, -1:]], axis=1)
        ground = np.clip(side**2 - inside, 0.0, max(0.0, 1 - ink))[:, None]
        areas = np.hstack([np.repeat(self.own.areas[None, :-1], len(knobs), axis=0), ground, 1 - ink - ground])
        return measured(np.concatenate([seen, np.ones((len(knobs), 1, 3))], axis=1), areas)


def measured(rgb: Floats, areas: Floats) -> Floats:
    """How warm, green and colourful pictures are, and mean and deviation of luma ``(…, 5)``, as swaps are measured.

    ``rgb`` ``(…, n, 3)`` are the colours that are seen, each on so much of the ``areas`` ``(…, n)``.
    """
    grey = rgb @ LUMA
    red, green, blue = np.moveaxis(rgb, -1, 0)
    chroma = np.hypot(red - grey, blue - grey)
    warm, leafy, colourful, mean = (
        (each * areas).sum(-1) for each in (red - blue, green - (red + blue) / 2, chroma, grey)
    )
    spread = np.sqrt(((grey - mean[..., None]) ** 2 * areas).sum(-1))
    coloured = colourful + PIXEL
    return np.stack([warm / coloured, leafy / coloured, colourful, mean, spread], axis=-1)


def tinted(measured: Floats) -> Floats:
    """Warmth and green of the mean colour, then light ``(…, 4)``, of what is ``measured`` of palette and light."""
    coloured = measured[..., 2:3] + PIXEL
    return np.concatenate([measured[..., :2] * coloured, measured[..., 3:]], axis=-1)


class _Tinted(_Turned):
    """The same, measured by the mean colour."""

    def measured(self, knobs: Floats) -> Floats:
        """Mean colour and light ``(settings, 4)``."""
        return tinted(super().measured(knobs))


@dataclass(frozen=True)
class Styles:
    """What is known of each style, and the ``colours`` of the drawings of which it is known.

    ``tint``: the mean colour, of the palette.
    """

    palette: Known
    tint: Known
    light: Known
    line: Known
    colours: tuple[Colours, ...]
    edges: Floats
    off: Floats

    @classmethod
    def of(cls, drawings: Sequence[Drawing], latents: Floats, edges: Floats, looks: Floats) -> Styles:
        """Of ``drawings``, their ``latents`` ``(n, DIMS)``, and what ``edges_of`` and ``looks_of`` say of each."""
        colours = tuple(Colours.of(each) for each in drawings)
        palette, light = (Known.fit(latents[:, GROUPS[name]], looks[:, of]) for name, of in MEASURED.items())
        tint = Known.fit(latents[:, GROUPS["palette"]], tinted(looks)[:, :2])
        line = Known.fit(latents[:, GROUPS["line"]], edges[:, *PLAIN])
        return cls(palette, tint, light, line, colours, edges, looks - np.array([each.measured() for each in colours]))

    def on(self, row: int, drawing: Drawing, latents: Floats, size: float = 1.0) -> Drawing:
        """The ``drawing`` of a ``row`` as ``latents`` ``(DIMS,)`` ask for, and so many times as large."""
        donor, palette = self.palette.asked(latents[GROUPS["palette"]])
        lit_by, light = self.light.asked(latents[GROUPS["light"]])
        own = self.colours[row].at(size)
        colours = own if donor == row else repainted(own, self.colours[donor])
        # not every palette can be had in every light: what is the drawing's own gives way
        tolerance = TOLERANCE * np.repeat([1 + OWN_GIVES * (donor == row), 1 + OWN_GIVES * (lit_by == row)], [3, 2])
        found, ground = as_measured(colours, np.concatenate([palette, light]), tolerance, self.off[row])
        line, stroke = self._line(row, self.line.asked(latents[GROUPS["line"]])[1])
        return replace(found.on(drawing), line=line, stroke=stroke, size=size, ground=ground)

    def along(self, row: int, drawing: Drawing, latents: Floats) -> list[Drawing]:
        """The ``drawing`` of a ``row`` as each of ``latents`` ``(n, DIMS)`` asks for, without a jump between two.

        So all have the hues of one known palette, that nearest to the mean, and every colour may move, but none turns
        grey: what the subject can't follow the paper does. What is followed is what can be had all at once: mean
        colour, light and line. How pure colours are gives way.
        """
        tint, light, edges = (
            known.foretold(latents[:, GROUPS[name]])
            for name, known in (("palette", self.tint), ("light", self.light), ("line", self.line))
        )
        donor, _ = self.palette.asked(latents[:, GROUPS["palette"]].mean(0))
        own = self.colours[row]
        colours = coloured(repainted(own, self.colours[donor]), own)
        off = tinted(own.measured() + self.off[row]) - tinted(own.measured())
        bounds = np.percentile(np.hstack([self.tint.measured, self.light.measured]), (1, 99), axis=0)
        turned, whole = _Tinted(colours), np.array([float(name == "side") for name in KNOBS])
        found = []
        for wanted, strong in zip(np.clip(np.hstack([tint, light]), *bounds) - off, edges, strict=True):
            knobs, _ = _solved(turned, wanted, FOLLOWED, whole, [name != "side" for name in KNOBS], bounds=MOVED)
            in_colour = replace(colours, lab=turned.lab(knobs[None])[0]).on(drawing)
            found.append(
                replace(in_colour, line=max(FLATTEST, self._line(row, strong, STROKES[PLAIN[0] : PLAIN[0] + 1])[0]))
            )
        return found

    def _line(self, row: int, wanted: Floats, strokes: Sequence[float] = STROKES) -> tuple[float, float]:
        """The line and the stroke with which a drawing's edges are nearest to those that are ``wanted`` ``(2,)``."""
        spread = self.line.measured.std(0) + 1e-9
        known = self.edges[row, [STROKES.index(each) for each in strokes]] / spread
        start, way = known[:, :-1], np.diff(known, axis=1)
        share = ((wanted / spread - start) * way).sum(-1) / np.maximum((way**2).sum(-1), 1e-9)
        share = share.clip(0, 1)
        lines = np.array(LINES[:-1]) + share * np.diff(LINES)
        cost = ((start + share[..., None] * way - wanted / spread) ** 2).sum(-1)
        cost += CHANGED * (lines**2 + np.array(strokes)[:, None] ** 2)
        stroke, place = np.unravel_index(int(cost.argmin()), cost.shape)
        return float(lines[stroke, place]), strokes[int(stroke)]

    def grade(self, latents: Floats) -> Floats:
        """What a picture that is no drawing is tinted with, and the white around it, ``(2, 4)``.

        A colour of the palette and the light that ``latents`` ask for, as grey as the picture is to stay as it is.
        """
        _, (warm, green, colourful) = self.palette.asked(latents[GROUPS["palette"]])
        _, (light, _) = self.light.asked(latents[GROUPS["light"]])
        strength = np.clip(colourful, 0.0, 0.25)
        usual = float(self.light.measured[:, 0].mean())
        lab = np.array([0.6 + 0.6 * (light - usual), 0.4 * strength * (warm - green), 0.4 * strength * warm])
        return np.vstack([np.append(from_lab(lab), 1.0), np.ones(4)])


@dataclass(frozen=True)
class Drawings:
    """``drawings`` with the ``names``, ``latents`` ``(n, DIMS)``, ``edges`` and ``looks`` ``(n, 5)`` of each."""

    names: tuple[str, ...]
    drawings: tuple[Drawing, ...]
    latents: Floats
    edges: Floats
    looks: Floats
    card: Mapping[str, Any]

    @classmethod
    def of(cls, names: Sequence[str], drawings: Sequence[Drawing], latents: npt.NDArray[np.floating]) -> Drawings:
        """Of drawings and what the encoder says of them."""
        edges, looks = (np.stack([of(each) for each in drawings]) for of in (edges_of, looks_of))
        return cls(tuple(names), tuple(drawings), latents.astype(np.float64), edges, looks, {})

    @cached_property
    def styles(self) -> Styles:
        """What is known of palettes, light and lines."""
        return Styles.of(self.drawings, self.latents, self.edges, self.looks)

    def rich(self) -> Drawings:
        """Those to be watched for long: things, plants and animals, of several shapes and in colour.

        A drawing's category is the folder in its name; those in ``UNWATCHED`` are left out. All where hardly any is so.
        """
        rows = [
            row
            for row, (name, drawing) in enumerate(zip(self.names, self.drawings, strict=True))
            if name.partition("/")[0] not in UNWATCHED
            and self.looks[row, 2] >= COLOURFUL
            and len(drawing.shapes) >= SHAPES
            and pale_share(drawing) <= MOST_PALE
        ]
        if len(rows) < FEWEST:
            return self
        names, drawings = tuple(self.names[row] for row in rows), tuple(self.drawings[row] for row in rows)
        return Drawings(names, drawings, self.latents[rows], self.edges[rows], self.looks[rows], self.card)

    def along(self, subject: int, latents: Floats) -> list[Drawing]:
        """The ``subject`` as each of ``latents`` ``(n, DIMS)`` asks for, without a jump between two."""
        return self.styles.along(subject, self.drawings[subject], latents)

    @cached_property
    def _directions(self) -> Floats:
        shape = self.latents[:, GROUPS["shape"]]
        return np.asarray(shape / np.maximum(np.linalg.norm(shape, axis=1, keepdims=True), 1e-9))

    @property
    def version(self) -> str:
        """Which drawings these are."""
        return str(self.card["version"])

    def subject(self, latents: Floats) -> int:
        """The row of the drawing whose shape points in the direction that is nearest to that of ``latents``."""
        return int((self._directions @ latents[GROUPS["shape"]]).argmax())

    def decode(self, latents: Floats, subject: int | None = None) -> Drawing:
        """The drawing of ``latents`` ``(DIMS,)``; of a given ``subject``, as large as it is, where there is one.

        As long as the shape's latents are beside the subject's own, so large is what is drawn.
        """
        if subject is not None:
            return self.styles.on(subject, self.drawings[subject], latents)
        return self._recent(np.asarray(latents, dtype=np.float64).tobytes())

    @cached_property
    def _recent(self) -> Callable[[bytes], Drawing]:
        """What is measured is often shown next, and to decode it takes a tenth of a second."""
        return lru_cache(maxsize=RECENT)(lambda latents: self._decode(np.frombuffer(latents)))

    def _decode(self, latents: Floats) -> Drawing:
        row, shape = self.subject(latents), GROUPS["shape"]
        lengths = (float(np.linalg.norm(each)) for each in (latents[shape], self.latents[row][shape]))
        size = next(lengths) / max(next(lengths), 1e-9)
        near = abs(size - 1) < 1e-3
        return self.styles.on(row, self.drawings[row], latents, 1.0 if near else float(np.clip(size, *SIZES)))


def save_drawings(folder: Path, found: Drawings, card: Mapping[str, Any]) -> None:
    """Write ``drawings.safetensors`` and, last, ``card.json``."""
    own = {"latents": found.latents, "edges": found.edges, "looks": found.looks}
    arrays = {**packed(found.drawings), **{name: each.astype(np.float16) for name, each in own.items()}}
    weights = save({name: np.ascontiguousarray(each) for name, each in arrays.items()})
    FORMAT.save(folder, weights, {**card, "names": list(found.names)})


def load_drawings(name_or_path: str | Path = SHIPPED) -> Drawings:
    """Shipped ones by name or your own by folder; raises ``FileNotFoundError`` or ``ValueError``."""
    with FORMAT.opened(name_or_path) as found:
        arrays = load_file(found.weights)
        latents, edges, looks = (arrays.pop(name).astype(np.float64) for name in ("latents", "edges", "looks"))
        return Drawings(tuple(found.card["names"]), tuple(unpacked(arrays)), latents, edges, looks, found.card)
