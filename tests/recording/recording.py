"""What was recorded: answers by kind of request, in one file, with the versions of the models that gave them."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.style.bundle import shipped_version

ANSWERS = Path(__file__).parent / "answers.json.gz"
MODELS = (
    "style-cpu", "pieces-latents", "pieces-chorale", "performance-cpu", "tension-cpu", "mood-cpu",
    "picture-cpu", "tie-cpu", "titles-cpu", "title-writer-cpu",
)  # fmt: skip
NOTHING, PLAIN, BORROWED = "from nothing", "from content", "with borrowed styles"  # what a clip is composed from
Json = dict[str, Any]


def shipped_versions() -> dict[str, str]:
    """The versions of the models that a generator of today answers with."""
    return {name: shipped_version(name) for name in MODELS}


def digest_of(given: Any) -> str:
    """What is the same for the same notes, latents or request, wherever its numbers come from."""
    return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()[:16]


@dataclass
class Recording:
    """Answers of one kind lie in a list: a dictionary each, with what it was ``of`` where that matters.

    ``clips``: kind → ``GenerateResult``s, with the seed of those from nothing. ``drafts`` and ``latents``: domain →
    one each. ``encoded``: meter and number of bars → latents. ``curves``: digest of the notes → what is heard in them.
    ``rewards``: domain → one each. ``drawings``: latents with their picture. ``sheets``: kind → ``PicturesResult``.
    """

    versions: dict[str, str]
    clips: dict[str, list[Json]] = field(default_factory=dict)
    drafts: dict[str, list[Json]] = field(default_factory=dict)
    latents: dict[str, list[Json]] = field(default_factory=dict)
    encoded: dict[str, list[Json]] = field(default_factory=dict)
    curves: dict[str, Json] = field(default_factory=dict)
    rewards: dict[str, list[Json]] = field(default_factory=dict)
    moods: list[Json] = field(default_factory=list)
    drawings: list[Json] = field(default_factory=list)
    sheets: dict[str, Json] = field(default_factory=dict)
    titles: list[list[float]] = field(default_factory=list)
    melodies: list[list[float]] = field(default_factory=list)
    written: list[list[str]] = field(default_factory=list)

    @classmethod
    def load(cls, path: Path = ANSWERS) -> Recording:
        """Read what ``save`` wrote."""
        found: Mapping[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
        return cls(**found)

    def save(self, path: Path = ANSWERS) -> None:
        """Write it; the same answers give the same bytes."""
        text = json.dumps(self.__dict__, sort_keys=True, separators=(",", ":"))
        path.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))


def clip_kind(what: str, domain: str, bars: int) -> str:
    """Of a clip that is composed."""
    return f"{what}, {domain}, {bars} bars"


def mood_kind(domain: str, valence: float, arousal: float) -> str:
    """Of drafts that lean to a mood: its quarter of the plane."""
    return f"{domain}, {'happy' if valence >= 0 else 'sad'} and {'lively' if arousal >= 0 else 'calm'}"


def encoded_kind(meter: str, bars: int) -> str:
    """Of a piece that is encoded."""
    return f"{meter}, {bars} bars"


def sheet_kind(way: str, bars: int, *, own: bool) -> str:
    """Of a piece that is shown in pictures, maybe of one's own."""
    return f"{way}, {bars} bars" + (", own pictures" if own else "")
