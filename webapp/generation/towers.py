"""The title towers beside the composer: vectors of words and melodies, loaded when they are first asked for."""

from __future__ import annotations

import threading
from typing import Any

from models.music.notes import MusicError, Piece
from models.title.tunes import Tune, note_fields
from models.title.two_tower import TitleBundle, load_towers
from webapp.generation.protocol import BadRequest, TowersResult


class Towers:
    """The shipped towers; may be asked from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bundle: TitleBundle | None = None

    def vectors(self, titles: list[str], melodies: list[dict[str, Any]]) -> TowersResult:
        """Unit vectors of titles and of pieces (``Piece.to_json``); raises ``BadRequest`` for one without a melody."""
        with self._lock:
            if self._bundle is None:
                self._bundle = load_towers()
            bundle = self._bundle
            try:
                tunes = [_tune(Piece.from_json(notes)) for notes in melodies]
            except MusicError as error:
                raise BadRequest(str(error)) from error
            return TowersResult(
                titles=bundle.towers.titles(titles).tolist() if titles else [],
                melodies=bundle.towers.melodies(tunes).tolist() if tunes else [],
                model_version=bundle.version,
            )


def _tune(piece: Piece) -> Tune:
    notes = note_fields(piece)
    if len(notes) < 2:
        raise MusicError("a melody of at least two notes is needed")
    return Tune("asked", "asked", ("asked",), None, "asked", notes)
