"""The process in which the tension model listens: torch, and whatever a file does to a reader, end with it.

``python -m webapp.tension.hearing_process FOLDER`` hears the files ``FOLDER/0``, ``FOLDER/1``, … that
``FOLDER/names.json`` names, and writes ``FOLDER/heard.json``.
"""

from __future__ import annotations

import json
import resource
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from models.experiments.dataset import likely_domain
from models.music.midi import SIXTEENTH, on_grid
from models.music.notes import TICKS_PER_QUARTER, MusicError, Piece
from models.music.tokens import from_tokens
from models.style.pieces.data import regular_tokens
from models.tension.checkpoint import TensionBundle, load_tension
from models.tension.future import MOST_STEPS, Heard, hear
from models.tension.past import bars_of, recognised
from models.tension.score import Measured, score
from webapp.studio.uploads import read

MEMORY_BYTES = 6 << 30  # of addresses: torch takes most of them without using them
TRIPLET = TICKS_PER_QUARTER // 3
CPU_SECONDS = 140
DECIMALS = 3
LOOSE = 0.2  # share of onsets beside sixteenths and triplets from which on timing is a player's, and not written


def main(folder: Path) -> None:
    """See the module docstring."""
    torch.set_num_threads(1)
    bundle = load_tension()
    found = []
    for number, name in enumerate(json.loads((folder / "names.json").read_text(encoding="utf-8"))):
        try:
            found.append({"name": name, **_told(bundle, read((folder / str(number)).read_bytes(), name))})
        except MusicError as error:
            found.append({"name": name, "problem": f"“{name}” can't be heard: {error}"})
    (folder / "heard.json").write_text(json.dumps(found), encoding="utf-8")


def _told(bundle: TensionBundle, piece: Piece) -> dict[str, Any]:
    domain = piece.domain or likely_domain(piece)
    loose = float(((piece.notes[:, 0] % SIXTEENTH > 0) & (piece.notes[:, 0] % TRIPLET > 0)).mean()) > LOOSE
    if loose:
        piece = replace(piece, notes=on_grid(piece.notes.astype(np.int64), TICKS_PER_QUARTER, SIXTEENTH))
    tokens = regular_tokens(piece)
    sounding = from_tokens(tokens[:MOST_STEPS])
    ears = bundle.ears
    heard = hear(ears.model, piece, domain)
    bars = bars_of(ears.model, piece, domain)
    chances = recognised(ears.recogniser, bars, ears.others[domain])
    own = float(np.nanmean(chances)) if np.isfinite(chances).any() else 0.0
    measured = Measured(float(heard.surprise.sum(1).mean()), float(heard.uncertainty.sum(1).mean()), own)
    rewards = score(measured, bundle.usual[domain])
    surprise, uncertainty = heard.by_bar()
    return {
        "domain": domain,
        "future": rewards.future,
        "past": rewards.past,
        "both": rewards.both(),
        "notes": _notes(heard, sounding),
        "surprise": _numbers(surprise),
        "uncertainty": _numbers(uncertainty),
        "recognised": _numbers(np.exp(chances)),
        "heard_whole": len(tokens) <= MOST_STEPS,
        "loose": loose,
    }


def _notes(heard: Heard, sounding: Piece) -> list[list[Any]]:
    """Onset and length in bars, pitch, surprise, uncertainty, and what was expected, for each note."""
    begins, ticks = sounding.bars[:, 0], sounding.bars[:, 1]
    ticks_at, lengths, pitches = sounding.notes[:, :3].T
    onset = heard.bar + (ticks_at - begins[heard.bar]) / ticks[heard.bar]
    figures = (onset, lengths / ticks[heard.bar], pitches, heard.surprise.sum(1), heard.uncertainty.sum(1))
    expected = [
        [[int(pitch), round(float(chance), DECIMALS)] for pitch, chance in zip(*each, strict=True)]
        for each in zip(heard.expected, heard.chance, strict=True)
    ]
    rows = np.round(np.stack(figures, axis=1), DECIMALS).tolist()
    return [[*row, likeliest] for row, likeliest in zip(rows, expected, strict=True)]


def _numbers(values: npt.NDArray[np.float64]) -> list[float | None]:
    return [round(float(value), DECIMALS) if np.isfinite(value) else None for value in values]


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    main(Path(sys.argv[1]))
