from __future__ import annotations

import base64
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from models.experiments.run_log import RunLog, rows
from webapp.__main__ import main
from webapp.app import create_app
from webapp.context import Context
from webapp.research import figures, training_runs
from webapp.research.figures import FIGURES, REEL_OR_HORNPIPE, FigureRequest
from webapp.supervision import Supervision

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def asking(studied: Context) -> TestClient:
    with TestClient(create_app(supervision=Supervision(studied, children=False), pages=False)) as client:
        assert client.app.state.supervision.ready.wait(60)
        yield client


def drawn(context: Context, name: str, **asked: object) -> figures.Drawn:
    return context.database.transaction(lambda s: figures.draw(s, name, FigureRequest(study="study", **asked)))


@pytest.mark.slow
def test_variants_are_drawn_as_the_study_found_them(studied: Context, study: Path) -> None:
    found = drawn(studied, "variants", direction="melody_to_title")
    expected = {
        row["condition"]: (row["value"], row["low"], row["high"], row["chance"])
        for row in rows(study / "log.jsonl")
        if row.get("comparison") == "variant" and row["measure"] == "melody_to_title.mrr" and "seed" not in row
        if "-no_" not in row["condition"]  # ablations have plots of their own
    }
    assert {each["condition"] for each in found.details["table"]} == set(expected)
    for each in found.details["table"]:
        told = (each["value"], each["low"], each["high"], each["chance"])
        assert told == pytest.approx(expected[each["condition"]]), each["condition"]
    bars = next(trace for trace in found.figure.data if trace.type == "bar")
    assert dict(zip(bars.y, bars.x, strict=True)) == pytest.approx({name: told[0] for name, told in expected.items()})
    dots = next(trace for trace in found.figure.data if trace.type == "scatter")
    assert len(dots.x) == 5  # two seeds of two variants, and the ridge


def test_every_figure_says_where_it_comes_from_and_gives_its_data(studied: Context, study: Path) -> None:
    about = rows(study / "log.jsonl")[0]
    query = next(row for row in rows(study / "bag-bag-0" / "log.jsonl") if row["kind"] == "prediction")["query"]
    for name in FIGURES:
        asked = {"runs": ("study/bag-bag-0", "study/cnn-rnn-1")} if name == "runs" else {"query": query}
        found = drawn(studied, name, **asked)
        told = str(found.source)
        assert "study" in told, name
        assert about["data"] in told, name
        assert about["commit"][:12] in told, name
        assert len(found.frame) > 0, name
        assert found.to_csv().splitlines()[0] == f"# {told}"
        assert found.to_csv().count("\n") == len(found.frame) + 2
        notes = [note for note in found.figure.layout.annotations if note.name == "source"]
        assert [note.text.replace("<br>", " · ") for note in notes] == [told]


def test_the_rank_over_time_is_the_one_that_was_logged(studied: Context, study: Path) -> None:
    logged = [row for row in rows(study / "cnn-rnn-1" / "log.jsonl") if row["kind"] == "prediction"]
    mine = [row for row in logged if row["query"] == logged[-1]["query"]]
    found = drawn(studied, "ranks", direction=mine[0]["direction"], query=mine[0]["query"], conditions=("cnn-rnn",))
    line = next(trace for trace in found.figure.data if trace.name == "cnn-rnn-1")
    assert list(zip(line.x, line.y, strict=True)) == [(row["step"], row["rank"]) for row in mine]
    confused = next(each for each in found.details["confused"] if each["run"] == "cnn-rnn-1")
    assert confused["top"] == mine[-1]["top"]


def test_a_study_that_goes_on_shows_its_best_validation_so_far(alone: Context, study: Path) -> None:
    shutil.copytree(study, alone.settings.runs_folder / "study")
    training_runs.ingest_changed(alone.database, alone.settings)
    assert drawn(alone, "variants").details["tested"]
    (alone.settings.runs_folder / "study" / "log.jsonl").write_text("")  # begun anew
    training_runs.ingest_changed(alone.database, alone.settings)
    found = drawn(alone, "variants")
    assert not found.details["tested"]
    validated = [
        max(row["values"]["title_to_melody.mrr"] for row in rows(study / f"bag-bag-{seed}" / "log.jsonl")
            if row.get("part") == "validation" and row["step"] > 0)
        for seed in (0, 1)
    ]  # fmt: skip
    told = {row["condition"]: row["value"] for row in found.details["table"]}
    assert told["bag-bag"] == pytest.approx(np.mean(validated))
    assert drawn(alone, "ablations").frame.empty


@pytest.mark.slow
def test_the_dashboards_are_asked_over_http(asking: TestClient, study: Path) -> None:
    listed = asking.get("/api/runs").json()
    assert {run["name"] for run in listed["runs"]} == {
        f"study/{path.parent.name}" for path in study.glob("*/log.jsonl")
    }
    assert all(run["state"] == "ended" and run["step"] == 6 for run in listed["runs"])
    found = asking.get("/api/retrieval").json()["studies"]
    assert [(each["name"], each["runs"], each["ended"], each["tested"]) for each in found] == [("study", 8, 8, True)]
    assert found[0]["genres"]["ablation"] == ["hornpipe", "reel"]
    wanted = {"study": "study", "condition": ["bag-bag", "cnn-rnn"]}
    plot = asking.get("/api/plots/curves", params=wanted).json()
    assert plot["details"]["conditions"] == ["bag-bag", "cnn-rnn"]
    assert {trace["name"] for trace in plot["figure"]["data"]} >= {"bag-bag", "cnn-rnn", "chance"}
    table = asking.get("/api/plots/curves", params={**wanted, "form": "csv"})
    assert table.headers["content-type"].startswith("text/csv")
    assert table.text.splitlines()[1] == "condition,run,step,value,chance"
    assert asking.get("/api/plots/pie", params=wanted).status_code == 404
    assert asking.get("/api/plots/curves", params={**wanted, "colour": "red"}).status_code == 422


def commands_of_make_study(folder: Path, options: Sequence[str]) -> list[list[str]]:
    """The commands that ``make study`` would run, in words."""
    asked = [
        "make",
        "--dry-run",
        "--old-file=install",
        "study",
        f"STUDY={folder}",
        f"STUDY_OPTIONS={shlex.join(options)}",
    ]
    shown = subprocess.run(asked, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    return [shlex.split(line) for line in shown.replace("\\\n", " ").splitlines() if "study" in line]


def test_make_study_begins_anew_or_goes_on(
    study: Path, study_arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from models.train.title_study import main as train_study

    begin, _ = commands_of_make_study(tmp_path, study_arguments)
    shutil.copytree(study, tmp_path / "runs" / "titles")
    go_on, _ = commands_of_make_study(tmp_path, study_arguments)
    assert go_on == [*begin, "--resume"]
    assert go_on[1:3] == ["-m", "models.train.title_study"]
    train_study(go_on[3:])
    assert "nothing is left to do" in capsys.readouterr().out


@pytest.mark.slow
def test_make_study_writes_one_file_from_an_empty_database(
    new_database, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(study, tmp_path / "runs" / "titles")
    _, report = commands_of_make_study(tmp_path, [])
    for setting in report[:3]:
        monkeypatch.setenv(*setting.split("=", 1))
    monkeypatch.setenv("KALLOS_DATABASE_URL", new_database())  # empty, on the server that tests have
    out = tmp_path / "report.html"
    assert main(["report", "retrieval", "nothing", "--out", str(out)]) == 1
    assert "below" in capsys.readouterr().err
    assert report[3].endswith("kallos")
    assert main(report[4:]) == 0
    text = out.read_text(encoding="utf-8")
    begins = text.index("</script></head>")
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", text[begins:])
    assert "Is transfer worth it?" not in text[begins:]  # nothing was transferred in this study
    for told in ("Variants", "Beside the plain baseline", "Watch-list", "What retrieval hears", REEL_OR_HORNPIPE):
        assert told in text[begins:], told
    assert text[begins:].count('aria-label="What each ablation costs"') >= 4
    links = re.findall(r"data:text/csv;base64,([^\"]+)", text)
    assert len(links) == len(re.findall(r'class="plotly-graph-div"', text)) > 15
    commit = rows(study / "log.jsonl")[0]["commit"][:12]
    assert all(commit in base64.b64decode(link).decode().splitlines()[0] for link in links)


def test_a_name_with_marks_of_html_breaks_no_report(alone: Context) -> None:
    folder = alone.settings.runs_folder / "<b>study"
    for name in ("bag-bag-0", "bag-bag-1"):
        (folder / name).mkdir(parents=True)
        with RunLog(folder / name / "log.jsonl") as log:
            log.write(
                "run", what="titles", run=name, variant="bag-bag", without=[], preset="tiny", data="x", commit="y"
            )
            values = {"title_to_melody.mrr": 0.5, "title_to_melody.chance_mrr": 0.1}
            log.write("metrics", step=2, part="validation", values=values)
            top = [{"item": "a", "label": "<i>The Hen", "score": 0.1, "right": True}]
            log.write(
                "prediction", step=2, direction="title_to_melody", query="<i>", label="<i>", pool=3, rank=1, top=top
            )
    from webapp.research.retrieval_report import write

    out = alone.settings.home / "report.html"
    assert write(alone.database, alone.settings, None, out) == "<b>study"
    text = out.read_text(encoding="utf-8")
    body = text[text.index("</script></head>") :]
    assert "&lt;b&gt;study" in body
    assert "<b>study" not in re.sub(r"<script.*?</script>", "", body, flags=re.DOTALL)
    assert "have ended" in body
    assert json.dumps("0 of 2 have ended")[1:-1] in body
