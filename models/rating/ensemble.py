"""Networks that rate together what is extracted once for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .augmentation import Picture
from .features import FeatureExtractor, Features
from .judge import Judge
from .network import RatingNetwork

Floats = npt.NDArray[np.float64]
Network = TypeVar("Network", RatingNetwork, Judge)


@dataclass(frozen=True)
class Scale:
    """The network speaks of p in standard deviations from the mean."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, p: Floats) -> Scale:
        """From the tracks that are learned from."""
        return cls(float(p.mean()), max(float(p.std()), 1e-3))


@dataclass(frozen=True)
class Trained(Generic[Network]):
    """A network, how it speaks of p, and the fold it has not learned from."""

    network: Network
    scale: Scale
    fold: int


def judged(judge: Trained[Judge], pictures: Sequence[Picture]) -> Floats:
    """p of each picture ``(MELS, frames)`` by the judge, ``(sounds,)``."""
    with torch.inference_mode():
        found = [judge.network(torch.from_numpy(np.ascontiguousarray(each))[None]).p.item() for each in pictures]
    return np.array(found) * judge.scale.deviation + judge.scale.mean


@dataclass(frozen=True)
class Ensemble:
    """``members`` behind one ``extractor``."""

    extractor: FeatureExtractor
    members: tuple[Trained[RatingNetwork], ...]

    def standard(self, pictures: Tensor, mask: Tensor | None = None) -> Tensor:
        """What each says of pictures ``(batch, MELS, frames)``, in standard deviations of p: ``(members, batch)``."""
        features = self.extractor(pictures, mask)
        return torch.stack([one.network(features).p for one in self.members])

    def heard(self, picture: Picture) -> Features:
        """What all of them see of a whole sound ``(MELS, frames)``."""
        with torch.inference_mode():
            found: Features = self.extractor(torch.from_numpy(np.ascontiguousarray(picture))[None])
        return found

    def each(self, heard: Sequence[Features]) -> Floats:
        """p by each member of what was ``heard`` of each sound, ``(members, sounds)``."""
        with torch.inference_mode():
            return np.array([
                [one.network(features).p.item() * one.scale.deviation + one.scale.mean for features in heard]
                for one in self.members
            ])  # fmt: skip
