import numpy as np
import pytest
from sklearn import manifold
from sklearn.metrics import silhouette_score
from sklearn.neighbors import KNeighborsClassifier

from models.atlas.projection import nearest
from models.atlas.quality import common, judge, purity, silhouette, trustworthiness


@pytest.fixture(scope="module")
def crowds():
    rng = np.random.default_rng(0)
    crowd = np.arange(300) % 3
    return (3 * np.eye(6)[crowd] + rng.normal(size=(300, 6))).astype(np.float32), crowd.astype(str)


def test_trustworthiness_is_scikit_learns(crowds):
    for k in (1, 10):
        vectors, _ = crowds
        places = vectors[:, :2] + np.random.default_rng(1).normal(size=(300, 2)).astype(np.float32)
        ours = trustworthiness(vectors, nearest(places, k).index, np.arange(300))
        assert ours == pytest.approx(manifold.trustworthiness(vectors, places, n_neighbors=k), abs=1e-9)


def test_purity_is_the_mean_of_a_neighbour_vote_and_its_chance_that_of_dealt_labels(crowds):
    vectors, crowd = crowds
    found = nearest(vectors, 10)
    voters = KNeighborsClassifier(10).fit(vectors, crowd)
    votes = voters.classes_[voters._y[voters.kneighbors(return_distance=False)]]
    ours = purity(found.index, crowd)
    assert ours.value == pytest.approx(float((votes == crowd[:, None]).mean()))
    rng = np.random.default_rng(2)
    dealt = [purity(found.index, rng.permutation(crowd)).value for _ in range(200)]
    assert ours.chance == pytest.approx(np.mean(dealt), abs=0.005)


def test_unknown_labels_neither_ask_nor_answer():
    line = np.arange(60, dtype=np.float32)[:, None]
    labels = np.where(np.arange(60) % 3 == 2, "", np.where(np.arange(60) < 30, "a", "b"))
    told = purity(nearest(line, 2).index, labels)
    assert told.n == 40
    assert told.value > 0.9
    assert purity(nearest(line, 2).index, np.full(60, "")).value is None


def test_silhouette_is_scikit_learns_and_nothing_where_labels_are_dealt(crowds):
    vectors, crowd = crowds
    told = silhouette(vectors, crowd, seed=0)
    assert told.value == pytest.approx(float(silhouette_score(vectors, crowd)), abs=1e-6)
    assert abs(told.chance) < 0.05 < told.value
    assert silhouette(vectors, np.full(300, "one"), seed=0).value is None


def test_rare_labels_are_unknown():
    assert common(["a"] * 6 + ["b"]).tolist() == ["a"] * 6 + [""]


def test_a_shuffled_picture_is_told_from_a_true_one(crowds):
    vectors, crowd = crowds
    told = judge(vectors, vectors[:, :2], {"crowd": crowd.tolist(), "none": [""] * 300}, seed=0)
    assert told.trustworthiness.value > 0.7
    assert told.trustworthiness.chance == pytest.approx(0.5, abs=0.05)
    assert told.colours["crowd"].purity.value > told.colours["crowd"].purity_in_picture.value > 0.5
    assert told.colours["none"].purity.value is None
    assert told.to_json()["colours"]["crowd"]["silhouette"]["n"] == 300
