"""A recipe: everything that a composed piece is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from models.mood.steering import Dials as Rules
from models.style.locks import Locks


@dataclass(frozen=True)
class Borrowed:
    """Where a style comes from, and how far it goes from the content's own (0) to that (1)."""

    source: str
    strength: float = 1.0


@dataclass(frozen=True)
class Recipe:
    """The same recipe with the same model gives the same piece; every source is named as ``sources.find`` takes it.

    ``toward``: another piece, and how far all of the content goes there. ``turned``: styles that are not borrowed, by
    how many standard deviations. ``keep``: how much of what neither ``locks`` nor styles hold stays. ``rules``: how the
    content's notes are changed, as a mood asks for, before anything else. ``mood``: valence and arousal that it was
    written for, where nothing of the content was to stay.
    """

    content: str
    styles: Mapping[str, Borrowed] = field(default_factory=dict)
    seed: int = 0
    toward: Borrowed | None = None
    turned: Mapping[str, float] = field(default_factory=dict)
    keep: float = 1.0
    locks: Locks = field(default_factory=Locks)
    rules: Rules | None = None
    mood: tuple[float, float] | None = None

    @property
    def keeps_nothing(self) -> bool:
        """Whether neither the content nor anything borrowed is to be heard in it."""
        asked = self.styles or self.turned or self.toward or self.rules
        return self.keep == 0 and not asked and self.locks == Locks()

    def to_json(self) -> dict[str, Any]:
        """As it is stored and sent."""
        return {**asdict(self), "locks": {**asdict(self.locks), "bars": list(self.locks.bars)}}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Recipe:
        """What ``to_json`` gave; older recipes lack what there was not yet."""
        toward, locks = told.get("toward"), dict(told.get("locks") or {})
        return cls(
            told["content"],
            {group: Borrowed(**each) for group, each in told["styles"].items()},
            told["seed"],
            toward=Borrowed(**toward) if toward else None,
            turned=dict(told.get("turned") or {}),
            keep=told.get("keep", 1.0),
            locks=Locks(**{**locks, "bars": tuple(locks.get("bars", ()))}),
            rules=Rules(**told["rules"]) if told.get("rules") else None,
            mood=tuple(told["mood"]) if told.get("mood") else None,
        )
