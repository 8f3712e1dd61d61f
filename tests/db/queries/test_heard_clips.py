from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from db.queries.clips import heard_clips, keep_heard
from db.tables import HeardClip, Listener


def test_what_was_heard_is_kept_by_version_and_stays_as_it_was(
    session: Session, make_clip: Callable[..., UUID]
) -> None:
    one, other, unheard = (make_clip() for _ in range(3))
    keep_heard(session, {one: {"surprise": 0.5}, other: None}, model_version="a")
    keep_heard(session, {one: {"surprise": 0.7}}, model_version="a")
    keep_heard(session, {one: {"surprise": 0.9}}, model_version="b")
    assert heard_clips(session, [one, other, unheard], model_version="a") == {one: {"surprise": 0.5}, other: None}
    assert heard_clips(session, [one, other, unheard], model_version="b") == {one: {"surprise": 0.9}}
    assert heard_clips(session, [], model_version="a") == {}
    missing = select(func.count()).where(HeardClip.heard.is_(None))
    assert session.scalar(missing.select_from(HeardClip)) == 1  # no JSON null


def test_it_goes_with_its_clip_and_a_clip_that_is_gone_is_left_out(
    session: Session, listener: Listener, make_clip: Callable[..., UUID]
) -> None:
    own, shared = make_clip(composed_for=listener.id), make_clip()
    keep_heard(session, {own: {"surprise": 0.5}, shared: {"surprise": 0.1}, uuid4(): None}, model_version="a")
    session.execute(text("DELETE FROM listeners WHERE id = :id"), {"id": listener.id})
    assert heard_clips(session, [own, shared], model_version="a") == {shared: {"surprise": 0.1}}
