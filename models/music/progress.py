"""How something that takes long says how far it is."""

from __future__ import annotations

from collections.abc import Callable

Tell = Callable[[float], None]  # is called with the share that is done, 0 to 1


def silent(share: float) -> None:
    """Tell nobody."""
