import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from models.metrics.music_statistics import ATTRIBUTES
from models.style.latents import GROUPS
from models.taste.head import davidson
from models.taste.readouts import Readouts
from models.taste.space import UTILITY_DIFFERENCE_SD, TasteSpace, distances

NAMES = tuple(ATTRIBUTES)


@pytest.fixture(scope="module")
def read_clips(clips) -> tuple[np.ndarray, np.ndarray, Readouts]:
    """Clips whose mode and tempo are functions of their latents that are far from linear."""
    sizes = {name: value.shape[1] for name, value in clips.latents[0].groups.items()}
    generator = np.random.default_rng(2)
    blank = Readouts(
        tuple(sizes[name] for name in GROUPS),
        generator.normal(size=(sizes["harmony"] + 1, 12)),
        np.array([[-9.0, 0.0, 9.0], [0.0, 3.0, 0.0]]),  # the middle tempo is the fastest
        np.array([60.0, 180.0, 90.0]),
    )
    attributes = clips.attributes.copy()
    rows = clips.summaries.astype(np.float64)
    attributes[:, [NAMES.index("mode"), NAMES.index("tempo_bpm")]] = blank.of(rows)
    return clips.summaries, attributes, blank


def test_each_named_feature_follows_its_attribute_on_unseen_clips(space, clips_of) -> None:
    unseen = clips_of(200, 1)
    features = space.features(unseen.summaries)
    for column in range(len(NAMES)):
        assert np.corrcoef(features[:, column], unseen.attributes[:, column])[0, 1] > 0.95
    assert (space.explained > 0.95).all()


def test_features_are_standardised_and_the_unnamed_ones_add_something_new(space, clips) -> None:
    lines, named = space.lines(clips.summaries), len(NAMES)
    assert np.allclose(lines.mean(axis=0), 0, atol=1e-6)
    assert np.allclose(lines.std(axis=0), 1, atol=1e-6)
    covariance = lines.T @ lines / len(lines)
    assert space.size == lines.shape[1] + named
    assert lines.shape[1] > named
    assert np.allclose(covariance[:named, named:], 0, atol=1e-6)
    assert np.allclose(covariance[named:, named:], np.eye(lines.shape[1] - named), atol=1e-6)


def test_distances_from_the_middle_follow_the_lines(space, clips) -> None:
    lines, features = space.lines(clips.summaries), space.features(clips.summaries)
    assert np.array_equal(features[:, : lines.shape[1]], lines)
    assert np.array_equal(features, space.with_distances(lines))
    for column in range(len(NAMES)):
        distance = features[:, lines.shape[1] + column]
        assert np.array_equal(np.argsort(distance), np.argsort(np.abs(lines[:, column])))
    normal = distances(np.random.default_rng(0).normal(size=200_000))
    assert normal.mean() == pytest.approx(0, abs=0.01)
    assert normal.std() == pytest.approx(1, abs=0.01)
    assert distances(1e3) - distances(999.0) == pytest.approx(distances(101.0) - distances(100.0), rel=1e-3)


def test_the_prior_expects_the_stated_spread_between_two_random_clips(space, clips) -> None:
    generator = np.random.default_rng(0)
    features = space.features(clips.summaries)
    weights = generator.normal(size=(2000, space.size)) * np.sqrt(space.prior_variance)
    left, right = generator.integers(len(features), size=(2, 2000))
    difference = np.einsum("pf,pf->p", features[left] - features[right], weights)
    assert difference.std() == pytest.approx(UTILITY_DIFFERENCE_SD, rel=0.1)
    chance = davidson(difference, np.log(0.4))
    assert 0.6 < np.maximum(chance.left, chance.right).mean() < 0.8
    named = len(NAMES)
    assert space.prior_variance[:named].sum() == pytest.approx(3 * space.prior_variance[named:].sum())


def test_together_moves_what_goes_along_and_alone_does_not(space) -> None:
    tempo, rhythm = NAMES.index("tempo_bpm"), NAMES.index("onsets_per_bar")
    assert space.together[tempo, tempo] == pytest.approx(1, abs=0.05)
    assert space.together[tempo, rhythm] == pytest.approx(0.6, abs=0.12)
    assert space.alone[tempo, tempo] == pytest.approx(1, abs=0.05)
    assert abs(space.alone[tempo, rhythm]) < 0.05


def test_domains_are_measured_from_within(clips) -> None:
    shifted, attributes = clips.summaries.copy(), clips.attributes.copy()
    domains = ["dance" if index % 2 else "pop" for index in range(len(shifted))]
    dance = np.array([domain == "dance" for domain in domains])
    shifted[dance] += 5
    attributes[dance] += 50
    plain = TasteSpace.fit(clips.summaries, clips.attributes, NAMES, "v1", domains=domains)
    moved = TasteSpace.fit(shifted, attributes, NAMES, "v1", domains=domains)
    assert np.allclose(plain.readout, moved.readout, atol=1e-4)
    assert np.allclose(plain.attribute_sd, moved.attribute_sd)


def test_a_domain_with_many_clips_does_not_outvote_one_with_few(clips) -> None:
    few, many = slice(0, 100), slice(100, 400)
    domains = ["chorale"] * 100 + ["pop"] * 300
    once = TasteSpace.fit(clips.summaries, clips.attributes, NAMES, "v1", domains=domains)
    again = TasteSpace.fit(
        np.concatenate([clips.summaries[few], clips.summaries[many], clips.summaries[many]]),
        np.concatenate([clips.attributes[few], clips.attributes[many], clips.attributes[many]]),
        NAMES,
        "v1",
        domains=[*domains, *["pop"] * 300],
    )
    assert np.allclose(once.readout[:, : len(NAMES)], again.readout[:, : len(NAMES)], atol=1e-6)


def test_constant_dimensions_and_constant_attributes_do_no_harm(clips) -> None:
    summaries, attributes = clips.summaries.copy(), clips.attributes.copy()
    summaries[:, 3] = 1.0
    attributes[:, 2] = 7.0
    space = TasteSpace.fit(summaries, attributes, NAMES, "v1")
    assert np.isfinite(space.features(summaries)).all()
    assert np.abs(space.features(summaries)[:, 2]).max() < 1e3


def test_a_saved_space_comes_back_the_same(space, clips, tmp_path) -> None:
    space.save(tmp_path / "taste")
    for path in (tmp_path / "taste", tmp_path / "taste.safetensors"):
        back = TasteSpace.load(path, "v1")
        assert back.names == space.names
        assert np.array_equal(back.features(clips.summaries), space.features(clips.summaries))
        assert np.array_equal(back.prior_covariance, space.prior_covariance)


def test_a_mode_that_only_its_key_tells_and_a_tempo_without_a_scale_are_found(read_clips, tmp_path) -> None:
    summaries, attributes, readings = read_clips
    linear = TasteSpace.fit(summaries, attributes, NAMES, "v1")
    space = TasteSpace.fit(summaries, attributes, NAMES, "v1", readings=readings)
    for name in ("mode", "tempo_bpm"):
        column = NAMES.index(name)
        assert linear.explained[column] < 0.5
        assert space.explained[column] > 0.9
    assert space.dims == summaries.shape[1]
    space.save(tmp_path / "taste")
    back = TasteSpace.load(tmp_path / "taste", "v1")
    assert np.array_equal(back.features(summaries), space.features(summaries))
    with pytest.raises(ValueError, match="readings"):
        TasteSpace.fit(summaries[:, 1:], attributes, NAMES, "v1", readings=readings)


def test_loading_is_strict(space, tmp_path) -> None:
    path = tmp_path / "taste-1.2"
    space.save(path)
    with pytest.raises(ValueError, match="style model"):
        TasteSpace.load(path, "v2")
    numbers = load_file(tmp_path / "taste-1.2.safetensors")
    save_file({name: value for name, value in numbers.items() if name != "alone"}, tmp_path / "taste-1.2.safetensors")
    with pytest.raises(ValueError, match="must hold"):
        TasteSpace.load(path)
    save_file({**numbers, "alone": np.zeros((2, 2))}, tmp_path / "taste-1.2.safetensors")
    with pytest.raises(ValueError, match="alone"):
        TasteSpace.load(path)
    words = tmp_path / "taste-1.2.json"
    words.write_text(json.dumps({**json.loads(words.read_text()), "format": 99}))
    with pytest.raises(ValueError, match="format"):
        TasteSpace.load(path)
