from __future__ import annotations

import pytest

from webapp.runtime.errors import NotAllowed
from webapp.studies.design import Question, checked, parse_questions, require_answers, written_questions

TEXT = """How often do you play? | never | now and then | daily
How did you like it? | scale 1-7 not at all, very much
Years of lessons? | number 0-80 (optional)
Anything else? (optional)"""


def test_a_text_becomes_questions_and_these_the_same_text() -> None:
    found = [Question(**each) for each in parse_questions(TEXT)]
    assert [each.kind for each in found] == ["choice", "scale", "number", "text"]
    assert [each.required for each in found] == [True, True, False, False]
    assert (found[1].low, found[1].high_label) == (1, "very much")
    assert written_questions(found) == TEXT


def test_answers_that_can_not_be_are_refused() -> None:
    for given, told in (
        ({"2": 3}, "question 1 is not answered"),
        ({"1": "weekly", "2": 3}, "no answer"),
        ({"1": "daily", "2": 8}, "whole number from 1 to 7"),
        ({"1": "daily", "2": 2.5}, "whole number"),
        ({"1": "daily", "2": 2, "3": "many"}, "number from 0 to 80"),
    ):
        asked = [Question(**each) for each in parse_questions(TEXT)]
        with pytest.raises(NotAllowed, match=told):
            require_answers(asked, given)


def test_answers_come_back_by_number_and_what_may_be_left_out_is() -> None:
    asked = [Question(**each) for each in parse_questions(TEXT)]
    assert require_answers(asked, {"1": "daily", "2": "4", "9": "x"}) == {"1": "daily", "2": 4.0}


@pytest.mark.parametrize("end", ["low", "high"])
def test_the_bounds_of_a_number_are_finite(end: str) -> None:
    with pytest.raises(ValueError, match="finite"):
        Question.model_validate_json(f'{{"text": "How many?", "kind": "number", "{end}": 1e400}}')


def test_a_design_that_can_not_be_is_refused() -> None:
    for design in (
        {},
        {"title": "A", "before": [{"text": "One?", "kind": "choice", "answers": ["only"]}]},
        {"title": "A", "before": [{"text": "Scale?", "kind": "scale", "low": 1, "high": 50}]},
        {"title": "A", "completion_url": "javascript:alert(1)"},
        {"title": "A", "pairs": {"per_participant": 3, "repeats": 4}},
        {"title": "A", "quota": 0},
    ):
        with pytest.raises(NotAllowed, match="design can't be used"):
            checked(design)
