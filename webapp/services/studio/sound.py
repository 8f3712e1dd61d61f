"""The whole sound of a studio piece, made from its notes when it is asked for: nothing but the notes is stored."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from models.music.midi import write_midi
from webapp.services.problems import NotReady
from webapp.services.studio.sources import Source

KEPT = 24  # sounds of about 0.4 MB
AT_ONCE = 6  # requests that may wait for a renderer or a composer: votes need the other threads

_places = threading.BoundedSemaphore(AT_ONCE)
_rendering = threading.Lock()  # one core is enough, votes need the other
_kept: OrderedDict[tuple[str, str], bytes] = OrderedDict()


@contextmanager
def place() -> Iterator[None]:
    """One of the few places for slow work in the studio; raises ``NotReady`` where all are taken."""
    if not _places.acquire(blocking=False):
        raise NotReady("the studio is busy with other pieces; nothing is lost, try again in a second")
    try:
        yield
    finally:
        _places.release()


def sound(source: Source, form: str) -> bytes:
    """``mp3`` or ``wav`` of the whole piece, to the end of its last note's sound."""
    from models.music.render import encode_mp3, encode_wav, render  # noqa: PLC0415 (scipy, only where it is needed)

    encode: Callable[..., bytes] = encode_mp3 if form == "mp3" else encode_wav
    with place(), _rendering:
        if (data := _kept.get((source.name, form))) is None:
            data = _kept[source.name, form] = encode(render(source.piece))
        _kept.move_to_end((source.name, form))
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return data


def midi(source: Source) -> bytes:
    """The piece as a MIDI file."""
    return write_midi(source.piece)
