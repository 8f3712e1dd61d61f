"""One listener's own tie: how well a picture fits music, bilinear in what is measured of both; and the same in words.

Utility of a piece ``m`` with a picture ``p`` is ``p' W m``, and what the listener likes of either whatever it fits: a
linear head (``models.taste.head``) on ``kron(p, m)``, ``m`` and ``p``. The mean of its Gaussian prior is the annotated
tie: each readout goes with the side of the music that most people hear in it. How far somebody follows it as a whole,
or hears the opposite, is doubted on its own.

Music and still pictures are measured in usual deviations. The first four sides of the music stand in the order of the
four readouts that the annotated tie links them with (``models.picture.tie.annotated``). Tempo goes with motion there,
which a still picture has none of. In words the tie says what pictures sound like to somebody, with the odds of it.

Which question to ask next: one piece and two pictures, or one picture and two pieces.

Half of the questions are of either kind. Of some thousand candidates a question is the likelier the more nats its
answer is expected to tell about the tie (``models.taste.acquisition.information_gain``), less for what was shown
before; some are drawn at random. So every question has a known probability.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from models.music.notes import Domain
from models.taste.acquisition import information_gain
from models.taste.explain import MAYBE, SILENT, with_odds
from models.taste.head import Head, Outcome, update

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

SEEN = ("brightness", "warmth", "busyness", "size")  # the readouts of ``models.picture.readouts`` but motion
HEARD: Mapping[str, str] = {  # what the tie calls it → the attribute that measures it in a clip
    "register": "mean_pitch",
    "mode": "mode",
    "density": "onsets_per_bar",
    "loudness": "mean_velocity",
    "tempo": "tempo_bpm",
}
# Mean and standard deviation of each side in 300 real excerpts of eight bars of each kind, tempo as log2 of quarters a
# minute; dance tunes and chorales are written without dynamics, and chorales in one tempo: there the deviation is pop's
USUAL_MUSIC: Mapping[Domain, Floats] = {
    "pop": np.array([[62.5, 0.07, 7.0, 63.6, 6.82], [4.3, 0.19, 2.6, 4.8, 0.38]]),
    "dance": np.array([[72.2, 0.14, 6.6, 70.8, 7.32], [3.1, 0.17, 1.5, 4.8, 0.33]]),
    "chorale": np.array([[61.0, 0.04, 6.0, 72.7, 6.24], [1.6, 0.19, 1.4, 4.8, 0.38]]),
}
MOST = 3.0  # standard deviations
VERSION = "fit-1"  # of what is measured and how a head begins
SIZE = len(SEEN) * len(HEARD) + len(HEARD) + len(SEEN)
TIES = slice(0, len(SEEN) * len(HEARD))  # of the features, those that are the tie
# Two random pictures for a piece differ in utility by some two units, as two clips do in a taste. FOLLOWING_SD is of
# how far the four annotated links are followed together: as much again, or not at all, is one deviation.
ANNOTATED, TIE_SD, FOLLOWING_SD, LIKING_SD = 0.35, 0.25, 0.35, 0.15
# An answer is left, right or equal: nobody can say that neither fits, so that level lies below everything.
MANNER, MANNER_VARIANCE = (0.0, -0.9, -12.0), (0.25, 1.0, 1e-4)
LOOKS: Mapping[str, str] = {"brightness": "bright", "warmth": "warm", "busyness": "busy", "size": "full"}
SOUNDS: Mapping[str, tuple[str, str]] = {  # less and more of it
    "register": ("low", "high"),
    "mode": ("minor", "major"),
    "density": ("sparse", "dense"),
    "loudness": ("soft", "loud"),
    "tempo": ("slow", "fast"),
}


def of_music(attributes: Mapping[str, float], domain: Domain) -> Floats:
    """``attributes`` of a clip, as ``models.metrics.music_statistics`` measures them, standardised: ``(5,)``."""
    values = np.array([attributes[name] for name in HEARD.values()])
    values[-1] = np.log2(max(values[-1], 1.0))
    mean, deviation = USUAL_MUSIC[domain]
    found: Floats = np.clip((values - mean) / deviation, -MOST, MOST)
    return found


def of_pictures(readouts: npt.ArrayLike, usual: npt.ArrayLike) -> Floats:
    """Four ``readouts`` of each picture ``(pictures, 4)`` in deviations of ``usual`` ``(2, 4)``, mean and deviation."""
    mean, deviation = np.asarray(usual, dtype=np.float64)
    found: Floats = np.clip((np.atleast_2d(np.asarray(readouts)) - mean) / deviation, -MOST, MOST)
    return found


def features(music: npt.ArrayLike, pictures: npt.ArrayLike) -> Floats:
    """Features ``(..., SIZE)`` of ``music`` ``(..., 5)`` with ``pictures`` ``(..., 4)``, both standardised."""
    heard, seen = np.asarray(music, dtype=np.float64), np.asarray(pictures, dtype=np.float64)
    shape = np.broadcast_shapes(heard.shape[:-1], seen.shape[:-1])
    heard, seen = np.broadcast_to(heard, (*shape, len(HEARD))), np.broadcast_to(seen, (*shape, len(SEEN)))
    both = (seen[..., :, None] * heard[..., None, :]).reshape(*shape, -1)
    found: Floats = np.concatenate([both, heard, seen], axis=-1)
    return found


def annotated() -> Floats:
    """The annotated tie as mean of the weights, ``(SIZE,)``."""
    mean = np.zeros(SIZE)
    mean[TIES] = ANNOTATED * np.eye(len(SEEN), len(HEARD)).ravel()
    return mean


def new_head(*, tied: bool = True) -> Head:
    """Of somebody who has picked nothing yet; with ``tied`` false nothing is thought to go with anything."""
    variance = np.full(SIZE, LIKING_SD**2)
    variance[TIES] = TIE_SD**2
    covariance, mean = np.diag(variance), np.zeros(SIZE)
    if tied:
        mean = annotated()
        covariance += (FOLLOWING_SD / ANNOTATED) ** 2 * np.outer(mean, mean)
    return Head.of(mean, covariance, VERSION, manner=MANNER, manner_variance=MANNER_VARIANCE)


def learned(head: Head, left: npt.ArrayLike, right: npt.ArrayLike, outcome: Outcome) -> Head:
    """The head after an answer about two pairs of piece and picture with features ``(SIZE,)``; of the same shared side.

    Only their difference is told, so nothing is learned of how well any of them fits. Raises ``ValueError`` on
    another outcome or other shapes.
    """
    half = (np.asarray(left, dtype=np.float64) - np.asarray(right, dtype=np.float64)) / 2
    return update(head, half, -half, outcome)


def tie(head: Head) -> tuple[Floats, Floats]:
    """Weights ``(4, 5)`` of each readout with each side of the music, and how unsure each is (standard deviation)."""
    shape = (len(SEEN), len(HEARD))
    doubt = np.sqrt(np.maximum(np.diag(head.covariance)[TIES], 0.0))
    return head.mean[TIES].reshape(shape), doubt.reshape(shape)


def links(head: Head) -> Floats:
    """The tie as a film is set to music by it, ``(5, 5)``: what each readout asks of each side, in deviations.

    The annotated tie is the identity. Motion, of which picks tell nothing, keeps asking for tempo.
    No side is asked for more than one deviation where readouts move by one.
    """
    return links_of(head.mean)


def links_of(weights: Floats) -> Floats:
    """Links ``(5, 5)`` of somebody with these ``weights`` ``(SIZE,)``; see ``links``."""
    own = np.zeros((len(SEEN) + 1, len(HEARD)))
    own[: len(SEEN)] = weights[TIES].reshape(len(SEEN), len(HEARD)) / ANNOTATED
    own[-1, -1] = 1.0
    found: Floats = own / np.maximum(1.0, np.linalg.norm(own, axis=0))
    return found


@dataclass(frozen=True)
class Link:
    """How a readout of pictures goes with a side of the music for a listener.

    ``weight`` and its posterior ``sd``; ``odds`` that its sign is right (0.5 to 1). ``own``: share of the prior doubt
    that the listener's picks took away; below ``SILENT`` it is most people's link and hardly theirs. ``words`` say
    it: "warm pictures probably sound low to you (9 in 10)".
    """

    readout: str
    side: str
    weight: float
    sd: float
    odds: float
    own: float
    words: str

    @property
    def guessed(self) -> bool:
        """Whether picks hardly tell of it yet."""
        return self.own < SILENT


def all_links(head: Head) -> list[Link]:
    """Every readout with every side, the strongest first."""
    (weights, doubts), (_, before) = tie(head), tie(new_head())
    kept = doubts**2 / before**2
    found = []
    for place, readout in enumerate(SEEN):
        for column, side in enumerate(HEARD):
            weight, sd = float(weights[place, column]), float(doubts[place, column])
            odds = float(ndtr(abs(weight) / sd)) if sd > 0 else 0.5
            sounds = SOUNDS[side][weight > 0]
            words = f"{LOOKS[readout]} pictures {with_odds(f'sound {sounds} to you', odds)}"
            found.append(Link(readout, side, weight, sd, odds, 1 - float(kept[place, column]), words))
    return sorted(found, key=lambda link: -abs(link.weight))


def told(head: Head) -> list[Link]:
    """What the listener's own picks tell: links that are sure enough to be said, the strongest first."""
    return [link for link in all_links(head) if link.odds >= MAYBE and not link.guessed]


def most_hear(head: Head) -> list[Link]:
    """Links that most people hear and of which the listener's own picks hardly tell, the strongest first."""
    return [link for link in all_links(head) if link.guessed and link.odds >= MAYBE and _usual(link) * link.weight > 0]


def unlike_most(link: Link) -> bool:
    """Whether most people hear the opposite."""
    return link.weight * _usual(link) < 0


def _usual(link: Link) -> float:
    """The annotated weight."""
    place = SEEN.index(link.readout) * len(HEARD) + list(HEARD).index(link.side)
    return float(annotated()[place])


Kind = Literal["pictures", "pieces"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Fit = tuple[int, int]  # a piece and a picture
Compared = frozenset[Fit]

CANDIDATES = 2000  # questions of a kind, which take some milliseconds
CONTROL = 0.1  # share of questions that are drawn at random
SHARPNESS = 40.0  # inverse temperature over scores of which the best is 1
FAMILIAR = 0.05  # of the best score, what it costs that a piece or a picture was shown once before
INFORMATION, RANDOM = "information", "control"


class NoQuestionLeftError(LookupError):
    """Every question about these pieces and pictures was asked."""


@dataclass(frozen=True)
class Question:
    """Two pairs of a piece and a picture with one of them shared; of ``kind`` "pictures" it is the piece.

    ``probability`` of the unordered question given the candidates; ``policy``: which component drew it.
    """

    kind: Kind
    left: Fit
    right: Fit
    policy: str
    probability: float


@dataclass(frozen=True)
class Shown:
    """How often each piece ``(M,)`` and each picture ``(P,)`` was shown, and what was ``compared`` already."""

    pieces: Integers
    pictures: Integers
    compared: Collection[Compared] = ()

    @classmethod
    def nothing(cls, pieces: int, pictures: int) -> Shown:
        """Of so many."""
        return cls(np.zeros(pieces, dtype=np.int64), np.zeros(pictures, dtype=np.int64))

    def and_then(self, left: Fit, right: Fit) -> Shown:
        """With one more question."""
        pieces, pictures = self.pieces.copy(), self.pictures.copy()
        for times, both in ((pieces, {left[0], right[0]}), (pictures, {left[1], right[1]})):
            times[list(both)] += 1
        return Shown(pieces, pictures, {*self.compared, frozenset((left, right))})


def choose(
    head: Head, music: Floats, pictures: Floats, *, shown: Shown, generator: np.random.Generator, seed: int = 0,
    control: float = CONTROL,
) -> Question:  # fmt: skip
    """Draw a question about ``music`` ``(M, 5)`` and ``pictures`` ``(P, 4)``, both standardised.

    ``seed`` and the number of questions so far fix the candidates; ``control`` is the share drawn at random.
    Raises ``NoQuestionLeftError``.
    """
    plans = {
        kind: found
        for number, kind in enumerate(KINDS)
        if len(found := candidates(kind, shown, (seed, len(shown.compared), number)))
    }
    if not plans:
        raise NoQuestionLeftError(f"all questions about {len(music)} pieces and {len(pictures)} pictures were asked")
    kind = list(plans)[int(generator.integers(len(plans)))]
    asked = plans[kind]
    even = np.full(len(asked), 1 / len(asked))
    told = np.exp(SHARPNESS * _scores(head, music, pictures, asked, shown)) if control < 1 else even
    weights = {INFORMATION: (1 - control, told / told.sum()), RANDOM: (control, even)}
    policy = INFORMATION if generator.random() >= control else RANDOM
    row = int(generator.choice(len(asked), p=weights[policy][1]))
    left, right = ((int(piece), int(picture)) for piece, picture in asked[row])
    if generator.random() < 0.5:
        left, right = right, left
    probability = sum(share * float(weight[row]) for share, weight in weights.values()) / len(plans)
    return Question(kind, left, right, policy, probability)


def candidates(kind: Kind, shown: Shown, seed: tuple[int, ...]) -> Integers:
    """Different questions of a kind that were not asked, drawn at random: ``(Q, 2, 2)``, pairs of piece and picture."""
    counts = np.array([len(shown.pieces), len(shown.pictures)])
    own, other = (0, 1) if kind == "pictures" else (1, 0)  # the column that is shared, and the other one
    if counts[own] < 1 or counts[other] < 2:
        return np.zeros((0, 2, 2), dtype=np.int64)
    drawn = np.random.default_rng(seed).integers(0, [counts[own], counts[other], counts[other]], size=(CANDIDATES, 3))
    drawn[:, 1:].sort(axis=1)
    shared, first, second = drawn[drawn[:, 1] < drawn[:, 2]].T
    numbers = _number(shared, first, second, counts[other])
    asked = [
        _number(one[own], min(one[other], two[other]), max(one[other], two[other]), counts[other])
        for one, two in map(tuple, shown.compared)
        if one[own] == two[own]
    ]
    shared, pair = np.divmod(np.setdiff1d(numbers, asked), counts[other] ** 2)
    found = np.empty((len(shared), 2, 2), dtype=np.int64)
    found[:, :, own] = shared[:, None]
    found[:, 0, other], found[:, 1, other] = np.divmod(pair, counts[other])
    return found


def _number(shared: Any, first: Any, second: Any, others: int) -> Any:
    """A number that no other question of its kind has; for arrays as well."""
    return (shared * others + first) * others + second


def _scores(head: Head, music: Floats, pictures: Floats, asked: Integers, shown: Shown) -> Floats:
    """Of each question ``(Q,)``: the nats that its answer tells, the most being 1, less what is familiar."""
    x = features(music[asked[:, :, 0]], pictures[asked[:, :, 1]])
    difference = x[:, 0] - x[:, 1]
    variance = ((difference @ head.covariance) * difference).sum(1)
    gain = information_gain(difference @ head.mean, variance, head.tie).astype(np.float64)
    familiar = (shown.pieces[asked[:, :, 0]] + shown.pictures[asked[:, :, 1]]).sum(1)
    found = gain / max(float(gain.max()), 1e-12) - FAMILIAR * familiar
    best: Floats = found - found.max()
    return best
