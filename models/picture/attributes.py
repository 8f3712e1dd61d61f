"""The groups of a picture's latents, and what is measured of each style apart from what the encoders see, from pixels.

What is shown is one group; the three others are the styles in which it is. Palette: how warm, how green and how
colourful it is. Light: mean and standard deviation of luma. Line: how strong edges are in the grey picture of even
contrast, fine ones (neighbouring pixels) and coarse ones (four pixels apart).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter

from models.picture.reading import Pixels

SIZES = {"shape": 72, "palette": 12, "light": 4, "line": 8}
DIMS = sum(SIZES.values())
STYLES = ("palette", "light", "line")
# Group → its slice of a latent vector ``(dims,)``, in order
GROUPS: Mapping[str, slice] = {
    name: slice(end - size, end) for (name, size), end in zip(SIZES.items(), accumulate(SIZES.values()), strict=True)
}
Floats = npt.NDArray[np.float64]
LUMA = np.array([0.299, 0.587, 0.114])
LEAST_CONTRAST = 0.03
LAYOUT = 12  # squares along each side that tell the shape


def attributes_of(pixels: Pixels) -> Mapping[str, Floats]:
    """Group → ``(n, attributes)``."""
    colours = pixels.astype(np.float64) / 255
    red, green, blue = np.moveaxis(colours, -1, 0)
    grey = colours @ LUMA
    even = _even(grey)
    chroma = np.hypot(red - grey, blue - grey)
    coloured = chroma.sum((1, 2)) + 1.0  # so that a grey picture is neither warm nor green
    palette = [
        (red - blue).sum((1, 2)) / coloured,
        (green - (red + blue) / 2).sum((1, 2)) / coloured,
        chroma.mean((1, 2)),
    ]
    coarse = uniform_filter(even, (0, 4, 4))
    line = [np.abs(np.diff(at, axis=1)).mean((1, 2)) + np.abs(np.diff(at, axis=2)).mean((1, 2)) for at in (even,)]
    line += [
        np.abs(coarse[:, 4:] - coarse[:, :-4]).mean((1, 2)) + np.abs(coarse[..., 4:] - coarse[..., :-4]).mean((1, 2))
    ]
    return {
        "palette": np.stack(palette, 1),
        "light": np.stack([grey.mean((1, 2)), grey.std((1, 2))], 1),
        "line": np.stack(line, 1),
    }


def layout_of(pixels: Pixels) -> Floats:
    """The grey picture of even contrast in 12 x 12 squares, ``(n, 144)``: what a shape keeps whatever its style."""
    even = _even(pixels.astype(np.float64) @ LUMA / 255)
    step = even.shape[1] // LAYOUT
    squares: Floats = even.reshape(len(even), LAYOUT, step, LAYOUT, step).mean((2, 4))
    return squares.reshape(len(even), -1)


def _even(grey: Floats) -> Floats:
    spread = np.maximum(grey.std((1, 2), keepdims=True), LEAST_CONTRAST)
    found: Floats = (grey - grey.mean((1, 2), keepdims=True)) / spread
    return found
