"""One listener's own tie: how well a picture fits music, bilinear in what is measured of both.

Utility of a piece ``m`` with a picture ``p`` is ``p' W m``, and what the listener likes of either whatever it fits: a
linear head (``models.taste.head``) on ``kron(p, m)``, ``m`` and ``p``. The mean of its Gaussian prior is the annotated
tie: each readout goes with the side of the music that most people hear in it. How far somebody follows it as a whole,
or hears the opposite, is doubted on its own.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.picture.fit.measures import HEARD, SEEN
from models.taste.head import Head, Outcome, update

Floats = npt.NDArray[np.float64]

VERSION = "fit-1"  # of what is measured and how a head begins
SIZE = len(SEEN) * len(HEARD) + len(HEARD) + len(SEEN)
TIES = slice(0, len(SEEN) * len(HEARD))  # of the features, those that are the tie
# Two random pictures for a piece differ in utility by some two units, as two clips do in a taste. FOLLOWING_SD is of
# how far the four annotated links are followed together: as much again, or not at all, is one deviation.
ANNOTATED, TIE_SD, FOLLOWING_SD, LIKING_SD = 0.35, 0.25, 0.35, 0.15
# An answer is left, right or equal: nobody can say that neither fits, so that level lies below everything.
MANNER, MANNER_VARIANCE = (0.0, -0.9, -12.0), (0.25, 1.0, 1e-4)


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
