from __future__ import annotations

import pytest

from webapp.composing import whole_pieces, wishes
from webapp.runtime.errors import TooMany


def test_a_full_queue_takes_no_more_and_says_so(context, live, monkeypatch):
    first, second = live(4, ("left",)), live(4, ("left",))
    monkeypatch.setattr(wishes, "QUEUED_AT_MOST", 2)
    wishes.ask(context.database, context.space, first, wishes.GIFT)
    with pytest.raises(TooMany, match="very many"):
        wishes.ask(context.database, context.space, second, wishes.GIFT)
    monkeypatch.setattr(wishes, "QUEUED_AT_MOST", 1)
    whole_pieces.ask(context.database, context.journal, first)
    with pytest.raises(TooMany, match="very many"):
        whole_pieces.ask(context.database, context.journal, second)
