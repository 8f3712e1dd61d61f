"""A clip heard by a running generator with the shipped tension model: kept, refused, and silent."""

import uuid

import pytest

from webapp.runtime.errors import NotReady, NotYours, TooMany
from webapp.runtime.limits import Buckets
from webapp.runtime.recent import Recent
from webapp.tension import own_music

SOMEBODY = uuid.UUID(int=7)


def hear(context, name, listener=SOMEBODY):
    return own_music.curves_of(context.database, context.generation, listener, name)


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    monkeypatch.setattr(own_music, "_kept", Recent(9))


def test_a_clip_is_heard_once_and_kept(context, stock, monkeypatch):
    (clip,) = stock(clips=1)
    found = hear(context, f"clips/{clip}")
    assert found.domain == "pop"
    assert [note.onset for note in found.notes] == [note / 4 for note in range(16)]
    assert len(found.surprise) == len(found.recognised) == 4  # the others are silent
    assert found.usual_surprise > 0
    assert found.silent_bars == 0
    assert all(len(note.expected) == 3 for note in found.notes)
    monkeypatch.setattr(context.generation, "curves", None)
    assert hear(context, f"clips/{clip}") == found


def test_what_is_unknown_unanswered_or_too_much_is_refused(context, stock, monkeypatch):
    with pytest.raises(NotYours):
        hear(context, f"clips/{uuid.uuid4()}")
    (clip,) = stock(clips=1)
    context.generation.close()
    del context.generation
    context.generator_url = "http://127.0.0.1:9"
    with pytest.raises(NotReady, match="nothing is lost"):
        hear(context, f"clips/{clip}")
    monkeypatch.setattr(own_music, "_requests", Buckets(0.001, 0))
    with pytest.raises(TooMany):
        hear(context, f"clips/{clip}")
