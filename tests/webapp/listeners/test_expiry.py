from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select, update

from db.queries.listeners import delete_visitors
from db.tables import Listener, Offer
from webapp.context import Context
from webapp.listeners import accounts
from webapp.runtime.listener_files import HEARD, NAMES, Adapters, KeptDreams


def came_ago(context: Context, listeners: Sequence[UUID], ago: timedelta) -> None:
    aged = update(Listener).where(Listener.id.in_(listeners)).values(created_at=func.now() - ago)
    context.database.transaction(lambda session: session.execute(aged))


def test_who_left_nothing_behind_is_forgotten_after_a_week(context, live, stock):
    voted = live(3)
    idle, new = (accounts.create(context.database) for _ in range(2))
    context.pairs.open(idle)
    came_ago(context, [voted, idle], timedelta(days=8))
    assert accounts.expire(context.records) == 1
    assert [accounts.exists(context.database, each) for each in (voted, idle, new)] == [True, False, True]
    assert not context.journal.segment(idle).path.exists()
    assert accounts.expire(context.records) == 0


def test_what_a_visitor_dreamt_goes_with_them(context):
    visitor, new = (accounts.create(context.database) for _ in range(2))
    for folders in (KeptDreams(context.settings.home), Adapters(context.settings.home)):
        for each in (visitor, new):
            folders.begin(each)
    came_ago(context, [visitor], timedelta(days=8))
    assert accounts.expire(context.records) == 1
    for folders in (KeptDreams(context.settings.home), Adapters(context.settings.home)):
        assert [folders.run(each).is_dir() for each in (visitor, new)] == [False, True]


@pytest.mark.parametrize("crowded", [False, True])
def test_who_keeps_a_dream_or_an_agent_stays_without_a_vote(context, monkeypatch, crowded):
    if crowded:
        monkeypatch.setattr(accounts, "MOST_VISITORS", 0)
    _, dreamer, owner = visitors = [accounts.create(context.database) for _ in range(3)]
    dreams, agents = KeptDreams(context.settings.home), Adapters(context.settings.home)
    for each in visitors:
        heard, bundle = dreams.begin(each) / HEARD, agents.begin(each) / "bundle"
        for folder in (heard, bundle):
            folder.mkdir()
        for name in NAMES:
            (heard / f"{name}.wav").write_bytes(b"RIFF")
        (bundle / "card.json").write_text("{}", encoding="utf-8")
    assert dreams.keep(dreamer)
    assert agents.keep(owner)
    came_ago(context, visitors, timedelta(hours=2) if crowded else timedelta(days=8))
    assert accounts.expire(context.records) == 1
    assert [accounts.exists(context.database, each) for each in visitors] == [False, True, True]
    assert dreams.kept(dreamer) == (b"RIFF", b"RIFF")
    assert agents.kept(owner).is_dir()
    assert accounts.expire(context.records) == 0


def test_who_only_looks_has_no_file_and_their_first_vote_tells_all(context, stock):
    stock("pop", 8)
    listener = accounts.create(context.database)
    (offer, _) = context.pairs.open(listener)
    accounts.change_domain(context.database, context.journal, listener, "pop")
    assert not context.journal.segment(listener).path.exists()
    assert context.pairs.open(listener)[0].id == offer.id  # a reload gets the same
    context.pairs.record_vote(listener, offer.id, "left", [3000, 3000])
    number, told = context.journal.segment(listener).state()
    assert (number, len(told["offers"])) == (1, 3)  # the one with the vote, and the two that are open


def test_of_a_crowd_that_only_looks_the_older_ones_go_within_an_hour(context, live, stock, monkeypatch):
    """However many come: their rows, which nobody needs, are bounded, and no file is kept of them."""
    monkeypatch.setattr(accounts, "MOST_VISITORS", 3)
    voted = live(1)
    crowd = [accounts.create(context.database) for _ in range(8)]
    for each in crowd:
        context.pairs.open(each)
    came_ago(context, [voted, *crowd[:6]], timedelta(hours=2))
    for minutes, each in enumerate(crowd[:6]):
        came_ago(context, [each], timedelta(hours=2, minutes=minutes))
    before = context.journal.tombstones.read()
    assert accounts.expire(context.records) == 3
    assert [accounts.exists(context.database, each) for each in crowd] == [True] * 3 + [False] * 3 + [True] * 2
    assert accounts.exists(context.database, voted)
    offers = select(func.count()).select_from(Offer).where(Offer.listener_id.in_(crowd))
    assert context.database.transaction(lambda session: session.scalar(offers)) == 10
    assert context.journal.tombstones.read() == before  # no backup brings back who has no file
    assert accounts.expire(context.records) == 0


def test_who_votes_while_a_crowd_is_forgotten_stays(context, live, stock):
    """The list of those who left nothing is a moment old when they are deleted."""
    stock("pop", 8)
    listener, looking = accounts.create(context.database), accounts.create(context.database)
    (offer, _) = context.pairs.open(listener)
    context.pairs.record_vote(listener, offer.id, "left", [3000, 3000])
    gone = context.database.transaction(lambda session: delete_visitors(session, [listener, looking]))
    assert gone == [looking]
    assert accounts.exists(context.database, listener)
