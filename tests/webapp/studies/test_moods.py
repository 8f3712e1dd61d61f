"""Studies in which people rate the mood of clips: drawn, answered, analysed and tried before."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from tests.webapp.studies.conftest import id_of
from webapp.context import Context
from webapp.runtime.errors import Contradiction, NotAllowed
from webapp.studies import analysis, clips, design, dry_run, moods, participation, report, studies, trials
from webapp.studies.design import MOODS, Pairs
from webapp.studies.keys import Keys
from webapp.studies.trials import Heard

HEARD = {"left_ms": 4_000, "right_ms": 4_000}
CORNERS = {name: (0.7 * valence, 0.7 * arousal) for name, (valence, arousal) in MOODS.items()}
DESIGN: dict[str, Any] = {
    "title": "What mood?", "task": "mood", "seconds": 3.0, "headphone_check": False, "quota": 40,
    "pairs": {"per_participant": 8, "repeats": 2, "attention_checks": 1},
}  # fmt: skip


@pytest.fixture
def keys(alone: Context, made_moods: Path) -> Keys:
    """An open study of two systems, each with a clip of each mood."""
    alone.database.open()
    made = studies.create(alone.database, alone.journal, DESIGN)
    clips.store(alone.database, alone.journal, alone.clip_store, id_of(alone, made), made_moods)
    studies.open_study(alone.database, alone.journal, alone.settings, made.researcher)
    return made


def take_part(context: Context, keys: Keys, hears: Callable[[Heard], tuple[float, float]]) -> None:
    """Somebody rates everything as ``hears`` says of each clip, and moves the sliders where a check asks for it."""
    token = uuid.uuid4().hex
    known = {each.id: each for each in studies.overview(context.database, keys.researcher).clips}
    said = participation.Joining(token, 30, 1)
    step = participation.join(context.database, context.journal, keys.participant, said)
    while step["step"] != "thanks":
        trial, asks = step["trial"], step["trial"]["asks"]
        end = -1.0 if "left" in asks else 1.0
        mood = (end, end) if asks else hears(known[UUID(trial["clip"]["clip_id"])])
        step = participation.answer_trial(
            context.database, context.journal, token, UUID(trial["offer_id"]), outcome="rated", mood=mood, **HEARD
        )


def analysed(context: Context, keys: Keys) -> analysis.Analysis:
    return context.database.transaction(
        lambda session: analysis.analyse(session, studies.require(session, keys.researcher))
    )


@pytest.mark.slow
def test_who_hears_one_system_as_meant_and_the_other_never_says_so_in_the_report(alone: Context, keys: Keys) -> None:
    wrong = {"happy": "sad", "sad": "happy", "tense": "sad", "calm": "happy"}
    for _ in range(12):
        take_part(alone, keys, lambda clip: CORNERS[clip.item if clip.system == "ours" else wrong[clip.item]])
    found = analysed(alone, keys)
    (heard,) = found.moods
    ours, theirs = heard.shares
    assert (ours.system, ours.quadrant.value, ours.valence.value) == ("ours", 1.0, 1.0)
    assert (theirs.quadrant.value, theirs.valence.value, theirs.arousal.value) == (0.0, 0.5, 0.0)
    assert ours.quadrant.low > moods.CHANCE
    assert heard.differences[0].more.low > 0
    assert heard.confusions["theirs"]["calm"]["happy"] == heard.confusions["ours"]["calm"]["calm"] == 12
    assert heard.agreement["mood"].value == 1
    assert (found.quality.repeats.value, found.quality.checks.value) == (1.0, 1.0)
    page = report.report(alone.database, keys.researcher)
    assert "heard in the mood meant" in page
    assert "The left clip chosen" not in page


def test_a_rating_is_stored_once_and_only_for_a_clip_that_was_heard(alone: Context, keys: Keys) -> None:
    token = uuid.uuid4().hex
    step = participation.join(
        alone.database, alone.journal, keys.participant, participation.Joining(token, 30, 1)
    )  # fmt: skip

    def rate(mood: tuple[float, float] | None, outcome: str = "rated", left_ms: int = 4_000) -> dict[str, Any]:
        return participation.answer_trial(
            alone.database, alone.journal, token, UUID(step["trial"]["offer_id"]), outcome=outcome, left_ms=left_ms,
            right_ms=0, mood=mood,
        )  # fmt: skip

    for wrong in ({"mood": None}, {"mood": (2.0, 0.0)}, {"mood": (0.5, 0.5), "left_ms": 10},
                  {"mood": None, "outcome": "left"}):  # fmt: skip
        with pytest.raises(NotAllowed):
            rate(**wrong)  # type: ignore[arg-type]
    after = rate((0.5, -0.5))
    assert rate((0.5, -0.5)) == after
    with pytest.raises(Contradiction):
        rate((0.5, 0.5))


def test_every_system_and_mood_comes_equally_often() -> None:
    there = [Heard(uuid.uuid4(), system, mood) for system in ("a", "b") for mood in MOODS for _ in range(3)]
    pairs = Pairs(per_participant=16, repeats=2, attention_checks=1)
    drawn = trials.draw_rated(pairs, there, "", generator=np.random.default_rng(1))
    known = {each.id: each for each in there}
    main = [each for each in drawn if each.kind == "main"]
    assert set(Counter((known[each.left].system, known[each.left].item) for each in main).values()) == {2}
    assert len({each.left for each in main}) == 16
    for each in drawn:
        assert each.left == each.right
        if each.repeats is not None:
            assert drawn[each.repeats].left == each.left


def test_a_clip_without_a_mood_is_refused_before_anybody_rates_it() -> None:
    with pytest.raises(NotAllowed, match="'merry'"):
        trials.require_rated([Heard(uuid.uuid4(), "ours", "merry")], "")


def test_alpha_is_that_of_krippendorffs_own_example() -> None:
    """Computing Krippendorff's alpha-reliability (2011), example C: four observers, twelve units."""
    nan = np.nan
    observers = np.array([
        [1, 2, 3, 3, 2, 1, 4, 1, 2, nan, nan, nan], [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nan, 3],
        [nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nan], [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nan],
    ])  # fmt: skip
    units = [unit[~np.isnan(unit)] for unit in observers.T]
    several = [unit for unit in units if len(unit) > 1]
    assert moods.alpha_of(several, "nominal") == pytest.approx(0.743, abs=5e-4)
    assert moods.alpha_of(several, "interval") == pytest.approx(0.849, abs=5e-4)


def test_a_dry_run_rates_everything_and_says_what_could_be_shown(alone: Context, keys: Keys) -> None:
    assert dry_run.walk(alone.database, alone.journal, keys.researcher) == 11
    (tried,) = dry_run.power(alone.database, keys.researcher)
    assert (tried.chance, tried.answers, tried.people) == (0.25, 4, 40)
    assert tried.smallest is not None
    assert tried.above is not None
    assert 0.25 < tried.smallest < 0.5
    assert tried.smallest < tried.above
    assert studies.overview(alone.database, keys.researcher).counts.begun == 0


@pytest.mark.parametrize("name", ["mood", "fit"])
def test_a_template_is_a_whole_design_of_which_parts_can_be_other(name: str) -> None:
    plain, own = design.checked({"template": name}), design.checked({"template": name, "quota": 7})
    assert (plain.task, own.quota, own.moods, own.pictures) == (name, 7, plain.moods, plain.pictures)
    assert plain.makes_clips


def test_music_by_people_is_of_a_kind_that_is_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KALLOS_CORPORA", str(tmp_path))
    real = design.checked({"template": "mood"}).moods[-1]
    assert (real.method, real.kind) == ("real", "dance")


def test_the_mood_of_a_place_is_its_quadrant() -> None:
    assert [moods.mood_of(place) for place in CORNERS.values()] == list(MOODS)
    assert moods.mood_of((0.0, 0.4)) == moods.UNDECIDED
    assert moods.rated(SimpleNamespace(valence=None, arousal=None)) is None  # type: ignore[arg-type]
