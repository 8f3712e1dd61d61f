"""The keys of a study's links, which nobody can guess and of which only hashes are stored; who may make studies here.

The participants' key and the preview's follow from the researcher's, so that the researcher's page can always show
them. Studies are made by whoever has the installation's key. Where somebody asks from tells nothing: behind a proxy on
this machine everybody seems to be at it, and a proxy need not say that it is one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass

from webapp.runtime.errors import NotAllowed
from webapp.runtime.settings import Settings

MOST_LETTERS = 128
NEEDS_KEY = (
    "studies are made here by whoever has the installation's research key: open this page with ?key= and that key in "
    "its address. Whoever runs this installation has chosen it (KALLOS_RESEARCH_KEY), or finds the whole address in "
    "what “kallos serve” printed as it started"
)


@dataclass(frozen=True)
class Keys:
    """What opens a study: for its researcher, for participants, and for a researcher who tries it."""

    researcher: str
    participant: str
    preview: str


def new() -> Keys:
    """The keys of a new study."""
    return of_researcher(new_secret())


def new_secret() -> str:
    """192 random bits."""
    return secrets.token_urlsafe(24)


def of_researcher(key: str) -> Keys:
    """All keys of the study that ``key`` opens for its researcher."""
    return Keys(key, _derived(key, "participant"), _derived(key, "preview"))


def digest(key: str) -> str:
    """What is stored of a key: SHA-256, as hexadecimal digits. Keys are random, so that no salt is needed."""
    return hashlib.sha256(key[:MOST_LETTERS].encode()).hexdigest()


def same(stored: str, given: str) -> bool:
    """Whether two digests are equal, in constant time."""
    return hmac.compare_digest(stored, given)


def _derived(key: str, purpose: str) -> str:
    made = hmac.new(key.encode(), f"kallos.study.{purpose}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made[:24]).decode()


def may_create(settings: Settings, key: str) -> bool:
    """Whether somebody who gives this ``key`` may make a study."""
    return hmac.compare_digest(key.encode(), settings.creators_key.encode())


def require_creator(settings: Settings, key: str) -> None:
    """Raises ``NotAllowed`` where they may not."""
    if not may_create(settings, key):
        raise NotAllowed(NEEDS_KEY)
