"""The agents that come with Kallos are there at once: their clips, their curves, and what came of them."""

import json

import numpy as np
import pytest

from models.rating.agent import DANCE_AGENT
from webapp.rating import shipped_agent
from webapp.ui import learned_agent


@pytest.fixture
def of_two_domains(tmp_path, monkeypatch):
    """Where the agent of tension lies, one that learned two domains: the one for dance tunes, and its clips again."""
    card, played = (json.loads((DANCE_AGENT / name).read_text()) for name in ("card.json", "played.json"))
    lines = [json.loads(line) for line in (DANCE_AGENT / "log.jsonl").read_text().splitlines()]
    for line in lines:
        if values := line.get("values"):
            values["reward.pop"] = values.pop("reward.dance") - 1
            values["reward.dance"] = values["reward"]
            del values["judge.dance"], values["judge"]  # as where no rating network was asked
    both = [{**each, "domain": domain} for domain in ("dance", "pop") for each in played]
    (tmp_path / "card.json").write_text(json.dumps({**card, "domains": ["pop", "dance"]}))
    (tmp_path / "played.json").write_text(json.dumps(both))
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    monkeypatch.setitem(shipped_agent.FOLDERS, "tension", tmp_path)
    return tmp_path


def test_what_it_played_on_its_way_can_be_heard_and_its_curve_seen():
    found = shipped_agent.shipped()
    assert found is not None
    learning = found.learning["dance"]
    assert [each.step for each in learning.steps] == list(range(1, found.card["steps"] + 1))
    for place in (0, 1):
        clips = [each for each in found.clips if each.place == place]
        assert [each.step for each in clips] == [0, 5, 10, 20, found.card["steps"]]
        assert all(len(each.piece.notes) > 8 for each in clips)
        assert not np.array_equal(clips[0].piece.notes, clips[-1].piece.notes)
    shown, choice, first, second, curve, said = learned_agent.has_learned("dance")
    assert shown["visible"]
    assert not choice["visible"]  # between one
    assert first[0]["heading"] == "The composer, before"
    assert len(first) == len(second) == 5
    assert len(curve.data) == 2
    assert "the reward went from" in said
    assert "real music" in said
    assert [row["audio_url"] for row in [*first, *second]] == [f"/api/agent/dance/clips/{each}" for each in range(10)]


def test_of_several_domains_one_is_heard_and_its_own_curve_seen(of_two_domains):
    shown, choice, first, _, curve, _ = learned_agent.has_learned("tension")
    assert shown["visible"]
    assert choice["visible"]
    assert (choice["choices"], choice["value"]) == ([("Pop piano", "pop"), ("Dance tunes", "dance")], "pop")
    other, second, other_curve, said = learned_agent.played("tension", "dance")
    assert [row["audio_url"] for row in first] == [f"/api/agent/tension/clips/{each}" for each in range(5)]
    assert [row["audio_url"] for row in (*other, *second)] == [
        f"/api/agent/tension/clips/{each}" for each in range(10, 20)
    ]
    assert len(curve.data) == 1  # nobody judged
    assert np.array(other_curve.data[0].y) == pytest.approx(np.array(curve.data[0].y) + 1)
    assert "the judge" not in said


def test_each_clip_is_an_mp3_by_its_number(client):
    answer = client.get("/api/agent/dance/clips/3")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "audio/mpeg"
    assert len(answer.content) > 10_000
    for nowhere in ("dance/clips/99", "nobody/clips/0"):
        assert client.get(f"/api/agent/{nowhere}").status_code == 404


def test_without_one_the_page_shows_nothing(tmp_path, monkeypatch):
    monkeypatch.setitem(shipped_agent.FOLDERS, "tension", tmp_path)
    assert shipped_agent.shipped(tmp_path) is None
    assert len(learned_agent.has_learned("tension")) == 6
    assert len(learned_agent.played("tension", "pop")) == 4


@pytest.mark.slow
@pytest.mark.parametrize("domain", [None, "dance"])
def test_it_plays_something_new(alone, domain):
    rate, samples = learned_agent.play(alone, "dance", domain)["value"]
    assert len(samples) > 2 * rate
    assert np.abs(samples).max() > 0.01
