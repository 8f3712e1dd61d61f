"""Which two systems an adaptive study compares more often: those whose order the answers so far leave most open."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy.orm import Session

from db.queries import listening_studies
from db.tables import ListeningStudy
from webapp.studies import studies
from webapp.studies.trials import SystemPair

WIN = {"left": 1.0, "equal": 0.5, "right": 0.0}


def weights(session: Session, study: ListeningStudy, condition: str) -> dict[SystemPair, float]:
    """The standard deviation of each pair's preference share, from a uniform prior; without answers all are equal.

    Only answers of this condition count. Pairs that nobody has heard have the prior's.
    """
    systems = {each.id: each.system for each in studies.heard(session, study)}
    wins: dict[SystemPair, list[float]] = defaultdict(list)
    for each in listening_studies.all_of(session, study.id):
        for trial in each.trials if each.participant.condition == condition else ():
            if trial.kind != "main" or trial.outcome is None:
                continue
            left, right = systems[trial.left_clip], systems[trial.right_clip]
            won = WIN[trial.outcome]
            if left > right:
                left, right, won = right, left, 1 - won
            wins[left, right].append(won)
    names = sorted(set(systems.values()))
    every = [(a, b) for place, a in enumerate(names) for b in names[place + 1 :]]
    return {pair: _sd(sum(wins[pair]), len(wins[pair])) for pair in every}


def _sd(won: float, n: int) -> float:
    """Standard deviation of Beta(1 + won, 1 + n - won)."""
    a, b = 1 + won, 1 + n - won
    return float((a * b / ((a + b) ** 2 * (a + b + 1))) ** 0.5)
