"""The README of a study's dataset: what each column means, how it was made safe to share, and how it came about."""

from __future__ import annotations

from collections.abc import Sequence

from db.tables import ListeningStudy
from webapp.studies.analysis import Analysis
from webapp.studies.design import Question, StudyDesign
from webapp.studies.methods import methods

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
    "how it was composed, where Kallos composed it. Music that was brought is here only where the researcher shares it"
)
SAFE = """Participants are numbered in a random order that was not kept. No line has a date, a panel id or an address.
Times are whole seconds, probabilities have three decimals, ages and numbers are groups, free text is left out, and an
answer that fewer than three people gave is `(rare)`. Somebody who knows which pairs a person heard and what they
answered could still find that person's lines. Who withdrew, and who did not finish, is not in it.
"""


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
