"""Saving and loading adapters: float16 safetensors beside a JSON card; strict, nothing is pickled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save

from models.rating.agent.adapter import Adapter, adapted
from models.style.bundle import BundleFormat
from models.style.pieces.checkpoint import PieceBundle
from models.style.pieces.sampling import Writer

FORMAT = BundleFormat("agent", "agent", "python -m models.train.agent makes one, in OUT/bundle")


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
    weights = {name: value.detach().half().contiguous() for name, value in adapter.state_dict().items()}
    FORMAT.save(folder, save(weights), {**card, "rank": adapter.rank})


def load_agent(folder: Path, writer: Writer) -> AgentBundle:
    """The agent in ``folder``; raises ``FileNotFoundError`` or ``ValueError``."""
    with FORMAT.opened(folder, problem=f"does not fit {writer.bundle.version}") as found:
        adapter = Adapter(writer.bundle.model, int(found.card["rank"]), seed=0)
        state = {name: value.float() for name, value in load_file(found.weights).items()}
        adapter.load_state_dict(state, strict=True)
    return AgentBundle(adapter, found.card, folder)
