"""What each group of latents may see of a picture: the restriction that keeps the styles apart.

``shape``: the grey picture, its mean taken away and its contrast made equal. ``palette``: how much there is of each
colour without brightness, and which of the colours are the lighter ones, but not where. ``light``: how luma is
distributed, but not where. ``line``: how strong edges and corners are at three scales and in four directions, in the
grey picture of equal contrast, but not where. All are differentiable, so that what a swap gives can be asked for.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

LUMA = (0.299, 0.587, 0.114)
GREY_SIDE = 48
CHROMA_BINS = 9
SECTORS = 8
QUANTILES = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)
LEAST_CONTRAST = 0.03

PALETTE, LIGHT, LINE = CHROMA_BINS**2 + SECTORS, 2 + len(QUANTILES), 3 * 4 * 3


def luma(pictures: Tensor) -> Tensor:
    """``(n, 1, h, w)`` of RGB ``pictures`` ``(n, 3, h, w)`` in 0..1."""
    red, green, blue = pictures.unbind(1)
    return (LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue)[:, None]


def even_contrast(grey: Tensor) -> Tensor:
    """``grey`` with mean 0 and standard deviation 1; a picture of one grey stays near 0."""
    centred = grey - grey.mean((-2, -1), keepdim=True)
    spread = (centred.square().mean((-2, -1), keepdim=True) + 1e-8).sqrt()
    return centred / spread.clamp_min(LEAST_CONTRAST)


def shape_of(pictures: Tensor) -> Tensor:
    """The grey picture of even contrast, ``(n, 1, 48, 48)``."""
    return even_contrast(F.interpolate(luma(pictures), (GREY_SIDE, GREY_SIDE), mode="area"))


def palette_of(pictures: Tensor) -> Tensor:
    """Root shares of chroma bins, then the even-contrast luma of each hue, ``(n, PALETTE)``."""
    small = F.interpolate(pictures, (GREY_SIDE, GREY_SIDE), mode="area")
    grey = luma(small)
    red, _, blue = small.unbind(1)
    cb, cr = (blue - grey[:, 0]).flatten(1), (red - grey[:, 0]).flatten(1)
    # blue - luma lies in -.89..+.89, red - luma in -.70...70; most drawings stay in the middle: finer bins there
    centres = torch.linspace(-1, 1, CHROMA_BINS, device=pictures.device)

    def soft(values: Tensor) -> Tensor:
        bent = values.sign() * (values.abs() + 1e-6).sqrt()
        near = 1 - (bent[..., None] - centres).abs() * (CHROMA_BINS - 1) / 2
        return near.clamp_min(0)

    shares = torch.einsum("npi,npj->nij", soft(cb), soft(cr)).flatten(1) / cb.shape[1]
    even = even_contrast(grey).flatten(1)
    angle, chroma = torch.atan2(cr, cb + 1e-6), (cb.square() + cr.square() + 1e-8).sqrt()
    middles = torch.linspace(-torch.pi, torch.pi, SECTORS + 1, device=pictures.device)[:-1]
    weight = (torch.cos(angle[..., None] - middles).clamp_min(0) ** 4) * chroma[..., None]
    lightness = (weight * even[..., None]).sum(1) / (weight.sum(1) + 0.01 * cb.shape[1])
    return torch.cat([(shares + 1e-5).sqrt(), 0.3 * lightness], 1)


def light_of(pictures: Tensor) -> Tensor:
    """Mean, standard deviation and quantiles of luma, ``(n, LIGHT)``."""
    grey = F.interpolate(luma(pictures), (GREY_SIDE, GREY_SIDE), mode="area").flatten(1)
    ordered = grey.sort(1).values
    at = [int(q * (grey.shape[1] - 1)) for q in QUANTILES]
    spread = ((grey - grey.mean(1, keepdim=True)).square().mean(1) + 1e-8).sqrt()
    return torch.cat([grey.mean(1, keepdim=True), spread[:, None], ordered[:, at]], 1)


def line_of(pictures: Tensor) -> Tensor:
    """Of differences in four directions, at three scales: mean size and shares above two thresholds, ``(n, LINE)``."""
    grey = even_contrast(luma(pictures))
    told = []
    for scale in range(3):
        at = F.avg_pool2d(grey, 2**scale) if scale else grey
        steps = (
            at[..., :, 1:] - at[..., :, :-1],
            at[..., 1:, :] - at[..., :-1, :],
            at[..., 1:, 1:] - at[..., :-1, :-1],
            at[..., 1:, :-1] - at[..., :-1, 1:],
        )
        for step in steps:
            size = (step.square() + 1e-6).sqrt().flatten(1)
            told += [size.mean(1)]
            told += [torch.sigmoid((size - least) / 0.1).mean(1) for least in (0.35, 1.2)]
    return torch.stack(told, 1)


def features_of(pictures: Tensor) -> dict[str, Tensor]:
    """What each group may see of ``pictures`` ``(n, 3, 96, 96)`` in 0..1: group → ``(n, …)``."""
    return {
        "shape": shape_of(pictures),
        "palette": palette_of(pictures),
        "light": light_of(pictures),
        "line": line_of(pictures),
    }
