"""Where a listener's data lies: rows, journal, sound and logs; and the taste spaces in which heads are learned."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from models.taste.space import TasteSpace
from webapp.runtime.clip_store import ClipStore
from webapp.runtime.database import Database
from webapp.runtime.journal import Journal


@dataclass(frozen=True)
class Records:
    """Everything that must know when a listener comes, is brought back, or goes; ``home`` is where the logs are."""

    database: Database
    journal: Journal
    clip_store: ClipStore
    space: TasteSpace
    pictures: TasteSpace
    home: Path

    @property
    def spaces(self) -> tuple[TasteSpace, TasteSpace]:
        """Of music and of pictures."""
        return self.space, self.pictures
