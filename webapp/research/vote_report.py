"""``kallos report``: is it personal, how well votes were foreseen, and how consistent people are with themselves.

Win rates are of clips for this listener against clips for the average listener and from the prior, and of clips that
the tension model chose against those that came first. They are blind among the usual pairs, with intervals that hold
however often one looks (``models.metrics.comparisons``). A report is on music or on pictures.
"""

from __future__ import annotations

import hashlib
import math
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from sqlalchemy.orm import Session

from db.queries import listeners as listener_rows
from db.queries import statistics
from db.queries.statistics import study_ids
from db.tables import FOUR_PICKS
from models.experiments.report import Metric, Report, mean_over_songs
from models.metrics.comparisons import win_rate
from models.metrics.intervals import FEW, Figure, bootstrap, finite_mean, wilson
from models.metrics.preference import binned_error, calibration_error, consistency, log_loss
from models.taste.space import TasteSpace
from webapp.listening.pairs import GUIDED_TEST
from webapp.runtime.database import Database
from webapp.runtime.errors import UnknownListenerError
from webapp.taste import blind_tests

WORDS = {  # what people read for a figure's name
    "proof.for_me_vs_average.win_rate": "composed for them, over for the average",
    "proof.for_me_vs_prior.win_rate": "composed for them, over drawn at random",
    "tension.guided_vs_plain.win_rate": "chosen by the tension model, over what came first",
    "claim.win_rate": "changes that pleased as claimed",
    "prediction.accuracy": "pairs foreseen",
    "prediction.accuracy_unsuspicious": "pairs foreseen, without suspicious votes",
    "votes.suspicious": "votes that tell of more listening than can have been, or of next to none",
    "prediction.log_loss": "surprise at a pair (log loss)",
    "prediction.calibration_error": "calibration error of pairs",
    "repeats.ceiling": "most that can be foreseen",
    "repeats.agreement": "same answer to a pair again",
    "repeats.same_side": "same side of a pair again",
    "side.left": "the left one picked",
    "votes.equal": "both equally beautiful",
    "fours.accuracy": "best of four foreseen",
    "fours.log_loss": "surprise at a four (log loss)",
    "fours.calibration_error": "calibration error of fours",
    "fours.first_place": "the first of four picked",
    "fours.none": "none of four picked",
}


class UnknownStudyError(LookupError):
    """There is no such study."""


@dataclass(frozen=True)
class Evidence:
    """What one listener's votes tell."""

    proofs: list[statistics.Proof]
    guided: list[statistics.Proof]
    repeats: list[tuple[str, str]]
    outcomes: Counter[str]
    predicted: list[statistics.PredictedVote]
    fours: list[statistics.PredictedPick]
    claims: list[statistics.Claim]


def of_listener(database: Database, space: TasteSpace, listener_id: uuid.UUID) -> Report:
    """The report on one listener's votes on what ``space`` is of; raises ``UnknownListenerError``."""

    def work(session: Session) -> Evidence:
        if listener_rows.get_listener(session, listener_id) is None:
            raise UnknownListenerError(
                f"there is no listener {listener_id}; give the id that stands in what the page's menu downloads"
            )
        return _evidence(session, listener_id, pictures=space.of_pictures)

    return _report(space, "report.listener", [database.transaction(work)])


def check_study(session: Session, study_id: str) -> None:
    """Raises ``UnknownStudyError``, with the studies that there are."""
    there = study_ids(session)
    if study_id not in there:
        known = f"there are {', '.join(sorted(there))}" if there else "there is none yet"
        raise UnknownStudyError(f"there is no study {study_id!r}; {known}")


def of_study(database: Database, space: TasteSpace, study_id: str) -> Report:
    """The report on everybody in a study, whose votes are taken together; raises ``UnknownStudyError``.

    Accuracy is drawn again by listener: the votes of one hang together.
    """

    def work(session: Session) -> list[Evidence]:
        check_study(session, study_id)
        everybody = statistics.listeners_of(session, study_id)
        return [_evidence(session, each, pictures=space.of_pictures) for each in everybody]

    return _report(space, "report.study", database.transaction(work))


def _evidence(session: Session, listener_id: uuid.UUID, *, pictures: bool) -> Evidence:
    return Evidence(
        statistics.proofs(session, listener_id, pictures=pictures),
        statistics.guided(session, listener_id, pictures=pictures),
        statistics.repeats(session, listener_id, pictures=pictures),
        statistics.outcomes(session, listener_id, pictures=pictures),
        statistics.foreseen_votes(session, listener_id, pictures=pictures),
        statistics.predicted_picks(session, listener_id, pictures=pictures),
        statistics.claims(session, listener_id, pictures=pictures),
    )


def _report(space: TasteSpace, command: str, people: Sequence[Evidence]) -> Report:
    votes = [vote for each in people for vote in each.predicted]
    digest = hashlib.sha256(
        repr([(each.proofs, each.guided, each.repeats, each.predicted, each.fours) for each in people]).encode()
    )
    model = {"version": space.version, "sha256": None}
    voted = sum(bool(each.outcomes or each.repeats or each.fours) for each in people)
    about = {"hash": digest.hexdigest(), "n": len(votes), "listeners": voted, "pictures": space.of_pictures}
    report = Report(command, about, model, seed=0)
    for condition, counts in blind_tests.counted(each for one in people for each in one.proofs).items():
        report.add(f"proof.{condition}.win_rate", _metric(win_rate(*counts), chance=0.5))
    guided = blind_tests.won(each for one in people for each in one.guided)
    report.add(f"tension.{GUIDED_TEST}.win_rate", _metric(win_rate(*guided), chance=0.5))
    said_right = Counter(claim.right for each in people for claim in each.claims)
    report.add("claim.win_rate", _metric(win_rate(said_right[1.0], said_right[0.5], said_right[0.0]), chance=0.5))
    own = consistency(pair for each in people for pair in each.repeats)
    ceiling = _metric(own.ceiling, chance=0.5)
    report.add("prediction.accuracy", _accuracy(people, ceiling.value))
    sure = [replace(each, predicted=[vote for vote in each.predicted if not vote.suspicious]) for each in people]
    report.add("prediction.accuracy_unsuspicious", _accuracy(sure, ceiling.value))
    report.add("votes.suspicious", _metric(wilson(sum(vote.suspicious for vote in votes), len(votes))))
    left, equal, right = ([getattr(vote, name) for vote in votes] for name in ("p_left", "p_equal", "p_right"))
    said = [vote.outcome for vote in votes]
    report.add("prediction.log_loss", _metric(log_loss(left, equal, right, said), chance=math.log(3)))
    report.add("prediction.calibration_error", _metric(_bare(calibration_error(left, right, said), len(said))))
    report.add("repeats.ceiling", ceiling)
    report.add("repeats.agreement", _metric(own.agreement, chance=0.5))
    report.add("repeats.same_side", _metric(own.same_side, chance=0.5))
    pressed: Counter[str] = sum((each.outcomes for each in people), Counter())
    decided, picks = pressed["left"] + pressed["right"], pressed["left"] + pressed["right"] + pressed["equal"]
    report.add("side.left", _metric(wilson(pressed["left"], decided), chance=0.5))
    report.add("votes.equal", _metric(wilson(pressed["equal"], picks)))
    _add_fours(report, people)
    return report


def _add_fours(report: Report, people: Sequence[Evidence]) -> None:
    """How well picks of four were foreseen, how often there was none, and whether the first place draws picks."""
    picks = [[pick for pick in each.fours if pick.outcome in FOUR_PICKS] for each in people]
    owners = [str(number) for number, some in enumerate(picks) for _ in some]
    chances = np.array([pick.chances for some in picks for pick in some]).reshape(-1, len(FOUR_PICKS))
    chosen = np.array([FOUR_PICKS.index(pick.outcome) for some in picks for pick in some], dtype=np.int64)
    likeliest = np.isclose(chances, chances.max(axis=1, keepdims=True))
    came = np.eye(len(FOUR_PICKS))[chosen]
    right = (likeliest * came).sum(axis=1) / np.maximum(likeliest.sum(axis=1), 1)
    asked, chance = sum(len(each.fours) for each in people), 1 / len(FOUR_PICKS)
    told = wilson(float(right.sum()), len(right))
    several = len(set(owners)) >= FEW
    report.add(
        "fours.accuracy", mean_over_songs(owners, right, chance=chance) if several else _metric(told, chance=chance)
    )
    surprise = -np.log(chances[np.arange(len(chosen)), chosen])
    loss = bootstrap(surprise) if len(surprise) >= FEW else _bare(finite_mean(surprise), len(surprise))
    report.add("fours.log_loss", _metric(loss, chance=math.log(len(FOUR_PICKS))))
    error = binned_error(chances.ravel(), came.ravel()) if len(chosen) else math.nan
    report.add("fours.calibration_error", _metric(_bare(error, len(chosen))))
    report.add("fours.first_place", _metric(wilson(float((chosen == 0).sum()), len(chosen)), chance=chance))
    report.add("fours.none", _metric(wilson(asked - len(chosen), asked)))


def _accuracy(people: Sequence[Evidence], ceiling: float | None) -> Metric:
    """Share of decided votes whose side was thought the likelier before, drawn again by listener where not few."""
    owners, hits = [], []
    for number, each in enumerate(people):
        for vote in each.predicted:
            if vote.outcome in {"left", "right"}:
                lean = vote.p_left - vote.p_right if vote.outcome == "left" else vote.p_right - vote.p_left
                owners.append(str(number))
                hits.append(0.5 if lean == 0 else float(lean > 0))
    if len(set(owners)) < FEW:
        return _metric(wilson(sum(hits), len(hits)), chance=0.5, reference=ceiling)
    return mean_over_songs(owners, hits, chance=0.5, reference=ceiling)


def _bare(value: float, n: int) -> Figure:
    return Figure(value, math.nan, math.nan, n)


def _metric(figure: Figure, *, chance: float | None = None, reference: float | None = None) -> Metric:
    """A figure as reports give it; null where there was nothing to count."""
    if figure.n == 0 or math.isnan(figure.value):
        return Metric(None, n=figure.n, chance=chance, reference=reference)
    low, high = (None if math.isnan(end) else end for end in (figure.low, figure.high))
    return Metric(figure.value, low, high, figure.n, chance=chance, reference=reference)
