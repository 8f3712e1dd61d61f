"""The page's heads in the evaluation: what they hear of a rating, and that nobody is foreseen by their own votes."""

import numpy as np
import pytest

from models.evaluate.taste import half_known
from models.taste import hierarchy
from models.taste.evaluation import heads as taste_heads
from models.taste.evaluation.heads import PAGE, PageHeads, basis_of, inducing_features, lines_of
from models.taste.evaluation.methods import People
from models.taste.evaluation.study import Study, accuracy_of, joined, load_study
from models.taste.space import UTILITY_DIFFERENCE_SD

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["ratings", "votes"])
def study(request, listening_folder) -> Study:
    return load_study(listening_folder(request.param), None, quiet=True)


@pytest.fixture(scope="module")
def heads(study: Study) -> PageHeads:
    return PageHeads(study)


def test_lines_are_standardised_and_every_basis_has_the_same_prior_variance(study: Study) -> None:
    x = lines_of(study)
    assert len(x) == len(study.clips)
    assert x.mean(axis=0) == pytest.approx(0, abs=1e-9)
    for method in PAGE:
        basis, variance = basis_of(study, method)
        assert np.array_equal(basis[:, : x.shape[1]], x)
        assert (basis**2).mean(axis=0) @ variance == pytest.approx(UTILITY_DIFFERENCE_SD**2 / 2, rel=0.05)
    with pytest.raises(ValueError, match="page_before"):
        basis_of(study, "trees")


def test_inducing_features_make_a_squared_exponential_kernel() -> None:
    lines = np.random.default_rng(0).normal(size=(20, 2))
    scale = np.median(np.linalg.norm(lines[:, None] - lines, axis=2)[np.triu_indices(20, 1)])
    exact = np.exp(-((lines[:, None] - lines) ** 2).sum(axis=2) / (2 * scale**2))
    centred = exact - exact.mean(axis=0) - exact.mean(axis=1)[:, None] + exact.mean()
    found = inducing_features(lines)
    assert found.shape == (20, 19)
    assert np.allclose(found @ found.T, centred, atol=1e-3)


def test_each_rating_is_heard_once_and_says_which_clip_is_better(study: Study, heads: PageHeads) -> None:
    listener = int(study.listeners[0])
    rows = study.rows_of(listener)
    heard = heads.votes(rows)
    some = study.judgements.choose(rows)
    assert len(heard) == (len(rows) - 1 if some.rated else len(rows))
    if some.rated:
        value = dict(zip(some.left.tolist(), some.value.tolist(), strict=True))
        for left, right, outcome in heard:
            gap = value[left] - value[right]
            assert outcome == ("left" if gap > 0 else "right" if gap < 0 else "equal")
    else:
        assert [outcome for *_, outcome in heard] == [{1: "left", 0: "equal", -1: "right"}[v] for v in some.value]


def test_the_population_foresees_more_than_the_fixed_prior(study: Study, monkeypatch) -> None:
    monkeypatch.setattr(hierarchy, "EM_STEPS", 20)
    monkeypatch.setattr(taste_heads, "INDUCING", 6)
    people, tasks = People(study, 0), half_known(study, 0, splits=1)
    won = joined([task.pairs for task in tasks]).won
    right = {method: accuracy_of(people.answer(method, tasks).wins, won).mean() for method in PAGE}
    assert right["page_before"] > 0.5
    assert min(right[method] for method in ("ours", "page_alone", "page_linear", "page_gp")) > right["page_before"]
    told = people.answer("ours", tasks).wins
    assert ((told > 0) & (told < 1)).all()


def test_a_prediction_is_the_same_whichever_clip_stands_left(heads: PageHeads) -> None:
    first, *others = (int(one) for one in heads.study.listeners)
    begun = heads.beginning(others)
    head = heads.after(begun, heads.study.rows_of(first))
    left, right = np.array([0, 1, 2]), np.array([3, 4, 5])
    here, there = heads.wins(head, begun.effects, left, right), heads.wins(head, begun.effects, right, left)
    assert here == pytest.approx(1 - there)


def test_who_is_to_be_foreseen_is_no_part_of_the_population(heads: PageHeads) -> None:
    first, *others = (int(one) for one in heads.study.listeners)
    with_all, without = (heads.beginning(some) for some in ([first, *others], others))
    assert not np.array_equal(with_all.head.joint_mean, without.head.joint_mean)
    assert not np.array_equal(with_all.effects, without.effects)
    before = PageHeads(heads.study, "page_before")
    assert before.beginning(others) is before.plain
