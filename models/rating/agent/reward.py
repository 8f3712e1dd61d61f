"""What the agent is rewarded for: the rating network on a clip's sound, a head on its latents, its tension, or several.

The network hears the first ``SECONDS``, unlevelled: its rating of eight bars then correlates by .93 or more with that
of the whole sound, at half to a third of the cost (docs/notes/2026-11-23-agent.md). A listener's head comes from an
``.npz`` file with mean, covariance and version. Tension needs no label: an open future and a past that is recognised
(``models.tension.score``). Where several reward, each has a fixed weight: their sum means the same at each step.

A critic holds the agent near real music: it tells real clips from those that the agent played before. It hears
statistics of the notes (``models.metrics.music_statistics``), and learns anew at every step, as the critic of dreams
does: what once gave the agent away stays known. What it takes for real as readily as not gains nothing more. The KL
penalty holds back every change alike; this holds back what leads away from music.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from sklearn.ensemble import ExtraTreesClassifier
from torch import Tensor

from models.metrics.music_statistics import note_statistics
from models.music.decoding import SoundError
from models.music.notes import Domain, MusicError, Piece
from models.music.performance import sounding_seconds
from models.music.render import SAMPLE_RATE_HZ, render
from models.rating.network import Judge, Trained
from models.rating.rater import RatingBundle
from models.rating.sound import checked, log_mel
from models.rating.tagger import padded
from models.style.compose import Composer
from models.style.fingerprint import Fingerprint, rejection_reason
from models.taste.head import Head, utilities
from models.taste.space import TasteSpace, summary

Floats = npt.NDArray[np.float64]
Picture = npt.NDArray[np.float32]

Tension = Callable[[Sequence[Piece]], Floats]  # of pieces ``(pieces,)``; not a number where one can't be heard

SECONDS = 12.0
NAMES = ("network", "head", "sum", "tension", "mixture")
# Of a sum. Clips of the writer differ by .16 (dance) and .21 (pop) standard deviations in the network's rating, by .46
# and .88 in tension, and in a head's utility by about one
WEIGHTS = {"network": 1.0, "head": 0.25, "tension": 0.35}

NEEDED = {
    "network": "a rating network; python -m models.train.rating makes one",
    "head": "a listener's head and the taste space that it lives in",
    "tension": "a tension model; python -m models.train.tension makes one",
}

REMEMBERED = 128  # of the agent's last clips in a domain
REAL = 400  # clips a domain
LEAST = 2  # clips of a kind, without which there is nothing to tell apart
TREES, LEAF = 200, 3


@dataclass(frozen=True)
class Clip:
    """A piece and what a network sees of its first ``seconds``, or of all of it, found when it is asked for."""

    piece: Piece
    seconds: float | None = SECONDS

    @cached_property
    def picture(self) -> Picture | None:
        """``(MELS, frames)``; None where there is no sound."""
        try:
            whole = sounding_seconds(self.piece)
            length = whole if self.seconds is None else min(self.seconds, whole)
            audio = render(self.piece, length, levelled=False)
            return log_mel(checked(audio.mean(axis=1), SAMPLE_RATE_HZ).samples)
        except (MusicError, SoundError):
            return None


Reward = Callable[[Sequence[Clip]], Floats]


"""``reward(clips)`` → ``(clips,)``; not a number for a clip that would never be offered or can't be judged."""


def heard(rate: Callable[[Tensor, Tensor], Tensor], clips: Sequence[Clip]) -> Floats:
    """What ``rate`` says of the padded pictures of clips and their mask; not a number without sound."""
    found = np.full(len(clips), np.nan)
    seen = {row: clip.picture for row, clip in enumerate(clips) if clip.picture is not None}
    if seen:
        batch, mask = padded([torch.from_numpy(each) for each in seen.values()])
        with torch.inference_mode():
            found[list(seen)] = rate(batch, mask).numpy()
    return found


def heard_by_judge(judge: Trained[Judge], clips: Sequence[Clip]) -> Floats:
    """What the judge says of each clip, in standard deviations of p; not a number without sound."""
    return heard(lambda pictures, mask: torch.as_tensor(judge.network(pictures, mask).p), clips)


@dataclass(frozen=True)
class NetworkReward:
    """p by the mean of all members, in standard deviations of p; the judge beside them is never asked."""

    bundle: RatingBundle

    def __call__(self, clips: Sequence[Clip]) -> Floats:
        """See ``Reward``."""
        return heard(lambda pictures, mask: self.bundle.ensemble.standard(pictures, mask).mean(0), clips)


@dataclass(frozen=True)
class HeadReward:
    """The utility that a listener's head expects of a clip, from the latents that its notes are encoded to."""

    head: Head
    space: TasteSpace
    composer: Composer

    def __call__(self, clips: Sequence[Clip]) -> Floats:
        """See ``Reward``."""
        found = np.full(len(clips), np.nan)
        for row, clip in enumerate(clips):
            try:
                features = self.space.features(summary(self.composer.encode(clip.piece)))
            except MusicError:
                continue
            found[row] = utilities(self.head, features).mean[0]
        return found


@dataclass(frozen=True)
class SumReward:
    """Several rewards, each times its weight, added."""

    parts: tuple[tuple[float, Reward], ...]

    def __call__(self, clips: Sequence[Clip]) -> Floats:
        """See ``Reward``."""
        return np.asarray(np.sum([weight * part(clips) for weight, part in self.parts], axis=0))


@dataclass(frozen=True)
class Offered:
    """A reward for clips that could be offered to a listener; others have none."""

    reward: Reward
    known: Fingerprint | None = None

    def __call__(self, clips: Sequence[Clip]) -> Floats:
        """See ``Reward``."""
        usable = [row for row, clip in enumerate(clips) if rejection_reason(clip.piece, self.known) is None]
        found = np.full(len(clips), np.nan)
        found[usable] = self.reward([clips[row] for row in usable])
        return found


def standardised(values: Floats) -> Floats:
    """Less their mean, over their deviation; not-a-number stays."""
    told = values[np.isfinite(values)]
    return (values - told.mean()) / (told.std() + 1e-6) if len(told) else values


def reward_of(
    name: str,
    rating: RatingBundle | None,
    head: Head | None,
    composer: Composer,
    space: TasteSpace | None,
    *,
    tension: Tension | None = None,
) -> Reward:
    """The reward of this name, of clips that could be offered; raises ``ValueError`` where it lacks something.

    A sum is of network and head, a mixture of all three, or of network and tension where there is no head.
    """
    if name not in NAMES:
        raise ValueError(f"{name} was given; a reward is one of {', '.join(NAMES)}")
    parts: Mapping[str, Reward | None] = {
        "network": NetworkReward(rating) if rating is not None else None,
        "head": HeadReward(head, space, composer) if head is not None and space is not None else None,
        "tension": (lambda clips: tension([clip.piece for clip in clips])) if tension is not None else None,
    }
    several = {"sum": ("network", "head"), "mixture": ("network", "tension", *(("head",) if parts["head"] else ()))}
    wanted = {part: parts[part] for part in several.get(name, (name,))}
    chosen = tuple((WEIGHTS[part], reward) for part, reward in wanted.items() if reward is not None)
    if lacking := next((part for part, reward in wanted.items() if reward is None), None):
        raise ValueError(f"the reward {name} needs {NEEDED[lacking]}")
    return Offered(chosen[0][1] if len(chosen) == 1 else SumReward(chosen), composer.bundle.fingerprint)


class Realness:
    """A critic for each domain of ``real``: statistics of real clips ``(clips, statistics)``, from ``described``."""

    def __init__(self, real: Mapping[Domain, Floats], seed: int) -> None:
        self.real, self.seed = dict(real), seed
        self.remembered: dict[Domain, Floats] = {domain: rows[:0] for domain, rows in self.real.items()}

    def learn(self, domain: Domain, played: Floats) -> None:
        """Remember what the agent played, as ``described`` says it."""
        if (there := np.isfinite(played).all(axis=1)).any():
            self.remembered[domain] = np.concatenate([self.remembered[domain], played[there]])[-REMEMBERED:]

    def __call__(self, domain: Domain, rows: Floats) -> Floats:
        """The log odds that each ``described`` clip is real rather than played ``(clips,)``, 0 at most.

        0 while nothing is known; not a number for a clip without notes.
        """
        there = np.isfinite(rows).all(axis=1)
        found = np.where(there, 0.0, np.nan)
        real, played = self.real[domain], self.remembered[domain]
        if min(len(real), len(played)) < LEAST or not there.any():
            return found
        critic = ExtraTreesClassifier(
            TREES, min_samples_leaf=LEAF, max_features="sqrt", class_weight="balanced", random_state=self.seed
        )
        critic.fit(np.concatenate([real, played]), np.repeat([1, 0], [len(real), len(played)]))
        share = critic.predict_proba(rows[there])[:, 1].clip(1 / TREES, 1 - 1 / TREES)
        found[there] = np.minimum(np.log(share / (1 - share)), 0.0)
        return found


def described(pieces: Sequence[Piece]) -> Floats:
    """Statistics of each piece, ``(pieces, statistics)``; not a number throughout for one without notes."""
    rows = [list(note_statistics(piece).values()) if len(piece.notes) else [] for piece in pieces]
    size = max(1, *map(len, rows))
    return np.array([row or [np.nan] * size for row in rows], dtype=np.float64).reshape(len(pieces), size)


def real_statistics(pieces: Mapping[Domain, Sequence[Piece]]) -> dict[Domain, Floats]:
    """What ``Realness`` knows of real clips, by domain."""
    found = {domain: described(clips) for domain, clips in pieces.items()}
    return {domain: rows[np.isfinite(rows).all(axis=1)] for domain, rows in found.items()}


def load_head(composer: Composer, path: Path) -> tuple[TasteSpace, Head]:
    """The taste space beside the style model and the head in it; raises ``OSError``, ``KeyError`` or ``ValueError``."""
    if composer.bundle.taste_space_path is None:
        raise ValueError("this style model has no taste space yet: python -m models.train.taste")
    space = TasteSpace.load(composer.bundle.taste_space_path, composer.version)
    with np.load(path, allow_pickle=False) as kept:
        head = Head.of(kept["mean"], kept["covariance"], str(kept["version"]))
    if head.version != space.version or len(head.mean) != space.size:
        raise ValueError(f"the head in {path} is of {head.version}; this taste space is of {space.version}")
    return space, head
