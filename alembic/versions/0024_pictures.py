"""Pictures beside music: a domain that listeners may choose, whose clips have no loudness."""

from __future__ import annotations

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

MUSIC = "domain IN ('pop', 'dance', 'chorale')"
ALL = "domain IN ('pop', 'dance', 'chorale', 'pictures')"
TABLES = ("listeners", "clips")
PICTURE_SECONDS = "(lufs IS NULL) = (seconds = 1)"


def upgrade() -> None:
    _domains(ALL)
    # a sound of just one second, if ever there was one, must not be taken for a picture
    op.execute("UPDATE clip_audio SET seconds = 1.001 WHERE seconds = 1")
    op.alter_column("clip_audio", "lufs", nullable=True)
    op.alter_column("clip_audio", "true_peak_db", nullable=True)
    op.create_check_constraint(op.f("ck_clip_audio_sound_has_loudness"), "clip_audio", PICTURE_SECONDS)
    op.create_check_constraint(
        op.f("ck_clip_audio_loudness_is_whole"), "clip_audio", "(lufs IS NULL) = (true_peak_db IS NULL)"
    )


def downgrade() -> None:
    """Pictures go, with the votes on them: an older version knows nothing to do with them."""
    op.execute("DELETE FROM offers USING clips WHERE clips.id = left_clip AND clips.domain = 'pictures'")
    op.execute("DELETE FROM fours USING clips WHERE clips.id = clip_a AND clips.domain = 'pictures'")
    op.execute("DELETE FROM heads WHERE model_version IN (SELECT model_version FROM clips WHERE domain = 'pictures')")
    op.execute("DELETE FROM clips WHERE domain = 'pictures'")
    op.execute("UPDATE listeners SET domain = 'pop' WHERE domain = 'pictures'")
    op.drop_constraint(op.f("ck_clip_audio_loudness_is_whole"), "clip_audio")
    op.drop_constraint(op.f("ck_clip_audio_sound_has_loudness"), "clip_audio")
    op.alter_column("clip_audio", "true_peak_db", nullable=False)
    op.alter_column("clip_audio", "lufs", nullable=False)
    _domains(MUSIC)


def _domains(known: str) -> None:
    for table in TABLES:
        op.drop_constraint(op.f(f"ck_{table}_domain_is_known"), table)
        op.create_check_constraint(op.f(f"ck_{table}_domain_is_known"), table, known)
