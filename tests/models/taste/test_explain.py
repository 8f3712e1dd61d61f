from dataclasses import replace

import numpy as np
import pytest

from models.metrics.music_statistics import ATTRIBUTES
from models.taste.explain import ENDS, GUESSED, WORDS, Habits, attribute_effects, beside_others, explain, habits
from models.taste.head import Head, update
from models.taste.hierarchy import PopulationPrior
from models.taste.readouts import PICTURE_ATTRIBUTES
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
    assert set(WORDS) == set(ENDS) == {*NAMES, *PICTURE_ATTRIBUTES}
    head = Head.of(space.prior_mean, space.prior_covariance, space.version)
    found = explain(head, space)
    assert tuple(effect.style for effect in found) == tuple(dict.fromkeys(space.style_of.values()))
    assert len(attribute_effects(head, space)) == len(NAMES)


def test_without_votes_nothing_is_claimed(space) -> None:
    head = Head.of(space.prior_mean, space.prior_covariance, space.version)
    assert {effect.words for effect in explain(head, space)} == {"can't tell yet"}
    assert {(effect.confidence, effect.lean, effect.odds) for effect in explain(head, space)} == {(0.5, "", 0.5)}


def test_someone_who_picks_slow_dense_and_low_is_told_so(space, clips) -> None:
    head = listen(space, clips, {"tempo_bpm": -1, "onsets_per_bar": 1, "mean_pitch": -1}, 120)
    found = {effect.style: effect for effect in explain(head, space, alone=True)}
    assert found["tempo"].words == "clearly likes it slower"
    assert found["tempo"].lean == "slow (decided)"
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


def test_a_lean_is_told_with_its_odds_long_before_it_is_decided(space, clips) -> None:
    head = listen(space, clips, {"onsets_per_bar": -1}, 8)
    found = {effect.style: effect for effect in explain(head, space)}["rhythm"]
    assert found.odds < 0.975
    assert found.lean == "probably sparse (9 in 10)"


def test_content_speaks_through_the_attribute_that_is_surest(space, clips) -> None:
    head = listen(space, clips, {"leap": -1}, 60)
    content = {effect.style: effect for effect in explain(head, space)}["content"]
    assert content.attribute == "leap"
    assert content.word == "with small steps"


@pytest.mark.parametrize(("sign", "said"), [(1, "neither slow nor fast"), (-1, "either slow or fast")])
def test_a_liking_of_what_is_between_or_of_both_ends_is_told(space, clips, sign: int, said: str) -> None:
    features, tempo = space.features(clips.summaries), clips.attributes[:, NAMES.index("tempo_bpm")]
    love = -sign * np.abs(tempo - tempo.mean())
    head, generator = Head.of(space.prior_mean, space.prior_covariance, space.version), np.random.default_rng(0)
    for _ in range(250):
        a, b = generator.choice(len(features), size=2, replace=False)
        head = update(head, features[a], features[b], "left" if love[a] > love[b] else "right")
    found = {effect.style: effect for effect in explain(head, space, around=features)}
    assert found["tempo"].words == f"clearly likes it {said}"
    assert found["tempo"].lean == f"{said} (decided)"
    assert found["tempo"].confidence < 0.975


def test_the_effect_is_that_around_the_clips_that_somebody_knows(space) -> None:
    """To whoever loves the middle tempo, slower is better among fast clips and faster among slow ones."""
    place, lines = NAMES.index("tempo_bpm"), space.size - len(NAMES)
    mean = np.zeros(space.size)
    mean[lines + place] = -1.0
    head = Head.of(mean, 0.01 * np.eye(space.size), space.version)
    clips = np.zeros((3, space.size))
    for shift, word in ((3.0, "slower"), (-3.0, "faster")):
        clips[:, place] = shift
        (tempo,) = (
            effect for effect in attribute_effects(head, space, around=clips) if effect.attribute == "tempo_bpm"
        )
        assert tempo.words == f"clearly likes it {word}"
        step = space.together[place, :lines]
        less, more = (space.with_distances(clips[0, :lines] + way * step) @ mean for way in (-1, 1))
        assert tempo.effect == pytest.approx((more - less) / 2)
    assert attribute_effects(head, space)[place].effect == pytest.approx(0)


def test_what_leaves_someone_cold_is_said_only_when_it_is_known(space) -> None:
    sure = Head.of(space.prior_mean, 1e-4 * np.eye(space.size), space.version)
    assert {effect.words for effect in explain(sure, space)} == {"does not seem to mind"}
    assert {effect.lean for effect in explain(sure, space)} == {"makes no difference (decided)"}


def test_a_head_of_another_version_is_refused(space) -> None:
    head = Head.of(space.prior_mean, space.prior_covariance, "v2")
    with pytest.raises(ValueError, match="v2"):
        explain(head, space)


def test_of_an_attribute_that_the_latents_hardly_hold_nothing_is_claimed(space, clips) -> None:
    head = listen(space, clips, {"mode": 1}, 60)
    deaf = replace(space, explained=np.full(len(NAMES), 0.05))
    assert {effect.words for effect in explain(head, deaf)} == {"can't tell yet"}


def people_who(space: TasteSpace, mean: np.ndarray, spread: float) -> PopulationPrior:
    fixed = PopulationPrior.fixed(Head.of(space.prior_mean, space.prior_covariance, space.version))
    means = np.concatenate([mean, fixed.mean[len(mean) :]])
    return replace(fixed, mean=means, diagonal=fixed.diagonal * spread, listeners=30)


def test_a_liking_stands_beside_the_others(space, clips) -> None:
    head = listen(space, clips, {"tempo_bpm": -1}, 120)
    effects = explain(head, space)
    tempo = [effect.style for effect in effects].index("tempo")
    unmoved = people_who(space, np.zeros(space.size), 0.5)
    beside = beside_others(effects, unmoved, space)[tempo]
    assert (beside.guessed, beside.words) == (False, "more so than most people")
    assert beside.share > 0.9
    as_all = beside_others(effects, people_who(space, head.mean, 0.5), space)[tempo]
    assert as_all.share == pytest.approx(0.5)
    assert as_all.words == ""
    adore = beside_others(effects, people_who(space, 4 * head.mean, 0.5), space)[tempo]
    assert adore.words == "less so than most people"
    for effect, each in zip(effects, beside_others(effects, unmoved, space), strict=True):
        assert "like" in effect.words or each.words == ""


def test_who_has_hardly_voted_is_told_that_most_people_speak(space, clips) -> None:
    population = people_who(space, listen(space, clips, {"tempo_bpm": -1}, 120).mean, 0.05)
    effects = explain(population.newcomer(), space)
    words = dict(zip([effect.style for effect in effects], beside_others(effects, population, space), strict=True))
    assert (words["tempo"].guessed, words["tempo"].words) == (True, GUESSED)
    others = replace(population, mean=-population.mean)
    contrary = dict(zip([effect.style for effect in effects], beside_others(effects, others, space), strict=True))
    assert contrary["tempo"].words == "more so than most people"


def test_habits_are_told_where_they_are_sure_and_matter(space) -> None:
    even = Head.of(space.prior_mean, space.prior_covariance, space.version)
    assert habits(even) == Habits(None, None)
    leaning = {"manner": (-0.9, -0.9, -1.5), "manner_variance": (0.01, 1, 1)}
    right = Head.of(space.prior_mean, space.prior_covariance, space.version, **leaning)
    assert habits(right).left == pytest.approx(1 / (1 + np.exp(0.9)))
    unsure = Head.of(space.prior_mean, space.prior_covariance, space.version, manner=leaning["manner"])
    assert habits(unsure).left is None
    assert habits(replace(even, lapses=20.0, attentive=80.0, votes_seen=80)).tossed == pytest.approx(0.2)
    assert habits(replace(even, lapses=2.0, attentive=8.0, votes_seen=10)).tossed is None
