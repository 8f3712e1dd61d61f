"""The model: what it may look at, where gradients go, and what each group says of a note."""

import pytest
import torch
from torch.nn import functional

from models.music.tokens import (
    BAR,
    END,
    LOWEST_PITCH,
    PITCH,
    PITCHES,
    POSITION,
    POSITION_CLASSES,
    VELOCITY,
    to_tokens,
)
from models.style.checkpoint import tiny_style
from models.style.elements import LevelBudget, notes_at_once, so_far
from models.style.features import bar_features, gather_notes
from models.style.latents import GROUPS
from models.style.layers import Posterior
from models.style.objective import losses
from models.style.windows import pad


class Spy:
    """Stands in for ``cross_entropy`` and keeps its logits and unreduced losses, in the order of the calls."""

    def __init__(self, monkeypatch) -> None:
        self.logits, self.losses, self.real = [], [], functional.cross_entropy
        monkeypatch.setattr(functional, "cross_entropy", self)

    def __call__(self, logits, target, reduction):
        self.logits.append(logits.detach())
        self.losses.append(self.real(logits, target, reduction="none").detach())
        return self.losses[-1].sum()


@pytest.fixture
def model():
    return tiny_style(1).model


def test_a_later_note_changes_no_earlier_loss(model, tune, monkeypatch) -> None:
    tokens = pad([to_tokens(tune(0))])
    z = torch.randn(1, 8, model.config.latent_dim, generator=torch.Generator().manual_seed(0))
    where = int(torch.nonzero(tokens[0, :, POSITION] < BAR)[12])
    other = tokens.clone()
    other[0, where, PITCH] += 1
    other[0, where, VELOCITY] = 3
    spy = Spy(monkeypatch)
    with torch.no_grad():
        losses(model, tokens, torch.tensor([0]), z)
        losses(model, other, torch.tensor([0]), z)
    one, two = spy.losses[:6], spy.losses[6:]
    assert torch.allclose(one[0], two[0], atol=1e-6)  # of positions, which no pitch or velocity decides
    for name in (1, 2, 3):  # pitch, duration, velocity
        assert torch.allclose(one[name][:12], two[name][:12], atol=1e-6)
        assert not torch.allclose(one[name][12:], two[name][12:], atol=1e-4)


def test_every_encoder_and_every_head_gets_a_gradient(model, tune) -> None:
    tokens = pad([to_tokens(tune(seed)) for seed in range(3)])
    features = bar_features(gather_notes(tokens, 8))
    z = model.encode(features).sample(torch.Generator().manual_seed(0)).view(3, 8, -1)
    doubt = torch.tensor([0.0, 0.5, 1.0])
    found = losses(model, tokens, torch.tensor([0, 1, 2]), z, doubt=doubt)
    (sum(found.values()) + model.open_codes(features, 8).sum()).backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert without == []


def test_padding_costs_nothing(model, tune) -> None:
    short, long = to_tokens(tune(0, bars=8, meter=(2, 4))), to_tokens(tune(1))
    z = torch.randn(2, 8, model.config.latent_dim, generator=torch.Generator().manual_seed(0))
    domain = torch.tensor([0, 1])
    together = losses(model, pad([short, long]), domain, z)
    alone = [losses(model, pad([clip]), domain[i : i + 1], z[i : i + 1]) for i, clip in enumerate((short, long))]
    for name, value in together.items():
        assert value.item() == pytest.approx(sum(part[name].item() for part in alone), rel=1e-4)


def test_latents_heard_with_noise_move_what_the_decoders_hear_and_when_to_strike(model) -> None:
    z = torch.randn(1, 8, model.config.latent_dim)
    sure, unsure = model.plan(z), model.plan(z, doubt=0.5, heard=z + torch.randn(z.shape))
    for name in ("onsets", "thickness", "tempo_logits"):
        assert torch.equal(getattr(sure, name), getattr(unsure, name)), name
    for name in ("memory", "chroma", "height", "loudness"):
        assert not torch.allclose(getattr(sure, name), getattr(unsure, name), atol=1e-3), name
    assert not torch.allclose(sure.memory, model.plan(z, doubt=0.5).memory, atol=1e-4)
    assert unsure.heard[0, 3, model.config.latent_dim] == 0.5


def test_the_more_latents_are_doubted_the_less_element_decoders_count(model) -> None:
    trust = model.plan(torch.randn(3, 8, model.config.latent_dim), doubt=torch.tensor([0.0, 0.5, 1.0])).trust
    assert trust[0].tolist() == [1, 1, 1]
    assert (trust[1] < trust[0]).all()
    assert (trust[2] < trust[1]).all()


@torch.no_grad()
def test_what_one_group_tells_is_learned_where_latents_are_not_doubted(model, tune) -> None:
    tokens, domain = pad([to_tokens(tune(seed)) for seed in range(2)]), torch.tensor([0, 1])
    z = torch.randn(2, 8, model.config.latent_dim)
    noisy = z + torch.tensor([0.0, 3.0])[:, None, None]
    doubt = torch.tensor([0.0, 1.0])
    quiet, loud = (losses(model, tokens, domain, z, doubt=doubt, heard=heard) for heard in (z, noisy))
    first = losses(model, tokens[:1, : int((tokens[0, :, 0] != END).sum()) + 1], domain[:1], z[:1])
    for name in ("chroma", "sounding", "height", "loudness"):
        assert quiet[name].item() == pytest.approx(loud[name].item(), rel=1e-5), name
        assert quiet[name].item() == pytest.approx(2 * first[name].item(), rel=1e-4), name
    assert loud["pitch"].item() != pytest.approx(quiet["pitch"].item(), rel=1e-5)


def test_codes_have_a_few_levels(model, tune) -> None:
    features = bar_features(gather_notes(pad([to_tokens(tune(seed)) for seed in range(12)]), 8))
    torch.nn.init.normal_(model.codes.out.weight, std=3.0)
    codes = model.encode_codes(features, 8)
    assert codes.shape == (12, model.config.codes)
    assert set(codes.flatten().tolist()) <= {-1, -0.5, 0, 0.5, 1}
    assert len(set(codes.flatten().tolist())) > 2
    assert torch.equal(codes, model.codes.quantise(model.open_codes(features, 8)))


def test_kl_is_that_of_two_normal_distributions_and_never_negative() -> None:
    generator = torch.Generator().manual_seed(0)
    mean, log_variance = torch.randn(2, 50, 7, generator=generator) * 2
    found = Posterior(mean, log_variance).kl()
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(normal(mean, (log_variance / 2).exp()), normal(0.0, 1.0))
    assert torch.allclose(found, expected, atol=1e-4)
    assert (found >= 0).all()
    assert Posterior(torch.zeros(1), torch.zeros(1)).kl().item() == 0


def test_a_draw_from_the_posterior_has_its_mean_and_variance() -> None:
    posterior = Posterior(torch.full((20_000, 1), 3.0), torch.full((20_000, 1), 2.0).log() * 2)
    drawn = posterior.sample(torch.Generator().manual_seed(0))
    assert drawn.mean().item() == pytest.approx(3.0, abs=0.1)
    assert drawn.std().item() == pytest.approx(2.0, abs=0.1)


def positions(model, z: torch.Tensor, last: list[int], count: list[int]) -> torch.Tensor:
    """Probabilities of the next position after each ``last`` in the first bar of ``z`` ``(1, bars, latent)``."""
    plan, rows = model.plan(z), len(last)
    onsets, thickness = plan.onsets[0, :1].expand(rows, -1), plan.thickness[0, 0, :1].expand(rows)
    given = torch.tensor(last), torch.tensor(count), torch.zeros(rows).long()
    return model.position_logits(onsets, thickness, *given).exp()


def test_positions_are_shares_and_never_go_back_within_a_bar(model) -> None:
    found = positions(model, torch.randn(1, 8, model.config.latent_dim), [30, BAR, 0], [2, 1, 1])
    assert torch.allclose(found.sum(1), torch.ones(3), atol=1e-5)
    assert found[0, :30].max() < 1e-6
    assert (found[0, 30:] > 0).all()
    assert (found[1] > 0).sum() == POSITION_CLASSES  # BAR itself: a bar may be empty


@pytest.mark.parametrize("group", GROUPS)
def test_only_rhythm_and_texture_say_when_notes_come(model, group) -> None:
    z = torch.randn(1, 8, model.config.latent_dim)
    other = z.clone()
    model.config.split(other)[group].add_(1)
    one, two = (positions(model, each, [30, BAR], [1, 1]) for each in (z, other))
    again = 30
    assert torch.allclose(one[0, again], two[0, again]) == (group != "texture")
    later = [row[0, again + 1 :] / row[0, again + 1 :].sum() for row in (one, two)]
    assert torch.allclose(*later, atol=1e-6) == (group != "rhythm")


def test_pitches_rise_within_an_onset_and_harmony_weighs_on_them(model) -> None:
    full, chroma = torch.randn(2, model.config.dim + model.config.memory), torch.zeros(2, 12)
    places = torch.tensor([30, 31]), torch.tensor([3, 5])
    within = {"floor": torch.tensor([40, -1]), "left": torch.tensor([2, 0])}
    height = torch.zeros(2, PITCHES)
    pitch = model.pitch_logits(full, model.experts(chroma, height), *places, **within)
    assert (pitch[0, :41] <= -1e4).all()
    assert (pitch[0, 41:-2] > -1e3).all()
    assert (pitch[0, -2:] <= -1e4).all()  # where two more notes are to come, they need room
    assert (pitch[1] > -1e3).all()
    chroma[:, 7] = 5.0
    moved = model.pitch_logits(full, model.experts(chroma, height), *places, **within)[1] - pitch[1]
    assert [int(p) % 12 for p in (moved > 1).nonzero() + LOWEST_PITCH] == [7] * 7


def test_the_values_of_a_bar_so_far_are_summed() -> None:
    steps = torch.full((1, 7, 7), -1)
    steps[0, :, 0] = torch.tensor([BAR, 0, 0, 5, BAR, 3, END])
    steps[0, :, PITCH] = torch.tensor([-1, 33, 45, 45, -1, 57, -1])
    total, count = so_far(steps, (steps[..., PITCH] - 21) / 12)
    assert total.tolist() == [[0, 1, 3, 5, 0, 3, 3]]
    assert count.tolist() == [[0, 1, 2, 3, 0, 1, 1]]


@pytest.mark.slow
def test_register_pulls_towards_what_the_bar_is_short_of_and_all_the_more_the_fewer_notes_are_left() -> None:
    torch.manual_seed(0)
    height = LevelBudget(2, 8, 2, PITCHES, 12)
    levels, place = torch.tensor([[3.0, 2.0, 2.0, 3.0]]).repeat(3000, 1), torch.rand(3000)
    count, left = torch.randint(1, 9, (3000,)), torch.randint(1, 5, (3000,))
    total = 3.0 * count + torch.randn(3000)
    target = ((3 + (3.0 * count - total) / left) * 12).round().clamp(0, PITCHES - 1).long()  # all comes right again
    optimiser = torch.optim.Adam(height.parameters(), 0.05)
    for _ in range(120):
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(height(levels, total, count, left, place), target)
        torch.autograd.backward(loss)
        optimiser.step()
    totals = torch.tensor([10.5, 13.5, 10.5, 13.5])
    found = height(levels[:4], totals, torch.full((4,), 4), torch.tensor([1, 1, 4, 4]), torch.full((4,), 0.5)).argmax(1)
    assert [abs(int(pitch) - wanted) <= 5 for pitch, wanted in zip(found, (54, 18, 40, 32), strict=True)] == [True] * 4


def test_levels_of_another_move_together_until_the_clip_has_the_mean_asked_for() -> None:
    levels = torch.tensor([[[3.0, 1.0, 1.0, 4.0], [5.0, 0.5, 0.5, 4.0]]])
    counts = torch.tensor([[6, 2]])
    moved = LevelBudget.moved(levels, counts)
    assert torch.allclose((moved[..., 0] * counts).sum() / 8, torch.tensor(4.0))
    assert torch.allclose(moved[0, 1, 0] - moved[0, 0, 0], torch.tensor(2.0))
    assert torch.equal(moved[..., 1:], levels[..., 1:])


def test_notes_of_an_onset_are_counted() -> None:
    steps = torch.tensor([[BAR, 0, 0, 0, 5, BAR, 5, END, END]])[..., None]
    assert notes_at_once(steps).tolist() == [[1, 1, 2, 3, 1, 1, 1, 1, 1]]


def test_a_bar_plan_has_a_memory_a_slot_and_chroma_a_half(model) -> None:
    plan = model.plan(torch.randn(2, 8, model.config.latent_dim))
    assert plan.memory.shape == (2, 8, 24, model.config.memory)
    assert plan.chroma.shape == (2, 8, 2, 12)
    assert END == POSITION_CLASSES - 1


def test_the_bar_plan_of_a_bar_is_its_own(model) -> None:
    z = torch.randn(1, 8, model.config.latent_dim)
    other = z.clone()
    other[0, 5] += 1
    one, two = model.plan(z), model.plan(other)
    same = torch.arange(8) != 5
    for name in ("memory", "onsets", "thickness", "chroma", "tempo_logits"):
        before, after = getattr(one, name)[0], getattr(two, name)[0]
        assert torch.allclose(before[same], after[same]), name
        assert not torch.allclose(before[5], after[5]), name


def test_latents_are_split_into_their_groups(model) -> None:
    parts = model.config.split(torch.arange(float(model.config.latent_dim)))
    assert list(parts) == list(GROUPS)
    assert {name: len(part) for name, part in parts.items()} == dict(model.config.latent)
