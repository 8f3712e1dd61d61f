"""New pictures from latents, and latents moved until what is measured of a picture has changed as asked.

The shape of a new picture is a drawing's, and its styles are N(0, I). Every picture is measured as it is drawn, and its
latents carry what was measured, so whoever scores it needs no network. They also say of which drawings it is one:
pictures without that were decoded by the autoencoder, as all were until 2026-11-29, and are so again where they are
asked for.

Seven numbers are measured that a taste may be about, each with the latent group that makes it. ``size``, ``warmth``,
``brightness`` and ``busyness`` are those of ``models.picture.readouts``. ``symmetry``: correlation of luma with its
mirror image. ``colourfulness``: Hasler and Süsstrunk (2003), of 0..1 colours. ``contrast``: standard deviation of luma.

A picture is turned larger, warmer or brighter by the groups that an attribute speaks of alone, so in warmer colours the
shape stays, number for number. Size is the length of the shape's latents, and light beside it: light's quantiles of
luma say how much of the paper is white. The way is the regression of the measures on the latents of pictures that were
drawn (``Slopes``), the shortest that holds whatever else is measured; after each step it is corrected by what came of
it (Broyden 1965).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.picture.attributes import DIMS, GROUPS
from models.picture.autoencoder import PictureBundle, Pixels
from models.picture.drawings import Drawings
from models.picture.film import SIDE, Pictures
from models.picture.readouts import LUMA, Floats, background, of_pictures
from models.picture.vector import Drawing
from models.style.latents import DRAWN_FROM, INK, MEASURED, Latents
from models.taste.readouts import PICTURE_ATTRIBUTES

NAMES = tuple(PICTURE_ATTRIBUTES)
FLAT = 1e-4  # variance of luma below which a picture is its own mirror image
SIZES = (0.75, 1.0)  # of what is drawn, beside the whole picture
FAITHFUL = 0.85  # cosine of a drawn shape with that of the drawing it comes from
Vectors = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
FILE = "slopes.json"
ROUNDS = 5
LENGTHS = (1.0, 0.5)  # of each round's way, of which the better is gone
NEAR = 0.15  # standard deviations from what was asked for that are near enough
BESIDE = {"size": ("light",)}  # groups that are moved beside the one that an attribute speaks of
GREY = 0.3  # colourfulness in standard deviations, up to which a picture has hardly any warmth to be turned
HELD = 0.3  # weight of an attribute that is to stay, beside one that is to change
DAMPING = 0.01
FARTHEST = 3.5  # of any latent from 0: beyond it the decoder knows no pictures
RIDGE = 1e-2


def measured(pictures: Pictures) -> Floats:
    """``NAMES`` of ``pictures`` ``(pictures, side, side, 3)``: ``(pictures, 7)``."""
    brightness, warmth, busyness, size = of_pictures(pictures).T
    more = np.array([_more(picture / 255.0) for picture in pictures]).reshape(-1, 3)
    found = {
        "size": size, "warmth": warmth, "brightness": brightness, "busyness": busyness,
        "symmetry": more[:, 0], "colourfulness": more[:, 1], "contrast": more[:, 2],
    }  # fmt: skip
    return np.stack([found[name] for name in NAMES], axis=1)


def ink(pictures: Pictures) -> Floats:
    """How far the colours of each of ``pictures`` are from its background's, mean over its pixels: ``(pictures,)``."""
    return np.array([np.abs(picture / 255.0 - background(picture)).max(-1).mean() for picture in pictures])


def _more(colour: Floats) -> tuple[float, float, float]:
    """Symmetry, colourfulness, contrast of one picture in 0..1."""
    luma = colour @ LUMA
    off = luma - luma.mean()
    variance = float((off**2).mean())
    symmetry = 1.0 if variance < FLAT else float((off * off[:, ::-1]).mean()) / variance
    red, green, blue = colour[..., 0], colour[..., 1], colour[..., 2]
    one, other = red - green, (red + green) / 2 - blue
    spread, middle = np.hypot(one.std(), other.std()), np.hypot(one.mean(), other.mean())
    return symmetry, float(spread + 0.3 * middle), float(np.sqrt(variance))


@dataclass(frozen=True)
class PictureDrawing:
    """Draws among the ``drawings`` that there are; the picture model ``pictures`` encodes."""

    pictures: PictureBundle
    drawings: Drawings

    def encode(self, pictures: Pixels) -> list[Latents]:
        """Pictures uint8 ``(n, 96, 96, 3)`` as latents, measured as they are drawn."""
        return self.measure([latents_of(row, self.pictures.version) for row in self.pictures.encode(pictures)])

    def draw(self, count: int, seed: int, *, near: Latents | None = None, keep: float = 0.0) -> list[Latents]:
        """``count`` new latents, measured; the same seed gives the same ones.

        ``near``: as much as ``keep`` (0 to 1) of that picture stays: the cosine of a draw with it.
        """
        random = np.random.default_rng(seed)
        drawn = random.standard_normal((count, DIMS))
        if near is None:
            rows = random.integers(len(self.drawings.names), size=count)
            shapes = self.drawings.latents[rows][:, GROUPS["shape"]]
            shape = FAITHFUL * shapes + np.sqrt(1 - FAITHFUL**2) * drawn[:, GROUPS["shape"]]
            sizes = np.linalg.norm(shapes, axis=1) / np.linalg.norm(shape, axis=1) * random.uniform(*SIZES, count)
            drawn[:, GROUPS["shape"]] = shape * sizes[:, None]
        else:
            drawn = keep * vector(near) + np.sqrt(1 - keep**2) * drawn
        return self.measure([latents_of(each, self.pictures.version) for each in drawn])

    def measure(self, latents: Sequence[Latents]) -> list[Latents]:
        """The same as pictures of these drawings, with what is measured of each."""
        shown = [each.pixels() for each in self.decode(latents)]
        pixels = np.array(shown, dtype=np.uint8).reshape(-1, SIDE, SIDE, 3)
        found = np.column_stack([measured(pixels), ink(pixels)])
        names = (*NAMES, INK)
        about = {DRAWN_FROM: self.drawings.version}
        return [
            replace(
                each, piece={**each.piece, **about, MEASURED: dict(zip(names, np.round(row, 5).tolist(), strict=True))}
            )
            for each, row in zip(latents, found, strict=True)
        ]

    def decode(self, latents: Sequence[Latents]) -> list[Drawing]:
        """The drawing of each; raises ``ValueError`` for latents of another model."""
        self._require(latents)
        return [self.drawings.decode(vector(each)) for each in latents]

    def decode_older(self, latents: Sequence[Latents]) -> Pixels:
        """Pictures that aren't drawings, uint8 ``(n, 96, 96, 3)``, as the autoencoder decodes them."""
        self._require(latents)
        return self.pictures.decode(np.array([vector(each) for each in latents]).reshape(-1, DIMS))

    def _require(self, latents: Sequence[Latents]) -> None:
        if wrong := {each.version for each in latents} - {self.pictures.version}:
            raise ValueError(f"latents of {', '.join(sorted(wrong))} were given to {self.pictures.version}")


def is_older(latents: Latents) -> bool:
    """Whether a measured picture was decoded by the autoencoder, and is no drawing."""
    return MEASURED in latents.piece and DRAWN_FROM not in latents.piece


def latents_of(row: npt.ArrayLike, version: str) -> Latents:
    """A vector ``(dims,)`` as latents of one bar."""
    values = np.asarray(row, dtype=np.float32)
    return Latents(version, {name: values[None, where] for name, where in GROUPS.items()})


def vector(latents: Latents) -> Vectors:
    """Latents of a picture as one vector ``(dims,)``; raises ``ValueError`` for those of music or of another size."""
    sizes = {name: where.stop - where.start for name, where in GROUPS.items()}
    given = {name: value.shape for name, value in latents.groups.items()}
    if given != {name: (1, size) for name, size in sizes.items()}:
        raise ValueError(f"latents of a picture have the groups {sizes} of one bar; {given} were given")
    return np.concatenate([latents.groups[name][0] for name in GROUPS]).astype(np.float64)


@dataclass(frozen=True)
class Slopes:
    """By how many standard deviations ``sd`` ``(7,)`` each of ``NAMES`` rises with each latent: ``by`` ``(7, dims)``.

    ``version`` is the picture model's.
    """

    version: str
    by: Vectors
    sd: Vectors

    @classmethod
    def fit(cls, latents: Sequence[Latents]) -> Slopes:
        """Ridge regression over measured pictures."""
        x = np.stack([vector(each) for each in latents])
        y = np.array([_measures(each) for each in latents])
        x, y, sd = x - x.mean(axis=0), y - y.mean(axis=0), y.std(axis=0)
        found = np.linalg.solve(x.T @ x / len(x) + RIDGE * np.eye(DIMS), x.T @ (y / sd) / len(x))
        return cls(latents[0].version, found.T, sd)

    def save(self, folder: Path) -> None:
        """Write ``slopes.json`` into the model's folder."""
        told = {"version": self.version, "names": list(NAMES)}
        told |= {"by": np.round(self.by, 4).tolist(), "sd": np.round(self.sd, 6).tolist()}
        (folder / FILE).write_text(json.dumps(told) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, version: str) -> Slopes:
        """What ``save`` wrote; raises ``ValueError`` on anything else, or on another model's."""
        told = json.loads((folder / FILE).read_text(encoding="utf-8"))
        by, sd = (np.array(told[name], dtype=np.float64) for name in ("by", "sd"))
        fits = told["names"] == list(NAMES) and by.shape == (len(NAMES), DIMS) and sd.shape == (len(NAMES),)
        if told["version"] != version or not fits or not (np.isfinite(by).all() and (sd > 0).all()):
            raise ValueError(f"{FILE} doesn't belong to picture model {version}; train.picture_taste makes it")
        return cls(version, by, sd)

    def turned(self, drawing: PictureDrawing, latents: Latents, asked: Mapping[str, float]) -> Latents:
        """``latents`` with each attribute of ``asked`` so many standard deviations on, as far as it goes; measured.

        The rest is held, unless nothing could be turned then. Raises ``KeyError`` for what isn't measured.
        """
        moves = np.zeros(DIMS, dtype=bool)
        for name in asked:
            for group in (PICTURE_ATTRIBUTES[name], *BESIDE.get(name, ())):
                moves[GROUPS[group]] = True
        here, now = vector(latents), drawing.measure([latents])[0]
        asked = self._coloured(now, asked)
        goal = np.array(_measures(now)) + np.array([asked.get(name, 0.0) for name in NAMES]) * self.sd
        for held in (HELD, 0.0):  # where holding the rest allows no step, only what was asked counts
            weights = np.array([1.0 if name in asked else held for name in NAMES])
            found = self._towards(drawing, (here, now), goal, weights, moves)
            if found is not now:
                break
        return found

    def _coloured(self, now: Latents, asked: Mapping[str, float]) -> Mapping[str, float]:
        """What is ``asked``, and of a grey picture that is to be warmer or colder, as much colour as that takes."""
        are = dict(zip(NAMES, np.array(_measures(now)) / self.sd, strict=True))
        if "warmth" not in asked or "colourfulness" in asked or are["colourfulness"] > GREY:
            return asked
        return {**asked, "colourfulness": abs(are["warmth"] + asked["warmth"])}

    def _towards(
        self, drawing: PictureDrawing, start: tuple[Vectors, Latents], goal: Vectors, weights: Vectors, moves: Bools
    ) -> Latents:
        """The picture nearest to what is to be measured, ``goal`` and its ``weights`` ``(7,)``; the first one if none.

        ``moves`` ``(dims,)``: the latents that may.
        """
        here, now = start

        def short(picture: Latents) -> Vectors:
            """What it lacks, weighted, in standard deviations ``(7,)``."""
            return np.asarray((goal - _measures(picture)) / self.sd * weights, dtype=np.float64)

        slopes = self._at(here, now)[:, moves] * weights[:, None]
        for _ in range(ROUNDS):
            missing = short(now)
            if np.abs(missing[weights == 1.0]).max(initial=0.0) < NEAR:
                break
            way = slopes.T @ np.linalg.solve(slopes @ slopes.T + DAMPING * np.eye(len(NAMES)), missing)
            rows = np.repeat(here[None], len(LENGTHS), axis=0)
            rows[:, moves] = np.clip(rows[:, moves] + np.outer(LENGTHS, way), -FARTHEST, FARTHEST)
            tried = drawing.measure([latents_of(row, drawing.pictures.version) for row in rows])
            gone = rows[0, moves] - here[moves]
            came = missing - short(tried[0])
            slopes = slopes + np.outer(came - slopes @ gone, gone) / max(float(gone @ gone), 1e-9)
            best = min(range(len(tried)), key=lambda place: float(short(tried[place]) @ short(tried[place])))
            if float(short(tried[best]) @ short(tried[best])) < float(missing @ missing):
                here, now = rows[best], tried[best]
        return now

    def _at(self, here: Vectors, now: Latents) -> Vectors:
        """``by`` for a picture: it is larger by as much as its shape's latents are longer, in their own direction."""
        by, shape = self.by.copy(), here[GROUPS["shape"]]
        place = NAMES.index("size")
        by[place, GROUPS["shape"]] = (
            2 * _measures(now)[place] / self.sd[place] * shape / max(float(shape @ shape), 1e-9)
        )
        return by


def _measures(latents: Latents) -> npt.NDArray[np.float64]:
    return np.array([latents.piece[MEASURED][name] for name in NAMES], dtype=np.float64)
