"""What is searched among for one listener's head: draws of the prior, or draws near a piece that they named."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from db.queries.clips import get_clip
from models.music.notes import Domain
from models.style.latents import Latents
from models.taste.search import CAREFUL, OPTIMISTIC, SEARCHED
from webapp.composing.wishes import Wish
from webapp.generation.protocol import BadRequest, Generator
from webapp.runtime.database import Database

DRAWN_AT_ONCE = 16  # latents, after which is said how far the search is
KAPPAS = {"careful": CAREFUL, "near": CAREFUL, "surprise": OPTIMISTIC}  # of a wish's mode


class Draws:
    """Draws from the prior of the generator."""

    def __init__(self, database: Database, generation: Generator) -> None:
        self._database, self._generation = database, generation

    def fresh(self, domain: Domain, seed: int, wish: Wish, on_drawn: Callable[[int], None]) -> list[Latents]:
        """``SEARCHED`` draws, near the piece that the wish names where it does; ``on_drawn`` hears how many so far.

        Raises a ``GenerationError``.
        """
        near = None if wish.near is None else self._latents_of(wish.near)
        found: list[Latents] = []
        on_drawn(0)
        while len(found) < SEARCHED:
            count = min(DRAWN_AT_ONCE, SEARCHED - len(found))
            answer = self._generation.latents(domain, count, seed + len(found), near=near, keep=wish.keep)
            found += [Latents.from_json(each) for each in answer.latents]
            on_drawn(len(found))
        return found

    def _latents_of(self, clip_id: uuid.UUID) -> dict[str, Any]:
        clip = self._database.transaction(lambda session: get_clip(session, clip_id))
        if clip is None:
            raise BadRequest(f"clip {clip_id}, near which was to be composed, is gone")
        return clip.latents
