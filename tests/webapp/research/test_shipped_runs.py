from __future__ import annotations

import pytest

from webapp.research import retrieval, training_runs
from webapp.research.training_runs import copy_shipped
from webapp.runtime.settings import Settings


def test_they_are_copied_once_and_only_where_nobody_named_a_folder(tmp_path):
    home = Settings(home=tmp_path)
    assert copy_shipped(home)
    assert not copy_shipped(home)
    told = Settings(home=tmp_path / "told", runs=str(tmp_path / "told" / "runs"))  # as the worker is told of its home's
    assert copy_shipped(told)
    assert not copy_shipped(Settings(home=tmp_path / "other", runs=str(tmp_path / "mine")))
    assert not (tmp_path / "mine").exists()


@pytest.mark.slow
def test_a_new_installation_shows_a_study_that_was_tested_with_what_it_comes_from(alone):
    copy_shipped(alone.settings)
    taken = training_runs.ingest_changed(alone.database, alone.settings)
    assert taken["logs"] > 10
    assert taken["refused"] == 0
    (study,) = alone.database.transaction(retrieval.all_studies)
    assert study.tested
    assert all(run.ended and run.data_hash and run.commit for run in study.runs)

    def drawn(measure):
        return alone.database.transaction(
            lambda session: retrieval.variants_frame(session, study, "title_to_melody", measure)
        )

    (ndcg, on_test), (dcg, on_test_too) = drawn("ndcg"), drawn("dcg")
    assert (on_test, on_test_too) == (True, False)  # the test was evaluated before it measured DCG
    assert set(dcg["condition"]) == set(ndcg["condition"]) - {retrieval.PLAIN}
    assert dcg["value"].between(0.1, 2).all()


@pytest.fixture
def alone(alone):
    """An installation whose folder of runs is its own."""
    assert not alone.settings.runs
    return alone
