"""Listeners, anonymous people known by a random id alone: their studies, populations, heads, duets and taste cards.

Deleting a listener's row deletes everything that is theirs. Every listener and every offer belongs to a study; who
takes part in none is in the default study.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, Clock, NewId

DEFAULT_STUDY = "default"
DOMAINS = ("pop", "dance", "chorale")
DOMAIN_CHECK = f"domain IN {DOMAINS}"
PICTURES = "pictures"  # the domain beside those of music
ANY_DOMAIN_CHECK = f"domain IN {(*DOMAINS, PICTURES)}"


class Study(Base):
    """A study that somebody runs on this installation; the migration makes the default one."""

    __tablename__ = "studies"
    __table_args__ = (CheckConstraint("id ~ '^[a-z0-9][a-z0-9_-]{0,63}$'", name="id_is_a_slug"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    created_at: Mapped[Clock]


class Listener(Base):
    """A listener; ``domain`` is the music that they chose to hear, or pictures, ``condition`` their arm of the study.

    ``population_id``: where their head of music began with their first vote on music; without one, at the fixed prior.
    ``picture_population_id``: the same of their head of pictures.
    ``journal_entries``: the number of their newest entry in the vote journal that is committed here too.
    ``brought``: they came with an untrusted export, so no population learns from their head. ``token_generation``:
    tokens of an earlier one are refused. ``plays_tell``: what is composed for them may go by what they hear out and
    skip. ``link_id``: of the link to another device that still works. ``music_picks`` and ``picture_picks``: how
    many of their votes compare clips of either, so that no vote counts the votes before it.
    """

    __tablename__ = "listeners"
    __table_args__ = (
        CheckConstraint(ANY_DOMAIN_CHECK, name="domain_is_known"),
        CheckConstraint("journal_entries >= 0", name="journal_entries_not_negative"),
        CheckConstraint("token_generation >= 0", name="token_generation_not_negative"),
        CheckConstraint("music_picks >= 0", name="music_picks_not_negative"),
        CheckConstraint("picture_picks >= 0", name="picture_picks_not_negative"),
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
    music_picks: Mapped[int] = mapped_column(server_default=text("0"))
    picture_picks: Mapped[int] = mapped_column(server_default=text("0"))
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


class StoredPopulation(Base):
    """One version of it, never changed; the newest one of a study is where a newcomer begins.

    Little-endian float64 bytes: ``mean`` ``(n,)``, ``factors`` ``(n, K)`` row by row and ``diagonal`` ``(n,)`` of
    tastes in the latent space of one model version. Without a study it came with a listener from another installation:
    it is kept for the head that began from it, and nobody else begins there. ``measured``: how well so many taste
    directions told votes that were held out, and what is common; None where it was not measured. ``effects``: by clip
    the effects for each fold of listeners; read only where it is asked for, since it may be long.
    """

    __tablename__ = "populations"
    __table_args__ = (
        CheckConstraint("octet_length(mean) > 0 AND octet_length(mean) % 8 = 0", name="mean_is_float64"),
        CheckConstraint("octet_length(diagonal) = octet_length(mean)", name="diagonal_is_like_the_mean"),
        CheckConstraint("octet_length(factors) % greatest(octet_length(mean), 1) = 0", name="factors_are_columns"),
        CheckConstraint("listeners > 0 AND votes >= 0", name="learned_from_somebody"),
        Index("ix_populations_study_id_model_version_created_at", "study_id", "model_version", "created_at"),
    )

    id: Mapped[NewId]
    study_id: Mapped[str | None] = mapped_column(ForeignKey("studies.id"))
    model_version: Mapped[str]
    mean: Mapped[bytes]
    factors: Mapped[bytes]
    diagonal: Mapped[bytes]
    listeners: Mapped[int]
    votes: Mapped[int]
    measured: Mapped[dict[str, Any] | None]
    effects: Mapped[dict[str, Any] | None] = mapped_column(deferred=True)
    created_at: Mapped[Clock]


class StoredHead(Base):
    """A listener's head in the latent space of one model version.

    Little-endian float64 bytes: ``mean`` ``(n,)``, ``covariance`` ``(n, n)`` row by row, of the features' weights and
    then of how the listener answers. ``lapses`` and ``attentive``: pseudo-counts of votes that were coin tosses or not.
    It began from the listener's ``population_id``, or ``picture_population_id``, where that one is of the same model
    version.
    """

    __tablename__ = "heads"
    __table_args__ = (
        CheckConstraint("octet_length(mean) > 0 AND octet_length(mean) % 8 = 0", name="mean_is_float64"),
        CheckConstraint(
            "octet_length(covariance)::bigint * 8 = octet_length(mean)::bigint * octet_length(mean)",
            name="covariance_is_square",
        ),
        CheckConstraint("lapses >= 0 AND attentive > 0", name="lapses_are_a_share"),
        CheckConstraint("votes_seen >= 0", name="votes_seen_not_negative"),
    )

    listener_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("listeners.id", ondelete="CASCADE"), primary_key=True)
    model_version: Mapped[str] = mapped_column(primary_key=True)
    mean: Mapped[bytes]
    covariance: Mapped[bytes]
    lapses: Mapped[float]
    attentive: Mapped[float]
    votes_seen: Mapped[int]
    updated_at: Mapped[Clock]


class Duet(Base):
    """The ``host`` made the link that ``link_key`` opens; it is agreed once somebody else, the ``guest``, has said yes.

    Deleting it ends it: with it goes what was composed, for both. A link that was used opens nothing any more.
    """

    __tablename__ = "duets"
    __table_args__ = (
        CheckConstraint("host_id <> guest_id", name="two_different_listeners"),
        CheckConstraint("(guest_id IS NULL) = (agreed_at IS NULL)", name="agreed_by_the_guest"),
        CheckConstraint("(guest_id IS NULL) = (link_key IS NOT NULL)", name="link_until_agreed"),
        Index(
            "uq_duets_unordered_pair",
            text("least(host_id, guest_id)"),
            text("greatest(host_id, guest_id)"),
            unique=True,
            postgresql_where=text("guest_id IS NOT NULL"),
        ),
    )

    id: Mapped[NewId]
    host_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("listeners.id", ondelete="CASCADE"), index=True)
    guest_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("listeners.id", ondelete="CASCADE"), index=True)
    link_key: Mapped[str | None] = mapped_column(unique=True)
    agreed_at: Mapped[datetime | None]
    created_at: Mapped[Clock]


class DuetPiece(Base):
    """A piece composed for both. ``for_host``, ``for_guest``: how likely each likes it better than a draw of the prior.

    Both chances are careful ones. ``notes``, ``latents``: JSON; the sound is made when it is asked for. ``mood``: its
    valence and arousal, None where nobody could judge.
    """

    __tablename__ = "duet_pieces"
    __table_args__ = (
        CheckConstraint(DOMAIN_CHECK, name="domain_is_known"),
        CheckConstraint("for_host > 0 AND for_host < 1", name="for_host_in_0_1"),
        CheckConstraint("for_guest > 0 AND for_guest < 1", name="for_guest_in_0_1"),
        UniqueConstraint("duet_id", "content_hash"),  # never the same piece twice
    )

    id: Mapped[NewId]
    duet_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("duets.id", ondelete="CASCADE"))
    domain: Mapped[str]
    notes: Mapped[dict[str, Any]]
    latents: Mapped[dict[str, Any]]
    recipe: Mapped[dict[str, Any]]
    for_host: Mapped[float]
    for_guest: Mapped[float]
    mood: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    model_version: Mapped[str]
    content_hash: Mapped[str]
    created_at: Mapped[Clock]


class TasteCard(Base):
    """``about``: what the card says; its picture is drawn from that when it is asked for.

    The row goes when the link is withdrawn, the clip goes or the listener goes: then nothing of it is left.
    """

    __tablename__ = "taste_cards"
    __table_args__ = (
        CheckConstraint("seconds > 0", name="seconds_positive"),
        CheckConstraint("char_length(link_key) >= 16", name="link_key_is_long"),
        Index("ix_taste_cards_listener_id_created_at", "listener_id", "created_at"),
        Index("ix_taste_cards_clip_id", "clip_id"),
    )

    id: Mapped[NewId]
    listener_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("listeners.id", ondelete="CASCADE"))
    clip_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clips.id", ondelete="CASCADE"))
    seconds: Mapped[float]
    about: Mapped[dict[str, Any]]
    link_key: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[Clock]
