"""A draft: a clip from nothing, as its latents and, where it was written first, its notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.music.notes import Piece
from models.style.latents import Latents

BEFORE = "bars_before"  # in the latents' ``piece``


@dataclass(frozen=True)
class Draft:
    """Latents of eight bars, and the ``notes`` that they were encoded from where a piece model wrote these."""

    latents: Latents
    notes: Piece | None = None

    @property
    def opens(self) -> bool:
        """Whether a piece may begin with it: it wasn't written as what comes after bars that nobody wrote."""
        return not self.latents.piece.get(BEFORE)

    def to_json(self) -> dict[str, Any]:
        """As it is sent and stored."""
        return {"latents": self.latents.to_json(), "notes": self.notes and self.notes.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Draft:
        """Read what ``to_json`` wrote; raises ``ValueError``, ``KeyError`` or ``MusicError`` on anything else."""
        notes = data["notes"]
        return cls(Latents.from_json(data["latents"]), None if notes is None else Piece.from_json(notes))


def drafts_of(found: Sequence[Latents], among: Sequence[Draft]) -> list[Draft]:
    """For latents that a search among drafts has found: those drafts again, new ones for what it put together."""
    known = {id(each.latents): each for each in among}
    return [known.get(id(latents), Draft(latents)) for latents in found]
