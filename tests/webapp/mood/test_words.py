"""Moods in words."""

from __future__ import annotations

from webapp.generation.protocol import Mood
from webapp.mood import in_words, sounding


def test_a_mood_is_said_as_surely_as_it_is_heard() -> None:
    for valence, arousal, words in (
        (0.9, 0.6, "happy"), (-0.6, 0.8, "tense"), (-0.7, -0.7, "sad"), (0.6, -0.9, "calm"),
        (0.9, -0.3, "rather calm"), (0.0, 0.7, "between happy and tense"), (-0.4, 0.1, "between tense and sad"),
        (0.1, -0.1, "in the middle: neither glad nor sad, neither lively nor calm"),
    ):  # fmt: skip
        assert in_words(Mood(valence=valence, arousal=arousal)) == words


def test_of_a_mood_in_the_middle_there_is_no_word() -> None:
    assert sounding(Mood(valence=0.1, arousal=-0.1)) == ""
    assert sounding(Mood(valence=0.9, arousal=-0.3)) == "rather calm"
