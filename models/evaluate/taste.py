"""Taste heads on real listeners: ``python -m models.evaluate.taste --data DIR [--seed N] [--limit N] [--model PATH]``.

Forms of DIR: ``models.taste.evaluation.study``; methods: ``models.taste.evaluation.methods``. Protocols: *known* (half
of a listener's judgements known, 20 splits), *unheard* (clips scored by a model that saw no judgement of them, ten
folds over clips, three shuffles), *new_listener_K* (K judgements known) and, for likes, *likes* (as *known*). Every
method answers the same pairs: two ratings of one listener that differ, a decided vote, one liked and one disliked clip.

Instruments: the notes of all parts are merged as if for piano, drums are heard in the sound only, and bar lines are not
used where statistics can do without. Intervals: bootstrap over listeners and clips at once (each pair weighs what its
listener and its two clips were drawn), which counts the noise of single answers several times over (Owen 2007).
Beside it stand the bootstraps over listeners and over clips alone, and a normal interval from their variances, added,
less that of single pairs (``two_way``; Cameron, Gelbach & Miller 2011).
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from models.experiments.arguments import positive_int
from models.experiments.report import Metric, Report
from models.metrics.intervals import NORMAL_95
from models.metrics.preference import binned_error
from models.style.checkpoint import MODEL_HELP, style_argument
from models.taste.evaluation.heads import PAGE, PageHeads
from models.taste.evaluation.methods import LEARNERS, NEW_CLIPS, Answer, People, Task, new_clips
from models.taste.evaluation.study import Pairs, Resampling, Study, accuracy_of, joined, load_study, two_way

FloatArray = npt.NDArray[np.float64]

METHODS = (*PAGE, "average", *LEARNERS)
COMPARED = (
    ("ours", "average"), ("ours", "trees"), ("ours", "page_alone"), ("page_alone", "page_linear"),
    ("page_alone", "page_gp"), ("page_alone", "page_before"),
)  # fmt: skip
SPLITS = 20
SHUFFLES = 3
KNOWN = (0, 1, 2, 4, 8)
POWER = NORMAL_95 + 0.8416212335729143  # of standard errors: found at 95 % in four of five repetitions
THIRDS = ("low", "middle", "high")


@dataclass(frozen=True)
class Outcome:
    """What was asked in a protocol and what each method said: P(left) ``(pairs,)`` by method, None where it can't.

    ``third``: for each pair the third of listeners by agreement with the average on what is known of them.
    """

    pairs: Pairs
    answers: dict[str, Answer | None]
    third: npt.NDArray[np.int64] | None = None
    reference: FloatArray | None = None

    def hits(self, method: str) -> FloatArray | None:
        """1 where the preferred clip was told, 0.5 for no preference, ``(pairs,)``."""
        answer = self.answers.get(method)
        return None if answer is None else accuracy_of(answer.wins, self.pairs.won)


def losses(wins: npt.ArrayLike, won: npt.ArrayLike) -> FloatArray:
    """-log P(what happened) ``(pairs,)``, nats."""
    p = np.clip(np.asarray(wins, dtype=np.float64), 1e-6, 1 - 1e-6)
    return np.asarray(-np.log(np.where(np.asarray(won, dtype=np.bool_), p, 1 - p)), dtype=np.float64)


def half_known(study: Study, seed: int, splits: int = SPLITS) -> list[Task]:
    """Each listener's judgements in two halves, ``splits`` times: one known, the pairs of the other to be told."""
    return [task for split in range(splits) for task in _tasks(study, [seed, 2, split], None)]


def newcomers(study: Study, known: int, seed: int, splits: int = SPLITS) -> list[Task]:
    """Each listener with ``known`` judgements known, drawn anew in each split; one split where nothing is."""
    rounds = splits if known else 1
    return [task for split in range(rounds) for task in _tasks(study, [seed, 3, split], known)]


def _tasks(study: Study, seed: Sequence[int], known: int | None) -> list[Task]:
    generator, tasks = np.random.default_rng(seed), []
    for listener in study.listeners.tolist():
        rows = generator.permutation(study.rows_of(listener))
        count = len(rows) // 2 if known is None else known
        pairs = study.pairs(np.sort(rows[count:]))
        if len(rows) > count and len(pairs):
            tasks.append(Task(listener, rows[:count], pairs))
    return tasks


def asked(people: People, tasks: Sequence[Task], methods: Sequence[str] = METHODS) -> Outcome:
    """Every method on ``tasks``; a method whose library is missing or that can't answer is None."""
    return Outcome(joined([task.pairs for task in tasks]), {name: _tried(name, people, tasks) for name in methods})


def _tried(method: str, people: People, tasks: Sequence[Task]) -> Answer | None:
    try:
        return people.answer(method, tasks)
    except ImportError as error:
        Console(stderr=True).print(f"{method} is left out: {error.name} is not installed (pip install {error.name})")
        return None


def by_agreement(people: People, tasks: Sequence[Task]) -> npt.NDArray[np.int64]:
    """For each pair of ``tasks`` (one split) the third of its listener by agreement with the average.

    Agreement is how often the average is right on what is known alone: on the pairs asked it would pick the
    listeners with whom the average is lucky there.
    """
    study = people.study
    known = [Task(task.listener, task.known[:0], study.pairs(np.sort(task.known))) for task in tasks]
    answer = people.answer("average", known)
    hits = accuracy_of(answer.wins, joined([task.pairs for task in known]).won)
    parts = np.split(hits, np.cumsum([len(task.pairs) for task in known])[:-1])
    share = np.array([part.mean() if len(part) else 0.5 for part in parts])
    generator = np.random.default_rng(people.seed)
    rank = np.empty(len(share), dtype=np.int64)
    rank[np.lexsort((generator.random(len(share)), share))] = np.arange(len(share))
    return np.repeat(rank * 3 // len(rank), [len(task.pairs) for task in tasks])


def unheard(study: Study, seed: int, methods: Sequence[str] = METHODS) -> Outcome:
    """All pairs of the study, three times, from scores of clips that nobody had judged."""
    pairs = study.pairs(np.arange(len(study.judgements)))
    answers: dict[str, Answer | None] = dict.fromkeys(methods)
    for method in [each for each in NEW_CLIPS if each in methods]:
        try:
            found = [new_clips(study, method, pairs, seed + shuffle) for shuffle in range(SHUFFLES)]
        except ImportError as error:
            Console(stderr=True).print(f"{method} is left out: {error.name} is not installed")
            continue
        answers[method] = Answer(np.concatenate([one.wins for one in found]), sum(one.seconds for one in found))
    return Outcome(joined([pairs] * SHUFFLES), answers)


def outcomes(study: Study, seed: int, methods: Sequence[str] = METHODS) -> dict[str, Outcome]:
    """Every protocol that the study's form allows."""
    people = People(study, seed)
    tasks = half_known(study, seed)
    if not tasks:
        raise SystemExit(
            "no listener has a pair to tell once half is kept back; add judgements: four a listener will do"
        )
    found = asked(people, tasks, methods)
    thirds = [by_agreement(people, part) for part in _by_split(tasks)]
    known = Outcome(found.pairs, found.answers, np.concatenate(thirds))
    if study.form == "likes":
        return {"likes": known}
    protocols = {"known": known, "unheard": unheard(study, seed, methods)}
    for count in KNOWN:
        some = newcomers(study, count, seed)
        if not some:
            continue
        outcome = asked(people, some, methods)
        blank = [Task(task.listener, task.known[:0], task.pairs) for task in some]
        reference = people.answer("ours", blank).wins if "ours" in methods else None
        protocols[f"new_listener_{count}"] = Outcome(outcome.pairs, outcome.answers, reference=reference)
    return protocols


def _by_split(tasks: Sequence[Task]) -> list[list[Task]]:
    """Tasks split where the listeners begin anew."""
    parts: list[list[Task]] = []
    for task in tasks:
        if not parts or task.listener <= parts[-1][-1].listener:
            parts.append([])
        parts[-1].append(task)
    return parts


def fill(report: Report, protocols: dict[str, Outcome], seed: int) -> None:
    """All metrics of all protocols, differences first."""
    for name, outcome in protocols.items():
        draws = Resampling(outcome.pairs, seed=seed)
        for mine, other in COMPARED:
            ours, theirs = outcome.hits(mine), outcome.hits(other)
            if ours is not None and theirs is not None:
                key, gap = f"taste.{name}.{mine}_minus_{other}", ours - theirs
                report.add(f"{key}.accuracy", draws.metric(gap))
                report.add(f"{key}.smallest", Metric(POWER * float(np.nanstd(draws.means(gap)))))
                over_listeners = Resampling(outcome.pairs, seed=seed, clips=False)
                over_clips = Resampling(outcome.pairs, seed=seed, listeners=False)
                report.add(f"{key}.accuracy_over_listeners", over_listeners.metric(gap))
                report.add(f"{key}.accuracy_over_clips", over_clips.metric(gap))
                report.add(f"{key}.accuracy_two_way", two_way(over_listeners, over_clips, gap))
                if (mine, other) == ("ours", "average") and outcome.third is not None:
                    for number, third in enumerate(THIRDS):
                        report.add(f"taste.{name}.agreement_{third}.ours_minus_average", _part(outcome, number, seed))
        if outcome.reference is not None:
            ours = outcome.hits("ours")
            if ours is not None:
                gain = ours - accuracy_of(outcome.reference, outcome.pairs.won)
                report.add(f"taste.{name}.ours_minus_population.accuracy", draws.metric(gain))
        for method in outcome.answers:
            _add(report, name, method, outcome, draws)


def _part(outcome: Outcome, third: int, seed: int) -> Metric:
    """Ours minus average among the pairs of one third of the listeners."""
    ours, average = outcome.hits("ours"), outcome.hits("average")
    if ours is None or average is None or outcome.third is None:
        return Metric(None)
    at = outcome.third == third
    pairs = Pairs(outcome.pairs.listener[at], outcome.pairs.left[at], outcome.pairs.right[at], outcome.pairs.won[at])
    return Resampling(pairs, seed=seed).metric((ours - average)[at])


def _add(report: Report, protocol: str, method: str, outcome: Outcome, draws: Resampling) -> None:
    key, answer = f"taste.{protocol}.{method}", outcome.answers.get(method)
    hits = outcome.hits(method)
    if answer is None or hits is None:
        for figure in ("accuracy", "log_loss", "calibration_error", "seconds"):
            report.add(f"{key}.{figure}", Metric(None))
        return
    beside = outcome.hits("trees" if protocol == "unheard" else "average")
    baseline = None if beside is None else float(beside.mean())
    report.add(f"{key}.accuracy", draws.metric(hits, baseline=baseline, chance=0.5))
    report.add(f"{key}.log_loss", draws.metric(losses(answer.wins, outcome.pairs.won), chance=math.log(2)))
    error = binned_error(answer.wins, outcome.pairs.won)
    report.add(f"{key}.calibration_error", Metric(error, n=len(draws.unique)))
    report.add(f"{key}.seconds", Metric(answer.seconds))


def shared(report: Report, study: Study) -> None:
    """How much of what listeners hear in clips is common to them; adds ``taste.variance.*``.

    Variances of utility over clips, as they explain all judgements best; no interval.
    """
    heads = PageHeads(study)
    population, found = heads.learned(study.listeners.tolist())
    if found is None:
        return
    people = population.newcomer().covariance
    common = found.variances.features + sum(found.variances.statistics) + found.variances.clip
    personal = float(np.sum(people * np.cov(heads.x.T)))
    listeners = len(study.listeners)
    report.add("taste.variance.common", Metric(common, n=listeners))
    report.add("taste.variance.personal", Metric(personal, n=listeners))
    report.add("taste.variance.common_share", Metric(common / (common + personal), n=listeners))


def smallest_first(report: Report, study: Study, protocols: dict[str, Outcome]) -> None:
    """What these data can show at all, before anything that they do."""
    title = "smallest difference in accuracy that these data could show (95 %, power 80 %)"
    table = Table("protocol", "pairs", "listeners", "clips", "ours - average", "ours - trees", title=title)
    for name, outcome in protocols.items():
        pairs = outcome.pairs
        gaps = [report.metrics.get(f"taste.{name}.ours_minus_{other}.smallest") for other in ("average", "trees")]
        unique = len(np.unique(np.stack([pairs.listener, pairs.left, pairs.right], axis=1), axis=0))
        clips = len(np.unique(np.concatenate([pairs.left, pairs.right])))
        cells = ["" if gap is None or gap.value is None else f"{gap.value:.3f}" for gap in gaps]
        table.add_row(name, str(unique), str(len(np.unique(pairs.listener))), str(clips), *cells)
    console = Console(width=120)
    console.print(table)
    console.print(
        f"{len(study.listeners)} listeners, {len(study.clips)} clips, {len(study.judgements)} judgements, features of "
        f"{', '.join(study.features)}"
        + (f"; {study.left_out} keys left out, {len(study.listeners)} left" if study.form == "likes" else "")
    )


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.taste", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with ratings.csv or votes.csv and the clips")
    parser.add_argument("--model", default="default", help=MODEL_HELP)
    parser.add_argument("--limit", type=positive_int, help="only the first so many listeners")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS, help="only these (all of them)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    if not arguments.data.is_dir():
        raise SystemExit(f"--data is {arguments.data}, which is no folder; give a folder with ratings.csv or votes.csv")
    if arguments.limit is not None and arguments.limit < 3:
        raise SystemExit(f"--limit is {arguments.limit}; at least 3 listeners are needed: give 3 or more")
    if arguments.seed < 0:
        raise SystemExit(f"--seed is {arguments.seed}; 0 or more is allowed: give another")
    bundle = style_argument(arguments.model)
    study = load_study(arguments.data, bundle, limit=arguments.limit)
    protocols = outcomes(study, arguments.seed, arguments.methods)
    report = Report(
        "evaluate.taste",
        {"hash": study.hash, "n": len(study.judgements)},
        {"version": bundle.version, "sha256": bundle.card.get("sha256")},
        arguments.seed,
    )
    shared(report, study)
    fill(report, protocols, arguments.seed)
    smallest_first(report, study, protocols)
    report.print()


if __name__ == "__main__":
    main()
