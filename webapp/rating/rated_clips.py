"""Clips and pieces of a listener's studio as sounds to rate, from their first note to their last."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from webapp.rating.rated_sounds import MOST_FILES
from webapp.runtime.errors import NotAllowed
from webapp.studio import formats
from webapp.studio.pieces import source_of
from webapp.studio.studio import Studio

CALLED = {"pop": "pop piano", "dance": "dance tune", "chorale": "chorale"}


def sounds(studio: Studio, listener_id: uuid.UUID, names: Sequence[str]) -> list[tuple[str, bytes]]:
    """A title and an MP3 of each of ``names`` (``clips/ID`` or ``pieces/ID``), as ``rated_sounds.rate`` takes them.

    Raises ``NotAllowed`` for too many and ``NotYours`` for what this listener may not hear.
    """
    if len(names) > MOST_FILES:
        raise NotAllowed(f"{len(names)} clips were given; {MOST_FILES} can be rated at once")
    sources = [source_of(studio, listener_id, name) for name in names]
    return [(each.title or CALLED[each.domain], formats.sound(each, "mp3")) for each in sources]
