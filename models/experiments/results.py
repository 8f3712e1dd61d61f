"""Pages of what evaluations measured: ``python -m models.experiments.results [--run NAME ...] [--take NAME FILE]``.

``docs/results/experiments.toml`` lists the commands and the figures that other pages quote. The last line of a command
is kept in ``docs/results/NAME.json``, or in ``evaluation.json`` beside the weights that it is of. From these this
command writes ``docs/results/NAME.md``, the list of all results, and the tables between two marks in README.md and the
model cards. No figure is typed by hand.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.experiments import report
from models.experiments.report import Evaluation, Metric
from models.music.corpora import corpora_folder

RESULTS = Path("docs/results")
CONTENTS = RESULTS / "experiments.toml"
WEIGHTS = Path("models/weights")
CORPORA = "$KALLOS_CORPORA"
BEGIN, END = "<!-- figures: make results -->", "<!-- end of figures -->"
BESIDE = ("baseline", "chance", "reference")
UNMEASURED = "not measured here"


class ResultsError(ValueError):
    """A result can't be made or read; the message says which one and why."""


@dataclass(frozen=True)
class Experiment:
    """A command whose result has a page; ``weights`` names the model that keeps the result itself."""

    name: str
    title: str
    about: str
    command: str
    weights: str = ""

    @property
    def page(self) -> Path:
        """Where its page lies, from the top of the repository."""
        return RESULTS / f"{self.name}.md"

    @property
    def label(self) -> str:
        """The command without its arguments: ``evaluate.style``, or ``make bench``."""
        module = self.command.partition("-m models.")[2]
        return module.split()[0] if module else self.command


@dataclass(frozen=True)
class Row:
    """A figure quoted elsewhere; in ``beside`` stands ``{baseline}``, ``{chance}``, ``{reference}`` or ``{FIGURE}``."""

    what: str
    experiment: str
    figure: str
    beside: str = ""


@dataclass(frozen=True)
class Quoted:
    """The table of ``file``: its first ``most`` rows that were measured, or all of those."""

    file: Path
    rows: Sequence[Row]
    most: int | None = None


@dataclass(frozen=True)
class Contents:
    """The experiments, and the tables of files that quote figures."""

    experiments: Mapping[str, Experiment]
    quoted: Sequence[Quoted]


@dataclass(frozen=True)
class Result:
    """What a command printed last, and the command line that printed it."""

    run: str
    evaluation: Evaluation


def read_contents(root: Path) -> Contents:
    """What ``experiments.toml`` lists."""
    data = tomllib.loads((root / CONTENTS).read_text(encoding="utf-8"))
    experiments = [Experiment(**entry) for entry in data["experiment"]]
    quoted = [
        Quoted(Path(entry["file"]), [Row(**row) for row in entry["row"]], entry.get("most"))
        for entry in data.get("quoted", [])
    ]
    return Contents({each.name: each for each in experiments}, quoted)


def read_results(root: Path, experiments: Iterable[Experiment]) -> dict[str, Result]:
    """The recorded results by name; experiments that were never run are missing."""
    found = {}
    for each in experiments:
        if each.weights:
            if kept := report.read_evaluations(root / WEIGHTS / each.weights).get(each.label):
                found[each.name] = Result(each.command, kept)
        elif (path := root / RESULTS / f"{each.name}.json").exists():
            entry = json.loads(path.read_text(encoding="utf-8"))
            found[each.name] = Result(entry["run"], report.check_evaluation(entry["result"], path.name))
    return found


def keep(root: Path, experiment: Experiment, printed: str) -> None:
    """Record the last line of what a command printed. Raises ``ResultsError`` where that is no result."""
    lines = printed.strip().splitlines()
    try:
        result: Any = json.loads(lines[-1] if lines else "")
        report.check_evaluation(result, experiment.name)
    except ValueError as error:
        raise ResultsError(f"{experiment.name}: the last line printed is no result ({error})") from error
    if experiment.weights:
        report.save_evaluation(root / WEIGHTS / experiment.weights, result)
        return
    text = json.dumps({"run": experiment.command, "result": result}, indent=1, ensure_ascii=False, allow_nan=False)
    (root / RESULTS / f"{experiment.name}.json").write_text(text + "\n", encoding="utf-8")


def run(experiment: Experiment) -> str:
    """Run the experiment's command and show what it prints; all of that, too. Raises ``ResultsError``."""
    if CORPORA in experiment.command and corpora_folder() is None:
        raise ResultsError(f"{experiment.name} needs the folder that KALLOS_CORPORA names, and it names none")
    words = shlex.split(experiment.command.replace(CORPORA, str(corpora_folder())))
    program = [sys.executable] if words[0] == "python" else [words[0]]
    printed = []
    with (
        subprocess.Popen(  # noqa: S603 (the commands are the repository's own)
            [*program, *words[1:]], stdout=subprocess.PIPE, text=True, encoding="utf-8"
        ) as process
    ):
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            printed.append(line)
    if process.returncode != 0:
        raise ResultsError(f"{experiment.name}: {experiment.command} ended with {process.returncode}")
    return "".join(printed)


def render(root: Path) -> dict[Path, str]:
    """Each page that this command writes, by its path below ``root``, from what is recorded."""
    contents = read_contents(root)
    results = read_results(root, contents.experiments.values())
    pages = {RESULTS / "README.md": _list(contents.experiments.values(), results)}
    for name, result in results.items():
        pages[contents.experiments[name].page] = _page(contents.experiments[name], result)
    for quoted in contents.quoted:
        table = _quoted(quoted, contents.experiments, results)
        text = (root / quoted.file).read_text(encoding="utf-8")
        pages[quoted.file] = _between_marks(text, table, quoted.file)
    return pages


def shown(value: float | None) -> str:
    """A figure for people: three decimals below one, fewer above; a dash for none."""
    if value is None:
        return "–"
    decimals = (
        0 if abs(value) >= 100 or isinstance(value, int) else 1 if abs(value) >= 10 else 2 if abs(value) > 1 else 3
    )
    return f"{value:,.{decimals}f}".replace("-", "−")


def _list(experiments: Iterable[Experiment], results: Mapping[str, Result]) -> str:
    rows = []
    for each in experiments:
        result = results.get(each.name)
        title = f"[{each.title}]({each.page.name})" if result else each.title
        commit = f"`{result.evaluation.commit[:10]}`" if result else UNMEASURED
        rows.append((title, f"`{result.run if result else each.command}`", commit))
    return "\n".join(
        [
            "# Results",
            "",
            "`make results` writes these pages from recorded results, and nobody types a figure by hand.",
            'With `RUN="titles atlas"` it measures those two anew first, and with `RUN=all` everything.',
            "Each row names the commit that was measured.",
            "",
            *_table(("what", "command", "commit"), rows),
            "",
        ]
    )


def _page(experiment: Experiment, result: Result) -> str:
    found = result.evaluation
    of = {
        "command": f"`{result.run}`",
        "commit": f"`{found.commit}`",
        "data": ", ".join(f"{name} {_plain(value)}" for name, value in found.data.items()),
        "model": f"`{found.model.get('version', '–')}`",
        **({"writer": f"`{found.model['writer']}`"} if found.model.get("writer") else {}),
        "seed": str(found.seed),
    }
    rows = [
        (f"`{name}`", shown(m.value), _interval(m), shown(m.n), *(shown(getattr(m, each)) for each in BESIDE))
        for name, m in found.metrics.items()
    ]
    return "\n".join(
        [
            f"# {experiment.title}",
            "",
            experiment.about,
            "",
            *_table(("", ""), of.items()),
            "",
            *_table(("figure", "value", "95 %", "n", *BESIDE), rows),
            "",
            "[All results](README.md)",
            "",
        ]
    )


def _quoted(quoted: Quoted, experiments: Mapping[str, Experiment], results: Mapping[str, Result]) -> list[str]:
    cells = []
    for row in [row for row in quoted.rows if row.experiment in results][: quoted.most]:
        experiment = experiments[row.experiment]
        metrics = results[row.experiment].evaluation.metrics
        page = Path(os.path.relpath(experiment.page, quoted.file.parent)).as_posix()
        try:
            metric = metrics[row.figure]
            value = f"**{shown(metric.value)}**" + (f" ({_interval(metric)})" if _interval(metric) else "")
            cells.append((row.what, value, _filled(row.beside, metric, metrics), f"[`{experiment.label}`]({page})"))
        except KeyError as error:
            raise ResultsError(f"{row.experiment} has no figure {error}; see {CONTENTS}") from error
    return _table(("what", "Kallos", "beside", "command"), cells)


def _filled(text: str, metric: Metric, metrics: Mapping[str, Metric]) -> str:
    """``text`` with figures in place of the names in braces."""

    def figure(found: re.Match[str]) -> str:
        name = found[1]
        return shown(getattr(metric, name) if name in BESIDE else metrics[name].value)

    return re.sub(r"\{([^}]+)\}", figure, text)


def _plain(value: Any) -> str:
    return "–" if value is None else f"`{value}`" if isinstance(value, str) else json.dumps(value)


def _interval(metric: Metric) -> str:
    return "" if metric.low is None or metric.high is None else f"{shown(metric.low)} to {shown(metric.high)}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def _between_marks(text: str, table: Sequence[str], path: Path) -> str:
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ResultsError(f"{path} must hold the two lines {BEGIN} and {END}")
    return "\n".join([before + begin, *table, end + after])


def _named(names: Sequence[str], experiments: Mapping[str, Experiment]) -> list[Experiment]:
    if unknown := [name for name in names if name not in {*experiments, "all"}]:
        raise ResultsError(f"no experiment is called {', '.join(unknown)}; there are {', '.join(experiments)}")
    return [each for name, each in experiments.items() if name in names or "all" in names]


def main() -> None:
    """Run what was asked for, then write every page."""
    parser = argparse.ArgumentParser(description="Pages of what evaluations measured.")
    parser.add_argument(
        "--run", nargs="+", default=[], metavar="NAME", help="measure these anew first; all of them: all"
    )
    parser.add_argument(
        "--take", nargs=2, metavar=("NAME", "FILE"), help="record what this command printed into a file"
    )
    parser.add_argument("--root", type=Path, default=Path(), help="the repository")
    given = parser.parse_args()
    try:
        experiments = read_contents(given.root).experiments
        if given.take:
            [experiment] = _named(given.take[:1], experiments)
            keep(given.root, experiment, Path(given.take[1]).read_text(encoding="utf-8"))
        for experiment in _named(given.run, experiments):
            keep(given.root, experiment, run(experiment))
        pages = render(given.root)
    except (ResultsError, report.RecordError, OSError) as error:
        raise SystemExit(str(error)) from error
    for path, text in pages.items():
        (given.root / path).write_text(text, encoding="utf-8")
    print(f"{len(pages)} pages written, {given.root / RESULTS}")


if __name__ == "__main__":
    main()
