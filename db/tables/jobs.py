"""The queue: work to be done later is a row, taken with a lease that runs out when its worker dies."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, Clock


class Job(Base):
    """One piece of work. While it waits or runs no second job of the same ``dedupe_key`` exists.

    A running job belongs to the holder of ``lease_token`` until ``lease_until``; then anybody may take it.
    A job that is about one listener names them in ``listener_id`` and goes with them.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'running', 'done', 'failed')", name="state_is_known"),
        CheckConstraint(
            "(state = 'running') = (lease_until IS NOT NULL) AND (state = 'running') = (lease_token IS NOT NULL)",
            name="leased_while_running",
        ),
        CheckConstraint("attempts >= 0 AND max_attempts > 0", name="attempts_in_range"),
        Index(
            "uq_jobs_dedupe_key",
            "dedupe_key",
            unique=True,
            postgresql_where=text("state IN ('waiting', 'running')"),
        ),
        Index(
            "ix_jobs_queue",
            text("priority DESC"),
            "run_after",
            "id",
            postgresql_where=text("state IN ('waiting', 'running')"),
        ),
        Index("ix_jobs_listener_id_kind", "listener_id", "kind", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    kind: Mapped[str]
    payload: Mapped[dict[str, Any]]
    listener_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("listeners.id", ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(server_default="waiting")
    priority: Mapped[int] = mapped_column(server_default=text("0"))
    run_after: Mapped[Clock]
    lease_until: Mapped[datetime | None]
    lease_token: Mapped[uuid.UUID | None]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    max_attempts: Mapped[int] = mapped_column(server_default=text("5"))
    error: Mapped[str | None]
    result: Mapped[dict[str, Any] | None]
    dedupe_key: Mapped[str | None]
    created_at: Mapped[Clock]
    finished_at: Mapped[datetime | None]
