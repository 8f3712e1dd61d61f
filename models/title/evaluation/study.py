"""What a study of title towers found, on its test tunes: every variant, what each ablation costs, what a probe reads.

A condition is a variant, perhaps without some information, trained with several seeds. A query's figure is its mean
over them, and intervals are bootstraps over groups of near-duplicates: they say how sure a figure is of other tunes;
how much a seed matters, the seeds' own figures show. Ablations are compared query by query with the same variant that
hears and reads everything (sign-flip test), over all tunes and over those of one type. The probe's penalty is fixed, so
nothing here is chosen by its outcome.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.metrics.retrieval import Ranking, chance, paired_difference, ranked
from models.title.evaluation.genre_probe import Probe, probe_genres
from models.title.evaluation.ridge import RidgeBaseline
from models.title.pool import Pool
from models.title.tunes import Tune
from models.title.two_tower import TowerEnsemble, TwoTower

DIRECTIONS = ("title_to_melody", "melody_to_title")
RIDGE, SCRATCH, TRANSFERRED = "ridge", "style_scratch", ("style_frozen", "style_tuned")
PENALTY = 0.1
LEAST = 20  # queries of a type that make a figure
DRAWS = 2000
OTHER = "another or none"  # what a tune's type is where it has too few queries, or the tune has none
CONFUSED = ("reel", "hornpipe")
Floats = npt.NDArray[np.float64]
Row = dict[str, Any]


@dataclass(frozen=True)
class Condition:
    """A variant without some information; nothing is taken away from the variants themselves."""

    variant: str
    without: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As in the names of its runs."""
        return "-".join([self.variant, *(f"no_{name}" for name in self.without)])


@dataclass(frozen=True)
class Outcome:
    """What one run makes of the test tunes: rankings by direction, the nearest tune to each title, the probe."""

    rankings: Mapping[str, Ranking]
    nearest: npt.NDArray[np.int64]
    probe: Probe | None


@dataclass(frozen=True)
class Ground:
    """What every run is tested on: the pool, and tunes for the probe to learn from and to read."""

    pool: Pool
    known: Sequence[Tune]
    unknown: Sequence[Tune]

    def groups(self, direction: str) -> tuple[str, ...]:
        """The group of each query."""
        return self.pool.title_groups if direction == DIRECTIONS[0] else self.pool.tune_groups

    def genres(self, direction: str) -> npt.NDArray[np.str_]:
        """The type of each query's tune, "" where it has none."""
        own = np.array([tune.genre or "" for tune in self.pool.tunes])
        return own[self.pool.right.argmax(1)] if direction == DIRECTIONS[0] else own


def outcome_of(towers: TwoTower | TowerEnsemble, ground: Ground, seed: int) -> Outcome:
    """Everything that is asked of one run's towers, in eval mode."""
    pool = ground.pool
    scores = (towers.titles(pool.titles) @ towers.melodies(pool.tunes).T).astype(np.float64)
    return Outcome(*_ranked(scores, pool, seed), probe_genres(towers, ground.known, ground.unknown, seed, (PENALTY,)))


def ridge_outcome(trained: Sequence[Tune], ground: Ground) -> Outcome:
    """The plain baseline (``title_baseline``) on the same queries."""
    scores = RidgeBaseline(trained).scores(ground.pool.titles, ground.pool.tunes)
    return Outcome(*_ranked(scores, ground.pool, 0), None)


def _ranked(scores: Floats, pool: Pool, seed: int) -> tuple[dict[str, Ranking], npt.NDArray[np.int64]]:
    found = {DIRECTIONS[0]: ranked(scores, pool.right, seed), DIRECTIONS[1]: ranked(scores.T, pool.right.T, seed)}
    return found, scores.argmax(1)


def results(outcomes: Mapping[Condition, Mapping[int, Outcome]], ridge: Outcome, ground: Ground) -> Iterator[Row]:
    """Rows of ``study_result`` from the outcomes of each condition by seed."""
    everything = {Condition(RIDGE): {0: ridge}, **outcomes}
    for condition, found in everything.items():
        yield from _retrieval(condition, found, ground)
        yield from _nearest_genres(condition, found, ground)
        if probes := [each.probe for each in found.values() if each.probe]:
            yield from _probe(condition, probes)
    for condition, found in outcomes.items():
        yield from _compared("against_ridge", condition, found, {0: ridge}, ground)
        if condition.variant.startswith(TRANSFERRED) and not condition.without:
            scratch = outcomes.get(Condition(condition.variant.replace(condition.variant.split("-")[0], SCRATCH)))
            yield from _compared("transfer", condition, found, scratch or {}, ground)
        if condition.without and (base := outcomes.get(Condition(condition.variant))):
            yield from _compared("ablation", condition, found, base, ground, by_genre=True)
            yield from _probe_compared(condition, found, base)


def _row(comparison: str, condition: Condition, measure: str, n: int, **values: Any) -> Row:
    return {"comparison": comparison, "condition": condition.name, "measure": measure, "n": n, **values}


def _interval(values: Floats, groups: Sequence[str], against: Floats | None = None) -> Row:
    """Mean of what ``values`` have more than ``against``, its interval, and p where it is a difference."""
    other = np.zeros_like(values) if against is None else against
    told = paired_difference(values, other, groups, draws=DRAWS)
    return {"value": told.value, "low": told.low, "high": told.high, **({} if against is None else {"p": told.p})}


def _reciprocal(found: Mapping[int, Outcome], direction: str) -> Floats:
    """Reciprocal ranks ``(queries,)``, the mean over seeds."""
    mean: Floats = np.mean([1 / each.rankings[direction].best for each in found.values()], axis=0)
    return mean


def _retrieval(condition: Condition, found: Mapping[int, Outcome], ground: Ground) -> Iterator[Row]:
    """MRR, recall among the first ten and mean log rank of each direction; MRR also seed by seed."""
    for direction in DIRECTIONS:
        rankings = {seed: each.rankings[direction] for seed, each in found.items()}
        first = next(iter(rankings.values()))
        expected = chance(first.right, first.pool)
        measured = {
            "mrr": _reciprocal(found, direction),
            "ndcg": np.mean([each.ndcg for each in rankings.values()], axis=0),
            "recall_10": np.mean([each.best <= 10 for each in rankings.values()], axis=0),
            "mean_log_rank": np.mean([np.log(each.best) for each in rankings.values()], axis=0),
        }
        for name, values in measured.items():
            told = _interval(values, ground.groups(direction))
            yield _row("variant", condition, f"{direction}.{name}", len(first), **told, chance=expected[name])
        for seed, each in rankings.items():
            value = float((1 / each.best).mean())
            yield _row("variant", condition, f"{direction}.mrr", len(each), value=value, seed=seed)


def _nearest_genres(condition: Condition, found: Mapping[int, Outcome], ground: Ground) -> Iterator[Row]:
    """Of the titles of each type: the share whose nearest tune is of each type."""
    asked, own = ground.genres(DIRECTIONS[0]), ground.genres(DIRECTIONS[1])
    kinds, counts = np.unique(asked[asked != ""], return_counts=True)
    kinds = kinds[counts >= LEAST]
    for kind in kinds:
        answers = np.concatenate([own[each.nearest[asked == kind]] for each in found.values()])
        answers = np.where(np.isin(answers, kinds), answers, OTHER)
        for other in (*kinds.tolist(), OTHER):
            share = float((answers == other).mean())
            yield _row(
                "nearest", condition, "share", int((asked == kind).sum()), genre=kind, read_as=other, value=share
            )


def _compared(
    comparison: str, condition: Condition, found: Mapping[int, Outcome], other: Mapping[int, Outcome], ground: Ground,
    *, by_genre: bool = False,
) -> Iterator[Row]:  # fmt: skip
    """MRR of a condition less that of another on the same queries; nothing where there is no other."""
    for direction in DIRECTIONS if other else ():
        ours, theirs = _reciprocal(found, direction), _reciprocal(other, direction)
        groups, genres = np.array(ground.groups(direction)), ground.genres(direction)
        told = _interval(ours, groups.tolist(), theirs)
        yield _row(comparison, condition, f"{direction}.mrr", len(ours), **told)
        for kind in sorted({*genres.tolist()} - {""}) if by_genre else ():
            rows = genres == kind
            if rows.sum() >= LEAST:
                told = _interval(ours[rows], groups[rows].tolist(), theirs[rows])
                yield _row(comparison, condition, f"{direction}.mrr", int(rows.sum()), genre=kind, **told)


def _probe(condition: Condition, probes: Sequence[Probe]) -> Iterator[Row]:
    """What the probe reads: macro-F1 and F1 of each type, recall of reels and hornpipes, and what is taken for what."""
    first = probes[0]
    scores, draws = f1_of_types(probes)
    by_meter = first.macro_f1(np.arange(len(first.truth)), meter=True)
    low, high = np.quantile(draws.mean(1), [0.025, 0.975])
    told = {"value": float(scores.mean()), "low": float(low), "high": float(high), "chance": by_meter}
    yield _row("probe", condition, "macro_f1", len(first.truth), **told)
    for index, kind in enumerate(first.types):
        low, high = np.quantile(draws[:, index], [0.025, 0.975])
        told = {"value": float(scores[index]), "low": float(low), "high": float(high)}
        yield _row("probe", condition, "f1", int((first.truth == kind).sum()), genre=kind, **told)
    for kind, line in zip(first.types, np.mean([probe.confusion() for probe in probes], axis=0), strict=True):
        for other, count in zip(first.types, line / max(1.0, line.sum()), strict=True):
            yield _row("probe", condition, "share", int(line.sum()), genre=kind, read_as=other, value=float(count))
    if rows := _of(first, CONFUSED):
        told = _interval(_balanced(probes, rows), [first.groups[row] for row in rows])
        yield _row("probe", condition, "reel_or_hornpipe", len(rows), **told, chance=0.5)


def _probe_compared(condition: Condition, found: Mapping[int, Outcome], base: Mapping[int, Outcome]) -> Iterator[Row]:
    """What an ablation costs the probe: mean recall of the types, of each type, and of reels and hornpipes."""
    ours, theirs = ([each.probe for each in side.values() if each.probe] for side in (found, base))
    if not ours or not theirs:
        return
    first = ours[0]
    chosen: list[tuple[str, str | None, list[int]]] = [("recall", None, list(range(len(first.truth))))]
    chosen += [("recall", kind, _of(first, (kind,))) for kind in first.types]
    chosen += [("reel_or_hornpipe", None, _of(first, CONFUSED))]
    for measure, genre, rows in chosen:
        if rows:
            groups = [first.groups[row] for row in rows]
            told = _interval(_balanced(ours, rows), groups, _balanced(theirs, rows))
            yield _row("probe_ablation", condition, measure, len(rows), genre=genre, **told)


def _of(probe: Probe, kinds: Sequence[str]) -> list[int]:
    """The tunes of these types; none where the probe doesn't know them all."""
    return np.flatnonzero(np.isin(probe.truth, kinds)).tolist() if set(kinds) <= set(probe.types) else []


def _balanced(probes: Sequence[Probe], rows: Sequence[int]) -> Floats:
    """How often each of ``rows`` is read right, weighted: the mean over them is the mean of the types' recalls."""
    truth = probes[0].truth[rows]
    kinds, owner, counts = np.unique(truth, return_inverse=True, return_counts=True)
    right = np.mean([probe.read[rows] == truth for probe in probes], axis=0)
    weighted: Floats = right * len(rows) / (len(kinds) * counts[owner])
    return weighted


def f1_of_types(probes: Sequence[Probe], draws: int = DRAWS) -> tuple[Floats, Floats]:
    """F1 of each type ``(types,)``, the mean over probes of the same tunes, and the same of bootstraps over groups."""
    first = probes[0]
    number = {kind: index for index, kind in enumerate(first.types)}
    truth = np.array([number[kind] for kind in first.truth.tolist()])
    _, owner = np.unique(first.groups, return_inverse=True)
    groups = int(owner.max()) + 1
    weights = np.random.default_rng(0).multinomial(groups, np.full(groups, 1 / groups), size=draws)[:, owner]
    weights = np.concatenate([np.ones((1, len(truth)), dtype=np.int64), weights]).astype(np.float64)
    is_truth = np.eye(len(number))[truth]
    found = []
    for probe in probes:
        read = np.eye(len(number))[[number[kind] for kind in probe.read.tolist()]]
        hits, told, there = weights @ (is_truth * read), weights @ read, weights @ is_truth
        found.append(2 * hits / np.maximum(told + there, 1e-12))
    mean = np.mean(found, axis=0)
    return mean[0], mean[1:]
