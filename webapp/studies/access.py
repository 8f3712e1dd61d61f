"""Who may make studies here: whoever has ``KALLOS_RESEARCH_KEY``, or sits at the machine where none is set."""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Mapping

from webapp.runtime.errors import NotAllowed
from webapp.runtime.settings import Settings

PROXIES = {"forwarded", "via", "x-real-ip", "cf-connecting-ip", "true-client-ip", "x-original-forwarded-for"}
LOCAL = {"localhost", "127.0.0.1", "[::1]"}
NEEDS_KEY = (
    "studies are made here by whoever has the installation's research key: open this page with ?key= and that key in "
    "its address, or ask who runs this installation (KALLOS_RESEARCH_KEY)"
)


def may_create(settings: Settings, key: str, address: str | None, *, forwarded: bool) -> bool:
    """Whether somebody may make a study.

    Args:
        settings: With the research key, if there is one.
        key: What they give as such.
        address: Where they ask from.
        forwarded: Whether a proxy stands in between, so that the address may not be theirs.
    """
    if settings.research_key:
        return hmac.compare_digest(key.encode(), settings.research_key.encode())
    try:
        return not forwarded and ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False


def is_forwarded(headers: Mapping[str, str]) -> bool:
    """Whether a proxy stands in between, as far as a request shows: by its headers, or by the name it was asked by."""
    if any(name.lower().startswith("x-forwarded-") or name.lower() in PROXIES for name in headers):
        return True
    host = headers.get("host", "").lower()
    name = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
    return name not in LOCAL


def require_creator(settings: Settings, key: str, address: str | None, *, forwarded: bool) -> None:
    """Raises ``NotAllowed`` where they may not."""
    if not may_create(settings, key, address, forwarded=forwarded):
        raise NotAllowed(NEEDS_KEY)
