"""Where a clip's sound and notes are found. Browsers keep them for good, so the address tells how clips are played."""

from __future__ import annotations

import uuid
from urllib.parse import urlencode

from models.style.performance import touch


def of_clip(clip_id: uuid.UUID | str, seconds: float) -> str:
    """The address of a clip at one length, with ``{}`` where ``audio`` or ``notes`` is to stand."""
    return f"/api/clips/{clip_id}/{{}}/{seconds:g}{played()}"


def of_picture(clip_id: uuid.UUID | str) -> str:
    """The address of a clip that is a picture."""
    return f"/api/clips/{clip_id}/image"


def played(**more: str) -> str:
    """What stands behind the address of a sound, with what ``more`` it asks for."""
    return f"?{urlencode({**more, 'playing': touch.version()})}"


def opened_by(address: str, key: str) -> str:
    """The address of a sound or of notes with the key that opens them without a listener's token."""
    return f"{address}{'&' if '?' in address else '?'}{urlencode({'key': key})}"
