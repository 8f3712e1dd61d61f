"""Networks on the log-mel picture alone, trained here and nowhere else: a rating without a tagger of other people.

Their architecture is the judge's (``network.Judge``), but the judge is not among them: it stays apart from whatever is
rated or dreamt. One network for each fold, so that each track of the collection has one that never heard it. They lie
beside the rating model whose folds they share.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load, save
from torch import Tensor

from models.experiments.provenance import commit
from models.rating.material import Picture
from models.rating.network import Judge, JudgeConfig, Scale, Trained

Floats = npt.NDArray[np.float64]

WEIGHTS_FILE, ABOUT = "mel.safetensors", "mel.json"


@dataclass(frozen=True)
class MelEnsemble:
    """One network a fold, and what is told of them: ``validation`` with ``pairs``, ``error`` and ``predicted``."""

    members: tuple[Trained[Judge], ...]
    about: Mapping[str, Any]

    def standard(self, pictures: Tensor, mask: Tensor | None = None) -> Tensor:
        """What each says of pictures ``(batch, MELS, frames)``, in standard deviations of p: ``(members, batch)``."""
        return torch.stack([one.network(pictures, mask).p for one in self.members])

    def each(self, pictures: Sequence[Picture]) -> Floats:
        """p by each member of whole sounds ``(MELS, frames)``: ``(members, sounds)``."""
        with torch.inference_mode():
            seen = [torch.from_numpy(np.ascontiguousarray(picture))[None] for picture in pictures]
            return np.array([
                [one.network(each).p.item() * one.scale.deviation + one.scale.mean for each in seen]
                for one in self.members
            ])  # fmt: skip

    def rate(self, pictures: Sequence[Picture], fold: npt.NDArray[np.int64]) -> Floats:
        """p ``(sounds,)``: the mean of all, or, where ``fold`` is not -1, by the one that has not learned from it."""
        found, own = self.each(pictures), np.array([one.fold for one in self.members])[:, None]
        asked = (fold < 0) | (own == fold)
        return np.asarray((found * asked).sum(axis=0) / asked.sum(axis=0))


def save_mel(folder: Path, members: Sequence[Trained[Judge]], about: Mapping[str, Any]) -> None:
    """Write the weights, float16, and what is told of them, beside the rating model in ``folder``."""
    weights = save({
        f"{index}.{name}": value.detach().half().contiguous()
        for index, one in enumerate(members)
        for name, value in one.network.state_dict().items()
    })  # fmt: skip
    (folder / WEIGHTS_FILE).write_bytes(weights)
    full = {
        "commit": commit(), **about, "config": asdict(members[0].network.config),
        "members": [{"fold": one.fold, **asdict(one.scale)} for one in members], "sha256": sha256(weights).hexdigest(),
    }  # fmt: skip
    (folder / ABOUT).write_text(json.dumps(full, indent=2) + "\n", encoding="utf-8")


def load_mel(folder: Path) -> MelEnsemble | None:
    """Those beside the rating model in ``folder``, None where there are none; raises ``ValueError`` for other ones."""
    if not (folder / ABOUT).is_file():
        return None
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    weights = (folder / WEIGHTS_FILE).read_bytes()
    if sha256(weights).hexdigest() != about["sha256"]:
        raise ValueError(f"{folder / WEIGHTS_FILE} is not the file that {ABOUT} names; copy the whole folder again")
    state = load(weights)
    config = JudgeConfig(**{**about["config"], "dilations": tuple(about["config"]["dilations"])})
    members = []
    for index, each in enumerate(about["members"]):
        network, prefix = Judge(config), f"{index}."
        network.load_state_dict(
            {name.removeprefix(prefix): value.float() for name, value in state.items() if name.startswith(prefix)}
        )
        members.append(Trained(network.eval(), Scale(each["mean"], each["deviation"]), each["fold"]))
    return MelEnsemble(tuple(members), about)
