"""What a process that makes the clips of a study is told, and where it leaves them: light, for the web asks for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

CLIPS, MADE = "clips.jsonl", "made.json"


@dataclass(frozen=True)
class Task:
    """What clips to make, as the process reads it: a zip file or folder, what is composed and asked for, pairs."""

    place: str
    composed: tuple[dict[str, Any], ...]
    asked: tuple[dict[str, Any], ...]
    seconds: float
    played: bool
    style_folder: str
    pairs: dict[str, Any] = field(default_factory=dict)
    moods: tuple[dict[str, Any], ...] = ()
    pictures: tuple[dict[str, Any], ...] = ()
    task: str = "pairs"
