"""What an error of the database means for whoever asked, in words and as an HTTP status."""

from __future__ import annotations

import logging

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from webapp.runtime.errors import Contradiction, NoRoom, NotAllowed, NotReady, Problem

log = logging.getLogger(__name__)
DISK_FULL = "53100"


def is_full(error: DBAPIError) -> bool:
    """Whether the disk of the database takes no more; waiting does not help."""
    return getattr(error.orig, "sqlstate", None) == DISK_FULL


def of_database(error: DBAPIError) -> Problem:
    """What is answered; the log says what the database said."""
    log.error("database_error error=%s", str(error.orig).partition("\n")[0])  # the rest names rows
    if is_full(error):
        return NoRoom()
    if isinstance(error, DataError):
        return NotAllowed("the address or the request holds a character or a number that there can't be")
    if isinstance(error, IntegrityError):
        return Contradiction("this contradicts what is stored already; load the page again and look at what is there")
    return NotReady("the database does not answer; try again in a moment")
