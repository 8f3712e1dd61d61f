"""What tests of whole pieces share: a writer that is not trained, a listener, the worker's turn."""

from __future__ import annotations

import gradio as gr
import pytest
from sqlalchemy import select

from db.tables import Clip
from models.style import drafting
from webapp.composing import clip_maker, playing_on, whole_pieces
from webapp.listeners import accounts
from webapp.worker import HANDLERS, Worker

RECIPE = {"bars": 8, "played_on": 16}


@pytest.fixture
def writing(monkeypatch):
    """The generator writes, and what an untrained model writes may be offered."""
    for module in (drafting, clip_maker):
        monkeypatch.setattr(module, "rejection_reason", lambda *_: None)
    monkeypatch.setattr(playing_on, "GOES_ON", {"pop": 2, "dance": 2, "chorale": 2})


@pytest.fixture
def listener(context):
    return accounts.create(context.database)


def work(context, kind=whole_pieces.KIND) -> None:
    worker = Worker(context, {kind: HANDLERS[kind]})
    while worker.step(look=False):
        pass


def sounds(row) -> gr.EventData:
    """That this row begins to sound."""
    return gr.EventData(None, {"index": 0, "id": row["id"]})


def pressed(action, piece) -> gr.EventData:
    """That this button of a row was pressed."""
    return gr.EventData(None, {"index": 0, "id": str(piece), "action": action})


def clips(context):
    return context.database.transaction(lambda s: list(s.scalars(select(Clip))))


def music(context):
    return [(clip.id, clip.notes) for clip in clips(context)]
