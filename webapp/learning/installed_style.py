"""The style model that is installed here, as the web sees it: its folder, its version, its taste space."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from safetensors.numpy import load_file

from models.style.fingerprint import Fingerprint
from models.taste.space import TasteSpace


@dataclass(frozen=True)
class InstalledStyle:
    """``folder`` of the model and the ``space`` in which taste is learned from its latents."""

    folder: Path
    space: TasteSpace

    @property
    def version(self) -> str:
        """Of the model; latents of another one don't fit."""
        return self.space.version

    @cached_property
    def fingerprint(self) -> Fingerprint | None:
        """The training songs' melodies, which no clip may copy; None where the model's folder is not here."""
        path = self.folder / "fingerprint.safetensors"
        return Fingerprint(load_file(path)["bits"]) if path.exists() else None
