import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import permutation_test
from sklearn.metrics import dcg_score, label_ranking_average_precision_score, ndcg_score, top_k_accuracy_score

from models.metrics.retrieval import MEASURES, chance, measures, paired_difference, positions, ranked


def example(seed: int, queries: int = 40, items: int = 30) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    right = rng.random((queries, items)) < 0.1
    right[np.arange(queries), rng.integers(items, size=queries)] = True
    return rng.normal(size=(queries, items)) + right, right


def test_dcg_and_ndcg_are_those_of_sklearn() -> None:
    for seed in range(5):
        scores, right = example(seed)
        found = measures(ranked(scores, right, seed))
        assert found["dcg"] == pytest.approx(dcg_score(right, scores))
        assert found["ndcg"] == pytest.approx(ndcg_score(right, scores))


def test_reciprocal_rank_and_recall_are_those_of_sklearn_where_one_item_is_right() -> None:
    scores, _ = example(3)
    target = np.random.default_rng(0).integers(30, size=40)
    right = np.arange(30) == target[:, None]
    found = measures(ranked(scores, right, 0))
    assert found["mrr"] == pytest.approx(label_ranking_average_precision_score(right, scores))
    for k in (1, 5, 10):
        assert found[f"recall_{k}"] == pytest.approx(top_k_accuracy_score(target, scores, k=k, labels=range(30)))


def test_with_several_right_items_the_best_one_counts() -> None:
    found = ranked([[0.1, 0.9, 0.5, 0.7]], [[True, False, True, False]], 0)
    assert found.best.tolist() == [3]
    assert found.right.tolist() == [2]
    assert measures(found)["mean_log_rank"] == pytest.approx(np.log(3))


def test_a_model_that_says_the_same_of_everything_is_at_chance() -> None:
    right = np.eye(200, dtype=bool)
    found = np.array([measures(ranked(np.zeros((200, 200)), right, seed))["mrr"] for seed in range(50)])
    expected = chance(right.sum(1), 200)["mrr"]
    assert abs(found.mean() - expected) < 4 * found.std() / 50**0.5


def test_chance_is_what_random_orders_give_on_average() -> None:
    for pool in (7, 40):
        rng = np.random.default_rng(pool)
        counts = rng.integers(1, 5, size=20_000)
        right = np.argsort(rng.random((len(counts), pool)), axis=1) < counts[:, None]
        drawn, exact = ranked(rng.random(right.shape), right, 0), chance(counts, pool)
        for name in MEASURES:
            value = measures(drawn)[name]
            assert value == pytest.approx(exact[name], rel=0.03), name


@given(st.integers(0, 1000), st.integers(2, 20))
def test_ranks_are_a_permutation_and_a_better_score_never_ranks_lower(seed: int, items: int) -> None:
    scores = np.random.default_rng(seed).integers(0, 4, size=(3, items))
    places = positions(scores, seed)
    assert (np.sort(places, axis=1) == np.arange(1, items + 1)).all()
    for row, place in zip(scores, places, strict=True):
        assert (np.diff(row[np.argsort(place)]) <= 0).all()


def test_the_paired_test_is_scipys_where_every_query_is_its_own_group() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.random(60) + 0.06, rng.random(60)
    ours = paired_difference(a, b, [str(i) for i in range(60)])
    theirs = permutation_test(
        (a, b),
        lambda x, y: (x - y).mean(),
        permutation_type="samples",
        n_resamples=10_000,
        rng=np.random.default_rng(0),
    )
    assert ours.p == pytest.approx(theirs.pvalue, abs=0.02)
    assert ours.value == pytest.approx((a - b).mean())
    assert ours.low < ours.value < ours.high


def test_queries_of_one_group_are_no_independent_evidence() -> None:
    a, b = np.repeat([1.0, 0.9, 0.2, 0.8], 25), np.full(100, 0.5)
    apart = paired_difference(a, b, [str(i) for i in range(100)])
    together = paired_difference(a, b, [str(i // 25) for i in range(100)])
    assert apart.p < 0.001
    assert together.p > 0.1
    assert together.high - together.low > 2 * (apart.high - apart.low)
