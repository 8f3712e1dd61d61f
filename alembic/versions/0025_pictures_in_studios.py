"""Pictures in studios: pieces without notes."""

from __future__ import annotations

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

MUSIC = "domain IN ('pop', 'dance', 'chorale')"
ALL = "domain IN ('pop', 'dance', 'chorale', 'pictures')"


def upgrade() -> None:
    _domains(ALL)


def downgrade() -> None:
    """Pictures in studios go: an older version knows nothing to do with them."""
    op.execute("DELETE FROM studio_pieces WHERE domain = 'pictures'")
    _domains(MUSIC)


def _domains(known: str) -> None:
    op.drop_constraint(op.f("ck_studio_pieces_domain_is_known"), "studio_pieces")
    op.create_check_constraint(op.f("ck_studio_pieces_domain_is_known"), "studio_pieces", known)
