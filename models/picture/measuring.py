"""What is measured of a picture that a taste may be about: seven numbers, each with the latent group that makes it.

``size``, ``warmth``, ``brightness`` and ``busyness`` are those of ``models.picture.readouts``. ``symmetry``:
correlation of luma with its mirror image. ``colourfulness``: Hasler and Süsstrunk (2003), of 0..1 colours.
``contrast``: standard deviation of luma.
"""

from __future__ import annotations

import numpy as np

from models.picture.film import Pictures
from models.picture.readouts import LUMA, Floats, background, of_pictures
from models.taste.readouts import PICTURE_ATTRIBUTES

NAMES = tuple(PICTURE_ATTRIBUTES)
FLAT = 1e-4  # variance of luma below which a picture is its own mirror image


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
