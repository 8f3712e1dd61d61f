"""A notebook makes a study, opens it and takes its results along, by the rules of the page."""

from __future__ import annotations

import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from db.queries.listening_studies import count_studies
from webapp.runtime.errors import Contradiction, NotAllowed, NotYours
from webapp.runtime.settings import Settings
from webapp.studies import keys
from webapp.ui.endpoints.studies import create_study, dry_run_study, move_study, study_results
from webapp.ui.endpoints.studies import study as state_of


def test_a_study_is_made_with_the_research_key_alone(alone) -> None:
    alone.database.open()
    with_key = SimpleNamespace(**{name: getattr(alone, name) for name in ("database", "journal", "clip_store")})
    with_key.settings = alone.settings.model_copy(update={"research_key": "the research key"})
    with pytest.raises(NotAllowed, match="research key"):
        create_study(with_key, "another key", {"title": "A"}, [])  # type: ignore[arg-type]
    made = create_study(with_key, "the research key", {"title": "A"}, [])  # type: ignore[arg-type]
    assert state_of(alone, made["researcher_key"])["title"] == "A"
    with pytest.raises(NotAllowed, match="research key"):
        create_study(alone, "", {"title": "A"}, [])
    assert create_study(alone, alone.settings.creators_key, {"title": "A"}, [])["researcher_key"]  # none was chosen


@pytest.mark.slow
def test_a_study_of_one_clip_is_refused_and_leaves_no_draft_whose_key_nobody_has(alone, long_tasks) -> None:
    alone.database.open()
    with pytest.raises(NotAllowed, match="no two clips can be compared"):
        create_study(alone, alone.settings.creators_key, {"title": "A", "composed": [{"kind": "pop", "count": 1}]}, [])
    assert alone.database.transaction(count_studies) == 0


@pytest.mark.slow
def test_a_study_is_moved_tried_and_read(make_study) -> None:
    study = make_study(opened=False)
    context, key = study.context, study.keys.researcher
    (shown,) = dry_run_study(context, key)
    assert shown["people"] == 3
    assert move_study(context, key, "open")["state"] == "open"
    with pytest.raises(NotYours, match="no study"):
        state_of(context, study.keys.participant)
    results = study_results(context, key)
    assert "High or low?" in Path(results["report"]["path"]).read_text(encoding="utf-8")
    with zipfile.ZipFile(results["dataset"]["path"]) as files:
        assert "answers.parquet" in files.namelist()
    assert move_study(context, key, "ended")["state"] == "ended"
    with pytest.raises(Contradiction, match="can't become"):
        move_study(context, key, "open")


def test_nobody_makes_a_study_without_a_key(tmp_path) -> None:
    here, elsewhere = Settings(home=tmp_path / "here"), Settings(home=tmp_path / "elsewhere")
    chosen = Settings(home=tmp_path / "here", research_key="secret")
    for settings, given, may in (
        (here, "", False),
        (here, here.creators_key, True),
        (Settings(home=here.home), here.creators_key, True),  # after a new start
        (elsewhere, here.creators_key, False),
        (chosen, here.creators_key, False),
        (chosen, "secret", True),
        (chosen, "sécret", False),
    ):
        assert keys.may_create(settings, given) is may
