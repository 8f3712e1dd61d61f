"""Live music in real time, received as OSC on a UDP socket: beats, bars, latents, notes, 24 MIDI clocks a quarter."""

import socket
import threading
import time
from collections import Counter

import numpy as np
import pytest
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import build_msg

from models.music.notes import Piece
from models.picture.readouts import READOUTS
from models.style.latents import GROUPS
from webapp.live import performing
from webapp.live.music import LiveBar, LiveMusic
from webapp.live.performing import Lead, Performer
from webapp.live.steering import NOTHING_SEEN, SIDES, drawings


@pytest.fixture
def received():
    """A socket, and a list that grows by what arrives there: when, address and values."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind((performing.HERE, 0))
        listening.settimeout(0.1)
        found, ended = [], threading.Event()

        def listen():
            while not ended.is_set():
                try:
                    message = OscMessage(listening.recv(65_536))
                except TimeoutError:
                    continue
                found.append((time.monotonic(), message.address, message.params))

        thread = threading.Thread(target=listen)
        thread.start()
        yield listening.getsockname()[1], found
        ended.set()
        thread.join()


@pytest.fixture
def tell():
    """``tell(port, path, values)``: send a message to who listens on this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:

        def send(port, path, values):
            sending.sendto(build_msg(f"/kallos/in/{path}", values).dgram, (performing.HERE, port))

        send.raw = lambda port, data: sending.sendto(data, (performing.HERE, port))
        yield send


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def of(found, address):
    return [(at, values) for at, path, values in found if path == f"/kallos{address}"]


@pytest.mark.slow
def test_a_receiver_hears_every_clock_and_note_and_what_it_sends_is_heard_within_a_bar(
    generation, directions, received, tell
):
    port, found = received
    music = LiveMusic(generation, directions, "dance", 3)
    heard = performing.OscIn(performing.HERE, 0, drawings())
    bars = []
    out = performing.OscOut(performing.HERE, port)
    player = Performer(music, lambda: heard.seen, out, lambda bar, _: bars.append(bar))
    playing = threading.Thread(target=player.play, args=(4,))
    playing.start()
    wait_for(lambda: of(found, "/bar"))
    tell(heard.port, "brightness", [2.0])
    wait_for(lambda: heard.seen["brightness"] == 2.0)
    playing.join(60)
    heard.close()
    out.close()
    wait_for(lambda: of(found, "/stop"))

    halves = {bar.number: bar for bar in bars if bar.from_tick}
    bars = [bar for bar in bars if not bar.from_tick]
    assert [values[0] for _, values in of(found, "/bar")] == [0, 1, 2, 3]
    assert [values[0] for _, values in of(found, "/readouts/brightness")][:1] == [0.0]
    assert 2.0 in [values[0] for _, values in of(found, "/readouts/brightness")][1:]
    messages = [(at, bytes(values[0][1:])) for at, values in of(found, "/midi")]
    kinds = Counter(message[0] for _, message in messages)
    assert kinds[performing.CLOCK[0]] == sum(bar.ticks for bar in bars)  # 24 a quarter, since a quarter has 24 ticks
    assert (kinds[performing.START[0]], kinds[performing.STOP[0]]) == (1, 1)
    assert messages[0][1][0] == performing.START[0]
    assert messages[-1][1][0] == performing.STOP[0]
    sounded = [(values[0], values[1]) for _, values in of(found, "/note")]
    assert sorted(sounded) == sorted(
        (pitch, velocity) for bar in bars for _, _, pitch, velocity in halves.get(bar.number, bar).piece.notes.tolist()
    )
    assert kinds[performing.NOTE_ON] == len(sounded)
    down = Counter()
    for _, (status, pitch, _velocity) in messages:
        down[pitch] += {performing.NOTE_ON: 1, performing.NOTE_OFF: -1}.get(status, 0)
    assert max(down.values()) <= 0  # every key was let go of
    assert [values for _, values in of(found, "/beat")][:3] == [[0, 0], [0, 1], [0, 2]]
    for name in GROUPS:
        _, values = of(found, f"/latents/{name}")[0]
        np.testing.assert_allclose(values, bars[0].latents[name], rtol=1e-5)
    assert {path for _, path, _ in found} >= {f"/kallos/sides/{name}" for name in SIDES}
    begins = [at for at, _ in of(found, "/bar")]
    if player.late_bars == 0:  # a machine that does much else may be late, which is counted
        lengths = [(bar.seconds + halves.get(bar.number, bar).seconds) / 2 for bar in bars[:3]]
        np.testing.assert_allclose(np.diff(begins), lengths, atol=0.5)


def test_what_is_not_understood_is_ignored_and_a_position_is_seen_as_its_picture(tell):
    heard = performing.OscIn(performing.HERE, 0, drawings(), (acts := []).append)
    x, y = drawings().places[9].tolist()
    for path, values in (
        ("position", ["here", 3]), ("position", [4.0, 0.5]), ("readouts", [1.0]), ("warmth", ["much"]),
        ("warmth", [float("nan")]), ("elsewhere", [1]), ("pause", []), ("play", []), ("position", [x, y, 1.0]),
    ):  # fmt: skip
        tell(heard.port, path, values)
    tell.raw(heard.port, b"no OSC at all")
    wait_for(lambda: heard.seen["motion"] == 1.0, 5)
    seen = heard.seen
    np.testing.assert_allclose([seen[name] for name in READOUTS[:4]], drawings().readouts[9], atol=0.6)
    tell(heard.port, "readouts", [0.1, 0.2, 0.3, 0.4, 9.0])
    wait_for(lambda: heard.seen["motion"] == 3.0, 5)
    assert heard.seen["size"] == pytest.approx(0.4)
    assert acts == ["pause", "play"]
    heard.close()


def test_osc_stays_on_this_machine_unless_it_is_said() -> None:
    for given in ("9", "127.0.0.1:9", "localhost:9"):
        assert performing.address(given, "--osc-out", beyond=False) == ("127.0.0.1", 9)
    assert performing.address("192.168.1.7:9", "--osc-out", beyond=True) == ("192.168.1.7", 9)
    for given, why in (
        ("8.8.8.8:9000", "another machine"), ("0.0.0.0:9000", "another machine"),
        ("[2001:db8::1]:9", "another machine"), ("example.org:9000", "in numbers"), ("127.0.0.1:", "1 to 65535"),
        ("70000", "1 to 65535"),
    ):  # fmt: skip
        with pytest.raises(performing.OscAddressError, match=why):
            performing.address(given, "--osc-out", beyond=False)


def test_notes_of_a_bar_stand_between_its_clocks_in_order():
    piece = Piece(np.array([[0, 24, 60, 70], [24, 100, 60, 70]]), np.array([[0, 96, 4, 4]]), np.array([120.0]))
    bar = LiveBar(0, piece, NOTHING_SEEN, {}, {}, 0, True)
    found = performing.messages_of(bar)
    assert sum(message == performing.CLOCK for _, message in found) == 96
    assert bar.seconds == 2.0
    assert [(tick, message[0]) for tick, message in found if message != performing.CLOCK] == [
        (0, performing.NOTE_ON), (24, performing.NOTE_OFF), (24, performing.NOTE_ON), (124, performing.NOTE_OFF),
    ]  # fmt: skip


def test_notes_that_overlap_on_a_key_leave_it_up_and_a_pause_lets_go_of_the_rest():
    on, off = bytes([performing.NOTE_ON, 67, 80]), performing.note_off(67)
    keys = performing.Keys()
    assert [keys.follow(each) for each in (on, on, off, performing.CLOCK, off)] == [
        [on],
        [off, on],
        [],
        [performing.CLOCK],
        [off],
    ]
    assert keys.let_go() == []
    assert [keys.follow(each) for each in (on, on)] == [[on], [off, on]]
    assert keys.let_go() == [off]
    assert keys.follow(on) == [on]


def test_the_lead_follows_the_slowest_of_the_last_bars_and_the_usual_one_does_not():
    lead = Lead()
    before = lead.seconds
    for seconds in (0.3, 0.3, 2.0):
        lead.took(seconds)
    assert lead.seconds > 2.0 > before > lead.usual
    for _ in range(8):
        lead.took(0.01)
    assert lead.usual == lead.seconds < 0.2


@pytest.mark.slow
def test_what_is_seen_after_a_bar_has_begun_is_heard_from_its_middle_beat_on(generation, directions, received):
    port, found = received
    seen = {**NOTHING_SEEN, "motion": -3.0}  # long bars: a busy machine has time for both halves
    music, out, told = LiveMusic(generation, directions, "pop", 3), performing.OscOut(performing.HERE, port), []
    player = Performer(music, lambda: dict(seen), out, lambda bar, _: told.append(bar))
    player.lead.took(0.1)
    playing = threading.Thread(target=player.play)
    playing.start()
    for turn in range(1, 24):  # until the machine had time for two halves
        wait_for(lambda turn=turn: len(of(found, "/bar")) > turn, 60)
        seen["brightness"] = 2.0 if turn % 2 else -2.0
        if len(of(found, "/half")) > 1 and turn > 3:
            break
    wait_for(lambda: len(of(found, "/bar")) > turn + 1, 60)
    player.act("pause")
    wait_for(lambda: of(found, "/stop"))
    player.stop()
    playing.join(60)
    out.close()

    halves = of(found, "/half")
    assert halves
    whole = [bar for bar in told if not bar.from_tick]
    for bar in whole[2:]:  # what was seen when the bar before had just begun
        assert bar.readouts["brightness"] == (-2.0 if bar.number % 2 else 2.0)
    begins = dict(zip([bar.number for bar in whole], of(found, "/bar"), strict=True))
    last = {bar.number: bar for bar in told}
    for at, (number, beat, tempo_bpm, left_s) in halves:
        begin, bar = begins[number][0], whole[number]
        assert (beat, bar.middle) == (2, 48)
        assert tempo_bpm == pytest.approx(last[number].tempo_bpm, abs=1e-3)
        assert left_s == pytest.approx(last[number].seconds / 2, abs=1e-3)
        assert 0.3 * bar.seconds < at - begin < 0.9 * bar.seconds
        assert last[number].readouts["brightness"] != bar.readouts["brightness"]
        says = [values[0] for when, values in of(found, "/readouts/brightness") if when >= at]
        assert says[0] == pytest.approx(last[number].readouts["brightness"])
    messages = [bytes(values[0][1:]) for _, values in of(found, "/midi")]
    assert sum(message[0] == performing.CLOCK[0] for message in messages) == sum(bar.ticks for bar in whole)
    sounded = Counter((values[0], values[1]) for _, values in of(found, "/note"))
    assert sounded == Counter(
        (pitch, velocity) for bar in last.values() for _, _, pitch, velocity in bar.piece.notes.tolist()
    )
    down = Counter()
    for status, pitch, _velocity in messages:
        down[pitch] += {performing.NOTE_ON: 1, performing.NOTE_OFF: -1}.get(status, 0)
    assert max(down.values()) <= 0
