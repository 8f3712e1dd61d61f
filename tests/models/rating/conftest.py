"""Made-up tracks: the brighter of two chords is liked more often, and broken files lie among them."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from models.rating.mel_bands import SAMPLE_RATE_HZ
from models.rating.tagger import FeatureExtractor, Front, Tagger, TaggerConfig

TRACKS = 18  # a map needs 17
WIDTH = 8  # of a small tagger's embedding


def small_extractor():
    torch.manual_seed(2)
    tagger = Tagger(TaggerConfig((Front(7, 38, 6), Front(16, 1, 3)), 4, WIDTH))
    return FeatureExtractor(tagger.eval().requires_grad_(requires_grad=False))


def chord(number, seconds=4.0, rate=SAMPLE_RATE_HZ, semitones=0.0):
    rng = np.random.default_rng(number)
    time = np.arange(int(seconds * rate)) / rate
    sound = np.zeros(len(time))
    for beat in range(int(seconds * 2)):
        held = np.clip(time - beat / 2, 0, None)
        for k in range(1, 3 + number):
            sound += np.where(
                held > 0, np.sin(2 * np.pi * 110 * 2 ** ((rng.integers(0, 12) + semitones) / 12) * k * held), 0
            ) * np.exp(-3 * held)
    return (0.3 * sound / np.abs(sound).max()).astype(np.float32)


@pytest.fixture(scope="session")
def played_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("plays")
    (folder / "audio").mkdir()
    lines = ["clip_id,played,liked"]
    for number in range(TRACKS):
        soundfile.write(folder / "audio" / f"t{number}.wav", chord(number, rate=22_050), 22_050)
        lines.append(f"t{number},20,{number + 2}")
    (folder / "plays.csv").write_text("\n".join(lines) + "\n")
    return folder
