from dataclasses import replace

import numpy as np
import torch

from models.music.notes import DOMAINS
from models.music.tokens import PITCH, POSITION
from models.rating.agent import policy as playing
from models.rating.agent.policy import Adapter, Likelihood, adapted, in_nucleus, play
from models.style.pieces import grammar
from models.style.pieces.conditions import TEMPERATURE
from models.style.pieces.model import tiny_pieces
from models.style.pieces.sampling import Writer


def test_a_clip_is_as_likely_heard_at_once_as_it_was_note_by_note(monkeypatch):
    chances = []

    class Drawn(playing._Noted):
        def _allowed(self, element, rows, logits):
            super()._allowed(element, rows, logits)
            chance = (torch.from_numpy(logits) / TEMPERATURE).log_softmax(-1)
            chances.append((len(self.tokens), element, torch.from_numpy(rows), chance))

    monkeypatch.setattr(playing, "_Noted", Drawn)
    writer = Writer(tiny_pieces(3))
    played = play(writer, writer.bundle.model, "dance", [(0, number) for number in range(3)])
    drawn = played.drawn
    expected = torch.zeros(drawn.shape[:2])
    for step, element, rows, chance in chances:
        chosen = drawn[rows, step, element]
        there = chosen >= 0
        expected[rows[there], step] += chance[there].gather(1, chosen[there, None])[:, 0]
    with torch.no_grad():
        found = Likelihood(writer.bundle.model)(played)
    assert (drawn[..., POSITION] >= 0).sum() > 30
    torch.testing.assert_close(found, expected, atol=2e-3, rtol=1e-3)


def test_what_is_in_a_nucleus_is_what_may_be_drawn_from_it():
    logits = np.random.default_rng(0).normal(0, 2, (5, 40)).astype(np.float32)
    logits[2, 7:] = -np.inf
    top_p, heat = np.array([0.5, 0.9, 0.98, 1.0, 0.2], dtype=np.float32), np.ones(5, dtype=np.float32)
    kept = in_nucleus(logits, top_p)
    drawn = np.zeros_like(kept)
    for uniform in np.linspace(0, 0.99999, 20_000, dtype=np.float32):
        drawn[np.arange(5), grammar.draw(logits, np.full(5, uniform), heat, top_p)] = True
    assert (drawn == kept)[[0, 1, 2, 4]].all()
    assert kept[3].all()


def test_pitches_are_played_from_the_writers_nucleus_and_compared_within_it():
    bundle = tiny_pieces(3)
    card = {**bundle.card, "sampling": {"dance": {"nucleus": {"pitch": 0.3, "position": 0.3}}}}
    wide, narrow = (
        play(Writer(each), each.model, "dance", [(0, 0), (0, 1)]) for each in (bundle, replace(bundle, card=card))
    )
    usual, few = (
        played.allowed[PITCH][played.drawn[..., PITCH] >= 0].sum(1).float().mean() for played in (wide, narrow)
    )
    assert few < 0.5 * usual
    with torch.no_grad():
        assert torch.isfinite(Likelihood(bundle.model)(narrow)).all()


def test_a_new_adapter_changes_nothing_and_a_moved_one_leaves_the_writer_as_it_was():
    model = tiny_pieces().model
    before = {name: value.clone() for name, value in model.state_dict().items()}
    adapter = Adapter(model, rank=2, seed=1)
    assert all(torch.equal(value, before[name]) for name, value in adapted(model, adapter).state_dict().items())
    torch.nn.init.ones_(adapter.up[0])
    moved = adapted(model, adapter).state_dict()
    assert not torch.equal(moved[adapter.names[0]], before[adapter.names[0]])
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_only_the_adapter_gets_a_gradient():
    writer = Writer(tiny_pieces())
    model = writer.bundle.model
    adapter = Adapter(model, rank=2, seed=0)
    played = play(writer, adapted(model, adapter), DOMAINS[1], [(0, 0)])
    likelihood = Likelihood(model).requires_grad_(False)
    swapped = {f"model.{name}": weight for name, weight in adapter.weights(model).items()}
    torch.func.functional_call(likelihood, swapped, (played,)).sum().backward()
    assert any(float(up.grad.abs().sum()) > 0 for up in adapter.up)
    assert all(weight.grad is None for weight in model.parameters())
