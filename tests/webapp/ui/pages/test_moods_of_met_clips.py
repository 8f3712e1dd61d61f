from __future__ import annotations

import gradio as gr
import pytest

from db.queries.offers import ids_shown
from webapp import mood
from webapp.generation.protocol import Mood
from webapp.listeners import rewind
from webapp.ui.pages.taste import votes


@pytest.fixture
def listener(context, live):
    """Somebody to whom every clip sounds calm, as the judges are said to have it."""
    listener = live(12)
    every = context.database.transaction(lambda session: ids_shown(session, listener))
    calm = Mood(valence=0.9, arousal=-0.3).model_dump()
    mood._heard.keep(context.database, dict.fromkeys(every, calm), "mood-of-this-test")
    return listener


def waiting_for(context, listener):
    return context.database.transaction(lambda session: ids_shown(session, listener, state="open"))


@pytest.mark.slow
def test_the_history_tells_how_both_sound_unless_one_waits_in_a_pair(context, listener):
    token, waiting = context.identity.token(listener), waiting_for(context, listener)
    for vote in rewind.history(context.database, listener, before=2**31 - 1, limit=13).votes:
        event = gr.EventData(None, {"name": "play", "data": vote.number})
        rows = votes.act(context, token, event).heard["rows"]
        for clip, row in zip(vote.clips, rows, strict=True):
            assert row["detail"].endswith("rather calm") == (clip.clip_id not in waiting)
