"""The agent that comes with Kallos is there at once: its clips, its curve, and what came of it."""

import numpy as np
import pytest

from webapp.rating import shipped_agent
from webapp.ui.pages import agent as page


def test_what_it_played_on_its_way_can_be_heard_and_its_curve_seen():
    found = shipped_agent.shipped()
    assert found is not None
    assert [each.step for each in found.learning.steps] == list(range(1, found.card["steps"] + 1))
    for place in (0, 1):
        clips = [each for each in found.clips if each.place == place]
        assert [each.step for each in clips] == [0, 5, 10, 20, found.card["steps"]]
        assert all(len(each.piece.notes) > 8 for each in clips)
        assert not np.array_equal(clips[0].piece.notes, clips[-1].piece.notes)
    shown, first, second, curve, said = page.has_learned()
    assert shown["visible"]
    assert first[0]["heading"] == "The composer, before"
    assert len(first) == len(second) == 5
    assert len(curve.data) == 2
    assert "the reward went from" in said
    assert "real music" in said
    numbers = [int(row["audio_url"].rpartition("/")[2]) for row in [*first, *second]]
    assert numbers == list(range(10))


def test_each_clip_is_an_mp3_by_its_number(client):
    answer = client.get("/api/agent/clips/3")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "audio/mpeg"
    assert len(answer.content) > 10_000
    assert client.get("/api/agent/clips/99").status_code == 404


def test_without_one_the_page_shows_nothing(tmp_path, monkeypatch):
    assert shipped_agent.shipped(tmp_path) is None
    monkeypatch.setattr(shipped_agent, "shipped", lambda: None)
    assert len(page.has_learned()) == 5


@pytest.mark.slow
def test_it_plays_something_new(alone):
    rate, samples = page.play_shipped(alone)["value"]
    assert len(samples) > 2 * rate
    assert np.abs(samples).max() > 0.01
