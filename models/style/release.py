"""From trained weights to a bundle: beside them the training songs' fingerprint and a card with terms and data hash.

Fine-tuning: going on from trained weights instead of from nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from models.experiments.provenance import data_hash
from models.music.notes import Piece
from models.music.tokens import on_grid
from models.style.checkpoint import StyleBundle, load_style, save_style
from models.style.fingerprint import Fingerprint
from models.style.model import StyleModel
from models.style.presets import Preset
from models.style.prior import Prior
from models.style.windows import WindowSet

FINE_PRIOR_STEPS = 4000


def fine_tuning_preset(preset: Preset) -> Preset:
    """The preset for going on from trained weights: AdamW at a low learning rate, the KL at its full weight at once.

    And at most ``FINE_PRIOR_STEPS`` of the prior's steps, since it goes on as well.
    """
    rate = (0.8 if preset.muon else 0.4) * preset.learning_rate
    prior_steps = min(preset.prior_steps, FINE_PRIOR_STEPS)
    return replace(preset, learning_rate=rate, muon=False, falling=0.2, kl_warm_up=0, prior_steps=prior_steps)


@dataclass(frozen=True)
class Origin:
    """The trained weights in ``folder`` that a run went on from.

    ``keeps_latents`` where only its decoder learned: the latents, and so the prior, are still those weights'.
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
