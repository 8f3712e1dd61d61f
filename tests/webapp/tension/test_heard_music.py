"""Strangers' notes through the real process and the shipped model: heard, drawn, refused."""

import uuid

import pytest

from models.music.midi import write_midi
from webapp.runtime.errors import NotAllowed, NotReady, TooMany
from webapp.runtime.limits import Buckets
from webapp.tension import heard_music
from webapp.tension.heard_music import HeardMusic
from webapp.tension.plot import lanes
from webapp.ui.pages.tension import drawn, row, summary

SOMEBODY = uuid.UUID(int=1)
JIG = b"X:1\nT:A jig\nM:6/8\nL:1/8\nK:D\n" + b"|dAF DFA|dAF def|gfe fed|cBA Bcd" * 4 + b"|]\n"


@pytest.fixture(scope="module")
def heard(tune) -> list[HeardMusic]:
    files = [("broken.mid", b"no music"), ("jig.abc", JIG), ("tune.mid", write_midi(tune))]
    return heard_music.hear(SOMEBODY, files)


def test_each_note_and_bar_is_told_and_the_best_score_comes_first(heard):
    *whole, broken = heard
    assert [each.curves.both for each in whole] == sorted((each.curves.both for each in whole), reverse=True)
    jig = next(each.curves for each in whole if each.name == "jig.abc")
    assert jig.domain == "dance"
    assert len(jig.notes) == 96
    first = jig.notes[0]
    assert (first.onset, first.pitch) == (0, 74)
    assert first.length == pytest.approx(1 / 6, abs=0.001)
    assert len(jig.surprise) == len(jig.uncertainty) == 16
    assert [(beat.onset, beat.length) for beat in jig.beats[:3]] == [(0, 0.5), (0.5, 0.5), (1, 0.5)]  # dotted ones
    by_bar = [(one.surprise + other.surprise) / 2 for one, other in zip(jig.beats[::2], jig.beats[1::2], strict=True)]
    assert by_bar == pytest.approx(jig.surprise, abs=0.002)
    late, early = (sum(jig.surprise[part]) for part in (slice(8, 16), slice(0, 8)))
    assert late < early  # the tune comes again
    assert jig.recognised[0] is None
    assert all(0 < each <= 1 for each in jig.recognised[4:])
    assert sum(chance for _, chance in first.expected) <= 1
    assert "neither MIDI" in broken.problem


def test_the_page_draws_and_tells(heard):
    figure = lanes(heard[0].name, heard[0].curves)
    assert len(figure.data) == 5
    assert "likeliest pitches here" in figure.data[0].customdata[0]
    surprise = figure.data[1]
    assert (surprise.x[0], surprise.customdata[0]) == (1.5, 1), "the middle of bar 1"
    assert "bar %{customdata}" in surprise.hovertemplate
    assert drawn(heard, 99) is None
    assert row(1, heard[0])[1] == heard[0].name
    said = summary(heard)
    assert f"{heard[0].name} scores highest." in said
    assert "“broken.mid” can't be heard" in said


def test_too_many_none_and_without_end_are_refused(monkeypatch):
    for count in (0, heard_music.MOST_FILES + 1):
        with pytest.raises(NotAllowed, match="1 to 12"):
            heard_music.hear(SOMEBODY, [("jig.abc", JIG)] * count)
    monkeypatch.setattr(heard_music, "_asked", Buckets(0.001, 1))
    with pytest.raises(TooMany):
        heard_music.hear(SOMEBODY, [("jig.abc", JIG)] * 2)


def test_one_hears_at_a_time_and_a_process_that_ends_says_so(monkeypatch):
    with heard_music._slots, pytest.raises(NotReady, match="other music"):
        heard_music.hear(SOMEBODY, [("jig.abc", JIG)])
    monkeypatch.setattr(heard_music, "SECONDS", 0.01)
    with pytest.raises(NotReady, match="in time"):
        heard_music.hear(SOMEBODY, [("jig.abc", JIG)])
