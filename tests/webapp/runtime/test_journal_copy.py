from __future__ import annotations

import shutil
import uuid

import pytest
from fsspec.implementations.local import LocalFileSystem

from webapp.listeners import accounts, restore
from webapp.listeners.accounts import delete
from webapp.runtime import journal_copy
from webapp.runtime.errors import NotWritten
from webapp.runtime.journal import Journal
from webapp.runtime.journal_copy import MOST_PARTS, JournalCopy, Part
from webapp.runtime.journal_segment import Entry, Segment

pytestmark = pytest.mark.durability

HEARD = (3000, 3100)
FOR_EVER_S = 3600


@pytest.fixture
def place(tmp_path):
    """The folder that stands for a bucket."""
    return tmp_path / "bucket"


@pytest.fixture(autouse=True)
def never_meanwhile(monkeypatch) -> None:
    """The journal is copied by ``flush`` and at the end alone."""
    monkeypatch.setattr(journal_copy, "GATHER_SECONDS", FOR_EVER_S)


@pytest.fixture
def copying(context, place):
    """The context with a journal that is copied."""
    journal = Journal(context.journal.folder, str(place))
    context.__dict__["journal"] = journal
    return context


def segment_with(folder, copy, entries=3) -> Segment:
    segment = Segment(folder / f"{uuid.uuid4()}.jsonl", copy)
    for number in range(1, entries + 1):
        segment.append(Entry(number, number == 1, {"listener": {"id": number}}))
    return segment


def brought_to(folder, place):
    """A folder filled from the copy, as after a restart on an empty disk."""
    copy = JournalCopy(str(place), folder)
    copy.bring_home()
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.json*")}


def test_only_its_owner_reads_a_copy_in_a_folder(tmp_path, place):
    copy = JournalCopy(str(place), tmp_path / "journal")
    segment_with(tmp_path / "journal", copy)
    copy.close()
    modes = {path.is_dir(): path.stat().st_mode & 0o777 for path in [place, *place.rglob("*")]}
    assert modes == {True: 0o700, False: 0o600}


def test_who_was_deleted_is_known_on_an_empty_disk(copying, another_context, live, place):
    listener = live(2)
    assert copying.journal.copy.flush()
    delete(copying.records, listener)
    other = another_context(copying.settings.home / "another disk")
    journal = Journal(other.settings.journal_folder, str(place))
    journal.bring_home()
    assert journal.tombstones.among([listener]) == [listener]


def test_who_was_deleted_is_known_where_the_journal_is_lost_under_a_running_server(copying, live):
    listener = live(2)
    assert copying.journal.copy.flush()
    delete(copying.records, listener)
    shutil.rmtree(copying.journal.folder)
    assert copying.journal.was_deleted(listener)


@pytest.mark.slow
def test_a_vote_that_is_called_kept_comes_back_on_an_empty_disk(copying, another_context, live, tables, place):
    listener = live(5)
    assert copying.journal.kept(listener) is False  # nobody has copied yet: the last vote came a moment ago
    assert copying.journal.copy.flush()
    assert copying.journal.kept(listener) is True

    other = another_context(copying.settings.home / "another disk", migrated=False)
    other.__dict__["journal"] = Journal(other.settings.journal_folder, str(place))
    other.journal.copy.bring_home()
    assert restore.rebuild(other.database, other.journal, other.spaces).problems == []
    mine, theirs = tables(copying), tables(other)
    assert mine["votes"]
    for name in ("listeners", "offers", "votes", "heads"):
        assert theirs[name] == mine[name], name
    copying.journal.close()
    other.journal.close()


@pytest.mark.slow
def test_a_rebuild_that_was_killed_goes_on(copying, another_context, live, tables, monkeypatch):
    for votes in (2, 3):
        live(votes)
    other = another_context(copying.settings.home, migrated=False)
    bring_back = restore._bring_back

    def killed(*arguments):
        bring_back(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(restore, "_bring_back", killed)
    with pytest.raises(KeyboardInterrupt):
        restore.rebuild(other.database, other.journal, other.spaces)
    monkeypatch.setattr(restore, "_bring_back", bring_back)
    restore.bring_back_missing(other.database, other.journal, other.spaces)
    assert tables(other)["votes"] == tables(copying)["votes"]


def test_who_was_deleted_stays_away(copying, live, tmp_path, place):
    gone, stays = live(2), live(2)
    assert copying.journal.copy.flush()
    delete(copying.records, gone)
    found = brought_to(tmp_path / "another disk", place)
    assert f"{stays}.jsonl" in found
    assert f"{gone}.jsonl" not in found
    assert not [path for path in place.rglob("*") if path.is_file() and str(gone).encode() in path.read_bytes()]


def test_nothing_is_deleted_where_the_copy_cannot_be(copying, live, monkeypatch):
    listener = live(1)
    assert copying.journal.copy.flush()

    def refuses(*_, **__):
        raise OSError("the bucket does not answer")

    monkeypatch.setattr(LocalFileSystem, "pipe_file", refuses)
    with pytest.raises(NotWritten):
        delete(copying.records, listener)
    monkeypatch.undo()
    assert copying.journal.segment(listener).path.exists()
    assert accounts.exists(copying.database, listener)


def test_what_cannot_be_copied_is_not_called_kept_and_is_copied_later(tmp_path, place, monkeypatch):
    folder = tmp_path / "journal"
    copy = JournalCopy(str(place), folder)

    def refuses(*_, **__):
        raise OSError("the bucket does not answer")

    with monkeypatch.context() as broken:
        broken.setattr(LocalFileSystem, "pipe_file", refuses)
        segment = segment_with(folder, copy)
        assert not copy.flush(0.1)
        assert copy.kept(segment.path) is False
        assert copy.waiting()[0] == 1
    assert copy.flush()
    assert copy.kept(segment.path) is True
    copy.close()
    assert brought_to(tmp_path / "disk", place) == {segment.path.name: segment.path.read_bytes()}


def test_parts_that_pile_up_become_one(tmp_path, place):
    folder = tmp_path / "journal"
    copy = JournalCopy(str(place), folder)
    segment = segment_with(folder, copy, entries=1)
    for number in range(2, MOST_PARTS + 6):
        segment.append(Entry(number, whole=False, data={"listener": {"id": number}}))
        copy._copy_story(segment.path.name)
    assert len(list((place / segment.path.name).iterdir())) <= MOST_PARTS
    assert brought_to(tmp_path / "disk", place)[segment.path.name] == segment.path.read_bytes()
    copy.close()


def test_a_story_told_anew_replaces_the_old_one(tmp_path, place):
    folder = tmp_path / "journal"
    copy = JournalCopy(str(place), folder)
    segment = segment_with(folder, copy)
    assert copy.flush()
    segment.append(Entry(4, whole=True, data={"listener": {"id": 4}, "offers": []}))
    segment.forget_the_past()
    assert copy.flush()
    copy.close()
    found = brought_to(tmp_path / "disk", place)[segment.path.name]
    assert found == segment.path.read_bytes()
    assert b'"n":1,' not in found
    assert not [path for path in place.rglob("*") if path.is_file() and b'"n":1,' in path.read_bytes()]


def test_a_part_that_a_crash_has_torn_does_not_count(tmp_path, place):
    folder = tmp_path / "journal"
    copy = JournalCopy(str(place), folder)
    segment = segment_with(folder, copy)
    assert copy.flush()
    copy.close()
    whole = segment.path.read_bytes()
    (part,) = (place / segment.path.name).iterdir()
    story = Part.read(part.name, len(whole)).story
    torn = Part(Part.read(part.name, len(whole)).time_ns + 1, story, len(whole), 500)
    (place / segment.path.name / torn.name).write_bytes(b'{"n":4')
    assert brought_to(tmp_path / "disk", place)[segment.path.name] == whole


def test_after_a_restart_only_what_the_copy_lacks_is_copied(tmp_path, place):
    folder = tmp_path / "journal"
    first = JournalCopy(str(place), folder)
    known = segment_with(folder, first)
    assert first.flush()
    first.close()
    unknown = segment_with(folder, None)
    again = JournalCopy(str(place), folder)
    again.bring_home()
    assert again.waiting()[0] <= 1
    assert again.flush()
    assert again.kept(known.path)
    assert again.kept(unknown.path)
    assert len(list((place / known.path.name).iterdir())) == 1
    again.close()


def test_another_process_sees_that_a_file_is_kept(tmp_path, place):
    folder = tmp_path / "journal"
    web, worker = JournalCopy(str(place), folder), JournalCopy(str(place), folder)
    segment = segment_with(folder, worker)
    assert worker.flush()
    assert web.kept(segment.path)
    worker.close()
    web.close()


def test_the_secret_comes_back_with_the_journal(tmp_path, place):
    home = tmp_path / "home"
    home.mkdir()
    (home / "secret").write_text("a secret")
    copy = JournalCopy(str(place), home / "journal")
    copy.mark(home / "secret")
    copy.close()
    (other := tmp_path / "other").mkdir()
    JournalCopy(str(place), other / "journal").bring_home()
    assert (other / "secret").read_text() == "a secret"
    assert (other / "secret").stat().st_mode & 0o077 == 0


def test_a_name_that_leads_out_of_the_journal_is_refused(tmp_path, place):
    copy = JournalCopy(str(place), tmp_path / "home" / "journal")
    with pytest.raises(ValueError, match="no file of the journal"):
        copy._path("../../evil.json")
