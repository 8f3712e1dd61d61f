"""A study's design: what participants read, are asked and hear, and how answers will be judged. Nothing in it is code.

It is given as JSON or TOML, or made by a page; ``StudyDesign`` checks it, and says of each value what is wrong with it.

Questionnaires are plain text, too, a question a line: ``Question | answer | answer``, ``Question | scale 1-7 not at
all, very much``, ``Question | number 0-80`` or the question alone, for free text; ``(optional)`` at its end lets it be
left out.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from models.music.corpora import CORPORA
from webapp.runtime.errors import NotAllowed, in_words

LONGEST_CLIP_S = 60.0
MOST_CLIPS = 200
MOST_PAIRS = 100
INFORMATION = (
    "You will hear pairs of short piano pieces and say which one you find more beautiful. There are no right or wrong "
    "answers.\n\nWe store your answers under a random number, together with the answers to a few questions and your "
    "age group, but neither your name nor your address. You can stop at any time, and you can withdraw afterwards with "
    "a link that you get: then all of your answers are deleted. The answers will be analysed and published in a form "
    "in which nobody can be recognised."
)
MOODS = {"happy": (1, 1), "tense": (-1, 1), "sad": (-1, -1), "calm": (1, -1)}  # signs of valence and arousal
CONSENT = "I have read this, I am old enough, and I take part of my own free will."
Line = Annotated[str, Field(min_length=1, max_length=300)]
Text = Annotated[str, Field(min_length=1, max_length=20_000)]
Name = Annotated[str, Field(pattern=r"^[\w .+-]{1,60}$")]
SHOWN = ["v02", "v08", "v13", "v21", "v44", "night-and-day", "on-the-road", "in-the-garden"]
TEMPLATES: dict[str, dict[str, Any]] = {
    "mood": {
        "title": "What mood is it?",
        "task": "mood",
        "question": "How does this music sound to you?",
        "information": "You will hear short piano pieces, one at a time, and say how each sounds, from sad to happy "
        "and from calm to lively. Say what the music expresses, not how you feel. There are no right or wrong answers."
        + INFORMATION[INFORMATION.index("\n\n") :],
        "moods": [
            {"system": "written", "method": "written"},
            {"system": "steered", "method": "steered"},
            {"system": "rules", "method": "rules"},
            {"system": "plain", "method": "plain"},
            {"system": "real", "method": "real"},
        ],
        "pairs": {"per_participant": 20, "repeats": 3, "attention_checks": 1, "break_after": 12},
        "quota": 30,
    },
    "fit": {
        "title": "Which music fits?",
        "task": "fit",
        "question": "Which music fits better?",
        "information": "You will see pictures and short films, each with two short piano pieces, and say which piece "
        "fits what you see better. There are no right or wrong answers." + INFORMATION[INFORMATION.index("\n\n") :],
        "pictures": [
            {"system": name, "method": method, "shown": SHOWN}
            for name, method in (("annotated", "annotated"), ("of another", "another"))
        ],
        "pairs": {"per_participant": 16, "repeats": 2, "attention_checks": 1, "break_after": 10},
        "seconds": 14.0,
        "quota": 30,
    },
}
OPTIONAL = "(optional)"
RANGE = r"(-?\d+(?:\.\d+)?)\s*(?:-|–|to)\s*(-?\d+(?:\.\d+)?)"
SCALE = re.compile(rf"scale\s+{RANGE}\s*(.*)", re.IGNORECASE)
NUMBER = re.compile(rf"number\s+{RANGE}", re.IGNORECASE)
MOST_LETTERS = 2_000


class Part(BaseModel):
    """A part of a design: frozen, and without values that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, allow_inf_nan=False)


class Question(Part):
    """A question of a questionnaire: one of several ``answers``, a point of a scale, a number, or free text.

    ``low`` and ``high``: the ends of a scale or the bounds of a number; ``low_label``, ``high_label``: what the ends
    of a scale mean.
    """

    text: Line
    kind: Literal["choice", "scale", "number", "text"] = "text"
    answers: tuple[Line, ...] = Field(default=(), max_length=30)
    low: float = 1.0
    high: float = 7.0
    low_label: str = Field(default="", max_length=60)
    high_label: str = Field(default="", max_length=60)
    required: bool = True

    @model_validator(mode="after")
    def _whole(self) -> Question:
        if self.kind == "choice" and len(set(self.answers)) < 2:
            raise ValueError("a question of this kind needs two answers at least, all of them different")
        if self.kind in {"scale", "number"} and not self.low < self.high:
            raise ValueError("low must be less than high")
        if self.kind == "scale" and not (
            self.low.is_integer() and self.high.is_integer() and self.high - self.low < 11
        ):
            raise ValueError("a scale has whole numbers as its ends and 11 points at most")
        return self


class Composed(Part):
    """Clips that Kallos composes, compared as ``system``; the same seed composes the same notes."""

    system: Name = "Kallos"
    kind: Literal["pop", "dance", "chorale"] = "pop"
    count: int = Field(default=8, ge=1, le=MOST_CLIPS)
    bars: int = Field(default=8, ge=4, le=32)
    seed: int = Field(default=0, ge=0, lt=2**31)


class Asked(Part):
    """Clips that a generator elsewhere makes: ``url`` answers a POST of ``{seed, seconds}`` with MIDI or sound."""

    system: Name
    url: Annotated[str, Field(max_length=500)]
    count: int = Field(default=8, ge=1, le=MOST_CLIPS)
    seed: int = Field(default=0, ge=0, lt=2**31)


class ForMoods(Part):
    """Clips of each of ``MOODS``, so many a mood, rated as ``system``.

    Attributes:
        method: ``written``: the writer is told the mood, and a judge takes the best of four; ``steered``: versions of a
            draft, of which a judge takes the nearest; ``rules``: a draft changed by hand-written rules; ``plain``: the
            draft alone, whatever the mood; ``real``: people's music. Pop piano comes from EMOPIA, whose annotators
            said the mood, other kinds from the collections that come along, and the judge says the mood.
    """

    system: Name
    method: Literal["written", "steered", "rules", "plain", "real"]
    kind: Literal["pop", "dance", "chorale"] = "pop"
    count: int = Field(default=3, ge=1, le=12)
    seed: int = Field(default=0, ge=0, lt=2**31)


class ForPictures(Part):
    """Music for pictures that are shipped, of which each has one clip, compared as ``system``.

    Attributes:
        method: how pictures become music: ``annotated``, ``axes`` or ``rotation``, as on the page Film; ``another``:
            what ``annotated`` composes for another of the pictures.
        shown: the names of drawings or short films.
    """

    system: Name
    method: Literal["annotated", "axes", "rotation", "another"]
    shown: tuple[Name, ...] = Field(min_length=2, max_length=48)
    seed: int = Field(default=0, ge=0, lt=2**31)


class Pairs(Part):
    """How pairs are drawn.

    Attributes:
        way: ``random``: clips of two systems, of one item where clips have items; ``fixed``: those of pairs.csv;
            ``adaptive``: as random, but mostly of the two systems whose order the answers so far leave most open.
        per_participant: how many each participant hears, without repeats and attention checks.
        repeats: how many come again at the end, with left and right exchanged.
        attention_checks: how many ask for a certain answer.
        break_after: a break comes after so many pairs; 0: none.
    """

    way: Literal["random", "fixed", "adaptive"] = "random"
    per_participant: int = Field(default=12, ge=1, le=MOST_PAIRS)
    ties: bool = True
    repeats: int = Field(default=2, ge=0, le=20)
    attention_checks: int = Field(default=1, ge=0, le=10)
    break_after: int = Field(default=0, ge=0, le=MOST_PAIRS)

    @model_validator(mode="after")
    def _whole(self) -> Pairs:
        if self.repeats > self.per_participant:
            raise ValueError("no more pairs can come again than there are")
        return self


class Exclusion(Part):
    """Whose answers one of the two analyses leaves out; stated before the first participant comes.

    Attributes:
        failed_checks: more failed attention checks than this; -1: no such rule.
        failed_headphones: who did not pass the headphone check.
        fastest_s: who took less than this a pair, at the median; 0: no such rule.
        least_repeated: who gave less than this share of repeated pairs the same answer again; 0: no such rule.
    """

    failed_checks: int = Field(default=0, ge=-1, le=10)
    failed_headphones: bool = False
    fastest_s: float = Field(default=0.0, ge=0, le=60)
    least_repeated: float = Field(default=0.0, ge=0, le=1)


class StudyDesign(Part):
    """A whole design; every field but the title has a default.

    Attributes:
        task: ``pairs``: people compare two clips; ``mood``: they rate one at a time by two sliders, and what a clip is
            meant to be is its item, one of ``MOODS``; ``fit``: they compare two clips beside the picture that their
            item names.
        seconds: how long a clip plays at most; all play as long as the shortest.
        played: whether notes, brought or composed, are played as a pianist might; exactly as written otherwise.
        show_notes: whether participants see piano rolls, where every clip has notes.
        share_clips: whether the dataset holds the clips that were brought; composed ones are always in it.
    """

    title: Annotated[str, Field(min_length=1, max_length=120)]
    information: Text = INFORMATION
    consent: Text = CONSENT
    contact: str = Field(default="", max_length=300)
    least_age: int = Field(default=18, ge=0, le=99)
    task: Literal["pairs", "mood", "fit"] = "pairs"
    question: Line = "Which is more beautiful?"
    seconds: float = Field(default=12.0, ge=2, le=LONGEST_CLIP_S)
    played: bool = True
    show_notes: bool = False
    composed: tuple[Composed, ...] = Field(default=(), max_length=8)
    asked: tuple[Asked, ...] = Field(default=(), max_length=8)
    moods: tuple[ForMoods, ...] = Field(default=(), max_length=8)
    pictures: tuple[ForPictures, ...] = Field(default=(), max_length=8)
    pairs: Pairs = Pairs()
    headphone_check: bool = True
    before: tuple[Question, ...] = Field(default=(), max_length=40)
    after: tuple[Question, ...] = Field(default=(), max_length=40)
    quota: int = Field(default=30, ge=1, le=100_000)
    exclusion: Exclusion = Exclusion()
    panel_parameter: str = Field(default="PROLIFIC_PID", pattern=r"^\w{1,40}$")
    completion_url: str = Field(default="", max_length=500)
    share_clips: bool = False

    @property
    def makes_clips(self) -> bool:
        """Whether clips are composed or asked for, beside those that are brought."""
        return bool(self.composed or self.asked or self.moods or self.pictures)

    @property
    def of_clips(self) -> dict[str, Any]:
        """What of the design the clips depend on, beside the files that were brought."""
        return self.model_dump(mode="json", include={"composed", "asked", "moods", "pictures", "seconds", "played"})

    @model_validator(mode="after")
    def _of_one_task(self) -> StudyDesign:
        if self.task == "mood" and self.pairs.way != "random":
            raise ValueError("clips whose mood is rated come at random; leave the way of pairs at random")
        if (self.moods and self.task != "mood") or (self.pictures and self.task != "fit"):
            raise ValueError('moods need the task "mood", and pictures the task "fit"')
        if self.task == "mood" and (self.composed or self.asked):
            raise ValueError('clips for the task "mood" are named below "moods", or brought with a mood as their item')
        return self

    @field_validator("completion_url")
    @classmethod
    def _address(cls, given: str) -> str:
        parts = urlsplit(given)
        if given and (parts.scheme != "https" or not parts.hostname):
            raise ValueError("it must be empty or an address that begins with https://")
        return given


def checked(given: Any) -> StudyDesign:
    """The design that ``given`` describes; raises ``NotAllowed`` with every value that is wrong.

    ``template`` names one of ``TEMPLATES``, which then has all values that are not given.
    """
    if isinstance(given, dict) and "template" in given:
        own = {name: value for name, value in given.items() if name != "template"}
        given = template(str(given["template"])) | own
    try:
        return StudyDesign.model_validate(given)
    except ValidationError as error:
        raise NotAllowed(f"the design can't be used: {in_words(error.errors())}") from error


def read(text: str, *, toml: bool) -> dict[str, Any]:
    """A design's file as plain values; raises ``NotAllowed`` where it is no JSON (or TOML) object."""
    try:
        found = tomllib.loads(text) if toml else json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotAllowed(f"the design is no valid {'TOML' if toml else 'JSON'}: {error}") from error
    if not isinstance(found, dict):
        raise NotAllowed("the design must be an object with a title")
    return found


def template(name: str) -> dict[str, Any]:
    """A design to begin with; raises ``NotAllowed`` for a name that none has.

    Where EMOPIA is not there, the music by people whose mood is rated is dance tunes.
    """
    if name not in TEMPLATES:
        raise NotAllowed(f"there is no template {name[:40]!r}; there are {', '.join(TEMPLATES)}")
    found = deepcopy(TEMPLATES[name])
    for each in found.get("moods", ()):
        if each["method"] == "real" and not CORPORA["emopia"].files():
            each["kind"] = "dance"
    return found


def parse_questions(text: str) -> list[dict[str, Any]]:
    """The questions of a text, as ``Question`` takes them."""
    return [_question(line.strip()) for line in text.splitlines() if line.strip()]


def written_questions(questions: Sequence[Question]) -> str:
    """The text that ``parse`` reads as these questions."""
    return "\n".join(_line(each) for each in questions)


def require_answers(questions: Sequence[Question], given: Mapping[str, Any]) -> dict[str, Any]:
    """The answers by question number (``"1"``, ``"2"`` …); raises ``NotAllowed`` for what is missing or can't be."""
    answers = {}
    for number, question in enumerate(questions, start=1):
        answer = given.get(str(number))
        if answer is None or answer == "":
            if question.required:
                raise NotAllowed(f"question {number} is not answered: {question.text}")
            continue
        answers[str(number)] = _answer(question, answer)
    return answers


def _question(line: str) -> dict[str, Any]:
    required = not line.endswith(OPTIONAL)
    text, *answers = (part.strip() for part in line.removesuffix(OPTIONAL).split("|"))
    common = {"text": text, "required": required}
    if not answers:
        return {**common, "kind": "text"}
    if found := SCALE.fullmatch(answers[0]):
        low_label, _, high_label = (part.strip() for part in found[3].partition(","))
        ends = {"low": float(found[1]), "high": float(found[2]), "low_label": low_label, "high_label": high_label}
        return {**common, "kind": "scale", **ends}
    if found := NUMBER.fullmatch(answers[0]):
        return {**common, "kind": "number", "low": float(found[1]), "high": float(found[2])}
    return {**common, "kind": "choice", "answers": answers}


def _line(question: Question) -> str:
    ends = f"{question.low:g}-{question.high:g}"
    labels = ", ".join(filter(None, (question.low_label, question.high_label)))
    more = {
        "text": "",
        "scale": f" | scale {ends} {labels}".rstrip(),
        "number": f" | number {ends}",
        "choice": "".join(f" | {each}" for each in question.answers),
    }[question.kind]
    return f"{question.text}{more}{'' if question.required else f' {OPTIONAL}'}"


def _answer(question: Question, answer: Any) -> Any:
    if question.kind == "text":
        return str(answer)[:MOST_LETTERS]
    if question.kind == "choice":
        if answer not in question.answers:
            raise NotAllowed(f"{str(answer)[:80]!r} is no answer to {question.text!r}; choose one of the answers")
        return answer
    try:
        number = float(answer)
    except (TypeError, ValueError):
        number = float("nan")
    if not question.low <= number <= question.high or (question.kind == "scale" and not number.is_integer()):
        what = "a whole number" if question.kind == "scale" else "a number"
        raise NotAllowed(f"{question.text}: {what} from {question.low:g} to {question.high:g} is needed")
    return number
