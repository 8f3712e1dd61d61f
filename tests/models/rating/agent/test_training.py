import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from models.experiments.report import Report
from models.experiments.run_log import rows
from models.music.folder import read_folder
from models.music.notes import Piece
from models.rating.agent.policy import load_agent
from models.rating.agent.reward import WEIGHTS, Clip, NetworkReward, Offered, SumReward, heard_by_judge, reward_of
from models.rating.agent.training import PLAYED, PRESETS, AgentTraining
from models.rating.evaluation.agent import ALONE, BEST, Method, apart, best_of, compare, divergence, plays
from models.rating.rater import load_bundle
from models.style.checkpoint import style_argument
from models.style.compose import Composer
from models.style.evaluation.clips import real_excerpts, regular
from models.style.evaluation.pieces import Judges
from models.style.pieces.model import tiny_pieces
from models.style.pieces.sampling import Writer

pytestmark = pytest.mark.slow

LOW = replace(PRESETS["tiny"], steps=12, clips=12, learning_rate=1e-2, kl_weight=0.0)


def lowness(clips):
    return np.array([-clip.piece.notes[:, 2].mean() if len(clip.piece.notes) else np.nan for clip in clips])


def trained(out, preset=LOW, **more):
    out.mkdir(exist_ok=True)
    return AgentTraining("tiny", preset, Writer(tiny_pieces(1)), lowness, out, seed=0, domains=["dance"], **more)


@pytest.fixture(scope="module")
def low(tmp_path_factory):
    """A run whose agent was rewarded for low notes."""
    out = tmp_path_factory.mktemp("agent")
    trained(out).run()
    return out


def test_an_agent_that_is_rewarded_for_low_notes_plays_lower_and_the_writer_does_not(low):
    writer = Writer(tiny_pieces(1))
    before = torch.cat([value.flatten() for value in writer.bundle.model.state_dict().values()])
    agent = load_agent(low / "bundle", writer).writer(writer)
    ones, others = (plays(each)("dance", 16, 9) for each in (agent, writer))
    assert lowness([Clip(p) for p in ones]).mean() > lowness([Clip(p) for p in others]).mean() + 1
    assert torch.equal(before, torch.cat([value.flatten() for value in writer.bundle.model.state_dict().values()]))
    assert divergence(agent, writer, ["dance"], seed=3) > divergence(writer, writer, ["dance"], seed=3) == 0
    with pytest.raises(ValueError, match="train it again"):
        load_agent(low / "bundle", writer).writer(Writer(replace(tiny_pieces(1), card={"version": "another"})))


def test_a_run_that_was_killed_goes_on_to_the_same_weights(tmp_path):
    few = replace(LOW, steps=4, clips=4)
    whole = trained(tmp_path / "whole", few)
    whole.run()
    killed = trained(tmp_path / "killed", few)
    step = AgentTraining.step

    def third(self):
        if self.at == 2:
            raise KeyboardInterrupt
        return step(self)

    killed.step = third.__get__(killed)
    with pytest.raises(KeyboardInterrupt):
        killed.run()
    again = trained(tmp_path / "killed", few)
    again.resume()
    again.run()
    cards = [json.loads((tmp_path / name / "bundle" / "card.json").read_text()) for name in ("whole", "killed")]
    assert cards[0]["sha256"] == cards[1]["sha256"]
    kept = [(tmp_path / name / "bundle" / PLAYED).read_text() for name in ("whole", "killed")]
    assert kept[0] == kept[1]
    played = json.loads(kept[0])
    assert sorted({each["step"] for each in played}) == [0, 1, 2, 4]
    first, last = (Piece.from_json(played[row]["piece"]) for row in (0, -1))
    assert (first.domain, last.domain) == ("dance", "dance")
    assert not np.array_equal(first.notes, last.notes)
    log = rows(tmp_path / "killed" / "log.jsonl")
    assert [row["line"] for row in log] == list(range(6))


def test_rewards_leave_out_what_would_never_be_offered_and_a_sum_means_the_same_in_any_group(dance_music):
    pieces = [replace(piece, domain="dance") for piece in read_folder(dance_music).pieces[:4]]
    silent = replace(pieces[0], notes=pieces[0].notes[:0])
    clips = [Clip(piece) for piece in (*pieces, silent)]
    rating = load_bundle()
    found = Offered(NetworkReward(rating))(clips)
    assert np.isfinite(found).tolist() == [True] * 4 + [False]
    assert not np.allclose(found[:4], heard_by_judge(rating.judge, clips[:4]))
    both = SumReward(((1.0, lowness), (0.5, lambda several: 100 * lowness(several))))
    assert both(clips[:4]) == pytest.approx(51 * lowness(clips[:4]))
    assert both(clips[:2]) == pytest.approx(both(clips[:4])[:2])


def test_a_mixture_has_a_head_where_there_is_one_and_says_what_it_lacks(dance_music):
    clips = [Clip(replace(piece, domain="dance")) for piece in read_folder(dance_music).pieces[:3]]
    composer, rating = Composer(style_argument("default")), load_bundle()

    def tension(pieces):
        return np.arange(len(pieces), dtype=np.float64)

    found = reward_of("mixture", rating, None, composer, None, tension=tension)(clips)
    network, alone = (
        reward_of(name, rating, None, composer, None, tension=tension)(clips) for name in ("network", "tension")
    )
    assert alone.tolist() == [0, 1, 2]
    assert found == pytest.approx(network + WEIGHTS["tension"] * alone)
    with pytest.raises(ValueError, match=r"mixture needs a tension model"):
        reward_of("mixture", rating, None, composer, None)
    with pytest.raises(ValueError, match="sum needs a listener's head"):
        reward_of("sum", rating, None, composer, None, tension=tension)


def test_agents_and_rivals_are_compared_on_every_measure(low, dance_music):
    writer = Writer(tiny_pieces(1))
    agent = load_agent(low / "bundle", writer).writer(writer)
    real = [replace(piece, domain="dance") for piece in read_folder(dance_music).pieces]
    known = regular(real[:30])
    report = Report("evaluate.agent", {}, {}, 0)
    methods = {
        ALONE: Method(plays(writer)), BEST: Method(best_of(writer, lowness, 2)), "agent": Method(plays(agent), 7.0, 0.1)
    }  # fmt: skip
    compare(
        report, methods, {"dance": real_excerpts(regular(real[30:40]), 8, 4, 0)}, {"dance": Judges.fit("dance", known)},
        reward=lowness, rating=load_bundle(), count=3,
    )  # fmt: skip
    for name in methods:
        for measure in ("reward", "judge", "diversity", "structure", "copied", "kl", "seconds"):
            assert math.isfinite(report.metrics[f"agent.{name}.{measure}"].value), (name, measure)
    assert report.metrics["agent.agent.seconds"].value > 7


def test_the_best_of_two_begins_where_the_first_does_and_is_never_worse():
    writer = Writer(tiny_pieces(1))
    ones, others = best_of(writer, lowness, 2)("dance", 4, 0), plays(writer)("dance", 4, 0)
    gained = lowness([Clip(piece) for piece in ones]) - lowness([Clip(piece) for piece in others])
    assert gained.min() >= -1e-4
    assert gained.max() > 0


def test_real_clips_lie_one_apart_and_one_clip_again_and_again_nowhere(dance_music):
    pieces = regular(replace(piece, domain="dance") for piece in read_folder(dance_music).pieces[:40])
    assert apart(pieces, pieces).mean() == pytest.approx(1, abs=0.1)
    assert apart([pieces[0]] * 5, pieces) == pytest.approx(0, abs=1e-6)
