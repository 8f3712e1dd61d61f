from __future__ import annotations

import json
from collections.abc import Callable
from uuid import UUID

from sqlalchemy import text, update
from sqlalchemy.orm import Session

from db.queries.clips import (
    add_audio,
    change_clip,
    composed_clips,
    count_pool,
    get_audio,
    pool_clips,
)
from db.queries.export import clip_rows
from db.queries.listeners import create_listener
from db.tables import Clip, ClipAudio, Listener
from db.tables.base import QUIETEST_DB


def test_the_same_content_is_one_clip_for_everybody_and_one_a_listener(
    session: Session, listener: Listener, make_clip: Callable[..., UUID]
) -> None:
    first = make_clip(content_hash="h")
    assert make_clip(content_hash="h") == first
    own = make_clip(content_hash="h", composed_for=listener.id)
    assert own != first
    assert make_clip(content_hash="h", composed_for=listener.id) == own
    assert make_clip(content_hash="h", composed_for=create_listener(session).id) not in {own, first}


def test_the_pool_holds_playable_clips_of_one_domain_with_their_lengths(
    session: Session, make_clip: Callable[..., UUID]
) -> None:
    both = make_clip(seconds=(14.0, 7.0))
    short = make_clip(summary=[1.0, 2.0])
    make_clip(seconds=())  # not rendered yet
    make_clip(domain="dance")
    make_clip(model_version="v2")
    change_clip(session, make_clip(), {"retired": True})
    pool = pool_clips(session, domain="pop", model_version="v1")
    assert [(clip.id, clip.seconds, clip.composed) for clip in pool] == [
        (both, (7.0, 14.0), False),
        (short, (7.0,), False),
    ]
    assert pool[1].summary.tolist() == [1.0, 2.0]
    assert count_pool(session, domain="pop", model_version="v1") == 2
    assert count_pool(session, domain="pop") == 3
    assert len(pool_clips(session, domain="pop")) == 3


def test_a_composed_clip_is_in_nobody_elses_pool(
    session: Session, listener: Listener, make_clip: Callable[..., UUID]
) -> None:
    shared = make_clip()
    own = make_clip(composed_for=listener.id)
    make_clip(composed_for=create_listener(session).id)
    assert [clip.id for clip in pool_clips(session, domain="pop")] == [shared]
    assert [(clip.id, clip.composed) for clip in pool_clips(session, domain="pop", listener_id=listener.id)] == [
        (shared, False),
        (own, True),
    ]
    assert [clip.id for clip in composed_clips(session, listener.id)] == [own]
    assert composed_clips(session, listener.id, domain="dance") == []


def test_sound_is_noted_once(session: Session, make_clip: Callable[..., UUID]) -> None:
    clip_id = make_clip(seconds=())
    sound = {"sha256": "a" * 64, "uri": "a.mp3", "size_bytes": 5, "lufs": -18.0, "true_peak_db": -1.2}
    assert add_audio(session, clip_id, seconds=7.0, **sound)  # type: ignore[arg-type]
    assert not add_audio(session, clip_id, seconds=7.0, **sound)  # type: ignore[arg-type]
    found = get_audio(session, clip_id, 7.0)
    assert found is not None
    assert found.bytes == 5
    assert get_audio(session, clip_id, 14.0) is None
    assert session.get(Clip, clip_id) is not None


def test_silence_is_noted_as_a_level_that_json_knows(session: Session, make_clip: Callable[..., UUID]) -> None:
    clip_id = make_clip()
    older = update(ClipAudio).where(ClipAudio.clip_id == clip_id).values(lufs=text("'-Infinity'::float8"))
    session.execute(older)
    (clip,) = clip_rows(session, Clip.id == clip_id)
    assert [sound["lufs"] for sound in clip["audio"]] == [QUIETEST_DB] * len(clip["audio"]) != []
    json.dumps(clip, allow_nan=False)
