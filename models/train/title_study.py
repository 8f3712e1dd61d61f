"""Train every variant of the title towers, and ablations, each with several seeds, and test them all once at the end:
``python -m models.train.title_study --preset tiny|cpu|gpu [--seeds N] [--data DIR] [--out DIR] [--resume]``.

Runs lie in ``OUT/VARIANT[-no_INFORMATION]-SEED`` as those of ``models.train.titles`` do; ``--resume`` leaves those that
have ended as they are and goes on with the rest. When all have ended they are asked about the test tunes
(``models.title.evaluation``), and what they find goes to ``OUT/log.jsonl``: nothing is chosen by it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import torch
from rich.progress import Progress

from models.experiments.provenance import commit
from models.experiments.run_log import RunLog, rows
from models.music.notes import MusicError
from models.title import title_encoders
from models.title.evaluation import (
    Condition,
    EvaluationTunes,
    Outcome,
    outcome_of,
    read_material,
    results,
    ridge_outcome,
)
from models.title.training import (
    LINEAR,
    PRESETS,
    REMOVABLE,
    VARIANTS,
    Preset,
    TitleRun,
    chosen_variants,
    run_parallel,
    train_all,
)
from models.title.tunes import Tune, make_pool, training_parts, tunes_hash
from models.title.two_tower import TitleBundle, load_towers

MELODIES = ("bag", "cnn", "rnn", "attention", "transformer", "style_frozen", "style_tuned", "style_scratch")
STUDIED = (LINEAR, *(f"{melody}-bag" for melody in MELODIES), "cnn-cnn", "cnn-rnn")
SENTENCE_STUDIED = "cnn-sentence"  # where a sentence encoder is installed
ABLATED = (LINEAR, "cnn-cnn")
SEEDS = 3


@dataclass(frozen=True)
class Study:
    """The conditions, in the order in which they are trained, and the seeds of each."""

    preset_name: str
    preset: Preset
    conditions: tuple[Condition, ...]
    seeds: tuple[int, ...]

    def runs(self, parts: Mapping[str, Sequence[Tune]]) -> Iterator[tuple[Condition, TitleRun]]:
        """Every run with its condition."""
        for condition in self.conditions:
            for seed in self.seeds:
                run = TitleRun(self.preset_name, self.preset, condition.variant, seed, condition.without, parts)
                yield condition, run


def conditions_of(variants: Sequence[str], ablated: Sequence[str], removed: Sequence[str]) -> tuple[Condition, ...]:
    """The variants, and those ``ablated`` without each of what is ``removed``."""
    whole = dict.fromkeys([*variants, *ablated])
    return (*map(Condition, whole), *(Condition(variant, (name,)) for variant in ablated for name in removed))


def test_tunes_of(bundle: TitleBundle, parts: Mapping[str, Sequence[Tune]], data: Path | None) -> EvaluationTunes:
    """The test tunes: O'Neill's, with CRE for the probe, or the test part of a folder; raises ``MusicError``."""
    if data is None:
        material = read_material(bundle, None, None)
        return EvaluationTunes(make_pool(material.pool), material.known, material.elsewhere)
    if len(parts["test"]) < 2:
        raise MusicError(f"{data} leaves {len(parts['test'])} tunes to test on; at least 2 are needed")
    return EvaluationTunes(make_pool(parts["test"]), [*parts["train"], *parts["validation"]], parts["test"])


def test_all(study: Study, parts: Mapping[str, Sequence[Tune]], out: Path, data: Path | None, jobs: int) -> int:
    """Ask every run about the test tunes and write what they find to ``out/log.jsonl``; how many results there are."""
    runs = list(study.runs(parts))
    test_tunes = test_tunes_of(load_towers(out / runs[0][1].name), parts, data)
    about = {
        "what": "study",
        "run": out.name,
        "preset": study.preset_name,
        "steps": study.preset.steps,
        "seeds": study.seeds,
        "conditions": [asdict(condition) for condition in study.conditions],
        "commit": commit(),
        "data": tunes_hash(parts["train"]),
        "test": {"hash": tunes_hash(test_tunes.pool.tunes), "tunes": len(test_tunes.pool.tunes)},
    }
    outcomes: dict[Condition, dict[int, Outcome]] = {}
    asked = [(out / run.name, run.seed) for _, run in runs]
    tested = partial(outcome_in, test_tunes=test_tunes)
    with Progress() as progress:
        found = run_parallel(tested, asked, jobs)
        for (condition, run), outcome in zip(runs, progress.track(found, len(runs), description="test"), strict=True):
            outcomes.setdefault(condition, {})[run.seed] = outcome
    with RunLog(out / "log.jsonl") as log:
        log.write("run", **about)
        for row in results(outcomes, ridge_outcome(parts["train"], test_tunes), test_tunes):
            log.write("result", **row)
        log.write("end", reason="tested", results=log.lines - 1)
    return log.lines - 2


def outcome_in(asked: tuple[Path, int], test_tunes: EvaluationTunes) -> Outcome:
    """What the towers in a folder make of the test tunes; ``asked`` is the folder and the run's seed."""
    folder, seed = asked
    return outcome_of(load_towers(folder).towers, test_tunes, seed)


def has_tested(study: Study, out: Path) -> bool:
    """Whether ``out`` holds the results of this very study."""
    found = rows(out / "log.jsonl")
    wanted = [{"variant": each.variant, "without": list(each.without)} for each in study.conditions]
    return (
        bool(found)
        and found[-1]["kind"] == "end"
        and (found[0]["conditions"], found[0]["seeds"]) == (wanted, list(study.seeds))
        and found[0]["steps"] == study.preset.steps
    )


def _names(text: str | None, otherwise: Sequence[str], allowed: Sequence[str], option: str) -> tuple[str, ...]:
    names = tuple(otherwise) if text is None else tuple(name for name in text.split(",") if name)
    if unknown := [name for name in names if name not in allowed]:
        raise SystemExit(f"{option} {','.join(unknown)} was given; there are {', '.join(allowed)}")
    return names


def study_of(given: argparse.Namespace) -> Study:
    """The study that the command line asks for; raises ``SystemExit`` where it can't be."""
    preset = PRESETS[given.preset]
    if given.steps:
        preset = replace(preset, steps=given.steps)
    ablated = _names(given.ablated, ABLATED, VARIANTS, "--ablated")
    if deaf := [name for name in ablated if name.startswith("style")]:
        raise SystemExit(f"--ablated {','.join(deaf)} was given; a style encoder hears whole bars")
    there = (*STUDIED, *([SENTENCE_STUDIED] if title_encoders.sentences_available() else []))
    conditions = conditions_of(
        chosen_variants(given.variants or ",".join(there), preset),
        ablated,
        _names(given.without, REMOVABLE, REMOVABLE, "--without"),
    )
    if not conditions or given.seeds < 1:
        raise SystemExit(f"--variants and --ablated name {len(conditions)} conditions, --seeds is {given.seeds}")
    return Study(given.preset, preset, conditions, tuple(range(given.seed, given.seed + given.seeds)))


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.train.title_study", description=__doc__)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="tiny")
    parser.add_argument("--data", type=Path, help="folder of ABC files instead of the corpora")
    parser.add_argument("--out", type=Path, default=Path("runs/study"))
    parser.add_argument("--resume", action="store_true", help="go on with the study in OUT")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many seeds each condition is trained with")
    parser.add_argument("--variants", help="names with commas between, instead of all")
    parser.add_argument("--ablated", help=f"variants that information is taken from, instead of {', '.join(ABLATED)}")
    parser.add_argument("--without", help=f"information to take away, instead of all: {', '.join(REMOVABLE)}")
    parser.add_argument("--steps", type=int, help="optimiser steps of a run at most, instead of the preset's")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--jobs", type=int, default=1, help="runs that are trained side by side, each in a process")
    given = parser.parse_args(argv)
    study, out = study_of(given), Path(given.out)
    out.mkdir(parents=True, exist_ok=True)
    if given.resume and not (out / "split.json").exists():
        raise SystemExit(f"there is no study in {out} to resume; leave out --resume to begin")
    if given.resume and has_tested(study, out):
        print(f"the study in {out} has ended and its test tunes were asked; nothing is left to do")
        return
    try:
        parts = training_parts(given.data, out, again=given.resume)
        runs = [run for _, run in study.runs(parts)]
        begun = time.monotonic()
        train_all(runs, out, resume=given.resume, device=given.device, jobs=given.jobs)
        seconds = (time.monotonic() - begun) / len(runs)
        found = test_all(study, parts, out, given.data, given.jobs)
    except MusicError as error:
        raise SystemExit(f"nothing to study: {error}") from error
    print(f"{out}: {len(runs)} runs, {seconds:.1f} s each, {found} results in {out / 'log.jsonl'}")


if __name__ == "__main__":
    main()
