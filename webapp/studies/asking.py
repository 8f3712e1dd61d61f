"""Clips from a generator elsewhere: an address that the operator allows is asked for each, and nothing else is.

It gets a POST of ``{"seed": …, "seconds": …}`` as JSON and answers with MIDI, ABC or sound. Only addresses of an origin
(scheme, host and port) in ``KALLOS_STUDY_GENERATORS`` are asked, and no redirect is followed: a design must not reach
what only this machine can reach.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from webapp.runtime.errors import NotAllowed
from webapp.studies.sources import Source, SourceError

TIMEOUT_S = 120.0
MOST_BYTES = 20_000_000
KINDS = {b"MThd": ".mid", b"RIFF": ".wav", b"fLaC": ".flac", b"OggS": ".ogg", b"ID3": ".mp3", b"\xff": ".mp3"}


def origin(url: str) -> str:
    """Scheme, host and port of an address, ``http://host:80``; empty where it is none that can be asked."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return ""
    known = parts.scheme in {"http", "https"} and parts.hostname and port and "@" not in parts.netloc
    return f"{parts.scheme}://{parts.hostname}:{port}" if known else ""


def require_allowed(url: str, allowed: str) -> None:
    """Raises ``NotAllowed`` for an address of an origin that is not among the ``allowed``, by commas."""
    if origin(url) not in {origin(each.strip()) for each in allowed.split(",") if each.strip()} - {""}:
        raise NotAllowed(
            f"{url[:200]} may not be asked for clips; whoever runs this installation allows its origin in "
            "KALLOS_STUDY_GENERATORS"
        )


def clips(asked: tuple[dict[str, Any], ...], seconds: float, folder: Path) -> Iterator[Source]:
    """Ask for every clip and write each into ``folder``; raises ``SourceError``."""
    for place, wanted in enumerate(asked):
        with httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client:
            for number in range(wanted["count"]):
                name = f"{wanted['system']}-asked-{place + 1}-{number + 1:03}"
                data = _asked(client, wanted["url"], {"seed": wanted["seed"] + number, "seconds": seconds}, name)
                kind = next((suffix for magic, suffix in KINDS.items() if data.startswith(magic)), ".abc")
                path = folder / f"asked-{place}-{number:03}{kind}"
                path.write_bytes(data)
                yield Source(name, wanted["system"], "", "", path)


def _asked(client: httpx.Client, url: str, body: dict[str, Any], name: str) -> bytes:
    data = bytearray()
    try:
        with client.stream("POST", url, json=body) as answer:
            if answer.status_code != httpx.codes.OK:
                raise SourceError(f"{name}: {url} answered with the status {answer.status_code} instead of a clip")
            for some in answer.iter_bytes():
                data += some
                if len(data) > MOST_BYTES:
                    raise SourceError(f"{name}: {url} answered with more than {MOST_BYTES // 1_000_000} MB")
    except httpx.HTTPError as error:
        raise SourceError(f"{name}: {url} did not answer ({type(error).__name__}); try again later") from error
    return bytes(data)
