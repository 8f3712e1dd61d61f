"""Policies on real listeners: each pair that a policy asks is answered by what the listener once said.

A third of each listener's clips is never played, and pairs with one of these are to be told: by a head whose features
are the style model's latents of the clips or, where some can't be encoded, principal components of their statistics.
The other clip of such a pair may have been judged, so these figures compare policies, not heads.
Pairs that nobody answered can't be asked, so with few clips a listener policies differ little in the end: accuracy
after few votes is what tells them apart. All policies share our head; how it compares with PairwiseGP on real
listeners is told by ``models.evaluate.taste``.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from models.experiments.report import Metric, Report
from models.metrics.intervals import bootstrap, finite_mean
from models.style.checkpoint import StyleBundle
from models.taste.evaluation.heads import basis_of
from models.taste.evaluation.policies import METHODS, mixture_of
from models.taste.evaluation.study import Study, load_study
from models.taste.head import Head, Outcome
from models.taste.simulated_people import listen

FloatArray = npt.NDArray[np.float64]

OURS = tuple(method for method in METHODS if method not in {"pairwise_gp", "fours"})
AFTER = (2, 5, 10)  # votes
SPLITS = 5  # of each listener's clips


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
