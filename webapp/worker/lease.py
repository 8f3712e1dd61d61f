"""A job is a worker's own as long as its lease is renewed; that of a killed worker runs out.

A job that is nobody's any more, since it was cancelled or its listener deleted, ends where it asks the generator next.
"""

from __future__ import annotations

import logging
import threading

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from db.queries import jobs
from db.queries.jobs import TakenJob
from webapp.context import Context

log = logging.getLogger(__name__)

LEASE_SECONDS = 15.0
RENEW_SECONDS = 1.0  # and so soon a worker knows that a job was cancelled


class Lease:
    """Keeps a job ours while it is worked on."""

    def __init__(self, context: Context, job: TakenJob) -> None:
        self._context, self._job = context, job
        self._done, self._lost = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._renew, name=f"lease {job.id}", daemon=True)

    def __enter__(self) -> Lease:
        self._thread.start()
        return self

    def holds(self) -> bool:
        """Whether the job was still ours when that was last asked."""
        return not self._lost.is_set()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _renew(self) -> None:
        def extend(session: Session) -> bool:
            return jobs.extend_lease(session, self._job, lease_s=LEASE_SECONDS)

        while not self._done.wait(RENEW_SECONDS):
            try:
                if not self._context.database.transaction(extend):
                    self._lost.set()
                    return
            except DBAPIError as error:
                log.warning("lease_not_renewed job=%d error=%s", self._job.id, error)
