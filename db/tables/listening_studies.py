"""Listening studies that a researcher designs: consent texts by version, clips, participants and their trials.

They are apart from ``studies``, to which every listener of the application belongs: a participant is no listener.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, Clock, NewId

STUDY_STATES = ("draft", "open", "paused", "ended")
PARTICIPANT_STATES = ("taking_part", "completed")
TRIAL_KINDS = ("main", "repeat", "attention")
TRIAL_OUTCOMES = ("left", "right", "equal", "rated")


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


class ListeningStudy(Base):
    """A study with its ``design``, which is changed in no other state than draft.

    The keys of its links are stored as SHA-256 alone. ``clips_told``: what the clips were made of.
    ``withdrawn``: how many participants have withdrawn, of whom nothing else is kept.
    """

    __tablename__ = "listening_studies"
    __table_args__ = (
        CheckConstraint(_one_of("state", STUDY_STATES), name="state_is_known"),
        CheckConstraint("state = 'draft' OR opened_at IS NOT NULL", name="opened_once"),
        CheckConstraint("(state = 'ended') = (ended_at IS NOT NULL)", name="ended_once"),
        CheckConstraint("consent_version >= 1", name="consent_version_positive"),
        *(
            CheckConstraint(f"{name}_key_hash ~ '^[0-9a-f]{{64}}$'", name=f"{name}_key_is_hashed")
            for name in ("researcher", "participant", "preview")
        ),
    )

    id: Mapped[NewId]
    design: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(server_default=text("'draft'"))
    consent_version: Mapped[int] = mapped_column(server_default=text("1"))
    researcher_key_hash: Mapped[str] = mapped_column(unique=True)
    participant_key_hash: Mapped[str] = mapped_column(unique=True)
    preview_key_hash: Mapped[str] = mapped_column(unique=True)
    clips_told: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    withdrawn: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[Clock]
    opened_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class StudyConsent(Base):
    """What participants were told and agreed to, from one version of the text on."""

    __tablename__ = "study_consents"
    __table_args__ = (CheckConstraint("version >= 1", name="version_positive"),)

    study_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("listening_studies.id", ondelete="CASCADE"), primary_key=True
    )
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    information: Mapped[str]
    consent: Mapped[str]
    created_at: Mapped[Clock]


class StudyClip(Base):
    """A clip of a study: its sound in the clip store, what it is compared as (``system``), of which music (``item``).

    ``condition``: the group of participants that hears it; everybody where it is empty. ``notes``: of its piano roll;
    ``midi``: the file, where the clip came as notes; ``recipe``: how it was made, where Kallos composed it.
    """

    __tablename__ = "study_clips"
    __table_args__ = (
        UniqueConstraint("study_id", "name", name="uq_study_clips_name"),
        CheckConstraint("seconds > 0", name="seconds_positive"),
        CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256_is_a_digest"),
    )

    id: Mapped[NewId]
    study_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("listening_studies.id", ondelete="CASCADE"))
    name: Mapped[str]
    system: Mapped[str]
    item: Mapped[str] = mapped_column(server_default=text("''"))
    condition: Mapped[str] = mapped_column(server_default=text("''"))
    seconds: Mapped[float]
    uri: Mapped[str]
    sha256: Mapped[str]
    notes: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    midi: Mapped[bytes | None]
    recipe: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))


class Participant(Base):
    """Somebody who agreed to take part, known by a random id and, where a panel sent them, by its id.

    ``before``, ``after``: answers of the questionnaires by question, null until given. ``headphones``: answers of the
    check. ``preview``: the researcher, trying; such rows are in no result. Who withdraws has no row any more.
    """

    __tablename__ = "study_participants"
    __table_args__ = (
        ForeignKeyConstraint(
            ["study_id", "consent_version"],
            ["study_consents.study_id", "study_consents.version"],
            name="fk_study_participants_consent",
        ),
        CheckConstraint(_one_of("state", PARTICIPANT_STATES), name="state_is_known"),
        CheckConstraint("(state = 'completed') = (completed_at IS NOT NULL)", name="completed_once"),
        CheckConstraint("token_hash ~ '^[0-9a-f]{64}$'", name="token_is_hashed"),
        Index("ix_study_participants_study_id_created_at", "study_id", "created_at"),
        Index(
            "uq_study_participants_panel_id",
            "study_id",
            "panel_id",
            unique=True,
            postgresql_where=text("panel_id <> '' AND NOT preview"),
        ),
    )

    id: Mapped[NewId]
    study_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("listening_studies.id", ondelete="CASCADE"))
    token_hash: Mapped[str] = mapped_column(unique=True)
    panel_id: Mapped[str] = mapped_column(server_default=text("''"))
    condition: Mapped[str] = mapped_column(server_default=text("''"))
    consent_version: Mapped[int]
    age_group: Mapped[str] = mapped_column(server_default=text("''"))
    state: Mapped[str] = mapped_column(server_default=text("'taking_part'"))
    preview: Mapped[bool] = mapped_column(server_default=text("false"))
    headphones: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    breaks_taken: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[Clock]
    last_seen_at: Mapped[Clock]
    completed_at: Mapped[datetime | None]


class StudyTrial(Base):
    """A pair that was drawn for a participant, in its place, and the answer once it is given.

    ``probability``: of this pair of clips, in any order. ``repeats``: the place of the trial that comes again,
    mirrored. ``expected``: the answer that an attention check asks for. Where one clip is rated, it is both clips, and
    the answer is its ``valence`` and ``arousal``, -1 to 1.
    """

    __tablename__ = "study_trials"
    __table_args__ = (
        UniqueConstraint("participant_id", "place", name="uq_study_trials_place"),
        CheckConstraint(_one_of("kind", TRIAL_KINDS), name="kind_is_known"),
        CheckConstraint(f"outcome IS NULL OR {_one_of('outcome', TRIAL_OUTCOMES)}", name="outcome_is_known"),
        CheckConstraint("(outcome IS NULL) = (answered_at IS NULL)", name="answered_once"),
        *(
            CheckConstraint(
                f"(coalesce(outcome, '') = 'rated') = (coalesce({name}, -2) BETWEEN -1 AND 1)", name=f"{name}_is_rated"
            )
            for name in ("valence", "arousal")
        ),
        CheckConstraint("(kind = 'repeat') = (repeats IS NOT NULL)", name="a_repeat_repeats"),
        CheckConstraint("(kind = 'attention') = (expected <> '')", name="a_check_expects"),
        CheckConstraint("probability > 0 AND probability <= 1", name="probability_is_one"),
        CheckConstraint("left_ms >= 0 AND right_ms >= 0", name="heard_not_negative"),
        Index("ix_study_trials_left_clip", "left_clip"),
        Index("ix_study_trials_right_clip", "right_clip"),
    )

    id: Mapped[NewId]
    participant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("study_participants.id", ondelete="CASCADE"))
    place: Mapped[int]
    kind: Mapped[str]
    left_clip: Mapped[uuid.UUID] = mapped_column(ForeignKey("study_clips.id", ondelete="CASCADE"))
    right_clip: Mapped[uuid.UUID] = mapped_column(ForeignKey("study_clips.id", ondelete="CASCADE"))
    policy: Mapped[str]
    probability: Mapped[float]
    repeats: Mapped[int | None]
    expected: Mapped[str] = mapped_column(server_default=text("''"))
    outcome: Mapped[str | None]
    valence: Mapped[float | None]
    arousal: Mapped[float | None]
    left_ms: Mapped[int] = mapped_column(server_default=text("0"))
    right_ms: Mapped[int] = mapped_column(server_default=text("0"))
    shown_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
