"""The critic of an agent: it comes to know what gives the agent away, and says nothing of what could be real."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.experiments.run_log import rows
from models.music.folder import read_folder
from models.rating.agent.reward import REMEMBERED, Realness, described, real_statistics
from models.rating.agent.training import AgentTraining
from models.rating.evaluation.agent import plays
from models.style.evaluation.clips import real_excerpts, regular
from models.style.pieces.model import tiny_pieces
from models.style.pieces.sampling import Writer

from .test_training import LOW, lowness

PITCH = 1  # of the statistics, the mean pitch


@pytest.fixture(scope="module")
def real(dance_music):
    pieces = [replace(piece, domain="dance") for piece in read_folder(dance_music).pieces[:60]]
    return real_excerpts(regular(pieces), 8, 60, 0).pieces


def lower(pieces, semitones):
    return [replace(piece, notes=piece.notes - [0, 0, semitones, 0]) for piece in pieces]


def test_the_critic_knows_what_the_agent_played_and_leaves_alone_what_could_be_real(real):
    critic = Realness(real_statistics({"dance": real[:40]}), seed=0)
    assert critic("dance", described(real)).tolist() == [0.0] * len(real)
    critic.learn("dance", described(lower(real[:20], 9)))
    assert len(critic.remembered["dance"]) == 20
    low, own = critic("dance", described(lower(real[40:], 9))), critic("dance", described(real[40:]))
    assert low.max() < own.min() <= 0
    assert own.mean() > -0.2
    assert np.array_equal(low, critic("dance", described(lower(real[40:], 9))))


def test_a_silent_clip_is_no_number_and_only_the_last_clips_are_remembered(real):
    silent = replace(real[0], notes=real[0].notes[:0])
    assert np.isnan(described([silent, real[0]])[0]).all()
    critic = Realness(real_statistics({"dance": [*real[:10], silent]}), seed=0)
    assert len(critic.real["dance"]) == 10
    for _ in range(4):
        critic.learn("dance", described([silent, *real[:50]]))
    critic.learn("dance", described([silent]))
    assert len(critic.remembered["dance"]) == REMEMBERED
    assert np.isnan(critic("dance", described([silent]))).all()
    assert np.isfinite(critic("dance", described([silent, real[1]]))).tolist() == [False, True]


@pytest.fixture(scope="module")
def own():
    """What the writer plays by itself, which is real music here."""
    return real_statistics({"dance": plays(Writer(tiny_pieces(1)))("dance", 60, 77)})


def training_in(out, weight, own):
    out.mkdir(exist_ok=True)
    return AgentTraining(
        "tiny", replace(LOW, steps=4, realness=weight), Writer(tiny_pieces(1)), lowness, out, seed=0,
        domains=["dance"], critic=Realness(own, seed=0),
    )  # fmt: skip


@pytest.mark.slow
def test_what_could_be_real_gains_beside_what_the_critic_knows_and_no_more_than_the_weight_says(own, tmp_path):
    upwards = own["dance"][own["dance"][:, PITCH].argsort()]
    assert upwards[0, PITCH] < 70 < upwards[-1, PITCH] < 108
    found = {}
    for weight in (0.0, 5.0):
        training = training_in(tmp_path / str(weight), weight, {"dance": upwards[30:]})
        if training.critic:
            training.critic.remembered["dance"] = upwards[:30]
        found[weight] = training.group("dance")
    free, held = found[0.0], found[5.0]
    assert np.isnan(free.realness).all()
    assert held.realness.min() < held.realness.max() <= 0
    assert np.array_equal(free.reward, held.reward)
    gained = (held.advantage - free.advantage).numpy()
    assert np.corrcoef(gained, held.realness)[0, 1] > 0.5


@pytest.mark.slow
def test_a_run_with_a_critic_tells_of_it_and_goes_on_to_the_same_weights_after_it_was_killed(own, tmp_path):
    whole, killed = (training_in(tmp_path / name, 5.0, own) for name in ("whole", "killed"))
    whole.run()
    told = [row["values"] for row in rows(whole.out / "log.jsonl") if row["kind"] == "metrics"]
    assert told[0]["realness.dance"] == 0 > told[-1]["realness.dance"]
    for _ in range(2):
        killed.step()
    killed.save()
    again = training_in(tmp_path / "killed", 5.0, own)
    again.resume()
    again.run()
    both = zip(whole.adapter.parameters(), again.adapter.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in both)
