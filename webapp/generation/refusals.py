"""What an error of the generator means for whoever asked, in words and as an HTTP status."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from webapp.generation.protocol import BadRequest, DeadlinePassed, GenerationError, QueueFull
from webapp.runtime.errors import NotAllowed, NotReady, Overdue, Problem

log = logging.getLogger(__name__)
COMPOSER = "the composer"


def of_generator(error: GenerationError, who: str = COMPOSER, refused: str = "this can't be composed") -> Problem:
    """The answer to whoever asked ``who`` for something; ``refused`` begins why what they gave can't be used."""
    log.warning("generator_failed error=%s", error)
    match error:
        case BadRequest():
            return NotAllowed(f"{refused}: {error}")
        case DeadlinePassed():
            return Overdue(
                f"{who} did not get this done in time and gave it up; nothing is lost, try again in a minute"
            )
        case QueueFull():
            return NotReady(f"{who} is busy with what others asked for; nothing is lost, try again in a moment")
    return NotReady(f"{who} does not answer just now; nothing is lost, try again in a moment")


@contextmanager
def answered(who: str = COMPOSER, refused: str = "this can't be composed") -> Iterator[None]:
    """What the generator says within, instead of a result, is raised as ``of_generator`` tells it."""
    try:
        yield
    except GenerationError as error:
        raise of_generator(error, who, refused) from error
