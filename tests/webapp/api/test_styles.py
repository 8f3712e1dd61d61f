from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
import soundfile
import torch

from models.atlas.points import load_shipped_map
from models.experiments.report import EVALUATION_FILE, Metric, Report, save_evaluation
from models.metrics.music_statistics import ATTRIBUTES
from models.music.midi import read_midi
from models.style.code_examples import CodeExamples, Example, Tie
from models.style.latents import Direction, Directions
from webapp.maps import drawing
from webapp.research.styles import codes, walk
from webapp.runtime.recent import Recent

ABOUT = {"sha256": "aa", "data": {"hash": "d4", "n": 9}, "commit": "c0", "seed": 0}


@pytest.fixture(autouse=True)
def no_walks_of_other_tests(monkeypatch):
    for kept in ("_kept_walks", "_kept_swaps"):
        monkeypatch.setattr(walk, kept, Recent(9))


@pytest.fixture
def bundle(context, tiny_composer, tmp_path):
    """A model's folder with a card, a record and the direction of two styles; the context plays from it."""
    folder = tmp_path / "style-tiny"
    folder.mkdir()
    card = {"version": context.space.version, "sha256": {"style": "aa"}}
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    report = Report("evaluate.style", ABOUT["data"], {"version": context.space.version, "sha256": "aa"}, 3)
    report.add("swap.rhythm.own", Metric(0.9, 0.8, 0.95, 9))
    save_evaluation(folder, report.to_json())
    sizes = tiny_composer.model.config.latent
    groups = {
        "rhythm": Direction("onsets_per_bar", 1.5, np.full((1, sizes["rhythm"]), 2.0)),
        "harmony": Direction("mode", 0.2, np.ones((12, sizes["harmony"]))),
    }
    Directions({"version": context.space.version, **ABOUT}, groups).save(folder)
    context.style_folder = folder
    return folder


@pytest.fixture
def known_codes(bundle):
    """Examples of code 2 in dance tunes at both ends."""
    about = {"version": "tiny", "sha256": "aa", "data": {"hash": "d4", "n": 9}, "commit": "c0", "seed": 0}
    piece = "oneills1850/0001-0050:1"
    examples = tuple(Example("dance", 2, level, piece, "The First") for level in (0, 4))
    tie = Tie("dance", 2, "tempo_bpm", 0.5, 0.1, 0.2)
    met = {"dance": [[0.0, 0.0, 1.0, 0.0, 0.0]] * 4}
    return CodeExamples(about, examples, (tie,), met).save(bundle)


@pytest.fixture
def listener(client, bundle):
    client.get("/api/listener")
    return client


def ask(client, path: str = "", **query):
    return client.get(f"/api/styles/walk{path}", params={"group": "rhythm", "seed": 3, **query})


@pytest.mark.slow
def test_the_page_gets_every_table_and_the_styles_along_which_one_can_walk(listener, context):
    found = listener.get("/api/styles").json()
    tables = {table["name"]: table for table in found["tables"]}
    assert tables["swaps"]["cells"][0][0]["value"] == 0.9
    assert tables["swaps"]["current"]
    assert tables["reading"]["about"] is None
    assert found["model_version"] == context.space.version
    assert found["walks"]["groups"] == {
        "rhythm": {"attribute": "onsets_per_bar", "sd": 1.5},
        "harmony": {"attribute": "mode", "sd": 0.2},
        **{f"code_{number}": {"attribute": None, "sd": 0.5} for number in (1, 2, 3, 4)},
    }


@pytest.mark.slow
def test_a_table_comes_as_csv_by_a_link(listener):
    reply = listener.get("/api/styles/tables/swaps.csv")
    assert reply.headers["content-type"].startswith("text/csv")
    assert 'filename="kallos-swaps.csv"' in reply.headers["content-disposition"]
    assert [line["value"] for line in csv.DictReader(io.StringIO(reply.text))] == ["0.9"]
    missing = listener.get("/api/styles/tables/swap.csv")
    assert missing.status_code == 404
    assert "there are swaps, drift" in missing.json()["error"]


@pytest.mark.slow
def test_the_hardest_styles_of_a_run_are_drawn_and_another_run_is_named(listener, context):
    log = context.settings.runs_folder / "style" / "log.jsonl"
    log.parent.mkdir(parents=True)
    rows = [
        {"kind": "run", "what": "style", "data": "d4", "commit": "c0"},
        *({"step": step, "validation": {"pitch": 1 / step, "thickness": 1.0}} for step in (1, 2)),
    ]
    log.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert listener.get("/api/styles").json()["run"] == "style"
    drawn = listener.get("/api/styles/hardest", params={"run": "style"}).json()
    assert {trace["name"]: trace["y"] for trace in drawn["figure"]["data"]} == {
        "content": [100, 50],
        "texture": [100, 100],
    }
    assert "data d4" in drawn["source"]
    assert listener.get("/api/styles/hardest", params={"form": "csv"}).text.count("texture") == 2
    assert listener.get("/api/styles/tables/losses.csv", params={"run": "style"}).text.count("texture") == 2
    for path in ("", "/hardest", "/tables/losses.csv"):
        missing = listener.get(f"/api/styles{path}", params={"run": "other"})
        assert missing.status_code == 404
        assert "there are style, the model that plays" in missing.json()["error"]


@pytest.mark.slow
def test_a_record_that_is_none_is_told_in_words(listener, bundle):
    (bundle / EVALUATION_FILE).write_text("{}", encoding="utf-8")
    reply = listener.get("/api/styles")
    assert reply.status_code == 422
    assert "evaluate with --save again" in reply.json()["error"]


@pytest.mark.slow
def test_a_code_tells_what_explains_it_and_plays_real_pieces_else_the_pools(listener, known_codes, stock, context):
    clips = {str(clip) for clip in stock(domain="dance", clips=2)}
    found = listener.get("/api/styles/codes", params={"domain": "dance"}).json()
    first, second = found["codes"][:2]
    assert "tempo 40 %" in second["told"]
    assert "value 3" in second["told"]
    assert [piece["title"] for piece in second["pieces"] if piece["from"] == "O'Neill's"] == ["The First"] * 2
    assert {piece["audio_url"].split("/")[3] for piece in first["pieces"]} <= clips
    assert found["about"]["version"] == "tiny"
    real = next(piece for piece in second["pieces"] if piece["level"] == 4)
    notes = listener.get(real["notes_url"]).json()
    assert len(notes["bars_s"]) == 9
    heard = listener.get(real["audio_url"])
    assert heard.headers["content-type"] == "audio/flac"
    lines = list(csv.DictReader(io.StringIO(listener.get("/api/styles/codes.csv").text)))
    assert [(line["code"], line["value"]) for line in lines] == [("2", "-1.0"), ("2", "1.0")]
    assert listener.get("/api/styles/codes/pieces/2/notes").status_code == 404


def test_codes_without_examples_name_the_command(listener, stock, bundle):
    stock(clips=2)
    found = listener.get("/api/styles/codes", params={"domain": "pop"}).json()
    assert "evaluate.code_examples --save" in found["fill"]
    assert sum(len(code["pieces"]) for code in found["codes"]) == 8
    (bundle / "code_examples.json").write_text("{}", encoding="utf-8")
    reply = listener.get("/api/styles/codes", params={"domain": "pop"})
    assert reply.status_code == 422
    assert "evaluate.code_examples --save writes it again" in reply.json()["error"]


def test_what_a_code_means_is_told_as_far_as_it_is_known():
    for value, low, high, said in [
        (0.1, -0.1, 0.3, "may be chance"),
        (-0.2, -0.3, -0.1, "the slower, but weakly"),
        (0.7, 0.6, 0.8, "clearly the faster"),
    ]:
        metrics = {"codes.1.tempo_bpm": Metric(value, low, high, 9), "codes.1.leap": Metric(0.05, -0.1, 0.2, 9)}
        assert said in codes.meaning(metrics, 1)
        assert "not been measured" in codes.meaning({}, 1)


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.usefixtures("hearing_prior")
def test_a_code_goes_through_its_five_values(listener, tiny_composer, stock):
    asked = walk.WalkRequest("code_3", source="")
    latents = tiny_composer.draw_each(["pop"], [0])[0]
    moved = [walk.with_code(latents, walk.CODE_WALKS.index(asked.group), by * walk.CODE_STEP) for by in walk.STEPS]
    assert [each.piece["codes"][2] for each in moved] == [-1, -0.5, 0, 0.5, 1]
    assert {tuple(each.piece["codes"][:2]) for each in moved} == {tuple(latents.piece["codes"][:2])}
    steps = ask(listener, group="code_3").json()
    assert [step["wanted"] for step in steps] == [-1, -0.5, 0, 0.5, 1]
    assert steps[0]["notes"] != steps[4]["notes"]
    clip = f"clips/{stock()[0]}"
    assert [step["by"] for step in ask(listener, group="code_1", source=clip).json()] == [-2, -1, 0, 1, 2]


@pytest.mark.slow
@pytest.mark.usefixtures("hearing_prior")
def test_guidance_changes_what_is_drawn_and_is_refused_where_nothing_is(listener, stock):
    plain, strict = (ask(listener, group="code_3", guidance=guidance) for guidance in (1, 3))
    assert plain.json() != strict.json()
    table = ask(listener, ".csv", group="code_3", guidance=3).text
    assert {line["guidance"] for line in csv.DictReader(io.StringIO(table))} == {"3.0"}
    refused = ask(listener, source=f"clips/{stock()[0]}", guidance=3)
    assert refused.status_code == 422
    assert "nothing is drawn" in refused.json()["error"]


@pytest.mark.slow
def test_a_walk_is_the_same_when_it_is_composed_again_and_another_with_another_seed(listener, monkeypatch):
    first = ask(listener).json()
    monkeypatch.setattr(walk, "_kept_walks", Recent(9))
    assert ask(listener).json() == first
    assert ask(listener, seed=4).json() != first


@pytest.mark.slow
def test_a_walk_begins_with_a_clip_of_the_pool(listener, stock, context):
    clip = stock(domain="dance", clips=2)[0]
    steps = ask(listener, source=f"clips/{clip}", group="harmony").json()
    assert len(steps) == 5
    assert ask(listener, "/5/notes", source=f"clips/{clip}").status_code == 422
    lines = list(csv.DictReader(io.StringIO(ask(listener, ".csv", source=f"clips/{clip}", group="harmony").text)))
    assert [(line["sd"], line["domain"], line["source"]) for line in lines[:1]] == [("-2", "dance", f"clips/{clip}")]
    assert float(lines[2]["mode"]) == pytest.approx(steps[2]["attributes"]["mode"], abs=1e-3)


@pytest.mark.slow
def test_another_ones_piece_is_not_found_and_nobody_walks_without_a_listener(listener, visitor, stock):
    other = visitor()
    assert ask(other).status_code == 401
    other.get("/api/listener")
    own = stock(clips=2, composed_for=None)[0]
    made = listener.post("/api/studio/pieces", json={"content": f"clips/{own}", "styles": {}, "seed": 0}).json()["name"]
    assert ask(listener, source=made).status_code == 200
    assert ask(other, source=made).status_code == 404


@pytest.mark.slow
def test_what_can_not_be_walked_is_told_in_words(listener):
    for query, said in [
        ({"group": "mood"}, "there are rhythm, register"),
        ({"group": "tempo"}, "no direction of 'tempo'"),
        ({"seed": -1}, "seed"),
        ({"domain": "jazz"}, "domain"),
        ({"guidance": 4.5}, "less than or equal to 4"),
        ({"source": "clips/1"}, "source"),
    ]:
        reply = ask(listener, **query)
        assert reply.status_code == 422
        assert said in reply.json()["error"]


def test_directions_of_another_model_are_none(listener, bundle):
    told = json.loads((bundle / "directions.json").read_text(encoding="utf-8"))
    (bundle / "directions.json").write_text(json.dumps({**told, "version": "older"}), encoding="utf-8")
    assert listener.get("/api/styles").json()["walks"]["groups"] == {}
    assert "evaluate.relations --save" in ask(listener).json()["error"]


@pytest.mark.slow
def test_a_swap_is_composed_from_two_draws_measured_and_sounds(listener, monkeypatch):
    asked = {"group": "rhythm", "domain": "dance", "seed": 2}
    reply = listener.get("/api/styles/swap", params=asked)
    assert reply.status_code == 200, reply.text
    found = reply.json()
    assert set(found) == {"piece", "donor", "swapped"}
    assert set(found["swapped"]["attributes"]) == {*ATTRIBUTES}
    assert len({json.dumps(part["notes"]) for part in found.values()}) == 3
    heard = listener.get("/api/styles/swap/swapped/flac", params=asked)
    assert heard.headers["content-type"] == "audio/flac"
    assert listener.get("/api/styles/swap/donor/notes", params=asked).json() == found["donor"]
    monkeypatch.setattr(walk, "_kept_swaps", Recent(9))
    assert listener.get("/api/styles/swap", params=asked).json() == found
    other = listener.get("/api/styles/swap", params={**asked, "group": "register"}).json()
    assert (other["piece"], other["donor"]) == (found["piece"], found["donor"])
    refused = listener.get("/api/styles/swap", params={**asked, "group": "mood"})
    assert refused.status_code == 422
    assert "there are rhythm, register" in refused.json()["error"]


@pytest.mark.slow
def test_nobody_swaps_without_a_listener(visitor):
    assert visitor().get("/api/styles/swap", params={"group": "rhythm"}).status_code == 401


@pytest.mark.slow
def test_clips_by_the_mood_that_is_read_from_one_group_are_had_by_http(listener, context):
    drawn = load_shipped_map("clips")
    assert drawn is not None
    address = f"/api/styles/moods/{drawing.keep(context.atlas, drawn)}"
    found = listener.get(f"{address}/points", params={"domain": "dance", "group": "tempo"}).json()
    assert len(found["x"]) == len(found["y"]) == len(found["text"]) == len(found["rows"]) > 1000
    table = listener.get(f"{address}/accuracy.csv", params={"domain": "dance"})
    assert "kallos-mood-accuracy-dance.csv" in table.headers["content-disposition"]
    assert [row["mood"] for row in csv.DictReader(io.StringIO(table.text))][:2] == ["valence", "arousal"]
    missing = listener.get(f"{address}/points", params={"domain": "dance", "group": "mood"})
    assert missing.status_code == 404
    assert "there are content, rhythm" in missing.json()["error"]
