"""What the agent is rewarded for: the rating network on the sound of a clip, a listener's head on its latents, or both.

The network hears the first ``SECONDS``, unlevelled: its rating of eight bars then correlates by .93 or more with that
of the whole sound, at half to a third of the cost (docs/notes/2026-11-23-agent.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.music.decoding import SoundError
from models.music.notes import MusicError, Piece
from models.music.performance import sounding_seconds
from models.music.render import SAMPLE_RATE_HZ, render
from models.rating.checkpoint import RatingBundle
from models.rating.ensemble import Trained
from models.rating.features import padded
from models.rating.judge import Judge
from models.rating.sound import checked
from models.rating.spectrogram import log_mel
from models.style.compose import Composer
from models.style.fingerprint import Fingerprint
from models.style.screen import rejection_reason
from models.taste.head import Head, utilities
from models.taste.space import TasteSpace, summary

Floats = npt.NDArray[np.float64]
Picture = npt.NDArray[np.float32]
SECONDS = 12.0
NAMES = ("network", "head", "sum")


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
    """Several rewards, each standardised over the clips that stand beside each other, added."""

    parts: tuple[Reward, ...]

    def __call__(self, clips: Sequence[Clip]) -> Floats:
        """See ``Reward``."""
        return np.asarray(np.sum([standardised(part(clips)) for part in self.parts], axis=0))


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
    name: str, rating: RatingBundle | None, head: Head | None, composer: Composer, space: TasteSpace | None
) -> Reward:
    """The reward of this name, of clips that could be offered; raises ``ValueError`` where it lacks something."""
    if name not in NAMES:
        raise ValueError(f"{name} was given; a reward is one of {', '.join(NAMES)}")
    if name != "network" and (head is None or space is None):
        raise ValueError(f"the reward {name} needs a listener's head and the taste space that it lives in")
    parts: Mapping[str, Reward | None] = {
        "network": NetworkReward(rating) if rating is not None else None,
        "head": HeadReward(head, space, composer) if head is not None and space is not None else None,
    }
    wanted = [part for key, part in parts.items() if name in (key, "sum")]
    chosen = tuple(part for part in wanted if part is not None)
    if len(chosen) < len(wanted):
        raise ValueError(f"the reward {name} needs a rating network; python -m models.train.rating makes one")
    return Offered(chosen[0] if len(chosen) == 1 else SumReward(chosen), composer.bundle.fingerprint)
