"""The PNG of a picture in a studio, beside its latents: another picture model could not draw it again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("studio_pieces", sa.Column("image", sa.Text()))
    op.create_check_constraint(
        op.f("ck_studio_pieces_music_has_no_image"), "studio_pieces", "image IS NULL OR domain = 'pictures'"
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_studio_pieces_music_has_no_image"), "studio_pieces")
    op.drop_column("studio_pieces", "image")
