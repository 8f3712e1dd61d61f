from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, update

from db.tables import Listener
from webapp.listeners import accounts, deletion


def test_who_left_nothing_behind_is_forgotten_after_a_week(context, live, stock):
    voted = live(3)
    idle, new = (accounts.create(context.database, context.journal) for _ in range(2))
    context.pairs.open(idle)
    aged = update(Listener).where(Listener.id.in_([voted, idle])).values(created_at=func.now() - timedelta(days=8))
    context.database.transaction(lambda session: session.execute(aged))
    assert deletion.expire(context.records) == 1
    assert [accounts.exists(context.database, each) for each in (voted, idle, new)] == [True, False, True]
    assert not context.journal.segment(idle).path.exists()
    assert deletion.expire(context.records) == 0
