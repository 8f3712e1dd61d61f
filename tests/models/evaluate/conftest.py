"""What evaluations are tested on: a folder of simulated listeners, real tunes, a tiny model."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.music.corpora import music21_corpus
from models.music.midi import write_midi
from models.music.notes import Piece
from models.style.checkpoint import save_style, tiny_style
from models.style.fingerprint import Fingerprint
from models.style.model import StyleModel

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
