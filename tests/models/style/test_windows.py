"""Windows of pieces and the batches that are drawn from them."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from models.music.notes import DOMAINS, MusicError, Piece
from models.music.tokens import BAR, END, LOWEST_PITCH, PITCH, PITCHES, POSITION, from_tokens, regular_bars, to_tokens
from models.style.windows import DOMAIN_SHARE, batches, make_windows, pad, transposition


@pytest.fixture(scope="module")
def windows(tune):
    pieces = [tune(seed, bars=16, domain=domain) for domain in DOMAINS for seed in range(5)]
    return make_windows(pieces)


def with_bars(lengths: list[int], meter: tuple[int, int] = (4, 4), **more) -> Piece:
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    onsets = np.concatenate([[start, start + length // 2] for start, length in zip(starts, lengths, strict=True)])
    notes = np.stack([onsets, np.full_like(onsets, 6), 60 + np.arange(len(onsets)) % 7, np.full_like(onsets, 80)], 1)
    bars = np.array([(start, length, *meter) for start, length in zip(starts, lengths, strict=True)])
    return Piece(notes, bars, np.arange(60.0, 60 + len(lengths)), **{"domain": "dance", **more})


def test_a_short_last_bar_and_the_next_pickup_become_one_bar() -> None:
    piece = with_bars([24, 96, 72, 24, 96, 96], chords=("a", "b", "c", "d", "e", "f"))
    joined = regular_bars(piece)
    assert joined.bars[:, 1].tolist() == [24, 96, 96, 96, 96]
    assert joined.chords == ("a", "b", "c", "e", "f")
    assert joined.tempo_bpm.tolist() == [60, 61, 62, 64, 65]
    assert np.array_equal(joined.notes, piece.notes)


def test_bars_that_together_are_too_long_stay_apart() -> None:
    assert regular_bars(with_bars([72, 48, 96])).bars[:, 1].tolist() == [72, 48, 96]


def test_windows_are_eight_whole_bars_after_the_pickup() -> None:
    windows = make_windows([with_bars([24, *[96] * 10])])
    assert windows.first_bar.tolist() == [1, 3]
    assert windows.start.tolist() == [True, False]
    for index in range(2):
        clip = windows.clip(index)
        assert clip.bars[:, 1].tolist() == [96] * 8
        first, last = windows.spans[index]
        assert np.array_equal(windows.tokens[first:last], to_tokens(clip))


@pytest.mark.parametrize(
    "piece",
    [
        with_bars([96] * 7),
        with_bars([96] * 8, domain=None),
        with_bars([96] * 8, extra={"bars": "unestimated"}),
        with_bars([84] * 8, meter=(7, 8)),
        with_bars([96, 96, 96, 50, 96, 96, 96, 96, 96]),
        replace(with_bars([96] * 8), notes=with_bars([96] * 8).notes[:7]),
        replace(with_bars([96] * 8), notes=with_bars([96] * 8).notes[:10]),
    ],
    ids=["short", "no domain", "no bars", "unknown meter", "irregular", "few notes", "silent bars"],
)
def test_pieces_without_a_usable_window_say_so(piece: Piece) -> None:
    with pytest.raises(MusicError, match="none of the 1 pieces"):
        make_windows([piece])


def test_padding_is_end_steps_behind_each_clip_and_shifts_move_pitches_alone(tune) -> None:
    clips = [to_tokens(tune(0)), to_tokens(tune(1, bars=3))]
    out = pad(clips, np.array([0, 3]))
    for row, clip, shift in zip(out.numpy(), clips, (0, 3), strict=True):
        assert (row[len(clip) :, POSITION] == END).all()
        assert (row[-1, POSITION]) == END
        moved = clip.astype(np.int64)
        moved[:, PITCH] += np.where(moved[:, PITCH] >= 0, shift, 0)
        assert np.array_equal(row[: len(clip)], moved)


def test_a_batch_depends_on_its_number_and_the_seed_alone(windows) -> None:
    whole = list(islice(batches(windows, steps_per_batch=300, seed=1), 30))
    for first in (5, 12, 29):
        for part, expected in zip(
            next(batches(windows, steps_per_batch=300, seed=1, first=first)), whole[first], strict=True
        ):
            assert torch.equal(part, expected)
    every_third = list(islice(batches(windows, steps_per_batch=300, seed=1, first=2, stride=3), 9))
    assert all(torch.equal(one[0], two[0]) for one, two in zip(every_third, whole[2::3], strict=False))
    other = next(batches(windows, steps_per_batch=300, seed=2))[0]
    assert other.shape != whole[0][0].shape or not torch.equal(other, whole[0][0])


def test_every_domain_gets_its_share_and_batches_their_size(windows) -> None:
    drawn = list(islice(batches(windows, steps_per_batch=400, seed=0), 240))
    domain = torch.cat([d for _, d in drawn])
    for index, name in enumerate(DOMAINS):
        assert (domain == index).float().mean().item() == pytest.approx(DOMAIN_SHARE[name], abs=0.05)
    sizes = [tokens.shape[0] * tokens.shape[1] for tokens, *_ in drawn]
    assert 250 < np.mean(sizes) < 550


def test_batches_smaller_than_a_window_still_hold_one(windows) -> None:
    assert all(len(tokens) >= 1 for tokens, *_ in islice(batches(windows, steps_per_batch=1, seed=0), 24))


def test_rows_of_a_batch_are_windows_of_their_domain_in_any_key(windows) -> None:
    tokens, domain = next(batches(windows, steps_per_batch=300, seed=4))
    shapes = [
        {from_tokens(windows.tokens[a:b]).notes[:, [0, 1, 3]].tobytes() for a, b in windows.spans[windows.domain == d]}
        for d in range(3)
    ]
    for row, d in zip(tokens.numpy(), domain.tolist(), strict=True):
        assert (row[:, POSITION] == BAR).sum() == 8
        assert from_tokens(row).notes[:, [0, 1, 3]].tobytes() in shapes[d]


@pytest.mark.parametrize("edge", [LOWEST_PITCH, LOWEST_PITCH + PITCHES - 1])
def test_transposition_stays_on_the_piano(edge, tune) -> None:
    piece = tune(0)
    notes = piece.notes.copy()
    notes[0, 2] = edge
    clip = to_tokens(replace(piece, notes=notes))
    rng = np.random.default_rng(0)
    shifts = {transposition(clip, rng) for _ in range(200)}
    assert shifts == (set(range(7)) if edge == LOWEST_PITCH else set(range(-5, 1)))


def test_a_clip_in_the_middle_goes_to_all_twelve_keys(tune) -> None:
    rng = np.random.default_rng(0)
    assert {transposition(to_tokens(tune(0)), rng) for _ in range(400)} == set(range(-5, 7))
