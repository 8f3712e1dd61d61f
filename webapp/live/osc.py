"""Open Sound Control out of live music and into it, on the operator's machine; ``docs/live.md`` has the addresses.

By default nothing is sent or heard beyond this machine. No page and no visitor can begin it or say where it goes.
"""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.osc_server import BlockingOSCUDPServer
from pythonosc.udp_client import UDPClient

from models.picture.readouts import READOUTS
from webapp.live.music import LiveBar
from webapp.live.steering import NOTHING_SEEN, PictureMap, checked
from webapp.runtime.errors import NotAllowed

ROOT = "/kallos"
HERE = "127.0.0.1"


class OscAddressError(ValueError):
    """An address that OSC may not be sent to or listened on, in a line."""


def address(given: str, option: str, *, beyond: bool) -> tuple[str, int]:
    """``HOST:PORT`` or ``PORT`` alone, which is this machine's; a host beyond it needs ``beyond``.

    A host is an address in numbers or ``localhost``. Raises ``OscAddressError``.
    """
    host, _, port = given.rpartition(":")
    host = HERE if host in {"", "localhost"} else host.strip("[]")
    try:
        where = ipaddress.ip_address(host)
    except ValueError:
        raise OscAddressError(f"{option} {given}: give PORT, or HOST:PORT with the host in numbers") from None
    if not port.isdigit() or not 0 < int(port) < 65_536:
        raise OscAddressError(f"{option} {given}: a port is a number from 1 to 65535")
    if not where.is_loopback and not beyond:
        raise OscAddressError(
            f"{option} {given}: that is another machine; add --beyond-this-machine if it is meant, or leave out the "
            "host"
        )
    return host, int(port)


class OscOut:
    """Sends to one address; a message that nobody receives is lost."""

    def __init__(self, host: str, port: int) -> None:
        self._client = UDPClient(host, port)

    def send(self, path: str, *values: float | str) -> None:
        """One message; whole numbers go as integers."""
        builder = OscMessageBuilder(ROOT + path)
        for value in values:
            builder.add_arg(value)
        self._send(builder)

    def midi(self, message: bytes) -> None:
        """A MIDI message as ``/kallos/midi``, of the type ``m``: port 0, status and two data bytes."""
        builder = OscMessageBuilder(f"{ROOT}/midi")
        builder.add_arg((0, *message.ljust(3, b"\0")), OscMessageBuilder.ARG_TYPE_MIDI)
        self._send(builder)

    def bar(self, bar: LiveBar) -> None:
        """What is said of a bar when it begins."""
        _, _, above, below = bar.piece.bars[0].tolist()
        self.send("/bar", bar.number, bar.tempo_bpm, above, below, round(bar.seconds, 4))
        self._readings(bar)

    def second_half(self, bar: LiveBar) -> None:
        """What is said when a bar goes by something else from its middle beat on."""
        left_s = (bar.ticks - bar.from_tick) * bar.tick_s
        self.send("/half", bar.number, bar.beats.index(bar.from_tick), bar.tempo_bpm, round(left_s, 4))
        self._readings(bar)

    def _readings(self, bar: LiveBar) -> None:
        self.send("/key", bar.tonic, int(bar.major))
        for name, value in bar.readouts.items():
            self.send(f"/readouts/{name}", float(value))
        for name, value in bar.sides.items():
            self.send(f"/sides/{name}", float(value))
        for name, row in bar.latents.items():
            self.send(f"/latents/{name}", *map(float, row))

    def close(self) -> None:
        """Close the socket."""
        self._client._sock.close()  # python-osc has no way of its own

    def _send(self, builder: OscMessageBuilder) -> None:
        try:
            self._client.send(builder.build())
        except OSError:  # nobody listens there (yet): the next message may be heard
            return


class OscIn:
    """Hears what is seen elsewhere: readouts, one by one or together, or a position on the map of pictures.

    ``seen`` is what was said last. Messages that can't be understood are ignored.
    """

    def __init__(self, host: str, port: int, pictures: PictureMap, act: Callable[[str], None] | None = None) -> None:
        self._pictures, self._act = pictures, act or (lambda _: None)
        self._seen: Mapping[str, float] = NOTHING_SEEN
        self._lock = threading.Lock()
        dispatcher = Dispatcher()
        dispatcher.map(f"{ROOT}/in/readouts", self._readouts)
        dispatcher.map(f"{ROOT}/in/position", self._position)
        for name in READOUTS:
            dispatcher.map(f"{ROOT}/in/{name}", self._one, name)
        for word in ("play", "pause"):
            dispatcher.map(f"{ROOT}/in/{word}", lambda path, *_: self._act(path.rpartition("/")[2]))
        self._server = BlockingOSCUDPServer((host, port), dispatcher)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="osc in", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def seen(self) -> Mapping[str, float]:
        """The readouts as they are now."""
        with self._lock:
            return dict(self._seen)

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _see(self, readouts: Mapping[str, float]) -> None:
        try:
            found = checked(readouts)
        except NotAllowed:
            return
        with self._lock:
            self._seen = found

    def _readouts(self, _path: str, *values: Any) -> None:
        if len(values) == len(READOUTS) and _numbers(values):
            self._see(dict(zip(READOUTS, values, strict=True)))

    def _one(self, _path: str, name: Sequence[str], *values: Any) -> None:
        if len(values) == 1 and _numbers(values):
            self._see({**self.seen, name[0]: values[0]})

    def _position(self, _path: str, *values: Any) -> None:
        if len(values) in {2, 3} and _numbers(values):
            try:
                self._see(self._pictures.readouts_at(values[:2], *values[2:]))
            except NotAllowed:
                return


def _numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(value, int | float) for value in values)
