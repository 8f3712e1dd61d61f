"""Questionnaires as plain text, a question a line, and the answers that participants give to them.

A line is ``Question | answer | answer``, ``Question | scale 1-7 not at all, very much``, ``Question | number 0-80`` or
the question alone, for free text; ``(optional)`` at its end lets it be left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from webapp.runtime.errors import NotAllowed
from webapp.studies.design import Question

OPTIONAL = "(optional)"
RANGE = r"(-?\d+(?:\.\d+)?)\s*(?:-|–|to)\s*(-?\d+(?:\.\d+)?)"
SCALE = re.compile(rf"scale\s+{RANGE}\s*(.*)", re.IGNORECASE)
NUMBER = re.compile(rf"number\s+{RANGE}", re.IGNORECASE)
MOST_LETTERS = 2_000


def parse(text: str) -> list[dict[str, Any]]:
    """The questions of a text, as ``Question`` takes them."""
    return [_question(line.strip()) for line in text.splitlines() if line.strip()]


def written(questions: Sequence[Question]) -> str:
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
