"""The styles page's interface: tables with their sources, and walks that are composed and sound."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
import soundfile
import torch

from models.evaluate import record
from models.evaluate.report import Metric, Report
from models.metrics.music_statistics import ATTRIBUTES
from models.music.midi import read_midi
from models.style.directions import Direction, Directions
from webapp.services.styles import walk

ABOUT = {"sha256": "aa", "data": {"hash": "d4", "n": 9}, "commit": "c0", "seed": 0}


@pytest.fixture(autouse=True)
def no_walks_of_other_tests(monkeypatch):
    monkeypatch.setattr(walk, "_kept", type(walk._kept)())


@pytest.fixture
def bundle(house, tiny_composer, tmp_path):
    """A model's folder with a card, a record and the direction of two styles; the house plays from it."""
    folder = tmp_path / "style-tiny"
    folder.mkdir()
    card = {"version": house.space.version, "sha256": {"style": "aa"}}
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    report = Report("evaluate.style", ABOUT["data"], {"version": house.space.version, "sha256": "aa"}, 3)
    report.add("swap.rhythm.own", Metric(0.9, 0.8, 0.95, 9))
    record.save(folder, report.to_json())
    sizes = tiny_composer.model.config.latent
    groups = {
        "rhythm": Direction("onsets_per_bar", 1.5, np.full((1, sizes["rhythm"]), 2.0)),
        "harmony": Direction("mode", 0.2, np.ones((12, sizes["harmony"]))),
    }
    Directions({"version": house.space.version, **ABOUT}, groups).save(folder)
    house.style_folder = folder
    return folder


@pytest.fixture
def listener(client, bundle):
    client.get("/api/listener")
    return client


def ask(client, path: str = "", **query):
    return client.get(f"/api/styles/walk{path}", params={"group": "rhythm", "seed": 3, **query})


def test_the_page_gets_every_table_and_the_styles_along_which_one_can_walk(listener, house):
    found = listener.get("/api/styles").json()
    tables = {table["name"]: table for table in found["tables"]}
    assert tables["swaps"]["cells"][0][0]["value"] == 0.9
    assert tables["swaps"]["current"]
    assert tables["reading"]["about"] is None
    assert found["model_version"] == house.space.version
    assert found["walks"]["groups"] == {
        "rhythm": {"attribute": "onsets_per_bar", "sd": 1.5},
        "harmony": {"attribute": "mode", "sd": 0.2},
        **{f"code_{number}": {"attribute": None, "sd": 0.5} for number in (1, 2, 3, 4)},
    }


def test_a_table_comes_as_csv_by_a_link(listener):
    reply = listener.get("/api/styles/tables/swaps.csv")
    assert reply.headers["content-type"].startswith("text/csv")
    assert 'filename="kallos-swaps.csv"' in reply.headers["content-disposition"]
    assert [line["value"] for line in csv.DictReader(io.StringIO(reply.text))] == ["0.9"]
    missing = listener.get("/api/styles/tables/swap.csv")
    assert missing.status_code == 404
    assert "there are swaps, drift" in missing.json()["error"]


def test_a_record_that_is_none_is_told_in_words(listener, bundle):
    (bundle / record.FILE).write_text("{}", encoding="utf-8")
    reply = listener.get("/api/styles")
    assert reply.status_code == 422
    assert "evaluate with --save again" in reply.json()["error"]


def test_five_steps_are_composed_from_a_draw_measured_and_sound(listener):
    reply = ask(listener)
    assert reply.status_code == 200, reply.text
    steps = reply.json()
    assert [step["by"] for step in steps] == [-2, -1, 0, 1, 2]
    assert {*steps[0]["attributes"]} == {*ATTRIBUTES}
    assert steps[1]["wanted"] - steps[0]["wanted"] == pytest.approx(1.5, abs=2e-3)
    assert steps[0]["notes"] != steps[4]["notes"]
    assert ask(listener, "/4/notes").json() == steps[4]
    heard = ask(listener, "/4/flac")
    assert heard.headers["content-type"] == "audio/flac"
    samples, rate = soundfile.read(io.BytesIO(heard.content))
    assert len(samples) / rate == pytest.approx(steps[4]["seconds"], abs=0.01)
    assert len(read_midi(ask(listener, "/0/mid").content).notes) == len(steps[0]["notes"])


@pytest.fixture
def hearing_prior(tiny_composer):
    """The tiny model's prior, which learned nothing and so hears no codes, with weights by chance."""
    learned = {name: value.clone() for name, value in tiny_composer.prior.state_dict().items()}
    torch.manual_seed(0)
    for parameter in tiny_composer.prior.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    yield
    tiny_composer.prior.load_state_dict(learned)


@pytest.mark.usefixtures("hearing_prior")
def test_a_code_goes_through_its_five_values(listener, tiny_composer, stock):
    asked = walk.Asked("code_3", source="")
    latents = tiny_composer.sample_latents("pop", 1, 0)[0]
    moved = [walk.with_code(latents, walk.CODE_WALKS.index(asked.group), by * walk.CODE_STEP) for by in walk.STEPS]
    assert [each.piece["codes"][2] for each in moved] == [-1, -0.5, 0, 0.5, 1]
    assert {tuple(each.piece["codes"][:2]) for each in moved} == {tuple(latents.piece["codes"][:2])}
    steps = ask(listener, group="code_3").json()
    assert [step["wanted"] for step in steps] == [-1, -0.5, 0, 0.5, 1]
    assert steps[0]["notes"] != steps[4]["notes"]
    clip = f"clips/{stock()[0]}"
    assert [step["by"] for step in ask(listener, group="code_1", source=clip).json()] == [-2, -1, 0, 1, 2]


def test_a_walk_is_the_same_when_it_is_composed_again_and_another_with_another_seed(listener):
    first = ask(listener).json()
    walk._kept.clear()
    assert ask(listener).json() == first
    assert ask(listener, seed=4).json() != first


def test_a_walk_begins_with_a_clip_of_the_pool(listener, stock, house):
    clip = stock(domain="dance", clips=2)[0]
    steps = ask(listener, source=f"clips/{clip}", group="harmony").json()
    assert len(steps) == 5
    assert ask(listener, "/5/notes", source=f"clips/{clip}").status_code == 422
    lines = list(csv.DictReader(io.StringIO(ask(listener, ".csv", source=f"clips/{clip}", group="harmony").text)))
    assert [(line["sd"], line["domain"], line["source"]) for line in lines[:1]] == [("-2", "dance", f"clips/{clip}")]
    assert float(lines[2]["mode"]) == pytest.approx(steps[2]["attributes"]["mode"], abs=1e-3)


def test_another_ones_piece_is_not_found_and_nobody_walks_without_a_listener(listener, visitor, stock):
    other = visitor()
    assert ask(other).status_code == 401
    other.get("/api/listener")
    own = stock(clips=2, composed_for=None)[0]
    made = listener.post("/api/studio/pieces", json={"content": f"clips/{own}", "styles": {}, "seed": 0}).json()["name"]
    assert ask(listener, source=made).status_code == 200
    assert ask(other, source=made).status_code == 404


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"group": "mood"}, "there are rhythm, register"),
        ({"group": "tempo"}, "no direction of 'tempo'"),
        ({"seed": -1}, "seed"),
        ({"domain": "jazz"}, "domain"),
        ({"source": "clips/1"}, "source"),
    ],
)
def test_what_can_not_be_walked_is_told_in_words(listener, query, said):
    reply = ask(listener, **query)
    assert reply.status_code == 422
    assert said in reply.json()["error"]


def test_directions_of_another_model_are_none(listener, bundle):
    told = json.loads((bundle / "directions.json").read_text(encoding="utf-8"))
    (bundle / "directions.json").write_text(json.dumps({**told, "version": "older"}), encoding="utf-8")
    assert listener.get("/api/styles").json()["walks"]["groups"] == {}
    assert "evaluate.relations --save" in ask(listener).json()["error"]
