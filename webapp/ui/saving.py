"""What can be done with a clip that a page lists, besides playing it: where it is kept, opened and saved from."""

from __future__ import annotations

import uuid
from typing import Any

from webapp.sharing.for_two import Piece as SharedPiece

FORMS = {"MIDI as played": "played", "MIDI as written": "mid", "MusicXML": "musicxml", "MP3": "mp3", "WAV": "wav"}


def of_clip(clip_id: uuid.UUID | str) -> dict[str, Any]:
    """The menu of a clip that the listener may hear, as ``ClipList`` takes it."""
    keep = f"/api/studio/clips/{clip_id}/keep"
    more = {"keep": keep, "whole": f"whole?clip={clip_id}"}
    return of_whole(clip_id) | more


def of_picture(clip_id: uuid.UUID | str) -> dict[str, Any]:
    """The menu of a picture."""
    keep = f"/api/studio/clips/{clip_id}/keep"
    return {"keep": keep, "studio": f"studio?clip={clip_id}", "files": {"PNG": f"/api/studio/clips/{clip_id}/png"}}


def of_shown(shown: Any) -> dict[str, Any]:
    """The menu of what is shown, with its ``clip_id`` and ``image_url``: of a picture or of a clip."""
    return of_picture(shown.clip_id) if shown.image_url else of_clip(shown.clip_id)


def of_whole(clip_id: uuid.UUID | str) -> dict[str, Any]:
    """The menu of a whole piece, which the studio opens section by section."""
    return {
        "studio": f"studio?clip={clip_id}",
        "canvas": f"canvas?clip={clip_id}",
        "rate": f"rate?clip={clip_id}",
        "files": {name: f"/api/studio/clips/{clip_id}/{form}" for name, form in FORMS.items()},
    }


def of_shared(piece: SharedPiece) -> dict[str, Any]:
    """The menu of a piece that was composed for two."""
    return {
        "files": {"MIDI as played": piece.played_url, "MIDI as written": piece.midi_url, "FLAC": piece.audio_url},
        "keep": piece.notes_url.removesuffix("notes") + "keep",
    }
