import uuid

import gradio as gr
import pytest

from webapp.film import shown_music
from webapp.listeners import accounts
from webapp.runtime.recent import Recent
from webapp.ui.pages.canvas import look_anew, look_at_own

SKIPPED = gr.skip()


@pytest.fixture
def somebody(context):
    listener = accounts.create(context.database)
    return context.identity.token(listener)


def test_a_piece_is_shown_another_way_and_what_is_said_of_own_pictures_stays(context, stock, somebody):
    name = f"clips/{stock(clips=1)[0]}"
    found = look_anew(context, somebody, name, "annotated", 1, None)
    assert found.shown == name
    assert found.picture["play"]
    assert look_anew(context, somebody, name, "annotated", None, None).picture["moments"] != found.picture["moments"]
    assert look_at_own(context, somebody, name, "annotated", 1, None).said == SKIPPED


@pytest.mark.parametrize("handler", [look_anew, look_at_own])
def test_what_can_not_be_shown_leaves_what_is_there(context, stock, somebody, handler, monkeypatch):
    name = f"clips/{stock(clips=1)[0]}"
    monkeypatch.setattr(shown_music, "_kept", Recent(9))
    learned = handler(context, somebody, name, "learned", 0, None)
    assert "0 picks of what fits" in learned.said
    axes = handler(context, somebody, name, "axes", 0, None)  # which were fitted for the shipped model
    assert "another style model" in axes.said
    context.generation.close()
    del context.generation
    context.generator_url = "http://127.0.0.1:9"
    unanswered = handler(context, somebody, name, "annotated", 0, None)
    assert "nothing is lost" in unanswered.said
    gone = handler(context, somebody, f"clips/{uuid.uuid4()}", "annotated", 0, None)
    for each in (learned, axes, unanswered, gone):
        assert each[1:] == (SKIPPED,) * 4


def test_without_a_piece_there_is_nothing(context, somebody):
    found = look_anew(context, somebody, None, "annotated", 0, None)
    assert (found.picture, found.shown) == (None, None)
