"""A picture's latents moved until what is measured of it has changed as asked: larger, warmer, brighter.

Only the groups that an attribute speaks of are moved, so in warmer colours the shape stays, number for number. Size is
the length of the shape's latents, and light beside it: light's quantiles of luma say how much of the paper is white.
The way is the regression of the measures on the latents of pictures that were drawn (``Slopes``), the shortest that
holds whatever else is measured; after each step it is corrected by what came of it (Broyden 1965).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.picture.drawing import PictureDrawing, Vectors, latents_of, vector
from models.picture.groups import DIMS, GROUPS
from models.picture.measuring import NAMES
from models.style.latents import MEASURED, Latents
from models.taste.readouts import PICTURE_ATTRIBUTES

Bools = npt.NDArray[np.bool_]

FILE = "slopes.json"
ROUNDS = 5
LENGTHS = (1.0, 0.5)  # of each round's way, of which the better is gone
NEAR = 0.15  # standard deviations from what was asked for that are near enough
BESIDE = {"size": ("light",)}  # groups that are moved beside the one that an attribute speaks of
HELD = 0.3  # weight of an attribute that is to stay, beside one that is to change
DAMPING = 0.01
FARTHEST = 3.5  # of any latent from 0: beyond it the decoder knows no pictures
RIDGE = 1e-2


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
        goal = np.array(_measures(now)) + np.array([asked.get(name, 0.0) for name in NAMES]) * self.sd
        for held in (HELD, 0.0):  # where holding the rest allows no step, only what was asked counts
            weights = np.array([1.0 if name in asked else held for name in NAMES])
            found = self._towards(drawing, (here, now), goal, weights, moves)
            if found is not now:
                break
        return found

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
