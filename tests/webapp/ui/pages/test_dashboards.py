"""The handlers of the retrieval, runs and listeners pages, over a study really trained."""

from __future__ import annotations

import shutil
import sys
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from starlette.datastructures import QueryParams

from db.tables import PICTURES
from models.experiments.run_log import rows, run_row
from webapp.composing import pool
from webapp.listeners import accounts
from webapp.research import training_runs
from webapp.research.figures import MOST_PANELS
from webapp.ui.dashboards import Chart
from webapp.ui.pages import listeners, retrieval, runs

CONTROLS = ("study", "direction", "measure", "query", "condition", "genre", "probe_genre", "curves")

RUNS_OUTPUTS = 12  # of the runs page, besides its curves


def place(name: str) -> Any:
    """A chart without its components, which only a page has."""
    return Chart(name, f"/api/plots/{name}", None, None)  # type: ignore[arg-type]


def asked(query: str = "") -> Any:
    return SimpleNamespace(query_params=QueryParams(query))


def of_retrieval(answer: list[Any]) -> dict[str, Any]:
    """An answer by the names of the page's outputs."""
    plots = [f"{name}.{part}" for name in retrieval.CHARTS for part in ("plot", "exports")]
    names = [
        "nothing",
        "room",
        "link",
        "going",
        *CONTROLS,
        *plots,
        "variants",
        "confused",
        "costs",
        "probe_costs",
        "alone",
        "tested",
        "finding",
        "probing",
        "telling",
        "seen",
    ]
    return dict(zip(names, answer, strict=True))


@pytest.fixture
def charts() -> dict[str, Any]:
    return {name: place(name) for name in retrieval.CHARTS}


@pytest.mark.slow
def test_retrieval_opens_with_all_that_can_be_chosen_and_says_how_far_the_study_is(studied, charts, study):
    told = of_retrieval(retrieval.opened(studied, charts, asked()))
    assert told["room"]["visible"]
    assert not told["nothing"]["visible"]
    assert "8 of 8 runs have ended. The test set was evaluated." in told["going"]
    assert told["study"]["value"] == "study"
    assert [value for _, value in told["direction"]["choices"]] == ["title_to_melody", "melody_to_title"]
    assert told["link"] | {"query": ""} == {
        "study": "study", "direction": "title_to_melody", "measure": "mrr", "query": "", "condition": "bag-bag",
        "genre": "of all types", "probe_genre": "of all types", "curves": [],
    }  # fmt: skip
    assert set(told["variants"]["encoders"]) == {"bag-bag", "cnn-rnn", "ridge"}
    commit = rows(study / "log.jsonl")[0]["commit"][:12]
    for name in retrieval.CHARTS:
        assert f"commit {commit}" in told[f"{name}.exports"]["source"], name
    assert told["ranks.exports"]["address"].startswith("/api/plots/ranks?study=study&")


@pytest.mark.slow
def test_a_view_is_the_one_that_its_address_names(studied, charts):
    query = "direction=melody_to_title&measure=ndcg&condition=cnn-rnn&curves=cnn-rnn&curves=bag-bag&genre=reel"
    told = of_retrieval(retrieval.opened(studied, charts, asked(query)))
    shown = {name: told[name]["value"] for name in ("direction", "measure", "condition", "genre")}
    assert shown == {"direction": "melody_to_title", "measure": "ndcg", "condition": "cnn-rnn", "genre": "reel"}
    assert told["curves"]["value"] == ["bag-bag", "cnn-rnn"]
    assert "cnn-rnn-0, step" in told["confused"]
    assert told["measure"]["choices"][0] == ("MRR", "mrr")
    assert of_retrieval(retrieval.opened(studied, charts, asked("study=gone&measure=pie")))["measure"]["value"] == "mrr"


@pytest.mark.slow
def test_following_draws_again_only_what_has_changed(studied, charts):
    told = of_retrieval(retrieval.opened(studied, charts, asked()))
    assert retrieval.follow(studied, charts, told["link"], told["seen"]) == gr.skip()
    again = of_retrieval(retrieval.follow(studied, charts, {**told["link"], "measure": "ndcg"}, []))
    assert again["link"]["measure"] == "ndcg"
    assert "value" not in again["measure"]  # it shows that already; a later choice must not be taken back


def test_an_empty_page_shows_what_fills_it(alone, charts):
    answer = of_retrieval(retrieval.opened(alone, charts, asked()))
    assert answer["nothing"]["visible"]
    assert not answer["room"]["visible"]
    answer = runs.opened(alone, asked())
    nothing, room, *_ = answer
    assert len(answer) == RUNS_OUTPUTS + MOST_PANELS
    assert nothing["visible"]
    assert not room["visible"]


def of_runs(answer: list[Any]) -> dict[str, Any]:
    """An answer by the names of the page's outputs."""
    controls = ("runs", "figures", "smoothing", "log")
    panels = [f"panel.{place}" for place in range(MOST_PANELS)]
    names = ["nothing", "room", "link", "going", *controls, "legend", *panels, "exports", "about", "seen"]
    return dict(zip(names, answer, strict=True))


def test_any_runs_are_drawn_as_a_grid_with_the_loss_first_and_what_they_were_trained_with(studied, study):
    told = of_runs(runs.opened(studied, asked("runs=study/*&smoothing=0.5")))
    names = sorted(f"study/{path.parent.name}" for path in study.glob("*/log.jsonl"))
    assert told["runs"]["value"] == names
    assert len(names) == 8
    assert told["figures"]["value"][:3] == ["loss", "MRR", "MRR, title → tune"]
    first = told["panel.0"]["value"]
    assert first.layout.title.text == "loss"
    assert {trace.name for trace in first.data if trace.opacity is None} == {f"{name}, train" for name in names}
    assert len(first.data) == 16  # each as it was logged, and smoothed
    assert not first.layout.xaxis.title.text
    assert not told["panel.7"]["visible"]
    assert told["link"] == {"runs": names, "figures": told["figures"]["value"], "smoothing": "0.5", "log": ""}
    assert "smoothing=0.5" in told["exports"]["address"]
    facts = {row[0]: row[1:] for row in told["about"].to_numpy().tolist()}
    assert facts["data"][0] == rows(study / "log.jsonl")[0]["data"]
    assert facts["step"] == ["6 of 6"] * 8
    assert facts["learning rate"][0] == "0.004"
    assert list(facts).index("seed") < list(facts).index("preset")  # what differs stands first
    assert told["legend"].count("step 6 of 6, ended") == 8


def test_a_choice_of_runs_keeps_the_figures_that_are_shown(studied):
    told = of_runs(runs.choose(studied, ["study/bag-bag-0", "study/cnn-rnn-1"], ["gradient norm", "loss"], 0, True))
    assert told["figures"] == {
        "__type__": "update",
        "choices": told["figures"]["choices"],
        "value": ["loss", "gradient norm"],
    }
    assert told["panel.0"]["value"].layout.yaxis.type == "log"
    assert list(told["about"].columns) == ["", "bag-bag-0", "cnn-rnn-1"]  # no other folder has runs of these names
    assert runs.follow(studied, *runs_chosen(told), told["seen"]) == gr.skip()


def runs_chosen(told: dict[str, Any]) -> list[Any]:
    return [told["link"]["runs"], told["link"]["figures"], 0, True]


def test_a_run_that_has_logged_no_figure_yet_is_not_the_one_that_is_shown_first(alone, study):
    folder = alone.settings.runs_folder
    shutil.copytree(study / "bag-bag-0", folder / "titles")
    (folder / "begun").mkdir()
    (folder / "begun" / "log.jsonl").write_text(run_row("style", data="abc", commit="def") + "\n")
    training_runs.ingest_changed(alone.database, alone.settings)
    assert of_runs(runs.opened(alone, asked()))["runs"]["value"] == ["titles"]
    told = of_runs(runs.choose(alone, ["begun"], [], 0, False))
    assert "nothing to draw yet" in told["exports"]["empty"]


def test_a_single_run_fills_what_it_can_and_names_what_a_study_would_add(alone, charts, study):
    shutil.copytree(study / "bag-bag-0", alone.settings.runs_folder / "titles" / "bag-bag-0")
    training_runs.ingest_changed(alone.database, alone.settings)
    told = of_retrieval(retrieval.opened(alone, charts, asked()))
    assert told["alone"]["visible"]
    assert not any(told[name]["visible"] for name in ("tested", "finding", "telling"))
    assert all(told[f"{name}.plot"]["visible"] for name in ("variants", "curves", "ranks"))
    assert "95 %" not in told["variants"].columns
    assert not told["variants.plot"]["value"].data[0].error_x.visible


@pytest.mark.slow
def test_simulated_listeners_stand_first_until_somebody_has_voted(context, live):
    places: Any = {name: (place(name), None) for name in listeners.CHARTS}
    _, _, link, _, study, *_ = listeners.view(context, places, "", listeners.MUSIC)
    assert link == {"study": "simulated"}
    live()
    _, _, link, going, study, *_ = listeners.view(context, places, "", listeners.MUSIC)
    assert link == {"study": "default"}
    assert "1 listener so far" in going
    assert [value for _, value in study["choices"]] == ["default", "simulated"]


def test_the_tastes_of_a_study_are_drawn_or_say_what_is_missing(context, live):
    live()
    places: Any = {name: (place(name), None) for name in listeners.CHARTS}
    nothing, room, link, _, study, votes_on, _, command, *parts = listeners.view(
        context, places, None, listeners.MUSIC, wanted="default"
    )
    assert not votes_on["visible"]
    assert not nothing["visible"]
    assert room["visible"]
    assert link == {"study": "default"}
    assert study["value"] == "default"
    assert command.startswith("cd ")
    assert f"{sys.executable} -m webapp study export default --out {context.settings.home}/default.zip" in command
    assert len(parts) == 3 * len(places)
    _, exports, _ = parts[:3]
    assert "This is measured once" in exports["empty"]


@pytest.mark.slow
def test_votes_on_pictures_are_chosen_apart_from_those_on_music(context, live):
    listener = live()
    pool.fill(context.picture_maker, {"domain": PICTURES, "clips": 24, "seed": 1}, 24)
    accounts.change_domain(context.database, context.journal, listener, PICTURES)
    for _ in range(3):
        context.pairs.record_vote(listener, context.pairs.open(listener)[0].id, "right", (2000, 2000))
    places: Any = {name: (place(name), None) for name in listeners.CHARTS}
    of_music = listeners.view(context, places, None, listeners.MUSIC)
    of_pictures = listeners.view(context, places, None, listeners.OF_PICTURES)
    assert of_music[5]["visible"]
    assert of_music[5]["value"] == listeners.MUSIC
    assert [value for _, value in of_music[4]["choices"]] == ["default", "simulated"]
    assert [label for label, _ in of_pictures[4]["choices"]] == ["default (1 listeners, 3 votes)"]
    assert of_pictures[2] == {"study": "default", "about": "pictures"}
    assert "study export default --out" in of_pictures[7]
    assert of_pictures[7].endswith("--pictures")
    assert "about=pictures" in of_pictures[9]["address"]
