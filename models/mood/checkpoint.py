"""Saving and loading the two judges of mood: float16 safetensors beside a JSON card; strict, nothing is pickled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from models.mood.features import FEATURES
from models.mood.judge import Judge, MoodNetwork, Moods
from models.music.notes import Piece
from models.style.card import WEIGHTS, sha256

SHIPPED = "mood-cpu"
WEIGHTS_FILE, CARD, HELD_OUT = "mood.safetensors", "card.json", "held_out.json"


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
    folder.mkdir(parents=True, exist_ok=True)
    path, part = folder / WEIGHTS_FILE, folder / "mood.part"
    weights = {
        f"{name}.{number}.{key}": (value.half() if value.ndim == 3 else value).detach().contiguous()
        for name, judge in judges.items()
        for number, network in enumerate(judge.networks)
        for key, value in network.state_dict().items()
    }
    save_file(weights, part)
    part.replace(path)
    folds = dict(sorted(judges["first"].folds.items()))
    (folder / HELD_OUT).write_text(json.dumps(folds, indent=0) + "\n", encoding="utf-8")
    digest = sha256(path)
    sizes = {name: judge.networks[0].into.shape[1] for name, judge in judges.items()}
    told = {"features": sizes, "folds": len(judges["first"].networks), "sha256": {"mood": digest}}
    version = f"mood-{card['preset']}-{card['seed']}-{digest[:8]}"
    part.write_text(json.dumps({"version": version, **card, **told}, indent=2, ensure_ascii=False) + "\n", "utf-8")
    part.replace(folder / CARD)


def load_mood(name_or_path: str | Path = SHIPPED) -> MoodBundle:
    """A shipped one by name or one of your own by folder; raises ``FileNotFoundError`` or ``ValueError``."""
    shipped = WEIGHTS / name_or_path
    folder = shipped if isinstance(name_or_path, str) and shipped.is_dir() else Path(name_or_path).expanduser()
    if not (folder / CARD).is_file() or not (folder / WEIGHTS_FILE).is_file():
        raise FileNotFoundError(f"no judge of mood at {folder}; python -m models.train.mood makes one")
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        if (found := sha256(folder / WEIGHTS_FILE)) != card["sha256"]["mood"]:
            raise ValueError(f"{folder / WEIGHTS_FILE} has sha256 {found}, its card says another; fetch it again")
        weights = load_file(folder / WEIGHTS_FILE)
        folds = json.loads((folder / HELD_OUT).read_text(encoding="utf-8"))
        judges = {}
        for name in FEATURES:
            networks = []
            for number in range(int(card["folds"])):
                begin = f"{name}.{number}."
                state = {
                    key.removeprefix(begin): value.float() for key, value in weights.items() if key.startswith(begin)
                }
                network = MoodNetwork(int(card["features"][name]), int(card["hidden"]), int(card["members"]))
                network.load_state_dict(state, strict=True)
                networks.append(network.eval())
            judges[name] = Judge(name, networks, folds)
    except (OSError, RuntimeError, SafetensorError, TypeError, KeyError) as error:
        raise ValueError(f"the judge of mood in {folder} is not of this version of Kallos; train it again") from error
    return MoodBundle(judges["first"], judges["second"], card, folder)
