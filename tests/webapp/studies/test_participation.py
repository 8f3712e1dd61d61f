"""One participant's way through a study, and what nobody may do."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from db.engine import make_engine
from db.queries import listening_studies as study_rows
from db.tables import Participant, StudyClip, StudyTrial
from webapp.runtime.errors import Contradiction, NotAllowed, NotYours
from webapp.studies import analysis, participation, studies
from webapp.studies.keys import digest
from webapp.studies.participation import Joining

HEARD = {"left_ms": 4_000, "right_ms": 4_000}


def test_a_participant_answers_everything_and_is_sent_back(study) -> None:
    token = study.join()
    assert participation.step(study.context.database, token)["step"] == "questions"
    last = study.finish(token)
    assert last == {**participation.step(study.context.database, token), "kept": None}  # no copy is kept elsewhere
    assert last["step"] == "thanks"
    assert last["completion_url"] == "https://example.org/done"
    found = studies.overview(study.context.database, study.keys.researcher)
    assert (found.counts.begun, found.counts.completed, found.counts.answers) == (
        1,
        1,
        6,
    )  # four pairs, one again, one check


def test_the_repeat_is_the_mirror_of_an_earlier_pair(study) -> None:
    study.finish(study.join())

    def read(session):
        return {each.place: each for each in session.scalars(select(StudyTrial))}

    trials = study.context.database.transaction(read)
    repeat = next(each for each in trials.values() if each.kind == "repeat")
    first = trials[repeat.repeats]
    assert (first.left_clip, first.right_clip) == (repeat.right_clip, repeat.left_clip)
    assert first.kind == "main"


def test_an_answer_counts_once_however_often_it_is_sent(study) -> None:
    database, journal, token = study.context.database, study.context.journal, study.join()
    step = participation.answer_questions(database, journal, token, "before", {"1": "yes"})
    trial = uuid.UUID(step["trial"]["offer_id"])
    after = participation.answer_trial(database, journal, token, trial, outcome="left", **HEARD)
    assert participation.answer_trial(database, journal, token, trial, outcome="left", **HEARD) == after
    with pytest.raises(Contradiction):
        participation.answer_trial(database, journal, token, trial, outcome="right", **HEARD)


def test_an_id_that_no_panel_has_put_into_the_address_is_explained(study) -> None:
    for left in ("{{%PROLIFIC_PID%}}", "{{%PROLIFIC_PID%", "${e://Field/PID}", "%SURVEY_CODE%"):
        with pytest.raises(NotAllowed, match=r"where your panel puts your id: open .* leave PROLIFIC_PID out"):
            study.join(panel_id=left)


def test_nobody_answers_for_another_participant_or_ahead_of_their_turn(study) -> None:
    database, journal, token, other = study.context.database, study.context.journal, study.join(), study.join()
    trial = participation.answer_questions(database, journal, token, "before", {"1": "no"})["trial"]["offer_id"]
    with pytest.raises(NotYours):
        participation.answer_trial(database, journal, other, uuid.UUID(trial), outcome="left", **HEARD)
    with pytest.raises(NotYours):
        participation.step(database, "x" * 40)

    def last(session):
        query = select(StudyTrial.id).join(Participant, Participant.id == StudyTrial.participant_id)
        mine = query.where(StudyTrial.place == 5, Participant.before.is_not(None))
        return session.scalars(mine).one()

    with pytest.raises(Contradiction, match="other pairs"):
        participation.answer_trial(database, journal, token, database.transaction(last), outcome="left", **HEARD)


def test_a_break_comes_after_so_many_pairs_and_lasts_until_it_is_ended(make_study) -> None:
    study = make_study(pairs={"per_participant": 4, "repeats": 0, "attention_checks": 0, "break_after": 2}, before=[])
    database, journal, token = study.context.database, study.context.journal, study.join()
    steps = []
    while (step := participation.step(database, token))["step"] != "thanks":
        steps.append(step["step"])
        if step["step"] == "break":
            assert participation.step(database, token)["step"] == "break", "a reload does not end it"
            participation.rested(database, journal, token)
        else:
            trial = uuid.UUID(step["trial"]["offer_id"])
            participation.answer_trial(database, journal, token, trial, outcome="left", **HEARD)
    assert steps == ["pair", "pair", "break", "pair", "pair"]


def test_clips_that_were_not_heard_are_not_compared(study) -> None:
    database, journal, token = study.context.database, study.context.journal, study.join()
    trial = participation.answer_questions(database, journal, token, "before", {"1": "no"})["trial"]["offer_id"]
    with pytest.raises(NotAllowed, match="heard"):
        participation.answer_trial(
            database, journal, token, uuid.UUID(trial), outcome="left", left_ms=0, right_ms=4_000
        )


def test_a_study_lets_in_whom_it_needs_and_nobody_while_it_is_paused_or_over(study) -> None:
    database, journal, key = study.context.database, study.context.journal, study.keys.researcher
    with pytest.raises(NotAllowed, match="18 years"):
        study.join(age=17)
    tokens = [study.join() for _ in range(3)]
    with pytest.raises(NotAllowed, match="all the participants"):
        study.join()
    study.leave(tokens[0])
    studies.pause(database, journal, key)
    with pytest.raises(NotAllowed, match="paused"):
        study.join()
    assert study.finish(tokens[1])["step"] == "thanks"  # who has begun may go on
    studies.end(database, journal, key)
    assert participation.step(database, tokens[2])["step"] == "ended"
    with pytest.raises(NotAllowed, match="ended"):
        participation.answer_questions(database, journal, tokens[2], "before", {"1": "yes"})
    with pytest.raises(NotAllowed, match="ended"):
        study.join()


def test_joining_again_with_the_same_token_is_joining_once(study) -> None:
    database, journal = study.context.database, study.context.journal
    said = Joining("t" * 40, 30, 1)
    assert participation.join(database, journal, study.keys.participant, said) == participation.join(
        database, journal, study.keys.participant, said
    )
    assert studies.overview(database, study.keys.researcher).counts.begun == 1
    with pytest.raises(NotAllowed, match="32"):
        participation.join(database, journal, study.keys.participant, Joining("short", 30, 1))


def test_a_panel_id_begins_once(study) -> None:
    study.join(panel_id="5f1")
    with pytest.raises(Contradiction, match="panel id"):
        study.join(panel_id="5f1")


def test_somebody_agrees_to_the_text_that_stands_now(study) -> None:
    database, journal, key = study.context.database, study.context.journal, study.keys.researcher
    with pytest.raises(Contradiction, match="pause it"):
        studies.change_consent(database, journal, key, "New text", "I agree")
    studies.pause(database, journal, key)
    assert studies.change_consent(database, journal, key, "New text", "I agree") == 2
    studies.open_study(database, journal, study.context.settings, key)
    with pytest.raises(Contradiction, match="read it again"):
        participation.join(database, journal, study.keys.participant, Joining("t" * 40, 30, 1))
    assert participation.look(database, study.keys.participant)["information"] == "New text"


def test_who_withdraws_leaves_nothing_but_a_count(study) -> None:
    database, token = study.context.database, study.join(panel_id="5f1")
    study.finish(token)
    study.leave(token)

    def left(session):
        return [session.scalar(select(func.count()).select_from(table)) for table in (Participant, StudyTrial)]

    assert database.transaction(left) == [0, 0]
    found = studies.overview(database, study.keys.researcher)
    assert (found.counts.begun, found.counts.withdrawn) == (1, 1)
    with pytest.raises(NotYours):
        study.leave(token)


def test_no_key_opens_more_than_its_own_door(study) -> None:
    database, journal, keys = study.context.database, study.context.journal, study.keys
    for key in (keys.participant, keys.preview, "", "x" * 32):
        with pytest.raises(NotYours):
            studies.overview(database, key)
        with pytest.raises(NotYours):
            studies.end(database, journal, key)
    with pytest.raises(NotYours):
        participation.look(database, keys.researcher)


def test_a_preview_needs_no_open_study_and_leaves_no_trace(make_study: Callable) -> None:
    study = make_study(opened=False)
    database, journal = study.context.database, study.context.journal
    assert participation.look(database, study.keys.participant)["closed"]
    said = Joining("t" * 40, 30, 1)
    assert participation.join(database, journal, study.keys.preview, said)["preview"]
    study.finish("t" * 40)
    assert studies.overview(database, study.keys.researcher).counts.begun == 0
    studies.open_study(database, journal, study.context.settings, study.keys.researcher)
    with pytest.raises(NotYours):
        participation.step(database, "t" * 40)


def test_a_design_stays_as_it_was_opened(study) -> None:
    with pytest.raises(Contradiction, match="stays as it is"):
        studies.change_design(
            study.context.database, study.context.journal, study.keys.researcher, {"title": "Another"}
        )


def test_clips_of_one_system_are_compared_by_name(alone) -> None:
    alone.database.open()
    keys = studies.create(alone.database, alone.journal, {"title": "A", "headphone_check": False})
    made = {"seconds": 2.0, "uri": "x", "sha256": "0" * 64, "system": "ours"}

    def fill(session) -> None:
        study = studies.require(session, keys.researcher)
        of = studies.design_of(study).of_clips
        study_rows.replace_clips(session, study, [{**made, "name": name} for name in "abc"], {"of": of, "seconds": 2.0})

    alone.database.transaction(fill)
    studies.open_study(alone.database, alone.journal, alone.settings, keys.researcher)
    step = participation.join(alone.database, alone.journal, keys.participant, Joining("t" * 40, 30, 1))
    while step["step"] == "pair":
        trial = uuid.UUID(step["trial"]["offer_id"])
        step = participation.answer_trial(alone.database, alone.journal, "t" * 40, trial, outcome="left", **HEARD)

    def analysed(session):
        return analysis.analyse(session, studies.require(session, keys.researcher))

    (found,) = alone.database.transaction(analysed).everybody
    assert {(each.first, each.second) for each in found.preferences} == {("a", "b"), ("a", "c"), ("b", "c")}
    assert {each.system for each in found.strengths} == {"a", "b", "c"}


def heard_by(session, token: str) -> tuple[str, set[str]]:
    """A participant's condition, and those of the clips that they heard."""
    found = session.scalars(select(Participant).where(Participant.token_hash == digest(token))).one()
    heard = select(StudyTrial.left_clip).where(StudyTrial.participant_id == found.id)
    return found.condition, {session.get(StudyClip, each).condition for each in session.scalars(heard)}


@pytest.mark.slow
def test_conditions_are_filled_evenly_and_hear_their_own_clips(alone) -> None:
    made = {"seconds": 2.0, "uri": "x", "sha256": "0" * 64, "notes": {}, "midi": None, "recipe": {}, "item": ""}
    design = {"title": "A", "quota": 9, "headphone_check": False, "pairs": {"way": "adaptive", "per_participant": 6}}
    alone.database.open()
    keys = studies.create(alone.database, alone.journal, design)

    def fill(session) -> None:
        study = studies.require(session, keys.researcher)
        clips = [
            {**made, "name": f"{system}-{condition}", "system": system, "condition": condition}
            for system in "abc" for condition in ("slow", "fast", "")
        ]  # fmt: skip
        study_rows.replace_clips(session, study, clips, {"of": studies.design_of(study).of_clips})

    alone.database.transaction(fill)
    studies.open_study(alone.database, alone.journal, alone.settings, keys.researcher)
    conditions = []
    for number in range(8):
        token = f"{number}" * 40
        step = participation.join(alone.database, alone.journal, keys.participant, Joining(token, 30, 1))
        while step["step"] == "pair":
            trial = uuid.UUID(step["trial"]["offer_id"])
            asked = "right" if "choose B" in step["trial"]["asks"] else "left"
            step = participation.answer_trial(alone.database, alone.journal, token, trial, outcome=asked, **HEARD)

        condition, heard = alone.database.transaction(lambda session, who=token: heard_by(session, who))
        assert heard <= {condition, ""}
        conditions.append(condition)
        assert abs(conditions.count("slow") - conditions.count("fast")) <= 1
    assert conditions.count("slow") == 4


def test_an_answer_is_in_the_database_before_it_is_acknowledged(study) -> None:
    """Seen from a connection of its own: what dies afterwards takes nothing along."""
    database, journal, token = study.context.database, study.context.journal, study.join()
    step = participation.answer_questions(database, journal, token, "before", {"1": "yes"})
    participation.answer_trial(database, journal, token, uuid.UUID(step["trial"]["offer_id"]), outcome="left", **HEARD)
    engine = make_engine(study.context.settings.database_url)
    with engine.connect() as elsewhere:
        assert elsewhere.scalar(select(func.count()).where(StudyTrial.outcome == "left")) == 1
    engine.dispose()


def test_where_a_disk_forgets_no_study_is_opened_unless_something_is_kept_elsewhere(make_study, monkeypatch) -> None:
    study = make_study(opened=False)
    monkeypatch.setenv("SPACE_ID", "somebody/space")
    database, journal, settings = study.context.database, study.context.journal, study.context.settings
    forgets = settings.model_copy(update={"database_url": "", "journal_url": ""})
    with pytest.raises(NotAllowed, match="KALLOS_JOURNAL_URL"):
        studies.open_study(database, journal, forgets, study.keys.researcher)
    kept = forgets.model_copy(update={"journal_url": "file:///data/journal"})
    studies.open_study(database, journal, kept, study.keys.researcher)  # its journal is copied elsewhere
