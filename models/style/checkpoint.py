"""Saving, loading and releasing style models: fp16 safetensors beside a JSON card; loading is strict, without pickles.

A release has the training songs' fingerprint, and a card with terms and data hash. ``Origin``: the trained weights that
a run went on from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save, save_file

from models.experiments.provenance import data_hash
from models.music.notes import TICKS_PER_QUARTER, Piece
from models.music.tokens import GRID_TICKS, METERS, POSITIONS, on_grid
from models.style.bundle import PARTS, TINY, read_card, sha256, style_folder
from models.style.fingerprint import Fingerprint
from models.style.model import StyleConfig, StyleModel
from models.style.prior import Prior, PriorConfig
from models.style.windows import WindowSet

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


MODEL_HELP = "a shipped style model or a folder with card.json; KALLOS_MODEL where none is given, or the shipped one"


def style_argument(name_or_path: str) -> StyleBundle:
    """The style model that ``--model`` or ``--from`` names; ends the command where it can't be used."""
    try:
        return load_style(name_or_path)
    except (OSError, ValueError) as error:
        raise SystemExit(f"the style model cannot be used: {error}") from error


@dataclass(frozen=True)
class Origin:
    """The trained weights in ``folder`` that a run went on from.

    ``keeps_latents``: whether its decoder alone was trained, as earlier versions could; model cards still say so.
    """

    version: str
    steps: int
    folder: str
    keeps_latents: bool = False

    def write(self, out: Path) -> None:
        """Note it in the run's folder."""
        (out / "origin.json").write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")

    @staticmethod
    def forget(out: Path) -> None:
        """What an earlier run in this folder went on from is no part of the next."""
        (out / "origin.json").unlink(missing_ok=True)

    @classmethod
    def of(cls, out: Path) -> Origin | None:
        """What the run in ``out`` went on from; None where it began from nothing."""
        record = out / "origin.json"
        return cls(**json.loads(record.read_text(encoding="utf-8"))) if record.exists() else None

    def bundle(self) -> StyleBundle:
        """Those weights; raises ``ValueError`` where others lie in their place now."""
        found = load_style(Path(self.folder))
        if found.version != self.version:
            raise ValueError(f"{self.folder} holds {found.version} now, the run began with {self.version}")
        return found

    def told(self) -> dict[str, Any]:
        """What a model card says of it."""
        return {"version": self.version, "steps": self.steps, "keeps_latents": self.keeps_latents}


UNSTATED = "terms unstated: ask whoever made the music"


def terms_of(pieces: Sequence[Piece]) -> dict[str, str]:
    """The terms of each source that ``pieces`` come from; weights trained on them have these and their base's."""
    found: dict[str, set[str]] = {}
    for piece in pieces:
        found.setdefault(piece.source, set()).add(piece.terms or UNSTATED)
    return {source: "; ".join(sorted(terms)) for source, terms in sorted(found.items())}


def release(
    out: Path,
    model: StyleModel,
    prior: Prior,
    training: Sequence[Piece],
    windows: WindowSet,
    *,
    card: Mapping[str, Any],
    base: StyleBundle | None = None,
) -> StyleBundle:
    """Write a bundle to ``out`` and load it again; a taste space is fitted to it after that.

    What the weights that it went on from, ``base``, may not copy, it may not copy either, and their terms stand beside
    its own.
    """
    full = {
        **card,
        "data": {
            **card.get("data", {}),
            "hash": data_hash(training),
            "pieces": len(training),
            "terms": {**(base.card.get("data", {}).get("terms", {}) if base else {}), **terms_of(training)},
        },
    }
    if base and "pieces" in base.card:  # which hears latents that have moved a little all the same
        named = str(base.card["pieces"])
        beside = base.folder / named if base.folder else None
        full["pieces"] = str(beside) if beside and beside.is_dir() else named
    known = base.fingerprint if base else None
    fingerprint = Fingerprint.of(map(on_grid, windows.pieces), known)  # composed clips are on the grid, in these bars
    save_style(out, model, prior, fingerprint, full)
    return load_style(out)
