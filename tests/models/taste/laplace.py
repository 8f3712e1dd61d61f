"""The Laplace posterior of all votes at once, by Newton's method: what the head's one-vote updates are held against."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from models.taste.bradley_terry import INFORMATIVE, FloatArray, Head, Outcome, davidson


def fit(prior: Head, differences: npt.ArrayLike, outcomes: Sequence[Outcome]) -> Head:
    """The Laplace posterior of all votes at once, from ``prior`` (its mean and covariance).

    ``differences``: ``(votes, F)``, left minus right; votes that don't inform are left out. Unlike a chain of
    ``update`` it does not depend on the order of the votes. Raises ``ValueError`` on shapes that don't fit.
    """
    size = len(prior.mean)
    rows = np.atleast_2d(np.asarray(differences, dtype=np.float64))
    kept = [index for index, outcome in enumerate(outcomes) if outcome in INFORMATIVE]
    if not kept:
        return prior
    if rows.shape != (len(outcomes), size):
        raise ValueError(f"differences {rows.shape} for {len(outcomes)} outcomes and {size} features")
    rows = rows[kept]
    sign = np.array([{"left": 0.5, "right": -0.5, "equal": 0.0}[outcomes[index]] for index in kept])
    equal = (sign == 0).astype(np.float64)
    start = np.concatenate([prior.mean, [prior.tie]])
    precision = np.zeros((size + 1, size + 1))
    precision[:size, :size] = np.linalg.inv(prior.covariance)
    precision[size, size] = 1 / prior.tie_variance

    def objective(point: FloatArray) -> float:
        half = rows @ point[:size] / 2
        log_total = np.logaddexp(np.logaddexp(half, -half), point[size])
        off = point - start
        return float((2 * sign * half + equal * point[size] - log_total).sum() - off @ precision @ off / 2)

    point = start.copy()
    value = objective(point)
    for _ in range(100):
        gradient, information = _votes_gradient(rows, sign, equal, point)
        gradient -= precision @ (point - start)
        step = np.linalg.solve(information + precision, gradient)
        size_of_step = 1.0
        while (new := objective(point + size_of_step * step)) < value - 1e-12 and size_of_step > 1e-6:
            size_of_step /= 2
        point, value = point + size_of_step * step, new
        if np.abs(step).max() < 1e-9:
            break
    covariance = np.linalg.inv(_votes_gradient(rows, sign, equal, point)[1] + precision)
    covariance = (covariance + covariance.T) / 2
    return replace(
        prior,
        mean=point[:size],
        covariance=covariance[:size, :size],
        tie=float(point[size]),
        tie_variance=float(covariance[size, size]),
        votes_seen=prior.votes_seen + len(kept),
    )


def _votes_gradient(
    rows: FloatArray, sign: FloatArray, equal: FloatArray, point: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Gradient ``(F + 1,)`` and negative Hessian ``(F + 1, F + 1)`` of all votes' log-likelihood at ``point``."""
    probability = davidson(rows @ point[:-1], point[-1])
    lean = (probability.left - probability.right) / 2
    gradient = np.concatenate([rows.T @ (sign - lean), [(equal - probability.equal).sum()]])
    information = np.empty((len(point), len(point)))
    information[:-1, :-1] = (rows * ((1 - probability.equal) / 4 - lean**2)[:, None]).T @ rows
    information[-1, :-1] = information[:-1, -1] = rows.T @ (-lean * probability.equal)
    information[-1, -1] = (probability.equal * (1 - probability.equal)).sum()
    return gradient, information
