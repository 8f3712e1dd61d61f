"""What a newcomer owes the others: ``python -m models.evaluate.newcomers [--data DIR] [--listeners N] [--limit N]``.

A simulated study whose listeners share a taste: each loves the attributes of the notes by a common part, by their place
along one direction in which people differ, and by a part of their own (``COMMON``, ``ALONG`` and the rest of the
variance); some lean to a side, all lapse now and then. Their heads give a population. Newcomers of the same kind then
vote on the pairs that the page would offer, once from the population and once from the fixed prior: how many votes
until clips that were never played are ranked right for five votes on. Clips are composed (with ``--data``: real ones).
What is composed for a listener is measured by ``models.evaluate.for_me``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import chain, islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from models.experiments.arguments import positive_int
from models.experiments.report import Metric, Report
from models.metrics.intervals import bootstrap
from models.style.checkpoint import MODEL_HELP, style_argument
from models.style.compose import Composer
from models.taste.evaluation.policies import STAYS
from models.taste.evaluation.pool import POOL, Pool, composed_pool, real_pool, space_of
from models.taste.head import Head
from models.taste.hierarchy import Evidence, PopulationPrior, learn
from models.taste.policy import Mixture
from models.taste.simulated_people import RANDOM, Person, SharedTaste, listen, new_head, share_ranked_right
from models.taste.space import TasteSpace

FloatArray = npt.NDArray[np.float64]
Accuracy = dict[str, FloatArray]  # beginning: share of unseen pairs ranked right after 0, 1, ... votes (MOST + 1,)

LISTENERS, VOTES_EACH = 60, 40
NEWCOMERS = 20
GOALS = (0.7, 0.75, 0.8)  # of pairs ranked right
AT = (0, 6, 30, 60)  # votes
MOST = 60
BEGINNINGS = ("fixed", "population")


def study(pool: Pool, space: TasteSpace, tastes: SharedTaste, listeners: int, seed: int) -> list[Evidence]:
    """What so many listeners' votes on random pairs say."""
    fixed, found = new_head(space), []
    everything = np.arange(len(pool.features))
    for number in track(range(listeners), "a study", console=Console(stderr=True)):
        someone = tastes.person(np.random.default_rng([seed, 1, number]))
        heads = listen(someone, fixed, pool.features, everything, mixture=RANDOM, seed=seed + number)
        *_, head = islice(heads, VOTES_EACH)
        found.append(Evidence.of(head, fixed))
    return found


def newcomer(pool: Pool, space: TasteSpace, someone: Person, beginnings: dict[str, Head], seed: int) -> Accuracy:
    """``someone`` from each of the ``beginnings``; a third of the pool is unseen."""
    order = np.random.default_rng([seed, 2]).permutation(len(pool.features))
    unseen, played = order[: len(order) // 3], order[len(order) // 3 :]
    x, truth = pool.features[unseen], someone.utility[unseen]
    found = {}
    for name, head in beginnings.items():
        page = listen(
            someone, head, pool.features, played, mixture=Mixture(composed=0), seed=seed, styles=space.together
        )
        found[name] = np.array([share_ranked_right(after, x, truth) for after in chain([head], islice(page, MOST))])
    return found


def fill(report: Report, found: Sequence[Accuracy]) -> None:
    """Votes to each goal and accuracy after some votes from both beginnings, and their difference."""
    for goal in GOALS:
        votes = {name: np.array([_reached(one[name], goal) for one in found], dtype=np.float64) for name in BEGINNINGS}
        baseline = float(votes["fixed"].mean())
        key = f"newcomer.votes_to_{round(goal * 100)}"
        report.add(f"{key}.fixed", _mean(votes["fixed"]))
        report.add(f"{key}.population", _mean(votes["population"], baseline=baseline))
        report.add(f"{key}.spared", _mean(votes["fixed"] - votes["population"]))
    for count in AT:
        right = {name: np.array([one[name][count] for one in found]) for name in BEGINNINGS}
        for name, values in right.items():
            report.add(f"newcomer.accuracy_{count}.{name}", _mean(values, chance=0.5))
        report.add(f"newcomer.accuracy_{count}.gain", _mean(right["population"] - right["fixed"]))


def _reached(accuracy: FloatArray, goal: float) -> int:
    """Votes from which on the goal is held, 0 where it is held from the beginning."""
    held = accuracy >= goal
    return next((votes for votes in range(len(held) - STAYS + 1) if held[votes : votes + STAYS].all()), MOST)


def _mean(values: FloatArray, *, baseline: float | None = None, chance: float | None = None) -> Metric:
    figure = bootstrap(values)
    return Metric(figure.value, figure.low, figure.high, figure.n, baseline=baseline, chance=chance)


def simulate(pool: Pool, space: TasteSpace, *, listeners: int, newcomers: int, seed: int) -> list[Accuracy]:
    """A study, its population, and so many newcomers."""
    tastes = SharedTaste(pool.attributes, seed)
    evidence = study(pool, space, tastes, listeners, seed)
    fixed = PopulationPrior.fixed(new_head(space))
    population = learn(evidence, fixed)
    beginnings = dict(zip(BEGINNINGS, (new_head(space), population.newcomer()), strict=True))
    return [
        newcomer(pool, space, tastes.person(np.random.default_rng([seed, 3, index])), beginnings, seed + index)
        for index in track(range(newcomers), "newcomers", console=Console(stderr=True))
    ]


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.newcomers", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of MIDI and ABC files: its clips instead of composed ones")
    parser.add_argument("--model", default="default", help=MODEL_HELP)
    parser.add_argument("--clips", type=int, default=POOL, help="in the pool")
    parser.add_argument("--listeners", type=positive_int, default=LISTENERS, help="of the study")
    parser.add_argument("--limit", type=positive_int, default=NEWCOMERS, help="newcomers")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    composer = Composer(style_argument(arguments.model))
    space = space_of(composer.bundle)
    if arguments.data is None:
        pool = composed_pool(composer, space, "pop", arguments.clips, arguments.seed)
    else:
        pool = real_pool(composer, space, arguments.data, arguments.clips, arguments.seed)
    report = Report(
        "evaluate.newcomers",
        {"hash": pool.hash, "n": len(pool.features)},
        {"version": composer.version, "sha256": composer.bundle.card.get("sha256")},
        arguments.seed,
    )
    fill(report, simulate(pool, space, listeners=arguments.listeners, newcomers=arguments.limit, seed=arguments.seed))
    report.print()


if __name__ == "__main__":
    main()
