"""More like this: from a clip that a listener knows to those most like it, and a path on.

What waits in their open pairs and fours, and what was composed for them and not met yet, stays away: it is met blind.
"""

from __future__ import annotations

import uuid
from dataclasses import asdict
from typing import Any

from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import offers as offer_rows
from models.taste.space import TasteSpace, nearest_clips, similar_path
from webapp.composing.sources import named_traits
from webapp.learning import heads
from webapp.learning.playable_clips import PlayableClips, PlayablePool
from webapp.listening.comparison import ShownClip
from webapp.runtime.database import in_transaction, known_listener
from webapp.runtime.errors import NotYours

SIMILAR, STEPS = 6, 5


@in_transaction
def similar(session: Session, playable: PlayablePool, listener_id: uuid.UUID, clip_id: uuid.UUID) -> dict[str, Any]:
    """``{start, similar, path}``: the clip itself, those most like it in order, and steps that lead on beyond these.

    Each ``{clip_id, audio_url, notes_url, seconds, image_url, traits}``. Raises ``NotYours`` for a clip that they must
    not know.
    """
    known_listener(session, listener_id)
    waiting = offer_rows.ids_shown(session, listener_id, state="open")
    judged = offer_rows.ids_shown(session, listener_id, state="voted")
    clip = clip_rows.get_clip(session, clip_id)
    space = playable.space_of(clip.domain if clip else "")
    known = clip is not None and (clip.composed_for is None or clip_id in judged)
    if clip is None or not known or clip_id in waiting - judged:
        raise NotYours(f"there is no clip {clip_id} from which you could go on; pick one of a pair or a four first")
    here = heads.features_of(session, [clip_id], space).get(clip_id)
    if here is None:
        raise NotYours(f"clip {clip_id} belongs to an older model; start from a newer one")
    own = clip_rows.composed_clips(session, listener_id, domain=clip.domain, model_version=space.version)
    met = PlayableClips.of([each for each in own if each.id in judged], space)
    among = playable.clips(session, clip.domain).joined(met)
    around = among.chosen([i for i, each in enumerate(among.ids) if each not in {clip_id, *waiting}])
    like = nearest_clips(around.features, here, SIMILAR)
    start = PlayableClips((clip_id,), here[None], (tuple(clip_rows.audio_lengths(session, clip_id)),))
    beyond = around.chosen([i for i in range(len(around.ids)) if i not in like])
    return {
        "start": _described(session, space, playable, clip.domain, start)[0],
        "similar": _described(session, space, playable, clip.domain, around.chosen(like)),
        "path": _described(
            session, space, playable, clip.domain, beyond.chosen(similar_path(beyond.features, here, STEPS))
        ),
    }


def _described(
    session: Session, space: TasteSpace, playable: PlayablePool, domain: str, clips: PlayableClips
) -> list[dict[str, Any]]:
    described = named_traits(session, space, playable, domain, clips.features)
    return [
        asdict(ShownClip.of(clip_id, max(lengths), picture=space.of_pictures)) | {"traits": traits}
        for clip_id, lengths, traits in zip(clips.ids, clips.seconds, described, strict=True)
    ]
