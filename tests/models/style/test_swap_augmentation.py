"""Rearranged clips of real chorales and tunes: they have what the swap asks for, and all else as it was."""

import numpy as np
import pytest
import torch

from models.experiments.dataset import training_pieces
from models.metrics import music_statistics as ms
from models.music.corpora import music21_corpus
from models.music.notes import Piece
from models.music.tokens import DURATION, END, PITCH, POSITION, POSITIONS, TEMPO, VELOCITY, from_tokens
from models.style.swap_augmentation import REARRANGED, Schedule, draw_swaps, rearrange
from models.style.windows import batches, make_windows


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> torch.Tensor:
    """Eight-bar windows of one tune collection, with dynamics and tempi of their own."""
    folder = tmp_path_factory.mktemp("tunes")
    source = min(music21_corpus().glob("oneills1850/*.abc"))
    (folder / "tunes.abc").write_bytes(source.read_bytes()[:20_000])
    windows = make_windows(training_pieces(folder))
    tokens, *_ = next(batches(windows, steps_per_batch=3000, seed=0))
    rng = np.random.default_rng(0)
    notes, heads = tokens[..., POSITION] < POSITIONS, tokens[..., TEMPO] >= 0
    louder = torch.from_numpy(rng.integers(-6, 7, size=(len(tokens), 1))).expand(notes.shape)
    faster = torch.from_numpy(rng.integers(-5, 6, size=(len(tokens), 1))).expand(notes.shape)
    tokens[..., VELOCITY][notes] += louder[notes]
    tokens[..., TEMPO][heads] += faster[heads]
    return tokens


def pieces(tokens: torch.Tensor) -> list[Piece]:
    return [from_tokens(clip[clip[:, POSITION] != END].numpy().astype(np.int16)) for clip in tokens]


def swap(tokens: torch.Tensor, *groups: str) -> list[Piece]:
    own = torch.arange(len(tokens))
    made, whole = rearrange(tokens, {group: own.roll(1) if group in groups else own for group in REARRANGED})
    assert whole.all()
    return pieces(made)


def test_a_clip_with_styles_of_its_own_is_itself(clips) -> None:
    own = torch.arange(len(clips))
    made, whole = rearrange(clips, dict.fromkeys(REARRANGED, own))
    assert whole.all()
    assert torch.equal(made, clips)


def test_harmony_moves_pitch_classes_and_nothing_else(clips) -> None:
    before, after = pieces(clips), swap(clips, "harmony")
    donors = before[-1:] + before[:-1]
    own = np.mean([ms.chroma_correlation(a, b) for a, b in zip(after, donors, strict=True)])
    was = np.mean([ms.chroma_correlation(a, b) for a, b in zip(before, donors, strict=True)])
    assert was < 0.6
    assert own > 0.93
    for a, b in zip(after, before, strict=True):
        assert (a.notes[:, [0, 1, 3]] == b.notes[:, [0, 1, 3]]).all()
        assert np.abs(a.notes[:, 2] - b.notes[:, 2]).mean() < 7  # at worst everything a tritone


def test_register_moves_the_mean_pitch_and_keeps_the_harmony(clips) -> None:
    before, after = pieces(clips), swap(clips, "register")
    means = [np.mean(p.notes[:, 2]) for p in before]
    wanted = np.array(means[-1:] + means[:-1])
    assert np.abs(np.array([p.notes[:, 2].mean() for p in after]) - wanted).mean() < 1.2
    assert np.mean([ms.in_key(p) for p in after]) > np.mean([ms.in_key(p) for p in before]) - 0.01
    assert np.mean([ms.chroma_correlation(a, b) for a, b in zip(after, before, strict=True)]) > 0.93


def test_dynamics_and_tempo_are_the_donors(clips) -> None:
    before, after = pieces(clips), swap(clips, "dynamics", "tempo")
    for a, b, donor in zip(after, before, before[-1:] + before[:-1], strict=True):
        assert (a.notes[:, :3] == b.notes[:, :3]).all()
        assert a.notes[:, 3].mean() == pytest.approx(donor.notes[:, 3].mean(), abs=3)
        assert a.tempo_bpm.tolist() == donor.tempo_bpm.tolist()


def test_chords_stay_chords(clips) -> None:
    """Notes of one onset ascend, whatever they are moved to."""
    chords = clips.clone()
    both = (chords[:, 1:, POSITION] < POSITIONS) & (chords[:, :-1, POSITION] < POSITIONS)
    joined = both & (torch.arange(both.shape[1]) % 2 == 0)
    for row, step in torch.nonzero(joined).tolist():
        chords[row, step + 1, POSITION] = chords[row, step, POSITION]
        chords[row, step + 1, PITCH] = chords[row, step, PITCH] + 4
        chords[row, step + 1, DURATION] = chords[row, step, DURATION]
    own = torch.arange(len(chords))
    made, whole = rearrange(chords, dict.fromkeys(REARRANGED, own.roll(1)))
    assert whole.float().mean() > 0.9
    same = (made[:, 1:, POSITION] == made[:, :-1, POSITION]) & joined & whole[:, None]
    assert (made[:, 1:, PITCH] > made[:, :-1, PITCH])[same].all()


def test_swaps_have_donors_of_their_domain_by_chance(clips) -> None:
    domain = torch.arange(len(clips)) % 2
    swaps = draw_swaps(clips, domain, torch.Generator().manual_seed(0), Schedule(swapped=1.0))
    assert len(swaps.tokens) == len(swaps.rows) > 0.9 * len(clips)
    for group in REARRANGED:
        donors = swaps.donors[group]
        assert torch.equal(domain[donors], domain[swaps.rows])
        assert 0.2 < (donors != swaps.rows).float().mean() < 0.8, group
    nothing = draw_swaps(clips, domain, torch.Generator().manual_seed(0), Schedule(swapped=0.0))
    assert nothing.tokens.shape == (0, *clips.shape[1:])
