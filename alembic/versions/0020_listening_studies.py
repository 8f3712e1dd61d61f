"""Listening studies that a researcher designs: consent texts, clips, participants and their trials."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "listening_studies",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("design", postgresql.JSONB(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'draft'"), nullable=False),
        sa.Column("consent_version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("researcher_key_hash", sa.Text(), nullable=False),
        sa.Column("participant_key_hash", sa.Text(), nullable=False),
        sa.Column("preview_key_hash", sa.Text(), nullable=False),
        sa.Column("clips_told", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("withdrawn", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("opened_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("ended_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("consent_version >= 1", name=op.f("ck_listening_studies_consent_version_positive")),
        sa.CheckConstraint("(state = 'ended') = (ended_at IS NOT NULL)", name=op.f("ck_listening_studies_ended_once")),
        sa.CheckConstraint("state = 'draft' OR opened_at IS NOT NULL", name=op.f("ck_listening_studies_opened_once")),
        sa.CheckConstraint(
            "participant_key_hash ~ '^[0-9a-f]{64}$'", name=op.f("ck_listening_studies_participant_key_is_hashed")
        ),
        sa.CheckConstraint(
            "preview_key_hash ~ '^[0-9a-f]{64}$'", name=op.f("ck_listening_studies_preview_key_is_hashed")
        ),
        sa.CheckConstraint(
            "researcher_key_hash ~ '^[0-9a-f]{64}$'", name=op.f("ck_listening_studies_researcher_key_is_hashed")
        ),
        sa.CheckConstraint(
            "state IN ('draft', 'open', 'paused', 'ended')", name=op.f("ck_listening_studies_state_is_known")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listening_studies")),
        sa.UniqueConstraint("participant_key_hash", name=op.f("uq_listening_studies_participant_key_hash")),
        sa.UniqueConstraint("preview_key_hash", name=op.f("uq_listening_studies_preview_key_hash")),
        sa.UniqueConstraint("researcher_key_hash", name=op.f("uq_listening_studies_researcher_key_hash")),
    )
    op.create_table(
        "study_consents",
        sa.Column("study_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("information", sa.Text(), nullable=False),
        sa.Column("consent", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("version >= 1", name=op.f("ck_study_consents_version_positive")),
        sa.ForeignKeyConstraint(
            ["study_id"],
            ["listening_studies.id"],
            name=op.f("fk_study_consents_study_id_listening_studies"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("study_id", "version", name=op.f("pk_study_consents")),
    )
    op.create_table(
        "study_clips",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("study_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("condition", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("notes", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("midi", sa.LargeBinary(), nullable=True),
        sa.Column("recipe", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.CheckConstraint("seconds > 0", name=op.f("ck_study_clips_seconds_positive")),
        sa.CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name=op.f("ck_study_clips_sha256_is_a_digest")),
        sa.ForeignKeyConstraint(
            ["study_id"],
            ["listening_studies.id"],
            name=op.f("fk_study_clips_study_id_listening_studies"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study_clips")),
        sa.UniqueConstraint("study_id", "name", name=op.f("uq_study_clips_name")),
    )
    op.create_table(
        "study_participants",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("study_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("panel_id", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("condition", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("consent_version", sa.Integer(), nullable=False),
        sa.Column("age_group", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'taking_part'"), nullable=False),
        sa.Column("preview", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("headphones", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("before", postgresql.JSONB(), nullable=True),
        sa.Column("after", postgresql.JSONB(), nullable=True),
        sa.Column("breaks_taken", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "last_seen_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("completed_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'completed') = (completed_at IS NOT NULL)", name=op.f("ck_study_participants_completed_once")
        ),
        sa.CheckConstraint("state IN ('taking_part', 'completed')", name=op.f("ck_study_participants_state_is_known")),
        sa.CheckConstraint("token_hash ~ '^[0-9a-f]{64}$'", name=op.f("ck_study_participants_token_is_hashed")),
        sa.ForeignKeyConstraint(
            ["study_id", "consent_version"],
            ["study_consents.study_id", "study_consents.version"],
            name=op.f("fk_study_participants_consent"),
        ),
        sa.ForeignKeyConstraint(
            ["study_id"],
            ["listening_studies.id"],
            name=op.f("fk_study_participants_study_id_listening_studies"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study_participants")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_study_participants_token_hash")),
    )
    op.create_index(op.f("ix_study_participants_study_id_created_at"), "study_participants", ["study_id", "created_at"])
    op.create_index(
        op.f("uq_study_participants_panel_id"),
        "study_participants",
        ["study_id", "panel_id"],
        unique=True,
        postgresql_where=sa.text("panel_id <> '' AND NOT preview"),
    )
    op.create_table(
        "study_trials",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("left_clip", sa.Uuid(), nullable=False),
        sa.Column("right_clip", sa.Uuid(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("repeats", sa.Integer(), nullable=True),
        sa.Column("expected", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("left_ms", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("right_ms", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("shown_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("answered_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("(kind = 'attention') = (expected <> '')", name=op.f("ck_study_trials_a_check_expects")),
        sa.CheckConstraint("(kind = 'repeat') = (repeats IS NOT NULL)", name=op.f("ck_study_trials_a_repeat_repeats")),
        sa.CheckConstraint("(outcome IS NULL) = (answered_at IS NULL)", name=op.f("ck_study_trials_answered_once")),
        sa.CheckConstraint("left_ms >= 0 AND right_ms >= 0", name=op.f("ck_study_trials_heard_not_negative")),
        sa.CheckConstraint("kind IN ('main', 'repeat', 'attention')", name=op.f("ck_study_trials_kind_is_known")),
        sa.CheckConstraint(
            "outcome IS NULL OR outcome IN ('left', 'right', 'equal')", name=op.f("ck_study_trials_outcome_is_known")
        ),
        sa.CheckConstraint("probability > 0 AND probability <= 1", name=op.f("ck_study_trials_probability_is_one")),
        sa.ForeignKeyConstraint(
            ["left_clip"], ["study_clips.id"], name=op.f("fk_study_trials_left_clip_study_clips"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["participant_id"],
            ["study_participants.id"],
            name=op.f("fk_study_trials_participant_id_study_participants"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["right_clip"], ["study_clips.id"], name=op.f("fk_study_trials_right_clip_study_clips"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study_trials")),
        sa.UniqueConstraint("participant_id", "place", name=op.f("uq_study_trials_place")),
    )
    op.create_index(op.f("ix_study_trials_left_clip"), "study_trials", ["left_clip"])
    op.create_index(op.f("ix_study_trials_right_clip"), "study_trials", ["right_clip"])


def downgrade() -> None:
    for table in ("study_trials", "study_participants", "study_clips", "study_consents", "listening_studies"):
        op.drop_table(table)
