"""The process that renders what is long, or full of notes: ``python -m webapp.composing.rendering_process SECONDS``.

It reads a piece with what is wanted of it as JSON, and writes a line of JSON with its loudness, then the sound.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from models.music.notes import Piece
from webapp.composing.rendering import Sound, rendered
from webapp.runtime.sandbox import bound


def main() -> None:
    """See the module docstring."""
    wanted = json.load(sys.stdin)
    sound: Sound = rendered(Piece.from_json(wanted.pop("piece")), **wanted)
    loudness = {name: value for name, value in asdict(sound).items() if name != "data"}
    sys.stdout.buffer.write(json.dumps(loudness).encode() + b"\n" + sound.data)


if __name__ == "__main__":
    bound(int(sys.argv[1]))
    main()
