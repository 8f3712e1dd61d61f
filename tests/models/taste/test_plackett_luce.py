"""What a pick among four teaches, against sampling, choix and what pairs would have taught."""

import choix
import numpy as np
import pytest
from scipy.stats import qmc

from models.taste.head import PICKS, PLACES, SIDE_SHARES, Head, predict_four, update, update_four
from models.taste.likelihood import choice_probabilities

CLIPS = np.array([[1.0, 0.2], [-0.6, 0.9], [0.3, -1.2], [0.1, 0.4]])


def make_head(lapses: float = 1.0) -> Head:
    head = Head.of(np.array([0.4, -0.3]), np.array([[0.9, 0.3], [0.3, 0.7]]), "v1", lapses=lapses)
    return update(head, CLIPS[0], CLIPS[2], "left")  # weights and manner hang together


def sampled(head: Head, power: int = 17) -> np.ndarray:
    """Draws of weights and manner from the belief ``(2^power, F + 3)``, evenly spread."""
    normal = qmc.MultivariateNormalQMC(head.joint_mean, head.joint_covariance, rng=np.random.default_rng(0))
    return normal.random(2**power)


def likelihood(head: Head, draws: np.ndarray, pick: str) -> np.ndarray:
    weights, side, enough = draws[:, :-3], draws[:, -3], draws[:, -1]
    scores = weights @ CLIPS.T + side[:, None] * SIDE_SHARES - enough[:, None]
    tossed = head.lapse_rate / 4 if pick in PLACES else 0.0
    return (1 - head.lapse_rate) * choice_probabilities(scores)[:, PICKS.index(pick)] + tossed


@pytest.mark.parametrize("pick", PICKS[:5])
@pytest.mark.parametrize("lapses", [0.0, 5.0])
def test_a_pick_moves_the_whole_belief_as_sampling_says(pick: str, lapses: float) -> None:
    head = make_head(lapses)
    draws = sampled(head)
    weight = likelihood(head, draws, pick)
    mean = weight @ draws / weight.sum()
    covariance = np.cov(draws.T, aweights=weight)
    after = update_four(head, CLIPS, pick)
    assert after.joint_mean == pytest.approx(mean, abs=0.004)
    assert after.joint_covariance == pytest.approx(covariance, abs=0.008)
    assert after.votes_seen == head.votes_seen + 1
    tossed = head.lapse_rate / 4 if pick in PLACES else 0.0
    assert after.lapses - head.lapses == pytest.approx(tossed / weight.mean(), abs=0.002)


def test_predictions_are_the_shares_of_picks_that_sampling_gives() -> None:
    head = make_head()
    draws = sampled(head)
    scores = draws[:, :-3] @ CLIPS.T + draws[:, -3:-2] * SIDE_SHARES
    chance = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    expected = (1 - head.lapse_rate) * chance.mean(axis=0) + head.lapse_rate / 4
    assert predict_four(head, CLIPS) == pytest.approx(expected, abs=0.001)
    assert predict_four(head, CLIPS).sum() == pytest.approx(1)


@pytest.mark.slow
def test_many_picks_rank_clips_as_choix_does() -> None:
    generator = np.random.default_rng(1)
    truth = generator.normal(size=8)
    head = Head.of(np.zeros(8), 4 * np.eye(8), "v1", manner_variance=(1e-6, 1e-6, 1e-6), lapses=0.0)
    data = []
    for _ in range(400):
        four = generator.permutation(8)[:4]
        chance = np.exp(truth[four])
        place = int(generator.choice(4, p=chance / chance.sum()))
        data.append((int(four[place]), [int(clip) for clip in np.delete(four, place)]))
        head = update_four(head, np.eye(8)[four], PLACES[place])
    reference = choix.opt_top1(8, data, alpha=0.25)
    mine = head.mean - head.mean.mean()
    assert mine == pytest.approx(reference - reference.mean(), abs=0.25)
    assert np.corrcoef(mine, reference)[0, 1] > 0.99


def test_skipping_changes_nothing_and_what_is_malformed_is_refused() -> None:
    head = make_head()
    assert update_four(head, CLIPS, "skipped") is head
    with pytest.raises(ValueError, match="must be one of a, b, c, d, none, skipped"):
        update_four(head, CLIPS, "left")  # type: ignore[arg-type]
    for wrong in (CLIPS[:3], np.full((4, 2), np.nan)):
        with pytest.raises(ValueError, match=r"\(4, 2\) finite"):
            update_four(head, wrong, "a")


def test_who_always_picks_the_first_place_is_found_to_lean() -> None:
    generator = np.random.default_rng(2)
    head = Head.of(np.zeros(2), np.eye(2), "v1")
    for _ in range(30):
        head = update_four(head, generator.normal(size=(4, 2)), "a")
    assert head.side[0] > 1.0
    assert np.abs(head.mean).max() < 0.6
    same = np.zeros((4, 2))
    assert list(np.argsort(-predict_four(head, same))) == [0, 1, 2, 3]
