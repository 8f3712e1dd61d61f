"""What maps are made and answered from: the database, the clip store, the generator, and the model that plays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from models.taste.space import TasteSpace
from webapp.generation.remote import RemoteGenerator
from webapp.runtime.clip_store import ClipStore
from webapp.runtime.database import Database


@dataclass(frozen=True)
class Atlas:
    """The parts that the functions of this slice share; ``Context.atlas`` puts them together."""

    database: Database
    clip_store: ClipStore
    generation: RemoteGenerator
    space: TasteSpace
    style_folder: Path
