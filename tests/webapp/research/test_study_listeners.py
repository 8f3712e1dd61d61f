"""A study's tastes for researchers: what each figure counts, against known truth, and what it says while empty."""

from __future__ import annotations

import csv
import io
import math
import uuid

import numpy as np
import pandas as pd
import pytest

from db.queries import statistics
from db.queries.statistics import PredictedVote
from db.tables import StoredPopulation
from models.taste.hierarchy import PopulationPrior
from models.taste.space import TasteSpace
from webapp.context import PICTURE_MODEL
from webapp.learning import heads
from webapp.listeners import accounts
from webapp.research import study_listeners

SPACE = TasteSpace.load(PICTURE_MODEL / "taste")
WHO = [uuid.UUID(int=number) for number in range(30)]


def judged(who: int = 0, outcome: str = "left", p_left: float = 0.6, p_right: float = 0.3, **more) -> PredictedVote:
    given = {
        "votes_seen": 0,
        "policy": "control",
        "pair_probability": 0.1,
        "repeated": False,
        "suspicious": False,
        **more,
    }
    return PredictedVote(WHO[who], outcome, p_left, 1 - p_left - p_right, p_right, **given)


@pytest.fixture
def said(monkeypatch):
    """``said(pairs, repeats)``: what the study's listeners have told."""

    def tell(pairs, repeats=None):
        monkeypatch.setattr(study_listeners, "predicted_votes", lambda *_, **__: pairs)
        monkeypatch.setattr(statistics, "repeated_outcomes", lambda *_, **__: repeats or {})

    return tell


def figure(name: str):
    frame, draw, told = study_listeners.OF_VOTES[name](None, SPACE, "default")
    draw(frame, study_listeners.Source(("a study",)))
    return frame, told


def test_weighing_by_inverse_propensity_tells_what_uniform_pairs_would_have_shown(said):
    """Half of the pairs are uniform over ten, half always the first, which surprises most."""
    random = np.random.default_rng(0)
    pairs = []
    for number in range(3000):
        skewed = random.random() < 0.5
        pair = 0 if skewed else int(random.integers(10))
        p_left = 0.05 if pair == 0 else 0.8
        chance = 0.55 if pair == 0 else 0.05
        policy = "information" if skewed else "control"
        pairs.append(judged(number % 30, p_left=p_left, p_right=0.1, policy=policy, pair_probability=chance))
    said(pairs)
    frame, told = figure("policies")
    found = frame.set_index("policy")
    truth = -(math.log(0.05) + 9 * math.log(0.8)) / 10
    weighed, control = found.loc[study_listeners.UNIFORM], found.loc["control"]
    assert weighed["low"] < truth < weighed["high"]
    assert control["low"] < truth < control["high"]
    assert weighed["n"] == 3000 > weighed["effective_n"] > 500
    assert found.loc["information", "value"] == pytest.approx(-math.log(0.05))
    assert found.loc["control", "right_value"] == pytest.approx(0.9, abs=0.03)
    assert "weighed" in told


def test_pairs_that_no_mixture_drew_are_no_part_of_the_comparison(said):
    said([judged(policy=policy) for policy in (*study_listeners.NAMED, "control")])
    frame, _ = figure("policies")
    assert set(frame["policy"]) == {"control", study_listeners.UNIFORM}
    assert frame["n"].tolist() == [1, 1]


def test_a_listener_stands_beside_the_ceiling_that_their_repeats_allow(said):
    told_right, told_wrong = judged(0), judged(0, outcome="right")
    again = judged(0, repeated=True)
    said(
        [*[told_right] * 9, *[told_wrong] * 3, *[again] * 5, *[judged(1)] * 12, *[judged(2)] * 2],
        {WHO[0]: [("left", "right")] * 4 + [("left", "left")]},
    )
    frame, told = figure("ceilings")
    assert frame["n"].tolist() == [12, 12]  # the third has too few, and repeats don't count
    assert frame["value"].tolist() == [1.0, 0.75]
    assert frame["ceiling"].isna().tolist() == [True, False]
    assert frame["ceiling"].iloc[1] == pytest.approx((1 + math.sqrt(0.6)) / 2)
    assert str(WHO[0]) not in frame.to_csv()
    assert "1 of 2 listeners" in told


def test_calibrated_predictions_lie_on_the_line(said):
    random = np.random.default_rng(1)
    chances = random.uniform(0.05, 0.9, size=4000)
    votes = [judged(i % 30, "left" if random.random() < p else "right", p, 1 - p - 1e-6) for i, p in enumerate(chances)]
    said([*votes, judged(outcome="equal"), judged(outcome="skipped")])
    frame, told = figure("calibration")
    assert frame["n"].sum() == 4000
    assert (abs(frame["value"] - frame["predicted"]) < 0.06).all()
    assert "over 4000 decided votes" in told


@pytest.mark.slow
def test_a_study_over_http_with_everything_as_csv(client, context, live):
    for picks in (6, 7, 8):
        live(picks)
    accounts.create(context.database)  # a visitor who never votes is no listener of the study
    (study,) = client.get("/api/tastes").json()["studies"]
    assert (study["study_id"], study["listeners"], study["votes"]) == ("default", 3, 24)
    for name in (*study_listeners.OF_VOTES, *study_listeners.OF_HEADS):
        drawn = client.get(f"/api/tastes/{name}").json()
        assert drawn["details"]["told"]
        text = client.get(f"/api/tastes/{name}", params={"form": "csv"}).text
        assert text.startswith("# run study default, 3 listeners, 24 votes")
        lines = list(csv.DictReader(io.StringIO(text.split("\n", 1)[1])))
        assert len(lines) == drawn["rows"]
    played = client.get("/api/tastes/popularity").json()
    assert played["rows"] > 3
    assert "Rank correlation" in played["details"]["told"]
    assert client.get("/api/tastes/nothing").status_code == 404
    assert client.get("/api/tastes/kinds", params={"study": "nothing"}).status_code == 404


def test_the_curve_is_the_one_that_chose_the_population(client, context):
    fixed = PopulationPrior.fixed(heads.prior(context.space))
    curve = [
        {"directions": k, "gain": gain, "low": gain - 0.01, "high": gain + 0.01} for k, gain in enumerate((0, 0.03))
    ]
    common = {"common": 0.3, "common_low": 0.2, "common_high": 0.4}
    row = StoredPopulation(
        study_id="default",
        model_version=context.space.version,
        **{name: getattr(fixed, name).astype("<f8").tobytes() for name in ("mean", "factors", "diagonal")},
        listeners=9,
        votes=90,
        measured={"curve": curve, "chosen": 1, **common, "listeners": 9},
    )
    assert client.get("/api/tastes/kinds").json()["rows"] == 0
    context.database.transaction(lambda s: s.add(row))
    drawn = client.get("/api/tastes/kinds").json()
    assert drawn["rows"] == 2
    assert "30 % of what makes clips liked" in drawn["details"]["told"]
    assert "support 1 taste direction: they make votes likelier by" in drawn["details"]["told"]


def test_taste_directions_are_supported_only_where_their_interval_excludes_nothing() -> None:
    for chosen, lows, said in (
        (3, (0.01, 0.02, 0.02), "support 3 taste directions"),
        (3, (0.01, 0.02, -0.01), "support 2 taste directions"),
        (3, (-0.02, -0.01, -0.01), "don't show yet that tastes differ in kind: what 3 directions would gain"),
        (0, (0.01, 0.01, 0.01), "support no taste directions"),
    ):
        curve = [
            {"directions": k, "value": low + 0.02, "low": low, "high": low + 0.04} for k, low in enumerate((0, *lows))
        ]
        frame = pd.DataFrame([{**each, "chosen": each["directions"] == chosen} for each in curve])
        assert said in study_listeners._supported(frame, 24)
