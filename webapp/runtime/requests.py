"""What the bodies of requests have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """What somebody sends; a field that nobody knows is refused."""

    model_config = ConfigDict(extra="forbid")
