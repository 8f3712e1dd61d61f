from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from models.style.checkpoint import load_style
from models.title.melody_encoders import (
    INFORMATION,
    STYLE_KINDS,
    MelodyConfig,
    StyleEncoder,
    bars_of,
    padded,
    shares,
    values_of,
)
from models.title.title_encoders import TITLE_KINDS, TitleConfig, characters, hashed_grams
from models.title.tunes import FIELDS, LONGEST, Tune
from models.title.two_tower import (
    MELODY_KINDS,
    TowerConfig,
    TowerEnsemble,
    TowerOutput,
    TwoTower,
    load_towers,
    save_towers,
)

VARIANTS = [*((melody, "cnn") for melody in MELODY_KINDS[1:]), *(("cnn", title) for title in TITLE_KINDS[1:])]


def small(melody: str = "cnn", title: str = "cnn", without: tuple[str, ...] = ()) -> TwoTower:
    torch.manual_seed(0)
    config = TowerConfig(MelodyConfig(melody, 16, 8, 2, without=without), TitleConfig(title, 8, 8))
    towers = TwoTower(config).eval()
    if melody == "linear":
        torch.nn.init.normal_(towers.melody.whiten.weight)
    return towers


def pairs(tunes: list[Tune]) -> tuple[torch.Tensor, torch.Tensor]:
    return padded([tune.notes for tune in tunes]), characters([tune.titles[0] for tune in tunes])


@pytest.mark.slow
@pytest.mark.parametrize(("melody", "title"), VARIANTS)
def test_every_variant_gives_unit_vectors_and_every_weight_a_gradient(
    melody: str, title: str, made_tunes: list[Tune]
) -> None:
    towers = small(melody, title)
    output = towers(*pairs(made_tunes[:12]))
    assert output.melody.shape == output.title.shape == (12, 8)
    assert torch.allclose(output.melody.norm(dim=-1), torch.ones(12), atol=1e-5)
    torch.autograd.backward(output.loss())
    learning = {name: p.grad for name, p in towers.named_parameters() if p.requires_grad}
    silent = {name for name, grad in learning.items() if grad is None or not grad.abs().sum() > 0}
    assert silent == set()
    assert all("encoders" in name for name, p in towers.named_parameters() if not p.requires_grad)


def test_padding_and_neighbours_change_nothing(made_tunes: list[Tune]) -> None:
    for melody in MELODY_KINDS:
        towers = small(melody)
        alone = towers.melodies(made_tunes[:1])
        among = towers.melodies(sorted(made_tunes[:9], key=lambda tune: len(tune.notes)))
        row = sorted(range(9), key=lambda i: len(made_tunes[i].notes)).index(0)
        assert np.allclose(alone[0], among[row], atol=1e-5)


@pytest.mark.parametrize("melody", [kind for kind in MELODY_KINDS if kind not in STYLE_KINDS])
@pytest.mark.parametrize("name", INFORMATION)
def test_what_is_taken_away_is_not_heard(melody: str, name: str, made_tunes: list[Tune]) -> None:
    tune = made_tunes[0]
    other = tune.notes.copy()
    for field in INFORMATION[name]:
        other[1:, FIELDS.index(field)] = (other[1:, FIELDS.index(field)] + 1) % 7
    changed = Tune(tune.name, tune.source, tune.titles, tune.genre, tune.group, other)
    deaf, hearing = small(melody, without=(name,)), small(melody)
    assert np.array_equal(deaf.melodies([tune]), deaf.melodies([changed]))
    assert not np.allclose(hearing.melodies([tune]), hearing.melodies([changed]), atol=1e-6)


def test_only_bags_are_deaf_to_the_order_of_notes(made_tunes: list[Tune]) -> None:
    tune = made_tunes[0]
    turned = Tune(tune.name, tune.source, tune.titles, tune.genre, tune.group, tune.notes[::-1].copy())
    for kind in MELODY_KINDS:
        towers = small(kind)
        assert np.allclose(towers.melodies([tune]), towers.melodies([turned]), atol=1e-5) == (
            kind in {"linear", "bag"}
        ), kind


def test_the_loss_is_cross_entropy_in_both_directions() -> None:
    generator = torch.Generator().manual_seed(1)
    a, b = (functional.normalize(torch.randn(7, 5, generator=generator), dim=-1) for _ in range(2))
    logits = 3.0 * a @ b.T
    by_hand = -(logits.log_softmax(1).diagonal().mean() + logits.log_softmax(0).diagonal().mean()) / 2
    assert torch.allclose(TowerOutput(a, b, torch.tensor(3.0)).loss(), by_hand)
    assert TowerOutput(a, a, torch.tensor(50.0)).loss() < 0.01


def test_bags_hear_how_strains_end_where_they_may(made_tunes: list[Tune]) -> None:
    notes = made_tunes[0].notes.copy()
    bar, duration = FIELDS.index("bar"), FIELDS.index("duration")
    notes[:, bar] = np.arange(len(notes)) // 4
    changed = notes.copy()
    changed[-1, duration] = (notes[-1, duration] + 5) % 16
    table = padded([notes, changed])
    there = (table >= 0).any(-1)
    plain, told = (shares(table, there, cadences=each) for each in (False, True))
    values = values_of(MelodyConfig(cadences=True))
    assert (plain.shape[1], told.shape[1]) == (values_of(MelodyConfig()), values)
    assert torch.equal(told[:, : plain.shape[1]], plain)
    assert not torch.allclose(told[0, plain.shape[1] :], told[1, plain.shape[1] :])
    unknown = table.clone()
    unknown[..., bar] = -1
    assert shares(unknown, there, cadences=True)[:, plain.shape[1] :].sum() == 0


def test_equal_strings_share_their_grams_wherever_they_stand() -> None:
    rows = hashed_grams(characters(["the reel", "a reel of it"]))
    first, second, other = (set(row[row > 0].tolist()) for row in (*rows, hashed_grams(characters(["jig"]))[0]))
    assert len(first & second) >= 10  # those of " reel" alone
    assert len(first & other) <= 1
    assert (hashed_grams(torch.zeros(1, 48, dtype=torch.int64)) == 0).all()


def test_the_longest_tune_fits_every_encoder() -> None:
    notes = np.zeros((LONGEST, len(FIELDS)), np.int16)
    tune = Tune("long", "made", ("Long",), None, "long", notes)
    for kind in MELODY_KINDS:
        assert np.isfinite(small(kind).melodies([tune])).all()


def test_saved_towers_come_back_and_a_changed_file_is_noticed(tmp_path: Path, made_tunes: list[Tune]) -> None:
    towers = TowerEnsemble([small("attention", "bag", ("meter",)), small("linear", "linear")]).eval()
    save_towers(tmp_path, towers, {"version": "v"}, {"test": ["b", "a"]})
    found = load_towers(tmp_path)
    assert found.version == "v"
    assert found.held_out == {"test": ["a", "b"]}
    assert [member.config for member in found.towers.towers] == [member.config for member in towers.towers]
    assert np.allclose(found.towers.melodies(made_tunes), towers.melodies(made_tunes), atol=5e-3)
    card = (tmp_path / "card.json").read_text(encoding="utf-8")
    (tmp_path / "card.json").write_text(card.replace('"hidden": 16', '"hidden": 24'), encoding="utf-8")
    with pytest.raises(ValueError, match="not of this version"):
        load_towers(tmp_path)
    path = tmp_path / "towers.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(ValueError, match="fetch it again"):
        load_towers(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"models\.train\.titles"):
        load_towers(tmp_path / "nowhere")


def test_an_ensembles_cosine_is_the_mean_of_its_members(made_tunes: list[Tune]) -> None:
    members = [small("cnn"), small("bag", "rnn")]
    together, tunes = TowerEnsemble(members).eval(), made_tunes[:5]
    titles = [tune.titles[0] for tune in tunes]
    cosines = [towers.titles(titles) @ towers.melodies(tunes).T for towers in (*members, together)]
    assert np.allclose((cosines[0] + cosines[1]) / 2, cosines[2], atol=1e-6)
    assert np.allclose(np.linalg.norm(together.melodies(tunes), axis=1), 1, atol=1e-5)


def test_the_style_models_encoder_is_transferred_and_stays_as_it_is_where_frozen(made_tunes: list[Tune]) -> None:
    model = load_style().model
    for kind in STYLE_KINDS[:2]:
        towers = small(kind)
        assert isinstance(towers.melody, StyleEncoder)
        before = towers.melodies(made_tunes[:3])
        towers.melody.transfer(model)
        assert not np.allclose(before, towers.melodies(made_tunes[:3]), atol=1e-4)
        trained = {name for name, p in towers.melody.named_parameters() if p.requires_grad}
        assert any(name.startswith("encoders") for name in trained) == (kind == "style_tuned")


def test_bars_begin_where_positions_fall_back(made_tunes: list[Tune]) -> None:
    notes = padded([made_tunes[0].notes, made_tunes[1].notes[3:20]])
    bar, count = bars_of(notes, (notes >= 0).any(-1))
    assert bar[0, :17].tolist() == [0] * 8 + [1] * 8 + [2]
    assert bar[1, :6].tolist() == [0] * 5 + [1]
    assert count.tolist() == [(len(made_tunes[0].notes) + 7) // 8, 3]
