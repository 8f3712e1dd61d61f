"""Who may see the results of a study: its researchers. Those of the default study, where no study is run, are open."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from db.tables import DEFAULT_STUDY
from webapp.runtime.errors import NotYours
from webapp.runtime.settings import Settings


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
