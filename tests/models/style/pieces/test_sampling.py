"""Composed pieces keep to the grammar and to what was asked for."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from models.metrics.voice_leading import part_writing_faults
from models.music.notes import DOMAINS, Domain, MusicError, Piece
from models.music.tokens import BAR, GRID_TICKS, LENGTH, METER, METERS, PITCH, POSITION, on_grid, to_tokens
from models.style.pieces import forms, sampling, search
from models.style.pieces.conditions import (
    OF_MOOD,
    OF_RETURNS,
    WHOLE,
    Place,
    Wishes,
    fifth,
    first_numbers,
    regular_tokens,
)
from models.style.pieces.data import PieceSet, draw_part
from models.style.pieces.model import (
    PieceBundle,
    PieceModel,
    Steps,
    load_pieces_model,
    save_pieces_model,
    weights_with_moods,
)
from models.style.pieces.sampling import Writer, returns_of_form
from models.style.pieces.writing import Writing


@pytest.fixture
def with_forms(writer, tmp_path) -> Callable[[Mapping[Domain, Sequence[Sequence[int]]]], Writer]:
    """The writer beside whose card such forms lie."""

    def made(known: Mapping[Domain, Sequence[Sequence[int]]]) -> Writer:
        forms.save_forms(tmp_path, {domain: [tuple(form) for form in each] for domain, each in known.items()})
        return Writer(replace(writer.bundle, folder=tmp_path))

    return made


@pytest.fixture(scope="module")
def writer(model, tmp_path_factory) -> Writer:
    folder = tmp_path_factory.mktemp("weights")
    card = {"preset": "tiny", "steps": 0, "seed": 0}
    save_pieces_model(folder, model.config, model.state_dict(), card, {"test": ["made/1"]})
    return Writer.load(folder)


def same(left: Piece, right: Piece) -> bool:
    return all(np.array_equal(getattr(left, name), getattr(right, name)) for name in ("notes", "bars", "tempo_bpm"))


def whole_bars(piece: Piece) -> int:
    return len(piece.bars) - 1 + int(first_numbers(to_tokens(piece)[:1])[0])


@pytest.mark.slow
@pytest.mark.parametrize("domain", DOMAINS)
def test_pieces_are_lossless_and_have_the_bars_asked_for(writer, domain) -> None:
    found = writer.compose(domain, count=3, bars=6, seed=1)
    assert [whole_bars(piece) for piece in found] == [6, 6, 6]
    assert all(same(piece, on_grid(piece)) for piece in found)
    assert {piece.domain for piece in found} == {domain}
    assert sum(len(piece.notes) for piece in found) > 30


def test_notes_come_in_order_within_bars_that_fit_their_meter(writer) -> None:
    for piece in writer.compose("pop", count=3, bars=8, seed=2, temperature=1.3, nucleus=1.0):
        steps = to_tokens(piece)
        heads = steps[steps[:, POSITION] == BAR]
        assert (heads[:, LENGTH] <= WHOLE[heads[:, METER]]).all()
        bar = np.cumsum(steps[:, POSITION] == BAR) - 1
        notes = steps[:, POSITION] != BAR
        assert (steps[notes, POSITION] < heads[bar[notes], LENGTH]).all()
        place = np.stack([bar[notes], steps[notes, POSITION], steps[notes, PITCH]], 1).astype(np.int64)
        assert (np.diff(place @ [10**6, 10**3, 1]) > 0).all()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_piece_alone_and_among_others(writer) -> None:
    several = writer.compose("dance", count=3, bars=12, seed=5)
    again = writer.compose("dance", count=1, bars=12, seed=5)
    assert same(several[0], again[0])
    assert not same(several[0], several[1])
    assert not same(several[0], writer.compose("dance", bars=12, seed=6)[0])


def test_meter_and_tempo_are_those_asked_for(writer) -> None:
    piece = writer.compose("dance", bars=4, meter=(6, 8), tempo_bpm=100.0)[0]
    assert (piece.bars[:, 2:] == (6, 8)).all()
    assert piece.tempo_bpm[0] == pytest.approx(100, rel=0.03)


@pytest.mark.parametrize(("earlier", "before"), [(sampling.EARLIER_BARS, sampling.EARLIER_BARS), (4, 0)])
def test_last_bars_are_those_of_a_longer_piece_where_a_form_of_one_is_known(
    with_forms, monkeypatch, earlier, before
) -> None:
    form = [0] * earlier + [2] * 6
    own, told = with_forms({"dance": [form]}), []
    written = Writer._written

    def noting(self, wishes, seeds, prompt=None, places=(), **how):
        told.extend(places)
        return written(self, wishes, seeds, prompt, places, **how)

    monkeypatch.setattr(Writer, "_written", noting)
    (piece,) = own.last_bars("dance", 6, 1, meter=(4, 4), tempo_bpm=100.0)
    assert whole_bars(piece) == 6
    assert (piece.bars[-6:, 2:] == (4, 4)).all()
    assert [place.before for place in told] == [before]


def test_a_piece_plays_on_from_its_own_bars(writer, tune) -> None:
    piece = tune(3, bars=6, meter=(3, 4))
    given = regular_tokens(piece)
    for longer in writer.play_on(piece, 5, count=2, seed=1):
        assert np.array_equal(to_tokens(longer)[: len(given)], given)
        assert len(longer.bars) == 11
    with pytest.raises(MusicError, match="no note"):
        writer.play_on(Piece(np.zeros((0, 4)), piece.bars, piece.tempo_bpm), 4)


def test_a_piece_plays_on_in_whole_bars_of_its_meter_where_that_is_asked_for(writer, tune) -> None:
    piece = tune(3, bars=6, meter=(3, 4))
    free, regular = (writer.play_on(piece, 12, seed=1, regular=each)[0] for each in (False, True))
    assert len(np.unique(free.bars[:, 1:], axis=0)) > 1
    assert len(np.unique(regular.bars[:, 1:], axis=0)) == 1
    assert len(regular.bars) == 18


def test_other_endings_keep_the_bars_that_were_given_and_let_others_have_the_cores(writer, tune, monkeypatch) -> None:
    marks = itertools.chain([(True, False)], itertools.repeat((True, True)))  # each other ending is better
    monkeypatch.setattr(search, "closing", lambda *_: next(marks))
    steps, rests, step = [], [], Writing.step

    def counted(self) -> None:
        steps.append(len(self.ended))
        step(self)

    monkeypatch.setattr(Writing, "step", counted)
    piece = tune(3, bars=6, meter=(3, 4))
    given = regular_tokens(piece)
    (longer,) = writer.play_on(piece, 1, seed=1, between=lambda: rests.append(1))
    assert search.TRIED["dance"] in steps
    assert len(rests) == len(steps)
    assert np.array_equal(to_tokens(longer)[: len(given)], given)
    assert len(longer.bars) == 7


def test_a_memory_that_is_full_hears_the_last_bars_again(writer, tune) -> None:
    piece = tune(4, bars=30)  # longer than the context of 96 steps
    assert len(regular_tokens(piece)) > writer.bundle.model.config.context
    assert len(writer.play_on(piece, 3)[0].bars) == 33


def test_excerpts_have_whole_bars_of_one_meter_wherever_they_begin(writer) -> None:
    seeds = [(1, 0), (2, 0), (3, 0)]
    places = [Place(0, 16), Place(4, 30), Place(22, 30)]
    pieces = writer.excerpts("dance", seeds, 8, places)
    for piece in pieces:
        bars = piece.bars[-8:]
        assert (bars[:, 2:] == piece.bars[0, 2:]).all()
        assert (bars[:, 1] == WHOLE[METERS.index(tuple(bars[0, 2:].tolist()))] * GRID_TICKS).all()
        assert whole_bars(piece) == 8
    assert len(pieces[1].bars) == len(pieces[2].bars) == 8  # no pickup but before an opening
    (alone,) = writer.excerpts("dance", seeds[1:2], 8, places[1:2])
    assert np.array_equal(alone.notes, pieces[1].notes)
    (elsewhere,) = writer.excerpts("dance", seeds[1:2], 8, [Place(20, 30)])
    assert not np.array_equal(alone.notes, elsewhere.notes)  # the model is told where it is


def test_excerpts_begin_where_phrases_of_pieces_in_forms_of_real_ones_do(writer, with_forms) -> None:
    seeds = [(7, number) for number in range(200)]
    assert set(writer.places("dance", seeds, 8)) == {Place(0, -1)}  # where no form is known
    short, middle, long = ([number % 5 for number in range(bars)] for bars in (7, 16, 32))
    places = with_forms({"dance": [short, middle, long]}).places("dance", seeds, 8)
    assert {(place.before, place.last) for place in places} == {(0, 16), (8, 16), (0, 32), (8, 32), (16, 32), (24, 32)}
    assert 60 < sum(place.before == 0 for place in places) < 130  # a quarter, and of the others 3 in 8
    assert all(place.returns == tuple(long[place.before : place.before + 8]) for place in places)


def told_returns(monkeypatch, compose: Callable[[], list[Piece]]) -> list[list[int]]:
    """What each of the pieces was told of its bars: how many bars back, by number."""
    seen: list[Writing] = []

    class Noted(Writing):
        def __init__(self, *given: Any, **told: Any) -> None:
            super().__init__(*given, **told)
            seen.append(self)

    monkeypatch.setattr(sampling, "Writing", Noted)
    compose()
    (writing,) = seen
    heads = [[told.conditions[row, OF_RETURNS] for told in writing.told] for row in range(len(writing.ended))]
    bars = [[step[row, POSITION] == BAR for step in writing.tokens] for row in range(len(writing.ended))]
    return [[int(told) for told, is_bar in zip(*row, strict=True) if is_bar] for row in zip(heads, bars, strict=True)]


@pytest.mark.slow
def test_a_whole_piece_is_told_the_form_of_a_real_one_unless_another_is_asked_for(
    writer, with_forms, monkeypatch
) -> None:
    form = [0, 0, 0, 2, 4, 4, 4, 4]
    knows = with_forms({"dance": [form, [0] * 5]})
    for told in told_returns(monkeypatch, lambda: knows.compose("dance", count=2, bars=8, seed=3)):
        assert told[-8:] == form
    for told in told_returns(monkeypatch, lambda: knows.compose("dance", bars=8, seed=3, form="ABAB")):
        assert told[-8:] == [-1] * 4 + [4] * 4
    for told in told_returns(monkeypatch, lambda: knows.compose("dance", bars=12, seed=3)):  # no form is as long
        assert set(told) == {-1}


def test_what_plays_on_keeps_its_own_returns_and_takes_a_form_that_begins_like_them(
    with_forms, tune, monkeypatch
) -> None:
    piece = tune(3, bars=4)
    begun = forms.form_of(regular_tokens(piece))
    likest, other = [*begun, 1, 2, 3, 4], [1 - min(1, back) for back in begun] + [7, 7, 7, 7]
    monkeypatch.setattr(forms, "NEAREST", 1)
    (told,) = told_returns(monkeypatch, lambda: with_forms({"dance": [other, likest]}).play_on(piece, 4))
    assert told == likest


@pytest.mark.slow
@torch.inference_mode()
def test_guidance_goes_on_from_the_logits_without_returns_to_those_with_them(model, tune) -> None:
    prompt = regular_tokens(tune(6, bars=3))
    wishes = Wishes(1, last=40, returns=dict.fromkeys(range(4, 41), 3))
    seeds = [(1,), (2,)]
    guided = Writing(model, replace(wishes, guidance=2.5), seeds, prompt)
    for _ in range(40):
        guided.step()
    for row in range(2):
        sofar = guided.pieces()[row]
        told, free = (Writing(model, each, [(0,)], sofar) for each in (wishes, replace(wishes, returns={})))
        step = torch.full((1, 7), -1)
        with_them, without = (model.logits(torch.from_numpy(each.state), POSITION, step) for each in (told, free))
        assert not torch.allclose(with_them, without, atol=0.01)
        found = torch.from_numpy(guided._logits(POSITION, np.array([row]), step.numpy()))
        torch.testing.assert_close(found, without + 2.5 * (with_them - without), rtol=1e-3, atol=1e-3)


@pytest.mark.slow
@torch.inference_mode()
def test_what_pieces_begin_with_together_is_heard_once(model, tune, monkeypatch) -> None:
    prompt, wishes, heard = regular_tokens(tune(6, bars=3)), Wishes(1, last=12), []
    places = [Place(0, 12), Place(0, 12), Place(0, 16), Place(0, 12)]  # the third is told of another end

    def forward(steps, cache=None, memory=None):
        heard.append(len(steps.classes))
        return PieceModel.forward(model, steps, cache, memory)

    with monkeypatch.context() as patch:
        patch.setattr(model, "forward", forward)
        together = Writing(model, wishes, [(row,) for row in range(4)], prompt, places)
    assert heard == [2]
    for row, place in enumerate(places):
        alone = Writing(model, wishes, [(row,)], prompt, [place])
        np.testing.assert_allclose(together.state[row], alone.state[0], rtol=1e-4, atol=1e-4)
        alone.step()
        for name in ("keys", "values"):
            cached, own, upto = getattr(together.cache, name), getattr(alone.cache, name), int(together.cache.at[row])
            torch.testing.assert_close(cached[:, row, :, :upto], own[:, 0, :, :upto], rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_of_several_chorales_the_one_with_the_fewest_faults_is_kept(writer, drawing) -> None:
    seeds, places = [(5,), (6,)], [Place(0, -1), Place(8, 20)]
    several = drawing(writer.bundle, "chorale", among=5, faults=0.0)  # all of them go on to their end
    kept = several.excerpts("chorale", seeds, 8, places)
    for piece, seed, place in zip(kept, seeds, places, strict=True):
        every = writer.excerpts("chorale", [seed, *((*seed, number) for number in range(1, 5))], 8, [place] * 5)
        best = min(every, key=part_writing_faults)
        assert np.array_equal(piece.notes, best.notes)
        assert part_writing_faults(best) < max(map(part_writing_faults, every))


def test_without_a_wish_for_bars_the_model_ends_the_piece(writer) -> None:
    piece = writer.compose("dance", bars=None, seed=3)[0]
    assert 1 <= whole_bars(piece) <= 128


def test_sections_that_come_again_ask_for_their_bars_again() -> None:
    assert returns_of_form("ABA", 6) == {5: 4, 6: 4}
    assert returns_of_form("AABB", 32) == dict.fromkeys([*range(9, 17), *range(25, 33)], 8)
    with pytest.raises(ValueError, match="3 sections"):
        returns_of_form("ABA", 8)


def test_wishes_that_cannot_be_are_refused(writer) -> None:
    with pytest.raises(ValueError, match="no token stands for the meter 7/8"):
        writer.compose("dance", meter=(7, 8))
    with pytest.raises(ValueError, match="loudness is no element"):
        writer.compose("dance", bars=1, temperature={"loudness": 1.0})


def test_weights_that_were_changed_are_not_loaded(writer, tmp_path) -> None:
    for path in writer.bundle.folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    data = bytearray((tmp_path / "pieces.safetensors").read_bytes())
    data[-1] ^= 1
    (tmp_path / "pieces.safetensors").write_bytes(data)
    with pytest.raises(ValueError, match="fetch it again"):
        load_pieces_model(tmp_path)
    with pytest.raises(FileNotFoundError, match="no piece model"):
        load_pieces_model(tmp_path / "nowhere")


@torch.inference_mode()
def test_sampling_is_told_what_training_is_told(model, tune) -> None:
    pieces = PieceSet.of([tune(5, bars=9, meter=(3, 4))])
    part = draw_part(pieces, np.array([0]), 95, np.random.default_rng(2), training=False)
    assert part.bars[0] == 1  # this seed begins with the first bar
    prompt = pieces.tokens[: len(part.classes) - 1]
    writing = Writing(model, Wishes(1, last=9), [(0, 0)], prompt)
    for place, told in enumerate(writing.told[: len(prompt)]):
        assert np.array_equal(told.conditions[0], part.conditions[place + 1])
        assert told.bars[0] == part.bars[place + 1]
    whole = Steps(*(torch.from_numpy(np.asarray(x))[None] for x in (part.classes, part.conditions, part.bars)))
    np.testing.assert_allclose(writing.state[0], model(whole)[0, len(prompt)], rtol=1e-4, atol=1e-4)


def test_a_bundle_says_its_version(writer) -> None:
    assert isinstance(writer.bundle, PieceBundle)
    assert writer.bundle.version.startswith("pieces-tiny-0-0-")
    assert METERS[0] == (4, 4)


def test_a_mood_is_told_with_every_step_and_refused_where_none_was_learned(writer, model) -> None:
    with pytest.raises(ValueError, match="learned nothing of moods"):
        writer.compose("pop", mood=(1, 1))
    told = PieceModel(replace(model.config, moods=True))
    told.load_state_dict(weights_with_moods(model))
    torch.nn.init.normal_(told.conditions.weight, std=0.5)
    glad = Writer(PieceBundle(told.eval(), {"version": "told"}))
    happy, sad, free = (glad.compose("pop", count=2, bars=4, seed=1, mood=mood) for mood in ((1, 1), (-1, -1), None))
    assert not any(same(one, other) for one, other in itertools.combinations((happy[0], sad[0], free[0]), 2))
    assert same(happy[0], glad.compose("pop", count=1, bars=4, seed=1, mood=(0.7, 0.9))[0])  # the same fifths
    writing = Writing(told, Wishes(0, 2, mood=(5, 1), guidance=2.0), [[1], [2]])
    assert writing.guided
    for _ in range(9):
        writing.step()
    assert all((each.conditions[:, OF_MOOD] == (5, 1)).all() for each in writing.told)


@pytest.mark.parametrize(
    ("value", "number"), [(-1, 1), (-0.7, 1), (-0.5, 2), (0, 3), (0.3, 4), (0.7, 5), (1, 5), (2, 5)]
)
def test_a_degree_asks_for_a_fifth(value, number) -> None:
    assert fifth(value) == number
