"""A study tried before anybody takes part: once through all of it as a participant, and what it could show at best."""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from db.queries import listening_studies
from models.metrics import intervals
from models.metrics.intervals import ALPHA
from webapp.runtime.database import Database
from webapp.runtime.errors import NotAllowed
from webapp.runtime.journal import Journal
from webapp.studies import keys, moods, participation, studies, trials
from webapp.studies.design import MOST_PAIRS, Pairs, Question, StudyDesign
from webapp.studies.participation import Joining
from webapp.studies.trials import Heard, Turns

MOST_STEPS = 1_000
HEARD_MS = 5_000
STUDIES = 200  # simulated, for each true share
MOST_PEOPLE = 2_000  # simulated of a study: more find hardly smaller preferences
RIVAL = 0.6  # of its answers are right


@dataclass(frozen=True)
class Tried:
    """What became of it.

    Attributes:
        condition: for whom this holds; empty where there is one group.
        people: of the condition, once the quota is full.
        comparing: how many of these compare those two systems that are compared least (or rate the one rated least).
        answers: of each who does, on these two.
        systems: how many are compared.
        pairs: how many each participant hears, without repeats and checks.
        different: how many different pairs of clips there are.
        smallest: the share of preferences that the study finds 8 times in 10; None where it finds none.
        of_90: how often it finds a share of 90 %.
        chance: what guessing has right; a half where two are compared, a quarter where moods are rated.
        above: where moods are rated, the share that is found above a rival's of ``RIVAL``; None where none is.
        helps: where no share is found: more people, fewer conditions, fewer systems, more pairs each.
        single: whether each system is a single clip.
    """

    condition: str
    people: int
    comparing: int
    answers: int
    systems: int
    pairs: int
    different: int
    smallest: float | None
    of_90: float
    chance: float = 0.5
    above: float | None = None
    helps: tuple[str, ...] = ()
    single: bool = False


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
    conditions = trials.conditions_of(clips)
    people = max(1, design.quota // len(conditions))
    if design.task == "mood":
        return [of_moods(design.pairs, clips, each, people) for each in conditions]
    return [of_pairs(design.pairs, clips, fixed, each, people) for each in conditions]


def of_pairs(
    pairs: Pairs, clips: list[Heard], fixed: list[tuple[uuid.UUID, uuid.UUID]], condition: str, people: int
) -> Tried:
    """What preference ``analysis`` would find between those two systems that are compared least."""
    trials.require_enough(pairs, clips, fixed, condition)
    turns = trials.turns(pairs, clips, fixed, condition)
    studies, comparing, answers = _sampled(turns, people)
    here = intervals.power([each[:, 0] for each in studies], alpha=ALPHA / max(1, len(turns.places)))
    at_90 = float(here.found[list(intervals.SHARES).index(0.9)])
    different = _different(pairs, clips, fixed, condition)
    helps = _helps(turns, people, condition) if here.smallest is None else ()
    single = len({each.system for each in clips}) == len(clips)
    return Tried(
        condition, people, comparing, answers, turns.systems, turns.length, different, here.smallest, at_90,
        helps=helps, single=single,
    )  # fmt: skip


def of_moods(pairs: Pairs, clips: list[Heard], condition: str, people: int) -> Tried:
    """What share of answers in the mood meant could be shown to be above chance, and above a rival's."""
    trials.require_rated(clips, condition)
    turns = trials.turns_rated(pairs, clips, condition)
    studies, comparing, answers = _sampled(turns, people)
    systems = turns.systems
    here = intervals.power([each[:, 0] for each in studies], alpha=ALPHA / systems, chance=moods.CHANCE)
    rivals = systems * (systems - 1) // 2
    above = intervals.power_apart(studies, RIVAL, alpha=ALPHA / rivals) if rivals else None
    at_90 = float(here.found[np.abs(here.shares - 0.9).argmin()])
    mine = sum(each.condition in {"", condition} for each in clips)
    helps = _helps(turns, people, condition, moods.CHANCE) if here.smallest is None else ()
    return Tried(
        condition, people, comparing, answers, systems, turns.length, mine, here.smallest, at_90, moods.CHANCE, above,
        helps,
    )  # fmt: skip


def _sampled(turns: Turns, people: int) -> tuple[list[npt.NDArray[np.int64]], int, int]:
    """How often each person who hears what is heard least does so, and what is heard next to least; ``(people, 2)``.

    Then how many these are, on average over studies, and how often each of them hears it.
    """
    generator, studies, hearing, times = np.random.default_rng(0), [], 0, 0
    for _ in range(STUDIES):
        each = turns.sample(people, generator)
        hearing, times = hearing + int(np.count_nonzero(each[:, 0])), times + int(each[:, 0].sum())
        studies.append(each[each[:, 0] > 0][:MOST_PEOPLE].copy())
    return studies, round(hearing / STUDIES), times // max(1, hearing)


def _helps(turns: Turns, people: int, condition: str, chance: float = 0.5) -> tuple[str, ...]:
    """What would let a study show something; nothing but more people where these could not if all agreed."""
    if intervals.mean_log_capital(np.ones(people), chance) < math.log(2 / ALPHA):
        return ("people",)
    others = {
        "conditions": bool(condition),
        "systems": turns.systems > (2 if chance == 0.5 else 1),
        "pairs": turns.length < MOST_PAIRS,
    }
    return ("people", *(name for name, may in others.items() if may))


def _different(pairs: Pairs, clips: list[Heard], fixed: list[tuple[uuid.UUID, uuid.UUID]], condition: str) -> int:
    """How many different pairs of clips the participants of a condition may hear."""
    if pairs.way == "fixed":
        return len(trials.fixed_of(clips, fixed, condition))
    return sum(map(len, trials.candidates(clips, condition).values()))


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
