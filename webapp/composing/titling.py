"""Titles for music that has none: written letter by letter by the generator, or put together from known ones.

Both know tunes of O'Neill's and of his kind alone, so other music keeps a name by its key and meter.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from models.atlas.points import load_shipped_map
from models.title.tunes import invented
from webapp.generation.protocol import GenerationError
from webapp.generation.remote import RemoteGenerator

AMONG = 64  # titles of halves, of which the towers choose; as many as they are asked for at once
TITLED = "dance"  # the music whose titles are known
log = logging.getLogger(__name__)


class Titling:
    """Asks the generator for titles; may be used from many threads."""

    def __init__(self, generation: RemoteGenerator) -> None:
        self._generation = generation

    def title(self, domain: str, notes: Mapping[str, Any], seed: int) -> str:
        """A title for a piece (``Piece.to_json``), the same again for the same seed; empty where there is none."""
        if domain != TITLED:
            return ""
        try:
            found = self.recombined(notes, 1, seed)
        except GenerationError as error:
            log.info("no_title error=%s", error)
            return ""
        return found[0] if found else ""

    def written(self, notes: Mapping[str, Any], count: int, seed: int) -> list[str]:
        """New titles for a piece, letter by letter, best first; raises a ``GenerationError``."""
        return self._generation.write_titles(dict(notes), count, seed).titles

    def recombined(self, notes: Mapping[str, Any], count: int, seed: int) -> list[str]:
        """New titles of halves of known ones, those first that the towers put nearest; raises a ``GenerationError``."""
        candidates = invented(_titles(), AMONG, np.random.default_rng(seed))
        if not candidates:
            return []
        found = self._generation.towers(candidates, [dict(notes)])
        order = np.argsort(-(np.array(found.titles) @ np.array(found.melodies[0])), kind="stable")
        return [candidates[place] for place in order[:count]]


@cache
def _titles() -> tuple[str, ...]:
    drawn = load_shipped_map("titles")
    return tuple(drawn.points.texts) if drawn else ()
