"""Music shown: a picture at each quarter of a bar, as latents, so that pictures move while the music goes on.

What is seen are given pictures (subjects), another for each phrase; where bars of the music come again, so does their
picture. Ways that carry latents over, axes and rotation, choose the subject as well: the one whose shape is nearest in
direction. How it looks is the music's, bar by bar, by a way of the tie. From the middle of a bar to the middle of the
next one latents are interpolated on the sphere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.music.notes import MusicError, Piece
from models.music.tokens import to_tokens
from models.picture.attributes import DIMS, GROUPS
from models.picture.drawings import Drawings
from models.picture.moving import SMALLEST, Moment, moment_of
from models.picture.readouts import standardised
from models.picture.tie import rotation, writing
from models.picture.tie.bars import SOUNDING, along, sounding_of
from models.picture.tie.checkpoint import Tie
from models.picture.tie.scoring import ANNOTATED, AXES, LEARNED, ROTATION
from models.style.compose import Composer
from models.style.pieces.conditions import ALIKE, likeness_of

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

A_BAR = 4  # pictures
PHRASE = 4  # bars, for which a picture stays
MOST = 2.5  # standard deviations
OWN_STYLE = 0.4  # of the first picture's palette, light and line: the rest is neutral ground for the music
LOOKED_AT = 6  # main axes of shapes, by which subjects are looked up: of more, none would be near
LEAST_CHOICE = 12  # subjects among which the music's own are looked for; half of them where there are more
SHOWN_WAYS = (ANNOTATED, LEARNED, AXES, ROTATION)


def scenes(piece: Piece) -> npt.NDArray[np.int64]:
    """Which picture each bar has, from 0 on: a new one for each phrase, and again that of an earlier one like it."""
    likeness = likeness_of(to_tokens(piece))
    bars = len(likeness)
    found = np.zeros(bars, dtype=np.int64)
    for first in range(0, bars, PHRASE):
        count = min(PHRASE, bars - first)
        alike = [likeness[first : first + count, at : at + count].diagonal().mean() for at in range(0, first, PHRASE)]
        again = bool(alike) and max(alike) >= ALIKE
        scene = found[PHRASE * int(np.argmax(alike))] if again else found[:first].max(initial=-1) + 1
        found[first : first + count] = scene
    return found


@dataclass(frozen=True)
class Shower:
    """Shows music by a ``tie`` with ``subjects`` ``(n, DIMS)``, latents of pictures.

    ``composer`` may be None where neither axes nor rotation are asked for, ``links`` ``(5, 5)``
    (``models.picture.fit.head``) where "learned" is not.
    """

    tie: Tie
    subjects: Floats
    composer: Composer | None = None
    links: Floats | None = None

    def show(self, piece: Piece, way: str = ANNOTATED, seed: int = 0) -> Shown:
        """Pictures at each quarter of a bar and at the end, whose subjects are drawn by the ``seed`` or asked for.

        Raises ``ValueError`` for an unknown way or one for which something is lacking, and ``MusicError`` for a piece
        without notes.
        """
        if not len(piece.notes):
            raise MusicError("a piece without notes can't be shown")
        asked, taken = self._asked(piece, way)
        which = scenes(piece)
        order = np.random.default_rng([seed, 26]).permutation(len(self.subjects))
        among = order[: max(LEAST_CHOICE, len(order) // 2)]  # so that another seed has other pictures
        rows = among[self._nearest(asked, which, among)] if len(taken) else order[which % len(order)]
        plain = self.subjects[rows]
        for name, where in GROUPS.items():
            if name != "shape":
                plain[:, where] = OWN_STYLE * plain[0, where]  # what changes in how it looks is the music's
        bars = plain - plain @ taken.T @ taken + asked
        latents = along(bars, np.arange(A_BAR * len(bars) + 1) / A_BAR - 0.5)
        subjects = [*dict.fromkeys(rows.tolist())]
        seen = [subjects.index(rows[min(moment // A_BAR, len(rows) - 1)]) for moment in range(len(latents))]
        return Shown(subjects, seen, latents, self._sizes(piece))

    def _nearest(self, asked: Floats, which: Rows, among: Rows) -> Rows:
        """For each bar the one ``among`` the subjects in whose direction what its scene asks for lies, by shape.

        Only the ``LOOKED_AT`` directions count in which the subjects differ most.
        """
        known, wishes = self.subjects[:, GROUPS["shape"]], asked[:, GROUPS["shape"]]
        axes = np.linalg.svd(known - known.mean(0), full_matrices=False)[2][:LOOKED_AT].T
        shapes, wishes = known[among] @ axes, wishes @ axes
        directions = shapes / np.maximum(np.linalg.norm(shapes, axis=1, keepdims=True), 1e-9)
        of_scene = [int((directions @ wishes[which == scene].sum(0)).argmax()) for scene in range(which.max() + 1)]
        return np.array(of_scene)[which]

    def _sizes(self, piece: Piece) -> Floats:
        """How loud each quarter of a bar and the end sound, 0 to 1, ``(A_BAR * bars + 1,)``."""
        bars = 1 / (1 + np.exp(-self._heard(piece)[:, SOUNDING.index("loudness")]))
        return np.interp(np.arange(A_BAR * len(bars) + 1) / A_BAR - 0.5, np.arange(len(bars)), bars)

    def _asked(self, piece: Piece, way: str) -> tuple[Floats, Floats]:
        """What the bars ask for ``(bars, DIMS)``, and the directions ``(n, DIMS)`` in which nothing else counts."""
        links = np.eye(len(SOUNDING)) if way == ANNOTATED else self.links if way == LEARNED else None
        if links is not None:
            sides = self._heard(piece) @ links.T  # of a bilinear fit the picture that fits best
            return sides[:, : len(self.tie.shown)] @ self.tie.shown, np.zeros((0, DIMS))
        if way not in {AXES, ROTATION} or self.composer is None:
            raise ValueError(f"{way!r} was given; music is shown by one of {', '.join(SHOWN_WAYS)}, with what it needs")
        self.tie.require(style=self.composer.version)
        latents = writing.latents_of(self.composer, piece)
        if way == AXES:
            return self.tie.axes.pictures_of(latents), self.tie.axes.pictures
        noise = rotation.noise_behind(self.composer, latents, piece.domain or "pop")
        return noise @ self.tie.turn, self.tie.turn

    def _heard(self, piece: Piece) -> Floats:
        """What each bar sounds like ``(bars, 5)``, beside other music and the piece's own mean, as in a film."""
        return standardised(sounding_of(piece), self.tie.sounding, MOST)


@dataclass(frozen=True)
class Shown:
    """Music as it is shown: the ``subjects`` (rows) that are seen, in the order in which they come.

    ``seen`` ``(moments,)`` numbers them, and ``latents`` ``(moments, DIMS)`` and ``sizes`` say how each looks.
    """

    subjects: list[int]
    seen: list[int]
    latents: Floats
    sizes: Floats

    def drawn(self, drawings: Drawings) -> list[Moment]:
        """Its moments, where the subjects are ``drawings``."""
        sizes, found = self.sizes.tolist(), {}
        for number, subject in enumerate(self.subjects):
            rows = [row for row, each in enumerate(self.seen) if each == number]
            for row, drawing in zip(rows, drawings.along(subject, self.latents[rows]), strict=True):
                found[row] = moment_of(number, drawing, _sized(sizes[row]))
        return [found[row] for row in range(len(sizes))]

    def graded(self, drawings: Drawings) -> list[Moment]:
        """Its moments, where the subjects are pictures of somebody's own: the colour that lies over each."""
        found = []
        for number, latents, size in zip(self.seen, self.latents, self.sizes.tolist(), strict=True):
            found.append(Moment(number, drawings.styles.grade(latents), 0.0, _sized(size)))
        return found


def _sized(loudness: float) -> float:
    return SMALLEST + (1 - SMALLEST) * loudness
