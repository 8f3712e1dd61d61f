import torch

from models.music.notes import DOMAINS
from models.music.tokens import POSITION
from models.rating.agent import policy as playing
from models.rating.agent.policy import Adapter, Likelihood, adapted, play
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
