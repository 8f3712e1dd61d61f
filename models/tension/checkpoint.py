"""Saving and loading what scores tension: float16 safetensors beside a JSON card; strict, nothing is pickled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file, save

from models.music.notes import DOMAINS
from models.style.bundle import BundleFormat
from models.style.pieces.checkpoint import load_pieces_model
from models.tension.past import Others, Recogniser
from models.tension.score import Ears, Usual

SHIPPED = "tension-cpu"
FORMAT = BundleFormat(
    "tension", "tension model", "python -m models.train.tension makes one", ("preset", "steps", "seed")
)
COLUMNS = ("places", "piece", "meter", "minor", "density")


@dataclass(frozen=True)
class TensionBundle:
    """Two models that hear a piece, what is usual in real music by domain, and their card."""

    ears: Ears
    usual: Mapping[str, Usual]
    card: Mapping[str, Any]
    folder: Path | None = None

    @property
    def version(self) -> str:
        """Which weights these are."""
        return str(self.card["version"])


def save_tension(
    folder: Path,
    recogniser: Recogniser,
    others: Mapping[str, Others],
    usual: Mapping[str, Usual],
    *,
    card: Mapping[str, Any],
    held_out: Mapping[str, Sequence[str]],
) -> None:
    """Write ``tension.safetensors``, ``held_out.json`` (names by part) and, last, ``card.json``."""
    arrays = {f"recogniser.{name}": value.detach().half().numpy() for name, value in recogniser.state_dict().items()}
    for domain, bars in others.items():
        arrays[f"{domain}.places"] = bars.places.astype(np.float16)
        arrays |= {f"{domain}.{name}": getattr(bars, name).astype(np.int32) for name in COLUMNS[1:]}
    full = {**card, "usual": {domain: asdict(found) for domain, found in usual.items()}}
    FORMAT.save(folder, save(arrays), full, held_out={part: sorted(names) for part, names in held_out.items()})


def load_tension(name_or_path: str | Path = SHIPPED) -> TensionBundle:
    """A shipped one by name or one of your own by folder; raises ``FileNotFoundError`` or ``ValueError``."""
    with FORMAT.opened(name_or_path) as found:
        pieces = load_pieces_model(found.card["pieces"]["name"])
        if pieces.version != found.card["pieces"]["version"]:
            raise ValueError(
                f"{found.folder} was trained with the piece model {found.card['pieces']['version']}, {pieces.version} "
                "is here; train it again with python -m models.train.tension"
            )
        arrays = load_file(found.weights)
        state = {
            name.removeprefix("recogniser."): torch.from_numpy(value.astype(np.float32))
            for name, value in arrays.items()
            if name.startswith("recogniser.")
        }
        recogniser = Recogniser(pieces.model.config.dim, int(found.card["hidden"]))
        recogniser.load_state_dict(state, strict=True)
        others: dict[str, Others] = {
            domain: Others(
                arrays[f"{domain}.places"].astype(np.float32),
                *(arrays[f"{domain}.{name}"].astype(np.int64) for name in COLUMNS[1:]),
            )
            for domain in DOMAINS
            if f"{domain}.places" in arrays
        }
        usual = {domain: Usual(**each) for domain, each in found.card["usual"].items()}
    return TensionBundle(Ears(pieces.model, recogniser.eval(), others), usual, found.card, found.folder)
