"""A backup holds everything, comes back into an empty database alone, and brings nobody back who was deleted."""

from __future__ import annotations

import json
import zipfile

import pytest

from db import migrate
from webapp.hosting.backup import NotABackupError, backup, restore
from webapp.listeners import accounts
from webapp.listeners.accounts import delete
from webapp.listeners.archive import export
from webapp.listeners.restore import behind, bring_back_missing
from webapp.listeners.restore import restore as bring_back
from webapp.listeners.rewind import rewind
from webapp.sharing import for_two

pytestmark = [pytest.mark.slow, pytest.mark.durability]


@pytest.fixture
def empty(context, another_context):
    """``empty()``: another installation without anything, on a disk of its own."""

    def make(name="another disk"):
        return another_context(context.settings.home / name, migrated=False)

    return make


def test_everything_comes_back_as_it_was(context, live, tables, empty, tmp_path):
    live(5)
    live(2)
    path = tmp_path / "kallos.zip"
    made = backup(context, path)
    assert made.listeners == 2
    assert path.stat().st_mode & 0o077 == 0
    other = empty()
    assert restore(other, path).listeners == 2
    assert tables(other) == tables(context)
    assert migrate.check(other.database.engine) == []
    offer = other.pairs.open(accounts.create(other.database))[0]  # what is numbered goes on
    assert offer.id


def test_what_listeners_of_the_backup_did_later_comes_back_from_the_journal(
    context, live, tables, another_context, tmp_path
):
    host, guest = live(3), live(2)
    invitation = for_two.invite(context.database, context.journal, host)
    path = tmp_path / "kallos.zip"
    backup(context, path)
    for outcome in ("right", "left", "equal"):
        context.pairs.record_vote(host, context.pairs.open(host)[0].id, outcome, (3000, 3100))
    for_two.agree(context.database, context.journal, guest, invitation)
    rewind(context.records, guest, 1)
    context.pairs.open(guest)
    live(1)

    other = another_context(context.settings.home, migrated=False)  # on the same disk
    restore(other, path)
    assert behind(other.database, other.journal) == 2
    assert bring_back_missing(other.database, other.journal, other.spaces).problems == []
    assert behind(other.database, other.journal) == 0
    mine, theirs = tables(context), tables(other)
    for name in set(mine) - {"clips", "clip_audio"}:  # a clip of the pool that nobody was offered may be missing
        assert theirs[name] == mine[name], name


def test_who_was_deleted_after_the_backup_stays_deleted(context, live, empty, tmp_path):
    gone, stays = live(2), live(2)
    path = tmp_path / "kallos.zip"
    backup(context, path)
    delete(context.records, gone)
    other = empty()
    other.settings.journal_folder.mkdir(parents=True)
    marks = context.journal.tombstones.path
    assert str(gone) not in marks.read_text()
    (other.settings.journal_folder / "deleted").write_bytes(marks.read_bytes())
    assert restore(other, path).deleted == 1
    assert not accounts.exists(other.database, gone)
    assert accounts.exists(other.database, stays)


def test_who_brings_their_own_export_back_is_deleted_no_more(context, live, empty, tmp_path):
    listener = live(2)
    data = export(context.database, listener)
    delete(context.records, listener)
    assert context.journal.deleted_among([listener]) == [listener]
    bring_back(context.database, context.journal, data)
    assert context.journal.deleted_among([listener]) == []


def test_it_is_not_mixed_with_what_is_there(context, live, tmp_path):
    live(1)
    backup(context, tmp_path / "kallos.zip")
    with pytest.raises(NotABackupError, match="holds listeners"):
        restore(context, tmp_path / "kallos.zip")


@pytest.mark.parametrize("fault", ["no zip", "another zip", "newer", "torn"])
def test_what_cannot_be_restored_is_refused(fault, context, live, empty, tmp_path):
    live(1)
    path, changed = tmp_path / "kallos.zip", tmp_path / "changed.zip"
    backup(context, path)
    if fault == "no zip":
        changed.write_bytes(b"not a zip")
    else:
        with zipfile.ZipFile(path) as given, zipfile.ZipFile(changed, "w") as written:
            for name in given.namelist():
                data = given.read(name)
                if fault == "newer" and name == "backup.json":
                    data = json.dumps({**json.loads(data), "revision": "9999"}).encode()
                if fault == "torn" and name == "tables/votes":
                    data = b""
                if fault != "another zip":
                    written.writestr(name, data)
    with pytest.raises(NotABackupError):
        restore(empty(), changed)
