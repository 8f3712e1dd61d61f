"""Which moods a listener's picks lean to, as the judges hear the clips that were compared."""

from __future__ import annotations

import uuid

import numpy as np

from models.mood.liking import Leaning, leanings
from webapp.learning import heads
from webapp.mood import hearing
from webapp.studio.studio import Studio

LEAST = 10  # picks, before which it is not asked
NEWEST = 300  # picks that are looked at


def of_listener(studio: Studio, listener_id: uuid.UUID) -> list[Leaning]:
    """By valence and by arousal; nothing before ``LEAST`` picks. Raises ``NotReady`` where no judge answers."""
    every = studio.database.transaction(lambda session: heads.votes_of(session, listener_id))
    votes = [(clips, outcome) for clips, outcome in every if outcome != "skipped"][-NEWEST:]
    if len(votes) < LEAST:
        return []
    moods = hearing.of_clips(studio, [clip for clips, _ in votes for clip in clips])
    picks = [
        (np.array([(moods[clip].valence, moods[clip].arousal) for clip in clips]), outcome)
        for clips, outcome in votes
        if all(clip in moods for clip in clips)
    ]
    return leanings(picks) if len(picks) >= LEAST else []  # a clip may be gone, or have too few notes
