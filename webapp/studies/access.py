"""Who may make studies here: whoever has ``KALLOS_RESEARCH_KEY``, or sits at the machine where none is set."""

from __future__ import annotations

import hmac
import ipaddress

from webapp.runtime.errors import NotAllowed
from webapp.runtime.settings import Settings

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


def require_creator(settings: Settings, key: str, address: str | None, *, forwarded: bool) -> None:
    """Raises ``NotAllowed`` where they may not."""
    if not may_create(settings, key, address, forwarded=forwarded):
        raise NotAllowed(NEEDS_KEY)
