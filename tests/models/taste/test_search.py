import numpy as np
import pytest

from models.metrics.music_statistics import ATTRIBUTES
from models.style.latents import GROUPS, Latents
from models.taste.head import Head, utilities
from models.taste.search import (
    CAREFUL,
    MOST_IDEAS,
    OPTIMISTIC,
    SEARCHED,
    Candidates,
    best_latents,
    ideas,
    pick,
    recombine,
    scores,
)
from models.taste.space import TasteSpace, summary


def make_head(space: TasteSpace) -> Head:
    mean = np.zeros(space.size)
    mean[list(ATTRIBUTES).index("tempo_bpm")] = -1.0
    mean[list(ATTRIBUTES).index("mean_pitch")] = -1.0
    return Head.of(mean, 0.05 * np.eye(space.size), space.version)


def test_optimism_and_care_differ_by_the_doubt(space, clips) -> None:
    head, features = make_head(space), space.features(clips.summaries)
    spread = scores(head, features, 1.0) - scores(head, features, -1.0)
    assert np.allclose(spread, 2 * utilities(head, features).sd)


def test_an_optimistic_search_goes_where_more_is_open_and_a_careful_one_where_less_is(space, clips_of) -> None:
    doubt = np.full(space.size, 0.05)
    doubt[: space.size // 2] = 2.0
    head = Head.of(make_head(space).mean, np.diag(doubt), space.version)
    candidates = clips_of(60, 8).latents
    surprise, gift = (best_latents(head, space, candidates, 4, kappa=kappa) for kappa in (OPTIMISTIC, CAREFUL))
    assert np.mean([each.sd for each in surprise]) > np.mean([each.sd for each in gift])


def test_the_best_comes_first_and_without_diversity_the_rest_follow_in_order(space, clips) -> None:
    head, features = make_head(space), space.features(clips.summaries)
    order = np.argsort(-scores(head, features, 0.0))
    assert pick(head, features, 5, kappa=0.0, diversity=0.0) == order[:5].tolist()
    assert pick(head, features, 5, kappa=0.0, diversity=2.0)[0] == order[0]


def test_diversity_keeps_near_copies_out() -> None:
    head = Head.of(np.array([1.0, 0.0]), 0.01 * np.eye(2), "v1")
    features = np.array([[2.0, 0.0], [1.99, 0.0], [1.9, 3.0], [-2.0, 0.0]])
    assert pick(head, features, 2, kappa=0.0, diversity=0.0) == [0, 1]
    assert pick(head, features, 2, kappa=0.0, diversity=0.5) == [0, 2]


def test_no_clip_is_picked_twice_and_few_candidates_give_few(space, clips) -> None:
    head, features = make_head(space), space.features(clips.summaries[:4])
    assert sorted(pick(head, features, 10)) == [0, 1, 2, 3]
    assert pick(head, features[:0], 3) == []
    assert best_latents(head, space, [], 3) == []
    assert recombine(head, space, Candidates.of(space, [])) == []


def test_recombined_latents_score_higher_and_are_made_of_the_candidates_groups(space, clips_of) -> None:
    head, candidates = make_head(space), clips_of(40, 5).latents
    improved = [each.latents for each in recombine(head, space, Candidates.of(space, candidates), count=6)]
    assert improved
    before = max(scores(head, space.features(np.stack([summary(each) for each in candidates])), -0.5))
    after = scores(head, space.features(np.stack([summary(each) for each in improved])), -0.5)
    assert max(after) > before
    for latents in improved:
        owners = {
            name: next(i for i, each in enumerate(candidates) if each.groups[name] is latents.groups[name])
            for name in GROUPS
        }
        foreign = [name for name in GROUPS if owners[name] != owners["content"]]
        assert 1 <= len(foreign) <= 2
        assert set(foreign) <= set(space.exchangeable)


def test_no_feature_goes_further_than_its_reach(space, clips_of) -> None:
    head, candidates = make_head(space), clips_of(40, 5).latents
    features = space.features(np.stack([summary(each) for each in candidates]))
    found = (
        recombine(head, space, Candidates.of(space, candidates), max_swaps=5, reach=reach) for reach in (99.0, 1.0)
    )
    moved = (space.features(np.stack([summary(each.latents) for each in improved])) for improved in found)
    far, near = (np.abs(x - features.mean(axis=0)).max(axis=0) / features.std(axis=0) for x in moved)
    assert far.max() > near.max()
    limit = np.maximum(1.0, np.abs(features - features.mean(axis=0)).max(axis=0) / features.std(axis=0))
    assert (near <= limit + 1e-6).all()  # or than it was


def test_groups_of_another_length_are_not_mixed(space, clips_of) -> None:
    candidates = clips_of(6, 5).latents
    short = [Latents("v1", {name: value[:4] for name, value in each.groups.items()}) for each in candidates[3:]]
    for improved in recombine(make_head(space), space, Candidates.of(space, candidates[:3] + short)):
        assert improved.latents.bars in {4, 8}


def test_more_ideas_are_looked_at_the_more_is_known_within_bounds() -> None:
    assert ideas(0) == ideas(1) == SEARCHED
    assert SEARCHED < ideas(20) < ideas(30) < MOST_IDEAS
    assert ideas(10_000) == MOST_IDEAS


def test_only_where_it_is_wanted_is_anything_put_together(space, clips_of) -> None:
    head, candidates = make_head(space), clips_of(40, 5).latents
    assert all(any(each.latents is one for one in candidates) for each in best_latents(head, space, candidates, 6))
    refined = best_latents(head, space, candidates, 6, refine=True)
    assert any(all(each.latents is not one for one in candidates) for each in refined)


def test_latents_of_another_model_are_refused(space, clips_of) -> None:
    strange = [Latents("v2", each.groups) for each in clips_of(2, 0).latents]
    with pytest.raises(ValueError, match="v2"):
        best_latents(make_head(space), space, strange, 1)
