"""What may be uploaded through Gradio, which by itself takes any file from anybody: our kinds, small, and not endless.

An uploaded file is deleted by the handler that reads it, and an hour later where none does (``Downloads``).
"""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.music.midi_file import SUFFIXES as MIDI
from webapp.runtime.limits import (
    BODY_BYTES,
    EXPORT_BYTES,
    FILE_BYTES,
    FILM_BYTES,
    FOLDER_BYTES,
    UPLOADS_A_SECOND,
    UPLOADS_AT_ONCE,
    Buckets,
    network_of,
)

PATHS = {"/gradio_api/upload", "/upload"}
SOUND = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac", ".aif", ".aiff")
FILMS = (".mp4", ".mov", ".webm", ".mkv", ".avi", ".m4v", ".gif")
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".avif", ".bmp", ".tif", ".tiff", ".heic", ".heif")  # HEIC is named
KINDS = (*MIDI, ".abc", *SOUND, *PICTURES, *FILMS, ".zip", ".json")
HEADER_BYTES = 4096  # in which the first file's name stands
FILMS_AT_ONCE = 3  # that are on their way: each is held in memory until it is whole
NAMES = re.compile(
    rb'^content-disposition:[^\r\n]*?filename\*?=(?:"([^"\r\n]*)"|([^"\r\n;]*))', re.IGNORECASE | re.MULTILINE
)


class UploadLimit:
    """Refuses an upload that is too large, of no kind that a page reads, or one too many for ``folder``."""

    def __init__(self, app: ASGIApp, folder: Path) -> None:
        self.app = app
        self._folder = folder
        self._films = 0
        self._uploads = Buckets(UPLOADS_A_SECOND, UPLOADS_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 (ASGI)
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"].rstrip("/") not in PATHS:
            await self.app(scope, receive, send)
            return
        if not self._uploads.take(network_of(scope["client"][0] if scope.get("client") else None)):
            await _refuse(send, 429, "you have uploaded many files just now; try again in a minute")
            return
        body, most, more = bytearray(), FILE_BYTES, True
        try:
            while more:
                message = await receive()
                body += message.get("body", b"")
                more = message.get("more_body", False)
                if most < len(body) and most == FILE_BYTES and _may_be_large(body):
                    if self._films >= FILMS_AT_ONCE:
                        await _refuse(send, 503, "other films are being uploaded; try again in a moment")
                        return
                    most, self._films = FILM_BYTES + BODY_BYTES, self._films + 1
                if len(body) > most or message["type"] == "http.disconnect":  # cut off by ``BodyLimit``
                    allowed = FILM_BYTES if most > FILE_BYTES else EXPORT_BYTES
                    await _refuse(send, 413, f"the file is too large; at most {allowed} bytes can be uploaded")
                    return
            await self._kept(bytes(body), scope, receive, send)
        finally:
            self._films -= most > FILE_BYTES

    async def _kept(self, body: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a whole upload on where its files are of our kinds and there is room."""
        names = [(quoted or plain).decode(errors="replace") for quoted, plain in NAMES.findall(body)]
        if not names or any(not name.lower().endswith(KINDS) for name in names):
            await _refuse(send, 415, f"only files of these kinds can be uploaded: {', '.join(KINDS)}")
            return
        if _bytes_in(self._folder) + len(body) > FOLDER_BYTES:
            await _refuse(send, 503, "there is no room for more files just now; try again in an hour")
            return
        await self.app(scope, _again(body, receive), send)


def _may_be_large(body: bytearray) -> bool:
    """Whether the first file of an upload that has begun is called a film or a picture."""
    name = NAMES.search(body[:HEADER_BYTES])
    called = (name[1] or name[2] or b"") if name else b""
    return called.decode(errors="replace").lower().endswith((*FILMS, *PICTURES))


def _again(body: bytes, receive: Receive) -> Receive:
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # deleted just now
            total += path.stat().st_size
    return total


async def _refuse(send: Send, status: int, text: str) -> None:
    body = json.dumps({"error": text}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
