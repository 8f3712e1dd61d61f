"""How few picks find a simulated listener's tie, beside random questions, no prior, and a logistic regression.

Defined as ``models.evaluate.policies`` does for taste: a number of votes is enough when, from it on for five votes,
questions about pieces and pictures that were never shown are told at 90 % of the ceiling, the accuracy of who knows the
listener's own tie and likings. More than ``MOST`` count as ``MOST``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from models.picture.fit import simulated
from models.picture.fit.asking import CONTROL, Fit, Shown, choose
from models.picture.fit.head import TIES, annotated, features, learned, links_of, new_head
from models.picture.fit.simulated import Viewer
from models.taste.evaluation.policies import STAYS

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MOST, GOAL = 60, 0.9
TESTED = 4000  # questions about what was never shown
OURS, RANDOM, NO_PRIOR, LOGISTIC, ANNOTATED, CHANCE = METHODS = (
    "ours", "random", "no_prior", "logistic", "annotated", "chance"
)  # fmt: skip


@dataclass(frozen=True)
class Material:
    """Standardised ``music`` ``(M, 5)`` and ``pictures`` ``(P, 4)``."""

    music: Floats
    pictures: Floats


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


def trial(material: Material, kind: simulated.Kind, seed: int) -> Trial:
    """A listener of this kind; a third of the pieces and of the pictures is never shown to them."""
    generator = np.random.default_rng([seed, simulated.KINDS.index(kind)])
    someone = simulated.viewer(kind, material.music, material.pictures, generator)
    parts = []
    for count in (len(material.music), len(material.pictures)):
        order = generator.permutation(count)
        parts.append((order[: count // 3], order[count // 3 :]))
    (new_pieces, pieces), (new_pictures, pictures) = parts
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
    for kind in simulated.KINDS:
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
    elif method in (ANNOTATED, CHANCE):
        weights = annotated() if method == ANNOTATED else np.zeros(len(annotated()))
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
