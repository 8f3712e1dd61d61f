"""Pages of results: written from recorded JSON, the same as those in the repository, and never typed."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from models.experiments import results
from models.experiments.report import Metric, Report
from models.experiments.results import BEGIN, END, RESULTS, ResultsError, keep, read_contents, render, run, shown

ROOT = Path(__file__).resolve().parents[3]
CONTENTS = """
[[experiment]]
name = "titles"
title = "Titles"
about = "About them."
command = "python -m models.evaluate.titles"

[[experiment]]
name = "bench"
title = "Speed"
about = "How fast it is."
command = "make bench"

[[quoted]]
file = "README.md"

[[quoted.row]]
what = "finds"
experiment = "titles"
figure = "titles.mrr"
beside = "{baseline} ridge; {titles.other} other"

[[quoted.row]]
what = "starts"
experiment = "bench"
figure = "bench.start_seconds"
"""


@pytest.fixture
def repository(tmp_path) -> Path:
    (tmp_path / RESULTS).mkdir(parents=True)
    (tmp_path / RESULTS / "experiments.toml").write_text(CONTENTS)
    (tmp_path / "README.md").write_text(f"# One\n\n{BEGIN}\n{END}\n\nAfter.\n")
    return tmp_path


def printed(value: float = 0.0256) -> str:
    report = Report("evaluate.titles", {"hash": "abc", "n": 5}, {"version": "v1", "writer": "w2"}, 7)
    report.add("titles.mrr", Metric(value, 0.0196, 0.034, 5, baseline=0.028, chance=0.013))
    report.add("titles.other", Metric(12.34))
    return f"a table\n{json.dumps(report.to_json())}\n"


def titles(repository):
    return read_contents(repository).experiments["titles"]


def test_the_pages_of_the_repository_are_what_the_recorded_results_say() -> None:
    for path, text in render(ROOT).items():
        assert (ROOT / path).read_text(encoding="utf-8") == text, f"{path} was changed by hand; run make results"


def test_a_result_becomes_a_page_with_everything_that_it_comes_from(repository) -> None:
    keep(repository, titles(repository), printed())
    page = render(repository)[RESULTS / "titles.md"]
    for part in (
        "# Titles",
        "About them.",
        "`python -m models.evaluate.titles`",
        "hash `abc`, n 5",
        "`v1`",
        "`w2`",
        "| 7 |",
    ):
        assert part in page
    assert "| `titles.mrr` | 0.026 | 0.020 to 0.034 | 5 | 0.028 | 0.013 | – |" in page
    assert json.loads((repository / RESULTS / "titles.json").read_text())["run"] == "python -m models.evaluate.titles"


def test_a_page_quotes_the_first_figures_that_were_measured(repository) -> None:
    keep(repository, titles(repository), printed())
    again = CONTENTS[CONTENTS.index("[[quoted.row]]") :].split("[[quoted.row]]")[1].replace("finds", "finds again")
    contents = CONTENTS.replace('file = "README.md"', 'file = "README.md"\nmost = 1') + "\n[[quoted.row]]" + again
    (repository / RESULTS / "experiments.toml").write_text(contents)
    readme = render(repository)[Path("README.md")]
    assert "| finds | **0.026**" in readme
    assert "finds again" not in readme


def test_a_figure_typed_into_the_readme_is_written_over(repository) -> None:
    keep(repository, titles(repository), printed())
    right = render(repository)[Path("README.md")]
    assert "| finds | **0.026** (0.020 to 0.034) | 0.028 ridge; 12.3 other | [`evaluate.titles`]" in right
    assert right.startswith("# One\n\n")
    assert right.endswith("\n\nAfter.\n")
    (repository / "README.md").write_text(right.replace("0.026", "0.99"))
    assert render(repository)[Path("README.md")] == right


def test_what_ends_without_a_result_is_not_recorded(repository) -> None:
    for broken in ("", "a table", '{"command": "x"}', printed().strip() + "\nlast words"):
        with pytest.raises(ResultsError, match="titles: the last line printed is no result"):
            keep(repository, titles(repository), broken)
        assert not (repository / RESULTS / "titles.json").exists()


def test_a_figure_that_no_result_has_is_named(repository) -> None:
    keep(repository, titles(repository), printed().replace("titles.other", "titles.elsewhere"))
    with pytest.raises(ResultsError, match=r"titles has no figure 'titles\.other'"):
        render(repository)


def test_a_command_is_run_with_this_python_and_its_failure_is_told(repository, capfd) -> None:
    base = titles(repository)
    said = run(replace(base, command="python -c 'print(1); print(2)'"))
    assert said == "1\n2\n" == capfd.readouterr().out
    with pytest.raises(ResultsError, match="ended with 3"):
        run(replace(base, command="python -c 'raise SystemExit(3)'"))


def test_the_command_takes_what_was_printed_and_writes_every_page(repository, monkeypatch, capsys) -> None:
    file = repository / "printed.txt"
    file.write_text(printed())
    monkeypatch.setattr(sys, "argv", ["results", "--root", str(repository), "--take", "titles", str(file)])
    results.main()
    assert "3 pages written" in capsys.readouterr().out
    assert "0.026" in (repository / "README.md").read_text()
    monkeypatch.setattr(sys, "argv", ["results", "--root", str(repository), "--run", "nothing"])
    with pytest.raises(SystemExit, match="no experiment is called nothing; there are titles, bench"):
        results.main()


def test_figures_are_short() -> None:
    assert [shown(each) for each in (None, 3, 0.5, -0.0256, 1.234, 12.34, 5472.4)] == [
        "–",
        "3",
        "0.500",
        "−0.026",
        "1.23",
        "12.3",
        "5,472",
    ]
