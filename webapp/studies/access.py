"""Who may make studies here: whoever has the installation's key.

Where somebody asks from tells nothing: behind a proxy on this machine everybody seems to be at it, and a proxy need not
say that it is one.
"""

from __future__ import annotations

import hmac

from webapp.runtime.errors import NotAllowed
from webapp.runtime.settings import Settings

NEEDS_KEY = (
    "studies are made here by whoever has the installation's research key: open this page with ?key= and that key in "
    "its address. Whoever runs this installation has chosen it (KALLOS_RESEARCH_KEY), or finds the whole address in "
    "what “kallos serve” printed as it started"
)


def may_create(settings: Settings, key: str) -> bool:
    """Whether somebody who gives this ``key`` may make a study."""
    return hmac.compare_digest(key.encode(), settings.creators_key.encode())


def require_creator(settings: Settings, key: str) -> None:
    """Raises ``NotAllowed`` where they may not."""
    if not may_create(settings, key):
        raise NotAllowed(NEEDS_KEY)
