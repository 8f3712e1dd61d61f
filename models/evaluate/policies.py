"""How few votes a policy needs to know a taste: ``python -m models.evaluate.policies [--data DIR] [--limit N]``.

Simulated listeners of six kinds vote on pairs of composed clips. A vote count is enough when, from it on for five
votes, pairs of clips that were never played are told at 90 % of the listener's own ceiling: the accuracy of a Gaussian
process that was told the true utility of every played clip. ``votes_to_90`` is its mean, with ``MOST`` in place of
more. Each policy stands alone (with 10 % random pairs), *ours* is the mixture that the page uses; *fours* are picks of
the most beautiful of four, drawn as the page draws them, with the clips heard for it beside those of pairs. With
``--data`` real listeners' ratings are replayed instead: each pair that is asked is answered by the two ratings.

The mixture was chosen on the seeds from 1000 on; report others.
"""

from __future__ import annotations

import argparse
import math
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.progress import track
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, WhiteKernel

from models.experiments.arguments import positive_int
from models.experiments.report import Metric, Report
from models.metrics.intervals import bootstrap, paired_ratio, wilson
from models.style.checkpoint import MODEL_HELP, style_argument
from models.style.compose import Composer
from models.taste.evaluation.gifts import POOL, Pool, composed_pool, space_of
from models.taste.evaluation.policies import METHODS, STAYS, Searches, listen_with_gp, mixture_of, replayed
from models.taste.head import Head
from models.taste.policy import Mixture
from models.taste.simulated_people import KINDS, Person, listen, listen_to_fours, person
from models.taste.space import TasteSpace

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MOST = 60
SEEDS = 20  # listeners of each kind
GOAL = 0.9
CLIPS = {"ours": 2, "fours": 4}  # that are heard for each vote
SEARCHES = ("gp_searches", "gp_stopped_early")  # of PairwiseGP for hyperparameters, beside the methods


@dataclass(frozen=True)
class Trial:
    """One listener: clips that are ``played``, and pairs of others, ``first`` being better with ``chance``."""

    someone: Person
    played: IntArray
    first: IntArray
    second: IntArray
    chance: FloatArray

    def accuracy(self, utility: FloatArray) -> float:
        """Expected share of decided votes on the pairs that ``utility`` ``(N,)`` of all clips foresees."""
        lean = np.sign(utility[self.first] - utility[self.second])
        return float((0.5 + lean * (self.chance - 0.5)).mean())


def trial_of(pool: Pool, kind: str, seed: int) -> Trial:
    """A listener of this kind; a third of the pool is never played to them."""
    generator = np.random.default_rng([seed, KINDS.index(kind)])
    someone = person(kind, pool.attributes, generator)
    order = generator.permutation(len(pool.features))
    unseen, played = order[: len(order) // 3], order[len(order) // 3 :]
    first, second = (unseen[index] for index in np.triu_indices(len(unseen), 1))
    return Trial(someone, played, first, second, someone.wins(first, second))


def ceiling(pool: Pool, trial: Trial) -> float:
    """Accuracy where the true utility of every played clip is known."""
    kernel = ConstantKernel() * RBF(3.0) + ConstantKernel() * DotProduct(0, "fixed") + WhiteKernel(0.1)
    told = GaussianProcessRegressor(kernel, normalize_y=True, random_state=0)
    with warnings.catch_warnings():
        # a part that a listener lacks is driven to its bound; a search that fails is still told
        warnings.filterwarnings("ignore", ".*close to the specified (lower|upper) bound", ConvergenceWarning)
        told.fit(pool.features[trial.played], trial.someone.utility[trial.played])
    return trial.accuracy(np.asarray(told.predict(pool.features), dtype=np.float64))


def learned(
    pool: Pool, space: TasteSpace, trial: Trial, method: str, seed: int, *, searches: Searches | None = None
) -> Iterator[FloatArray]:
    """What a method thinks of all clips ``(N,)`` after each vote; PairwiseGP's ``searches`` are counted."""
    if method == "pairwise_gp":
        yield from listen_with_gp(trial.someone, pool.features, trial.played, seed=seed, searches=searches)
        return
    head = Head.of(space.prior_mean, space.prior_covariance, space.version)
    if method == "fours":
        for after in listen_to_fours(
            trial.someone, head, pool.features, trial.played, mixture=Mixture(composed=0), seed=seed,
            styles=space.together,
        ):  # fmt: skip
            yield pool.features @ after.mean
        return
    mixture = mixture_of(method)
    for after in listen(
        trial.someone, head, pool.features, trial.played, mixture=mixture, seed=seed, styles=space.together
    ):
        yield pool.features @ after.mean


def votes_until(accuracies: Iterator[float], goal: float) -> int:
    """Votes after which the accuracy stays at the goal for ``STAYS`` votes; ``MOST`` where they are more or it ends."""
    reached = 0
    for votes, accuracy in enumerate(accuracies, 1):
        reached = reached + 1 if accuracy >= goal else 0
        if reached == STAYS or votes == MOST + STAYS - 1:
            return min(votes - STAYS + 1, MOST) if reached == STAYS else MOST
    return MOST


def votes_needed(pool: Pool, space: TasteSpace, kind: str, seed: int, methods: tuple[str, ...]) -> dict[str, float]:
    """Votes to 90 % by method for one listener, nan where its library is missing; with PairwiseGP its ``SEARCHES``."""
    torch.set_num_threads(1)
    trial = trial_of(pool, kind, seed)
    goal = GOAL * ceiling(pool, trial)
    found, searches = {}, Searches()
    for method in methods:
        try:
            thoughts = learned(pool, space, trial, method, seed, searches=searches)
            found[method] = float(votes_until((trial.accuracy(each) for each in thoughts), goal))
        except ImportError as error:
            Console(stderr=True).print(f"{method} is left out: {error.name} is not installed")
            found[method] = math.nan
    if "pairwise_gp" in methods:
        found |= zip(SEARCHES, (searches.begun, searches.stopped_early), strict=True)
    return found


def _needed(pool: Pool, space: TasteSpace, methods: tuple[str, ...], task: tuple[str, int]) -> dict[str, float]:
    return votes_needed(pool, space, *task, methods)


def simulate(
    pool: Pool, space: TasteSpace, seeds: list[int], *, methods: tuple[str, ...] = METHODS, processes: int = 1
) -> dict[str, dict[str, FloatArray]]:
    """Kind → method → votes ``(seeds,)``, and with PairwiseGP kind → one of ``SEARCHES`` → how many ``(seeds,)``."""
    tasks = [(kind, seed) for kind in KINDS for seed in seeds]
    needed = partial(_needed, pool, space, methods)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) if processes > 1 else nullcontext() as workers:
        answers = workers.map(needed, tasks) if workers else map(needed, tasks)
        rows = list(track(answers, "listening", total=len(tasks), console=Console(stderr=True)))
    return {
        kind: {
            method: np.array([row[method] for (one, _), row in zip(tasks, rows, strict=True) if one == kind])
            for method in rows[0]
        }
        for kind in KINDS
    }


def fill(report: Report, votes: dict[str, dict[str, FloatArray]]) -> None:
    """The votes that each method needs, the share of listeners that it learned, and ours beside random and the GP."""
    for kind, whole in votes.items():
        found = {method: counts for method, counts in whole.items() if method not in SEARCHES}
        random = float(found["random"].mean()) if "random" in found else None
        for method, counts in found.items():
            baseline = None if method == "random" else random
            report.add(f"policy.{kind}.{method}.votes_to_90", _mean(counts, baseline))
        for method, counts in found.items():
            report.add(f"policy.{kind}.{method}.learned", _mean(np.where(np.isnan(counts), np.nan, counts < MOST)))
        if "ours" in found and "random" in found:
            report.add(f"policy.{kind}.ours.share_of_random", _ratio(found["ours"], found["random"]))
        if "ours" in found and "fours" in found:
            report.add(f"policy.{kind}.fours.share_of_pairs", _ratio(found["fours"], found["ours"]))
            for method, clips in CLIPS.items():
                baseline = None if method == "ours" else CLIPS["ours"] * float(found["ours"].mean())
                report.add(f"policy.{kind}.{method}.clips_to_90", _mean(clips * found[method], baseline))
        if "pairwise_gp" in found and "ours" in found:
            report.add(f"policy.{kind}.ours.less_than_gp", _mean(found["pairwise_gp"] - found["ours"]))
        if "pairwise_gp" in found:
            begun, early = (int(whole[name].sum()) for name in SEARCHES)
            report.add(f"policy.{kind}.pairwise_gp.stopped_early", _share(early, begun))
    if all({"ours", "random"} <= set(whole) for whole in votes.values()):
        ours, random_pairs = (np.concatenate([whole[name] for whole in votes.values()]) for name in ("ours", "random"))
        report.add("policy.ours.share_of_random", _ratio(ours, random_pairs))


def _mean(values: FloatArray, baseline: float | None = None) -> Metric:
    if np.isnan(values).any():
        return Metric(None)
    figure = bootstrap(values)
    return Metric(figure.value, figure.low, figure.high, figure.n, baseline=baseline)


def _share(some: int, all_: int) -> Metric:
    figure = wilson(some, all_)
    return Metric(figure.value, figure.low, figure.high, figure.n) if all_ else Metric(None)


def _ratio(ours: FloatArray, others: FloatArray) -> Metric:
    figure = paired_ratio(ours, others)
    return Metric(figure.value, figure.low, figure.high, figure.n, baseline=1.0)


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.policies", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with ratings.csv and clips: its listeners instead")
    parser.add_argument("--model", default="default", help=MODEL_HELP)
    parser.add_argument(
        "--limit", type=positive_int, help=f"listeners of each kind ({SEEDS} if simulated, all if real)"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS, help="only these (all of them)")
    parser.add_argument("--processes", type=int, default=1)
    arguments = parser.parse_args(argv)
    methods = tuple(method for method in METHODS if method in arguments.methods)
    bundle = style_argument(arguments.model)
    if arguments.data is not None:
        if not arguments.data.is_dir():
            raise SystemExit(
                f"--data is {arguments.data}, which is no folder; give a folder with ratings.csv and clips"
            )
        replayed(arguments.data, bundle, limit=arguments.limit, seed=arguments.seed, methods=methods).print()
        return
    space = space_of(bundle)
    pool = composed_pool(Composer(bundle), space, "pop", POOL, arguments.seed)
    seeds = [arguments.seed + index for index in range(arguments.limit or SEEDS)]
    report = Report(
        "evaluate.policies",
        {"hash": pool.hash, "n": len(pool.features)},
        {"version": bundle.version, "sha256": bundle.card.get("sha256")},
        arguments.seed,
    )
    fill(report, simulate(pool, space, seeds, methods=methods, processes=arguments.processes))
    report.print()


if __name__ == "__main__":
    main()
