"""Who may do what in studies: the keys of their links, who may make studies here, and who may see their results.

Nobody can guess a key, and only hashes are stored. The participants' key and the preview's follow from the
researcher's, so that the researcher's page can always show them. Studies are made by whoever has the installation's
key. The address of a request proves nothing: behind a proxy on this machine everybody seems to be at it, and a proxy
need not say that it is one. Results are for a study's researchers; those of the default study, where no study is run,
are open.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from db.tables import DEFAULT_STUDY
from webapp.runtime.errors import NotAllowed, NotYours
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


def may_see(settings: Settings, study_id: str, key: str) -> bool:
    """Whether somebody who gives ``key`` may see how a study stands."""
    known = settings.research_key
    return study_id == DEFAULT_STUDY or bool(known and hmac.compare_digest(key.encode(), known.encode()))


def seen(settings: Settings, studies: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    """Those of these studies that somebody who gives ``key`` may see."""
    return [each for each in studies if may_see(settings, _name(each), key)]


def require(settings: Settings, study_id: str, key: str) -> None:
    """Raises ``NotYours`` where somebody who gives ``key`` may not see this study, whether there is one or not."""
    if not may_see(settings, study_id, key):
        raise NotYours(f"there is no study {study_id[:64]!r}, or its results are for its researchers, who have a key")


def _name(study: Mapping[str, Any]) -> str:
    return str(study["study_id"])
