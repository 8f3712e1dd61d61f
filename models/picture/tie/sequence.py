"""Latents as a sequence: one a bar, and between two of them on the sphere (Shoemake 1985), where N(0, I) lies."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def slerp(one: Floats, other: Floats, share: float) -> Floats:
    """``share`` of the way from ``one`` to ``other`` ``(…, dims)``: the direction turns evenly, so does the length."""
    sizes = [np.maximum(np.linalg.norm(each, axis=-1, keepdims=True), 1e-9) for each in (one, other)]
    ends = [each / size for each, size in zip((one, other), sizes, strict=True)]
    angle = np.arccos(np.clip((ends[0] * ends[1]).sum(-1, keepdims=True), -1, 1))
    sine = np.maximum(np.sin(angle), 1e-9)
    turned = np.where(
        angle < 1e-4,
        (1 - share) * ends[0] + share * ends[1],
        (np.sin((1 - share) * angle) * ends[0] + np.sin(share * angle) * ends[1]) / sine,
    )
    found: Floats = turned * ((1 - share) * sizes[0] + share * sizes[1])
    return found


def along(latents: Floats, places: npt.ArrayLike) -> Floats:
    """Latents ``(bars, dims)`` at ``places`` ``(n,)`` in bars, the middle of the first one being 0: ``(n, dims)``."""
    at = np.clip(np.asarray(places, dtype=np.float64), 0, len(latents) - 1)
    begins = np.minimum(at.astype(int), max(0, len(latents) - 2))
    ends = np.minimum(begins + 1, len(latents) - 1)
    found = [slerp(latents[i], latents[j], float(t - i)) for i, j, t in zip(begins, ends, at, strict=True)]
    return np.array(found).reshape(-1, latents.shape[1])


def by_bar(latents: Floats, times_s: Floats, bars_s: Floats) -> Floats:
    """One latent a bar of those of frames ``(frames, dims)``: their mean direction, as long as they are in the mean."""
    found = []
    for begin, end in pairwise(bars_s.tolist()):
        inside = np.flatnonzero((times_s >= begin) & (times_s < end))
        rows = latents[inside if len(inside) else [int(np.abs(times_s - (begin + end) / 2).argmin())]]
        mean = rows.mean(0)
        found.append(mean * np.linalg.norm(rows, axis=1).mean() / max(float(np.linalg.norm(mean)), 1e-9))
    return np.array(found)
