import io
from dataclasses import replace

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from models.music.notes import MusicError, Piece
from models.music.performance import Performance, as_written, bars_in_seconds, notes_in_seconds, sounding_seconds
from models.music.render import (
    SAMPLE_RATE_HZ,
    encode_lossless,
    encode_mp3,
    measure,
    render,
    render_long,
)


def piece(notes, bars=8, tempo_bpm=120.0):
    rows = [[96 * bar, 96, 4, 4] for bar in range(bars)]
    return Piece(np.array(notes).reshape(-1, 4), np.array(rows), np.full(bars, tempo_bpm))


def dense(seed=0, notes=220, low=36, high=90, loud=100):
    random = np.random.default_rng(seed)
    columns = [random.integers(0, 8 * 96, notes), random.integers(3, 60, notes)]
    return piece(np.stack([*columns, random.integers(low, high, notes), random.integers(25, loud, notes)], axis=1))


def decoded(mp3):
    return soundfile.read(io.BytesIO(mp3), dtype="float32")[0]


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [7.0, 14.0])
@pytest.mark.parametrize(
    "music",
    [
        dense(0),
        dense(1, notes=900, loud=127),
        dense(2, notes=12),
        dense(3, low=24, high=40, loud=127),
        piece([[0, 48, 84, 20], [200, 10, 50, 127]]),
    ],
    ids=["pop", "absurdly dense", "sparse", "bass", "two notes"],
)
def test_what_a_browser_decodes_has_the_length_loudness_and_peak_promised(music, seconds):
    audio = render(music, seconds)
    assert audio.shape == (round(seconds * SAMPLE_RATE_HZ), 2)
    assert audio.dtype == np.float32
    sound = decoded(encode_mp3(audio))
    assert len(sound) == len(audio)
    loudness = measure(sound)
    assert loudness.lufs == pytest.approx(-18.0, abs=0.5)
    assert loudness.true_peak_db < -1.0


def test_a_title_is_read_from_the_file_and_changes_no_sound() -> None:
    for title in ("", "Ó’Neill’s ride 鳥, played on"):
        audio = render(dense(), 1.0)
        for data in (encode_mp3(audio, title=title), encode_lossless(audio, "wav", title)):
            with av.open(io.BytesIO(data)) as file:
                found = file.metadata
            assert [found.get(name) for name in ("title", "artist")] == ([title, "Kallos"] if title else [None, None])
        assert np.array_equal(decoded(encode_mp3(audio, title=title)), decoded(encode_mp3(audio)))


def test_two_clips_of_one_length_have_files_of_one_size():
    sizes = {len(encode_mp3(render(music, 7.0))) for music in (dense(0), dense(1, notes=15), piece([[0, 24, 60, 60]]))}
    assert len(sizes) == 1


@pytest.mark.slow
def test_long_music_is_played_in_parts_and_sounds_as_if_it_were_played_at_once(monkeypatch):
    music = dense()
    performance = as_written(music)
    performance = replace(performance, onset_s=performance.onset_s + 1.5)
    seconds = sounding_seconds(music) + 1.5
    monkeypatch.setattr("models.music.render.PART_SECONDS", 3.0)
    whole, parts = render(music, None, performance), render_long(music, seconds, performance)
    lead = round((performance.onset_s.min()) * SAMPLE_RATE_HZ)
    assert len(parts) == round(seconds * SAMPLE_RATE_HZ)
    assert np.abs(parts[: lead - 1]).max() < 1e-6
    heard, length = parts[lead:], min(len(parts) - lead, len(whole))
    assert (
        np.corrcoef(heard[:length, 0], whole[:length, 0])[0, 1] > 0.995
    )  # but for what is rounded off near a part's edge
    assert measure(np.asarray(parts)).lufs == pytest.approx(measure(whole).lufs, abs=0.2)
    assert measure(np.asarray(parts)).true_peak_db < -1.0
    with pytest.raises(MusicError, match="without notes"):
        render_long(piece([]), 5.0, as_written(piece([])))


def test_the_end_fades_smoothly_to_silence():
    audio = render(dense(5, notes=500), 7.0)
    end = np.abs(audio[-SAMPLE_RATE_HZ // 100 :]).max()
    assert end < 0.01 * np.abs(audio).max()


def test_without_a_length_the_last_note_rings_out():
    audio = render(piece([[0, 24, 60, 80], [24, 24, 64, 80]]))
    assert 2.0 < len(audio) / SAMPLE_RATE_HZ < 4.0
    assert np.abs(audio[-4410:]).max() < 0.01


def test_a_rest_before_the_first_note_is_left_out_of_sound_and_notes_alike():
    early, late = piece([[0, 24, 60, 80], [48, 24, 67, 80]]), piece([[96, 24, 60, 80], [144, 24, 67, 80]])
    assert np.array_equal(render(early, 3.0), render(late, 3.0))
    assert notes_in_seconds(early, 3.0) == notes_in_seconds(late, 3.0) == [(0.0, 0.5, 60, 80), (1.0, 0.5, 67, 80)]


def test_the_music_starts_at_once():
    audio = np.abs(render(dense(6), 2.0)).max(axis=1)
    assert np.argmax(audio > 0.02 * audio.max()) < 0.03 * SAMPLE_RATE_HZ


def onset_energy(audio, second):
    start = int(second * SAMPLE_RATE_HZ)
    return float(np.square(audio[start : start + SAMPLE_RATE_HZ // 4]).sum())


def test_a_harder_struck_note_is_louder_and_brighter():
    audio = render(piece([[0, 6, 60, 30], [96, 6, 60, 60], [192, 6, 60, 100]], tempo_bpm=120), 7.0)
    soft, medium, hard = (onset_energy(audio, second) for second in (0.0, 2.0, 4.0))
    assert 4 * soft < medium
    assert 4 * medium < hard

    def centroid(second):
        start = int(second * SAMPLE_RATE_HZ)
        power = np.square(np.abs(np.fft.rfft(audio[start : start + SAMPLE_RATE_HZ // 2, 0])))
        return (power * np.arange(len(power))).sum() / power.sum()

    assert centroid(0.0) < centroid(4.0)


def test_notes_of_the_piano_roll_start_where_the_sound_does():
    music = piece([[0, 12, 60, 90], [96, 12, 72, 90], [240, 12, 48, 90]], tempo_bpm=97.0)
    audio = np.abs(render(music, 7.0)).max(axis=1)
    for start, _, _, _ in notes_in_seconds(music, 7.0):
        sample = int(start * SAMPLE_RATE_HZ)
        before = audio[max(0, sample - 900) : sample].max(initial=0.0)
        assert audio[sample : sample + 900].max() > 3 * before


def test_notes_are_cut_where_the_sound_ends():
    assert notes_in_seconds(piece([[0, 96 * 4, 60, 80], [96 * 4, 24, 61, 80]]), 3.0) == [(0.0, 3.0, 60, 80)]


def test_a_piece_without_notes_or_without_a_length_is_refused():
    with pytest.raises(MusicError, match="without notes"):
        render(piece([]), 7.0)
    with pytest.raises(MusicError, match="more than 0"):
        render(dense(0), 0.0)
    assert notes_in_seconds(piece([]), 7.0) == []


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 700), st.integers(1, 400), st.integers(0, 127), st.integers(1, 127)),
        min_size=1,
        max_size=20,
    ),
    st.sampled_from([0.2, 1.0, 2.5]),
)
def test_any_notes_give_finite_sound_of_the_length_asked_for(notes, seconds):
    audio = render(piece(notes), seconds)
    assert audio.shape == (round(seconds * SAMPLE_RATE_HZ), 2)
    assert np.isfinite(audio).all()
    assert np.abs(audio).max() < 0.9


def test_a_performance_is_heard_and_shown_in_its_own_time():
    music = piece([[0, 24, 60, 80], [48, 24, 67, 80]], bars=1)
    onset, sounding = np.array([0.1, 1.25]), np.array([0.5, 0.75])
    played = Performance(
        onset, np.array([0.2, 0.2]), sounding, np.array([50, 90]), np.array([0.0, 2.2]), np.zeros((0, 2))
    )
    assert notes_in_seconds(music, None, played) == [(0.0, 0.5, 60, 50), (1.15, 0.75, 67, 90)]
    assert bars_in_seconds(music, played) == [-0.1, 2.1]
    assert sounding_seconds(music, played) == pytest.approx(1.9 + 1.6)
    loud = np.abs(render(music, 3.0, played)).max(axis=1)
    struck = round(1.15 * SAMPLE_RATE_HZ)
    assert loud[struck : struck + 4000].max() > 2 * loud[struck - 4000 : struck - 100].max()
    assert np.array_equal(render(music, 3.0, as_written(music)), render(music, 3.0))


def test_a_chord_held_for_long_is_cut_and_no_bar_begins_after_that():
    music = piece([[0, 24, 60, 80], [24, 360, 67, 80]], bars=4)  # two seconds a bar, of which the last are one note
    assert sounding_seconds(music) == pytest.approx(0.5 + 6)
    assert notes_in_seconds(music)[1] == (0.5, 6.0, 67, 80)
    assert bars_in_seconds(music) == [0.0, 2.0, 4.0, 6.0, 6.5]
