import csv
import io
import json
import sys

import pytest

from models.experiments.report import Metric, Report, save_evaluation
from models.experiments.run_log import RunLog
from models.style.latents import GROUPS, STYLE_GROUPS
from webapp.research.styles.tables import SHIPPED, Table, all_tables, logged_runs


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "style-tiny"
    made.mkdir()
    (made / "card.json").write_text(json.dumps({"version": "v1", "sha256": {"style": "aa"}}), encoding="utf-8")
    return made


def keep(folder, command: str, sha256: str = "aa", **figures: Metric) -> None:
    report = Report(command, {"hash": "d4", "n": 9}, {"version": "v1", "sha256": sha256}, 3)
    for name, metric in figures.items():
        report.add(name.replace("__", "."), metric)
    save_evaluation(folder, report.to_json())


def tables(folder) -> dict[str, Table]:
    return {table.name: table for table in all_tables(folder, folder.parent / "runs")}


def shown(table: Table, row: str, column: str) -> dict | None:
    told = table.to_json()
    return told["cells"][table.rows.index(row)][table.columns.index(column)]


def test_without_a_record_every_table_says_which_command_fills_it(folder) -> None:
    found = tables(folder)
    assert {name for name, table in found.items() if table.about} == {"moods"}  # which are the judges'
    assert found["swaps"].fill.endswith(f"{sys.executable} -m models.evaluate.style --save --model {folder}")
    assert found["reading"].fill.endswith(f"-m models.evaluate.relations --save --model {folder}")
    assert "-m models.train.style --out " in found["losses"].fill
    assert found["swaps"].to_csv().count("\n") == 1


def test_the_swap_matrix_has_own_on_its_diagonal_and_others_beside_it(folder) -> None:
    keep(
        folder,
        "evaluate.style",
        swap__rhythm__own=Metric(0.9, 0.8, 0.95, 9),
        swap__rhythm__on__texture=Metric(-0.3, -0.5, 0.1, 9, baseline=0.05),
        drift__rhythm__tempo__sd=Metric(0.4, n=9, baseline=0.1),
    )
    found = tables(folder)
    own, other = shown(found["swaps"], "rhythm", "rhythm"), shown(found["swaps"], "rhythm", "texture")
    assert (own["value"], own["own"], own["heat"]) == (0.9, True, 0.9)
    assert (other["value"], other["own"], other["heat"], other["baseline"]) == (-0.3, False, 0.3, 0.05)
    assert shown(found["swaps"], "texture", "rhythm") is None
    assert found["drift"].rows == found["drift"].columns == STYLE_GROUPS
    assert shown(found["drift"], "rhythm", "tempo")["value"] == 0.4
    assert found["swaps"].about["data_hash"] == "d4"
    assert found["swaps"].current


def test_relations_fill_both_sides_of_a_symmetric_matrix(folder) -> None:
    keep(
        folder,
        "evaluate.relations",
        data__onsets_per_bar__mode__spearman=Metric(0.2, n=9),
        canonical__content__rhythm=Metric(0.6, n=9, chance=0.1),
        read__chroma__harmony=Metric(0.87, n=9, reference=0.87),
        rate__rhythm__bits_per_bar=Metric(40.0, n=9),
        rate__tempo__bits_per_bar=Metric(4.0, n=9),
    )
    found = tables(folder)
    assert shown(found["spearman"], "onsets_per_bar", "mode") == shown(found["spearman"], "mode", "onsets_per_bar")
    assert shown(found["spearman"], "mode", "mode") is None
    assert shown(found["canonical"], "rhythm", "content")["value"] == 0.6
    assert shown(found["reading"], "chroma", "harmony")["own"]
    assert shown(found["rates"], "rhythm", "bits_per_bar")["heat"] == 1
    assert shown(found["rates"], "tempo", "bits_per_bar")["heat"] == 0.1


def test_figures_of_other_weights_are_said_to_be(folder) -> None:
    keep(folder, "evaluate.style", sha256="bb", swap__rhythm__own=Metric(0.9, n=9))
    assert not tables(folder)["swaps"].current


def test_a_table_as_csv_has_a_line_a_figure_with_its_source(folder) -> None:
    keep(folder, "evaluate.style", swap__rhythm__own=Metric(0.9, 0.8, 0.95, 9, chance=0.0))
    (line,) = csv.DictReader(io.StringIO(tables(folder)["swaps"].to_csv()))
    told = {"table": "swaps", "row": "rhythm", "column": "rhythm", "value": "0.9", "low": "0.8", "chance": "0.0"}
    about = {"model_version": "v1", "model_sha256": "aa", "data_hash": "d4", "data_n": "9", "seed": "3"}
    assert {name: line[name] for name in told | about} == told | about


def validation(**losses: float) -> dict[str, float]:
    even = dict.fromkeys(("pitch", "position", "height", "chroma", "velocity", "tempo", "thickness"), 1.0)
    return {**even, **{f"kl.{group}": 0.6931 for group in GROUPS}, **losses}


def test_the_hardest_style_at_each_validation_is_the_one_that_has_improved_least(folder) -> None:
    runs = folder.parent / "runs" / "style"
    runs.mkdir(parents=True)
    later = {"position": 0.2, "height": 0.3, "velocity": 0.4, "tempo": 0.1, "thickness": 0.5, "pitch": 0.6}
    steps = [(500, {}), (1000, {"chroma": 9.0}), (1000, later), (1500, {**later, "chroma": 0.05})]
    lines = [json.dumps({"step": step, "validation": validation(**found)}) for step, found in steps]
    lines.insert(1, json.dumps({"step": 550, "total": 1.0}))
    (runs / "log.jsonl").write_text("\n".join(lines) + '\n{"step": 2000, "valid', encoding="utf-8")
    found = tables(folder)
    assert found["losses"].rows == ("500", "1000", "1500")  # what was logged before a run was taken up again is gone
    hardest = [(cell.row, cell.column) for cell in found["losses"].cells if cell.own]
    assert hardest == [("1000", "harmony"), ("1500", "content")]
    assert shown(found["losses"], "1500", "dynamics")["value"] == 0.4
    assert shown(found["bits"], "500", "tempo")["value"] == pytest.approx(1.0, abs=1e-3)
    assert found["losses"].about == {"command": "train.style", "log": "style/log.jsonl"}


def test_the_log_beside_the_weights_goes_before_other_runs(folder) -> None:
    for path, step in ((folder / "log.jsonl", 7), (folder.parent / "runs" / "style" / "log.jsonl", 8)):
        path.parent.mkdir(parents=True, exist_ok=True)
        with RunLog(path) as log:
            log.write("metrics", step=step, part="validation", values=validation())
    assert tables(folder)["losses"].rows == ("7",)


def test_any_run_can_be_chosen_and_the_shipped_models_last_validation_is_on_its_card(folder) -> None:
    runs = folder.parent / "runs"
    card = {"version": "v1", "sha256": {"style": "aa"}, "steps": 90, "validation": validation(pitch=0.5)}
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    assert list(logged_runs(folder, runs)) == [SHIPPED]
    assert tables(folder)["losses"].rows == ("90",)
    for name, what in (("mine/a", "style"), ("titles", "titles")):
        (runs / name).mkdir(parents=True)
        with RunLog(runs / name / "log.jsonl") as log:
            log.write("run", what=what)
            log.write("metrics", step=5, part="validation", values=validation())
    assert list(logged_runs(folder, runs)) == ["mine/a", SHIPPED]
    found = {table.name: table for table in all_tables(folder, runs)}
    assert found["losses"].rows == ("5",)
    found = {table.name: table for table in all_tables(folder, runs, SHIPPED)}
    assert found["losses"].about["log"] == "style-tiny/card.json, which keeps the last validation alone"
    with pytest.raises(KeyError):
        all_tables(folder, runs, "titles")


def test_a_curious_run_tells_what_was_hardest_and_what_moved(folder) -> None:
    assert tables(folder)["curiosity"].about is None
    assert "--curious" in tables(folder)["curiosity"].fill
    with RunLog(folder / "curiosity.jsonl") as log:
        for step, pop, dance in ((0, 8.0, 4.0), (10, 6.0, 2.0)):
            costs = {"pop.harmony": pop, "dance.tempo": dance}
            log.write("probe", step=step, cost=costs, progress={"pop.harmony": 0.1}, hardest=["pop.harmony"])
    found = tables(folder)["curiosity"]
    assert found.to_json()["columns"] == ["pop harmony", "dance tempo"]
    assert [(cell.row, cell.column) for cell in found.cells if cell.own] == [
        ("0", "pop.harmony"),
        ("10", "pop.harmony"),
    ]
    (told,) = [cell for cell in found.cells if (cell.row, cell.column) == ("10", "pop.harmony")]
    assert (told.metric.value, told.metric.baseline, told.heat) == (6.0, 0.1, 0.75)
