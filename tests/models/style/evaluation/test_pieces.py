"""Rivals: the copy-bot's bars are real, each after its chord, the sampler's melodies are new, files are read as is."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from models.metrics.idiom import MELODY_SYMBOLS, NGram, melody_symbols
from models.music.keys import estimate_chords
from models.music.midi import write_midi
from models.music.notes import Piece, skyline
from models.style.evaluation.clips import regular
from models.style.evaluation.pieces import CopyBot, copy_bot, files, flow, ngram
from tests.models.style.conftest import make_tune

pytestmark = pytest.mark.slow

DEGREES = {"I": (0, 4, 7), "IV": (5, 9, 12), "V": (7, 11, 14)}


def harmonised(progression: str, key: int, name: str) -> Piece:
    notes = [
        (bar * 96 + beat * 24, 24, 60 + key + tone + 12 * (beat == 3), 70)
        for bar, degree in enumerate(progression.split())
        for beat in range(4)
        for tone in DEGREES[degree]
    ]
    bars = np.array([[bar * 96, 96, 4, 4] for bar in range(len(progression.split()))])
    return Piece(np.array(notes), bars, np.full(len(bars), 100.0), domain="chorale", source="made", piece_id=name)


def test_the_copy_bot_goes_on_as_some_piece_went_on_from_the_same_degree() -> None:
    pieces = [harmonised("I IV V I I IV V I", 0, "a"), harmonised("I IV V I I IV V I", 3, "b")]
    made = CopyBot(pieces).compose(0, 0, 12, np.random.default_rng(0))
    chords = estimate_chords(made)
    assert len(chords) == 12
    after = {"C:maj": {"F:maj", "C:maj"}, "F:maj": {"G:maj"}, "G:maj": {"C:maj"}}  # in the first piece's key
    assert all(two in after[one] for one, two in pairwise(chords))
    assert set(made.tempo_bpm.tolist()) == {100.0}


def test_the_copy_bot_takes_every_bar_from_another_piece_than_the_bar_before() -> None:
    pieces = [harmonised("I I I I I I I I", 0, "a"), harmonised("I I I I I I I I", 0, "b")]
    pieces[1] = replace(pieces[1], notes=pieces[1].notes - np.array([0, 0, 12, 0]))
    made = CopyBot(pieces).compose(0, 0, 8, np.random.default_rng(0))
    lowest = [int(made.notes[made.notes[:, 0] // 96 == bar, 2].min()) for bar in range(8)]
    assert lowest == [60, 48] * 4


def test_rivals_answer_with_as_many_pieces_of_as_many_bars_and_the_same_again() -> None:
    tunes = regular([make_tune(seed, bars=16) for seed in range(6)])
    model = NGram.fit([melody_symbols(skyline(tune)) for tune in tunes], MELODY_SYMBOLS)
    for compose in (ngram(model, tunes), copy_bot(tunes)):
        made = compose("dance", 9, 8, 3)
        assert [len(piece.bars) for piece in made] == [8] * 9
        assert all(piece.domain == "dance" for piece in made)
        again = compose("dance", 9, 8, 3)
        assert all(np.array_equal(a.notes, b.notes) for a, b in zip(made, again, strict=True))
        assert {len(piece.bars) for piece in compose("dance", 2, None, 0)} == {16}
        assert compose("pop", 2, 8, 0) == []


def test_the_prior_answers_for_eight_bars_alone(composer) -> None:
    made = flow(composer)("dance", 2, 8, 0)
    assert [len(piece.bars) for piece in made] == [8, 8]
    assert flow(composer)("dance", 2, 16, 0) == []


def test_files_are_those_of_the_domain_by_name(tmp_path) -> None:
    (tmp_path / "dance").mkdir()
    for number in range(3):
        (tmp_path / "dance" / f"{number:03}.mid").write_bytes(write_midi(make_tune(number)))
    found = files(tmp_path)("dance", 2, 8, 0)
    assert [piece.piece_id for piece in found] == ["000.mid", "001.mid"]
    assert np.array_equal(found[1].notes, make_tune(1).notes)
    assert found[0].domain == "dance"
    assert files(tmp_path)("pop", 2, 8, 0) == []


@pytest.mark.parametrize("bars", [8, None])
def test_a_rival_without_music_gives_none(bars) -> None:
    assert copy_bot([])("dance", 3, bars, 0) == []
