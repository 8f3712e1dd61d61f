"""Seeds before every test, and what models are tested on.

Small made-up tunes whose titles say what they are (reels climb and jigs fall), a folder of simulated listeners, real
tunes, a tiny model.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.music.corpora import music21_corpus
from models.music.midi import write_midi
from models.music.midi_file import MidiFile, dump
from models.music.notes import Piece
from models.style.checkpoint import save_style, tiny_style
from models.style.fingerprint import Fingerprint
from models.style.model import StyleModel
from models.title.tunes import FIELDS, Tune


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Random weights are the same whichever tests ran before, in the fixtures that a test is the first to ask for."""
    torch.manual_seed(0)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call() -> None:
    """And what a test draws itself."""
    torch.manual_seed(0)


@pytest.fixture(scope="module")
def one_voter() -> Iterator[None]:
    """One voter of the two-sample classifier instead of three: it takes most of the time of who asks it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.metrics.two_sample.VOTERS", 1)
        yield


NAMES = ("Cow", "Hen", "Mill", "Glen", "Lass", "Piper", "Boat", "Bridge", "Fair", "Goose")


def made_tune(index: int) -> Tune:
    rng = np.random.default_rng(index)
    reel, length = index % 2 == 0, int(rng.integers(30, 60))
    notes = np.zeros((length, len(FIELDS)), dtype=np.int16)
    notes[:, FIELDS.index("interval")] = np.clip(rng.integers(9, 16, length) + (3 if reel else -3), 0, 24)
    notes[0, FIELDS.index("interval")] = -1
    notes[:, FIELDS.index("degree")] = rng.integers(0, 12, length)
    notes[:, FIELDS.index("pitch")] = rng.integers(10, 40, length)
    notes[:, FIELDS.index("position")] = np.arange(length) % 8 * 3
    notes[:, FIELDS.index("duration")] = 5 if reel else 6
    notes[:, FIELDS.index("bar")] = np.minimum(np.arange(length) // 8, 31)
    notes[:, FIELDS.index("meter")] = 0 if reel else 2
    title = f"{NAMES[index % 10]} of {NAMES[index // 10 % 10]}'s {'Reel' if reel else 'Jig'} {'x' * (index // 100)}"
    genre = "reel" if reel else "jig"
    return Tune(f"made/{index}", "made", (title,), genre, f"made/{index}", notes)


@pytest.fixture(scope="session")
def made_tunes() -> list[Tune]:
    return [made_tune(index) for index in range(120)]


CLIPS = 24
LISTENERS = 16


def clip(seed: int) -> Piece:
    """Four bars of random notes, of a density and a register of its own."""
    rng = np.random.default_rng(seed)
    onset = np.sort(rng.choice(np.arange(0, 384, 6), size=int(rng.integers(8, 40)), replace=False))
    pitch = rng.integers(40, 60, size=len(onset)) + rng.integers(0, 24)
    notes = np.stack([onset, np.full(len(onset), 6), pitch, rng.integers(40, 100, len(onset))], axis=1)
    bars = np.array([(start, 96, 4, 4) for start in range(0, 384, 96)])
    return Piece(notes, bars, np.full(4, 100.0), domain="pop")


def shared_taste() -> np.ndarray:
    """What everybody likes of the clips: standardised, ``(CLIPS,)``."""
    pieces = [clip(seed) for seed in range(CLIPS)]
    value = np.array([-piece.notes[:, 2].mean() / 8 - len(piece.notes) / 12 for piece in pieces])
    return (value - value.mean()) / value.std()


@pytest.fixture(scope="session")
def true_utility() -> np.ndarray:
    """``shared_taste`` for tests."""
    return shared_taste()


@pytest.fixture(scope="session")
def listening_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """``listening_folder("ratings" or "votes")``: MIDI files, ratings or votes by a taste for low, sparse music."""
    made: dict[str, Path] = {}

    def make(form: str) -> Path:
        if form not in made:
            made[form] = folder = tmp_path_factory.mktemp(form)
            (folder / "midi").mkdir()
            for number in range(CLIPS):
                (folder / "midi" / f"c{number}.mid").write_bytes(write_midi(clip(number)))
            rng, utility = np.random.default_rng(1), shared_taste()
            lines = ["listener_id,clip_id,rating" if form == "ratings" else "listener_id,left,right,outcome"]
            for person in range(LISTENERS):
                own = utility + rng.normal(size=CLIPS) * 0.7
                for number in rng.permutation(CLIPS)[:12]:
                    other = (number + rng.integers(1, CLIPS)) % CLIPS
                    outcome = "equal" if abs(own[number] - own[other]) < 0.2 else ""
                    outcome = outcome or ("left" if own[number] > own[other] else "right")
                    rating = int(np.clip(np.round(own[number] * 1.2 + 3), 1, 5))
                    said = f"{rating}" if form == "ratings" else f"c{other},{outcome}"
                    lines.append(f"p{person},c{number},{said}")
            lines += [] if form == "ratings" else ["p0,c1,c2,skipped", "p1,c1,c2,neither"]
            name = "ratings.csv" if form == "ratings" else "votes.csv"
            (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return made[form]

    return make


@pytest.fixture(scope="session")
def tunes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with sixteen tunes of O'Neill's."""
    folder = tmp_path_factory.mktemp("tunes")
    text = min(music21_corpus().glob("oneills1850/*.abc")).read_text(encoding="utf-8", errors="replace")
    (folder / "tunes.abc").write_text("".join(re.split(r"(?m)^(?=X:)", text)[:17]), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model whose clips end after 24 steps."""
    bundle, folder = tiny_style(), tmp_path_factory.mktemp("weights")
    model = StyleModel(replace(bundle.model.config, max_steps=24))
    model.load_state_dict(bundle.model.state_dict())
    save_style(folder, model, bundle.prior, Fingerprint.empty(), dict(bundle.card))
    return folder


def held_chords(bars=8, *, tempo_bpm=90.0, domain="pop", velocity=66):
    """A melody of eighths over held thirds of two harmonies, a new one each bar, in 4/4."""
    notes = []
    for bar in range(bars):
        root = 48 + 7 * (bar % 2)
        notes += [(96 * bar, 90, root, velocity), (96 * bar, 90, root + 4, velocity)]
        notes += [(96 * bar + 12 * k, 12, root + 12 + (0, 4, 7, 4, 0, 4, 7, 12)[k], velocity) for k in range(8)]
    rows = [[96 * bar, 96, 4, 4] for bar in range(bars)]
    return Piece(np.array(notes), np.array(rows), np.full(bars, tempo_bpm), domain=domain)


@pytest.fixture(name="chords")
def make_chords():
    return held_chords


@pytest.fixture
def performed(tmp_path):
    """A folder of performances: chords late by what their bar tells, louder notes above, a tempo that falls."""
    for number in range(4):
        rng = np.random.default_rng(number)
        midi = MidiFile(480)
        midi.tempi = [(0, 600_000), *((480 * beat, 600_000 + 1_000 * beat) for beat in range(1, 80))]
        for onset, duration, pitch, _ in held_chords(20).notes.tolist():
            late = int(rng.integers(-15, 16)) if pitch > 58 else 20
            loud = 70 if pitch > 58 else 50
            midi.notes.append((max(0, 20 * onset + late), 18 * duration, pitch, loud, 0))
        (tmp_path / f"{number}.mid").write_bytes(dump(midi))
    return tmp_path
