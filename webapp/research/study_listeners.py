"""The researchers' view of a study's listeners: what they share, how many kinds of taste, how well it is predicted.

Nothing here names a listener: people are numbered by how well their votes were predicted, clips by how often they were
played.

A study of simulated listeners comes with Kallos, for the Listeners page before anybody has voted. ``kallos study
simulate`` makes it (``webapp.research.simulation``).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy.orm import Session

from db.queries import heads as population_rows
from db.queries import statistics
from db.queries.statistics import PredictedVote, predicted_votes
from models.metrics.intervals import FEW, wilson
from models.metrics.preference import calibration_error, consistency
from models.taste.head import utilities
from models.taste.hierarchy import PopulationPrior, average
from models.taste.space import TasteSpace
from webapp.learning import heads
from webapp.learning.population import FEWEST
from webapp.research import plots
from webapp.research.figures import Drawn
from webapp.research.plots import Source
from webapp.runtime.commands import commit
from webapp.runtime.errors import NotYours

LEAST_TOLD = 10  # decided votes before a listener's accuracy is drawn
LEAST_REPEATS = 3  # decided repeats before a listener's ceiling is
BINS = 10
DRAWS = 400  # of listeners, for intervals
UNIFORM = "all pairs alike (weighed)"  # estimated from the votes on every pair, by inverse propensity
NAMED = ("repeat", "proof", "tension", "studio", "claim")  # pairs that no mixture drew

Figure = tuple[pd.DataFrame, Callable[[pd.DataFrame, Source], Any], str]

SIMULATED_NAME = "simulated"
SIMULATED_STUDY = Path(__file__).with_name("simulated_study.json")
SIMULATED_PLOTS = {
    "kinds": plots.kinds,
    "ceilings": plots.ceilings,
    "calibration": plots.calibration,
    "policies": plots.policies,
    "popularity": plots.popularity,
}


def overview(session: Session, *, pictures: bool = False) -> list[dict[str, Any]]:
    """``[{study_id, listeners, votes}, …]``, the largest first, of votes on music or on ``pictures``."""
    return [asdict(each) for each in statistics.studies(session, pictures=pictures)]


def draw(session: Session, space: TasteSpace, name: str, study_id: str) -> Drawn:
    """The figure called ``name`` of a study's votes on music or pictures, as ``space`` is; raises ``NotYours``."""
    if name not in {*OF_VOTES, *OF_HEADS}:
        raise NotYours(f"there is no plot {name[:40]!r}; there are {', '.join([*OF_VOTES, *OF_HEADS])}")
    pictures = space.of_pictures
    sizes = {each.study_id: each for each in statistics.studies(session, pictures=pictures)}
    if study_id not in sizes:
        raise NotYours(f"there is no study {study_id[:64]!r}; there are {', '.join(sizes)}")
    frame, figure, told = {**OF_VOTES, **OF_HEADS}[name](session, space, study_id)
    size = sizes[study_id]
    digest = hashlib.sha256(frame.to_csv(index=False).encode()).hexdigest()[:12]
    votes = f"{size.votes} votes{' on pictures' * pictures}"
    run = f"study {study_id}, {size.listeners} listeners, {votes}, model {space.version}"
    source = Source((run,), (digest,), tuple(filter(None, [commit()])))
    return Drawn(figure(frame, source), frame, source, {"told": told})


def _kinds(session: Session, space: TasteSpace, study_id: str) -> Figure:
    row = population_rows.newest_population(session, study_id, space.version)
    measured = row.measured if row else None
    columns = ["directions", "value", "low", "high", "chosen", "common", "common_low", "common_high", "listeners"]
    if not measured:
        told = f"This is measured once {FEWEST} listeners of the study have given {heads.VOTES_OF_OTHERS} votes each."
        return pd.DataFrame(columns=columns), plots.kinds, told
    shared = {name: measured[name] for name in ("common", "common_low", "common_high", "listeners")}
    frame = pd.DataFrame(
        {
            "directions": each["directions"],
            "value": each["gain"],
            "low": each["low"],
            "high": each["high"],
            "chosen": each["directions"] == measured["chosen"],
            **shared,
        }
        for each in measured["curve"]
    )
    low, high = (round(100 * measured[name]) for name in ("common_low", "common_high"))
    told = (
        f"{100 * measured['common']:.0f} % of what makes clips liked is common to all (95 %: {low} to {high} %). "
        f"{_supported(frame, measured['listeners'])}"
    )
    return frame[columns], plots.kinds, told


def _supported(frame: pd.DataFrame, listeners: int) -> str:
    """How many taste directions the votes support: at most as many as newcomers get, and only beyond doubt."""
    taken = int(frame.loc[frame["chosen"].astype(bool), "directions"].iloc[0])
    beyond = frame[(frame["directions"] <= taken) & (frame["directions"] > 0) & (frame["low"] > 0)]
    votes = f"The votes of {listeners} listeners"
    if len(beyond):
        most = beyond.iloc[-1]
        directions = "1 taste direction" if most["directions"] == 1 else f"{int(most['directions'])} taste directions"
        gain = f"{most['low']:.3f} to {most['high']:.3f} nats a vote"
        return f"{votes} support {directions}: they make votes likelier by {gain} (95 %)."
    if not taken:
        return f"{votes} support no taste directions beyond what all share."
    found = frame[frame["directions"] == taken].iloc[0]
    return (
        f"{votes} don't show yet that tastes differ in kind: what {taken} direction{'s' * (taken > 1)} would gain may "
        f"be nothing (95 %: {found['low']:.3f} to {found['high']:.3f} nats a vote)."
    )


def _ceilings(session: Session, space: TasteSpace, study_id: str) -> Figure:
    people = _by_listener(predicted_votes(session, study_id=study_id, pictures=space.of_pictures))
    repeats = statistics.repeated_outcomes(session, study_id, pictures=space.of_pictures)
    found = [_person(pairs, repeats.get(who, [])) for who, pairs in people.items()]
    found = sorted((each for each in found if each["n"] >= LEAST_TOLD), key=lambda each: (-each["value"], -each["n"]))
    columns = ["listener", "value", "low", "high", "n", "ceiling", "ceiling_low", "ceiling_high", "repeats"]
    frame = pd.DataFrame([{"listener": i + 1, **each} for i, each in enumerate(found)], columns=columns)
    if frame.empty:
        return frame, plots.ceilings, f"A listener is drawn from {LEAST_TOLD} decided votes on."
    hits = [each for each in map(_hits, people.values()) if len(each)]
    value, low, high = _mean_by_listener([(each, np.ones(len(each))) for each in hits])
    over = " over listeners"
    if len(hits) < FEW:
        pooled = np.concatenate(hits)
        over, pooled_share = "", wilson(float(pooled.sum()), len(pooled))
        low, high = pooled_share.low, pooled_share.high
    whole = consistency(pair for pairs in repeats.values() for pair in pairs)
    known = whole.ceiling.n >= LEAST_REPEATS
    allowed = (
        f"; by {whole.ceiling.n} pairs that came twice, listeners agree with themselves so far that at most "
        f"{_percent(whole.ceiling.low)} to {_percent(whole.ceiling.high)} can be"
    )
    ceiling = allowed if known else ""
    drawn = int(frame["ceiling"].notna().sum())
    told = (
        f"Of all {sum(map(len, hits))} decided votes {_percent(value)} were predicted right (95 %{over}: "
        f"{_percent(low)} to {_percent(high)}){ceiling}. "
    )
    told += (
        f"{drawn} of {len(frame)} listeners decided {LEAST_REPEATS} pairs twice and are drawn; the others are in the "
        "CSV."
        if drawn
        else f"Nobody has decided {LEAST_REPEATS} pairs twice yet, as it takes to be drawn; all are in the CSV."
    )
    return frame, plots.ceilings, told


def _person(pairs: Sequence[PredictedVote], repeats: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """One listener's accuracy and ceiling; nan where there are too few repeats."""
    hits, ceiling = _hits(pairs), consistency(repeats).ceiling
    told = wilson(float(hits.sum()), len(hits))
    ends = {"value": told.value, "low": told.low, "high": told.high, "n": told.n, "repeats": ceiling.n}
    known = ceiling.n >= LEAST_REPEATS
    bounds = {"ceiling": ceiling.value, "ceiling_low": ceiling.low, "ceiling_high": ceiling.high}
    return ends | {name: end if known else math.nan for name, end in bounds.items()}


def _calibration(session: Session, space: TasteSpace, study_id: str) -> Figure:
    pairs = [each for each in predicted_votes(session, study_id=study_id, pictures=space.of_pictures) if _counts(each)]
    columns = ["predicted", "value", "low", "high", "n"]
    if len(pairs) < 2 * BINS:
        return pd.DataFrame(columns=columns), plots.calibration, f"Drawn from {2 * BINS} decided votes on."
    predicted = np.array([each.p_left / (each.p_left + each.p_right) for each in pairs])
    came = np.array([each.outcome == "left" for each in pairs])
    found = []
    for part in np.array_split(np.argsort(predicted, kind="stable"), BINS):
        share = wilson(float(came[part].sum()), len(part))
        found.append((float(predicted[part].mean()), share.value, share.low, share.high, share.n))
    error = calibration_error(
        [each.p_left for each in pairs], [each.p_right for each in pairs], [each.outcome for each in pairs], bins=BINS
    )
    told = f"Mean distance from the line (expected calibration error): {error:.3f} over {len(pairs)} decided votes."
    return pd.DataFrame(found, columns=columns), plots.calibration, told


def _policies(session: Session, space: TasteSpace, study_id: str) -> Figure:
    votes = predicted_votes(session, study_id=study_id, pictures=space.of_pictures)
    people = _by_listener([each for each in votes if each.policy not in NAMED])
    groups: dict[str, list[tuple[list[PredictedVote], npt.NDArray[np.float64]]]] = defaultdict(list)
    for given in people.values():
        pairs = [each for each in given if each.outcome in {"left", "right", "equal"}]
        for policy in {each.policy for each in pairs}:
            some = [each for each in pairs if each.policy == policy]
            groups[policy].append((some, np.ones(len(some))))
        if pairs:
            groups[UNIFORM].append((pairs, 1 / np.array([each.pair_probability for each in pairs])))
    found = []
    for policy, parts in sorted(groups.items()):
        weights = np.concatenate([weight for _, weight in parts])
        measures = {
            "": _mean_by_listener([(np.array([_surprise(each) for each in pairs]), weight) for pairs, weight in parts]),
            "right_": _mean_by_listener([_weighed_hits(pairs, weight) for pairs, weight in parts]),
        }
        row: dict[str, Any] = {"policy": policy, "n": len(weights)}
        row["effective_n"] = float(weights.sum() ** 2 / (weights**2).sum())
        for name, (value, low, high) in measures.items():
            row |= {f"{name}value": value, f"{name}low": low, f"{name}high": high}
        found.append(row)
    columns = ["policy", "value", "low", "high", "n", "effective_n", "right_value", "right_low", "right_high"]
    frame = pd.DataFrame(found, columns=columns)
    if frame.empty:
        return frame, plots.policies, "Drawn from the first picks on."
    weighed = frame[frame["policy"] == UNIFORM].iloc[0]
    told = (
        f"All {int(weighed['n'])} votes, each weighed by one over the chance of its pair, show what drawing every pair "
        f"alike would give, as well as {weighed['effective_n']:.0f} votes on such pairs would. Where that row and the "
        "control's agree, the stored chances are right."
    )
    return frame, plots.policies, told


def _popularity(session: Session, space: TasteSpace, study_id: str) -> Figure:
    columns = ["clip", "plays", "value", "low", "high"]
    evidence = heads.evidence_of(session, study_id, space)
    played = statistics.played_clips(session, study_id, space.version)
    if len(evidence) < heads.FEWEST_OTHERS or len(played) < 3:
        told = f"Drawn when {heads.FEWEST_OTHERS} listeners have given {heads.VOTES_OF_OTHERS} votes each."
        return pd.DataFrame(columns=columns), plots.popularity, told
    fixed = PopulationPrior.fixed(heads.prior(space))
    population = heads.population_of(session, study_id, space) or fixed
    features = heads.features_of(session, [each.clip_id for each in played], space)
    utility = utilities(
        average(list(evidence.values()), population, fixed), [features[each.clip_id] for each in played]
    )
    ends = {"value": utility.mean, "low": utility.mean - 1.96 * utility.sd, "high": utility.mean + 1.96 * utility.sd}
    plays = np.array([each.plays for each in played])
    frame = pd.DataFrame({"clip": range(1, len(played) + 1), "plays": plays, **ends})
    value, low, high = _rank_correlation(plays, utility.mean)
    told = (
        f"Rank correlation {value:.2f} (95 % over clips: {low:.2f} to {high:.2f}) over {len(played)} clips. Pairs are "
        "drawn to learn from, not to please, so how often a clip came is not how popular it would be elsewhere."
    )
    return frame[columns], plots.popularity, told


OF_VOTES: Mapping[str, Callable[[Session, TasteSpace, str], Figure]] = {
    "ceilings": _ceilings,
    "calibration": _calibration,
    "policies": _policies,
}
OF_HEADS: Mapping[str, Callable[[Session, TasteSpace, str], Figure]] = {"kinds": _kinds, "popularity": _popularity}


def _by_listener(pairs: Sequence[PredictedVote]) -> dict[Any, list[PredictedVote]]:
    found: dict[Any, list[PredictedVote]] = defaultdict(list)
    for each in pairs:
        found[each.listener_id].append(each)
    return found


def _counts(pair: PredictedVote) -> bool:
    """Whether a vote has a side, on a pair to which the head had not seen the answer."""
    return not pair.repeated and pair.outcome in {"left", "right"}


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _hits(pairs: Sequence[PredictedVote]) -> npt.NDArray[np.float64]:
    """Of each decided vote: 1 where its side was thought the likelier, a half where neither was."""
    leans = [(p.p_left - p.p_right) * (1 if p.outcome == "left" else -1) for p in pairs if _counts(p)]
    return (np.sign(leans) + 1) / 2


def _weighed_hits(
    pairs: Sequence[PredictedVote], weight: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    return _hits(pairs), weight[[_counts(each) for each in pairs]]


def _surprise(pair: PredictedVote) -> float:
    """What the head had not expected of a vote, nats: the more, the more there was to learn."""
    chance = {"left": pair.p_left, "equal": pair.p_equal, "right": pair.p_right}[pair.outcome]
    return -math.log(chance)


def _mean_by_listener(
    parts: Sequence[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]],
) -> tuple[float, float, float]:
    """Weighted mean of ``(values, weights)``, one part a listener, with a 95 % bootstrap interval over listeners."""
    sums = np.array([[float(values @ weights), float(weights.sum())] for values, weights in parts])
    if not len(sums) or not sums[:, 1].sum():
        return math.nan, math.nan, math.nan
    drawn = sums[np.random.default_rng(0).integers(len(sums), size=(DRAWS, len(sums)))].sum(axis=1)
    ratio = drawn[:, 0] / np.maximum(drawn[:, 1], 1e-12)
    low, high = np.quantile(ratio[drawn[:, 1] > 0], [0.025, 0.975])
    return float(sums[:, 0].sum() / sums[:, 1].sum()), float(low), float(high)


def _rank_correlation(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> tuple[float, float, float]:
    """Spearman's, with a 95 % bootstrap interval; nan where one of the two never varies."""
    from scipy.stats import spearmanr  # noqa: PLC0415 (over a second of every start)

    generator = np.random.default_rng(0)

    def rho(which: npt.NDArray[np.int64]) -> float:
        a, b = one[which], other[which]
        return math.nan if np.ptp(a) == 0 or np.ptp(b) == 0 else float(spearmanr(a, b).statistic)

    draws = [rho(generator.integers(len(one), size=len(one))) for _ in range(DRAWS)]
    known = [value for value in draws if not math.isnan(value)] or [math.nan]
    low, high = np.quantile(known, [0.025, 0.975])
    return rho(np.arange(len(one))), float(low), float(high)


def simulated_size() -> tuple[int, int]:
    """How many listeners the simulated study has, and how often each of them voted."""
    return _simulated()["listeners"], _simulated()["votes"]


def draw_simulated(name: str) -> Drawn:
    """The figure called ``name`` of the simulated study, as ``draw`` drew it."""
    study = _simulated()
    found = study["figures"][name]
    frame = pd.DataFrame(**found["frame"])
    run = f"simulated study, {study['listeners']} listeners with {study['votes']} votes each, model {study['model']}"
    source = Source((run,), tuple(found["data"]), tuple(found["commits"]))
    return Drawn(SIMULATED_PLOTS[name](frame, source), frame, source, {"told": found["told"]})


@cache
def _simulated() -> dict[str, Any]:
    study: dict[str, Any] = json.loads(SIMULATED_STUDY.read_text(encoding="utf-8"))
    return study
