"""Listeners: anonymous people, known by a random id alone. Deleting the row deletes everything that is theirs."""

from __future__ import annotations

import uuid

from sqlalchemy import CheckConstraint, ForeignKey, text
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, Clock, NewId
from db.tables.studies import DEFAULT_STUDY

DOMAINS = ("pop", "dance", "chorale")
DOMAIN_CHECK = f"domain IN {DOMAINS}"
PICTURES = "pictures"  # the domain beside those of music
ANY_DOMAIN_CHECK = f"domain IN {(*DOMAINS, PICTURES)}"


class Listener(Base):
    """A listener; ``domain`` is the music that they chose to hear, or pictures, ``condition`` their arm of the study.

    ``population_id``: where their head of music began with their first vote on music; without one, at the fixed prior.
    ``picture_population_id``: the same of their head of pictures.
    ``journal_entries``: the number of their newest entry in the vote journal that is committed here too.
    ``brought``: they came with a stranger's file, so no population learns from their head. ``token_generation``: tokens
    of an earlier one are refused. ``plays_tell``: what is composed for them may go by what they hear out and skip.
    ``link_id``: of the link to another device that still works.
    """

    __tablename__ = "listeners"
    __table_args__ = (
        CheckConstraint(ANY_DOMAIN_CHECK, name="domain_is_known"),
        CheckConstraint("journal_entries >= 0", name="journal_entries_not_negative"),
        CheckConstraint("token_generation >= 0", name="token_generation_not_negative"),
    )

    id: Mapped[NewId]
    domain: Mapped[str] = mapped_column(server_default="pop")
    study_id: Mapped[str] = mapped_column(ForeignKey("studies.id"), server_default=DEFAULT_STUDY, index=True)
    condition: Mapped[str] = mapped_column(server_default="default")
    population_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("populations.id", ondelete="SET NULL"), index=True
    )
    picture_population_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("populations.id", ondelete="SET NULL"), index=True
    )
    journal_entries: Mapped[int] = mapped_column(server_default=text("0"))
    brought: Mapped[bool] = mapped_column(server_default=text("false"))
    token_generation: Mapped[int] = mapped_column(server_default=text("0"))
    plays_tell: Mapped[bool] = mapped_column(server_default=text("true"))
    link_id: Mapped[uuid.UUID | None]
    created_at: Mapped[Clock]

    def began_at(self, *, pictures: bool) -> uuid.UUID | None:
        """The population at which the head of music, or of ``pictures``, began."""
        return self.picture_population_id if pictures else self.population_id

    def begin_at(self, population_id: uuid.UUID | None, *, pictures: bool) -> None:
        """From here on that head begins at this population; at the fixed prior where it is None."""
        if pictures:
            self.picture_population_id = population_id
        else:
            self.population_id = population_id
