"""Where a database is lost, studies come back from the journal answer by answer, but nobody who withdrew."""

from __future__ import annotations

import errno
from uuid import UUID

import pytest
from fsspec.implementations.local import LocalFileSystem
from sqlalchemy import delete

from db import migrate
from db.queries import listening_studies as study_rows
from db.tables import ListeningStudy
from webapp.__main__ import main
from webapp.hosting.backup import backup, restore
from webapp.runtime import journal_copy
from webapp.runtime.errors import NoRoom, NotWritten, NotYours
from webapp.runtime.journal import Journal
from webapp.studies import clips, dataset, deletion, participation, studies
from webapp.studies import journal as study_journal

pytestmark = pytest.mark.durability
FOR_EVER_S = 3600


@pytest.fixture
def place(study):
    """Where a copy of the journal is kept."""
    return study.context.settings.home / "bucket"


@pytest.fixture
def copied(study, place, monkeypatch):
    """The study with a journal that is copied, as on a disk that forgets: by ``flush``, never meanwhile."""
    monkeypatch.setattr(journal_copy, "GATHER_SECONDS", FOR_EVER_S)
    journal = Journal(study.context.settings.journal_folder, str(place))
    study.context.__dict__["journal"] = journal
    journal.copy.bring_home()  # as at each start: what was written before is copied as well
    yield journal
    journal.copy.flush()
    journal.close()


def on_another_disk(another_context, study, place):
    """An installation that starts empty and brings home what was copied."""
    context = another_context(study.context.settings.home / "another disk", migrated=False)
    context.__dict__["journal"] = Journal(context.settings.journal_folder, str(place))
    migrate.upgrade(context.database.open())
    context.journal.copy.bring_home()
    return context


@pytest.mark.slow
def test_a_study_comes_back_from_a_copy_answer_by_answer(study, copied, another_context, place):
    done, half, gone = study.join(panel_id="5f1"), study.join(), study.join()
    study.finish(done)
    participation.answer_questions(study.context.database, copied, half, "before", {"1": "yes"})
    study.finish(gone)
    study.leave(gone)
    studies.pause(study.context.database, copied, study.keys.researcher)
    assert copied.copy.flush()

    other = on_another_disk(another_context, study, place)
    result = study_journal.bring_back(other.database, other.journal, other.clip_store)
    assert (result.studies, result.participants, result.problems) == (1, 2, [])
    mine, theirs = (studies.overview(each.database, study.keys.researcher) for each in (study.context, other))
    assert theirs == mine
    assert (theirs.state, theirs.counts.completed, theirs.counts.withdrawn) == ("paused", 1, 1)
    for token in (done, half):
        assert participation.step(other.database, token) == participation.step(study.context.database, token)
    for clip in theirs.clips:  # also what a researcher brought
        assert clips.sound(other.database, other.clip_store, clip.id) == clips.sound(
            study.context.database, study.context.clip_store, clip.id
        )
    with pytest.raises(NotYours):
        participation.step(other.database, gone)
    assert dataset.panel_list(other.database, study.keys.researcher) == dataset.panel_list(
        study.context.database, study.keys.researcher
    )
    # and life goes on there
    assert participation.answer_questions(other.database, other.journal, half, "before", {"1": "no"})["step"] == "pair"
    studies.open_study(other.database, other.journal, other.settings, study.keys.researcher)
    again = study_journal.bring_back(other.database, other.journal, other.clip_store)
    assert (again.studies, again.participants, again.problems) == (0, 0, [])
    other.journal.close()


def test_kallos_journal_rebuild_brings_studies_back(study, another_context, monkeypatch, capsys):
    study.finish(study.join())
    other = another_context(study.context.settings.home, migrated=False)
    monkeypatch.setenv("KALLOS_HOME", str(study.context.settings.home))
    monkeypatch.setenv("KALLOS_DATABASE_URL", other.settings.database_url)
    monkeypatch.setattr("webapp.context.Context.space", study.context.space)
    assert main(["journal", "rebuild"]) == 0
    assert "1 studies with 1 participants" in capsys.readouterr().out
    assert studies.overview(other.database, study.keys.researcher).counts.answers == 6


def test_a_deleted_study_leaves_nothing_in_the_journal_nor_its_copy(study, copied, place, another_context):
    study.finish(study.join())
    assert copied.copy.flush()
    deletion.delete_study(study.context.database, study.context.clip_store, copied, study.keys.researcher)
    assert not list(copied.folder.rglob("*.json"))
    assert not [path for path in place.rglob("*") if path.is_file() and path.stat().st_size]
    other = on_another_disk(another_context, study, place)
    assert study_journal.bring_back(other.database, other.journal, other.clip_store).studies == 0
    other.journal.close()


@pytest.mark.slow
@pytest.mark.parametrize("left", ["participant", "study"])
def test_a_backup_brings_back_nobody_who_left_where_only_the_copy_knows(left, study, copied, place, another_context):
    context, token = study.context, study.join()
    people, all_studies = study_rows.all_participants, study_rows.all_ids
    gone = context.database.transaction(people if left == "participant" else all_studies)
    assert copied.copy.flush()
    path = context.settings.home / "kallos.zip"
    backup(context, path)
    if left == "participant":
        study.leave(token)
    else:
        deletion.delete_study(context.database, context.clip_store, copied, study.keys.researcher)

    other = another_context(context.settings.home / "another disk", migrated=False)
    other.__dict__["journal"] = Journal(other.settings.journal_folder, str(place))
    restore(other, path)
    assert other.database.transaction(people) == []
    stays = left == "participant"
    assert (bool(other.database.transaction(all_studies)), bool(other.clip_store.keys())) == (stays, stays)
    other.journal.bring_home()  # as at the next start; from then on this disk knows as well
    assert other.journal.tombstones.among(gone) == gone
    other.journal.close()


def test_nobody_is_told_that_they_withdrew_where_the_copy_cannot_be_deleted(study, copied, monkeypatch):
    token = study.join()
    assert copied.copy.flush()

    def refuses(*_, **__):
        raise OSError("the bucket does not answer")

    monkeypatch.setattr(LocalFileSystem, "pipe_file", refuses)
    with pytest.raises(NotWritten):
        study.leave(token)
    monkeypatch.undo()
    assert participation.step(study.context.database, token)["step"] == "questions"
    study.leave(token)
    assert studies.overview(study.context.database, study.keys.researcher).counts.withdrawn == 1


def test_an_answer_that_cannot_be_written_down_is_not_taken(study, monkeypatch):
    token = study.join()

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Journal, "_write", full)
    with pytest.raises(NoRoom, match="no room left"):
        participation.answer_questions(study.context.database, study.context.journal, token, "before", {"1": "yes"})
    monkeypatch.undo()
    assert participation.step(study.context.database, token)["step"] == "questions"


def test_studies_of_before_are_written_down_at_a_start_and_lost_sound_is_put_back(study):
    context = study.context
    study.finish(study.join())
    for path in list(context.journal.folder.rglob("*.json")):
        path.unlink()
    assert study_journal.write_missing(context.database, context.journal, context.clip_store) == 2
    assert study_journal.write_missing(context.database, context.journal, context.clip_store) == 0
    for key in context.clip_store.keys():  # noqa: SIM118 (no dictionary)
        context.clip_store.delete(key)
    study_journal.bring_back(context.database, context.journal, context.clip_store)
    for clip in studies.overview(context.database, study.keys.researcher).clips:
        assert clips.sound(context.database, context.clip_store, clip.id)


def test_what_is_damaged_is_told_and_the_rest_comes_back(study):
    context = study.context
    staying = study.join()
    (of_staying,) = (context.journal.folder / "participants").iterdir()
    damaged = study.join()
    (of_damaged,) = {*of_staying.parent.iterdir()} - {of_staying}
    of_damaged.write_text('{"participant": ')
    context.database.transaction(lambda session: session.execute(delete(ListeningStudy)))
    result = study_journal.bring_back(context.database, context.journal, context.clip_store)
    assert (result.studies, result.participants, len(result.problems)) == (1, 1, 1)
    assert participation.step(context.database, staying)["step"] == "questions"
    with pytest.raises(NotYours):
        participation.step(context.database, damaged)


def test_a_preview_stands_in_no_file(make_study):
    study = make_study(opened=False)
    said = participation.Joining("t" * 40, 30, 1)
    participation.join(study.context.database, study.context.journal, study.keys.preview, said)
    assert not (study.context.journal.folder / "participants").exists()


def test_a_participant_is_told_once_their_answers_outlive_this_disk(study, copied):
    token, database = study.join(), study.context.database
    step = participation.answer_questions(database, copied, token, "before", {"1": "yes"})
    assert step["kept"] is False
    assert participation.kept(database, copied, token) is False
    assert copied.copy.flush()
    assert participation.kept(database, copied, token) is True
    trial = participation.step(database, token)["trial"]
    heard = {"left_ms": 4_000, "right_ms": 4_000}
    outcome = {"A": "left", "B": "right"}.get(trial["asks"].partition("choose ")[2][:1], "left")
    answered = participation.answer_trial(database, copied, token, UUID(trial["offer_id"]), outcome=outcome, **heard)
    assert answered["kept"] is False, "the newest answer is not there yet"
    elsewhere = Journal(study.context.settings.journal_folder)
    assert participation.kept(database, elsewhere, token) is None, "nothing is kept elsewhere"
