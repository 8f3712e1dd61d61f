"""What listening tells without a vote: who hears one piece out and skips another seems to like the first better.

Plays are read as preferences among pieces, as clicks are (Joachims et al. 2005), and every piece stands in one pair at
most. A pair has a likelihood of its own, flatter than a vote's and more often a lapse. Whether somebody's skipping goes
by taste at all is not known: a model in which plays tell something is averaged with one in which they tell nothing,
by how well each foresaw the pairs (Hoeting et al. 1999).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from models.taste.head import Answer, Head, Scores, after
from models.taste.likelihood import RESPONSE
from models.taste.likelihood import choice_moments as moments

SLOPE = 0.5  # of the utilities' difference, beside a vote's
LAPSES = 0.2  # pairs that are a coin toss
TELLING = 0.2  # the chance, before anything was played, that plays tell something
Piece = TypeVar("Piece")


def preferences(plays: Iterable[tuple[Piece, bool]]) -> list[tuple[Piece, Piece]]:
    """Pairs ``(heard out, skipped)`` of pieces that were played one after the other, with whether it was to the end.

    >>> preferences([("a", True), ("b", True), ("c", False), ("d", False), ("e", True)])
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


def learn(head: Head, better: npt.ArrayLike, worse: npt.ArrayLike) -> Head:
    """The head with what plays tell of pieces with features ``better`` and ``worse`` ``(pairs, F)``; its votes stay.

    Of the two models' average it has the mean and the covariance.
    """
    differences = SLOPE * (np.atleast_2d(better) - np.atleast_2d(worse))
    told, evidence = head, 0.0
    for difference in differences:
        rows = np.concatenate([difference, np.zeros(len(RESPONSE))])[None]
        centre, covariance = rows @ told.joint_mean, rows @ told.joint_covariance @ rows.T
        heard = moments(centre, covariance, 0, lapse_rate=LAPSES, tossed=0.5)
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
