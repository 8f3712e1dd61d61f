"""What is composed for a listener, judged by what they truly love, from the study to the last line."""

import numpy as np
import pytest

from models.evaluate import for_me
from models.evaluate.for_me import Composed, Mind, everybody, opened, quality, wins
from models.experiments.report import Report
from models.music.notes import Piece
from models.style.checkpoint import tiny_style
from models.style.compose import Composer
from models.taste.evaluation.pool import Pool
from models.taste.simulated_people import KINDS, taste
from models.taste.space import TasteSpace, summary
from models.taste.space_fitting import NAMES, attribute_row

pytestmark = pytest.mark.slow


def scale(tempo_bpm: float, lowest: int) -> Piece:
    """Eight bars of a rising scale."""
    notes = np.array([[t * 24, 24, lowest + t % 12, 60] for t in range(32)])
    return Piece(notes, np.array([[i * 96, 96, 4, 4] for i in range(8)]), np.full(8, tempo_bpm), domain="pop")


def test_people_share_as_much_of_their_taste_as_was_measured() -> None:
    x = np.random.default_rng(0).normal(size=(400, len(NAMES)))
    common = taste("linear", x, np.random.default_rng(1))
    people = [
        Mind.draw("linear", common, x, np.random.default_rng([2, number])).person(x).utility for number in range(60)
    ]
    alike = np.corrcoef(people)[np.triu_indices(60, 1)].mean()
    assert alike == pytest.approx(for_me.SHARED, abs=0.12)


def test_what_they_love_wins_on_either_side_and_nothing_is_even() -> None:
    attributes = [attribute_row(scale(tempo, low)) for tempo in (60, 90, 120) for low in (40, 50, 60)]
    slow = taste("linear", attributes, np.random.default_rng(0))
    weights = np.zeros(len(NAMES))
    weights[NAMES.index("tempo_bpm")] = -1.0
    slow = for_me.replace(slow, weights=weights, centre=0.0, spread=1.0)
    someone = Mind("left_handed", slow, slow)
    met = Composed(someone, {"slow": [scale(60, 40), scale(60, 50)], "fast": [scale(120, 40)] * 3, "none": []}, 0.0)
    assert met.wins("slow", "fast") > 0.8
    assert met.wins("slow", "fast") + met.wins("fast", "slow") == pytest.approx(1)
    assert met.wins("slow", "slow") == pytest.approx(0.5)
    assert met.wins("slow", "none") == 0.5


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Report:
    """The report of a study, its listeners and their clips on a model that is not trained."""
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
        monkeypatch.setattr(for_me, name, value)
    monkeypatch.setattr(for_me, "WANTED", {("6", "average"): 0.66})
    pool = Pool("pop", space.features(summaries), attributes, "hash")
    house, common = opened(composer, space, pool, listeners=6, seed=0)
    found = everybody(house, common, 1, 0)
    report = Report("evaluate.for_me", {}, {}, 0)
    wins(report, found)
    quality(report, found, [scale(100, 45)] * 12, [f"song {number}" for number in range(12)])
    return report


def test_every_side_is_reported_beside_chance_and_the_prior(told: Report) -> None:
    rivals = ("average", "best_draw", "prior")
    names = [f"for_me.{votes}_vs_{rival}" for votes in (2, 6) for rival in rivals]
    names += [f"for_me.{kind}.6_vs_average" for kind in KINDS] + [
        "for_me.knowing_vs_average",
        "for_me.average_vs_prior",
    ]
    for name in names:
        metric = told.metrics[name]
        assert metric.low <= metric.value <= metric.high
        assert metric.chance == 0.5
    assert told.metrics["for_me.6_vs_average"].reference == 0.66
    assert told.metrics["for_me.quality.in_key"].value == pytest.approx(1.0, abs=0.5)
    assert told.metrics["for_me.quality.in_key.gap"].value == pytest.approx(0.0)  # all of them are the same scales
    assert 0 <= told.metrics["for_me.quality.two_sample"].value <= 1
    assert told.metrics["for_me.quality.onset_distance"].value == 0
