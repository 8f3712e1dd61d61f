"""What an error of the database means for whoever asked, in words and as an HTTP status."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, IntegrityError

from webapp.runtime.errors import NO_ROOM, NoRoom

SILENT, CONTRADICTS = 503, 409
DISK_FULL = "53100"


def is_full(error: DBAPIError) -> bool:
    """Whether the disk of the database takes no more; waiting does not help."""
    return getattr(error.orig, "sqlstate", None) == DISK_FULL


def of_database(error: DBAPIError) -> tuple[int, str]:
    """Status and words."""
    if is_full(error):
        return NoRoom.status, NO_ROOM
    if isinstance(error, IntegrityError):
        return CONTRADICTS, "this contradicts what is stored already; load the page again and look at what is there"
    return SILENT, "the database does not answer; try again in a moment"


def first_line(error: DBAPIError) -> str:
    """What the log says: the rest names rows."""
    return str(error.orig).partition("\n")[0]
