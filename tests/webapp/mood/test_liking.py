"""The taste page says which moods the picks lean to, once there are enough, and nothing where no judge answers."""

from __future__ import annotations

import pytest

from webapp import mood
from webapp.generation.protocol import GeneratorUnavailable
from webapp.learning.playable_clips import HeardClips
from webapp.ui.pages.taste import likings

pytestmark = pytest.mark.slow


def test_enough_picks_are_told_by_valence_and_arousal(context, live, monkeypatch):
    few, many = live(3), live(12)
    assert mood.leanings_of(context.studio, few) == []
    found = mood.leanings_of(context.studio, many)
    assert [each.mood for each in found] == ["valence", "arousal"]
    assert all(each.sd > 0 and 0.5 <= each.confidence <= 1 for each in found)
    token = context.identity.token(many)
    text, bars = likings.load_moods(context, token)
    assert "may be wrong" in text
    assert [bar.name for bar in bars] == ["Sad or happy", "Calm or lively"]
    assert likings.load_moods(context, context.identity.token(few)) == ("", [])

    def silent(_):
        raise GeneratorUnavailable("down")

    monkeypatch.setattr(context.generation, "moods", silent)
    monkeypatch.setattr(mood, "_heard", HeardClips("mood-cpu"))  # as after a start
    assert likings.load_moods(context, token) == (text, bars)  # what was heard is stored
    monkeypatch.setattr(mood, "_heard", HeardClips("another model"))
    assert likings.load_moods(context, token) == ("", [])
