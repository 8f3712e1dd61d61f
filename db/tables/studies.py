"""Studies: every listener and every offer belongs to one; who takes part in none is in the default study."""

from __future__ import annotations

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, Clock

DEFAULT_STUDY = "default"


class Study(Base):
    """A study that somebody runs on this installation; the migration makes the default one."""

    __tablename__ = "studies"
    __table_args__ = (CheckConstraint("id ~ '^[a-z0-9][a-z0-9_-]{0,63}$'", name="id_is_a_slug"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    created_at: Mapped[Clock]
