"""How surprising a listener's picks like music to be, as the tension model hears the clips that were compared."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import numpy as np

from models.tension.liking import Leaning, leaning
from webapp.learning import heads
from webapp.studio.studio import Studio
from webapp.tension import surprises

LEAST = 10  # picks, before which it is not asked
NEWEST = 100  # picks that are looked at


@dataclass(frozen=True)
class Surprises:
    """What ``picks`` on clips that were heard lean to; ``waiting``: picks on clips that are still to be heard."""

    leaning: Leaning
    picks: int
    waiting: int


def of_listener(studio: Studio, listener_id: uuid.UUID) -> Surprises:
    """What shows by now; what isn't known yet is heard in the background."""
    every = studio.database.transaction(lambda session: heads.votes_of(session, listener_id))
    votes = [(clips, outcome) for clips, outcome in every if outcome != "skipped"][-NEWEST:]
    if len(votes) < LEAST:
        return Surprises(leaning([]), len(votes), 0)
    clips = list(dict.fromkeys(clip for clips, _ in reversed(votes) for clip in clips))
    found = surprises.known(studio.database, clips)
    if unknown := [clip for clip in clips if clip not in found]:
        surprises.begin(studio, unknown)
    heard = {clip: surprise for clip, surprise in found.items() if surprise is not None}
    picks = [
        (np.array([heard[clip] for clip in clips]), outcome)
        for clips, outcome in votes
        if all(clip in heard for clip in clips)
    ]
    waiting = sum(any(clip not in found for clip in clips) for clips, _ in votes)
    return Surprises(leaning(picks if len(picks) >= LEAST else []), len(picks), waiting)
