"""Maps of clips, tunes and titles, drawn by a job and read by the page; and answers of the title towers from them.

A map is a file in the clip store; new points find their place without moving another. Begin with ``catalogue`` and
``open_maps``; ``Atlas`` holds what all of it works on.
"""

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
