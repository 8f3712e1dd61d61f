"""The handlers of the retrieval, runs and listeners pages, over a study really trained."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from starlette.datastructures import QueryParams

from models.experiments.run_log import rows
from webapp.context import Context
from webapp.research import training_runs
from webapp.research.plots.paper import MARGIN_PX, PAGE_MARGIN_PX
from webapp.runtime.settings import Settings
from webapp.ui.charts import Chart
from webapp.ui.pages import listeners, retrieval, runs

CONTROLS = ("study", "direction", "measure", "query", "condition", "genre", "probe_genre", "curves")


@pytest.fixture(scope="module")
def studied(make_database, migrated_template: str, study: Path) -> Iterator[Context]:
    """A context whose database knows a whole study; change nothing in it."""
    url = make_database(template=migrated_template)
    context = Context(Settings(home=study.parent / "home", runs=str(study.parent), database_url=url, secret="a secret"))
    assert training_runs.ingest_changed(context.database, context.settings)["refused"] == 0
    yield context
    context.close()


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
        "seen",
    ]
    return dict(zip(names, answer, strict=True))


@pytest.fixture
def charts() -> dict[str, Any]:
    return {name: place(name) for name in retrieval.CHARTS}


def test_retrieval_opens_with_all_that_can_be_chosen_and_says_how_far_the_study_is(studied, charts, study):
    told = of_retrieval(retrieval.opened(studied, charts, asked()))
    assert told["room"]["visible"]
    assert not told["nothing"]["visible"]
    assert "8 of 8 runs have ended. The test tunes were asked." in told["going"]
    assert told["study"]["value"] == "study"
    assert [value for _, value in told["direction"]["choices"]] == ["title_to_melody", "melody_to_title"]
    assert told["link"] | {"query": ""} == {
        "study": "study", "direction": "title_to_melody", "measure": "mrr", "query": "", "condition": "bag-bag",
        "genre": "of all types", "probe_genre": "of all types", "curves": [],
    }  # fmt: skip
    assert {row[0] for row in told["variants"]} == {"bag-bag", "cnn-rnn", "ridge"}
    commit = rows(study / "log.jsonl")[0]["commit"][:12]
    for name in retrieval.CHARTS:
        assert f"commit {commit}" in told[f"{name}.exports"]["source"], name
    assert told["ranks.exports"]["address"].startswith("/api/plots/ranks?study=study&")


def test_a_view_is_the_one_that_its_address_names(studied, charts):
    query = "direction=melody_to_title&measure=ndcg&condition=cnn-rnn&curves=cnn-rnn&curves=bag-bag&genre=reel"
    told = of_retrieval(retrieval.opened(studied, charts, asked(query)))
    shown = {name: told[name]["value"] for name in ("direction", "measure", "condition", "genre")}
    assert shown == {"direction": "melody_to_title", "measure": "ndcg", "condition": "cnn-rnn", "genre": "reel"}
    assert told["curves"]["value"] == ["bag-bag", "cnn-rnn"]
    assert "cnn-rnn-0, step" in told["confused"]
    assert told["measure"]["choices"][0] == ("MRR", "mrr")
    assert of_retrieval(retrieval.opened(studied, charts, asked("study=gone&measure=pie")))["measure"]["value"] == "mrr"


def test_following_draws_again_only_what_has_changed(studied, charts):
    told = of_retrieval(retrieval.opened(studied, charts, asked()))
    assert retrieval.follow(studied, charts, told["link"], told["seen"]) == gr.skip()
    again = of_retrieval(retrieval.follow(studied, charts, {**told["link"], "measure": "ndcg"}, []))
    assert again["link"]["measure"] == "ndcg"
    assert "value" not in again["measure"]  # it shows that already; a later choice must not be taken back


def test_a_figure_on_the_page_leaves_its_source_to_what_stands_below(studied, charts):
    told = of_retrieval(retrieval.opened(studied, charts, asked()))
    drawn = told["curves.plot"]["value"]
    assert not drawn.layout.annotations
    assert drawn.layout.margin.b == PAGE_MARGIN_PX < MARGIN_PX["b"]


def test_an_empty_page_shows_what_fills_it(alone, charts):
    answer = of_retrieval(retrieval.opened(alone, charts, asked()))
    assert answer["nothing"]["visible"]
    assert not answer["room"]["visible"]
    nothing, room, *_ = runs.opened(alone, place("pair"), asked())
    assert nothing["visible"]
    assert not room["visible"]


def test_two_runs_stand_beside_each_other_with_what_they_are(studied, study):
    pair = place("pair")
    query = "a=study/bag-bag-0&b=study/cnn-rnn-1&measure=loss"
    *_, a, b, measure, plot, exports, about, _ = runs.opened(studied, pair, asked(query))
    assert (a["value"], b["value"], measure["value"]) == ("study/bag-bag-0", "study/cnn-rnn-1", "loss")
    assert {trace.name for trace in plot["value"].data} == {"study/bag-bag-0, train", "study/cnn-rnn-1, train"}
    assert exports["address"] == "/api/plots/pair?run=study%2Fbag-bag-0&run=study%2Fcnn-rnn-1&measure=loss"
    assert list(about.columns) == ["", "study/bag-bag-0", "study/cnn-rnn-1"]
    facts = {row[0]: row[1:] for row in about.to_numpy().tolist()}
    assert facts["data"][0] == rows(study / "log.jsonl")[0]["data"]
    assert facts["state"] == ["ended", "ended"]
    _, _, link, *_, about, _ = runs.choose(studied, pair, "study/bag-bag-0", "", "loss")
    assert link == {"a": "study/bag-bag-0", "b": "", "measure": "loss"}
    assert len(about.columns) == 2


def test_the_tastes_of_a_study_are_drawn_or_say_what_is_missing(context, live):
    live()
    places: Any = {name: (place(name), None) for name in listeners.CHARTS}
    nothing, room, link, _, study, command, *parts = listeners.choose(context, places, "")
    assert not nothing["visible"]
    assert room["visible"]
    assert link == {"study": "default"}
    assert study["value"] == "default"
    assert "kallos study export default --out default.zip" in command
    assert len(parts) == 3 * len(places)
    _, exports, _ = parts[:3]
    assert "Measured by the worker when" in exports["empty"]
