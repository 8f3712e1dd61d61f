"""Listeners, clips, offers, votes and their predictions, heads, jobs; the default study."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "studies",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("id ~ '^[a-z0-9][a-z0-9_-]{0,63}$'", name=op.f("ck_studies_id_is_a_slug")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_studies")),
    )
    op.execute("INSERT INTO studies (id, name) VALUES ('default', 'No study')")
    op.create_table(
        "listeners",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("domain", sa.Text(), server_default="pop", nullable=False),
        sa.Column("study_id", sa.Text(), server_default="default", nullable=False),
        sa.Column("condition", sa.Text(), server_default="default", nullable=False),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("domain IN ('pop', 'dance', 'chorale')", name=op.f("ck_listeners_domain_is_known")),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_listeners_study_id_studies")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listeners")),
    )
    op.create_index(op.f("ix_listeners_study_id"), "listeners", ["study_id"], unique=False)
    op.create_table(
        "clips",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), server_default="prior", nullable=False),
        sa.Column("composed_for", sa.Uuid(), nullable=True),
        sa.Column("notes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("recipe", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("latents", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("summary", sa.LargeBinary(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("retired", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint(
            "(kind = 'composed') = (composed_for IS NOT NULL)", name=op.f("ck_clips_composed_for_one_listener")
        ),
        sa.CheckConstraint("domain IN ('pop', 'dance', 'chorale')", name=op.f("ck_clips_domain_is_known")),
        sa.CheckConstraint("kind IN ('prior', 'composed')", name=op.f("ck_clips_kind_is_known")),
        sa.CheckConstraint("octet_length(summary) % 4 = 0", name=op.f("ck_clips_summary_is_float32")),
        sa.ForeignKeyConstraint(
            ["composed_for"], ["listeners.id"], name=op.f("fk_clips_composed_for_listeners"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clips")),
        sa.UniqueConstraint(
            "content_hash",
            "composed_for",
            name="uq_clips_content_hash_composed_for",
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index(op.f("ix_clips_composed_for"), "clips", ["composed_for"], unique=False)
    op.create_index(
        "ix_clips_pool",
        "clips",
        ["domain", "model_version"],
        unique=False,
        postgresql_where=sa.text("NOT retired AND composed_for IS NULL"),
    )
    op.create_table(
        "heads",
        sa.Column("listener_id", sa.Uuid(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("mean", sa.LargeBinary(), nullable=False),
        sa.Column("covariance", sa.LargeBinary(), nullable=False),
        sa.Column("tie", sa.Double(), nullable=False),
        sa.Column("votes_seen", sa.Integer(), nullable=False),
        sa.Column(
            "updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint(
            "octet_length(covariance)::bigint * 8 = (octet_length(mean)::bigint + 8) * (octet_length(mean) + 8)",
            name=op.f("ck_heads_covariance_is_square"),
        ),
        sa.CheckConstraint(
            "octet_length(mean) > 0 AND octet_length(mean) % 8 = 0", name=op.f("ck_heads_mean_is_float64")
        ),
        sa.CheckConstraint("votes_seen >= 0", name=op.f("ck_heads_votes_seen_not_negative")),
        sa.ForeignKeyConstraint(
            ["listener_id"], ["listeners.id"], name=op.f("fk_heads_listener_id_listeners"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("listener_id", "model_version", name=op.f("pk_heads")),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("listener_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("priority", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "run_after", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("lease_until", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("max_attempts", sa.Integer(), server_default=sa.text("5"), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("dedupe_key", sa.Text(), nullable=True),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("finished_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'running') = (lease_until IS NOT NULL) AND (state = 'running') = (lease_token IS NOT NULL)",
            name=op.f("ck_jobs_leased_while_running"),
        ),
        sa.CheckConstraint("state IN ('waiting', 'running', 'done', 'failed')", name=op.f("ck_jobs_state_is_known")),
        sa.CheckConstraint("attempts >= 0 AND max_attempts > 0", name=op.f("ck_jobs_attempts_in_range")),
        sa.ForeignKeyConstraint(
            ["listener_id"], ["listeners.id"], name=op.f("fk_jobs_listener_id_listeners"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index("ix_jobs_listener_id_kind", "jobs", ["listener_id", "kind", "id"], unique=False)
    op.create_index(
        "ix_jobs_queue",
        "jobs",
        [sa.literal_column("priority DESC"), "run_after", "id"],
        unique=False,
        postgresql_where=sa.text("state IN ('waiting', 'running')"),
    )
    op.create_index(
        "uq_jobs_dedupe_key",
        "jobs",
        ["dedupe_key"],
        unique=True,
        postgresql_where=sa.text("state IN ('waiting', 'running')"),
    )
    op.create_table(
        "clip_audio",
        sa.Column("clip_id", sa.Uuid(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("lufs", sa.Double(), nullable=False),
        sa.Column("true_peak_db", sa.Double(), nullable=False),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name=op.f("ck_clip_audio_sha256_is_hex")),
        sa.CheckConstraint("bytes > 0", name=op.f("ck_clip_audio_bytes_positive")),
        sa.CheckConstraint("seconds > 0", name=op.f("ck_clip_audio_seconds_positive")),
        sa.ForeignKeyConstraint(
            ["clip_id"], ["clips.id"], name=op.f("fk_clip_audio_clip_id_clips"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("clip_id", "seconds", name=op.f("pk_clip_audio")),
    )
    op.create_index("ix_clip_audio_sha256", "clip_audio", ["sha256"], unique=False)
    op.create_table(
        "offers",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("listener_id", sa.Uuid(), nullable=False),
        sa.Column("study_id", sa.Text(), server_default="default", nullable=False),
        sa.Column("condition", sa.Text(), server_default="default", nullable=False),
        sa.Column("left_clip", sa.Uuid(), nullable=False),
        sa.Column("right_clip", sa.Uuid(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("pair_probability", sa.Double(), nullable=False),
        sa.Column("order_probability", sa.Double(), server_default=sa.text("0.5"), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("state IN ('open', 'voted')", name=op.f("ck_offers_state_is_known")),
        sa.CheckConstraint("left_clip <> right_clip", name=op.f("ck_offers_two_different_clips")),
        sa.CheckConstraint(
            "order_probability > 0 AND order_probability <= 1", name=op.f("ck_offers_order_probability_in_0_1")
        ),
        sa.CheckConstraint(
            "pair_probability > 0 AND pair_probability <= 1", name=op.f("ck_offers_pair_probability_in_0_1")
        ),
        sa.CheckConstraint("seconds > 0", name=op.f("ck_offers_seconds_positive")),
        sa.ForeignKeyConstraint(["left_clip"], ["clips.id"], name=op.f("fk_offers_left_clip_clips")),
        sa.ForeignKeyConstraint(
            ["listener_id"], ["listeners.id"], name=op.f("fk_offers_listener_id_listeners"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["right_clip"], ["clips.id"], name=op.f("fk_offers_right_clip_clips")),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_offers_study_id_studies")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offers")),
        sa.UniqueConstraint("id", "listener_id", name=op.f("uq_offers_id_listener_id")),
    )
    op.create_index("ix_offers_left_clip", "offers", ["left_clip"], unique=False)
    op.create_index(
        "ix_offers_open",
        "offers",
        ["listener_id", "created_at"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index("ix_offers_right_clip", "offers", ["right_clip"], unique=False)
    op.create_index(op.f("ix_offers_study_id"), "offers", ["study_id"], unique=False)
    op.create_index(
        "uq_offers_unordered_pair",
        "offers",
        [
            "listener_id",
            sa.literal_column("least(left_clip, right_clip)"),
            sa.literal_column("greatest(left_clip, right_clip)"),
        ],
        unique=True,
    )
    op.create_table(
        "predictions",
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("p_left", sa.Double(), nullable=False),
        sa.Column("p_equal", sa.Double(), nullable=False),
        sa.Column("p_right", sa.Double(), nullable=False),
        sa.Column("head_version", sa.Text(), nullable=False),
        sa.Column("votes_seen", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.CheckConstraint("abs(p_left + p_equal + p_right - 1) < 1e-6", name=op.f("ck_predictions_sums_to_1")),
        sa.CheckConstraint("p_equal > 0 AND p_equal <= 1", name=op.f("ck_predictions_p_equal_in_0_1")),
        sa.CheckConstraint("p_left > 0 AND p_left <= 1", name=op.f("ck_predictions_p_left_in_0_1")),
        sa.CheckConstraint("p_right > 0 AND p_right <= 1", name=op.f("ck_predictions_p_right_in_0_1")),
        sa.CheckConstraint("votes_seen >= 0", name=op.f("ck_predictions_votes_seen_not_negative")),
        sa.ForeignKeyConstraint(
            ["offer_id"], ["offers.id"], name=op.f("fk_predictions_offer_id_offers"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("offer_id", name=op.f("pk_predictions")),
        sa.UniqueConstraint("offer_id", "made_at", name=op.f("uq_predictions_offer_id_made_at")),
    )
    op.create_table(
        "votes",
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("listener_id", sa.Uuid(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("predicted_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint(
            "outcome IN ('left', 'right', 'equal', 'neither', 'skipped')", name=op.f("ck_votes_outcome_is_known")
        ),
        sa.CheckConstraint("predicted_at <= created_at", name=op.f("ck_votes_predicted_before")),
        sa.ForeignKeyConstraint(
            ["offer_id", "listener_id"],
            ["offers.id", "offers.listener_id"],
            name=op.f("fk_votes_offer_id_listener_id_offers"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["offer_id", "predicted_at"],
            ["predictions.offer_id", "predictions.made_at"],
            name=op.f("fk_votes_offer_id_predicted_at_predictions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("offer_id", name=op.f("pk_votes")),
    )
    op.create_index("ix_votes_listener_id_created_at", "votes", ["listener_id", "created_at"], unique=False)
    op.create_table(
        "listening",
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("left_ms", sa.Integer(), nullable=False),
        sa.Column("right_ms", sa.Integer(), nullable=False),
        sa.CheckConstraint("left_ms >= 0", name=op.f("ck_listening_left_ms_not_negative")),
        sa.CheckConstraint("right_ms >= 0", name=op.f("ck_listening_right_ms_not_negative")),
        sa.ForeignKeyConstraint(
            ["offer_id"], ["votes.offer_id"], name=op.f("fk_listening_offer_id_votes"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("offer_id", name=op.f("pk_listening")),
    )


def downgrade() -> None:
    for table in (
        "listening",
        "votes",
        "predictions",
        "offers",
        "clip_audio",
        "jobs",
        "heads",
        "clips",
        "listeners",
        "studies",
    ):
        op.drop_table(table)  # its indexes go with it
