"""Saving and loading style models: fp16 safetensors beside a JSON card; loading is strict, nothing is pickled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from models.music.notes import TICKS_PER_QUARTER
from models.music.tokens import GRID_TICKS, METERS, POSITIONS
from models.style.fingerprint import Fingerprint
from models.style.model import StyleConfig, StyleModel
from models.style.prior import Prior, PriorConfig

WEIGHTS = Path(__file__).resolve().parent.parent / "weights"
DEFAULT = "style-cpu"
FOUR_QUARTERS = 4 * TICKS_PER_QUARTER // GRID_TICKS  # grid steps


@dataclass(frozen=True)
class StyleBundle:
    """All that composing needs: the model, the prior over its latents, what it may not copy, and its card."""

    model: StyleModel
    prior: Prior
    fingerprint: Fingerprint
    card: Mapping[str, Any]
    folder: Path | None = None

    @property
    def version(self) -> str:
        """The latents' version: clips, heads and features made with another one don't mix with it."""
        return str(self.card["version"])

    @property
    def taste_space_path(self) -> Path | None:
        """The feature space of taste heads fitted for this model, where it was saved with one."""
        return self.folder / "taste" if self.folder and (self.folder / "taste.safetensors").exists() else None


def save_style(
    folder: Path, model: StyleModel, prior: Prior, fingerprint: Fingerprint, card: Mapping[str, Any]
) -> None:
    """Write the safetensors of style, prior and fingerprint, and ``card.json``, into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(_half(model.state_dict()), folder / "style.safetensors")
    save_file(_half(prior.state_dict()), folder / "prior.safetensors")
    save_file({"bits": torch.from_numpy(fingerprint.bits)}, folder / "fingerprint.safetensors")
    sizes = {"style": asdict(model.config), "prior": asdict(prior.config)}
    sizes["style"]["latent"] = dict(model.config.latent)
    sha = {name: sha256(folder / f"{name}.safetensors") for name in ("style", "prior", "fingerprint")}
    text = json.dumps({**card, "config": sizes, "sha256": sha}, indent=2, ensure_ascii=False)
    (folder / "card.json").write_text(text + "\n", encoding="utf-8")


def load_style(name_or_path: str | Path = "default", device: str = "cpu") -> StyleBundle:
    """Load a shipped model by name or one of your own by folder; raises ``FileNotFoundError`` or ``ValueError``."""
    name = DEFAULT if name_or_path == "default" else name_or_path
    folder = WEIGHTS / name if isinstance(name, str) and (WEIGHTS / name).is_dir() else Path(name)
    card_path = folder / "card.json"
    if not card_path.exists():
        shipped = sorted(p.parent.name for p in WEIGHTS.glob("*/card.json"))
        raise FileNotFoundError(
            f"no style model at {folder}; shipped ones are {shipped}, or give a folder with card.json"
        )
    card = json.loads(card_path.read_text(encoding="utf-8"))
    for part, expected in card["sha256"].items():
        found = sha256(folder / f"{part}.safetensors")
        if found != expected:
            raise ValueError(
                f"{folder / part}.safetensors has sha256 {found}, its card says {expected}; fetch it again"
            )
    model = StyleModel(StyleConfig(**card["config"]["style"]))
    model.load_state_dict(_full(load_file(folder / "style.safetensors")), strict=True)
    prior = Prior(PriorConfig(**card["config"]["prior"]))
    prior.load_state_dict(_full(load_file(folder / "prior.safetensors")), strict=True)
    fingerprint = Fingerprint(load_file(folder / "fingerprint.safetensors")["bits"].numpy())
    return StyleBundle(model.to(device).eval(), prior.to(device).eval(), fingerprint, card, folder)


def tiny_style(seed: int = 0) -> StyleBundle:
    """A real but tiny and untrained model, for tests of what is built on it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        latent = {"content": 4, "rhythm": 3, "register": 2, "harmony": 3, "dynamics": 2, "tempo": 1, "texture": 2}
        config = StyleConfig(dim=32, layers=2, heads=2, hidden=32, memory=8, latent=latent)
        model = StyleModel(config)
        for block in model.blocks:  # zero-initialised projections would make every tiny model say the same
            torch.nn.init.normal_(block.out.weight, std=0.2)
            torch.nn.init.normal_(block.down.weight, std=0.2)
        with torch.no_grad():  # chance would end most bars at once
            model.onsets.out.weight[FOUR_QUARTERS : POSITIONS + 1] = -1.0
        prior = Prior(PriorConfig(config.latent_dim, config.codes, dim=32, layers=1, heads=2))
    prior.meter_share.copy_(torch.eye(len(METERS))[METERS.index((4, 4))].expand_as(prior.meter_share))
    card = {"version": f"tiny-{seed}", "name": "tiny"}
    return StyleBundle(model.eval(), prior.eval(), Fingerprint.empty(), card)


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _half(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value.half().contiguous() for name, value in state.items()}


def _full(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value.float() for name, value in state.items()}
