"""A job is a worker's own as long as its lease is renewed; that of a killed worker runs out."""

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
RENEW_SECONDS = 5.0


class Lease:
    """Keeps a job ours while it is worked on."""

    def __init__(self, context: Context, job: TakenJob) -> None:
        self._context, self._job = context, job
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._renew, name=f"lease {job.id}", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _renew(self) -> None:
        def extend(session: Session) -> bool:
            return jobs.extend_lease(session, self._job, lease_s=LEASE_SECONDS)

        while not self._done.wait(RENEW_SECONDS):
            try:
                self._context.database.transaction(extend)
            except DBAPIError as error:
                log.warning("lease_not_renewed job=%d error=%s", self._job.id, error)
