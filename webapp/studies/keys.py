"""The keys of a study's links: nobody can guess them, and only their hashes are stored.

The participants' key and the preview's follow from the researcher's, so that the researcher's page can always show
them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass

MOST_LETTERS = 128


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
