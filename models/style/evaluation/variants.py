"""What is measured of one trained variant of the style model, clip by clip, so that figures can be told over songs.

How well it tells notes, those of a clip and those of one with another's style, and what can be read of a style from
other groups' latents.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from models.metrics.disentanglement import errors_of_reading, folds_of, share_read
from models.music.notes import DOMAINS
from models.music.tokens import to_tokens
from models.style.evaluation.clips import Clips, donors_of
from models.style.evaluation.reconstruction import bits, posterior_of
from models.style.evaluation.relations import CHROMA, Measured, measure
from models.style.evaluation.swaps import ATTRIBUTE
from models.style.features import bar_features, gather_notes
from models.style.latents import BARS, GROUPS, STYLE_GROUPS
from models.style.likelihood import losses
from models.style.model import StyleModel
from models.style.objective import mixed_latents, nats_a_note
from models.style.rearrange import REARRANGED, Swaps, rearrange
from models.style.windows import pad

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
READ = {group: CHROMA if group == "harmony" else name for group, name in ATTRIBUTE.items()}


@dataclass(frozen=True)
class Figures:
    """Of one run: columns over the clips that were told, and over those that were only encoded.

    ``swapped``: by group, nats a note of each clip rearranged in another's style, given its latents with that group of
    the other's; not a number where the two can't be put together. ``missed`` and ``mean_missed``: squared errors of
    reading a group's attribute from another's latents, by ``ATTRIBUTE_GROUP.GROUP``.
    """

    variant: str
    seed: int
    steps: int
    parameters: int
    train_seconds: float
    rates: Mapping[str, float]  # bits a bar by group
    nats: list[float]
    bits: list[float]
    swapped: Mapping[str, list[float]]
    missed: Mapping[str, list[float]]
    mean_missed: Mapping[str, list[float]]

    def write(self, path: Path) -> None:
        """As JSON; a crash while writing leaves nothing."""
        part = path.with_suffix(".part")
        part.write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")
        part.replace(path)

    @classmethod
    def read(cls, path: Path) -> Figures:
        """What ``write`` wrote."""
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return cls(**found)


def figures_of(
    model: StyleModel, about: Mapping[str, Any], clips: Clips, read: Clips, *, seed: int, train_seconds: float
) -> Figures:
    """Measure ``model`` on held-out ``clips`` (told, and told with a style of another) and ``read`` (encoded)."""
    model = model.eval()
    music = measure(model, read, seed)
    missed, mean_missed = reading(music, seed)
    return Figures(
        **about,
        parameters=sum(each.numel() for each in model.parameters()),
        train_seconds=train_seconds,
        rates={group: float(music.bits[group].mean()) for group in GROUPS},
        nats=[cost(model, clips, row, seed) for row in range(len(clips.pieces))],
        bits=[bits(posterior_of(model, piece)) for piece in clips.pieces],
        swapped=swapped(model, clips, seed),
        missed=missed,
        mean_missed=mean_missed,
    )


@torch.inference_mode()
def swapped(model: StyleModel, clips: Clips, seed: int) -> dict[str, list[float]]:
    """``swapped`` of ``Figures``."""
    donors = {group: donors_of(clips, seed + place) for place, group in enumerate(REARRANGED)}
    found = {group: [float("nan")] * len(clips.pieces) for group in REARRANGED}
    for row, piece in enumerate(clips.pieces):
        for group, taken in donors.items():
            tokens = pad([to_tokens(piece), to_tokens(clips.pieces[taken[row]])])
            own = torch.arange(2)
            both = {name: own.flip(0) if name == group else own for name in REARRANGED}
            made, whole = rearrange(tokens, both)
            if not whole[0]:
                continue
            z = model.encode(bar_features(gather_notes(tokens, BARS))).mean.view(2, BARS, -1)
            swaps = Swaps(made[:1], own[:1], {name: rows[:1] for name, rows in both.items()})
            domain = torch.tensor([DOMAINS.index(clips.domains[row])])
            told = losses(model, swaps.tokens, domain, mixed_latents(model, z, swaps))
            found[group][row] = nats_a_note(told, swaps.tokens)
    return found


@torch.inference_mode()
def cost(model: StyleModel, clips: Clips, row: int, seed: int) -> float:
    """Nats a note of a clip given a draw of its own latents, teacher-forced."""
    tokens = pad([to_tokens(clips.pieces[row])])
    features = bar_features(gather_notes(tokens, BARS))
    z = model.encode(features).sample(torch.Generator().manual_seed(seed + row))[None]
    domain = torch.tensor([DOMAINS.index(clips.domains[row])])
    return nats_a_note(losses(model, tokens, domain, z), tokens)


def reading(music: Measured, seed: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """``missed`` and ``mean_missed`` of ``Figures``: sums over what is read of each clip."""
    folds = folds_of(music.songs, seed)
    targets = [music.target(READ[group]) for group in STYLE_GROUPS]
    edges = np.cumsum([target.shape[1] for target in targets])[:-1]
    missed: dict[str, list[float]] = {}
    mean_missed: dict[str, list[float]] = {}
    for group in GROUPS:
        errors = errors_of_reading(music.of_clips(group), np.hstack(targets), music.domains, folds)
        for told, each in zip((missed, mean_missed), errors, strict=True):
            parts = zip(STYLE_GROUPS, np.split(each, edges, axis=1), strict=True)
            told |= {f"{own}.{group}": part.sum(1).tolist() for own, part in parts if own != group}
    return missed, mean_missed


def leak(figures: Figures, group: str, rows: Ints) -> float:
    """R² of a group's attribute read from another group's latents, at least 0 each, mean over those others."""
    shares = [
        share_read(np.array(figures.missed[key])[rows], np.array(figures.mean_missed[key])[rows])
        for key in (f"{group}.{other}" for other in GROUPS if other != group)
    ]
    return float(np.mean(np.maximum(shares, 0)))
