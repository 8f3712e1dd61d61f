"""How far a run has come, by steps or by time, and its learning rate there."""

from __future__ import annotations


def share_done(step: int, steps: int, seconds: float = 0.0, minutes: float | None = None) -> float:
    """The share of a run that lies behind, 0 to 1: of its ``minutes`` where it has them, else of its ``steps``."""
    return min(1.0, step / steps if minutes is None else seconds / (60 * minutes))


def rise_and_fall(
    rate: float, step: int, done: float, *, warm_up: int, falling: float = 1.0, least: float = 0.02
) -> float:
    """The learning rate: up to ``rate`` in ``warm_up`` steps, constant, then linear down over the last ``falling``.

    ``falling`` is a share of the run, of which the share ``done`` lies behind; ``least`` is the share of ``rate`` that
    it ends with.
    """
    return rate * min(1.0, (step + 1) / warm_up, max(least, (1 - done) / falling))
