"""How long until what is seen is heard: ``python -m tests.bench.live [--changes N] [--domain NAME] [--seed N]``.

A performer plays in real time and is told by OSC, at moments drawn at random, that what is seen has changed; a receiver
listens to the OSC that it sends. The delay of a change runs until the bar begins that goes by it. The last line is one
JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import threading
import time

import numpy as np
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import build_msg

from models.style.bundle import SHIPPED_STYLE
from models.style.latents import Directions
from webapp.generation.server import load_engine
from webapp.live.music import LiveBar, LiveMusic
from webapp.live.performing import HERE, OscIn, OscOut, Performer
from webapp.live.steering import drawings

MOST_S = 15.0  # until a change must have been heard


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.live", description=__doc__)
    parser.add_argument("--changes", type=int, default=24)
    parser.add_argument("--domain", choices=["pop", "dance", "chorale"], default="pop")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    begun: list[tuple[float, float, float]] = []  # of each bar: when, by which brightness, its seconds
    composed: list[float] = []
    heard = OscIn(HERE, 0, drawings())
    engine = load_engine(str(SHIPPED_STYLE), "cpu")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as inbox:
        inbox.bind((HERE, 0))
        inbox.settimeout(0.2)
        ended = threading.Event()

        def listen() -> None:
            seconds = 0.0
            while not ended.is_set():
                try:
                    message = OscMessage(inbox.recv(65_536))
                except TimeoutError:
                    continue
                if message.address == "/kallos/bar":
                    seconds = message.params[4]
                if message.address == "/kallos/readouts/brightness":
                    begun.append((time.monotonic(), message.params[0], seconds))

        def note(_bar: LiveBar, took_s: float) -> None:
            composed.append(took_s)

        music = LiveMusic(engine, Directions.load(SHIPPED_STYLE), given.domain, given.seed)
        player = Performer(music, lambda: heard.seen, OscOut(HERE, inbox.getsockname()[1]), note)
        threads = [threading.Thread(target=work) for work in (listen, player.play)]
        for thread in threads:
            thread.start()
        while len(begun) < 2:
            time.sleep(0.01)
        delays = [_change(rng, inbox, heard.port, begun, place) for place in range(given.changes)]
        player.stop()
        threads[1].join()
        ended.set()
        threads[0].join()
    heard.close()
    engine.close()
    seconds, bars = np.array(delays).T
    found = {
        "command": "tests.bench.live", "domain": given.domain, "seed": given.seed, "changes": given.changes,
        "delay_ms": _spread(1000 * seconds), "delay_bars": _spread(bars),
        "within_a_bar": round(float((bars <= 1).mean()), 3), "within_two_bars": round(float((bars <= 2).mean()), 3),
        "composed_ms": _spread(1000 * np.array(composed)), "late_bars": player.late_bars,
        "bars": len(begun), "load": round(os.getloadavg()[0], 2), "cores": os.cpu_count(),
    }  # fmt: skip
    print(f"{'':14}{'median':>9}{'95 %':>9}{'most':>9}")
    for name in ("delay_ms", "delay_bars", "composed_ms"):
        print(f"{name:14}" + "".join(f"{found[name][each]:9.2f}" for each in ("median", "p95", "most")))
    print(json.dumps(found))


def _change(
    rng: np.random.Generator, inbox: socket.socket, port: int, begun: list[tuple[float, float, float]], place: int
) -> tuple[float, float]:
    """Seconds, and bars of the one that sounded at the change, until one begins that goes by it."""
    time.sleep(float(rng.uniform(0.0, 1.0)) * begun[-1][2])
    brightness = round(-2.0 + 4.0 * ((place * 7) % 24) / 24, 4)
    sounding, at = begun[-1], time.monotonic()
    inbox.sendto(build_msg("/kallos/in/brightness", [brightness]).dgram, (HERE, port))
    while not np.isclose(begun[-1][1], brightness, atol=1e-4):
        assert time.monotonic() - at < MOST_S, "the change was never heard"
        time.sleep(0.002)
    seconds = next(when for when, seen, _ in begun if when > at and np.isclose(seen, brightness, atol=1e-4)) - at
    return seconds, seconds / sounding[2]


def _spread(values: np.ndarray) -> dict[str, float]:
    return {
        "median": round(float(np.median(values)), 3), "p95": round(float(np.quantile(values, 0.95)), 3),
        "most": round(float(values.max()), 3),
    }  # fmt: skip


if __name__ == "__main__":
    main()
