"""Titles for composed dance tunes: of some that no tune of the collections has, the one that the towers put nearest.

The towers know tunes of O'Neill's and of his kind alone; other music keeps a name by its key and meter.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from models.atlas.points import load_shipped_map
from models.title.titles import invented
from webapp.generation.protocol import GenerationError
from webapp.generation.remote import RemoteGenerator

log = logging.getLogger(__name__)

AMONG = 64  # as many as the towers are asked for at once


class Titling:
    """Finds titles by asking the generator's towers; may be used from many threads."""

    def __init__(self, generation: RemoteGenerator) -> None:
        self._generation = generation

    def title(self, domain: str, notes: Mapping[str, Any], seed: int) -> str:
        """A title for a piece (``Piece.to_json``), the same again for the same seed; empty where there is none."""
        candidates = invented(_titles(), AMONG, np.random.default_rng(seed)) if domain == "dance" else []
        if not candidates:
            return ""
        try:
            found = self._generation.towers(candidates, [dict(notes)])
        except GenerationError as error:
            log.info("no_title error=%s", error)
            return ""
        return candidates[int(np.argmax(np.array(found.titles) @ np.array(found.melodies[0])))]


@cache
def _titles() -> tuple[str, ...]:
    drawn = load_shipped_map("titles")
    return tuple(drawn.points.texts) if drawn else ()
