"""The tracks on the map of a rating network, as its folder lists them: read without torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIST = "tracks.json"


@dataclass(frozen=True)
class Track:
    """A track that was played, at ``(x, y)``: its name and genre, how often it was played and liked, p of that."""

    name: str
    genre: str
    played: int
    liked: int
    p: float
    x: float
    y: float


def known_tracks(folder: Path, version: str) -> tuple[Track, ...]:
    """The tracks on the map of the networks of this ``version``; none where there is no map, or one of others."""
    try:
        said: dict[str, Any] = json.loads((folder / LIST).read_text(encoding="utf-8"))
        return tuple(Track(**each) for each in said["tracks"]) if said["version"] == version else ()
    except (OSError, ValueError, KeyError, TypeError):
        return ()
