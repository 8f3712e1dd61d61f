"""A study whose clips were brought sounds again after a restore on another disk, note for note and byte for byte."""

from __future__ import annotations

import zipfile

import pytest

from webapp.hosting.backup import NotABackupError, backup, restore
from webapp.studies import clips, studies

pytestmark = [pytest.mark.slow, pytest.mark.durability]


@pytest.fixture
def empty(context, another_context):
    """Another installation without anything, on a disk of its own."""
    return another_context(context.settings.home / "another disk", migrated=False)


def test_the_clips_of_a_study_sound_as_before(study, empty, tmp_path):
    context, path = study.context, tmp_path / "kallos.zip"
    backup(context, path)
    restore(empty, path)
    there = studies.overview(empty.database, study.keys.researcher).clips
    assert len(there) == 6
    for clip in there:
        assert clips.sound(empty.database, empty.clip_store, clip.id) == clips.sound(
            context.database, context.clip_store, clip.id
        )


def test_what_the_store_has_lost_is_left_out_and_other_sound_is_refused(study, empty, tmp_path):
    context = study.context
    lost = next(key for key in sorted(context.clip_store.keys()) if key.endswith(".study.mp3"))
    context.clip_store.delete(lost)
    path, changed = tmp_path / "kallos.zip", tmp_path / "changed.zip"
    backup(context, path)
    with zipfile.ZipFile(path) as packed, zipfile.ZipFile(changed, "w") as other:
        sounds = [name for name in packed.namelist() if name.startswith("sounds/")]
        assert not any(name.endswith(lost) for name in sounds)
        for name in packed.namelist():
            other.writestr(name, b"another sound" if name == sounds[0] else packed.read(name))
    with pytest.raises(NotABackupError, match="damaged"):
        restore(empty, changed)
