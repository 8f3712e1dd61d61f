from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.evaluate import for_me
from models.experiments.report import Report
from models.music.notes import Piece
from models.style.checkpoint import tiny_style
from models.style.compose import Composer
from models.style.drafts import Draft
from models.style.evaluation.clips import Excerpts
from models.taste.evaluation import gifts
from models.taste.evaluation.gifts import Clip, House, Met, Mind, Pool, Searched, everybody, opened
from models.taste.head import Head
from models.taste.simulated_people import KINDS, taste
from models.taste.space import TasteSpace, summary
from models.taste.space_fitting import NAMES, attribute_row

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_voter")]


def scale(tempo_bpm: float, lowest: int) -> Piece:
    """Eight bars of a rising scale."""
    notes = np.array([[t * 24, 24, lowest + t % 12, 60] for t in range(32)])
    return Piece(notes, np.array([[i * 96, 96, 4, 4] for i in range(8)]), np.full(8, tempo_bpm), domain="pop")


def test_people_share_as_much_of_their_taste_as_is_asked_for() -> None:
    for shared in (gifts.SHARED, 0.0):
        x = np.random.default_rng(0).normal(size=(400, len(NAMES)))
        common = taste("linear", x, np.random.default_rng(1))
        people = [
            Mind.draw("linear", common, x, np.random.default_rng([2, number]), shared).person(x).utility
            for number in range(60)
        ]
        assert np.corrcoef(people)[np.triu_indices(60, 1)].mean() == pytest.approx(shared, abs=0.12)


def test_what_they_love_wins_on_either_side_and_nothing_is_even() -> None:
    attributes = [attribute_row(scale(tempo, low)) for tempo in (60, 90, 120) for low in (40, 50, 60)]
    slow = taste("linear", attributes, np.random.default_rng(0))
    weights = np.zeros(len(NAMES))
    weights[NAMES.index("tempo_bpm")] = -1.0
    slow = replace(slow, weights=weights, centre=0.0, spread=1.0)
    sides = {"slow": [scale(60, 40), scale(60, 50)], "fast": [scale(120, 40)] * 3, "none": []}
    met = Met(Mind("left_handed", slow, slow), {n: [Clip(p, n) for p in each] for n, each in sides.items()}, 0.0)
    assert met.wins("slow", "fast") > 0.8
    assert met.wins("slow", "fast") + met.wins("fast", "slow") == pytest.approx(1)
    assert met.wins("slow", "slow") == pytest.approx(0.5)
    assert met.wins("slow", "none") == 0.5


def test_a_traits_listener_goes_by_the_notes_that_sound() -> None:
    sparse, dense = (gifts.heard_traits(scale(tempo, 50)) for tempo in (60, 120))
    assert dense[0] == pytest.approx(2 * sparse[0], rel=0.15)  # notes a second
    assert (sparse[3], dense[3]) == (6, 11)  # semitones from the lowest to the highest of seven notes, and of fourteen


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    """A house after a study, on a model that is not trained, with a bank of written scales."""
    composer = Composer(tiny_style())
    generator = np.random.default_rng(0)
    latents = composer.draw_each(["pop"] * 80, range(80))
    summaries = np.stack([summary(each) for each in latents])
    attributes = np.array([attribute_row(scale(*generator.uniform((60, 40), (160, 70)).astype(int))) for _ in latents])
    space = TasteSpace.fit(summaries, attributes + generator.normal(size=attributes.shape), NAMES, composer.version)

    def played(composer: Composer, domain: str, drafts: list, seed: int) -> list[Piece]:
        """Scales that no other latents have, instead of decoding, which an untrained model never ends."""
        return [scale(60 + abs(float(summary(each.latents)[0])) * 20, 50) for each in drafts]

    for name, value in (("SEARCHED", 12), ("VOTES_EACH", 6), ("AT", (2, 6)), ("compose", played)):
        monkeypatch.setattr(gifts, name, value)
    monkeypatch.setattr(for_me, "AT", (2, 6))
    monkeypatch.setattr(for_me, "WANTED", {("6", "average"): 0.66})
    pool = Pool("pop", space.features(summaries), attributes, "hash")
    found, _ = opened(composer, space, pool, listeners=6, seed=0)
    drafts = [Draft(each, scale(60 + number, 50)) for number, each in enumerate(latents)]
    found.bank = Searched.of(space, drafts)
    found.real = Searched.of(space, drafts[:40], [f"song {number}" for number in range(40)])
    return found


def test_every_way_is_reported_beside_chance_and_real_music(house) -> None:
    common = taste("linear", house.pool.attributes, np.random.default_rng(0))
    found = everybody(house, common, 1, 0)
    report = Report("evaluate.for_me", {}, {}, 0)
    for_me.wins(report, found)
    for_me.quality(report, found)
    real = Excerpts([scale(100 + number, 45) for number in range(36)], [f"real {number}" for number in range(36)], [])
    for_me.ways(report, found, Excerpts([], [], []), None)
    assert report.metrics["for_me.gift.two_sample"].value is None  # without real music
    for_me.ways(report, found, real, None, ["gift"])
    names = [f"for_me.{votes}_vs_{rival}" for votes in (2, 6) for rival in ("average", "best_draw", "prior")]
    names += [f"for_me.{kind}.6_vs_average" for kind in KINDS] + ["for_me.knowing_vs_average", "for_me.gift.wins"]
    for name in [*names, "for_me.2.mosaic.wins", "for_me.real_chosen.wins", "for_me.gift.two_sample"]:
        metric = report.metrics[name]
        assert metric.low <= metric.value <= metric.high
        assert metric.chance == 0.5
    assert report.metrics["for_me.6_vs_average"].reference == 0.66
    assert report.metrics["for_me.quality.in_key"].value == pytest.approx(1.0, abs=0.5)
    assert {"for_me.draw.two_sample_matched", "for_me.2.written.two_sample"} <= report.metrics.keys()


def test_what_one_has_been_given_nobody_else_is(house) -> None:
    common = taste("linear", house.pool.attributes, np.random.default_rng(0))
    mind = Mind.draw("linear", common, house.pool.attributes, np.random.default_rng(1))
    once, again = house.compose(mind, 1, ["gift"]), house.compose(mind, 1, ["gift"])
    mine, theirs = ({clip.source for side in ("2", "6") for clip in met.clips[side]} for met in (once, again))
    assert mine
    assert not mine & theirs


def test_a_mosaic_is_told_apart_from_what_was_written(house) -> None:
    head = Head.of(np.ones(house.space.size), 0.01 * np.eye(house.space.size), house.space.version)
    found = gifts.best_latents(head, house.space, house.bank.candidates, 6, refine=True)
    drafts = gifts._as_found(found, house.bank).drafts
    written = [each.latents is house.bank.drafts[one.origin].latents for each, one in zip(drafts, found, strict=True)]
    assert [draft.notes is not None for draft in drafts] == written
    assert not all(written)
