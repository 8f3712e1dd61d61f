"""Studies over HTTP: what a participant's page asks for, and what no stranger gets."""

from __future__ import annotations

import io
import uuid

import pytest
import soundfile
from starlette.testclient import TestClient

from tests.webapp.studies.conftest import made_clips, make_study, packed, study
from webapp.app import create_app
from webapp.supervision import Supervision

__all__ = ["made_clips", "make_study", "packed", "study"]

TOKEN = "t" * 40


@pytest.fixture
def page(alone):
    app = create_app(supervision=Supervision(alone, children=False), pages=False)
    with TestClient(app, headers={"Sec-Fetch-Site": "same-origin"}) as client:
        assert client.app.state.supervision.ready.wait(60)
        yield client


def ask(page, path: str, **body):
    return page.post(f"/api/study/{path}", json=body)


@pytest.mark.slow
def test_a_participant_goes_through_it_over_http_and_gets_no_cookie(page, study) -> None:
    key = study.keys.participant
    assert ask(page, "look", key=key).json()["closed"] == ""
    joined = ask(page, "join", key=key, participant=TOKEN, age=30, consent_version=1)
    assert joined.status_code == 200
    assert "set-cookie" not in joined.headers
    step = ask(page, "questions", participant=TOKEN, part="before", answers={"1": "yes"}).json()
    trial = step["trial"]
    assert not any(word in str(trial) for word in ("high", "low", "tune", "main", "random"))  # nothing tells
    sound = page.get(trial["left"]["audio_url"])
    assert soundfile.info(io.BytesIO(sound.content)).duration == pytest.approx(3.0, abs=0.01)
    assert page.get(trial["left"]["notes_url"]).json()["notes"] == []
    heard = {"left": 4000, "right": 4000}
    answered = ask(page, f"trials/{trial['offer_id']}", participant=TOKEN, outcome="left", heard_ms=heard)
    assert answered.json()["done"] == 1
    other = ask(page, f"trials/{trial['offer_id']}", participant=TOKEN, outcome="right", heard_ms=heard)
    assert other.status_code == 409
    assert ask(page, "withdraw", participant=TOKEN).json() == {"withdrawn": True}
    assert ask(page, "step", participant=TOKEN).status_code == 404


@pytest.mark.slow
def test_a_stranger_sees_no_results(page, study) -> None:
    for what in ("report", "dataset", "panel"):
        for key in (study.keys.participant, study.keys.preview, "x" * 32):
            assert page.get(f"/api/study/{what}", params={"key": key}).status_code == 404
        assert page.get(f"/api/study/{what}").status_code == 422
        mine = page.get(f"/api/study/{what}", params={"key": study.keys.researcher})
        assert mine.status_code == 200
        assert mine.headers["cache-control"] == "no-store"
        assert mine.headers["referrer-policy"] == "no-referrer"


@pytest.mark.slow
def test_a_stranger_answers_for_nobody(page, study) -> None:
    token = study.join()
    step = ask(page, "questions", participant=token, part="before", answers={"1": "yes"}).json()
    trial, heard = step["trial"]["offer_id"], {"left": 4000, "right": 4000}
    assert ask(page, f"trials/{trial}", participant="x" * 40, outcome="left", heard_ms=heard).status_code == 404
    assert ask(page, f"trials/{uuid.uuid4()}", participant=token, outcome="left", heard_ms=heard).status_code == 404
    assert ask(page, f"trials/{trial}", participant=token, outcome="neither", heard_ms=heard).status_code == 422
    assert page.get(f"/api/study/clips/{uuid.uuid4()}/audio").status_code == 404


def test_another_site_changes_nothing(page, study) -> None:
    asked = page.post(
        "/api/study/withdraw",
        json={"participant": study.join()},
        headers={"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    )
    assert asked.status_code == 403
