"""Rating models as they are saved, and rating a sound: p with its doubt and its rank, or that it is an outlier.

One float16 safetensors file has all members, beside a JSON card; loading is strict. ``held_out.json`` says which sounds
no member of a fold has learned from, so that on its own data the shipped model is asked as if it had never heard them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save

from models.metrics.intervals import NORMAL_95
from models.style.bundle import BundleFormat

from .material import Floats, Picture
from .mel import MelEnsemble
from .network import Ensemble, Judge, JudgeConfig, RatingConfig, RatingNetwork, Scale, Trained
from .outlier import Heard
from .sound import Sound, log_mel
from .tagger import FeatureExtractor, load_tagger

SHIPPED = "rating-cpu"
ABLATIONS = "ablations.json"
FORMAT = BundleFormat("rating", "rating model", "python -m models.train.rating makes one, in OUT/bundle")


@dataclass(frozen=True)
class RatingBundle:
    """The networks, the card, what music was like, the fold of each sound by digest, and a judge of another kind."""

    ensemble: Ensemble
    card: Mapping[str, Any]
    heard: Heard
    folds: Mapping[str, int]
    judge: Trained[Judge]
    folder: Path

    @property
    def version(self) -> str:
        """Which weights these are."""
        return str(self.card["version"])

    def rate(self, pictures: Sequence[Picture], digests: Sequence[str] = ()) -> Floats:
        """p ``(tracks,)``: the mean of all members, or of those that have not learned from the sound of this digest."""
        found = self.ensemble.each([self.ensemble.heard(picture) for picture in pictures])
        fold = np.array([self.folds.get(digest, -1) for digest in digests] or [-1] * len(pictures))
        own = np.array([one.fold for one in self.ensemble.members])[:, None]
        asked = (fold < 0) | (own == fold)
        return np.asarray((found * asked).sum(axis=0) / asked.sum(axis=0))


def save_bundle(
    folder: Path,
    members: Sequence[Trained[RatingNetwork]],
    judge: Trained[Judge],
    card: Mapping[str, Any],
    *,
    heard: Heard,
    folds: Mapping[str, int],
) -> None:
    """Write the weights, ``held_out.json`` and, last, ``card.json``."""
    every: list[Trained[RatingNetwork] | Trained[Judge]] = [*members, judge]
    state = {
        f"{index}.{name}": value.detach().half().contiguous()
        for index, one in enumerate(every)
        for name, value in one.network.state_dict().items()
    }
    scales = [{"fold": one.fold, **asdict(one.scale)} for one in every]  # the judge is the last
    full = {**card, "members": scales, "heard": heard.to_json()}
    FORMAT.save(folder, save(state), full, held_out=dict(sorted(folds.items())))


@lru_cache(maxsize=2)
def load_bundle(name_or_path: str | Path = SHIPPED) -> RatingBundle:
    """A shipped model by name or one of your own by folder; raises ``FileNotFoundError`` or ``ValueError``."""
    with FORMAT.opened(name_or_path) as found:
        card, state = found.card, load_file(found.weights)
        tagger, version = load_tagger()
        if card["tagger"] != version:
            raise ValueError(
                f"the rating model in {found.folder} listens through {card['tagger']}, and {version} is here; "
                "train it again"
            )
        config = RatingConfig(**card["config"])
        judging = JudgeConfig(**{**card["judge"], "dilations": tuple(card["judge"]["dilations"])})
        networks = [RatingNetwork(config) for _ in card["members"][:-1]]
        judge = Judge(judging)
        for index, network in enumerate([*networks, judge]):
            prefix = f"{index}."
            network.load_state_dict(
                {name.removeprefix(prefix): v.to(torch.float32) for name, v in state.items() if name.startswith(prefix)}
            )
            network.eval()
        scales = [(Scale(each["mean"], each["deviation"]), each["fold"]) for each in card["members"]]
        members = tuple(Trained(network, *scale) for network, scale in zip(networks, scales[:-1], strict=True))
        heard, folds = Heard.from_json(card["heard"]), found.held_out()
    return RatingBundle(
        Ensemble(FeatureExtractor(tagger), members), card, heard, folds, Trained(judge, *scales[-1]), found.folder
    )


@dataclass(frozen=True)
class Rating:
    """``p`` with its 95 % interval, and the share of tracks that were liked less; all None for an outlier.

    ``outlier``: above 1 the sound is unlike all music heard, and no rating is given.
    """

    outlier: float
    p: float | None = None
    low: float | None = None
    high: float | None = None
    rank: float | None = None


def rate(bundle: RatingBundle, sound: Sound, mel: MelEnsemble | None = None) -> Rating:
    """What ``bundle`` says of ``sound``, or ``mel`` in its place: the doubt is how far off it was on unheard tracks."""
    picture = log_mel(sound.samples)
    outlier = bundle.heard.score(picture)
    if outlier > 1:
        return Rating(outlier)
    found = mel.each([picture]) if mel else bundle.ensemble.each([bundle.ensemble.heard(picture)])
    each, validation = found[:, 0], (mel.about if mel else bundle.card)["validation"]
    p = float(each.mean())
    doubt = NORMAL_95 * float(np.hypot(validation["error"], each.std()))
    scores = np.asarray(validation["predicted"], dtype=np.float64)
    return Rating(outlier, p, max(p - doubt, 0.0), p + doubt, float((scores < p).mean()))


def order(ratings: list[Rating]) -> list[int]:
    """Places of ``ratings``, best first; what is unlike anything heard comes last, the strangest at the end."""

    def place(at: int) -> tuple[bool, float, float]:
        return ratings[at].p is None, -(ratings[at].p or 0.0), ratings[at].outlier

    return sorted(range(len(ratings)), key=place)
