"""How surprising a listener's picks like music to be, as the tension model hears the clips that were compared.

Clips are heard by the generation server behind the page that asks: that takes a fraction of a second a clip, too long
for a page about a hundred of them. What was heard is stored, as notes of a clip never change.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from db.queries.clips import music_of, pictures_among
from models.tension.liking import Leaning, leaning
from webapp.learning import heads
from webapp.learning.playable_clips import HeardClips, domain_named
from webapp.runtime.database import Database
from webapp.studio.studio import Studio

LEAST = 10  # picks, before which it is not asked
NEWEST = 100  # picks that are looked at
TOGETHER = 8  # pieces a request, so that others are heard in between
AT_ONCE = 64  # clips that are heard behind one visit
_heard = HeardClips("tension-cpu")


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
    found = known(studio.database, clips)
    if unknown := [clip for clip in clips if clip not in found]:
        begin(studio, unknown)
    heard = {clip: surprise for clip, surprise in found.items() if surprise is not None}
    picks = [
        (np.array([heard[clip] for clip in clips]), outcome)
        for clips, outcome in votes
        if all(clip in heard for clip in clips)
    ]
    waiting = sum(any(clip not in found for clip in clips) for clips, _ in votes)
    return Surprises(leaning(picks if len(picks) >= LEAST else []), len(picks), waiting)


def known(database: Database, clip_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, float | None]:
    """The surprise of those of these clips that were heard, None of one that can't be, such as a picture.

    In standard deviations of real music of the clip's domain.
    """
    pictures = database.transaction(lambda session: pictures_among(session, clip_ids))
    found = _heard.known(database, clip_ids)
    return dict.fromkeys(pictures) | {clip_id: heard and heard["surprise"] for clip_id, heard in found.items()}


def begin(studio: Studio, clip_ids: Sequence[uuid.UUID]) -> threading.Thread | None:
    """Hear some of these clips in the background; None where others are being heard just now."""
    return _heard.begin(lambda: _hear(studio, list(clip_ids)[:AT_ONCE]))


def _hear(studio: Studio, clip_ids: Sequence[uuid.UUID]) -> None:
    clips = studio.database.transaction(lambda session: music_of(session, clip_ids))
    for domain, own in groupby(sorted(clips, key=lambda clip: clip.domain), key=lambda clip: clip.domain):
        some = list(own)
        for start in range(0, len(some), TOGETHER):
            part = some[start : start + TOGETHER]
            answer = studio.generation.rewards([clip.notes for clip in part], domain_named(domain))
            found = [{"surprise": each.surprise} if each else None for each in answer.rewards]
            heard = {clip.id: surprise for clip, surprise in zip(part, found, strict=True)}
            _heard.keep(studio.database, heard, answer.model_version)
