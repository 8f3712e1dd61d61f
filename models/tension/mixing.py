"""How an open future and a known past make one score; both in standard deviations of real music."""

from __future__ import annotations

DIAL = 0.2  # the share of the future; chosen on validation music, so that real music stands above itself spoiled


def mixed(future: float, past: float, dial: float = DIAL) -> float:
    """The two rewards, the future with the share ``dial``."""
    return dial * future + (1 - dial) * past


def lesser(future: float, past: float) -> float:
    """The reward that a piece has less of: for a choice among what a model writes, which needs both.

    The two go against each other there, and a sum goes the way of one of them.
    """
    return min(future, past)
