"""Saving and loading piece models: bfloat16 safetensors beside a JSON card; loading is strict, nothing is pickled."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.style.card import WEIGHTS, sha256
from models.style.pieces.model import PieceConfig, PieceModel

WEIGHTS_FILE, CARD = "pieces.safetensors", "card.json"


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
    """Write ``pieces.safetensors``, ``held_out.json`` (names by part) and, last, ``card.json`` into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    path, part = folder / WEIGHTS_FILE, folder / "pieces.part"
    save_file({name: value.detach().cpu().bfloat16().contiguous() for name, value in weights.items()}, part)
    part.replace(path)
    names = json.dumps({name: sorted(found) for name, found in held_out.items()}, indent=0, ensure_ascii=False)
    (folder / "held_out.json").write_text(names + "\n", encoding="utf-8")
    digest = sha256(path)
    version = f"pieces-{card['preset']}-{card['steps']}-{card['seed']}-{digest[:8]}"
    full = {"version": version, **card, "config": asdict(config), "sha256": {"pieces": digest}}
    part.write_text(json.dumps(full, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(folder / CARD)


def load_pieces_model(name_or_path: str | Path, device: str = "cpu") -> PieceBundle:
    """Load a shipped model by name or one of your own by folder; raises ``FileNotFoundError`` or ``ValueError``."""
    shipped = WEIGHTS / name_or_path
    folder = shipped if isinstance(name_or_path, str) and shipped.is_dir() else Path(name_or_path).expanduser()
    if not (folder / CARD).is_file() or not (folder / WEIGHTS_FILE).is_file():
        raise FileNotFoundError(f"no piece model at {folder}; python -m models.train.pieces makes one, in OUT/bundle")
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        if (found := sha256(folder / WEIGHTS_FILE)) != card["sha256"]["pieces"]:
            raise ValueError(f"{folder / WEIGHTS_FILE} has sha256 {found}, its card says another; fetch it again")
        model = PieceModel(PieceConfig(**card["config"]))
        weights = {name: value.float() for name, value in load_file(folder / WEIGHTS_FILE).items()}
        model.load_state_dict(weights, strict=True)
    except (RuntimeError, SafetensorError, TypeError, KeyError) as error:
        raise ValueError(f"the piece model in {folder} is not of this version of Kallos; train it again") from error
    return PieceBundle(model.to(torch.device(device)).eval(), card, folder)


def tiny_pieces(seed: int = 0) -> PieceBundle:
    """A real but tiny and untrained model that hears what came before, for tests of what is built on it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = PieceModel(PieceConfig(dim=32, layers=2, heads=2, hidden=32, condition=16, context=96))
        for block in model.blocks:  # zero-initialised projections would make all steps deaf
            torch.nn.init.normal_(block.out.weight, std=0.3)
            torch.nn.init.normal_(block.down.weight, std=0.3)
    return PieceBundle(model.eval(), {"version": f"tiny-pieces-{seed}"})
