import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from models.music.notes import Piece
from models.music.performance import as_written
from models.style.performance import touch
from models.style.performance.score import Played, read_score


def late_ms(piece, performance):
    """How late each note is where its own bar's tempo is believed."""
    bar = np.searchsorted(piece.bars[:, 0], piece.notes[:, 0], side="right") - 1
    share = (piece.notes[:, 0] - piece.bars[bar, 0]) / piece.bars[bar, 1]
    return 1000 * (performance.onset_s - performance.bars_s[bar] - share * np.diff(performance.bars_s)[bar])


@pytest.mark.parametrize("domain", ["pop", "dance", "chorale"])
def test_the_same_piece_is_always_played_in_the_same_way(chords, domain):
    piece = chords(8, domain=domain)
    one = touch.play(piece)
    touch._kept.clear()
    two = touch.play(replace(piece, titles=("Another title",)))
    assert all(np.array_equal(*pair) for pair in zip(vars(one).values(), vars(two).values(), strict=True))
    other = touch.play(piece.transposed(1))
    assert not np.array_equal(one.onset_s, other.onset_s)


@pytest.mark.parametrize("domain", ["pop", "dance", "chorale"])
def test_notes_last_and_none_sounds_where_its_key_is_struck_again(chords, domain):
    piece = chords(16, domain=domain)
    played = touch.play(piece)
    assert played.held_s.min() > 0
    assert (played.sounding_s >= played.held_s - 1e-9).all()
    assert played.velocity.min() >= 1
    for pitch in np.unique(piece.notes[:, 2]):
        mine = np.flatnonzero(piece.notes[:, 2] == pitch)
        ends = played.onset_s[mine] + played.sounding_s[mine]
        assert (ends[:-1] < played.onset_s[mine][1:]).all()


def test_a_dance_tune_keeps_its_tempo_and_hardly_strays(chords):
    piece = chords(8, tempo_bpm=170, domain="dance")
    played = touch.play(piece)
    assert np.diff(played.bars_s) == pytest.approx(np.diff(as_written(piece).bars_s))
    late = late_ms(piece, played)
    assert 0.1 < late.std() < 8
    assert np.abs(late).max() <= 25
    assert len(played.pedal_s) == 0
    assert played.velocity.std() > 0


def test_a_chorale_is_struck_together_and_pop_more_freely(chords):
    def apart(domain):
        piece = chords(8, domain=domain)
        late = late_ms(piece, touch.play(piece))
        return float(np.mean([np.ptp(late[piece.notes[:, 0] == bar]) for bar in piece.bars[:, 0]]))

    assert apart("chorale") < apart("pop")


def test_only_a_piece_that_ends_slows_down(chords):
    opening, whole = chords(8), chords(16)
    assert np.diff(touch.play(opening).bars_s)[-1] < 1.1 * np.diff(touch.play(opening).bars_s)[:-2].mean()
    bars = np.diff(touch.play(whole).bars_s)
    assert bars[-1] > 1.1 * bars[:-2].mean()
    slowed = replace(whole, tempo_bpm=np.r_[np.full(14, 90.0), 70.0, 70.0])
    assert (touch.slowing(slowed, "pop", slowed.tempo_bpm) == 1).all()  # it slows by itself


def test_the_pedal_changes_with_the_bass_and_stays_up_where_it_would_blur(chords):
    assert touch.pedal_ticks(chords(3)) == [(0, 96), (96, 192), (192, 288)]
    run = np.array([(12 * k, 12, 60 + k, 60) for k in range(8)])
    scale = Piece(run, np.array([[0, 96, 4, 4]]), np.array([90.0]))
    assert touch.pedal_ticks(scale) == []
    piece = chords(3)
    played = touch.play(piece)
    assert len(played.pedal_s) == 3
    assert (played.pedal_s[1:, 0] > played.pedal_s[:-1, 1]).all()
    assert played.sounding_s.sum() > 1.3 * played.held_s.sum()


def test_a_chorale_breathes_after_a_held_chord():
    voices = [(48, 52, 55, 60)] * 5
    lengths = [24, 24, 48, 24, 24]
    starts = np.cumsum([0, *lengths[:-1]])
    rows = zip(starts, lengths, voices, strict=True)
    notes = [(at, length, pitch, 70) for at, length, chord in rows for pitch in chord]
    piece = Piece(np.array(notes), np.array([[0, 96, 4, 4], [96, 96, 4, 4]]), np.full(2, 80.0), domain="chorale")
    assert touch.phrase_ends(piece) == [96]
    score = read_score(piece)
    still = Played(np.zeros(2), np.zeros(20), np.full(20, 70.0), np.zeros(20))
    played = touch.performance(piece, "chorale", score, still, ends=False)
    silence = played.onset_s[12] - (played.onset_s + played.sounding_s)[8]
    assert silence == pytest.approx(touch.BREATH_SECONDS, abs=0.03)


def test_a_piece_without_notes_stays_as_it_is():
    piece = Piece(np.zeros((0, 4)), np.array([[0, 96, 4, 4]]), np.array([90.0]))
    assert touch.play(piece, "pop").bars_s.tolist() == as_written(piece).bars_s.tolist()


def test_a_piece_that_several_ask_for_at_once_is_played_once(chords, monkeypatch):
    piece, asked, played = chords(3), threading.Barrier(4), []
    monkeypatch.setattr(touch, "_kept", OrderedDict())
    real = touch.performance
    monkeypatch.setattr(touch, "performance", lambda *given, **more: played.append(1) or real(*given, **more))

    def ask(_):
        asked.wait()
        return touch.play(piece)

    with ThreadPoolExecutor(4) as together:
        answers = list(together.map(ask, range(4)))
    assert len(played) == 1
    assert all(answer is answers[0] for answer in answers)
