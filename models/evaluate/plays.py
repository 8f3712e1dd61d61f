"""Whether plays beside votes help a head: ``python -m models.evaluate.plays [--limit N] [--seed N]``.

Simulated listeners of known tastes vote on composed clips, and then play whole pieces whose openings their head
chose. Their habits are known too: the *choosy* hear a piece out by how much they love it, beside what they are used to;
the *patient* nearly always; the *restless* skip six in ten, whatever it is. A whole piece is worth its opening and
something of its own. ``plays.HABIT.VOTES_PLAYS`` is how many more pairs of unheard clips the head with plays foresees
than the one without, of the same listener (baseline: the share without). The likelihood of plays was chosen on the
seeds from 1000 on; report others.
"""

from __future__ import annotations

import argparse
from itertools import islice

import numpy as np
import numpy.typing as npt
from rich.progress import track

from models.evaluate.policies import trial_of
from models.experiments.arguments import positive_int
from models.experiments.report import Metric, Report
from models.metrics.intervals import bootstrap
from models.style.checkpoint import MODEL_HELP, style_argument
from models.style.compose import Composer
from models.taste.evaluation.pool import POOL, Pool, composed_pool, space_of
from models.taste.head import Head, learn_from_plays, preferences_of_plays
from models.taste.policy import Mixture
from models.taste.search import pick
from models.taste.simulated_people import UTILITY_SD, listen, new_head
from models.taste.space import TasteSpace

FloatArray = npt.NDArray[np.float64]

LISTENERS = 20
KINDS = ("linear", "peaked", "tired")
HABITS = ("choosy", "patient", "restless")
VOTES, PLAYS = (10, 20, 40), (20, 60)
OF_ITS_OWN = 1.0  # standard deviation of a whole piece's utility around its opening's
USED_TO = 0.5  # of the middle of what is played, what a choosy listener takes for granted


def heard_out(habit: str, worth: float, generator: np.random.Generator) -> bool:
    """Whether somebody of this ``habit`` hears a piece out that is worth so many standard deviations."""
    chances = {"choosy": 1 / (1 + np.exp(-1.5 * worth)), "patient": 0.9 + 0.08 * np.tanh(worth), "restless": 0.4}
    return bool(generator.random() < chances[habit])


def gains(pool: Pool, space: TasteSpace, kind: str, seed: int) -> dict[tuple[str, int, int], tuple[float, float]]:
    """Of one listener with each habit, after votes and plays: the share foreseen without plays, and with them."""
    trial, generator = trial_of(pool, kind, seed), np.random.default_rng([seed, 3])
    voted_on, bank = np.array_split(trial.played, 2)
    page = listen(
        trial.someone, new_head(space), pool.features, voted_on, mixture=Mixture(composed=0), seed=seed,
        styles=space.together,
    )  # fmt: skip
    after = list(islice(page, max(VOTES)))
    found = {}
    for votes in VOTES:
        head = after[votes - 1]
        for plays in PLAYS:
            best = bank[pick(head, pool.features[bank], 3 * plays)]
            pieces = generator.permutation(best)[:plays]
            worth = (trial.someone.utility[pieces] + OF_ITS_OWN * generator.normal(size=len(pieces))) / UTILITY_SD
            worth -= USED_TO * np.median(worth)
            without = trial.accuracy(pool.features @ head.mean)
            for habit in HABITS:
                told = [heard_out(habit, float(each), generator) for each in worth]
                known = _with_plays(head, pool.features, preferences_of_plays(zip(pieces, told, strict=True)))
                found[habit, votes, plays] = without, trial.accuracy(pool.features @ known.mean)
    return found


def _with_plays(head: Head, features: FloatArray, pairs: list[tuple[int, int]]) -> Head:
    better, worse = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return learn_from_plays(head, features[better], features[worse])


def fill(report: Report, rows: list[dict[tuple[str, int, int], tuple[float, float]]]) -> None:
    """What plays add, by habit and over all, after each number of votes and plays."""
    for votes in VOTES:
        for plays in PLAYS:
            by_habit = {habit: np.array([row[habit, votes, plays] for row in rows]) for habit in HABITS}
            for name, both in {**by_habit, "all": np.mean(list(by_habit.values()), axis=0)}.items():
                figure = bootstrap(both[:, 1] - both[:, 0])
                metric = Metric(figure.value, figure.low, figure.high, figure.n, baseline=float(both[:, 0].mean()))
                report.add(f"plays.{name}.{votes}_{plays}", metric)


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.plays", description=__doc__)
    parser.add_argument("--model", default="default", help=MODEL_HELP)
    parser.add_argument("--limit", type=positive_int, default=LISTENERS, help=f"of each kind and domain ({LISTENERS})")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    bundle = style_argument(arguments.model)
    space = space_of(bundle)
    pool = composed_pool(Composer(bundle), space, "pop", POOL, arguments.seed)
    tasks = [(kind, arguments.seed + number) for kind in KINDS for number in range(arguments.limit)]
    report = Report(
        "evaluate.plays",
        {"hash": pool.hash, "n": len(pool.features)},
        {"version": bundle.version, "sha256": bundle.card.get("sha256")},
        arguments.seed,
    )
    fill(report, [gains(pool, space, kind, seed) for kind, seed in track(tasks, "listening")])
    report.print()


if __name__ == "__main__":
    main()
