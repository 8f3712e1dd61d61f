"""``kallos report`` and ``kallos study export``: what votes tell, and votes without names.

A report says whether taste is personal, how well votes were foreseen, and how consistent people are with themselves.
Win rates are of clips for this listener against clips for the average listener and for nobody, and of clips that the
tension model chose against those that came first. They are blind among the usual pairs, with intervals that hold
however often one looks (``models.metrics.intervals``). A report is on music or on pictures.

The dataset is a study's votes and clips, or pictures, as one zip file in which nobody can be found again: people and
clips have new numbers in a random order, times are minutes since a listener's first vote, and pairs from people's own
studios are left out with their pieces. ``python -m models.evaluate.taste --data`` reads what is unpacked.
"""

from __future__ import annotations

import hashlib
import math
import secrets
import uuid
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from db.queries import listeners as listener_rows
from db.queries import statistics
from db.queries.statistics import JudgedFour, JudgedPair, study_ids
from db.tables import FOUR_PICKS, Clip, FourVote, Vote
from models.experiments.report import Metric, Report, mean_over_songs
from models.metrics.intervals import FEW, Figure, bootstrap, finite_mean, wilson, win_rate
from models.metrics.preference import binned_error, calibration_error, consistency, log_loss
from models.music.midi import write_midi
from models.music.notes import MusicError, Piece
from models.taste.head import PLACES
from models.taste.space import TasteSpace
from webapp.listening.pairs import BLIND_TESTS, TENSION_TESTS
from webapp.runtime import csv_text
from webapp.runtime.clip_store import ClipStore
from webapp.runtime.database import Database
from webapp.runtime.errors import UnknownListenerError
from webapp.taste import blind_tests

WORDS = {  # what people read for a figure's name
    "proof.for_me_vs_average.win_rate": "composed for them, over for the average",
    "proof.for_me_vs_prior.win_rate": "composed for them, over drawn at random",
    "tension.guided_vs_plain.win_rate": "chosen by the tension model, over what came first",
    "tension.trained_vs_plain.win_rate": "by a writer trained for its score, over what came first",
    "tension.trained_vs_guided.win_rate": "by a writer trained for its score, over what it chose",
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
    by_tension: list[statistics.Proof]
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
        statistics.by_tension(session, listener_id, pictures=pictures),
        statistics.repeats(session, listener_id, pictures=pictures),
        statistics.outcomes(session, listener_id, pictures=pictures),
        statistics.foreseen_votes(session, listener_id, pictures=pictures),
        statistics.predicted_picks(session, listener_id, pictures=pictures),
        statistics.claims(session, listener_id, pictures=pictures),
    )


def _report(space: TasteSpace, command: str, people: Sequence[Evidence]) -> Report:
    votes = [vote for each in people for vote in each.predicted]
    digest = hashlib.sha256(
        repr([(each.proofs, each.by_tension, each.repeats, each.predicted, each.fours) for each in people]).encode()
    )
    model = {"version": space.version, "sha256": None}
    voted = sum(bool(each.outcomes or each.repeats or each.fours) for each in people)
    about = {"hash": digest.hexdigest(), "n": len(votes), "listeners": voted, "pictures": space.of_pictures}
    report = Report(command, about, model, seed=0)
    for name, tests, proofs in (
        ("proof", BLIND_TESTS.values(), (each for one in people for each in one.proofs)),
        ("tension", TENSION_TESTS, (each for one in people for each in one.by_tension)),
    ):
        for condition, counts in blind_tests.counted(proofs, tests).items():
            report.add(f"{name}.{condition}.win_rate", _metric(win_rate(*counts), chance=0.5))
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


OWN_PAIRS = ("studio", "claim")  # made from what somebody brought or bent
VOTES = (
    *("listener_id", "left", "right", "outcome", "number", "minutes", "left_heard_ms", "right_heard_ms", "seconds"),
    *("p_left", "p_equal", "p_right", "votes_seen", "policy", "pair_probability", "order_probability", "condition"),
    *("repeats", "trust"),
)
FOURS = (
    *("listener_id", *PLACES, "outcome", "number", "minutes", *(f"{place}_heard_ms" for place in PLACES), "seconds"),
    *(*(f"p_{place}" for place in PLACES), "votes_seen", "policy", "four_probability", "order_probability"),
    *("condition", "trust"),
)
DATASHEET = """# Votes on {what}: the study {study}

{votes} votes on pairs and {fours} picks of four by {listeners} listeners on {clips} {what}{form}, composed by
Kallos (model {version}). votes.csv has the SHA-256 {digest}, fours.csv {fours_digest}.

`votes.csv`, one line a vote. outcome: left, right, equal, neither (neither was good enough) or skipped. number: its
place among the listener's votes, and minutes since the first one. seconds: how long both clips played at most (of a
picture 1: so long each is to be seen); heard: how long each was heard or seen. p_left, p_equal, p_right: what was
expected before the vote, after votes_seen votes. policy and pair_probability: what drew the pair, and how likely that
pair was under the whole mixture of policies (weigh by its inverse); order_probability: of this order. repeats: the
number of the vote that this one mirrors. trust: heard, suspicious (more is said to be heard than can have been, or next
to nothing) or unavailable (nobody could check).
`fours.csv`, one line a pick of the most beautiful of four. a, b, c, d: the clips in their places. outcome: a place,
none (none was good enough) or skipped. number and minutes: among the listener's picks of four, since the first one.
p_a to p_d: what was expected, if one is picked; the rest as above, of the set of four.
`clips.csv`: domain, kind (prior: everybody's; composed, surprise, near, studio: for the listener named, what they
surely like, may like most, like near a piece, or made; average, drawn: what stood against the composed; plain,
guided, trained: the first of some drafts, the one of them with the highest tension score, and one by a writer that was
trained for that score, which stood against one another), and named features of the latents in standard deviations.
`{folder}/`: the clips.

Listeners and clips are numbered in a random order that was not kept; nothing else was known about the listeners.
Probabilities have two digits, and what was heard is told to a tenth of a second, so that no number of a listener's own
download names their lines; who knows what somebody heard and how they answered could still find these. Left out: pairs
from people's own studios, votes that came with a stranger's file, and whoever has deleted their data.
"""
READ_BY = "`python -m models.evaluate.taste --data FOLDER` reads this folder once it is unpacked.\n"
MUSIC = {"what": "piano pieces", "form": " of eight bars", "folder": "midi"}
OF_PICTURES = {"what": "pictures", "form": "", "folder": "pictures"}


@dataclass(frozen=True)
class Exported:
    """What a file holds."""

    listeners: int
    votes: int
    fours: int
    clips: int


def export(database: Database, clip_store: ClipStore, space: TasteSpace, study_id: str, path: Path) -> Exported:
    """Write the dataset of a study's votes on what ``space`` is of to ``path``; raises ``UnknownStudyError``.

    Pictures that ``clip_store`` lost are left out of the folder, and not of the tables.
    """
    pictures = space.of_pictures

    def work(session: Session) -> tuple[list[JudgedPair], list[JudgedFour], list[Clip], dict[uuid.UUID, str]]:
        check_study(session, study_id)
        pairs = statistics.judged_pairs(session, study_id, pictures=pictures, but=OWN_PAIRS)
        fours = statistics.judged_fours(session, study_id, pictures=pictures)
        named = {side for each in pairs for side in (each.offer.left_clip, each.offer.right_clip)}
        named |= {clip for each in fours for clip in each.four.clips}
        files = statistics.pictures_of(session, named) if pictures else {}
        return pairs, fours, statistics.clips_named(session, named), files

    found, picked, clips, files = database.transaction(work)
    people = _numbered("p", {*(each.offer.listener_id for each in found), *(each.four.listener_id for each in picked)})
    names = _numbered("c", {clip.id for clip in clips})
    votes, fours = _votes(found, people, names), _fours(picked, people, names)
    size = Exported(len(people), len(found), len(picked), len(clips))
    votes_digest, fours_digest = (hashlib.sha256(table.encode()).hexdigest() for table in (votes, fours))
    about = {"study": study_id, "version": space.version, "digest": votes_digest, "fours_digest": fours_digest}
    counts = asdict(size)
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        sheet = DATASHEET.format(**about, **counts, **(OF_PICTURES if pictures else MUSIC))
        archive.writestr("README.md", sheet if pictures else sheet + READ_BY)
        archive.writestr("votes.csv", votes)
        archive.writestr("fours.csv", fours)
        archive.writestr("clips.csv", _clips(space, clips, people, names))
        for clip in sorted(clips, key=lambda each: names[each.id]):
            try:
                if pictures:
                    file = files[clip.id]
                    archive.writestr(f"pictures/{names[clip.id]}{Path(file).suffix}", clip_store.get(file))
                else:
                    archive.writestr(f"midi/{names[clip.id]}.mid", write_midi(Piece.from_json(clip.notes)))
            except (MusicError, LookupError):
                continue  # a piece without notes can't be told from another
    return size


def _numbered(letter: str, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, str]:
    """A new name for each, in an order that nobody knows afterwards."""
    order = sorted(ids)
    secrets.SystemRandom().shuffle(order)
    return {each: f"{letter}{number:04d}" for number, each in enumerate(order, start=1)}


def _votes(found: Sequence[JudgedPair], people: dict[uuid.UUID, str], names: dict[uuid.UUID, str]) -> str:
    numbers: dict[uuid.UUID, int] = {}
    given: dict[uuid.UUID, list[Vote]] = {}
    lines = []
    for each in found:
        offer, vote, said, heard = each.offer, each.vote, each.prediction, each.listening
        before = given.setdefault(offer.listener_id, [])
        before.append(vote)
        numbers[offer.id] = len(before)
        minutes = round((vote.created_at - before[0].created_at).total_seconds() / 60)
        clips = (names[offer.left_clip], names[offer.right_clip])
        listened = (_heard(heard.left_ms), _heard(heard.right_ms)) if heard else (None, None)
        expected = (*map(_share, (said.p_left, said.p_equal, said.p_right)), said.votes_seen)
        drawn = (offer.policy, _share(offer.pair_probability), _share(offer.order_probability), offer.condition)
        who = people[offer.listener_id]
        line = (who, *clips, vote.outcome, len(before), minutes, *listened, offer.seconds, *expected, *drawn)
        lines.append((*line, numbers.get(offer.repeats) if offer.repeats else None, vote.trust))
    return _table(VOTES, sorted(lines, key=lambda line: (line[0], line[4])))


def _fours(found: Sequence[JudgedFour], people: dict[uuid.UUID, str], names: dict[uuid.UUID, str]) -> str:
    given: dict[uuid.UUID, list[FourVote]] = {}
    lines = []
    for each in found:
        four, vote = each.four, each.vote
        before = given.setdefault(four.listener_id, [])
        before.append(vote)
        minutes = round((vote.created_at - before[0].created_at).total_seconds() / 60)
        clips = [names[clip] for clip in four.clips]
        listened = map(_heard, vote.heard_ms)
        said = (people[four.listener_id], *clips, vote.outcome, len(before), minutes, *listened, four.seconds)
        drawn = (four.policy, _share(four.four_probability), _share(four.order_probability), four.condition)
        lines.append((*said, *map(_share, vote.chances), vote.votes_seen, *drawn, vote.trust))
    return _table(FOURS, sorted(lines, key=lambda line: (line[0], line[6])))


def _clips(space: TasteSpace, clips: Sequence[Clip], people: dict[uuid.UUID, str], names: dict[uuid.UUID, str]) -> str:
    lines = []
    for clip in sorted(clips, key=lambda each: names[each.id]):
        known = clip.model_version == space.version
        features = space.features(clip.summary)[0, : len(space.names)].round(4).tolist() if known else []
        whose = people.get(clip.composed_for, "") if clip.composed_for else ""
        lines.append((names[clip.id], clip.domain, clip.kind, whose, clip.model_version, *features))
    return _table(("clip_id", "domain", "kind", "composed_for", "model_version", *space.names), lines)


def _share(probability: float) -> float:
    """To two digits: what a listener's own download says exactly must not name their lines."""
    return float(f"{probability:.2g}")


def _heard(milliseconds: int) -> int:
    """To a tenth of a second."""
    return round(milliseconds, -2)


def _table(columns: Sequence[str], lines: Iterable[Sequence[Any]]) -> str:
    return csv_text.table(columns, lines)
