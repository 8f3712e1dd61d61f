from __future__ import annotations

import csv
import io
import json
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pandas as pd
import pytest
from sqlalchemy import select

from db.tables import Participant, StudyTrial
from models.metrics.intervals import bounded_mean
from tests.webapp.studies.conftest import DESIGN, OpenStudy, id_of
from webapp.context import Context
from webapp.runtime.errors import NotYours
from webapp.studies import analysis, clips, dataset, dry_run, headphones, participation, report, studies
from webapp.studies.analysis import Answered
from webapp.ui.pages.studies import running

QUESTIONS = [
    {"text": "Do you play?", "kind": "choice", "answers": ["yes", "no"]},
    {"text": "Anything else?", "kind": "text"},
    {"text": "Years", "kind": "number", "low": 0, "high": 50},
]


def higher(study) -> Callable[[dict[str, Any]], str]:
    """Somebody who prefers the system called high."""
    found = studies.overview(study.context.database, study.keys.researcher)
    systems = {str(each.id): each.system for each in found.clips}
    return lambda trial: "left" if systems[trial["left"]["clip_id"]] == "high" else "right"


def analysed(study) -> analysis.Analysis:
    def work(session):
        return analysis.analyse(session, studies.require(session, study.keys.researcher))

    return study.context.database.transaction(work)


@pytest.fixture
def answered(make_study):
    """Four people who prefer the high clips, and one who prefers the low ones and fails the attention check."""
    study = make_study(quota=20, before=QUESTIONS, exclusion={"failed_checks": 0, "least_repeated": 0.9})
    for number in range(4):
        study.finish(study.join(age=20 + number % 2, panel_id=f"panel-{number}"), higher(study))
    token = study.join(age=70)
    database, journal = study.context.database, study.context.journal
    step = participation.answer_questions(
        database, journal, token, "before", {"1": "yes", "2": "It is me, Ada", "3": 44}
    )
    while step["step"] == "pair":
        trial = step["trial"]
        first = "left" if higher(study)(trial) == "right" else "right"
        wrong = ("right" if "choose A" in trial["asks"] else "left") if trial["asks"] else first
        step = participation.answer_trial(
            database, journal, token, UUID(trial["offer_id"]), outcome=wrong, left_ms=4_000, right_ms=4_000
        )
    return study


@pytest.mark.slow
def test_the_analysis_finds_the_preference_and_leaves_out_who_failed(answered) -> None:
    found = analysed(answered)
    (all_of_them,), (kept,) = found.everybody, found.without
    assert (all_of_them.people, kept.people, found.left_out) == (5, 4, 1)
    assert found.excluded["attention checks"] == 1
    (preference,) = kept.preferences
    assert (preference.first, preference.second, preference.answers) == ("high", "low", 16)
    assert preference.share.value == 1.0
    assert preference.share == bounded_mean([1.0] * 4)  # people, not answers
    assert preference.share.low < 0.5  # four people are few
    assert all_of_them.preferences[0].share.value < 1.0
    assert kept.strengths[0].system == "high"
    assert kept.strengths[0].value == pytest.approx(-kept.strengths[1].value)


@pytest.mark.slow
def test_the_report_says_it_with_and_without_whom_the_rules_leave_out(answered) -> None:
    page = report.report(answered.context.database, answered.keys.researcher)
    assert page.count("high over low") == 2
    assert "100% (" in page
    assert "more than 0 failed attention checks" in page
    assert "others: too few to be told" in page
    assert "no: 0" in page
    assert "yes: 5" in page
    assert "mean 12.8" in page  # four times 5, and 44
    assert "Waudby-Smith" in page
    with pytest.raises(NotYours):
        report.report(answered.context.database, answered.keys.participant)


def unpacked(study) -> dict[str, bytes]:
    packed = dataset.export(study.context.database, study.context.clip_store, study.keys.researcher)
    with zipfile.ZipFile(io.BytesIO(packed)) as files:
        return {name: files.read(name) for name in files.namelist()}


@pytest.mark.slow
def test_nobody_is_found_in_the_dataset_by_what_they_have_themselves(answered) -> None:
    files = unpacked(answered)
    whole = b"\n".join(data for name, data in files.items() if not name.endswith(".mid")).decode("latin-1")

    def own(session) -> list[str]:
        people, trials = list(session.scalars(select(Participant))), list(session.scalars(select(StudyTrial)))
        ids = [str(each.id) for each in (*people, *trials)] + [each.token_hash for each in people]
        times = [f"{each.answered_at:%H:%M:%S}" for each in trials] + [f"{each.created_at:%H:%M:%S}" for each in people]
        return [*ids, *times, *(each.panel_id for each in people if each.panel_id)]

    for told in answered.context.database.transaction(own):
        assert told not in whole
    assert "Ada" not in whole
    assert re.search(r"\b44\b", files["participants.csv"].decode()) is None
    people = pd.read_csv(io.BytesIO(files["participants.csv"]), keep_default_na=False)
    assert sorted(people["age_group"]) == ["(rare)"] + ["18-24"] * 4
    assert sorted(people["before_3"]) == ["(rare)"] + ["0 to 10"] * 4
    assert not [name for name in files if name.startswith(("midi/", "audio/"))]  # brought, and not to be shared


@pytest.mark.slow
def test_the_dataset_is_whole_and_its_codebook_names_every_column(answered) -> None:
    files = unpacked(answered)
    answers = pd.read_parquet(io.BytesIO(files["answers.parquet"]))
    assert len(answers) == 5 * 6
    assert next(csv.reader(io.StringIO(files["answers.csv"].decode()))) == list(answers.columns)
    people = pd.read_parquet(io.BytesIO(files["participants.parquet"]))
    book = files["README.md"].decode()
    assert all(f"`{name}`" in book for name in (*answers.columns, *people.columns))
    assert "`before_2`: Anything else?" in book
    assert set(answers["participant"]) == set(people["participant"])


@pytest.mark.slow
def test_who_withdraws_is_in_no_export_after_it(answered) -> None:
    before = pd.read_csv(io.BytesIO(unpacked(answered)["participants.csv"]))
    token = answered.join()
    answered.finish(token, higher(answered))
    assert len(pd.read_csv(io.BytesIO(unpacked(answered)["participants.csv"]))) == len(before) + 1
    answered.leave(token)
    assert len(pd.read_csv(io.BytesIO(unpacked(answered)["participants.csv"]))) == len(before)


def test_the_report_counts_everybody_who_began_and_says_who_failed_the_headphone_check(make_study) -> None:
    study = make_study(before=QUESTIONS, headphone_check=True, quota=20)
    database, journal = study.context.database, study.context.journal
    for words in ("I play =the= organ", ""):
        token = study.join()
        for number in range(12):
            quietest = headphones.order(participant_id(study), number).index("quiet")
            tone = 1 + (quietest + 1) % 3 if words else 1 + quietest
            participation.answer_check(database, journal, token, number, tone)
        answers = {"1": "yes", "2": words or "nothing", "3": 5}
        participation.answer_questions(database, journal, token, "before", answers)
        study.finish(token)
    study.leave(study.join())
    study.join()
    page = report.report(database, study.keys.researcher)
    assert (
        "4 people of 18 years or older began the study: 1 withdrew and left no data, 0 stopped before the end, 1 had "
        "not finished yet, and 2 finished." in page
    )
    assert "of those who finished, 1 of 2 passed. Who failed took part as well." in page
    assert "failed the headphone check</td><td class='n'>1<" in page
    assert "organ" not in page
    words = dataset.in_words(database, study.keys.researcher).decode().splitlines()
    assert words == ["question,text,answer", "before_2,Anything else?,I play =the= organ",
                     "before_2,Anything else?,nothing"]  # fmt: skip
    listed = running.answers(dataset.answers_in_words(database, study.keys.researcher))
    assert listed.startswith("<h3>Anything else?</h3>")
    assert listed.index("I play =the= organ</li>") < listed.index("<li>nothing</li>")
    studies.end(database, journal, study.keys.researcher)
    assert "1 stopped before the end, and 2 finished" in report.report(database, study.keys.researcher)


def participant_id(study) -> UUID:
    """Of whoever joined last."""
    newest = select(Participant.id).order_by(Participant.created_at.desc()).limit(1)
    return study.context.database.transaction(lambda session: session.scalars(newest).one())


@pytest.mark.slow
def test_the_panel_list_names_whom_to_pay(answered) -> None:
    lines = dataset.panel_list(answered.context.database, answered.keys.researcher).decode().splitlines()
    assert len(lines) == 5
    assert "panel-3,completed," in "\n".join(lines)


def test_no_cell_of_a_file_is_a_formula(make_study) -> None:
    study = make_study()
    study.join(panel_id="=cmd|' /C calc'!A0")
    (_, line) = dataset.panel_list(study.context.database, study.keys.researcher).decode().splitlines()
    assert line.startswith("'=cmd")


def test_a_rare_answer_can_not_be_worked_out() -> None:
    for answers, possible, told in (
        (["yes"] * 4 + ["no"], 2, ["(rare)"] * 5),  # or whoever knows the two answers knows the rare one
        (["a"] * 4 + ["b"] * 3 + ["c"], 3, ["a"] * 4 + ["(rare)"] * 4),
        (["a"] * 4 + ["b"], 3, ["a"] * 4 + ["(rare)"]),
        (["a"] * 4 + ["", "b", "c"], 9, ["a"] * 4 + ["", "(rare)", "(rare)"]),
        (["a"] * 3 + ["b"] * 3, 2, ["a"] * 3 + ["b"] * 3),
    ):
        assert dataset._masked(answers, possible) == told
    for counts, told in (
        ({"yes": 4, "no": 1}, "too few to be told apart: yes, no"),
        ({"a": 6, "b": 3, "c": 2}, "a: 6; too few to be told apart: b, c"),
        ({"a": 4, "b": 1, "c": 0}, "a: 4; too few to be told apart: b, c"),
        ({"a": 4, "b": 0}, "a: 4; b: 0"),
    ):
        assert report._few(Answered("", counts, sum(counts.values()))) == told


def test_clips_that_may_be_shared_are_in_the_dataset(make_study) -> None:
    files = unpacked(make_study(share_clips=True))
    assert {name for name in files if name.startswith(("midi/", "audio/"))} == {
        f"midi/{system}/tune{item}.mid" for system in ("high", "low") for item in range(2)
    } | {f"audio/{system}/tone.mp3" for system in ("high", "low")}


def test_each_clip_has_a_file_of_its_own_in_the_dataset_which_the_table_names(
    alone: Context, made_clips: Path, tmp_path: Path
) -> None:
    made = shutil.copytree(made_clips, tmp_path / "made")
    lines = [json.loads(line) for line in (made / "clips.jsonl").read_text(encoding="utf-8").splitlines()]
    notes, sound = ([each for each in lines if bool(each["midi"]) is has] for has in (True, False))
    names = ("Kallos 0.3-1-001", "Kallos 0.3-1-002", "a.mid", "A.abc", "a.wav", "a.FLAC")
    for each, name in zip([*notes, *sound], names, strict=True):
        each["name"] = name
    (made / "clips.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    alone.database.open()
    keys = studies.create(alone.database, alone.journal, DESIGN | {"share_clips": True})
    clips.store(alone.database, alone.journal, alone.clip_store, id_of(alone, keys), made)
    files = unpacked(OpenStudy(alone, keys))
    told = pd.read_csv(io.BytesIO(files["clips.csv"]), index_col="clip")["file"]
    assert told["Kallos 0.3-1-001"] == "midi/Kallos 0.3-1-001.mid"
    assert {told["a.mid"], told["A.abc"]} == {"midi/A.mid", "midi/a-2.mid"}
    assert {told["a.wav"], told["a.FLAC"]} == {"audio/a.mp3", "audio/a-2.mp3"}
    for each in lines:
        assert files[told[each["name"]]] == (made / (each["midi"] or each["file"])).read_bytes()


@pytest.mark.slow
def test_a_dry_run_goes_through_all_of_it_and_says_what_it_could_show(make_study) -> None:
    study = make_study(opened=False, headphone_check=True, after=QUESTIONS, quota=40, pairs={"break_after": 2})
    database, journal, key = study.context.database, study.context.journal, study.keys.researcher
    assert dry_run.walk(database, journal, key) == 15  # twelve, two again, one check
    (found,) = dry_run.power(database, key)
    assert (found.people, found.answers, found.systems) == (40, 12, 2)
    assert (found.pairs, found.different) == (12, 3)  # of two systems with three items each
    assert found.smallest is not None
    assert 0.55 < found.smallest < 0.75
    counts = studies.overview(database, key).counts
    assert (counts.begun, counts.withdrawn) == (0, 0)
