"""Saving and loading rating networks: one float16 safetensors file of all members beside a JSON card; strict.

``held_out.json`` says which sounds no member of a fold has learned from, so that on its own data the shipped model is
asked as if it had never heard them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from models.style.card import WEIGHTS, sha256

from .judge import Judge, JudgeConfig
from .material import Floats, Picture
from .network import RatingConfig, RatingNetwork
from .outlier import Heard
from .training import Network, Scale, predicted

SHIPPED = "rating-cpu"
WEIGHTS_FILE, CARD, HELD_OUT, ABLATIONS = "rating.safetensors", "card.json", "held_out.json", "ablations.json"


@dataclass(frozen=True)
class Trained:
    """A network, how it speaks of p, and the fold it has not learned from."""

    network: Network
    scale: Scale
    fold: int


@dataclass(frozen=True)
class RatingBundle:
    """All members, the card, what music was like, the fold of each sound by digest, and a judge of another kind."""

    members: tuple[Trained, ...]
    card: Mapping[str, Any]
    heard: Heard
    folds: Mapping[str, int]
    judge: Trained
    folder: Path

    @property
    def version(self) -> str:
        """Which weights these are."""
        return str(self.card["version"])

    def each(self, pictures: Sequence[Picture]) -> Floats:
        """p by each member ``(members, tracks)``."""
        return np.array([predicted(one.network, one.scale, pictures) for one in self.members])

    def rate(self, pictures: Sequence[Picture], digests: Sequence[str] = ()) -> Floats:
        """p ``(tracks,)``: the mean of all members, or of those that have not learned from the sound of this digest."""
        found = self.each(pictures)
        fold = np.array([self.folds.get(digest, -1) for digest in digests] or [-1] * len(pictures))
        own = np.array([one.fold for one in self.members])[:, None]
        asked = (fold < 0) | (own == fold)
        return np.asarray((found * asked).sum(axis=0) / asked.sum(axis=0))


def save_bundle(
    folder: Path,
    members: Sequence[Trained],
    judge: Trained,
    card: Mapping[str, Any],
    *,
    heard: Heard,
    folds: Mapping[str, int],
) -> None:
    """Write the weights, ``held_out.json`` and, last, ``card.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    path, part = folder / WEIGHTS_FILE, folder / "rating.part"
    state = {
        f"{index}.{name}": value.detach().half().contiguous()
        for index, one in enumerate([*members, judge])
        for name, value in one.network.state_dict().items()
    }
    save_file(state, part)
    part.replace(path)
    (folder / HELD_OUT).write_text(json.dumps(dict(sorted(folds.items())), indent=0) + "\n", encoding="utf-8")
    digest = sha256(path)
    full = {
        "version": f"rating-{card['preset']}-{card['seed']}-{digest[:8]}", **card,
        "members": [{"fold": one.fold, **asdict(one.scale)} for one in [*members, judge]],  # the judge is the last
        "heard": heard.to_json(), "sha256": {"rating": digest},
    }  # fmt: skip
    part.write_text(json.dumps(full, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(folder / CARD)


@lru_cache(maxsize=2)
def load_bundle(name_or_path: str | Path = SHIPPED) -> RatingBundle:
    """A shipped model by name or one of your own by folder; raises ``FileNotFoundError`` or ``ValueError``."""
    shipped = WEIGHTS / name_or_path
    folder = shipped if isinstance(name_or_path, str) and shipped.is_dir() else Path(name_or_path).expanduser()
    if not (folder / CARD).is_file() or not (folder / WEIGHTS_FILE).is_file():
        raise FileNotFoundError(f"no rating model at {folder}; python -m models.train.rating makes one, in OUT/bundle")
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        config = RatingConfig(**{**card["config"], "channels": tuple(card["config"]["channels"])})
        judging = JudgeConfig(**{**card["judge"], "dilations": tuple(card["judge"]["dilations"])})
        about, expected = card["members"], card["sha256"]["rating"]
        heard = Heard.from_json(card["heard"])
        folds = json.loads((folder / HELD_OUT).read_text(encoding="utf-8"))
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise ValueError(f"{folder / CARD} is not the card of a rating model ({error})") from error
    if (found := sha256(folder / WEIGHTS_FILE)) != expected:
        raise ValueError(f"{folder / WEIGHTS_FILE} has sha256 {found}, its card says {expected}; fetch it again")
    try:
        state = load_file(folder / WEIGHTS_FILE)
    except SafetensorError as error:
        raise ValueError(f"{folder / WEIGHTS_FILE} can't be read ({error}); fetch it again") from error
    members = []
    for index, each in enumerate(about):
        network: Network = Judge(judging) if index == len(about) - 1 else RatingNetwork(config)
        prefix = f"{index}."
        network.load_state_dict(
            {name.removeprefix(prefix): v.to(torch.float32) for name, v in state.items() if name.startswith(prefix)}
        )
        members.append(Trained(network.eval(), Scale(each["mean"], each["deviation"]), each["fold"]))
    return RatingBundle(tuple(members[:-1]), card, heard, folds, members[-1], folder)
