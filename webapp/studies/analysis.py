"""What the answers of a study come to: preferences and strengths by condition, with and without who is left out.

Everybody counts once: a person's share of answers for one of two systems is one value, since answers of one person
depend on each other. Repeats and attention checks are in no preference; they say how far answers can be trusted.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy.orm import Session

from db.queries import listening_studies as study_rows
from db.queries.listening_studies import Counts, TakenPart
from db.tables import ListeningStudy, StudyTrial
from models.metrics import intervals
from models.metrics.intervals import Figure, wilson
from webapp.studies import moods, studies
from webapp.studies.design import Exclusion, Question, StudyDesign
from webapp.studies.moods import Moods
from webapp.studies.trials import Heard

WON = {"left": 1.0, "equal": 0.5, "right": 0.0}
MIRRORED = {"left": "right", "right": "left", "equal": "equal"}


@dataclass(frozen=True)
class Preference:
    """How often ``first`` is preferred to ``second``: the mean over people, of ``answers`` in all."""

    first: str
    second: str
    share: Figure
    answers: int


@dataclass(frozen=True)
class Strength:
    """A system's Bradley-Terry strength in log-odds, and its interval over people, which holds at any look."""

    system: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Results:
    """What the people of one condition prefer; ``strengths`` the strongest first."""

    condition: str
    people: int
    preferences: tuple[Preference, ...]
    strengths: tuple[Strength, ...]


@dataclass(frozen=True)
class Quality:
    """How far answers can be trusted: repeats answered alike, checks passed, and how often the left one is chosen.

    ``headphones``: the share of people who passed that check.
    """

    headphones: Figure
    repeats: Figure
    checks: Figure
    left: Figure
    ties: Figure
    seconds: float


@dataclass(frozen=True)
class Answered:
    """What was answered to a question: how many gave each answer, or the mean and standard deviation of numbers.

    Of free text it is only counted how many people gave any.
    """

    question: str
    counts: Mapping[str, int]
    n: int
    mean: float = math.nan
    sd: float = math.nan
    in_words: bool = False


@dataclass(frozen=True)
class Analysis:
    """A whole study: everybody who finished, and the same without those whom the rules leave out."""

    counts: Counts
    everybody: tuple[Results, ...]
    without: tuple[Results, ...]
    excluded: Mapping[str, int]
    left_out: int
    quality: Quality
    ages: Mapping[str, int]
    answered: tuple[Answered, ...]
    moods: tuple[Moods, ...] = ()
    moods_without: tuple[Moods, ...] = ()


def analyse(session: Session, study: ListeningStudy) -> Analysis:
    """The analysis of all who have finished so far."""
    design = studies.design_of(study)
    clips = {each.id: each for each in studies.heard(session, study)}
    systems = {each.id: each.system for each in clips.values()} if design.task != "mood" else {}
    finished = [each for each in study_rows.all_of(session, study.id) if each.participant.completed_at is not None]
    reasons = {each.participant.id: reasons_against(each, design) for each in finished}
    kept = [each for each in finished if not reasons[each.participant.id]]
    return Analysis(
        study_rows.counts(session, study, gone_after=studies.GONE_AFTER),
        _by_condition(finished, systems) if systems else (),
        _by_condition(kept, systems) if systems else (),
        Counter(reason for found in reasons.values() for reason in found),
        len(finished) - len(kept),
        _quality(finished),
        Counter(each.participant.age_group for each in finished),
        tuple(
            _answered(question, [(getattr(each.participant, part) or {}).get(str(number)) for each in finished])
            for part, asked in (("before", design.before), ("after", design.after))
            for number, question in enumerate(asked, start=1)
        ),
        *((_moods(finished, clips), _moods(kept, clips)) if design.task == "mood" else ()),
    )


def rules(exclusion: Exclusion, *, checked: bool) -> list[str]:
    """The rules by which people are left out of the second analysis, in words."""
    found = []
    if exclusion.failed_checks >= 0:
        found.append(f"more than {exclusion.failed_checks} failed attention checks")
    if exclusion.failed_headphones and checked:
        found.append("a failed headphone check")
    if exclusion.fastest_s:
        found.append(f"a median of less than {exclusion.fastest_s:g} s a pair")
    if exclusion.least_repeated:
        found.append(f"less than {exclusion.least_repeated:.0%} of repeated pairs answered alike")
    return found


def reasons_against(taken: TakenPart, design: StudyDesign) -> list[str]:
    """By which of the design's rules somebody is left out; none for most."""
    exclusion = design.exclusion
    trials = taken.trials
    told = []
    failed = sum(each.kind == "attention" and not _passed(each) for each in trials)
    if exclusion.failed_checks >= 0 and failed > exclusion.failed_checks:
        told.append("attention checks")
    if design.headphone_check and exclusion.failed_headphones and not taken.participant.headphones.get("passed"):
        told.append("headphone check")
    if exclusion.fastest_s and seconds_a_pair(trials) < exclusion.fastest_s:
        told.append("speed")
    again = _repeats(trials)
    if exclusion.least_repeated and again and statistics.mean(again) < exclusion.least_repeated:
        told.append("repeated pairs")
    return told


def seconds_a_pair(trials: Sequence[StudyTrial]) -> float:
    """Median seconds from when a pair was shown until it was answered; nan without answers."""
    taken = [
        (each.answered_at - each.shown_at).total_seconds() for each in trials if each.answered_at and each.shown_at
    ]
    return statistics.median(taken) if taken else math.nan


def _repeats(trials: Sequence[StudyTrial]) -> list[bool]:
    """Of each repeated pair, whether it was answered as before."""
    first = {each.place: each for each in trials}
    return [
        _alike(first[each.repeats], each)
        for each in trials
        if each.kind == "repeat" and each.repeats is not None and each.outcome
    ]


def _alike(first: StudyTrial, again: StudyTrial) -> bool:
    """Whether a mirrored pair was answered as before, or a clip was heard in the same mood."""
    before, after = moods.rated(first), moods.rated(again)
    if before and after:
        return moods.mood_of(before) == moods.mood_of(after)
    return MIRRORED.get(first.outcome or "") == again.outcome


def _passed(trial: StudyTrial) -> bool:
    """Whether an attention check got the answer that it asked for."""
    place = moods.rated(trial)
    return moods.at_an_end(place, trial.expected) if place else trial.outcome == trial.expected


def _answered(question: Question, given: Sequence[Any]) -> Answered:
    found = [each for each in given if each is not None]
    if question.kind == "text":
        return Answered(question.text, {}, len(found), in_words=True)
    if question.kind == "choice":
        often = Counter(found)
        return Answered(question.text, {each: often[each] for each in question.answers}, len(found))
    mean, sd = (statistics.mean(found), statistics.pstdev(found)) if found else (math.nan, math.nan)
    return Answered(question.text, {}, len(found), mean, sd)


def _moods(people: Sequence[TakenPart], clips: Mapping[UUID, Heard]) -> tuple[Moods, ...]:
    return tuple(
        moods.results(condition, [each.trials for each in group], clips) for condition, group in _grouped(people)
    )


def _grouped(people: Sequence[TakenPart]) -> list[tuple[str, list[TakenPart]]]:
    """People by condition."""
    groups: dict[str, list[TakenPart]] = defaultdict(list)
    for each in people:
        groups[each.participant.condition].append(each)
    return sorted(groups.items())


def _by_condition(people: Sequence[TakenPart], systems: Mapping[UUID, str]) -> tuple[Results, ...]:
    return tuple(_results(condition, group, systems) for condition, group in _grouped(people))


def _results(condition: str, people: Sequence[TakenPart], systems: Mapping[UUID, str]) -> Results:
    names = sorted(set(systems.values()))
    place = {name: number for number, name in enumerate(names)}
    tables = []
    for each in people:
        table = np.zeros((len(names), len(names)))
        for trial in each.trials:
            left, right = place[systems[trial.left_clip]], place[systems[trial.right_clip]]
            if trial.kind == "main" and trial.outcome and left != right:
                table[left, right] += WON[trial.outcome]
                table[right, left] += 1 - WON[trial.outcome]
        tables.append(table)
    heard = [name for name in names if any(table[place[name]].sum() + table[:, place[name]].sum() for table in tables)]
    return Results(condition, len(people), _preferences(tables, heard, place), _strengths(tables, heard, place))


def _preferences(
    tables: Sequence[np.ndarray], heard: Sequence[str], place: Mapping[str, int]
) -> tuple[Preference, ...]:
    """Every two systems that somebody compared; all intervals together hold at any look."""
    pairs = []
    for first, second in combinations(heard, 2):
        a, b = place[first], place[second]
        answered = [table for table in tables if table[a, b] + table[b, a]]
        if answered:
            pairs.append((first, second, [table[a, b] / (table[a, b] + table[b, a]) for table in answered],
                          round(sum(float(table[a, b] + table[b, a]) for table in answered))))  # fmt: skip
    alpha = intervals.ALPHA / max(1, len(pairs))
    return tuple(
        Preference(first, second, intervals.bounded_mean(shares, alpha=alpha), answers)
        for first, second, shares, answers in pairs
    )


def _strengths(tables: Sequence[np.ndarray], heard: Sequence[str], place: Mapping[str, int]) -> tuple[Strength, ...]:
    if len(heard) < 2:
        return ()
    chosen = [place[name] for name in heard]
    found = intervals.strengths([table[np.ix_(chosen, chosen)] for table in tables])
    every = [
        Strength(name, float(found.value[i]), float(found.low[i]), float(found.high[i])) for i, name in enumerate(heard)
    ]
    return tuple(sorted(every, key=lambda each: -each.value))


def _quality(people: Sequence[TakenPart]) -> Quality:
    trials = [trial for each in people for trial in each.trials if trial.outcome]
    again = [same for each in people for same in _repeats(each.trials)]
    checks = [_passed(each) for each in trials if each.kind == "attention"]
    main = [each.outcome for each in trials if each.kind == "main"]
    sided = [each for each in main if each != "equal"]
    paces = [pace for each in people if not math.isnan(pace := seconds_a_pair(each.trials))]
    checked = [each.participant.headphones.get("passed") for each in people]
    return Quality(
        wilson(checked.count(True), checked.count(True) + checked.count(False)),
        wilson(sum(again), len(again)),
        wilson(sum(checks), len(checks)),
        wilson(sided.count("left"), len(sided)),
        wilson(main.count("equal"), len(main)),
        statistics.median(paces) if paces else math.nan,
    )
