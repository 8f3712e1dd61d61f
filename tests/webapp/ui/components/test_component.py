from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import gradio as gr
import pytest

from webapp.ui.components.best_of_four_player import BestOfFourPlayer
from webapp.ui.components.clip import Clip
from webapp.ui.components.component import FOLDER, served_at
from webapp.ui.components.header import Header
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.components.pair_player import PairPlayer
from webapp.ui.components.piano_roll import PianoRoll

Made = TypeVar("Made")
KINDS = (BestOfFourPlayer, Header, ListenerToken, PairPlayer, PianoRoll)


def in_blocks(make: Callable[[], Made]) -> Made:
    """What ``make`` makes in a page; outside a running loop Gradio makes loops that it never closes."""

    async def build() -> Made:
        with gr.Blocks():
            return make()

    return asyncio.run(build())


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_component_starts_the_script_beside_it(kind):
    assert (FOLDER / kind.script).is_file()
    assert f"file={FOLDER.as_posix()}/{kind.script}" in in_blocks(kind).js_on_load
    with served_at("static/here/"):
        assert f'"static/here/{kind.script}"' in in_blocks(kind).js_on_load


def test_a_handler_can_listen_to_a_vote_and_to_nothing_that_a_component_does_not_tell():
    def listen():
        PairPlayer().vote(lambda: None)
        with pytest.raises(AttributeError, match="no attribute 'vote'"):
            Header().vote(lambda: None)

    in_blocks(listen)


@pytest.fixture
def sound(tmp_path: Path) -> Clip:
    file = tmp_path / "clip.mp3"
    file.write_bytes(b"sound")
    return Clip(file, 2.0, [(0.0, 0.5, 60, 80)], name="one")


def test_two_clips_become_a_question_of_their_own_each_time(sound):
    player = in_blocks(PairPlayer)
    first, again = (player.postprocess([sound, sound]) for _ in range(2))
    assert first["clips"].keys() == {"a", "b"}
    assert first["clips"]["a"]["notes"] == [[0.0, 0.5, 60, 80]]
    assert first["offer_id"] != again["offer_id"]
    assert player.postprocess(None) is None


def test_gradio_serves_the_sound_of_a_clip_it_was_given(sound):
    roll = in_blocks(lambda: PianoRoll(sound))
    assert roll.value["clips"]["a"]["audio"]["path"].endswith("clip.mp3")
    assert "file=" in roll.value["clips"]["a"]["audio"]["url"]
