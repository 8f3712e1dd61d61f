"""How a study stands is for its researchers; the default one, in which nobody studies anybody, is open."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from db.tables import Study
from webapp.app import create_app
from webapp.context import Context
from webapp.supervision import Supervision


@pytest.fixture
def ask(context, settings):
    context.database.transaction(lambda session: session.add(Study(id="secret-study", name="Ours")))
    keyed = Context(settings.model_copy(update={"research_key": "swordfish"}), space=context.space)
    with TestClient(create_app(supervision=Supervision(keyed, children=False), pages=False)) as client:
        assert client.app.state.supervision.ready.wait(60)
        yield client.get


def names(answer):
    return {each["study_id"] for each in answer.json()["studies"]}


def test_the_results_of_a_study_are_for_its_researchers(ask, client):
    assert names(ask("/api/tastes")) == names(ask("/api/tastes?key=other")) == {"default"}
    assert names(ask("/api/tastes?key=swordfish")) == {"default", "secret-study"}
    refused = ask("/api/tastes/calibration?study=secret-study")
    assert (refused.status_code, "researchers" in refused.json()["error"]) == (404, True)
    assert ask("/api/tastes/calibration?study=secret-study&key=swordfish").status_code == 200
    assert ask("/api/tastes/calibration").status_code == 200
    assert client.get("/api/tastes/calibration?study=secret-study&key=").status_code == 404  # no key is set there
