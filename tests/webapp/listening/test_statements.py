"""A vote is a handful of statements, however it comes out: what it costs decides how many can listen at once."""

from __future__ import annotations

import pytest
from sqlalchemy import event

from webapp.learning import playable_clips
from webapp.listeners import accounts

pytestmark = pytest.mark.slow

MOST = 10
PAIRS = ("left", "right", "equal", "neither", "left", "skipped", "right")
FOURS = ("a", "d", "none", "b", "skipped", "c", "a")


@pytest.fixture(autouse=True)
def fresh_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else one vote a second counts the pool as well."""
    monkeypatch.setattr(playable_clips, "FRESH_SECONDS", 1e6)


@pytest.mark.parametrize(("kind", "outcomes", "heard"), [("pairs", PAIRS, 2), ("best_of_four", FOURS, 4)])
def test_a_vote_is_ten_statements_at_most(context, stock, kind, outcomes, heard):
    pool = stock("pop", 24)
    listener = accounts.create(context.database)
    own = stock("pop", 3, composed_for=listener)
    for clip in (*pool, *own):  # as composing does
        context.database.transaction(lambda session, each=clip: context.journal.keep_clip(session, each))
    voting, sent = getattr(context, kind), []
    waiting = voting.open(listener)
    event.listen(context.database.engine, "before_cursor_execute", lambda *given: sent.append(given[2]))
    for number in range(36):
        sent.clear()
        waiting = voting.record_vote(listener, waiting[0].id, outcomes[number % len(outcomes)], [3000] * heard).open
        assert len(waiting) == 2
        assert len(sent) <= MOST, "\n".join(each[:120] for each in sent)
