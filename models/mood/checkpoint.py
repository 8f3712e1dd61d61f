"""Saving and loading the two judges of mood: float16 safetensors beside a JSON card; strict, nothing is pickled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save
from torch import Tensor

from models.mood.features import FEATURES
from models.mood.judge import Judge, MoodNetwork, Moods
from models.music.notes import Piece
from models.style.bundle import BundleFormat

SHIPPED = "mood-cpu"
FORMAT = BundleFormat("mood", "judge of mood", "python -m models.train.mood makes one")


@dataclass(frozen=True)
class MoodBundle:
    """The ``first`` judge, the ``second`` one, which checks what the first rewards, and their card."""

    first: Judge
    second: Judge
    card: Mapping[str, Any]
    folder: Path

    @property
    def version(self) -> str:
        """Which weights these are."""
        return str(self.card["version"])

    def judge(self, pieces: list[Piece]) -> Moods:
        """What both say together."""
        return Moods.mean([self.first.judge(pieces), self.second.judge(pieces)])


def save_mood(folder: Path, judges: Mapping[str, Judge], card: Mapping[str, Any]) -> None:
    """Write ``mood.safetensors``, ``held_out.json`` (the fold of each clip by digest) and, last, ``card.json``."""
    weights = {
        f"{name}.{number}.{key}": (value.half() if value.ndim == 3 else value).detach().contiguous()
        for name, judge in judges.items()
        for number, network in enumerate(judge.networks)
        for key, value in network.state_dict().items()
    }
    sizes = {name: judge.networks[0].into.shape[1] for name, judge in judges.items()}
    full = {**card, "features": sizes, "folds": len(judges["first"].networks)}
    FORMAT.save(folder, save(weights), full, held_out=dict(sorted(judges["first"].folds.items())))


def load_mood(name_or_path: str | Path = SHIPPED) -> MoodBundle:
    """A shipped one by name or one of your own by folder; raises ``FileNotFoundError`` or ``ValueError``."""
    with FORMAT.opened(name_or_path) as found:
        weights, folds = load_file(found.weights), found.held_out()
        judges = {
            name: Judge(name, [_network(found.card, weights, name, each) for each in range(found.card["folds"])], folds)
            for name in FEATURES
        }
    return MoodBundle(judges["first"], judges["second"], found.card, found.folder)


def _network(card: Mapping[str, Any], weights: Mapping[str, Tensor], name: str, number: int) -> MoodNetwork:
    begin = f"{name}.{number}."
    network = MoodNetwork(card["features"][name], card["hidden"], card["members"])
    state = {key.removeprefix(begin): value.float() for key, value in weights.items() if key.startswith(begin)}
    network.load_state_dict(state, strict=True)
    return network.eval()
