"""How surprising clips are, heard by the generation server behind the page that asks.

That takes a fraction of a second a clip, too long for a page about a hundred of them. What was heard is kept in memory,
a number a clip: notes of a clip never change.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections import OrderedDict
from collections.abc import Sequence
from itertools import groupby

from db.queries.clips import PoolMusic, music_of
from db.tables import PICTURES
from webapp.composing.jobs import domain_named
from webapp.generation.protocol import GenerationError
from webapp.generation.remote import RemoteGenerator
from webapp.studio.studio import Studio

KEPT = 4096  # clips
TOGETHER = 8  # pieces a request, so that others are heard in between
AT_ONCE = 64  # clips that are heard behind one visit

logger = logging.getLogger(__name__)

_kept: OrderedDict[uuid.UUID, float | None] = OrderedDict()
_keeping = threading.Lock()
_hearing = threading.Lock()  # one listener's clips at a time


def known(clip_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, float | None]:
    """The surprise of those of these clips that were heard, None of one that can't be.

    In standard deviations of real music of the clip's domain.
    """
    with _keeping:
        return {clip_id: _kept[clip_id] for clip_id in clip_ids if clip_id in _kept}


def begin(studio: Studio, clip_ids: Sequence[uuid.UUID]) -> threading.Thread | None:
    """Hear some of these clips in the background; None where others are being heard just now."""
    if not _hearing.acquire(blocking=False):
        return None
    try:
        some = list(clip_ids)[:AT_ONCE]
        found = studio.database.transaction(lambda session: music_of(session, some))
        _keep(dict.fromkeys(set(some) - {clip.id for clip in found}))
        thread = threading.Thread(target=_hear, args=(studio.generation, found), name="hear surprises", daemon=True)
        thread.start()
    except BaseException:
        _hearing.release()
        raise
    return thread


def _hear(generation: RemoteGenerator, clips: Sequence[PoolMusic]) -> None:
    try:
        for domain, own in groupby(sorted(clips, key=lambda clip: clip.domain), key=lambda clip: clip.domain):
            some = list(own)
            if domain == PICTURES:
                _keep(dict.fromkeys(clip.id for clip in some))
                continue
            for start in range(0, len(some), TOGETHER):
                part = some[start : start + TOGETHER]
                heard = generation.rewards([clip.notes for clip in part], domain_named(domain)).rewards
                _keep(
                    {clip.id: None if each is None else each.surprise for clip, each in zip(part, heard, strict=True)}
                )
    except (GenerationError, RuntimeError) as error:  # the second from a client that was closed meanwhile
        logger.info("clips were not heard for their surprise: %s", error)
    finally:
        _hearing.release()


def _keep(found: dict[uuid.UUID, float | None]) -> None:
    with _keeping:
        _kept.update(found)
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
