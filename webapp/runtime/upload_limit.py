"""What may be uploaded through Gradio, which by itself takes any file from anybody: our kinds, small, and not endless.

An uploaded file is deleted by the handler that reads it, and an hour later where none does (``Downloads``).
"""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webapp.runtime.limits import EXPORT_BYTES, FILE_BYTES, UPLOADS_A_SECOND, UPLOADS_AT_ONCE, Buckets, network_of

PATHS = {"/gradio_api/upload", "/upload"}
SOUND = (".wav", ".flac", ".ogg", ".opus", ".mp3")
KINDS = (".mid", ".midi", ".abc", *SOUND, ".zip", ".json")
FOLDER_BYTES = 500_000_000  # that uploads and downloads may take together
NAMES = re.compile(rb'^content-disposition:[^\r\n]*?filename\*?="?([^"\r\n;]*)', re.IGNORECASE | re.MULTILINE)


class UploadLimit:
    """Refuses an upload that is too large, of no kind that a page reads, or one too many for ``folder``."""

    def __init__(self, app: ASGIApp, folder: Path) -> None:
        self.app = app
        self._folder = folder
        self._uploads = Buckets(UPLOADS_A_SECOND, UPLOADS_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 (ASGI)
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"].rstrip("/") not in PATHS:
            await self.app(scope, receive, send)
            return
        if not self._uploads.take(network_of(scope["client"][0] if scope.get("client") else None)):
            await _refuse(send, 429, "you have uploaded many files just now; try again in a minute")
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > FILE_BYTES or message["type"] == "http.disconnect":  # cut off by ``BodyLimit``
                await _refuse(send, 413, f"the file is too large; at most {EXPORT_BYTES} bytes can be uploaded")
                return
        names = [name.decode(errors="replace") for name in NAMES.findall(body)]
        if not names or any(not name.lower().endswith(KINDS) for name in names):
            await _refuse(send, 415, f"only files of these kinds can be uploaded: {', '.join(KINDS)}")
            return
        if _bytes_in(self._folder) + len(body) > FOLDER_BYTES:
            await _refuse(send, 503, "there is no room for more files just now; try again in an hour")
            return
        await self.app(scope, _again(body, receive), send)


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
