"""Saving and loading adapters: float16 safetensors beside a JSON card; strict, nothing is pickled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from models.rating.agent.adapter import Adapter, adapted
from models.style.card import sha256
from models.style.pieces.checkpoint import PieceBundle
from models.style.pieces.sampling import Writer

WEIGHTS_FILE, CARD = "agent.safetensors", "card.json"


@dataclass(frozen=True)
class AgentBundle:
    """An adapter, its card and the folder it lies in."""

    adapter: Adapter
    card: Mapping[str, Any]
    folder: Path

    @property
    def version(self) -> str:
        """Which weights these are."""
        return str(self.card["version"])

    def writer(self, writer: Writer) -> Writer:
        """The agent, which plays like any writer; ``writer`` stays as it is. Raises ``ValueError`` for another one."""
        if self.card["writer"] != writer.bundle.version:
            raise ValueError(
                f"{self.version} was trained on {self.card['writer']}, not on {writer.bundle.version}; train it again"
            )
        return agent_of(writer, self.adapter, self.version)


def agent_of(writer: Writer, adapter: Adapter, version: str) -> Writer:
    """A writer that plays as ``adapter`` has learned and draws as ``writer`` does."""
    card = {**writer.bundle.card, "version": version}
    return Writer(PieceBundle(adapted(writer.bundle.model, adapter), card, writer.bundle.folder))


def save_agent(folder: Path, adapter: Adapter, card: Mapping[str, Any]) -> None:
    """Write ``agent.safetensors`` and, last, ``card.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    path, part = folder / WEIGHTS_FILE, folder / "agent.part"
    save_file({name: value.detach().half().contiguous() for name, value in adapter.state_dict().items()}, part)
    part.replace(path)
    digest = sha256(path)
    version = f"agent-{card['preset']}-{card['seed']}-{digest[:8]}"
    full = {"version": version, **card, "rank": adapter.rank, "sha256": {"agent": digest}}
    part.write_text(json.dumps(full, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(folder / CARD)


def load_agent(folder: Path, writer: Writer) -> AgentBundle:
    """The agent in ``folder``; raises ``FileNotFoundError`` or ``ValueError``."""
    if not (folder / CARD).is_file() or not (folder / WEIGHTS_FILE).is_file():
        raise FileNotFoundError(f"no agent at {folder}; python -m models.train.agent makes one, in OUT/bundle")
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        if (found := sha256(folder / WEIGHTS_FILE)) != card["sha256"]["agent"]:
            raise ValueError(f"{folder / WEIGHTS_FILE} has sha256 {found}, its card says another; fetch it again")
        adapter = Adapter(writer.bundle.model, int(card["rank"]), seed=0)
        state = {name: value.float() for name, value in load_file(folder / WEIGHTS_FILE).items()}
        adapter.load_state_dict(state, strict=True)
    except (RuntimeError, SafetensorError, TypeError, KeyError) as error:
        raise ValueError(f"the agent in {folder} does not fit {writer.bundle.version}; train it again") from error
    return AgentBundle(adapter, card, folder)
