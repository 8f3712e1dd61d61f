"""How few picks find a simulated listener's tie, beside random questions, no prior, and a logistic regression.

Defined as ``models.evaluate.policies`` does for taste: a number of votes is enough when, from it on for five votes,
questions about pieces and pictures that were never shown are told at 90 % of the ceiling, the accuracy of who knows the
listener's own tie and likings. More than ``MOST`` count as ``MOST``.

Listeners are of four kinds. *annotated*: drawn around the annotated tie as the prior has it; *reversed*: the same with
every sign turned; *own*: each readout goes with a side, or two, of this person's alone; *nearest*: one point of the
music is the best for each picture, the annotated one, and fit falls with the distance from it, which no bilinear tie
can say. Beside it everybody likes some pieces and pictures whatever they fit, and hears in each pair something that is
measured nowhere. Answers are those of ``models.taste.simulated_people``: Davidson's, with some lapses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from models.picture.fit.head import (
    ANNOTATED,
    CONTROL,
    HEARD,
    SEEN,
    SIZE,
    TIE_SD,
    TIES,
    Fit,
    Shown,
    annotated,
    choose,
    features,
    learned,
    links_of,
    new_head,
)
from models.taste.evaluation.policies import STAYS
from models.taste.head import Outcome
from models.taste.simulated_people import UTILITY_SD, Person

Floats = npt.NDArray[np.float64]
Kind = Literal["annotated", "reversed", "own", "nearest"]
KINDS: tuple[Kind, ...] = get_args(Kind)
LIKING, UNMEASURED = 0.15, 0.1  # shares of the variance of utility: of pieces and pictures alone, and of each pair
LINKED = 2  # sides of the music that a readout goes with for somebody of their own kind, at most
Integers = npt.NDArray[np.int64]
MOST, GOAL = 60, 0.9
TESTED = 4000  # questions about what was never shown
OURS, RANDOM, NO_PRIOR, LOGISTIC, ONLY_ANNOTATED, CHANCE = METHODS = (
    "ours", "random", "no_prior", "logistic", "annotated", "chance"
)  # fmt: skip


@dataclass(frozen=True)
class Viewer:
    """Somebody with ``weights`` ``(SIZE,)`` where their tie is bilinear, else None.

    ``expected`` ``(M, P)``: utility of each piece with each picture by the tie and by liking, which is all that can be
    known; ``person`` answers by this and by what is measured nowhere.
    """

    weights: Floats | None
    expected: Floats
    person: Person

    def answer(self, left: Fit, right: Fit, answers_before: int, generator: np.random.Generator) -> Outcome:
        """Which of two fits better, or that both do alike."""
        return self.person.vote(self.place(left), self.place(right), answers_before, generator)

    def place(self, fit: Fit) -> int:
        """The row of a pair of piece and picture in ``person``'s utility."""
        return fit[0] * int(self.expected.shape[1]) + fit[1]


def viewer(kind: Kind, music: Floats, pictures: Floats, generator: np.random.Generator) -> Viewer:
    """Somebody of this ``kind`` before ``music`` ``(M, 5)`` and ``pictures`` ``(P, 4)``.

    Raises ``ValueError`` on another kind.
    """
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}; it must be one of {', '.join(KINDS)}")
    liking = np.zeros(SIZE)
    liking[TIES.stop :] = generator.normal(size=SIZE - TIES.stop)
    rows = features(music[:, None], pictures[None])
    if kind == "nearest":
        weights, tied = None, -np.linalg.norm(music[:, None, : len(SEEN)] - pictures[None], axis=2)
    else:
        weights = _tie(kind, generator)
        tied = rows @ weights
    shares = (1 - LIKING - UNMEASURED, LIKING, UNMEASURED)
    parts = (tied, rows @ liking, generator.normal(size=tied.shape))
    scaled = [UTILITY_SD * np.sqrt(share) * _even(part) for share, part in zip(shares, parts, strict=True)]
    return Viewer(weights, scaled[0] + scaled[1], Person(sum(scaled, np.zeros_like(tied)).ravel()))


def _tie(kind: Kind, generator: np.random.Generator) -> Floats:
    """Weights of which only those of the tie are not 0."""
    weights = np.zeros(SIZE)
    if kind == "own":
        own = np.zeros((len(SEEN), len(HEARD)))
        for row in own:
            sides = generator.permutation(len(HEARD))[: generator.integers(1, LINKED + 1)]
            row[sides] = generator.choice([-1.0, 1.0], len(sides)) * generator.uniform(0.5, 1.5, len(sides))
        weights[TIES] = ANNOTATED * own.ravel()
        return weights
    weights[TIES] = generator.normal(scale=TIE_SD, size=TIES.stop)
    sign = -1.0 if kind == "reversed" else 1.0
    found: Floats = weights + sign * annotated()
    return found


def _even(part: Floats) -> Floats:
    """With mean 0 and standard deviation 1 over all pairs."""
    found: Floats = (part - part.mean()) / max(float(part.std()), 1e-9)
    return found


@dataclass(frozen=True)
class Material:
    """Standardised ``music`` ``(M, 5)`` and ``pictures`` ``(P, 4)``; ``unseen`` pictures are shown to no listener."""

    music: Floats
    pictures: Floats
    unseen: Integers | None = None


@dataclass(frozen=True)
class Trial:
    """One listener; ``pieces`` and ``pictures`` that are shown; questions about others that test what was learned.

    ``first`` and ``second`` ``(Q, 2)``: a piece and a picture each; ``first`` fits better with ``chance`` ``(Q,)``.
    """

    someone: Viewer
    pieces: Integers
    pictures: Integers
    first: Integers
    second: Integers
    chance: Floats

    def accuracy(self, utility: Floats) -> float:
        """Expected share of decided answers that ``utility`` ``(M, P)`` foresees; where it is even it tosses a coin."""
        lean = np.sign(utility[tuple(self.first.T)] - utility[tuple(self.second.T)])
        return float((0.5 + lean * (self.chance - 0.5)).mean())

    @property
    def ceiling(self) -> float:
        """Accuracy of who knows the tie and the likings."""
        return self.accuracy(self.someone.expected)


@dataclass(frozen=True)
class Learned:
    """Of a method with a listener: votes until it is enough, accuracy and nearness of the tie after ``MOST`` votes.

    ``nearness``: cosine of the learned and the hidden tie; not a number where the hidden one is not bilinear.
    """

    votes: float
    accuracy: float
    nearness: float


def trial(material: Material, kind: Kind, seed: int) -> Trial:
    """A listener of this kind; a third of the pieces and of the pictures, or ``unseen``, is never shown to them."""
    generator = np.random.default_rng([seed, KINDS.index(kind)])
    someone = viewer(kind, material.music, material.pictures, generator)
    parts = []
    for count in (len(material.music), len(material.pictures)):
        order = generator.permutation(count)
        parts.append((order[: count // 3], order[count // 3 :]))
    (new_pieces, pieces), (new_pictures, pictures) = parts
    if material.unseen is not None:
        new_pictures, pictures = material.unseen, np.setdiff1d(np.arange(len(material.pictures)), material.unseen)
    first, second = _questions(new_pieces, new_pictures, generator)
    rows = [np.array([someone.place((int(piece), int(seen))) for piece, seen in each]) for each in (first, second)]
    return Trial(someone, pieces, pictures, first, second, someone.person.wins(*rows))


def answered(material: Material, one: Trial, seed: int, *, tied: bool, control: float) -> Iterator[Floats]:
    """Weights that our head has learned after each vote."""
    generator = np.random.default_rng([seed, 1])
    music, pictures = material.music[one.pieces], material.pictures[one.pictures]
    head, shown = new_head(tied=tied), Shown.nothing(len(music), len(pictures))
    for votes in range(MOST + STAYS):
        question = choose(head, music, pictures, shown=shown, generator=generator, seed=seed, control=control)
        left, right = (_whole(one, fit) for fit in (question.left, question.right))
        outcome = one.someone.answer(left, right, votes, generator)
        head = learned(head, _row(material, left), _row(material, right), outcome)
        shown = shown.and_then(question.left, question.right)
        yield head.mean


def picked_links(material: Material, seed: int) -> Floats:
    """Links ``(kinds, 5, 5)`` that our head has learned from ``MOST`` picks of a listener of each kind."""
    found = []
    for kind in KINDS:
        one = trial(material, kind, seed)
        *_, weights = islice(answered(material, one, seed, tied=True, control=CONTROL), MOST)
        found.append(links_of(weights))
    return np.stack(found)


def regressed(material: Material, one: Trial, seed: int) -> Iterator[Floats]:
    """Weights of a logistic regression on the differences of features after each vote on a random question."""
    generator = np.random.default_rng([seed, 1])
    music, pictures = material.music[one.pieces], material.pictures[one.pictures]
    head, shown = new_head(), Shown.nothing(len(music), len(pictures))
    rows: list[Floats] = []
    for votes in range(MOST + STAYS):
        question = choose(head, music, pictures, shown=shown, generator=generator, seed=seed, control=1.0)
        left, right = (_whole(one, fit) for fit in (question.left, question.right))
        outcome = one.someone.answer(left, right, votes, generator)
        shown = shown.and_then(question.left, question.right)
        if outcome in ("left", "right"):
            difference = _row(material, left) - _row(material, right)
            rows.append(difference if outcome == "left" else -difference)
        if not rows:
            yield np.zeros(len(head.mean))
            continue
        x = np.concatenate([np.array(rows), -np.array(rows)])  # each answer from both sides: no intercept
        model = LogisticRegression(fit_intercept=False).fit(x, np.repeat([1, 0], len(rows)))
        weights: Floats = model.coef_[0]
        yield weights


def learn(material: Material, one: Trial, method: str, seed: int) -> Learned:
    """What a method makes of a listener; raises ``ValueError`` on another method."""
    if method not in METHODS:
        raise ValueError(f"method is {method!r}; it must be one of {', '.join(METHODS)}")
    if method == LOGISTIC:
        thoughts = regressed(material, one, seed)
    elif method in (ONLY_ANNOTATED, CHANCE):
        weights = annotated() if method == ONLY_ANNOTATED else np.zeros(len(annotated()))
        thoughts = (weights for _ in range(MOST + STAYS))
    else:
        control = 1.0 if method == RANDOM else CONTROL
        thoughts = answered(material, one, seed, tied=method != NO_PRIOR, control=control)
    rows = features(material.music[:, None], material.pictures[None])
    found = [(one.accuracy(rows @ weights), _nearness(weights, one.someone.weights)) for weights in thoughts]
    accuracies = [accuracy for accuracy, _ in found]
    return Learned(_votes_until(accuracies, GOAL * one.ceiling), *found[MOST - 1])


def _votes_until(accuracies: list[float], goal: float) -> float:
    """Votes after which the accuracy stays at the goal for ``STAYS`` votes; ``MOST`` where they are more."""
    for votes in range(1, MOST + 1):
        if min(accuracies[votes - 1 : votes - 1 + STAYS]) >= goal:
            return votes
    return MOST


def _nearness(weights: Floats, hidden: Floats | None) -> float:
    if hidden is None:
        return float("nan")
    one, other = weights[TIES], hidden[TIES]
    return float(one @ other / max(float(np.linalg.norm(one) * np.linalg.norm(other)), 1e-9))


def _whole(one: Trial, fit: Fit) -> Fit:
    """A pair among what is shown as one among all."""
    return int(one.pieces[fit[0]]), int(one.pictures[fit[1]])


def _row(material: Material, fit: Fit) -> Floats:
    return features(material.music[fit[0]], material.pictures[fit[1]])


def _questions(pieces: Integers, pictures: Integers, generator: np.random.Generator) -> tuple[Integers, Integers]:
    """``TESTED`` questions drawn at random, half of either kind: two pairs ``(Q, 2)`` of a piece and a picture."""
    first, second = [], []
    for number in range(TESTED):
        shared_is_piece = number % 2 == 0
        shared, others = (pieces, pictures) if shared_is_piece else (pictures, pieces)
        same, (one, other) = generator.choice(shared), generator.choice(others, 2, replace=False)
        first.append((same, one) if shared_is_piece else (one, same))
        second.append((same, other) if shared_is_piece else (other, same))
    return np.array(first, dtype=np.int64), np.array(second, dtype=np.int64)
