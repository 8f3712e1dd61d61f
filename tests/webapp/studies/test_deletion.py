from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from webapp.context import Context
from webapp.hosting.backup import backup, restore
from webapp.runtime.errors import NotYours
from webapp.studies import clips, deletion, participation, studies


@pytest.mark.durability
@pytest.mark.slow
def test_a_backup_brings_answers_back_but_nobody_who_withdrew(
    study, make_study: Callable, new_database: Callable, tmp_path: Path
) -> None:
    staying, leaving = study.join(), study.join()
    study.finish(staying)
    study.finish(leaving)
    other = make_study()
    context = study.context
    path = tmp_path / "kallos.zip"
    backup(context, path)
    study.leave(leaving)
    deletion.delete_study(context.database, context.clip_store, context.journal, other.keys.researcher)

    settings = context.settings.model_copy(update={"database_url": new_database()})
    with closing(Context(settings)) as later:  # on the same disk, which knows who left
        restore(later, path)
        found = studies.overview(later.database, study.keys.researcher)
        assert (found.counts.completed, found.counts.answers) == (1, 6)
        assert participation.step(later.database, staying)["step"] == "thanks"
        for gone in (lambda: participation.step(later.database, leaving),
                     lambda: studies.overview(later.database, other.keys.researcher)):  # fmt: skip
            with pytest.raises(NotYours):
                gone()


def test_a_deleted_study_takes_its_clips_along_but_not_those_of_another(make_study: Callable) -> None:
    """The same clips are one file."""
    first, second = make_study(), make_study()
    context = first.context
    kept = studies.overview(context.database, second.keys.researcher).clips[0]
    deletion.delete_study(context.database, context.clip_store, context.journal, first.keys.researcher)
    assert clips.sound(context.database, context.clip_store, kept.id)
    assert context.clip_store.keys()
    deletion.delete_study(context.database, context.clip_store, context.journal, second.keys.researcher)
    assert context.clip_store.keys() == []
