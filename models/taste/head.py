"""One listener's head: a Bayesian linear utility that is updated after every vote by assumed density filtering.

Utility of a clip is ``weights . features``, and an effect of its own where others have taught one
(``models.taste.clip_effects``); ``models.taste.likelihood`` says how answers come from it. The belief is
jointly Gaussian over the weights, the side bias, the readiness to call two clips equal and the level that is good
enough, so that they explain each other's votes away; lapses have a Beta belief. A vote changes it by moment matching
(Opper 1998; Minka 2001): the same work at the first vote and at the ten thousandth.

A pick among four is the first place of a Plackett-Luce ranking (Luce 1959; Plackett 1975): a choice among the clips
with the scores ``u_i + place_i side`` and *none of them* with the score ``enough``. These are the utilities, the side
bias (the first place has half of it, the last minus half, as the two of a pair have) and the level that is good enough,
so pairs and fours teach one head; a lapse falls on each clip alike. The belief is moved by the same moment matching, in
four dimensions.

Plays without a vote teach it too: who hears one piece out and skips another seems to like the first better. Plays are
read as preferences among pieces, as clicks are (Joachims et al. 2005), and every piece stands in one pair at most. A
pair has a likelihood of its own, flatter than a vote's and more often a lapse. Whether somebody's skipping goes by
taste at all is not known: a model in which plays tell something is averaged with one in which they tell nothing, by how
well each foresaw the pairs (Hoeting et al. 1999).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal, TypeVar, cast, get_args

import numpy as np
import numpy.typing as npt

from models.taste.likelihood import (
    CHOICES,
    LAPSES,
    OUTCOMES,
    PAIR_MANNER,
    PAIR_SHARES,
    RESPONSE,
    FloatArray,
    Moments,
    Outcome,
    PairProbability,
    choice_moments,
    davidson,
    outcome_moments,
    quadrature,
)

__all__ = ["OUTCOMES", "Head", "HeadColumns", "Outcome", "Utility", "davidson", "predict", "update", "utilities"]

PRIOR_TIE = math.log(0.4)  # two equally loved clips are called equal one time in six
PRIOR_ENOUGH = -1.5  # of two average clips neither is liked one time in twelve
# No side bias; two equally loved clips of which the left one is picked 38 to 62 times in a hundred are nothing special.
PRIOR_MANNER = (0.0, PRIOR_TIE, PRIOR_ENOUGH)
PRIOR_MANNER_VARIANCE = (0.25, 1.0, 1.0)
PRIOR_LAPSES, PRIOR_ATTENTIVE = 1.0, 19.0  # one vote in twenty is a coin toss
_SIDE, _TIE, _ENOUGH = -3, -2, -1
_UTILITY_NODES = 24
_TIE_NODES = 7

Place = Literal["a", "b", "c", "d"]
Pick = Literal[Place, "none", "skipped"]
FOUR = 4
PLACES: tuple[Place, ...] = get_args(Place)  # the clips in the order of their places
PICKS: tuple[Pick, ...] = get_args(Pick)
SIDE_SHARES = np.linspace(0.5, -0.5, FOUR)  # share of the side bias at each place, in reading order

FOUR_MANNER = np.zeros((FOUR, len(RESPONSE)))
FOUR_MANNER[:, RESPONSE.index("side")] = SIDE_SHARES
FOUR_MANNER[:, RESPONSE.index("enough")] = -1.0

PLAY_SLOPE = 0.5  # of the utilities' difference, beside a vote's
PLAY_LAPSES = 0.2  # pairs that are a coin toss
TELLING = 0.2  # the chance, before anything was played, that plays tell something
Piece = TypeVar("Piece")


@dataclass(frozen=True)
class Head:
    """What is believed of one listener: ``joint_mean`` ``(F + 3,)``, ``joint_covariance`` ``(F + 3, F + 3)``, float64.

    The weights of the F features come first, then ``RESPONSE``: the side bias (utility of standing on the left),
    ``log nu`` (ties) and the utility that is good enough. ``lapses`` and ``attentive`` are the pseudo-counts of a Beta
    belief about the share of coin tosses. ``votes_seen`` counts the votes that informed it. ``version`` names the taste
    space that the features come from.
    Raises ``ValueError`` on shapes that contradict each other or on numbers that are not finite.
    """

    joint_mean: FloatArray
    joint_covariance: FloatArray
    version: str
    lapses: float = PRIOR_LAPSES
    attentive: float = PRIOR_ATTENTIVE
    votes_seen: int = 0

    def __post_init__(self) -> None:
        mean = np.array(self.joint_mean, dtype=np.float64)
        covariance = np.array(self.joint_covariance, dtype=np.float64)
        if mean.ndim != 1 or len(mean) <= len(RESPONSE) or covariance.shape != (len(mean), len(mean)):
            raise ValueError(
                f"a head of shapes {mean.shape} and {covariance.shape}; they must be (F + 3,) and (F + 3, F + 3)"
            )
        if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
            raise ValueError("a head's numbers must be finite")
        if not (self.lapses >= 0 and self.attentive > 0):
            raise ValueError(f"{self.lapses} lapses of {self.attentive} attentive votes; neither may be negative")
        object.__setattr__(self, "joint_mean", mean)
        object.__setattr__(self, "joint_covariance", covariance)

    @classmethod
    def of(
        cls,
        mean: npt.ArrayLike,
        covariance: npt.ArrayLike,
        version: str,
        *,
        manner: npt.ArrayLike = PRIOR_MANNER,
        manner_variance: npt.ArrayLike = PRIOR_MANNER_VARIANCE,
        lapses: float = PRIOR_LAPSES,
        votes_seen: int = 0,
    ) -> Head:
        """Somebody of this taste ``(F,)``, ``(F, F)`` about whose manner no more is known than ``RESPONSE``'s prior."""
        weights, square = np.asarray(mean, dtype=np.float64), np.asarray(covariance, dtype=np.float64)
        if weights.ndim != 1 or square.shape != (len(weights), len(weights)):
            raise ValueError(f"a taste of shapes {weights.shape} and {square.shape}; they must be (F,) and (F, F)")
        joint = np.zeros((len(weights) + len(RESPONSE),) * 2)
        joint[: len(weights), : len(weights)] = square
        joint[len(weights) :, len(weights) :] = np.diag(np.asarray(manner_variance, dtype=np.float64))
        return cls(np.concatenate([weights, manner]), joint, version, lapses, votes_seen=votes_seen)

    @property
    def mean(self) -> FloatArray:
        """Expected weights of the features ``(F,)``."""
        return self.joint_mean[: -len(RESPONSE)]

    @property
    def covariance(self) -> FloatArray:
        """Covariance of the weights ``(F, F)``."""
        return self.joint_covariance[: -len(RESPONSE), : -len(RESPONSE)]

    @property
    def side(self) -> tuple[float, float]:
        """Utility of standing on the left: mean and standard deviation."""
        return self._manner(_SIDE)

    @property
    def enough(self) -> tuple[float, float]:
        """The utility from which on a clip is good enough: mean and standard deviation."""
        return self._manner(_ENOUGH)

    @property
    def tie(self) -> float:
        """Expected ``log nu``."""
        return float(self.joint_mean[_TIE])

    @property
    def tie_variance(self) -> float:
        """Variance of ``log nu``."""
        return float(self.joint_covariance[_TIE, _TIE])

    @property
    def lapse_rate(self) -> float:
        """Expected share of votes that are coin tosses."""
        return self.lapses / (self.lapses + self.attentive)

    def _manner(self, place: int) -> tuple[float, float]:
        return float(self.joint_mean[place]), math.sqrt(max(float(self.joint_covariance[place, place]), 0.0))

    def to_columns(self) -> HeadColumns:
        """The form that is stored; ``Head.from_columns`` gives the same head back, bit for bit."""
        return HeadColumns(
            self.joint_mean.astype("<f8").tobytes(),
            self.joint_covariance.astype("<f8").tobytes(),
            self.lapses,
            self.attentive,
            self.votes_seen,
            self.version,
        )

    @classmethod
    def from_columns(cls, columns: HeadColumns) -> Head:
        """Read what ``to_columns`` wrote; raises ``ValueError`` where the bytes don't fit together."""
        mean = np.frombuffer(columns.mean, dtype="<f8")
        joint = np.frombuffer(columns.covariance, dtype="<f8")
        if len(joint) != len(mean) ** 2:
            raise ValueError(f"a stored head of {len(mean)} means and {len(joint)} covariances")
        square = joint.reshape(len(mean), len(mean))
        return cls(mean, square, columns.version, columns.lapses, columns.attentive, columns.votes_seen)


@dataclass(frozen=True)
class HeadColumns:
    """A head as plain columns: numbers and little-endian float64 bytes, ``(F + 3,)`` and ``(F + 3, F + 3)`` by rows."""

    mean: bytes
    covariance: bytes
    lapses: float
    attentive: float
    votes_seen: int
    version: str


@dataclass(frozen=True)
class Utility:
    """Posterior mean and standard deviation of clips' utilities, float64 ``(clips,)``; 0 is the average clip."""

    mean: FloatArray
    sd: FloatArray


@dataclass(frozen=True)
class Scores:
    """What a head believes of the K scores that an answer to some clips compares.

    ``rows`` ``(K, F + 3)`` make them from weights and manner, ``shares`` ``(K, clips)`` from what the clips' effects
    add; ``centre`` ``(K,)`` and ``covariance`` ``(K, K)``.
    """

    rows: FloatArray
    shares: FloatArray
    centre: FloatArray
    covariance: FloatArray

    @classmethod
    def of(
        cls, head: Head, features: npt.ArrayLike, shares: FloatArray, manner: FloatArray, effects: npt.ArrayLike | None
    ) -> Scores:
        """Of clips with ``features`` ``(clips, F)`` and ``effects`` ``(clips,)``, by default none.

        Raises ``ValueError`` on other shapes or numbers that are not finite.
        """
        clips = np.asarray(features, dtype=np.float64)
        wanted = (shares.shape[1], len(head.mean))
        if clips.shape != wanted or not np.isfinite(clips).all():
            raise ValueError(f"features must be {wanted} finite numbers, not {clips.shape}")
        rows = np.hstack([shares @ clips, manner])
        centre = rows @ head.joint_mean
        if effects is not None:
            centre = centre + shares @ np.asarray(effects, dtype=np.float64)
        return cls(rows, shares, centre, (rows @ head.joint_covariance) @ rows.T)


@dataclass(frozen=True)
class Answer:
    """The ``scores`` that were compared, and what the answer told about them."""

    scores: Scores
    heard: Moments


def answer(
    head: Head, features: npt.ArrayLike, outcome: Outcome, effects: npt.ArrayLike | None = None
) -> Answer | None:
    """What a vote on two clips with ``features`` ``(2, F)`` and ``effects`` ``(2,)`` tells; None where it was skipped.

    Raises ``ValueError`` on another outcome or features of another shape.
    """
    if outcome not in OUTCOMES:
        raise ValueError(f"outcome is {outcome!r}; it must be one of {', '.join(OUTCOMES)}")
    scores = Scores.of(head, features, PAIR_SHARES, PAIR_MANNER, effects)
    if outcome not in CHOICES:
        return None
    return Answer(scores, outcome_moments(scores.centre, scores.covariance, outcome, head.lapse_rate))


def update(
    head: Head,
    left: npt.ArrayLike,
    right: npt.ArrayLike,
    outcome: Outcome,
    effects: npt.ArrayLike | None = None,
) -> Head:
    """The head after one vote on clips with the features ``left`` and ``right`` ``(F,)``, and ``effects`` ``(2,)``.

    "skipped" leaves it as it is. Costs O(F^2). Raises ``ValueError`` on another outcome or features of another shape.
    """
    return after(head, answer(head, np.stack([left, right]), outcome, effects))


def after(head: Head, answered: Answer | None) -> Head:
    """The head after an answer; as it was after none."""
    if answered is None:
        return head
    heard, rows = answered.heard, answered.scores.rows
    towards = rows @ head.joint_covariance
    steps = np.linalg.solve(heard.root, towards)  # what one unit of each of the K standard normals moves
    covariance = head.joint_covariance - steps.T @ (np.eye(len(rows)) - heard.spread) @ steps
    return replace(
        head,
        joint_mean=head.joint_mean + heard.shift @ steps,
        joint_covariance=(covariance + covariance.T) / 2,
        lapses=head.lapses + heard.lapse,
        attentive=head.attentive + 1 - heard.lapse,
        votes_seen=head.votes_seen + 1,
    )


def predict(head: Head, differences: npt.ArrayLike, effects: npt.ArrayLike = 0.0) -> PairProbability:
    """How the listener will compare pairs, if they do, with the belief's doubt integrated out (Gauss-Hermite).

    ``differences``: ``(pairs, F)`` or ``(F,)`` (one pair), features of left minus those of right; ``effects``
    ``(pairs,)`` or one number: the clips' effects, likewise.
    """
    rows = np.atleast_2d(np.asarray(differences, dtype=np.float64))
    lean = np.zeros((len(rows), len(head.joint_mean)))
    lean[:, : rows.shape[1]], lean[:, _SIDE] = rows, 1.0
    towards = lean @ head.joint_covariance
    slope = towards[:, _TIE] / head.tie_variance
    sd = np.sqrt(np.maximum((towards * lean).sum(axis=1) - slope * towards[:, _TIE], 0.0))
    nodes, weights = _hermegauss(_UTILITY_NODES)
    tie_nodes, tie_weights = _hermegauss(_TIE_NODES)
    away = math.sqrt(head.tie_variance) * tie_nodes
    middle = lean @ head.joint_mean + np.asarray(effects, dtype=np.float64)
    centre = middle[:, None] + slope[:, None] * away  # (pairs, tie nodes)
    grid = davidson(centre[:, None, :] + sd[:, None, None] * nodes[None, :, None], head.tie + away)
    both = np.outer(weights / weights.sum(), tie_weights / tie_weights.sum())
    left, equal, right = (np.einsum("pst,st->p", value, both) for value in (grid.left, grid.equal, grid.right))
    kept, tossed = 1 - head.lapse_rate, head.lapse_rate / len(LAPSES)
    return PairProbability(kept * left + tossed, kept * equal, kept * right + tossed)


@cache
def _hermegauss(count: int) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights ``(count,)`` for expectations under a standard normal; kept, since finding them takes longer
    than using them.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(count)
    nodes.setflags(write=False)
    weights.setflags(write=False)
    return nodes, weights


def utilities(head: Head, features: npt.ArrayLike, effects: npt.ArrayLike = 0.0) -> Utility:
    """Utility of clips with ``features`` ``(clips, F)`` and ``effects`` ``(clips,)``, and how sure it is."""
    rows = np.atleast_2d(np.asarray(features, dtype=np.float64))
    variance = np.einsum("cf,fg,cg->c", rows, head.covariance, rows)
    return Utility(rows @ head.mean + np.asarray(effects), np.sqrt(np.maximum(variance, 0.0)))


def answer_four(head: Head, features: npt.ArrayLike, pick: Pick, effects: npt.ArrayLike | None = None) -> Answer | None:
    """What one pick among four clips with ``features`` ``(4, F)`` and ``effects`` ``(4,)`` tells; None where skipped.

    In the order of their places. Raises ``ValueError`` on another pick or features of another shape.
    """
    if pick not in PICKS:
        raise ValueError(f"the pick is {pick!r}; it must be one of {', '.join(PICKS)}")
    scores = _scores(head, features, effects)
    if pick == "skipped":
        return None
    tossed = 1 / FOUR if pick in PLACES else 0.0
    lapses = head.lapse_rate
    heard = choice_moments(scores.centre, scores.covariance, PICKS.index(pick), lapse_rate=lapses, tossed=tossed)
    return Answer(scores, heard)


def answer_vote(
    head: Head, features: npt.ArrayLike, outcome: str, effects: npt.ArrayLike | None = None
) -> Answer | None:
    """What a vote on two or four clips with ``features`` ``(2 or 4, F)`` tells, as ``answer`` or ``answer_four``."""
    if len(np.asarray(features)) == FOUR:
        return answer_four(head, features, cast("Pick", outcome), effects)
    return answer(head, features, cast("Outcome", outcome), effects)


def update_four(head: Head, features: npt.ArrayLike, pick: Pick) -> Head:
    """The head after such a pick. Costs O(F^2)."""
    return after(head, answer_four(head, features, pick))


def predict_four(head: Head, features: npt.ArrayLike, effects: npt.ArrayLike | None = None) -> FloatArray:
    """How likely each of four clips with ``features`` ``(4, F)`` is picked, if one is: ``(4,)``, summing to 1."""
    found = _scores(head, features, effects)
    values, vectors = np.linalg.eigh(found.covariance)
    grid, weights = quadrature(FOUR)
    scores = found.centre + (grid * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    chance = np.exp(scores - scores.max(axis=1, keepdims=True))
    chance /= chance.sum(axis=1, keepdims=True)
    likely: FloatArray = (1 - head.lapse_rate) * (weights @ chance) + head.lapse_rate / FOUR
    return likely


def _scores(head: Head, features: npt.ArrayLike, effects: npt.ArrayLike | None) -> Scores:
    """The four scores above none's."""
    return Scores.of(head, features, np.eye(FOUR), FOUR_MANNER, effects)


def preferences_of_plays(plays: Iterable[tuple[Piece, bool]]) -> list[tuple[Piece, Piece]]:
    """Pairs ``(heard out, skipped)`` of pieces that were played one after the other, with whether it was to the end.

    >>> preferences_of_plays([("a", True), ("b", True), ("c", False), ("d", False), ("e", True)])
    [('b', 'c'), ('e', 'd')]
    """
    found: list[tuple[Piece, Piece]] = []
    waiting: tuple[Piece, bool] | None = None  # the newest that stands in no pair yet
    for piece, to_the_end in plays:
        if waiting is None or waiting[1] == to_the_end:
            waiting = piece, to_the_end
        else:
            found.append((piece, waiting[0]) if to_the_end else (waiting[0], piece))
            waiting = None
    return found


def learn_from_plays(head: Head, better: npt.ArrayLike, worse: npt.ArrayLike) -> Head:
    """The head with what plays tell of pieces with features ``better`` and ``worse`` ``(pairs, F)``; its votes stay.

    Of the two models' average it has the mean and the covariance.
    """
    differences = PLAY_SLOPE * (np.atleast_2d(better) - np.atleast_2d(worse))
    told, evidence = head, 0.0
    for difference in differences:
        rows = np.concatenate([difference, np.zeros(len(RESPONSE))])[None]
        centre, covariance = rows @ told.joint_mean, rows @ told.joint_covariance @ rows.T
        heard = choice_moments(centre, covariance, 0, lapse_rate=PLAY_LAPSES, tossed=0.5)
        told = after(told, Answer(Scores(rows, np.zeros((1, 0)), centre, covariance), heard))
        evidence += math.log(2 * heard.chance)
    share = 1 / (1 + (1 - TELLING) / TELLING * math.exp(-evidence))
    apart = told.joint_mean - head.joint_mean
    covariance = (1 - share) * head.joint_covariance + share * told.joint_covariance
    return replace(
        head,
        joint_mean=head.joint_mean + share * apart,
        joint_covariance=covariance + share * (1 - share) * np.outer(apart, apart),
    )
