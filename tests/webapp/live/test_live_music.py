"""Bars by what is seen, composed by the shipped model: each side of the music goes where its readout says."""

import time

import numpy as np
import pytest

from models.music.notes import Piece
from models.picture.readouts import READOUTS
from models.style import drafting
from models.style.checkpoint import tiny_style
from models.style.compose import Composer
from models.style.latents import BARS
from tests.serving import served
from webapp.generation import remote
from webapp.generation.engine import Engine
from webapp.generation.protocol import GeneratorUnavailable
from webapp.generation.server import create_app
from webapp.live.music import ADDED, BEFORE, ENDING, BackingTrack, LiveMusic
from webapp.live.sound import FADE_S, KNEE, performed, sound_of
from webapp.live.steering import NOTHING_SEEN, asked_of_music, checked
from webapp.runtime.errors import NotAllowed

ALL_UP, ALL_DOWN = (dict.fromkeys(READOUTS, each) for each in (1.5, -1.5))


@pytest.mark.slow
def test_what_is_seen_now_moves_the_very_next_bar(generation, directions):
    music = LiveMusic(generation, directions, "pop", 5)
    found = {"usual": [], "up": [], "down": []}
    for _ in range(4):
        for name, seen in (("usual", NOTHING_SEEN), ("up", ALL_UP), ("down", ALL_DOWN)):
            found[name].append(music.next_bar(seen))

    def mean(name, measure):
        return np.mean([measure(bar) for bar in found[name] if len(bar.piece.notes)])

    for measure in (
        lambda bar: bar.piece.notes[:, 2].mean(), lambda bar: bar.piece.notes[:, 3].mean(),
        lambda bar: len(bar.piece.notes), lambda bar: bar.tempo_bpm,
    ):  # fmt: skip
        assert mean("down", measure) < mean("up", measure)
    assert all(bar.major for bar in found["up"])
    assert not any(bar.major for bar in found["down"])
    for bar in found["up"]:  # no minor third of the key is left
        assert not ((bar.piece.notes[:, 2] - bar.tonic) % 12 == 3).any()


@pytest.mark.slow
def test_a_bar_goes_on_from_those_that_sounded_and_depends_on_nothing_later(generation, directions):
    seen = [NOTHING_SEEN, ALL_UP, ALL_DOWN, ALL_DOWN]
    one = [LiveMusic(generation, directions, "pop", 7)]
    first = [one[0].next_bar(each) for each in seen]
    request = generation.requests[-1]
    assert request.locks.bars == list(range(BEFORE))
    written = Piece.from_json(request.locks.notes)
    assert len(written.bars) == BEFORE + 1
    assert not (written.notes[:, 0] >= written.bars[-1, 0]).any()
    other = LiveMusic(generation, directions, "pop", 7)
    again = [other.next_bar(each) for each in seen[:3]]
    for bar, same in zip(first, again, strict=False):
        np.testing.assert_array_equal(bar.piece.notes, same.piece.notes)
    assert other.next_bar(ALL_UP).tempo_bpm > first[3].tempo_bpm


@pytest.mark.slow
def test_what_is_seen_later_takes_the_second_half_of_a_bar_and_the_music_goes_on_from_it(generation, directions):
    music = LiveMusic(generation, directions, "pop", 7)
    with pytest.raises(NotAllowed, match="ask for a bar first"):
        music.second_half(ALL_UP)
    music.next_bar(NOTHING_SEEN)
    first = music.next_bar(NOTHING_SEEN)
    unheard, _ = music.second_half(ALL_DOWN)  # came too late, and the music did not go on from it
    half, goes_on = music.second_half(ALL_UP)
    goes_on()
    assert (half.number, half.from_tick, half.middle) == (first.number, 48, 48)
    assert half.readouts == ALL_UP
    assert half.tempo_bpm > first.tempo_bpm > unheard.tempo_bpm

    def begun(bar, ticks):
        return [row[[0, 2, 3]].tolist() for row in bar.piece.notes if row[0] in ticks]

    assert begun(half, range(48)) == begun(first, range(48)) != []
    assert begun(half, range(48, 96)) != begun(first, range(48, 96))
    whole = LiveMusic(generation, directions, "pop", 7)
    whole.next_bar(NOTHING_SEEN)
    assert begun(half, range(48, 96)) == begun(whole.next_bar(ALL_UP), range(48, 96))  # as if seen from the beginning
    following = music.next_bar(NOTHING_SEEN)
    assert following.number == 2
    np.testing.assert_array_equal(following.before.window(1, 1).notes, half.piece.window(0, 1).notes)


@pytest.mark.slow
def test_music_goes_on_beyond_what_was_written_first(generation, directions):
    music = LiveMusic(generation, directions, "dance", 1)
    bars = [music.next_bar(NOTHING_SEEN) for _ in range(12)]  # eight bars of a draft, and of sixteen more
    assert [bar.number for bar in bars] == list(range(12))
    assert sum(len(bar.piece.notes) == 0 for bar in bars) <= 2
    assert len({bar.piece.notes.tobytes() for bar in bars}) > 6
    assert len({bar.ticks for bar in bars}) == 1


def test_a_bar_that_was_not_composed_is_composed_later(generation, directions, monkeypatch):
    music = LiveMusic(generation, directions, "pop", 2)
    music.next_bar(NOTHING_SEEN)
    with monkeypatch.context() as patch:
        patch.setattr(
            generation, "generate", lambda _: (_ for _ in ()).throw(GeneratorUnavailable("no")), raising=False
        )
        with pytest.raises(GeneratorUnavailable):
            music.next_bar(NOTHING_SEEN)
    assert music.next_bar(NOTHING_SEEN).number == 1


@pytest.mark.slow
def test_a_bar_sounds_from_its_first_note_in_the_time_of_its_bar(generation, directions):
    import io

    import soundfile

    music = LiveMusic(generation, directions, "pop", 5)
    for seen in (NOTHING_SEEN, NOTHING_SEEN, ALL_UP):
        bar = music.next_bar(seen)
        sound = sound_of(bar)
        performance = performed(bar)
        assert len(performance.onset_s) == len(bar.piece.notes)
        written = bar.piece.seconds_at(bar.piece.notes[:, 0])
        assert np.abs(performance.onset_s - written).max() < 0.35
        assert 0 <= sound.after_s == pytest.approx(performance.onset_s.min(), abs=1e-3)
        audio, rate = soundfile.read(io.BytesIO(sound.mp3))
        assert rate == 44_100
        assert 0.01 < np.abs(audio).max() <= 1.0
        assert len(audio) / rate > bar.seconds - sound.after_s - 1
    assert KNEE < 1
    half, _ = music.second_half(ALL_DOWN)
    sound = sound_of(half)
    audio, rate = soundfile.read(io.BytesIO(sound.mp3))
    assert sound.after_s == -FADE_S
    assert abs(audio[: round(0.005 * rate)]).max() < 0.2 * abs(audio).max()  # it fades in
    assert len(audio) / rate > half.seconds / 2


@pytest.mark.slow
def test_without_directions_music_still_goes_on(shipped_engine):
    music = LiveMusic(shipped_engine, None, "pop", 0)
    assert music.next_bar(ALL_UP).major
    assert not music.next_bar(ALL_DOWN).major
    track = BackingTrack(shipped_engine, "pop", 0)
    seven, nine = (track.bar(number).groups["content"] for number in (7, 9))
    assert seven.shape == nine.shape
    assert not np.array_equal(seven, nine)


def test_the_backing_track_keeps_its_meter_where_a_model_would_change_it(monkeypatch):
    monkeypatch.setattr(drafting, "rejection_reason", lambda *_: None)  # an untrained model writes strange music
    engine = Engine(Composer(tiny_style()), slots=1, queue=4)
    play_on, played = engine.play_on, []

    def noted(*given, **named):
        played.append(play_on(*given, **named))
        return played[-1]

    monkeypatch.setattr(engine, "play_on", noted)
    track = BackingTrack(engine, "dance", 0)
    found = track.bar(BARS)
    engine.close()
    whole = Piece.from_json(played[0].notes)
    assert len(np.unique(whole.bars[-ADDED - ENDING :, 1:], axis=0)) == 1
    first = engine.encode(whole.window(len(whole.bars) - ADDED - ENDING, BARS).to_json()).latents
    np.testing.assert_allclose(found.groups["content"], first["groups"]["content"][0], atol=1e-5)


def test_music_begins_where_the_generator_is_too_busy_to_say_at_once_that_it_is_well(shipped_engine, monkeypatch):
    monkeypatch.setattr(remote, "HEALTH_SECONDS", 0.2)
    health = shipped_engine.health

    def slowly(**named):
        time.sleep(0.5)  # as beside much else
        return health(**named)

    monkeypatch.setattr(shipped_engine, "health", slowly)
    with served(create_app(shipped_engine)) as url:
        generation = remote.RemoteGenerator(url)
        with pytest.raises(GeneratorUnavailable):
            generation.health()
        assert BackingTrack(generation, "pop", 0).bar(0).groups
        generation.close()


def test_readouts_are_checked_and_linked_as_a_listener_hears():
    assert checked({"brightness": 9}) == {**NOTHING_SEEN, "brightness": 3.0}
    for wrong in ({"loudness": 1.0}, {"motion": float("nan")}):
        with pytest.raises(NotAllowed, match="brightness, warmth, busyness, size, motion"):
            checked(wrong)
    links = np.zeros((5, 5))
    links[0, 3] = -1.0  # bright is soft
    assert asked_of_music(checked({"brightness": 2.0}), links.tolist()).tolist() == [0, 0, 0, -2, 0]
