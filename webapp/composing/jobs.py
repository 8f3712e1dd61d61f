"""A job that is being done: what it asks for, and how it says how far it is."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from db.queries import jobs
from db.queries.jobs import TakenJob
from db.tables import PICTURES
from models.music.notes import DOMAINS, Domain
from webapp.learning.playable_clips import AnyDomain
from webapp.runtime.database import Database


@dataclass(frozen=True)
class JobInHand:
    """A ``job`` of the queue that this process works on."""

    database: Database
    job: TakenJob

    @property
    def payload(self) -> dict[str, Any]:
        """What it asks for."""
        return self.job.payload

    @property
    def seed(self) -> int:
        """The first of its 256 own seeds: done again, it draws the same again."""
        return self.job.id << 8

    @property
    def domain(self) -> Domain:
        """In which it is to compose music; ``ValueError`` where that is none."""
        return domain_named(self.payload["domain"])

    @property
    def any_domain(self) -> AnyDomain:
        """The same where it may be pictures, too."""
        return "pictures" if self.is_of_pictures else self.domain

    @property
    def is_of_pictures(self) -> bool:
        """Whether pictures are to be made."""
        return bool(self.payload["domain"] == PICTURES)

    @property
    def listener_id(self) -> uuid.UUID:
        """Whom it is about; ``ValueError`` where it names nobody."""
        if self.job.listener_id is None:
            raise ValueError(f"a job of kind {self.job.kind} must name a listener")
        return self.job.listener_id

    def report(self, progress: Mapping[str, Any]) -> None:
        """Say how far it is."""
        self.database.transaction(lambda session: jobs.tell_progress(session, self.job, dict(progress)))

    @property
    def found(self) -> Sequence[dict[str, Any]]:
        """What was found when this job was begun before."""
        found: Sequence[dict[str, Any]] = self.payload.get(jobs.REMEMBERED, [])
        return found

    def remember(self, found: Sequence[dict[str, Any]]) -> None:
        """Keep what was found for whoever does this job again."""
        self.database.transaction(lambda session: jobs.remember(session, self.job, list(found)))


def domain_named(name: object) -> Domain:
    """The domain of this name; ``ValueError`` where there is none."""
    for domain in DOMAINS:
        if name == domain:
            return domain
    raise ValueError(f"domain {name!r} was given; there are {', '.join(DOMAINS)}")
