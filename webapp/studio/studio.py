"""What the studio works on: the database and its journal, the generator, and how this model hears music."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from models.taste.space import TasteSpace
from webapp.generation.remote import RemoteGenerator
from webapp.learning.playable_clips import PlayablePool
from webapp.runtime.clip_store import ClipStore
from webapp.runtime.database import Database
from webapp.runtime.journal import Journal
from webapp.studio.dials import Dials


@dataclass(frozen=True)
class Studio:
    """The parts that the studio's functions share; ``Context.studio`` puts them together."""

    database: Database
    journal: Journal
    clip_store: ClipStore
    generation: RemoteGenerator
    space: TasteSpace
    playable: PlayablePool
    style_folder: Path

    @property
    def dials(self) -> Dials:
        """What can be turned with the model that plays; raises ``ValueError`` where what is saved can't be read."""
        return Dials.load(self.space, self.style_folder)
