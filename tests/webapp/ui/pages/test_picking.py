from __future__ import annotations

import gradio as gr
import pytest

from webapp.listeners import accounts
from webapp.ui.pages import picking


@pytest.fixture
def token(context, live) -> str:
    return context.identity.token(live())


def picked(picks: int) -> gr.EventData:
    return gr.EventData(None, {"picks": picks})


def test_another_kind_of_music_is_kept_and_told_with_when_it_comes(context):
    token = context.identity.token(accounts.create(context.database, context.journal))
    assert "Dance tunes, from the pair after the next" in picking.choose_domain(context, "pair", token, "dance")
    assert picking.domain_of(context, token) == "dance"


def test_the_first_picks_bring_a_guess_then_a_clip_then_a_page_to_read(context, token):
    assert len(picking.milestone(context, token, picked(3))) > len(picking._note())
    assert "compos" in picking.milestone(context, token, picked(6))
    assert '<a href="taste">' in picking.milestone(context, token, picked(10))
