"""Words that say what the votes say, and no more."""

from dataclasses import replace

import numpy as np
import pytest

from models.metrics.music_statistics import ATTRIBUTES
from models.taste.bradley_terry import Head, update
from models.taste.explain import STYLES, WORDS, attribute_effects, explain
from models.taste.space import TasteSpace

NAMES = tuple(ATTRIBUTES)


def listen(space: TasteSpace, clips, loves: dict[str, float], votes: int) -> Head:
    weights = np.array([loves.get(name, 0.0) for name in NAMES])
    features, head = space.features(clips.summaries), Head.of(space.prior_mean, space.prior_covariance, space.version)
    generator = np.random.default_rng(0)
    for _ in range(votes):
        a, b = generator.choice(len(features), size=2, replace=False)
        better = (clips.attributes[a] - clips.attributes[b]) @ weights > 0
        head = update(head, features[a], features[b], "left" if better else "right")
    return head


def test_every_attribute_has_words_and_every_style_is_explained_once(space) -> None:
    assert set(WORDS) == set(NAMES)
    head = Head.of(space.prior_mean, space.prior_covariance, space.version)
    found = explain(head, space)
    assert tuple(effect.style for effect in found) == STYLES
    assert len(attribute_effects(head, space)) == len(NAMES)


def test_without_votes_nothing_is_claimed(space) -> None:
    head = Head.of(space.prior_mean, space.prior_covariance, space.version)
    assert {effect.words for effect in explain(head, space)} == {"can't tell yet"}
    assert {effect.confidence for effect in explain(head, space)} == {0.5}


def test_someone_who_picks_slow_dense_and_low_is_told_so(space, clips) -> None:
    head = listen(space, clips, {"tempo_bpm": -1, "onsets_per_bar": 1, "mean_pitch": -1}, 120)
    found = {effect.style: effect for effect in explain(head, space, alone=True)}
    assert found["tempo"].words == "clearly likes it slower"
    assert found["rhythm"].words == "clearly likes it denser"
    assert found["register"].words == "clearly likes it lower"
    for style in ("harmony", "dynamics", "texture"):
        assert not found[style].words.startswith("clearly")
    assert found["tempo"].effect < 0 < found["tempo"].sd


def test_together_and_alone_differ_where_attributes_go_along(space, clips) -> None:
    head = listen(space, clips, {"onsets_per_bar": 1}, 100)
    together = {effect.style: effect for effect in explain(head, space)}["tempo"]
    alone = {effect.style: effect for effect in explain(head, space, alone=True)}["tempo"]
    # Faster pieces are denser: they are liked, though not for their tempo.
    assert together.word == "faster"
    assert together.confidence > 0.975
    assert abs(alone.effect) < together.effect / 2


def test_hedges_grow_into_certainty_with_votes(space, clips) -> None:
    def sureness(votes: int) -> float:
        head = listen(space, clips, {"mean_pitch": -1}, votes)
        return {effect.style: effect for effect in explain(head, space)}["register"].confidence

    assert sureness(4) < sureness(15) < sureness(60)


def test_content_speaks_through_the_attribute_that_is_surest(space, clips) -> None:
    head = listen(space, clips, {"leap": -1}, 60)
    content = {effect.style: effect for effect in explain(head, space)}["content"]
    assert content.attribute == "leap"
    assert content.word == "with small steps"


def test_what_leaves_someone_cold_is_said_only_when_it_is_known(space) -> None:
    sure = Head.of(space.prior_mean, 1e-4 * np.eye(space.size), space.version)
    assert {effect.words for effect in explain(sure, space)} == {"does not seem to mind"}


def test_a_head_of_another_version_is_refused(space) -> None:
    head = Head.of(space.prior_mean, space.prior_covariance, "v2")
    with pytest.raises(ValueError, match="v2"):
        explain(head, space)


def test_of_an_attribute_that_the_latents_hardly_hold_nothing_is_claimed(space, clips) -> None:
    head = listen(space, clips, {"mode": 1}, 60)
    deaf = replace(space, explained=np.full(len(NAMES), 0.05))
    assert {effect.words for effect in explain(head, deaf)} == {"can't tell yet"}
