"""An autoencoder of pictures whose latents are N(0, I), in groups that each see only what is theirs; saved and loaded.

What a group may see keeps the styles apart. ``shape``: the grey picture, its mean taken away and its contrast made
equal. ``palette``: how much there is of each colour without brightness, and which of the colours are the lighter ones,
but not where. ``light``: how luma is distributed, but not where. ``line``: how strong edges and corners are at three
scales and in four directions, in the grey picture of equal contrast, but not where. All are differentiable, so that
what a swap gives can be asked for.

Encoders: a linear one that begins as principal components of what a group may see, and for shape a convolutional one
beside it. Decoder: shape becomes maps of growing size, the styles scale and shift their channels (FiLM, Perez et al.
2018), and each pixel mixes a few colours that palette and light give (soft palette). That latents are distributed so is
asked for in training and made exact for mean and covariance of each group after it.

A saved model is float16 safetensors beside a JSON card; loading is strict, nothing is pickled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn import functional as F

from models.picture.attributes import DIMS, GROUPS, SIZES, STYLES
from models.style.bundle import BundleFormat

LUMA = (0.299, 0.587, 0.114)
GREY_SIDE = 48
CHROMA_BINS = 9
SECTORS = 8
QUANTILES = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)
LEAST_CONTRAST = 0.03
PALETTE, LIGHT, LINE = CHROMA_BINS**2 + SECTORS, 2 + len(QUANTILES), 3 * 4 * 3
Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]
INPUTS = {"shape": GREY_SIDE**2, "palette": PALETTE, "light": LIGHT, "line": LINE}
LEVELS, STEEP = (-2.6, 1.3), 5.0  # greys of even contrast at which colours begin, and how sharply one gives way
Kind = TypeVar("Kind", np.uint8, np.float32)
TOGETHER = 64  # pictures that are encoded or decoded at a time
SHIPPED = "picture-cpu"
EXACT = ("mean", "whiten", "colour")  # of the weights: float32
FORMAT = BundleFormat("picture", "picture model", "python -m models.train.picture makes one, in OUT/bundle")


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


@dataclass(frozen=True)
class PictureConfig:
    """``width``: channels of the decoder's largest maps but one; ``colours``: of which each pixel is a mixture."""

    width: int = 32
    colours: int = 8


class Film(nn.Module):
    """Two convolutions whose channels the styles scale and shift, around which the input passes unchanged."""

    def __init__(self, channels: int, styles: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.style = nn.Linear(styles, 2 * channels)
        nn.init.zeros_(self.second.weight)

    def forward(self, maps: Tensor, style: Tensor) -> Tensor:
        """``maps`` ``(n, channels, h, w)``, ``style`` ``(n, styles)``."""
        scale, shift = self.style(style)[..., None, None].chunk(2, 1)
        inside = F.silu(F.group_norm(self.first(maps), 8) * (1 + scale) + shift)
        changed: Tensor = self.second(inside)
        return maps + changed


class PictureModel(nn.Module):
    """Pictures to latents and back; see the module docstring."""

    mean: Tensor
    whiten: Tensor
    colour: Tensor

    def __init__(self, config: PictureConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or PictureConfig()
        width = config.width
        self.linear = nn.ModuleDict({name: nn.Linear(INPUTS[name], size) for name, size in SIZES.items()})
        sizes = (1, width // 2, width, width * 3 // 2, width * 2)
        self.look = nn.ModuleList(nn.Conv2d(a, b, 4, stride=2, padding=1) for a, b in pairwise(sizes))
        self.looked = nn.Linear(width * 2 * 9, SIZES["shape"])
        nn.init.zeros_(self.looked.weight)
        styles = sum(SIZES[name] for name in STYLES)
        self.mood = nn.Sequential(nn.Linear(styles, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU())
        self.sketch = nn.Linear(SIZES["shape"], GREY_SIDE**2)
        self.small = nn.Linear(SIZES["shape"], width * 2 * 36)
        self.at_12 = Film(width * 2, 64)
        self.to_24 = nn.Conv2d(width * 2, width, 3, padding=1)
        self.in_24 = nn.Conv2d(4, width, 1)
        self.at_24 = nn.ModuleList([Film(width, 64), Film(width, 64)])
        self.to_48 = nn.Conv2d(width, width // 2, 3, padding=1)
        self.in_48 = nn.Conv2d(1, width // 2, 3, padding=1)
        self.at_48 = nn.ModuleList([Film(width // 2, 64), Film(width // 2, 64)])
        self.mixture = nn.Conv2d(width // 2, config.colours, 3, padding=1)
        warm = SIZES["palette"] + SIZES["light"]
        colours = nn.Linear(96, config.colours * 3)
        self.palette = nn.Sequential(nn.Linear(warm, 96), nn.SiLU(), colours)
        levels = torch.linspace(*LEVELS, config.colours)
        self.levels = nn.Parameter(levels)  # the sketch's grey at which each colour begins to be the pixel's
        nn.init.normal_(colours.weight, std=0.02)
        nn.init.normal_(self.mixture.weight, std=0.01)
        with torch.no_grad():
            colours.bias.copy_((1.6 * (levels + 0.3)).repeat_interleave(3))
        self.register_buffer("mean", torch.zeros(DIMS))
        self.register_buffer("whiten", torch.eye(DIMS))
        self.register_buffer("colour", torch.eye(DIMS))  # the inverse of whiten

    def encoded(self, features: dict[str, Tensor]) -> Tensor:
        """Latents before they are whitened, ``(n, dims)``, of what ``features_of`` gives."""
        kind = self.looked.weight.dtype
        parts = {name: self.linear[name](features[name].flatten(1).to(kind)) for name in SIZES}
        maps = features["shape"].to(kind)
        for layer in self.look:
            maps = F.silu(layer(maps))
        parts["shape"] = parts["shape"] + self.looked(maps.flatten(1))
        return torch.cat([parts[name] for name in SIZES], 1)

    def decoded(self, latents: Tensor) -> Tensor:
        """Pictures ``(n, 3, 96, 96)`` in 0..1 of latents ``(n, dims)`` before they are whitened."""
        latents = latents.to(self.looked.weight.dtype)
        shape = latents[:, GROUPS["shape"]]
        style = self.mood(torch.cat([latents[:, GROUPS[name]] for name in STYLES], 1))
        sketch = self.sketch(shape).view(-1, 1, GREY_SIDE, GREY_SIDE)
        maps = F.interpolate(self.small(shape).view(len(shape), -1, 6, 6), scale_factor=2.0)
        maps = self.at_12(maps, style)
        maps = self.to_24(_twice(maps)) + self.in_24(F.pixel_unshuffle(sketch, 2))
        for block in self.at_24:
            maps = block(maps, style)
        maps = self.to_48(_twice(maps)) + self.in_48(sketch)
        for block in self.at_48:
            maps = block(maps, style)
        level = self.levels.float()[:, None, None]
        begun = STEEP * (level * sketch.float().clamp(-3, 3) - level.square() / 2)
        # twice as large before the softmax: edges become sharp there, and no pattern comes from the way they grow
        mixture = _twice(self.mixture(maps).float() + begun).softmax(1)
        warm = torch.cat([latents[:, GROUPS["palette"]], latents[:, GROUPS["light"]]], 1)
        # a little beyond 0..1, so that pure white and black are within reach
        colours = 1.04 * torch.sigmoid(self.palette(warm).float()) - 0.02
        return torch.einsum("nkhw,nkc->nchw", mixture, colours.view(len(shape), self.config.colours, 3))

    @torch.inference_mode()
    def encode(self, pictures: Pixels) -> Floats:
        """Latents ``(n, 96)``, float32, of ``pictures`` uint8 ``(n, 96, 96, 3)``."""
        self.eval()
        found = [
            (self.encoded(features_of(tensor_of(part, self.mean.device))).float() - self.mean) @ self.whiten.T
            for part in _parts(pictures)
        ]
        return torch.cat(found).cpu().numpy() if found else np.zeros((0, DIMS), np.float32)

    @torch.inference_mode()
    def decode(self, latents: npt.NDArray[np.floating]) -> Pixels:
        """Pictures uint8 ``(n, 96, 96, 3)`` of ``latents`` ``(n, 96)``."""
        self.eval()
        found = []
        for part in _parts(np.asarray(latents, dtype=np.float32)):
            inner = torch.from_numpy(part.copy()).to(self.mean.device) @ self.colour.T + self.mean
            shown = self.decoded(inner).clamp(0, 1).mul(255).round().to(torch.uint8)
            found.append(shown.permute(0, 2, 3, 1).cpu().numpy())
        return np.concatenate(found) if found else np.zeros((0, 96, 96, 3), np.uint8)

    def settle(self, latents: Tensor) -> None:
        """Make mean 0 and each group's covariance I for pictures with ``latents`` ``(n, dims)`` before whitening."""
        mean = latents.double().mean(0)
        whiten, colour = torch.eye(DIMS).double(), torch.eye(DIMS).double()
        for where in GROUPS.values():
            own = (latents.double() - mean)[:, where]
            values, vectors = torch.linalg.eigh(own.T @ own / len(own) + 1e-6 * torch.eye(own.shape[1]).double())
            root = values.clamp_min(1e-6).sqrt()
            whiten[where, where] = vectors / root @ vectors.T
            colour[where, where] = vectors * root @ vectors.T
        self.mean.copy_(mean)
        self.whiten.copy_(whiten)
        self.colour.copy_(colour)


def _twice(maps: Tensor) -> Tensor:
    return F.interpolate(maps, scale_factor=2.0, mode="bilinear")


def tensor_of(pictures: Pixels, device: torch.device | str = "cpu") -> Tensor:
    """``(n, 3, 96, 96)`` in 0..1 of uint8 ``(n, 96, 96, 3)``."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).to(device).permute(0, 3, 1, 2).float() / 255


def _parts(rows: npt.NDArray[Kind]) -> list[npt.NDArray[Kind]]:
    return [rows[at : at + TOGETHER] for at in range(0, len(rows), TOGETHER)]


@dataclass(frozen=True)
class Preset:
    """Optimiser steps, pictures a step and peak learning rate; which falls over the last ``falling`` of the steps."""

    steps: int
    batch: int
    learning_rate: float
    falling: float = 0.4
    config: PictureConfig = field(default_factory=PictureConfig)


PRESETS: Mapping[str, Preset] = {
    "tiny": Preset(6, 8, 2e-3, config=PictureConfig(width=16, colours=8)),
    "cpu": Preset(3000, 48, 1.5e-3),
    "gpu": Preset(30_000, 256, 1.5e-3, config=PictureConfig(width=96, colours=16)),
}


@dataclass(frozen=True)
class PictureBundle:
    """The ``model``, its ``card``, and which pictures it was ``held_out`` from: part → paths or digests."""

    model: PictureModel
    card: Mapping[str, Any]
    held_out: Mapping[str, list[str]]
    folder: Path

    @property
    def version(self) -> str:
        """Which weights these are."""
        return str(self.card["version"])

    def encode(self, pictures: Pixels) -> npt.NDArray[np.float32]:
        """Latents ``(n, dims)`` of uint8 ``(n, 96, 96, 3)``."""
        return self.model.encode(pictures)

    def decode(self, latents: npt.NDArray[np.floating]) -> Pixels:
        """Pictures uint8 ``(n, 96, 96, 3)`` of ``(n, dims)``."""
        return self.model.decode(latents)


def save_pictures(
    folder: Path, model: PictureModel, card: Mapping[str, Any], held_out: Mapping[str, list[str]]
) -> None:
    """Write ``picture.safetensors``, ``held_out.json`` and, last, ``card.json``."""
    weights = {
        name: (value.float() if name in EXACT else value.half()).cpu().contiguous()
        for name, value in model.state_dict().items()
    }
    FORMAT.save(folder, save(weights), {**card, "config": asdict(model.config)}, held_out)


def load_pictures(name_or_path: str | Path | None = None) -> PictureBundle:
    """The shipped one, another by name, or your own by folder; raises ``FileNotFoundError`` or ``ValueError``."""
    with FORMAT.opened(SHIPPED if name_or_path is None else name_or_path) as found:
        model = PictureModel(PictureConfig(**found.card["config"]))
        model.load_state_dict({name: value.float() for name, value in load_file(found.weights).items()})
    return PictureBundle(model.eval(), found.card, found.held_out(), found.folder)
