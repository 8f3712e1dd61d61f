"""Picks are counted in their listener's row, and the newest clips composed for somebody are found by an index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

COUNTED = ("music_picks", "picture_picks")
NEWEST = {
    "own": "kind IN ('composed', 'surprise', 'near', 'tension', 'opened', 'studio')",
    "beside": "kind IN ('average', 'drawn', 'guided', 'plain')",
}
FILL = """
UPDATE listeners SET music_picks = found.music, picture_picks = found.pictures
FROM (
    SELECT listener_id, count(*) FILTER (WHERE NOT drawn) AS music, count(*) FILTER (WHERE drawn) AS pictures
    FROM (
        SELECT v.listener_id, c.domain = 'pictures' AS drawn
        FROM votes v JOIN offers o ON o.id = v.offer_id JOIN clips c ON c.id = o.left_clip
        WHERE v.outcome IN ('left', 'right', 'equal')
        UNION ALL
        SELECT v.listener_id, c.domain = 'pictures'
        FROM four_votes v JOIN fours f ON f.id = v.four_id JOIN clips c ON c.id = f.clip_a
        WHERE v.outcome IN ('a', 'b', 'c', 'd')
    ) picks GROUP BY listener_id
) found WHERE found.listener_id = listeners.id
"""


def upgrade() -> None:
    for name in COUNTED:
        op.add_column("listeners", sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False))
        op.create_check_constraint(op.f(f"ck_listeners_{name}_not_negative"), "listeners", f"{name} >= 0")
    op.execute(FILL)
    for name, kinds in NEWEST.items():
        columns = ["composed_for", "domain", "created_at"]
        op.create_index(f"ix_clips_{name}", "clips", columns, postgresql_where=sa.text(kinds))


def downgrade() -> None:
    for name in NEWEST:
        op.drop_index(f"ix_clips_{name}", "clips")
    for name in COUNTED:
        op.drop_column("listeners", name)
