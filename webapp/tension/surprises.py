"""How surprising clips are, heard by the generation server behind the page that asks.

That takes a fraction of a second a clip, too long for a page about a hundred of them. What was heard is stored, as
notes of a clip never change.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Sequence
from itertools import groupby

from db.queries.clips import music_of, pictures_among
from webapp.learning.heard_clips import HeardClips
from webapp.learning.playable_clips import domain_named
from webapp.runtime.database import Database
from webapp.studio.studio import Studio

TOGETHER = 8  # pieces a request, so that others are heard in between
AT_ONCE = 64  # clips that are heard behind one visit

_heard = HeardClips("tension-cpu")


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
