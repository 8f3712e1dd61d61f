"""The agent that comes with Kallos: how it learned, and what it played on its way from the same places on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from models.experiments.run_log import rows
from models.music.notes import Piece
from models.music.performance import sounding_seconds
from models.style.bundle import CARD, WEIGHTS
from webapp.rating.agents import Learning, LearntStep, Order
from webapp.runtime.errors import NotYours

FOLDER = WEIGHTS / "agent-dance"
SECONDS = 14.0  # of a clip, as of those of a listener's own agent


@dataclass(frozen=True)
class PlayedClip:
    """What was played after so many steps of training (``step``), from one of the places (``place``) it began at."""

    step: int
    place: int
    piece: Piece

    @property
    def seconds(self) -> float:
        """How much of it is heard."""
        return min(SECONDS, sounding_seconds(self.piece))


@dataclass(frozen=True)
class ShippedAgent:
    """How it learned, its card, and its clips by place and step."""

    learning: Learning
    card: Mapping[str, Any]
    clips: tuple[PlayedClip, ...]


@cache
def shipped(folder: Path = FOLDER) -> ShippedAgent | None:
    """The agent in ``folder``; None where there is none."""
    if not (folder / CARD).is_file():
        return None
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    steps = tuple(
        LearntStep(row["step"], *(row["values"].get(name) for name in ("reward", "judge", "kl")))
        for row in rows(folder / "log.jsonl")
        if row["kind"] == "metrics"
    )
    order = Order(card["reward"], card["domains"][0], card["seed"], card["steps"])
    played = json.loads((folder / "played.json").read_text(encoding="utf-8"))
    clips = [PlayedClip(int(each["step"]), int(each["place"]), Piece.from_json(each["piece"])) for each in played]
    clips.sort(key=lambda clip: (clip.place, clip.step))
    return ShippedAgent(Learning(order, steps, ended=True), card, tuple(clips))


@lru_cache(maxsize=16)
def sound(number: int) -> bytes:
    """The clip of this number, an MP3 file; raises ``NotYours`` where there is none."""
    found = shipped()
    if found is None or not 0 <= number < len(found.clips):
        raise NotYours(f"the agent that comes with Kallos has no clip {number}")
    from models.music.render import encode_mp3, render  # noqa: PLC0415 (the piano, where it is asked for)

    clip = found.clips[number]
    return encode_mp3(render(clip.piece, clip.seconds))
