"""OKLab (Ottosson 2020): lightness, and two axes of colour in which equal steps look equal."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

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
