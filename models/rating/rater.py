"""Rating models as they are saved, and rating a sound: p with its doubt and its rank, or that it is an outlier.

One float16 safetensors file has all members, beside a JSON card; loading is strict. ``held_out.json`` says which sounds
no member of a fold has learned from, so that the shipped model rates its own data by networks that were not trained on
them.

A noise, a hum or a scrape gets no rating, whatever the network would say (``Heard``). Its outlier score is Mahalanobis'
distance of eleven statistics of the picture from those of real music, in excerpts of 2 to 30 s, with the shrunk
covariance of Ledoit & Wolf (2004). 1 is the distance that one excerpt in fifty exceeds: at one in two hundred, coloured
noise lay on the border. A chord that dies away is nothing like a whole piece, so chords are a kind of their own, and
what is near to neither kind is an outlier.

``MelEnsemble``: networks on the log-mel picture alone, trained here and nowhere else, without other people's tagger.
Their architecture is the judge's (``network.Judge``), but the judge is not among them: it stays apart from whatever is
rated or dreamt. One network for each fold, so that each track of the collection has one that was not trained on it.
They lie beside the rating model whose folds they share.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load, load_file, save
from torch import Tensor

from models.experiments.provenance import commit
from models.metrics.intervals import NORMAL_95
from models.rating.material import Floats, Picture
from models.rating.mel_bands import MELS
from models.rating.network import Ensemble, Judge, JudgeConfig, RatingConfig, RatingNetwork, Scale, Trained
from models.rating.sound import DARK, FRAMES_A_SECOND, Sound, log_mel
from models.rating.tagger import FeatureExtractor, load_tagger
from models.style.bundle import CARD, BundleFormat

EXCERPTS_S = (2.0, 5.0, 10.0, 30.0)
RARE = 0.98
TOGETHER = 3  # frames, a twentieth of a second

SHIPPED = "rating-cpu"
ABLATIONS = "ablations.json"
FORMAT = BundleFormat("rating", "rating model", "python -m models.train.rating makes one, in OUT/bundle")

MEL_WEIGHTS, MEL_ABOUT = "mel.safetensors", "mel.json"


def statistics(picture: Picture) -> Floats:
    """Peaked or flat, sustained or fluttering, rising faster than falling, …: ``(11,)``.

    Peaks, roughness, sustain (short, long), change, rises, bursts, spread of level, centroid and its spread, dark.
    """
    seen = _slower(np.asarray(picture, dtype=np.float64))
    level = seen.max(axis=0)
    heard = seen[:, level > DARK + 2]
    if heard.shape[1] < 6:
        heard = seen if seen.shape[1] >= 6 else np.pad(seen, ((0, 0), (0, 6 - seen.shape[1])), mode="edge")
    frame = heard.mean(axis=0)
    rest = heard - heard.mean(axis=1, keepdims=True) - frame + heard.mean()
    power = (rest**2).mean() + 1e-6
    change = np.diff(heard, axis=1)
    size = np.sqrt((change**2).mean()) + 1e-6
    share = np.exp(heard - heard.max(axis=0))
    centroid = (share * np.arange(MELS)[:, None]).sum(axis=0) / share.sum(axis=0)
    return np.array([
        float((np.log(share.mean(axis=0)) - np.log(share).mean(axis=0)).mean()),
        float(np.abs(np.diff(heard, n=2, axis=0)).mean()),
        float((rest[:, 1:] * rest[:, :-1]).mean() / power),
        float((rest[:, 4:] * rest[:, :-4]).mean() / power),
        float(np.log(size)),
        float((change**3).mean() / size**3),
        float(np.log((change**4).mean() / size**4 + 0.1)),
        float(np.log(frame.std() + 0.05)),
        float(centroid.mean()),
        float(np.log(centroid.std() + 0.1)),
        float((heard < DARK + 1).mean()),
    ])  # fmt: skip


def _slower(picture: Floats) -> Floats:
    """The mean power of every ``TOGETHER`` frames."""
    starts = np.arange(0, picture.shape[1], TOGETHER)
    counts = np.diff([*starts, picture.shape[1]])
    return np.asarray(np.log(np.add.reduceat(np.exp(picture), starts, axis=1) / counts))


@dataclass(frozen=True)
class Kind:
    """What one kind of sound was like: ``mean`` ``(11,)``, ``precision`` ``(11, 11)``, and the distance that is 1."""

    mean: Floats
    precision: Floats
    limit: float

    @classmethod
    def of(cls, pictures: Sequence[Picture], *, seed: int = 0) -> Self:
        """Learned from pictures ``(MELS, frames)``, a random excerpt of each length from each."""
        from sklearn.covariance import LedoitWolf  # noqa: PLC0415 (over a second; whoever rates doesn't need it)

        rng = np.random.default_rng([seed, 11])
        rows = []
        for picture in pictures:
            for seconds in EXCERPTS_S:
                frames = min(int(seconds * FRAMES_A_SECOND), picture.shape[1])
                start = int(rng.integers(0, picture.shape[1] - frames + 1))
                rows.append(statistics(picture[:, start : start + frames]))
        table = np.array(rows)
        fitted = LedoitWolf().fit(table)
        found = cls(fitted.location_, fitted.precision_, 1.0)
        return cls(found.mean, found.precision, float(np.quantile([found.score(row) for row in table], RARE)))

    def score(self, row: Floats) -> float:
        """How far from the mean, in limits."""
        away = row - self.mean
        return float(np.sqrt(max(float(away @ self.precision @ away), 0.0))) / self.limit

    def to_json(self) -> dict[str, Any]:
        """For the card beside the weights."""
        return {"mean": self.mean.tolist(), "precision": self.precision.tolist(), "limit": self.limit}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """What ``to_json`` wrote."""
        return cls(np.array(data["mean"]), np.array(data["precision"]), float(data["limit"]))


@dataclass(frozen=True)
class Heard:
    """The kinds of sound that were heard: music, and chords that stand alone."""

    kinds: tuple[Kind, ...]

    @classmethod
    def of(cls, *kinds: Sequence[Picture], seed: int = 0) -> Self:
        """Learned from pictures of each kind."""
        return cls(tuple(Kind.of(each, seed=seed) for each in kinds if each))

    @property
    def music(self) -> Kind:
        """The first kind."""
        return self.kinds[0]

    def score(self, picture: Picture) -> float:
        """0: as music mostly is; above 1: unlike anything heard."""
        row = statistics(picture)
        return min(kind.score(row) for kind in self.kinds)

    def to_json(self) -> list[dict[str, Any]]:
        """For the card beside the weights."""
        return [kind.to_json() for kind in self.kinds]

    @classmethod
    def from_json(cls, data: list[dict[str, Any]]) -> Self:
        """What ``to_json`` wrote."""
        return cls(tuple(Kind.from_json(each) for each in data))


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
    (folder / MEL_WEIGHTS).write_bytes(weights)
    full = {
        "commit": commit(), **about, "config": asdict(members[0].network.config),
        "members": [{"fold": one.fold, **asdict(one.scale)} for one in members], "sha256": sha256(weights).hexdigest(),
    }  # fmt: skip
    (folder / MEL_ABOUT).write_text(json.dumps(full, indent=2) + "\n", encoding="utf-8")


def load_mel(folder: Path) -> MelEnsemble | None:
    """Those beside the rating model in ``folder``, None where there are none; raises ``ValueError`` for other ones."""
    if not (folder / MEL_ABOUT).is_file():
        return None
    about = json.loads((folder / MEL_ABOUT).read_text(encoding="utf-8"))
    version = json.loads((folder / CARD).read_text(encoding="utf-8"))["version"]
    if about["rating"] != version:
        raise ValueError(
            f"{folder / MEL_ABOUT} is of networks beside {about['rating']}, and {version} is here; "
            "python -m models.train.rating --mel trains them again"
        )
    weights = (folder / MEL_WEIGHTS).read_bytes()
    if sha256(weights).hexdigest() != about["sha256"]:
        raise ValueError(f"{folder / MEL_WEIGHTS} is not the file that {MEL_ABOUT} names; copy the whole folder again")
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
