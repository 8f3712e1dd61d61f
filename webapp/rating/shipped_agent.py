"""The agents that come with Kallos: how they learned, and what they played on their way from the same places on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from models.experiments.run_log import rows
from models.music.notes import Piece
from models.music.performance import sounding_seconds
from models.rating.agent import DANCE_AGENT, TENSION_AGENT
from models.style.bundle import CARD
from webapp.rating.agents import Learning, LearntStep, Order
from webapp.runtime.errors import NotYours

FOLDERS = {"dance": DANCE_AGENT, "tension": TENSION_AGENT}  # by the name in their clips' addresses
SECONDS = 14.0  # of a clip, as of those of a listener's own agent


@dataclass(frozen=True)
class PlayedClip:
    """What was played after so many steps of training (``step``), from one of the places (``place``) it began at."""

    domain: str
    place: int
    step: int
    piece: Piece

    @property
    def seconds(self) -> float:
        """How much of it is heard."""
        return min(SECONDS, sounding_seconds(self.piece))


@dataclass(frozen=True)
class ShippedAgent:
    """How it learned each domain, its card, and its clips by domain, place and step."""

    learning: Mapping[str, Learning]
    card: Mapping[str, Any]
    clips: tuple[PlayedClip, ...]


@cache
def shipped(folder: Path = DANCE_AGENT) -> ShippedAgent | None:
    """The agent in ``folder``; None where there is none."""
    if not (folder / CARD).is_file():
        return None
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    logged = [row for row in rows(folder / "log.jsonl") if row["kind"] == "metrics"]
    learning = {domain: _learning(card, logged, domain) for domain in card["domains"]}
    played = json.loads((folder / "played.json").read_text(encoding="utf-8"))
    clips = [
        PlayedClip(each["domain"], int(each["place"]), int(each["step"]), Piece.from_json(each["piece"]))
        for each in played
    ]
    clips.sort(key=lambda clip: (card["domains"].index(clip.domain), clip.place, clip.step))
    return ShippedAgent(learning, card, tuple(clips))


def _learning(card: Mapping[str, Any], logged: Sequence[Mapping[str, Any]], domain: str) -> Learning:
    steps = tuple(
        LearntStep(row["step"], *(row["values"].get(name) for name in (f"reward.{domain}", f"judge.{domain}", "kl")))
        for row in logged
    )
    return Learning(Order(card["reward"], domain, card["seed"], card["steps"]), steps, ended=True)


@lru_cache(maxsize=16)
def sound(name: str, number: int) -> bytes:
    """The clip of this number of an agent of ``FOLDERS``, an MP3 file; raises ``NotYours`` where there is none."""
    found = shipped(FOLDERS[name]) if name in FOLDERS else None
    if found is None or not 0 <= number < len(found.clips):
        raise NotYours(f"no agent {name} with a clip {number} comes with Kallos")
    from models.music.render import encode_mp3, render  # noqa: PLC0415 (the piano, where it is asked for)

    clip = found.clips[number]
    return encode_mp3(render(clip.piece, clip.seconds))
