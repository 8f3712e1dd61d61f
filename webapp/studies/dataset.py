"""A study's dataset as one zip file in which nobody is to be found again, for others to use.

People and trials have new numbers in an order that is not kept, times are rounded to seconds and since a person's first
pair, free text stays away, and an answer that few people gave is not told. Sound that was brought is in it only where
the design says that it may be shared. Its README says what each column means and how it was made safe to share.
"""

from __future__ import annotations

import io
import json
import secrets
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import pandas as pd
from sqlalchemy.orm import Session

from db.queries import listening_studies as study_rows
from db.queries.listening_studies import TakenPart
from db.tables import ListeningStudy, StudyClip
from webapp.runtime import csv_text
from webapp.runtime.clip_store import ClipStore
from webapp.runtime.database import Database
from webapp.studies import analysis, participation, report, studies
from webapp.studies.analysis import Analysis
from webapp.studies.design import Question, StudyDesign
from webapp.studies.report import methods
from webapp.studies.sources import NOTES, SOUND

RARE = "(rare)"
BANDS = 5  # into which a number's range is divided
ANSWERS = {
    "participant": "a random number, in no order",
    "condition": "the group of the participant; empty where there is one group",
    "place": "the place of the pair among all of the participant's, from 0 on",
    "kind": "main; repeat (an earlier pair mirrored); attention (it asks for a certain answer)",
    "repeats": "of a repeat: the place of the earlier pair",
    "left": "the clip called A",
    "right": "the clip called B",
    "outcome": "left, right or equal; rated where the mood of one clip was, which is both left and right",
    "valence": "of a rated clip, from -1 (sad) to 1 (happy)",
    "arousal": "of a rated clip, from -1 (calm) to 1 (lively)",
    "expected": "of an attention check: the answer that it asks for",
    "policy": "how the pair was drawn: random, fixed, adaptive; or repeat, attention",
    "probability": "of this pair of clips at this place, in any order",
    "left_heard_s": "for how long A sounded, in whole seconds",
    "right_heard_s": "for how long B sounded",
    "seconds": "from when the pair was shown until it was answered, in whole seconds",
}
PERSONS = {
    "participant": "the number that answers have as well",
    "condition": "the group into which they were dealt",
    "consent_version": "which version of the text they agreed to",
    "age_group": "in years",
    "headphones": "whether they passed the headphone check; empty where there was none",
    "left_out_by": "by which rules, stated in advance, the second analysis leaves them out; empty for most",
}
CLIPS = (
    "clip: its name; system: what is compared; item: of which music it is; condition: which group hears it; recipe: "
    "how it was composed, where Kallos composed it; file: where its music is in this zip file, if it is. Music that "
    "was brought is here only where the researcher shares it"
)
SAFE = """Participants are numbered in a random order that was not kept. No line has a date, a panel id or an address.
Times are whole seconds, probabilities have three decimals, ages and numbers are groups, free text is left out, and an
answer that fewer than three people gave is `(rare)`. Somebody who knows which pairs a person heard and what they
answered could still find that person's lines. Who withdrew, and who did not finish, is not in it.
"""


@dataclass(frozen=True)
class Found:
    """What the files are made of, read at one moment."""

    study: ListeningStudy
    people: list[TakenPart]
    clips: list[StudyClip]
    analysis: Analysis
    page: str


def export(database: Database, clip_store: ClipStore, key: str) -> bytes:
    """The dataset as a zip file, for whoever has the researcher's key; raises ``NotYours``."""

    def work(session: Session) -> Found:
        study = studies.require(session, key)
        found = analysis.analyse(session, study)
        people = [each for each in study_rows.all_of(session, study.id) if each.participant.completed_at is not None]
        page = report.page(study, found, study_rows.now(session))
        return Found(study, people, study_rows.clips_of(session, study.id), found, page)

    return _packed(database.transaction(work), clip_store)


def panel_list(database: Database, key: str) -> bytes:
    """Who came from a panel and how far they got, as CSV: to pay them with, not to be published."""

    def work(session: Session) -> list[tuple[str, str, str]]:
        study = studies.require(session, key)
        return [
            (each.participant.panel_id, each.participant.state, f"{each.participant.created_at:%Y-%m-%d %H:%M}")
            for each in study_rows.all_of(session, study.id)
            if each.participant.panel_id
        ]

    return _csv(("panel_id", "state", "begun_at_utc"), database.transaction(work)).encode()


def in_words(database: Database, key: str) -> bytes:
    """``answers_in_words`` as CSV: for the researcher, not to be published."""
    return _csv(("question", "text", "answer"), answers_in_words(database, key)).encode()


def answers_in_words(database: Database, key: str) -> list[tuple[str, str, str]]:
    """What those who finished answered in words, in no order: the question's number and text, and the answer.

    Words may tell who wrote them, so no line says whose they are, nor what else this person answered.
    """

    def work(session: Session) -> list[tuple[str, str, str]]:
        study = studies.require(session, key)
        design = studies.design_of(study)
        people = [each.participant for each in study_rows.all_of(session, study.id) if each.participant.completed_at]
        return [
            (f"{part}_{number}", question.text, str(words))
            for part, asked in (("before", design.before), ("after", design.after))
            for number, question in enumerate(asked, start=1)
            if question.kind == "text"
            for words in sorted(filter(None, ((getattr(each, part) or {}).get(str(number)) for each in people)))
        ]

    return database.transaction(work)


def _packed(found: Found, clip_store: ClipStore) -> bytes:
    design = studies.design_of(found.study)
    names = {each.id: each.name for each in found.clips}
    people = list(found.people)
    secrets.SystemRandom().shuffle(people)
    numbers = {each.participant.id: f"p{number:04d}" for number, each in enumerate(people, start=1)}
    answers = pd.DataFrame([line for each in people for line in _answers(each, numbers, names)], columns=[*ANSWERS])
    persons = _persons(people, numbers, design)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("README.md", codebook(design, found.study, found.analysis, list(persons.columns)))
        packed.writestr("report.html", found.page)
        packed.writestr("design.json", json.dumps(design.model_dump(mode="json"), indent=1, ensure_ascii=False))
        for name, frame in (("answers", answers), ("participants", persons)):
            packed.writestr(f"{name}.csv", csv_text.of_frame(frame))
            packed.writestr(f"{name}.parquet", frame.to_parquet(index=False))
        files = _files([each for each in found.clips if design.share_clips or each.recipe])
        packed.writestr("clips.csv", _clips(found.clips, files))
        for clip in found.clips:
            if clip.id in files:
                packed.writestr(files[clip.id], clip_store.get(clip.uri) if clip.midi is None else clip.midi)
    return file.getvalue()


def _answers(taken: TakenPart, numbers: Mapping[UUID, str], names: Mapping[UUID, str]) -> list[tuple[Any, ...]]:
    who, condition = numbers[taken.participant.id], taken.participant.condition
    return [
        (
            who, condition, each.place, each.kind, each.repeats, names[each.left_clip], names[each.right_clip],
            each.outcome, each.valence, each.arousal, each.expected, each.policy, round(each.probability, 3),
            round(each.left_ms / 1000), round(each.right_ms / 1000), _seconds(each),
        )
        for each in taken.trials
        if each.outcome is not None
    ]  # fmt: skip


def _seconds(trial: Any) -> int | None:
    return round((trial.answered_at - trial.shown_at).total_seconds()) if trial.shown_at else None


def _persons(people: Sequence[TakenPart], numbers: Mapping[UUID, str], design: StudyDesign) -> pd.DataFrame:
    """A line a participant: age group, checks, exclusion, and answers that at least ``FEWEST`` people gave."""
    frame = pd.DataFrame(
        {
            "participant": [numbers[each.participant.id] for each in people],
            "condition": [each.participant.condition for each in people],
            "consent_version": [each.participant.consent_version for each in people],
            "age_group": [each.participant.age_group for each in people],
            "headphones": [str(each.participant.headphones.get("passed", "")) for each in people],
            "left_out_by": ["; ".join(analysis.reasons_against(each, design)) for each in people],
        }
    )
    frame["age_group"] = _masked(list(frame["age_group"]), len(participation.GROUPS) + 1)
    for part, asked in (("before", design.before), ("after", design.after)):
        for number, question in enumerate(asked, start=1):
            if question.kind != "text":
                given = [(getattr(each.participant, part) or {}).get(str(number)) for each in people]
                answers = [_grouped(question, each) for each in given]
                frame[f"{part}_{number}"] = _masked(answers, _possible(question))
    return frame


def _possible(question: Question) -> int:
    """How many answers there are."""
    points = round(question.high - question.low) + 1
    return {"choice": len(question.answers), "scale": points}.get(question.kind, BANDS)


def _masked(answers: Sequence[str], possible: int) -> list[str]:
    """The answers that are ``report.reportable`` where so many are ``possible``."""
    shown = report.reportable(Counter(each for each in answers if each), possible)
    return [each if not each or each in shown else RARE for each in answers]


def _grouped(question: Question, answer: Any) -> str:
    """An answer as text; a number as the band that it lies in."""
    if answer is None:
        return ""
    if question.kind != "number":
        return f"{answer:g}" if isinstance(answer, float) else str(answer)
    width = (question.high - question.low) / BANDS
    band = min(BANDS - 1, int((float(answer) - question.low) / width))
    return f"{question.low + band * width:g} to {question.low + (band + 1) * width:g}"


def _files(clips: Sequence[StudyClip]) -> dict[UUID, str]:
    """The file of each clip in the zip file; a number tells those apart that would have one name."""
    files: dict[UUID, str] = {}
    taken: set[str] = set()  # also where capitals are no other letters
    for clip in clips:
        ending = PurePosixPath(clip.name).suffix
        stem = clip.name.removesuffix(ending) if ending.lower() in (*NOTES, *SOUND) else clip.name
        folder, kind = ("audio", ".mp3") if clip.midi is None else ("midi", ".mid")
        endings = chain([kind], (f"-{number}{kind}" for number in count(2)))
        files[clip.id] = next(name for each in endings if (name := f"{folder}/{stem}{each}").casefold() not in taken)
        taken.add(files[clip.id].casefold())
    return files


def _clips(clips: Sequence[StudyClip], files: Mapping[UUID, str]) -> str:
    lines = [
        (each.name, each.system, each.item, each.condition, each.seconds, each.sha256, json.dumps(each.recipe),
         files.get(each.id, ""))
        for each in clips
    ]  # fmt: skip
    return _csv(("clip", "system", "item", "condition", "seconds", "sha256", "recipe", "file"), lines)


def _csv(columns: Sequence[str], lines: Sequence[Sequence[Any]]) -> str:
    return csv_text.table(columns, lines)


def codebook(design: StudyDesign, study: ListeningStudy, found: Analysis, columns: Sequence[str]) -> str:
    """The text, in Markdown."""
    asked = {f"{part}_{number}": question for part, questions in (("before", design.before), ("after", design.after))
             for number, question in enumerate(questions, start=1)}  # fmt: skip
    persons = {name: PERSONS.get(name) or _asked(asked[name]) for name in columns}
    left = [f"`{name}`: {each.text}" for name, each in asked.items() if each.kind == "text"]
    parts = [
        f"# {design.title}",
        methods(design, study, found),
        "## answers.csv, answers.parquet",
        "One line an answer.",
        _listed(ANSWERS),
        "## participants.csv, participants.parquet",
        "One line a participant who has finished.",
        _listed(persons),
        f"Left out, as free text: {'; '.join(left)}." if left else "",
        "## clips.csv, midi/, audio/",
        f"{CLIPS}{'.' if design.share_clips else ', which is not so in this study.'}",
        "## design.json, report.html",
        "The whole design, and the report at the moment of this export.",
        "## What was done so that nobody is found again",
        SAFE,
    ]
    return "\n\n".join(part for part in parts if part)


def _asked(question: Question) -> str:
    kinds = {
        "choice": f"one of: {', '.join(question.answers)}",
        "scale": f"{question.low:g} ({question.low_label}) to {question.high:g} ({question.high_label})",
        "number": f"a number from {question.low:g} to {question.high:g}, in five groups",
        "text": "",
    }
    return f"{question.text} ({kinds[question.kind]})"


def _listed(columns: dict[str, str]) -> str:
    return "\n".join(f"- `{name}`: {meaning}" for name, meaning in columns.items())
