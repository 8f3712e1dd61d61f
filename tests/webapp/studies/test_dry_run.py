"""What a study could show at best is what its analysis would find: same people, same correction for all compared."""

from __future__ import annotations

import math
import uuid
from types import SimpleNamespace

import numpy as np
import pytest

from models.metrics import intervals
from webapp.studies import analysis, dry_run, trials
from webapp.studies.design import MOODS, Pairs
from webapp.studies.trials import Heard
from webapp.ui.pages.studies import running


def clips_of(systems: int, each: int) -> list[Heard]:
    return [Heard(uuid.uuid4(), f"system{place}") for place in range(systems) for _ in range(each)]


@pytest.mark.parametrize(("systems", "each", "one"), [(20, 1, "clip"), (8, 4, "system")])
def test_people_who_hear_few_of_many_pairs_of_systems_show_nothing_and_the_page_says_what_helps(
    systems: int, each: int, one: str
) -> None:
    tried = dry_run.of_pairs(Pairs(), clips_of(systems, each), [], "", 30)
    assert (tried.people, tried.systems, tried.answers, tried.smallest) == (30, systems, 1, None)
    assert tried.comparing == round(30 * 12 / math.comb(systems, 2))
    assert tried.of_90 < 0.25
    said = running._shows(tried)
    assert f"With 30 people, of whom about {tried.comparing} compare the same two {one}s, once each," in said
    assert f"More people would help, or fewer {one}s, or more pairs each." in said
    assert dry_run.of_pairs(Pairs(), clips_of(2, each), [], "", 30).smallest is not None  # fewer systems help
    helped = dry_run.of_pairs(Pairs(per_participant=100), clips_of(8, each), [], "", 30)  # and so do more pairs
    assert helped.smallest is not None


def test_fixed_pairs_of_one_system_take_a_place_and_show_nothing() -> None:
    clips = clips_of(2, 3)
    (a, b, _), (c, d, _) = ([each.id for each in clips[start : start + 3]] for start in (0, 3))
    pairs = Pairs(way="fixed", per_participant=2, repeats=0)
    tried = dry_run.of_pairs(pairs, clips, [(a, c), (b, d), (a, b), (c, d)], "", 60)
    assert (tried.systems, tried.pairs, tried.different) == (2, 2, 4)
    assert tried.comparing == pytest.approx(50, abs=1)  # who draws (a, b) and (c, d) compares nothing
    nothing = dry_run.of_pairs(pairs, clips, [(a, b), (c, d)], "", 60)
    assert (nothing.systems, nothing.comparing, nothing.smallest) == (0, 0, None)
    assert "nothing is compared" in running._shows(nothing)


def test_kinds_of_clips_that_few_rate_show_nothing() -> None:
    clips = [Heard(uuid.uuid4(), f"kind{place}", mood) for place in range(10) for mood in MOODS]
    tried = dry_run.of_moods(Pairs(per_participant=2, repeats=0), clips, "", 30)
    assert tried.comparing == pytest.approx(30 * 2 / 10, abs=1)
    assert (tried.answers, tried.smallest, tried.above) == (1, None, None)
    assert "More people would help, or fewer kinds, or more clips each." in running._shows(tried)
    alone = dry_run.of_moods(Pairs(), [each for each in clips if each.system == "kind0"], "", 30)
    assert alone.above is None
    assert "another" not in running._shows(alone)


def test_too_few_people_are_told_to_ask_more_and_nothing_else() -> None:
    said = running._shows(dry_run.of_pairs(Pairs(), clips_of(3, 2), [], "", 1))
    assert said.startswith("With 1 person comparing every two systems 4 times, the study would hardly show anything")
    assert said.endswith("More people would help.")


@pytest.mark.parametrize(
    ("pairs", "systems", "people"),
    [(Pairs(), 6, 30), (Pairs(per_participant=5), 4, 40), (Pairs(way="adaptive", per_participant=6), 4, 60)],
)
def test_the_analysis_finds_about_as_often_what_was_foretold(pairs: Pairs, systems: int, people: int) -> None:
    """Whole studies whose trials are drawn and analysed as real ones are."""
    clips, studies = clips_of(systems, 2), 40
    tried = dry_run.of_pairs(pairs, clips, [], "", people)
    assert tried.smallest is not None
    generator = np.random.default_rng(2)
    centre = intervals._centre(tried.smallest, math.hypot(intervals.PEOPLE_SD, intervals.ANSWERS_SD))
    system = {each.id: each.system for each in clips}
    even = dict.fromkeys(trials.candidates(clips, ""), 1.0)

    def person() -> SimpleNamespace:
        own = centre + intervals.PEOPLE_SD * generator.standard_normal()
        answered = []
        for each in trials.draw(pairs, clips, [], "", generator=generator, weights=even):
            two = system[each.left], system[each.right]
            better = own + intervals.ANSWERS_SD * generator.standard_normal() if "system0" in two else 0.0
            chosen = generator.random() < 1 / (1 + math.exp(-better))
            outcome = "left" if chosen == (two[0] == "system0") else "right"
            answered.append(
                SimpleNamespace(kind=each.kind, left_clip=each.left, right_clip=each.right, outcome=outcome)
            )
        return SimpleNamespace(trials=answered)

    found = []
    for _ in range(studies):
        (*results,) = analysis._results("", [person() for _ in range(people)], system).preferences
        assert len(results) == math.comb(systems, 2)
        found.append(
            next(each.share.low > 0.5 for each in results if (each.first, each.second) == ("system0", "system1"))
        )
    assert np.mean(found) > 0.8 - 3 * math.sqrt(0.8 * 0.2 / studies)
