"""Where a model lies, what its card says, and how every model but the style model is saved; read without torch.

A folder has a card, one file of weights, and what was held out; loading is strict, nothing is pickled. Begin with
``BundleFormat``. What is in the weights and in the card is each model's own matter.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from safetensors import SafetensorError

from models.experiments.provenance import commit
from models.music.files import replacing

WEIGHTS = Path(__file__).resolve().parent.parent / "weights"
SHIPPED_STYLE = WEIGHTS / "style-cpu"
CARD = "card.json"
TINY = "tiny"  # the name of the models that tests compose with
PARTS = ("style", "prior", "fingerprint")


def model_folder(name_or_path: str | Path) -> Path:
    """Where a shipped model lies by its name, one of your own by its folder."""
    shipped = WEIGHTS / name_or_path
    return shipped if isinstance(name_or_path, str) and shipped.is_dir() else Path(name_or_path).expanduser()


def style_folder(name_or_path: str | Path = "default") -> Path:
    """As ``model_folder``; "default" is what ``KALLOS_MODEL`` names, and the shipped one where that is not set."""
    if name_or_path == "default":
        own = os.environ.get("KALLOS_MODEL", "").strip()
        return Path(own).expanduser() if own else SHIPPED_STYLE
    return model_folder(name_or_path)


def shipped_version(name: str) -> str:
    """The version of a shipped model, as its card says; "" where there is none."""
    path = WEIGHTS / name / CARD
    return str(json.loads(path.read_text(encoding="utf-8"))["version"]) if path.is_file() else ""


def read_card(folder: Path) -> dict[str, Any]:
    """The card of a whole style model; raises ``FileNotFoundError`` or ``ValueError`` with a line on what is wrong."""
    path = folder / CARD
    if not path.is_file():
        shipped = sorted(p.parent.name for p in WEIGHTS.glob(f"style-*/{CARD}"))
        inside = folder / "bundle"
        hint = f"give {inside}, which has one" if (inside / CARD).is_file() else "or give a folder with card.json"
        raise FileNotFoundError(f"no style model at {folder}; shipped ones are {shipped}, {hint}")
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        expected = {part: str(card["sha256"][part]) for part in PARTS}
        told = isinstance(card["version"], str) and all(isinstance(card["config"][name], dict) for name in PARTS[:2])
    except (ValueError, KeyError, TypeError):
        told = False
    if not told:
        raise ValueError(f"{path} is not the card of a style model; python -m models.train.style makes one")
    for part, digest in expected.items():
        file = folder / f"{part}.safetensors"
        if not file.is_file():
            raise FileNotFoundError(f"{file} is missing; the model in {folder} is not whole, copy it again")
        check_sha256(file, digest)
    return dict(card)


def check_sha256(path: Path, expected: str) -> None:
    """Raises ``ValueError`` where a file is not what its card says."""
    if (found := sha256(path)) != expected:
        raise ValueError(f"{path} has sha256 {found}, its card says {expected}; fetch it again")


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


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
        digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
        every = digests[self.name] if not beside else hashlib.sha256("".join(digests.values()).encode()).hexdigest()
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
    with replacing(path) as part:
        part.write_bytes(data)
