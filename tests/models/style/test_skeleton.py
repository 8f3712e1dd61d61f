"""The skeleton: when notes come, what comes after each, and that it is drawn as often as rhythm and texture say."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.music.tokens import BAR, POSITION, POSITION_CLASSES, POSITIONS, to_tokens
from models.style.lookahead import GAPS, ahead
from models.style.skeleton import draw, draw_onsets, events, within_bar
from models.style.windows import pad


def told_plainly(tokens) -> list[tuple[int, int, int]]:
    """What ``ahead`` says of the notes of one clip, note by note."""
    times, start, length = [], 0, 0
    for step in tokens.tolist():
        if step[POSITION] == BAR:
            start, length = start + length, step[-1]
        elif step[POSITION] < POSITIONS:
            times.append(start + step[POSITION])
    onsets = [*sorted(set(times)), start + length]
    out = []
    for index, time in enumerate(times):
        later = [t for t in onsets if t > time]
        following = later[0]
        second = later[1] if len(later) > 1 else following
        out.append((times[index + 1 :].count(time), min(following - time, GAPS - 1), min(second - time, GAPS - 1)))
    return out


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([(4, 4), (6, 8), (2, 4)]))
def test_what_is_ahead_is_what_one_reads_off(tune, seed, meter) -> None:
    clips = [to_tokens(tune(seed, meter=meter)), to_tokens(tune(seed + 1, domain="dance"))]
    tokens = pad(clips)
    for row in range(2):
        notes = tokens[row, :, POSITION] < POSITIONS
        assert [tuple(each) for each in ahead(tokens)[row][notes].tolist()] == told_plainly(tokens[row])


def test_events_of_a_skeleton_are_those_of_its_tokens() -> None:
    found = events([[(0, 2), (24, 1)], [], [(6, 1)]], 48)
    assert found == [[(0, 1, 24, GAPS - 1), (0, 0, 24, GAPS - 1), (24, 0, GAPS - 1, GAPS - 1)], [], [(6, 0, 42, 42)]]


@pytest.mark.slow
def test_onsets_and_notes_at_once_are_drawn_as_often_as_their_groups_say(composer) -> None:
    plan = composer.plan(domain="dance", content=None, styles={}, seed=0, temperature=1.0, top_p=1.0)
    model, bars = composer.model, range(plan.bars)
    generator = np.random.default_rng(0)
    drawn = [draw_onsets(model, plan, generator) for _ in range(1500)]
    with torch.no_grad():
        start = torch.full((plan.bars,), BAR)
        logits = model.onsets(plan.bar_plan.onsets[0], start, torch.full_like(start, plan.domain))
        chances = within_bar(logits, plan.length).exp().numpy()
    for bar in bars:
        firsts = [onsets[bar][0][0] if onsets[bar] else BAR for onsets in drawn]
        shares = np.bincount(firsts, minlength=chances.shape[1]) / len(drawn)
        assert np.abs(shares - chances[bar]).max() < 0.06
    lone = [count == 1 for onsets in drawn for at, count in onsets[0] if at == 0]
    thickness = plan.bar_plan.thickness[0, 0, :1]
    with torch.no_grad():
        again = model.texture(thickness, torch.tensor([0]), torch.tensor([1]), torch.tensor([plan.domain])).sigmoid()
    assert len(lone) > 10
    assert abs(np.mean(lone) - (1 - again.item())) < 3 / len(lone) ** 0.5


def test_positions_rise_within_a_bar_and_the_same_generator_draws_the_same(composer) -> None:
    plan = composer.plan(domain="pop", content=None, styles={}, seed=4)
    one, two = (draw_onsets(composer.model, plan, np.random.default_rng(7)) for _ in range(2))
    assert one == two
    for bar in one:
        assert all(a < b for (a, _), (b, _) in pairwise(bar))
        assert all(0 <= at < plan.length and count >= 1 for at, count in bar)


def test_sampling_follows_the_probabilities_within_the_nucleus() -> None:
    share = torch.tensor([0.1, 0.4, 0.2, 0.3])
    uniform = (torch.arange(1000) + 0.5) / 1000
    ones = torch.ones(1000)

    def shares(temperature: float, top_p: float) -> list[float]:
        drawn = draw(share.log().expand(1000, 4), uniform, ones * temperature, ones * top_p)
        return (torch.bincount(drawn, minlength=4) / 1000).tolist()

    assert shares(1.0, 1.0) == pytest.approx([0.1, 0.4, 0.2, 0.3], abs=2e-3)
    assert shares(1.0, 0.75) == pytest.approx([0, 4 / 9, 2 / 9, 3 / 9], abs=2e-3)
    assert shares(0.5, 1.0) == pytest.approx([1 / 30, 16 / 30, 4 / 30, 9 / 30], abs=2e-3)
    assert shares(0.0, 1.0) == [0, 1, 0, 0]
    assert shares(1.0, 0.0) == [0, 1, 0, 0]


@pytest.mark.parametrize("length", [36, 48, 96])
def test_onsets_after_the_end_of_a_bar_become_its_end(length) -> None:
    chances = torch.rand(3, POSITION_CLASSES).softmax(-1)
    found = within_bar(chances.log(), length).exp()
    assert torch.allclose(found.sum(-1), torch.ones(3), atol=1e-5)
    assert torch.allclose(found[:, :length], chances[:, :length])
    assert torch.allclose(found[:, BAR], 1 - chances[:, :length].sum(-1), atol=1e-5)
