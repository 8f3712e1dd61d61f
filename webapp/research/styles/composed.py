"""A composed clip that plays on the Styles page and is stored nowhere: it is composed again where it was let go."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from models.metrics.music_statistics import attributes
from models.music.notes import Domain, Piece
from webapp.composing.sources import Source
from webapp.studio import formats
from webapp.studio.formats import piano_roll


@dataclass(frozen=True, kw_only=True)
class Composed:
    """What sounds, and what it is called in files."""

    name: str
    domain: Domain
    notes: dict[str, Any]
    model_version: str

    @property
    def piece(self) -> Piece:
        """Its notes."""
        return Piece.from_json(self.notes)

    def to_json(self) -> dict[str, Any]:
        """For the page, in the time of its sound."""
        measured = {name: round(value, 3) for name, value in attributes(self.piece).items()}
        return {"attributes": measured, **asdict(piano_roll(self._source))}

    def sound(self, form: str) -> bytes:
        """As ``flac`` or ``mid``."""
        return formats.midi(self._source) if form == "mid" else formats.sound(self._source, form)

    @property
    def _source(self) -> Source:
        return Source(self.name, self.domain, "", {}, self.notes, {}, self.model_version)
