from __future__ import annotations

from html import escape
from types import SimpleNamespace
from typing import Any

import pytest

from webapp.composing.whole_pieces import Programme
from webapp.ui import waits
from webapp.ui.pages import whole
from webapp.ui.pages.taste import composing


@pytest.mark.parametrize(
    ("silent_s", "said"),
    [(0.0, waits.IN_THE_QUEUE), (10.0, waits.IN_THE_QUEUE), (16.0, waits.UNREACHABLE)],
)
def test_who_waits_learns_that_the_composer_cannot_be_reached(silent_s, said):
    context: Any = SimpleNamespace(generator_silence_s=lambda: silent_s)
    waiting: Any = SimpleNamespace(state="waiting", progress=None)
    assert waits.queueing(context) == said
    assert escape(said) in whole.said(context, Programme([], "waiting"))
    assert composing.under_way(context, waiting) == said
