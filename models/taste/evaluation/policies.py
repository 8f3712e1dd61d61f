"""Policies that are compared, by name: ours, BoTorch's, and all of them on real listeners.

BoTorch's finds out a taste by a PairwiseGP over clips, and asks the pair of the highest EUBO (Lin et al. 2022). It is
the rival that ``models.evaluate.policies`` measures us by. It knows no ties (a coin decides them) and always asks the
best pair that was not asked before; its hyperparameters are fitted again whenever the votes have doubled. A search for
them that stops early leaves it with what it has; ``Searches`` counts these.

On real listeners each pair that a policy asks is answered by what the listener once said. A third of each listener's
clips is never played, and pairs with one of these are to be told: by a head whose features are the style model's
latents of the clips or, where some can't be encoded, principal components of their statistics. The other clip of such a
pair may have been judged, so these figures compare policies, not heads. Pairs that nobody answered can't be asked, so
with few clips a listener policies differ little in the end: accuracy after few votes is what tells them apart. All
policies share our head; how it compares with PairwiseGP on real listeners is told by ``models.evaluate.taste``.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.progress import track

from models.experiments.report import Metric, Report
from models.metrics.intervals import bootstrap, finite_mean
from models.style.checkpoint import StyleBundle
from models.taste.acquisition import expected_best, pairs_of
from models.taste.evaluation.heads import basis_of
from models.taste.evaluation.study import Study, load_study
from models.taste.head import Head, Outcome
from models.taste.policy import Mixture
from models.taste.simulated_people import Voter, listen

FloatArray = npt.NDArray[np.float64]

STAYS = 5  # votes for which it must be known
ALONE = {"uncertainty": "uncertainty", "bald": "information", "eubo": "eubo", "thompson": "thompson"}
METHODS = ("random", *ALONE, "ours", "fours", "pairwise_gp")

FITTED_AT = (3, 6, 12, 24, 48)  # votes

OURS = tuple(method for method in METHODS if method not in {"pairwise_gp", "fours"})
AFTER = (2, 5, 10)  # votes
SPLITS = 5  # of each listener's clips


def mixture_of(method: str) -> Mixture:
    """What a method draws pairs from."""
    if method == "ours":
        return Mixture(composed=0)
    if method == "random":
        return Mixture(control=1, composed=0, repeat=0)
    alone = {ALONE[method]: 1.0}
    return Mixture(control=0.1, composed=0, learning=alone, contrast=0, closeness=0, novelty=0, repeat=0)


@dataclass
class Searches:
    """How many searches for hyperparameters there were, and how many of them BoTorch warned had stopped early."""

    begun: int = 0
    stopped_early: int = 0


def listen_with_gp(
    someone: Voter,
    features: npt.ArrayLike,
    clips: npt.ArrayLike,
    *,
    seed: int,
    searches: Searches | None = None,
) -> Iterator[FloatArray]:
    """Expected utility of all clips ``(N,)`` after each vote on ``clips`` ``(C,)`` of ``features`` ``(N, F)``.

    Its searches are counted in ``searches``. Raises ``ImportError`` where BoTorch is missing.
    """
    chosen = np.asarray(clips, dtype=np.int64)
    x = np.asarray(features, dtype=np.float64)
    x = (x - x.min(axis=0)) / np.maximum(np.ptp(x, axis=0), 1e-9)  # the unit cube, which its priors are made for
    generator = np.random.default_rng([seed, 1])
    first, second = pairs_of(len(chosen))
    asked = np.zeros(len(first), dtype=np.bool_)
    worth = generator.random(len(first))
    winners: list[tuple[int, int]] = []
    model: Any = None
    counted = Searches() if searches is None else searches
    for votes in range(len(first)):
        row = int(np.where(asked, -np.inf, worth).argmax())
        asked[row] = True
        pair = chosen[[first[row], second[row]]] if generator.random() < 0.5 else chosen[[second[row], first[row]]]
        outcome = someone.vote(int(pair[0]), int(pair[1]), votes, generator)
        left_won = outcome == "left" or (outcome == "equal" and generator.random() < 0.5)
        winners.append((int(pair[0]), int(pair[1])) if left_won else (int(pair[1]), int(pair[0])))
        model = fitted(x, winners, model, seed, counted)
        with torch.no_grad():
            posterior: Any = model.posterior(torch.from_numpy(x))
            mean, covariance = posterior.mean[:, 0].numpy(), posterior.mvn.covariance_matrix.numpy()
        worth = eubo_of(mean[chosen], covariance[np.ix_(chosen, chosen)])
        yield mean


def eubo_of(mean: FloatArray, covariance: FloatArray) -> FloatArray:
    """EUBO of all pairs ``(P,)`` of clips with this joint posterior ``(C,)`` and ``(C, C)``."""
    first, second = pairs_of(len(mean))
    variance = np.diag(covariance)
    spread = variance[first] + variance[second] - 2 * covariance[first, second]
    return expected_best(mean[first], mean[second], np.maximum(spread, 0.0))


def import_botorch() -> Any:
    """BoTorch, which takes seconds to import and comes with the tests only; raises ``ImportError``."""
    with warnings.catch_warnings():  # its own dependencies still use what torch has deprecated
        warnings.simplefilter("ignore", DeprecationWarning)
        import botorch  # noqa: PLC0415 (comes with the tests only)
        import botorch.models.pairwise_gp  # noqa: PLC0415 (comes with the tests only)
    return botorch


def fit(model: Any) -> None:
    """Fit the hyperparameters of a PairwiseGP to its comparisons."""
    botorch = import_botorch()
    likelihood = botorch.models.pairwise_gp.PairwiseLaplaceMarginalLogLikelihood(model.likelihood, model)
    botorch.fit.fit_gpytorch_mll(likelihood)


def fitted(x: FloatArray, winners: list[tuple[int, int]], before: Any, seed: int, searches: Searches) -> Any:
    """The model of all votes so far, with the hyperparameters of ``before`` where they are not fitted again."""
    botorch = import_botorch()
    known, place = np.unique(np.array(winners), return_inverse=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = botorch.models.pairwise_gp.PairwiseGP(
            torch.from_numpy(x[known]), torch.from_numpy(place.reshape(-1, 2).copy())
        )
        if before is not None:
            wanted = {name: value for name, value in before.state_dict().items() if name.startswith("covar_module")}
            model.load_state_dict({**model.state_dict(), **wanted})
        if len(winners) in FITTED_AT:
            stopping = botorch.exceptions.warnings.OptimizationWarning
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always", stopping)
                fit(model)
            early = [each for each in told if issubclass(each.category, stopping)]
            searches.begun += 1
            searches.stopped_early += bool(early)
            for each in told:
                if each not in early:  # nobody else's warning is kept from being heard
                    warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
        model.eval()
    return model


@dataclass(frozen=True)
class Replayed:
    """A listener's answers: (left, right) → outcome, clips by number."""

    answers: dict[tuple[int, int], Outcome]

    def vote(self, left: int, right: int, votes_before: int, generator: np.random.Generator) -> Outcome:
        """What they said of these two."""
        del votes_before, generator
        return self.answers[left, right]


def answers_of(study: Study, listener: int) -> dict[tuple[int, int], Outcome]:
    """Every answer that a listener's judgements give, in both orders."""
    some = study.judgements.choose(study.rows_of(listener))
    if some.rated:
        rows = list(combinations(zip(some.left.tolist(), some.value.tolist(), strict=True), 2))
        given = [(a, b, one - other) for (a, one), (b, other) in rows]
    else:
        given = list(zip(some.left.tolist(), some.right.tolist(), some.value.tolist(), strict=True))
    found: dict[tuple[int, int], Outcome] = {}
    for left, right, lean in given:
        found[left, right] = "left" if lean > 0 else "right" if lean < 0 else "equal"
        found[right, left] = "right" if lean > 0 else "left" if lean < 0 else "equal"
    return found


def curve(study: Study, basis: tuple[FloatArray, FloatArray], listener: int, method: str, seed: int) -> FloatArray:
    """Share of the pairs with an unplayed clip that is told right after 0, 1, ... votes ``(max(AFTER) + 1,)``.

    After the last vote that can be asked it stays as it is; nan where there is nothing to tell or to ask. ``basis`` is
    what ``models.taste.evaluation.heads.basis_of`` gives.
    """
    x, variance = basis
    answers = answers_of(study, listener)
    order = np.random.default_rng([seed, listener]).permutation(sorted({clip for pair in answers for clip in pair}))
    unplayed, played = order[: max(len(order) // 3, 1)], order[max(len(order) // 3, 1) :]
    known = set(unplayed.tolist())
    decided = [pair for pair, said in answers.items() if said == "left" and not known.isdisjoint(pair)]
    closed = [(a, b) for a, b in combinations(range(len(played)), 2) if (int(played[a]), int(played[b])) not in answers]
    found = np.full(max(AFTER) + 1, np.nan)
    if not decided or len(closed) == len(played) * (len(played) - 1) // 2:
        return found
    better, worse = np.array(decided).T
    found[0] = 0.5
    head = Head.of(np.zeros(len(variance)), np.diag(variance), "replay")
    heads = listen(Replayed(answers), head, x, played, mixture=mixture_of(method), seed=seed, closed=closed)
    for votes, after in zip(range(1, len(found)), heads, strict=False):
        utility = x @ after.mean
        found[votes:] = ((np.sign(utility[better] - utility[worse]) + 1) / 2).mean()
    return found


def replayed(
    folder: Path, bundle: StyleBundle, *, limit: int | None = None, seed: int = 0, methods: tuple[str, ...] = OURS
) -> Report:
    """The report on the listeners of ``folder`` (the first ``limit``); gains are over ``random`` where it is asked for.

    Ends the command where none of the ``methods`` is one of ``OURS``; others can't be replayed and are left out.
    """
    asked, methods = methods, tuple(method for method in methods if method in OURS)
    if not methods:
        raise SystemExit(f"{', '.join(asked)} can't be replayed; with --data give --methods of {', '.join(OURS)}")
    if left_out := [method for method in asked if method not in OURS and asked != METHODS]:
        Console(stderr=True).print(f"{', '.join(left_out)} can't be replayed and is left out")
    study = load_study(folder, bundle, limit=limit)
    basis = basis_of(study, "ours")
    report = Report(
        "evaluate.policies",
        {"hash": study.hash, "n": len(study.judgements)},
        {"version": bundle.version, "sha256": bundle.card.get("sha256")},
        seed,
    )
    curves: dict[str, FloatArray] = {}
    for method in methods:
        rows = [
            [curve(study, basis, int(one), method, seed + split) for split in range(SPLITS)]
            for one in track(study.listeners, method, console=Console(stderr=True))
        ]
        curves[method] = np.array([[finite_mean(column) for column in np.array(row).T] for row in rows])
    for votes in AFTER:
        for method in methods:
            key = f"policy.replay.{method}.accuracy_{votes}"
            random = curves["random"][:, votes] if "random" in curves else None
            baseline = None if random is None else finite_mean(random)
            report.add(key, _over_listeners(curves[method][:, votes], baseline, chance=0.5))
            if method != "random" and random is not None:
                gain = curves[method][:, votes] - random
                report.add(f"policy.replay.{method}.gain_{votes}", _over_listeners(gain))
    return report


def _over_listeners(values: FloatArray, baseline: float | None = None, *, chance: float | None = None) -> Metric:
    figure = bootstrap(values[np.isfinite(values)])
    return Metric(figure.value, figure.low, figure.high, figure.n, baseline=baseline, chance=chance)
