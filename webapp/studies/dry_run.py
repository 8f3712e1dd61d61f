"""A study tried before anybody takes part: once through all of it as a participant, and what it could show at best."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from db.queries import listening_studies
from models.metrics import intervals
from models.metrics.intervals import ALPHA
from webapp.runtime.database import Database
from webapp.runtime.errors import NotAllowed
from webapp.runtime.journal import Journal
from webapp.studies import keys, moods, participation, studies, trials
from webapp.studies.design import Pairs, Question, StudyDesign
from webapp.studies.participation import Joining
from webapp.studies.trials import Heard

MOST_STEPS = 1_000
HEARD_MS = 5_000
STUDIES = 200  # simulated, for each true share
RIVAL = 0.6  # of its answers are right


@dataclass(frozen=True)
class Tried:
    """What became of it.

    Attributes:
        condition: for whom this holds; empty where there is one group.
        people: of the condition, once the quota is full.
        answers: of each of them, on two systems; of those two that are compared least.
        systems: how many are compared.
        pairs: how many each participant hears, without repeats and checks.
        different: how many different pairs of clips there are.
        smallest: the share of preferences that the study finds 8 times in 10; None where it finds none.
        of_90: how often it finds a share of 90 %.
        chance: what guessing has right; a half where two are compared, a quarter where moods are rated.
        above: where moods are rated, the share that is found above a rival's of ``RIVAL``; None where none is.
    """

    condition: str
    people: int
    answers: int
    systems: int
    pairs: int
    different: int
    smallest: float | None
    of_90: float
    chance: float = 0.5
    above: float | None = None


def walk(database: Database, journal: Journal, key: str) -> int:
    """Go through a study as a simulated participant, of whom nothing stays; how many pairs there were.

    Every step is the one that people meet, but the sound. Raises a ``Problem`` where the study stops somewhere.
    """
    preview, token = keys.of_researcher(key).preview, keys.new_secret()
    told = participation.look(database, preview)
    said = Joining(token, max(18, told["least_age"]), told["consent_version"])
    step, pairs = participation.join(database, journal, preview, said), 0
    try:
        for _ in range(MOST_STEPS):
            if step["step"] == "thanks":
                return pairs
            pairs += step["step"] in {"pair", "mood"}
            step = _answered(database, journal, token, step)
    finally:
        database.transaction(lambda session: listening_studies.withdraw(session, participation.require(session, token)))
    raise NotAllowed(f"the study did not end after {MOST_STEPS} steps; ask for fewer pairs or questions")


def power(database: Database, key: str) -> list[Tried]:
    """What preference the study could show in each condition, with people who differ as simulated ones do."""

    def work(session: Session) -> tuple[StudyDesign, list[Heard], list[tuple[uuid.UUID, uuid.UUID]]]:
        study = studies.require(session, key)
        return studies.design_of(study), studies.heard(session, study), studies.fixed_pairs(session, study)

    design, clips, fixed = database.transaction(work)
    pairs, quota = design.pairs, design.quota
    conditions = trials.conditions_of(clips)
    if design.task == "mood":
        return [_of_moods(pairs, clips, each, max(1, quota // len(conditions))) for each in conditions]
    found = []
    for condition in conditions:
        trials.require_enough(pairs, clips, fixed, condition)
        counts = _answers(pairs, clips, fixed, condition)
        people = max(1, quota // len(conditions))
        least = max(1, min(counts.values()))
        here = intervals.power(people, least, alpha=ALPHA / len(counts), studies=STUDIES)
        systems = len({system for pair in counts for system in pair})
        at_90 = float(here.found[list(intervals.SHARES).index(0.9)])
        different = _different(pairs, clips, fixed, condition)
        count = sum(counts.values())
        found.append(Tried(condition, people, least, systems, count, different, here.smallest, at_90))
    return found


def _of_moods(pairs: Pairs, clips: list[Heard], condition: str, people: int) -> Tried:
    """What share of answers in the mood meant could be shown to be above chance, and above a rival's."""
    trials.require_rated(clips, condition)
    mine = {each.id: each for each in clips if each.condition in {"", condition}}
    drawn = trials.draw_rated(pairs, clips, condition, generator=np.random.default_rng(0))
    main = [mine[each.left].system for each in drawn if each.kind == "main"]
    systems = sorted({each.system for each in mine.values()})
    least = max(1, min(main.count(each) for each in systems))
    here = intervals.power(people, least, alpha=ALPHA / len(systems), studies=STUDIES, chance=moods.CHANCE)
    rivals = max(1, len(systems) * (len(systems) - 1) // 2)
    above = intervals.power_apart(people, least, RIVAL, alpha=ALPHA / rivals, studies=STUDIES)
    at_90 = float(here.found[np.abs(here.shares - 0.9).argmin()])
    return Tried(
        condition, people, least, len(systems), len(main), len(mine), here.smallest, at_90, moods.CHANCE, above
    )


def _different(pairs: Pairs, clips: list[Heard], fixed: list[tuple[uuid.UUID, uuid.UUID]], condition: str) -> int:
    """How many different pairs of clips the participants of a condition may hear."""
    if pairs.way == "fixed":
        return len(trials.fixed_of(clips, fixed, condition))
    return sum(map(len, trials.candidates(clips, condition).values()))


def _answers(
    pairs: Pairs, clips: list[Heard], fixed: list[tuple[uuid.UUID, uuid.UUID]], condition: str
) -> dict[frozenset[str], int]:
    """How often a participant compares every two systems, as trials are really drawn."""
    systems = {each.id: each.system for each in clips}
    counts: dict[frozenset[str], int] = {}
    for trial in trials.draw(pairs, clips, fixed, condition, generator=np.random.default_rng(0)):
        two = frozenset((systems[trial.left], systems[trial.right]))
        if trial.kind == "main":
            counts[two] = counts.get(two, 0) + 1
    return counts


def _answered(database: Database, journal: Journal, token: str, step: dict[str, Any]) -> dict[str, Any]:
    """The step after a simulated participant has answered this one."""
    if step["step"] == "headphones":
        return participation.answer_check(database, journal, token, step["number"], 1)
    if step["step"] == "questions":
        asked = [Question(**{name: each[name] for name in Question.model_fields}) for each in step["questions"]]
        given = {str(number): _plausible(each) for number, each in enumerate(asked, start=1)}
        return participation.answer_questions(database, journal, token, step["part"], given)
    if step["step"] == "break":
        return participation.rested(database, journal, token)
    trial = uuid.UUID(step["trial"]["offer_id"])
    if step["step"] == "mood":
        return participation.answer_trial(
            database, journal, token, trial, outcome="rated", left_ms=HEARD_MS, right_ms=HEARD_MS, mood=(0.5, -0.5)
        )
    return participation.answer_trial(
        database, journal, token, trial, outcome="left", left_ms=HEARD_MS, right_ms=HEARD_MS
    )


def _plausible(question: Question) -> Any:
    return {"choice": question.answers[:1], "text": ("nothing",)}.get(question.kind, (question.low,))[0]
