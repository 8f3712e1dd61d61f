"""How every model but the style model is saved: one file of weights, what was held out, and a card; strict, no pickles.

Begin with ``BundleFormat``. What is in the weights and in the card is each model's own matter.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any

from safetensors import SafetensorError

from models.experiments.provenance import commit
from models.style.card import CARD, WEIGHTS, check_sha256, model_folder

HELD_OUT = "held_out.json"


@dataclass(frozen=True)
class OpenedBundle:
    """A folder with a model in it, its card, and the file of the weights that the card tells of."""

    folder: Path
    card: Mapping[str, Any]
    weights: Path

    def held_out(self) -> Any:
        """What ``held_out.json`` says; raises ``ValueError`` where it can't be read."""
        path = self.folder / HELD_OUT
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ValueError(f"{path} can't be read ({error}); copy the folder again") from error


@dataclass(frozen=True)
class BundleFormat:
    """A kind of model in a folder: ``NAME.safetensors``, perhaps ``held_out.json``, and ``card.json``.

    ``kind`` and ``origin`` are for errors: what one calls it, and which command makes one. A version has the values of
    ``version_of`` in the card, and the first digits of the SHA-256 of the weights.
    """

    name: str
    kind: str
    origin: str
    version_of: tuple[str, ...] = ("preset", "seed")

    @property
    def weights_file(self) -> str:
        """The name of the file with the weights."""
        return f"{self.name}.safetensors"

    def save(
        self,
        folder: Path,
        weights: bytes,
        card: Mapping[str, Any],
        held_out: Mapping[str, Any] | None = None,
        beside: Mapping[str, bytes] = MappingProxyType({}),
    ) -> None:
        """Write the bytes of the weights, ``held_out`` and, last, the card with version, commit and SHA-256.

        A card that has a version of its own keeps it. ``beside``: other weights of the same model, by name, so that no
        file is too large to be shipped.
        """
        folder.mkdir(parents=True, exist_ok=True)
        files = {self.name: weights, **beside}
        digests = {name: sha256(data).hexdigest() for name, data in files.items()}
        every = digests[self.name] if not beside else sha256("".join(digests.values()).encode()).hexdigest()
        version = "-".join([self.name, *(str(card[each]) for each in self.version_of), every[:8]])
        for name, data in files.items():
            _replace(folder / f"{name}.safetensors", data)
        if held_out is not None:
            _replace(folder / HELD_OUT, _as_json(held_out, indent=0))
        write_card(folder, {"version": version, "commit": commit(), **card, "sha256": digests})

    @contextmanager
    def opened(
        self, name_or_path: str | Path, *, problem: str = "is not of this version of Kallos"
    ) -> Iterator[OpenedBundle]:
        """A shipped model by name or one of your own by folder; what can't be made of it within has this ``problem``.

        Raises ``FileNotFoundError`` where there is none, ``ValueError`` for the problem, and where weights and card
        don't belong together.
        """
        folder = model_folder(name_or_path)
        weights, path = folder / self.weights_file, folder / CARD
        if not (path.is_file() and weights.is_file()):
            shipped = sorted(found.parent.name for found in WEIGHTS.glob(f"*/{self.weights_file}"))
            raise FileNotFoundError(f"no {self.kind} at {folder}; shipped with Kallos: {shipped}; {self.origin}")
        try:
            card = json.loads(path.read_text(encoding="utf-8"))
            _, expected, _ = card["sha256"][self.name], dict(card["sha256"]), card["version"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is not the card of a {self.kind} ({error}); {self.origin}") from error
        for name, digest in expected.items():
            if not (file := folder / f"{name}.safetensors").is_file():
                raise FileNotFoundError(f"{file} is missing, which its card names; copy the whole folder again")
            check_sha256(file, str(digest))
        try:
            yield OpenedBundle(folder, card, weights)
        except (RuntimeError, SafetensorError, TypeError, KeyError) as error:
            why = " ".join(str(error).split())
            raise ValueError(f"the {self.kind} in {folder} {problem}: {why}; train it again") from error


def write_card(folder: Path, card: Mapping[str, Any]) -> None:
    """Write ``card.json``, whole or not at all."""
    _replace(folder / CARD, _as_json(card))


def _as_json(value: Mapping[str, Any], indent: int = 2) -> bytes:
    """As bundles have it: for people as well, with a newline at the end."""
    return (json.dumps(value, indent=indent, ensure_ascii=False) + "\n").encode()


def _replace(path: Path, data: bytes) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(data)
    part.replace(path)
