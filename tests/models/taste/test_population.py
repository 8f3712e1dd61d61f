"""The population model finds what simulated listeners share, takes one of them out again, and learns one person."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from models.taste.judgements import NOBODY, Judgements
from models.taste.population import Kernels, Population, Variances, _sample, learn_variances

CLIPS = 24
LOGS = np.log([0.6, 0.3, 0.05, 0.3, 0.3])  # common, personal, clip, offset, zone


def listeners(kind: str, *, people: int = 40, each: int = 12, seed: int = 0, personal: float = 0.5):
    """Features ``(C, 2)``, true population utility ``(C,)``, and the judgements of people who differ from it."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(CLIPS, 2))
    common = x @ np.array([1.0, -0.5])
    rows = []
    for person in range(people):
        utility = common + personal * x @ rng.normal(size=2)
        if kind == "ratings":
            for clip in rng.permutation(CLIPS)[:each]:
                heard = utility[clip] + rng.normal() + 0.5 * (person % 2)
                rows.append((person, clip, NOBODY, np.clip(np.round(heard) + 3, 1, 5)))
        else:
            for _ in range(each):
                left, right = rng.permutation(CLIPS)[:2]
                gap = utility[left] - utility[right] + rng.normal()
                rows.append((person, left, right, 0 if abs(gap) < 0.3 else np.sign(gap)))
    table = np.array(rows)
    ints = table[:, :3].astype(np.int64)
    return {"all": x}, common, Judgements(ints[:, 0], ints[:, 1], ints[:, 2], table[:, 3])


@pytest.fixture(scope="module", params=["ratings", "votes"])
def learned(request):
    features, common, judgements = listeners(request.param)
    kernels = Kernels(features, np.arange(CLIPS))
    return kernels, common, judgements, Population.fit(kernels, judgements)


def test_what_people_share_is_found(learned) -> None:
    _, common, _, population = learned
    assert np.corrcoef(population.mean, common)[0, 1] > 0.93


def test_a_clip_that_nobody_judged_is_placed_by_its_features_and_with_more_doubt(learned) -> None:
    kernels, common, judgements, _ = learned
    seen = judgements.choose((judgements.left >= 4) & ((judgements.right >= 4) | (judgements.right == NOBODY)))
    population = Population.fit(kernels, seen)
    assert np.corrcoef(population.mean[:4], common[:4])[0, 1] > 0.5
    doubt = np.diag(population.covariance)
    assert doubt[:4].min() > np.median(doubt[4:])


def test_nobody_yet_known_gets_the_population_part_and_all_doubt(learned) -> None:
    *_, judgements, population = learned
    belief = population.person(judgements.choose([]), np.arange(5))
    assert np.array_equal(belief.mean, population.mean[:5])
    assert np.array_equal(belief.covariance, (population.covariance + population.spread)[:5, :5])


@pytest.mark.parametrize("kind", ["ratings", "votes"])
def test_a_person_of_another_taste_is_learned_from_their_own_judgements(kind) -> None:
    features, common, judgements = listeners(kind, personal=1.0)
    population = Population.fit(Kernels(features, np.arange(CLIPS)), judgements)
    rng = np.random.default_rng(5)
    odd, shares = -common, []
    left, right = np.triu_indices(CLIPS, 1)
    for count in (0, 8, 24):
        clips = rng.permutation(CLIPS)[: max(count, 2)]
        if kind == "ratings":
            said = Judgements(
                np.zeros(count, int), clips[:count], np.full(count, NOBODY), np.round(odd[clips[:count]]) + 3
            )
        else:
            other = np.roll(clips, 1)[:count]
            said = Judgements(np.zeros(count, int), clips[:count], other, np.sign(odd[clips[:count]] - odd[other]))
        wins = population.person(said, np.arange(CLIPS)).wins(left, right)
        shares.append(((wins > 0.5) == (odd[left] > odd[right])).mean())
    assert shares[0] < 0.3
    assert shares[0] < shares[1] < shares[2]
    assert shares[2] > 0.8


def test_the_evidence_is_the_integral_over_utility() -> None:
    kernels = Kernels({"all": np.array([[0.0], [1.0]])}, [0, 1])
    votes = Judgements(np.zeros(1, int), np.array([0]), np.array([1]), np.array([1.0]))
    population = Population.fit(kernels, votes, logs=LOGS)
    gap = np.array([1.0, -1.0])
    prior = kernels.weighted(population.variances.common) + population.variances.clip * np.eye(2)
    variance = float(gap @ (prior + population.spread) @ gap) + population.variances.offset
    zone = population.variances.zone
    exact = quad(lambda f: norm.pdf(f, scale=variance**0.5) * norm.cdf(f - zone), -20, 20)[0]
    assert population.evidence == pytest.approx(np.log(exact), abs=0.03)


def test_learned_variances_explain_better_than_where_the_search_began_and_are_the_same_again(learned) -> None:
    kernels, _, judgements, population = learned
    start = Population.fit(kernels, judgements, logs=Variances.start(1))
    assert population.evidence > start.evidence
    assert np.array_equal(learn_variances(kernels, judgements), learn_variances(kernels, judgements))


def test_what_does_not_fit_together_is_refused(learned) -> None:
    kernels, _, judgements, population = learned
    with pytest.raises(ValueError, match="at least one"):
        Population.fit(kernels, judgements.choose([]))
    one = np.array([0, 0])
    with pytest.raises(ValueError, match="not both"):
        Judgements(one, one, np.array([NOBODY, 1]), one.astype(float))
    with pytest.raises(ValueError, match="one listener"):
        replace(judgements, value=judgements.value[1:])
    other = Judgements(one[:1], one[:1], np.array([1 if population.rated else NOBODY]), np.ones(1))
    with pytest.raises(ValueError, match="ratings"):
        population.person(other, np.arange(3))


def test_variances_are_learned_from_a_sample_that_is_even() -> None:
    _, _, judgements = listeners("ratings", people=400, each=24)
    some = _sample(judgements)
    counts = np.bincount(some.listener)
    assert set(counts[counts > 0]) == {20}
    assert (counts > 0).sum() == 300
    _, _, few = listeners("votes", people=5, each=7)
    assert len(_sample(few)) == 35
