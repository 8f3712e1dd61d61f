"""Clips' sound as media elements ask for it: whole, or one range of its bytes.

Starlette's ``FileResponse`` answers ranges too, but of files only (the clip store may be an object store), and it tells
when a file was written, which would tell a new clip from an old one in a blind pair.
"""

from __future__ import annotations

import re

from fastapi import Response

from webapp.api.dependencies import IMMUTABLE

ONE_RANGE = re.compile(r"bytes\s*=\s*([0-9]*)-([0-9]*)")
MOST_DIGITS = 15


def sound_response(data: bytes, wanted: str) -> Response:
    """The whole sound, or the one range of bytes that a media element asks for."""
    headers = {"Cache-Control": IMMUTABLE, "Accept-Ranges": "bytes"}
    found = ONE_RANGE.fullmatch(wanted.strip())
    if found is None or not any(found.groups()):
        return Response(data, media_type="audio/mpeg", headers=headers)
    first, last = found.groups()
    if max(len(first), len(last)) > MOST_DIGITS:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{len(data)}"})
    start = int(first) if first else max(0, len(data) - int(last))
    end = min(int(last), len(data) - 1) if first and last else len(data) - 1
    if start > end:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{len(data)}"})
    headers["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
    return Response(data[start : end + 1], status_code=206, media_type="audio/mpeg", headers=headers)
