"""Saving and loading piece models: bfloat16 safetensors beside a JSON card; loading is strict, nothing is pickled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from models.style.bundle import BundleFormat
from models.style.card import TINY
from models.style.pieces.conditions import CONDITION_CLASSES, OF_MOOD
from models.style.pieces.model import PieceConfig, PieceModel

FORMAT = BundleFormat(
    "pieces", "piece model", "python -m models.train.pieces makes one, in OUT/bundle", ("preset", "steps", "seed")
)

OF_TINY_STYLE = (4, 3, 2, 3, 2, 1, 2, 24)  # sizes of what a tiny style model tells of a bar
HEARING = "latents."  # how the names of the weights begin that hear latents


@dataclass(frozen=True)
class PieceBundle:
    """A piece model, its card and the folder that it lies in."""

    model: PieceModel
    card: Mapping[str, Any]
    folder: Path | None = None

    @property
    def version(self) -> str:
        """Which weights these are."""
        return str(self.card["version"])


def save_pieces_model(
    folder: Path,
    config: PieceConfig,
    weights: Mapping[str, Tensor],
    card: Mapping[str, Any],
    held_out: Mapping[str, Sequence[str]],
) -> None:
    """Write ``pieces.safetensors``, ``held_out.json`` (names by part) and, last, ``card.json`` into ``folder``.

    What hears latents lies in ``latents.safetensors``.
    """
    half = {name: value.detach().cpu().bfloat16().contiguous() for name, value in weights.items()}
    hearing = {name: half.pop(name) for name in list(half) if name.startswith(HEARING)}
    beside = {"latents": save(hearing)} if hearing else {}
    names = {part: sorted(found) for part, found in held_out.items()}
    FORMAT.save(folder, save(half), {**card, "config": asdict(config)}, held_out=names, beside=beside)


def load_pieces_model(name_or_path: str | Path, device: str = "cpu") -> PieceBundle:
    """Load a shipped model by name or one of your own by folder; raises ``FileNotFoundError`` or ``ValueError``."""
    if name_or_path == TINY:
        return tiny_pieces(latents=OF_TINY_STYLE)
    with FORMAT.opened(name_or_path) as found:
        model = PieceModel(PieceConfig(**found.card["config"]))
        files = [found.folder / f"{name}.safetensors" for name in found.card["sha256"]]
        weights = {name: value.float() for path in files for name, value in load_file(path).items()}
        model.load_state_dict(weights, strict=True)
    return PieceBundle(model.to(torch.device(device)).eval(), found.card, found.folder)


def weights_with_moods(model: PieceModel) -> dict[str, Tensor]:
    """The weights of a ``model`` for one that is told moods: where it wasn't, these say nothing to it yet."""
    weights = dict(model.state_dict())
    if not model.config.moods:
        known, none = weights["conditions.weight"].split([len(weights["conditions.weight"]) - 1, 1])
        more = sum(CONDITION_CLASSES[OF_MOOD.start :])
        weights["conditions.weight"] = torch.cat([known, known.new_zeros(more, known.shape[1]), none])
    return weights


def tiny_pieces(seed: int = 0, *, moods: bool = False, latents: Sequence[int] = ()) -> PieceBundle:
    """A real but tiny and untrained model that hears what came before, for tests of what is built on it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        small = PieceConfig(dim=32, layers=2, heads=2, hidden=32, condition=16, context=96)
        model = PieceModel(replace(small, moods=moods, latents=tuple(latents)))
        for block in model.blocks:  # zero-initialised projections would make all steps deaf
            torch.nn.init.normal_(block.out.weight, std=0.3)
            torch.nn.init.normal_(block.down.weight, std=0.3)
        for weight in model.latents.parameters() if model.latents else ():
            if not weight.any():  # as what hears latents begins
                torch.nn.init.normal_(weight, std=0.1)
    model.half().float()  # as a checkpoint has its weights
    return PieceBundle(model.eval(), {"version": f"tiny-pieces-{seed}"})
