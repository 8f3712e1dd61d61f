"""Saving and loading style models: fp16 safetensors beside a JSON card; loading is strict, nothing is pickled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save, save_file

from models.music.notes import TICKS_PER_QUARTER
from models.music.tokens import GRID_TICKS, METERS, POSITIONS
from models.style.card import PARTS, TINY, WEIGHTS, read_card, sha256, style_folder
from models.style.fingerprint import Fingerprint
from models.style.model import StyleConfig, StyleModel
from models.style.prior import Prior, PriorConfig

__all__ = ["WEIGHTS", "StyleBundle", "digest_of", "load_style", "save_style", "sha256", "tiny_style"]

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
    sha = {name: sha256(folder / f"{name}.safetensors") for name in PARTS}
    text = json.dumps({**card, "config": sizes, "sha256": sha}, indent=2, ensure_ascii=False)
    (folder / "card.json").write_text(text + "\n", encoding="utf-8")


def digest_of(model: StyleModel) -> str:
    """The first eight hex digits of the SHA-256 that the saved weights will have: two trainings never share them."""
    return hashlib.sha256(save(_half(model.state_dict()))).hexdigest()[:8]


def load_style(name_or_path: str | Path = "default", device: str = "cpu") -> StyleBundle:
    """Load a shipped model by name or one of your own by folder; raises ``FileNotFoundError`` or ``ValueError``.

    "default" is what ``KALLOS_MODEL`` names, and the shipped one where that is not set.
    """
    folder = style_folder(name_or_path)
    card = read_card(folder)
    try:
        model = StyleModel(StyleConfig(**card["config"]["style"]))
        model.load_state_dict(_full(load_file(folder / "style.safetensors")), strict=True)
        prior = Prior(PriorConfig(**card["config"]["prior"]))
        prior.load_state_dict(_full(load_file(folder / "prior.safetensors")), strict=True)
        fingerprint = Fingerprint(load_file(folder / "fingerprint.safetensors")["bits"].numpy())
    except (RuntimeError, SafetensorError, TypeError, KeyError) as error:
        why = " ".join(str(error).split())
        raise ValueError(f"the model in {folder} is not of the form that this version of Kallos has: {why}") from error
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
    card = {"version": f"tiny-{seed}", "name": "tiny", "pieces": TINY}
    return StyleBundle(model.eval(), prior.eval(), Fingerprint.empty(), card)


def _half(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value.half().contiguous() for name, value in state.items()}


def _full(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value.float() for name, value in state.items()}
