from types import SimpleNamespace
from uuid import uuid4

import gradio as gr
import pytest

from tests.models.rating.conftest import played_folder
from tests.webapp.rating.conftest import rating_model, trained_model
from webapp.listeners import accounts
from webapp.rating import rated_sounds
from webapp.ui.pages.rate import OUTPUTS, arrive, rate_chosen, rate_files, rate_recording, toggle

__all__ = ["played_folder", "rating_model", "trained_model"]

pytestmark = pytest.mark.slow  # a network is trained first


@pytest.fixture
def somebody(context, rating_model, monkeypatch):
    monkeypatch.setattr(rated_sounds, "model", lambda _: str(rating_model))
    return context.identity.token(accounts.create(context.database))


def assert_nothing_is_rated(found):
    """Nothing that was rated before stands beside what was refused."""
    _, kept, ratings, rows, pictures, which, plot, placed, _, near = found
    assert (kept, rows, plot, near) == ([], [], None, "")
    assert [each["visible"] for each in (ratings, pictures, which, placed)] == [False] * 4


def named(**query):
    return SimpleNamespace(query_params=query)


def test_a_clip_of_the_list_is_rated_by_its_name_there(context, stock, somebody):
    rows = [{"name": f"clips/{stock(clips=1)[0]}", "heading": "Slow and low"}]
    assert toggle(context, somebody, False)[1]["visible"]
    *found, showing, picking = rate_chosen(context, somebody, rows, "tagger", SimpleNamespace(index=0))
    assert len(found) == OUTPUTS
    assert "Slow and low" in found[0]
    assert not showing
    assert not picking["visible"]


def test_a_clip_that_the_address_names_is_rated(context, stock, somebody):
    said, kept, *_ = arrive(context, somebody, named(clip=str(stock(clips=1)[0])))
    assert "pop piano" in said
    assert [each.name for each in kept] == ["pop piano"]
    assert arrive(context, somebody, named()) == [gr.skip()] * OUTPUTS


@pytest.mark.parametrize("query", [{"clip": "nothing"}, {"piece": str(uuid4())}])
def test_an_address_that_names_nothing_says_so(context, somebody, query):
    found = arrive(context, somebody, named(**query))
    assert "There is no" in found[0]
    assert_nothing_is_rated(found)


def test_a_file_that_is_no_sound_says_why_and_its_copy_is_gone(context, somebody, tmp_path):
    file = tmp_path / "text.mp3"
    file.write_text("no sound" * 99)
    *found, dropped = rate_files(context, somebody, [str(file)])
    assert "text.mp3 is no audio" in found[0]
    assert_nothing_is_rated(found)
    assert dropped is None
    assert not file.exists()


def test_files_that_are_refused_leave_no_ratings_of_others_on_the_page(context, somebody, tmp_path):
    files = [tmp_path / f"{number}.mp3" for number in range(rated_sounds.MOST_FILES + 1)]
    for each in files:
        each.write_bytes(b"anything")
    *found, _ = rate_files(context, somebody, [str(each) for each in files])
    assert "13 sounds were dropped" in found[0]
    assert_nothing_is_rated(found)


def test_a_recording_is_not_called_by_its_file(context, somebody, tmp_path):
    file = tmp_path / "audio.wav"
    file.write_bytes(b"RIFF" + bytes(2000))
    said, *_ = rate_recording(context, somebody, str(file))
    assert "Your recording is no audio" in said
    assert not file.exists()
