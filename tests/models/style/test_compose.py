"""Composing side by side: repeatable, independent of its neighbours, and clear about what it can't do."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from models.music.notes import MusicError, Piece
from models.music.tokens import METERS, bar_ticks
from models.style.checkpoint import tiny_style
from models.style.compose import Composer, whole_bars
from models.style.latents import GROUPS, STYLE_GROUPS, Latents


def planned(composer: Composer, seed: int, **more):
    return composer.plan(**{"domain": "dance", "content": None, "styles": {}, "seed": seed, **more})


def written(composer: Composer, *plans) -> list[list[list[int]]]:
    return [piece.notes.tolist() for piece in composer.compose(list(plans))]


def test_the_same_seed_gives_the_same_notes_and_another_seed_others(composer) -> None:
    first, again, other = (written(composer, planned(composer, seed))[0] for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_draws_near_a_piece_are_the_nearer_the_more_is_kept(composer) -> None:
    piece = composer.draw_each(["dance"], [4])[0]
    around = {keep: composer.sample_near(piece, keep, "dance", 6, seed=1) for keep in (0.0, 0.3, 0.6, 0.9, 1.0)}

    def off(drawn: Latents) -> float:
        return float(sum(np.square(drawn.groups[name] - piece.groups[name]).sum() for name in GROUPS))

    away = [np.mean([off(each) for each in draws]) for draws in around.values()]
    assert away == sorted(away, reverse=True)
    assert away[-1] == pytest.approx(0, abs=1e-4)
    first, again, other = (composer.sample_near(piece, 0.6, "dance", 1, seed=seed)[0] for seed in (1, 1, 2))
    assert off(first) == off(again) != off(other)
    assert {each.piece["meter"] for each in around[0.0]} == {piece.piece["meter"]}


@pytest.mark.slow
def test_a_clip_in_a_batch_is_the_clip_alone(composer) -> None:
    plans = [planned(composer, seed) for seed in range(4)]
    assert written(composer, *plans) == [written(composer, plan)[0] for plan in plans]


@pytest.mark.parametrize("meter", [(3, 4), (6, 8), (4, 4), (9, 8)])
def test_the_meter_and_the_bars_of_the_content_are_kept(composer, tune, meter) -> None:
    piece = composer.compose([planned(composer, 0, content=tune(1, meter=meter), bars=5)])[0]
    length = bar_ticks(*meter)
    assert piece.bars.tolist() == [[bar * length, length, *meter] for bar in range(5)]
    assert piece.domain == "dance"


def test_styles_replace_their_groups_bar_by_bar_and_nothing_else(composer, tune) -> None:
    content, donor = tune(1), tune(2, bars=3)
    plan = planned(composer, 0, content=content, styles={"rhythm": donor, "tempo": composer.encode(tune(3))})
    own, given, tempo = composer.encode(content), composer.encode(donor), composer.encode(tune(3))
    for name in set(GROUPS) - {"rhythm", "tempo"}:
        assert np.array_equal(plan.latents.groups[name], own.groups[name])
    assert np.array_equal(plan.latents.groups["rhythm"], given.groups["rhythm"][[0, 1, 2, 0, 1, 2, 0, 1]])
    assert np.array_equal(plan.latents.groups["tempo"], tempo.groups["tempo"])
    assert plan.recipe["content"] == "notes"
    assert plan.recipe["styles"] == {"rhythm": "notes", "tempo": "latents"}


def test_style_codes_from_elsewhere_say_what_is_drawn(composer, tune) -> None:
    prior = copy.deepcopy(composer.prior)
    for parameter in prior.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    composer = Composer(replace(composer.bundle, prior=prior))
    content, donor = composer.encode(tune(1)), replace(composer.encode(tune(2)), piece={"codes": [1, 0, -1, 0.5]})
    own, other = (planned(composer, 3, content=None, styles=styles).latents for styles in ({}, {"codes": donor}))
    assert other.piece == {**own.piece, "codes": [1, 0, -1, 0.5]}
    assert not np.allclose(own.groups["harmony"], other.groups["harmony"], atol=1e-3)
    again = composer.draw_each(["dance"], [3], torch.tensor([[1, 0, -1, 0.5]]))[0]
    assert all(np.allclose(other.groups[name], again.groups[name], atol=1e-5) for name in GROUPS)
    kept, plain = (planned(composer, 0, content=content, styles=s, keep=0.5).latents for s in ({"codes": donor}, {}))
    assert kept.piece["codes"] == [1, 0, -1, 0.5]
    assert not np.allclose(kept.groups["harmony"], plain.groups["harmony"], atol=1e-4)
    strict = planned(composer, 3, content=None, styles={"codes": donor}, guidance=2.0)
    assert not np.allclose(strict.latents.groups["harmony"], other.groups["harmony"], atol=1e-3)
    assert strict.recipe["guidance"] == 2.0
    stricter = planned(composer, 0, content=content, styles={"codes": donor}, keep=0.5, guidance=2.0).latents
    assert not np.allclose(kept.groups["harmony"], stricter.groups["harmony"], atol=1e-4)
    with pytest.raises(ValueError, match="guidance says how to draw, and all of the content is kept"):
        planned(composer, 0, content=content, styles={}, guidance=2.0)
    with pytest.raises(ValueError, match="all of the content is kept"):
        planned(composer, 0, content=content, styles={"codes": donor})
    with pytest.raises(ValueError, match="4 numbers from -1 to 1 are expected"):
        planned(composer, 0, content=None, styles={"codes": replace(content, piece={"codes": [1.0]})})


@pytest.mark.slow
def test_a_style_from_elsewhere_changes_the_music(composer, tune) -> None:
    plain = written(composer, planned(composer, 0, content=tune(1)))[0]
    for group in STYLE_GROUPS:
        assert written(composer, planned(composer, 0, content=tune(1), styles={group: tune(2)}))[0] != plain, group


def test_latents_of_a_piece_with_its_notes_compose_as_the_piece_does(composer, tune) -> None:
    one = planned(composer, 1, content=tune(1))
    other = planned(composer, 1, content=composer.encode(tune(1)), notes=tune(1))
    assert written(composer, one) == written(composer, other)


def broken(latents: Latents, name: str, value) -> Latents:
    groups = dict(latents.groups)
    object.__setattr__(latents, "groups", {**groups, name: np.array(value, dtype=np.float32)})
    return latents


def test_what_does_not_fit_is_refused_in_words(composer, tune) -> None:
    with pytest.raises(ValueError, match=r"styles \['melody'\]"):
        planned(composer, 0, styles={"melody": tune(0)})
    with pytest.raises(ValueError, match="domain 'jazz'"):
        planned(composer, 0, domain="jazz")
    for bars in (0, 9):
        with pytest.raises(ValueError, match=f"{bars} bars"):
            planned(composer, 0, bars=bars)
    with pytest.raises(ValueError, match="latents of model 'tiny-1'"):
        planned(composer, 0, content=Composer(tiny_style(1)).encode(tune(0)))
    with pytest.raises(ValueError, match="tempo has the shape"):
        planned(composer, 0, content=broken(composer.encode(tune(0)), "tempo", np.zeros((8, 3))))
    with pytest.raises(ValueError, match="tempo has the shape"):
        planned(composer, 0, styles={"tempo": broken(composer.encode(tune(0)), "tempo", np.zeros((0, 1)))})
    with pytest.raises(ValueError, match="not finite"):
        planned(composer, 0, content=broken(composer.encode(tune(0)), "tempo", np.full((8, 1), np.nan)))
    latents = composer.encode(tune(0))
    with pytest.raises(ValueError, match="meter '7/8'"):
        planned(composer, 0, content=replace(latents, piece={"meter": "7/8"}))


def test_music_without_a_whole_bar_of_notes_is_refused(composer) -> None:
    bars = np.array([[0, 84, 7, 8], [84, 84, 7, 8]])
    for piece in (
        Piece(np.array([[0, 12, 60, 80]]), bars, np.array([100.0, 100.0])),
        Piece(np.zeros((0, 4)), np.array([[0, 96, 4, 4]]), np.array([100.0])),
    ):
        with pytest.raises(MusicError, match="no whole bar with notes"):
            composer.encode(piece)


def test_encoding_begins_at_the_first_whole_bar_with_notes_and_ends_where_the_meter_changes() -> None:
    bars = [[0, 24, 4, 4], [24, 96, 4, 4], [120, 96, 4, 4], [216, 96, 4, 4], [312, 72, 3, 4]]
    notes = [[0, 12, 60, 80], [120, 12, 62, 80], [220, 12, 64, 80], [312, 12, 65, 80]]
    found = whole_bars(Piece(np.array(notes), np.array(bars), np.full(5, 100.0)))
    assert found.bars.tolist() == [[0, 96, 4, 4], [96, 96, 4, 4]]
    assert found.notes[:, 2].tolist() == [62, 64]


def test_eight_draws_from_the_prior_are_the_draws_of_each_alone(composer) -> None:
    domains, seeds = ["pop", "dance", "chorale"], [5, 6, 7]
    together = composer.draw_each(domains, seeds)
    for domain, seed, drawn in zip(domains, seeds, together, strict=True):
        alone = composer.draw_each([domain], [seed])[0]
        assert alone.piece == drawn.piece
        assert alone.piece["meter"] in {f"{n}/{d}" for n, d in METERS}
        for name in GROUPS:
            assert np.allclose(alone.groups[name], drawn.groups[name], atol=1e-5)
