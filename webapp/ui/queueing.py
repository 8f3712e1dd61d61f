"""What a page says while something waits to be composed."""

from __future__ import annotations

from webapp.context import Context

PATIENCE_S = 15.0  # in which a composer that was stopped starts again
IN_THE_QUEUE = "In the queue…"
UNREACHABLE = (
    "The composer can't be reached just now. It is tried again by itself, and your music comes as soon as it answers."
)


def queueing(context: Context) -> str:
    """That it is in the queue, or that nobody is there to take it from the queue."""
    return UNREACHABLE if unreachable(context) else IN_THE_QUEUE


def unreachable(context: Context) -> bool:
    """Whether the generator has been silent for longer than it takes to start."""
    return context.generator_silence_s() > PATIENCE_S
