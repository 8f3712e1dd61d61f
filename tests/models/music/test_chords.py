from pathlib import Path

import numpy as np

from models.music.abc import read_abc
from models.music.keys import CHORD_NAMES, bar_chroma, estimate_chords, with_chords
from models.music.midi import read_midi
from models.music.midi_file import parse
from models.music.notes import Piece

QUALITIES = {"M": "maj", "M7": "maj", "7": "maj", "m": "min", "m7": "min", "o": "dim", "o7": "dim", "/o7": "dim"}


def chords(*bars: str) -> tuple[str, ...]:
    return estimate_chords(read_abc("X:1\nM:4/4\nL:1/1\nK:C\n" + "|".join(bars) + "|")[0])


def test_every_triad_is_found() -> None:
    for name in CHORD_NAMES:
        root, quality = CHORD_NAMES.index(name) % 12, name.split(":")[1]
        steps = {"maj": (0, 4, 7), "min": (0, 3, 7), "dim": (0, 3, 6)}[quality]
        notes = np.array([[0, 96, 48 + root + step, 64] for step in steps])
        assert estimate_chords(Piece(notes, np.array([[0, 96, 4, 4]]), np.array([90.0]))) == (name,)


def test_a_bar_of_silence_has_no_chord() -> None:
    assert chords("[CEG]", "z", "[A,CE]") == ("C:maj", "N", "A:min")


def test_the_bass_decides_between_two_triads() -> None:
    assert chords("[C,CEGA]") == ("C:maj",)
    assert chords("[A,,CEGA]") == ("A:min",)


def test_a_note_counts_in_every_bar_in_which_it_sounds() -> None:
    piece = Piece(np.array([[48, 96, 72, 64]]), np.array([[0, 96, 4, 4], [96, 96, 4, 4]]), np.array([90.0, 90.0]))
    assert bar_chroma(piece)[:, 0].tolist() == [48, 48]


def test_chords_of_the_file_are_kept() -> None:
    piece = read_abc('X:1\nM:4/4\nL:1/1\nK:C\n"F"C|')[0]
    assert with_chords(piece).chords == ("F:maj",)


def test_they_agree_with_pop1k7s_own_chords(further_corpora: Path) -> None:
    """Bars in which one chord of Pop1K7 holds three beats or more; 0.91 on 146 files, 0.93 for the root alone."""
    right = total = 0
    for path in sorted((further_corpora / "pop1k7").rglob("*.mid"))[::90]:
        midi, piece = parse(path), read_midi(path, performed=True)
        skip = round(min(note[0] for note in midi.notes) / 120) * 120 // 1920 * 96
        events = sorted(
            (time // 20 - skip, text) for time, text in midi.texts if text.count("_") == 2 and "bpm" not in text
        )
        found = estimate_chords(piece)
        ends = [time for time, _ in events[1:]] + [96 * len(piece.bars)]
        for (start, text), end in zip(events, ends, strict=True):
            root, quality, _ = text.split("_")
            for bar in range(max(0, start) // 96, min(len(piece.bars), -(-end // 96))):
                if min(end, 96 * bar + 96) - max(start, 96 * bar) >= 72 and quality in QUALITIES:
                    total += 1
                    right += found[bar] == f"{root}:{QUALITIES[quality]}"
    assert total > 300
    assert right / total > 0.85
