"""Relations between styles where the answer is known."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from models.experiments.report import Report
from models.metrics.music_statistics import ATTRIBUTES
from models.style.evaluation import relations
from models.style.evaluation.relations import Measured, in_data, in_latents, percentiles, shuffled_within
from models.style.latents import GROUPS

pytestmark = pytest.mark.slow

CLIPS, BARS = 120, 4


@pytest.fixture(scope="module", autouse=True)
def few_draws() -> Iterator[None]:
    """Intervals are tested where they are made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(relations, "DRAWS", 8)
        patch.setattr(relations, "HALVES", 2)
        yield


@pytest.fixture(scope="module")
def planted() -> Measured:
    """Rhythm's attribute lies in rhythm's latents and leaks into content's; nothing else is anywhere."""
    rng = np.random.default_rng(0)
    attributes = {name: rng.normal(size=CLIPS) for name in ATTRIBUTES}
    attributes["leap"] = attributes["onsets_per_bar"] ** 3
    clip = np.repeat(np.arange(CLIPS), BARS)
    drawn = {group: rng.normal(size=(CLIPS * BARS, 3)) for group in GROUPS}
    for group in ("rhythm", "content"):
        drawn[group][:, 0] = attributes["onsets_per_bar"][clip] + 0.1 * drawn[group][:, 0]
    return Measured(
        songs=[str(place // 2) for place in range(CLIPS)],
        domains=np.where(np.arange(CLIPS) < 80, "pop", "chorale"),
        attributes=attributes,
        chroma=rng.dirichlet(np.ones(12), size=CLIPS),
        clip=clip,
        drawn=drawn,
        bits={group: np.full(CLIPS, 2.0) for group in GROUPS},
        open=dict.fromkeys(GROUPS, 1),
    )


@pytest.fixture(scope="module")
def found(planted) -> dict:
    report = Report("evaluate.relations", {}, {}, 0)
    in_data(report, planted, 0)
    in_latents(report, planted, 0)
    return report.metrics


def test_latents_in_which_one_attribute_lies_beat_shuffled_ones(found) -> None:
    for name in ("scc", "interpretability"):  # gaps are small: the attribute lies in two groups
        assert found[f"metrics.{name}"].value > found[f"metrics.{name}"].chance


def test_what_goes_together_in_the_data_is_found_and_nothing_else(found) -> None:
    assert found["data.onsets_per_bar.leap.spearman"].value == pytest.approx(1)
    assert found["data.onsets_per_bar.leap.bits"].value > 1 > found["data.onsets_per_bar.leap.bits"].chance + 0.8
    assert abs(found["data.mean_pitch.mode.spearman"].value) < 0.3
    assert found["data.mean_pitch.mode.bits"].value < 0.3


def test_a_leak_is_read_beside_its_own_group_chance_and_what_music_joins(found) -> None:
    own, leak, none = (found[f"read.onsets_per_bar.{group}"] for group in ("rhythm", "content", "texture"))
    assert own.value == own.reference > 0.95
    assert leak.value > 0.95
    assert leak.chance < 0.2
    assert leak.baseline > 0.5  # leap, which names content, tells of it in the music itself
    assert none.value < 0.1
    assert none.baseline < 0.1
    assert leak.low <= leak.value <= leak.high


def test_the_two_groups_that_share_something_correlate(found) -> None:
    assert found["canonical.content.rhythm"].value > 0.9
    assert abs(found["canonical.content.rhythm"].chance) < 0.3
    assert abs(found["canonical.harmony.texture"].value) < 0.2
    assert found["canonical.content.rhythm.bits"].value > 1
    assert found["canonical.harmony.texture.bits"].value < 0.3


def test_rates_are_bits_a_bar_beside_all_dimensions(found) -> None:
    assert found["rate.rhythm.bits_per_bar"].value == 2
    assert (found["rate.rhythm.open"].value, found["rate.rhythm.open"].reference) == (1, 3)


def test_shuffled_clips_stay_in_their_domain(planted) -> None:
    order = shuffled_within(planted.domains, 0)
    assert sorted(order) == list(range(CLIPS))
    assert (planted.domains[order] == planted.domains).all()
    assert (order != np.arange(CLIPS)).mean() > 0.9


def test_an_attribute_that_does_not_vary_in_a_domain_is_not_to_be_read_there(planted) -> None:
    values = np.where(planted.domains == "pop", planted.attributes["mode"] * 10, 64.0)
    music = replace(planted, attributes={**planted.attributes, "mean_velocity": values})
    target = music.target("mean_velocity")[:, 0]
    assert target[:80] == pytest.approx(values[:80])
    assert set(target[80:]) == {64.0}


def test_where_real_music_lies_is_told_of_domains_in_which_an_attribute_varies(planted) -> None:
    even = dict(planted.attributes) | {"onsets_per_bar": np.where(planted.domains == "pop", np.arange(CLIPS) % 80, 4.0)}
    found = percentiles(replace(planted, attributes=even), "onsets_per_bar")
    assert found == {"pop": pytest.approx([3.95, 19.75, 39.5, 59.25, 75.05])}
