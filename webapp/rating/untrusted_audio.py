"""A sound file that a visitor uploads, decoded in a process of its own with little memory and time.

``decode`` starts ``python -m webapp.rating.untrusted_audio NAME``, which reads the file from its standard input and
writes the rate, the length in seconds and the mono samples back. A decoder that a file breaks takes nothing along.
"""

from __future__ import annotations

import io
import struct
import subprocess
import sys

import numpy as np

from models.music.decoding import Decoded, SoundError
from models.music.decoding import decode as decoded

MOST_BYTES = 10_000_000
MEMORY_BYTES = 900 << 20
SECONDS = 20
HEAD = struct.Struct("<id")  # rate, seconds
BROKEN = 3  # how the child ends where it is no sound


def decode(file: bytes, name: str) -> Decoded:
    """The file's samples; raises ``SoundError`` with one line."""
    if len(file) > MOST_BYTES:
        raise SoundError(f"{name} has {len(file) / 1e6:.0f} MB; at most {MOST_BYTES / 1e6:.0f} MB can be rated")
    try:
        child = subprocess.run(  # noqa: S603 (our own program, no shell)
            [sys.executable, "-m", __name__, name], input=file, capture_output=True, timeout=2 * SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise SoundError(f"{name} takes too long to decode") from None
    if child.returncode == BROKEN:
        raise SoundError(child.stderr.decode(errors="replace")[:300])
    if child.returncode != 0:  # the kernel, Python or the decoder stopped it
        raise SoundError(f"{name} takes too much memory or time to decode")
    rate, seconds = HEAD.unpack_from(child.stdout)
    return Decoded(np.frombuffer(child.stdout, dtype=np.float32, offset=HEAD.size), rate, seconds)


def _main(name: str) -> int:
    import resource  # noqa: PLC0415 (where there is such a thing)

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    try:
        found = decoded(io.BytesIO(sys.stdin.buffer.read(MOST_BYTES + 1)), name)
    except SoundError as error:
        print(error, file=sys.stderr, end="")
        return BROKEN
    sys.stdout.buffer.write(HEAD.pack(found.rate_hz, found.seconds))
    sys.stdout.buffer.write(np.ascontiguousarray(found.samples, dtype="<f4").tobytes())
    return 0


if __name__ == "__main__":
    try:
        status = _main(sys.argv[1])
    except MemoryError:
        status = 1
    sys.exit(status)
