"""What can be done with a clip that a page lists, besides playing it: where it is kept, opened and saved from."""

from __future__ import annotations

import uuid
from typing import Any

from webapp.sharing.for_two import Piece as SharedPiece

FORMS = {"MIDI": "mid", "MP3": "mp3", "WAV": "wav"}


def of_clip(clip_id: uuid.UUID | str) -> dict[str, Any]:
    """The menu of a clip that the listener may hear, as ``ClipList`` takes it."""
    at = f"/api/studio/clips/{clip_id}"
    files = {name: f"{at}/{form}" for name, form in FORMS.items()}
    return {"files": files, "keep": f"{at}/keep", "studio": f"studio?clip={clip_id}"}


def of_shared(piece: SharedPiece) -> dict[str, Any]:
    """The menu of a piece that was composed for two."""
    return {
        "files": {"MIDI": piece.midi_url, "FLAC": piece.audio_url},
        "keep": piece.notes_url.removesuffix("notes") + "keep",
    }
