"""BoTorch's way to find out a taste: a PairwiseGP over clips, and the pair of the highest EUBO (Lin et al. 2022).

The rival that ``models.evaluate.policies`` measures us by. It knows no ties (a coin decides them) and always asks the
best pair that was not asked before; its hyperparameters are fitted again whenever the votes have doubled. A search for
them that stops early leaves it with what it has; ``Searches`` counts these.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from models.taste.acquisition import expected_best, pairs_of
from models.taste.simulated_people import Voter

FloatArray = npt.NDArray[np.float64]

FITTED_AT = (3, 6, 12, 24, 48)  # votes


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
