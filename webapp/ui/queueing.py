"""What a page says while something waits to be composed."""

from __future__ import annotations

from html import escape

from webapp.context import Context
from webapp.ui.words import duration, unbroken

PATIENCE_S = 15.0  # in which a composer that was stopped starts again
IN_THE_QUEUE = "In the queue…"
UNREACHABLE = (
    "The composer can't be reached just now. It is tried again by itself, and your music comes as soon as it answers."
)


def queueing(context: Context) -> str:
    """That it is in the queue, or that nobody is there to take it from the queue."""
    return UNREACHABLE if unreachable(context) else IN_THE_QUEUE


def going(text: str, seconds_left: float | None) -> str:
    """What goes on, which is read out when it changes, and how long it will take, as far as that is known."""
    told = f'<span role="status" aria-live="polite">{escape(unbroken(text))}</span>'
    return f'<p class="k-explain k-wide">{told} {left(seconds_left)}</p>'


def left(seconds: float | None) -> str:
    """How long it still takes, no more exactly than it is known; "" where it isn't."""
    if seconds is None:
        return ""
    return f"About {duration(seconds)} left." if seconds > 0 else "It takes longer than it did lately."


def unreachable(context: Context) -> bool:
    """Whether the generator has been silent for longer than it takes to start."""
    return context.generator_silence_s() > PATIENCE_S
