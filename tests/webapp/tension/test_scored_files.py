"""Strangers' notes through the real process and the shipped model: heard, drawn, refused."""

import json
import threading
import uuid

import pytest

from models.music.midi import write_midi
from models.tension.curves import Curves
from webapp.runtime.errors import NotAllowed, NotReady, TooMany
from webapp.runtime.limits import Buckets
from webapp.tension import scored_files, tension_process
from webapp.tension.scored_files import ScoredFile
from webapp.ui.pages.tension import row, summary

pytestmark = pytest.mark.slow

SOMEBODY = uuid.UUID(int=1)
JIG = b"X:1\nT:A jig\nM:6/8\nL:1/8\nK:D\n" + b"|dAF DFA|dAF def|gfe fed|cBA Bcd" * 4 + b"|]\n"


@pytest.fixture(scope="module")
def heard(tune) -> list[ScoredFile]:
    files = [("broken.mid", b"no music"), ("jig.abc", JIG), ("tune.mid", write_midi(tune))]
    return scored_files.score(SOMEBODY, files)


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


def test_too_many_none_and_without_end_are_refused(monkeypatch):
    for count in (0, scored_files.MOST_FILES + 1):
        with pytest.raises(NotAllowed, match="1 to 12"):
            scored_files.score(SOMEBODY, [("jig.abc", JIG)] * count)
    monkeypatch.setattr(scored_files, "_requests", Buckets(0.001, 1))
    with pytest.raises(TooMany):
        scored_files.score(SOMEBODY, [("jig.abc", JIG)] * 2)


def test_one_hears_at_a_time_and_a_process_that_ends_says_so(monkeypatch):
    monkeypatch.setattr(scored_files, "PATIENCE_S", 0.05)
    with scored_files._slots, pytest.raises(NotReady, match="other music"):
        scored_files.score(SOMEBODY, [("jig.abc", JIG)])
    monkeypatch.setattr(scored_files, "_places", threading.BoundedSemaphore(1))
    with scored_files._places, pytest.raises(NotReady, match="other music"):
        scored_files.score(SOMEBODY, [("jig.abc", JIG)])
    monkeypatch.setattr(scored_files, "SECONDS", 0.01)
    with pytest.raises(NotReady, match="in time"):
        scored_files.score(SOMEBODY, [("jig.abc", JIG)])


def test_a_book_is_heard_tune_by_tune_and_what_is_short_has_no_score():
    book = JIG + b"\n" + JIG.replace(b"X:1\nT:A jig", b"X:2\nT:Two notes").split(b"|dAF")[0] + b"A d|]\n"
    found = scored_files.score(SOMEBODY, [("book.abc", book)])
    assert [each.name for each in found] == ["book.abc: A jig", "book.abc: Two notes"]
    whole, short = (each.curves for each in found)
    assert (whole.scored, short.scored) == (True, False)
    assert row(2, found[1])[2:5] == ["–", "–", "–"]
    assert "book.abc: Two notes: too short for a score, which takes 4 bars" in summary(found)
    scores, bars, notes = scored_files.tables(found).values()
    assert scores.score.isna().tolist() == [False, True]
    assert (len(bars), len(notes)) == (17, 98)
    assert notes.midi_pitch[0] == 74


def test_of_a_long_book_the_first_tunes_are_heard_and_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(tension_process, "MOST_PIECES", 1)
    (tmp_path / "0").write_bytes(JIG + b"\n" + JIG.replace(b"X:1", b"X:2"))
    (tmp_path / "names.json").write_text(json.dumps(["book.abc"]))
    tension_process.main(tmp_path)
    first, rest = json.loads((tmp_path / "heard.json").read_text())
    assert Curves.from_json(first["curves"]).scored
    assert "2 pieces; the first 1 were heard" in rest["problem"]
