"""Where real music lies: how likely each transposition of a piece is, learned from pieces as they were written.

A piece model trains on every piece in all keys, and so it writes in all keys. Real dance tunes have a few that lie well
on their instruments, and voices have ranges.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import log_softmax

from models.music.notes import Piece
from models.music.tokens import LOWEST_PITCH, PITCHES

Floats = npt.NDArray[np.float64]

KEYS_FILE = "transposition.json"


SHIFTS = np.arange(-6, 6)  # semitones


KEPT_AS_IT_IS = int(np.flatnonzero(SHIFTS == 0)[0])


SELDOM = 1e-3  # the least share of pieces that a lowest or highest pitch is taken to have; of notes a tenth of it


FLATNESS = 0.01  # pulls the weights to 0, so that few pieces don't make them boundless


@dataclass(frozen=True)
class Transposition:
    """What is known of a domain's pitches: ``table`` (3, 128) and ``weights`` (3,).

    The rows of the table are logarithms of the share of notes that have a pitch, and of pieces in which it is the
    lowest and the highest one. A transposition's logit is the weighted sum of the mean over the notes, and of the
    lowest and the highest pitch (a conditional logit: McFadden 1974).
    """

    table: Floats
    weights: Floats

    @classmethod
    def fit(cls, pieces: Sequence[Piece]) -> Self:
        """That under which it is likeliest that ``pieces``, each with a note, lie where they do and not elsewhere."""
        notes = np.mean([_histogram(piece) for piece in pieces], axis=0)
        ends = [[f(piece.notes[:, 2]) for piece in pieces] for f in (np.min, np.max)]
        lowest, highest = (np.bincount(pitches, minlength=128) / len(pieces) for pitches in ends)
        table = np.log(np.stack([notes + SELDOM / 10, lowest + SELDOM, highest + SELDOM]))
        terms = np.stack([_terms(table, piece) for piece in pieces])

        def cost(weights: Floats) -> float:
            logits = log_softmax(terms @ weights, axis=1)
            return float(FLATNESS * weights @ weights - logits[:, KEPT_AS_IT_IS].mean())

        found = minimize(cost, np.ones(3), bounds=[(0, None)] * 3)
        return cls(table, np.asarray(found.x, dtype=np.float64))

    def chances(self, piece: Piece) -> Floats:
        """How likely each of ``SHIFTS`` is for a piece with notes, ``(12,)``; 0 where the model has no such pitch."""
        lowest, highest = (int(f(piece.notes[:, 2])) for f in (np.min, np.max))
        there = (lowest + SHIFTS >= LOWEST_PITCH) & (highest + SHIFTS < LOWEST_PITCH + PITCHES)
        if not there.any():
            there = SHIFTS == 0
        logits = np.where(there, _terms(self.table, piece) @ self.weights, -np.inf)
        found: Floats = np.exp(log_softmax(logits))
        return found

    def moved(self, piece: Piece, rng: np.random.Generator) -> Piece:
        """The piece in a transposition that is drawn from ``chances``; as it is where it has no note."""
        if not len(piece.notes):
            return piece
        return piece.transposed(int(rng.choice(SHIFTS, p=self.chances(piece))))

    def to_json(self) -> dict[str, Any]:
        """As ``KEYS_FILE`` has it."""
        return {"table": np.round(self.table, 3).tolist(), "weights": np.round(self.weights, 4).tolist()}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """From ``KEYS_FILE``."""
        return cls(np.array(found["table"], dtype=np.float64), np.array(found["weights"], dtype=np.float64))


def save_transpositions(folder: Path, found: Mapping[str, Transposition]) -> None:
    """Write ``KEYS_FILE`` into a folder: what is known by domain."""
    text = json.dumps({name: each.to_json() for name, each in found.items()})
    (folder / KEYS_FILE).write_text(text + "\n", encoding="utf-8")


def load_transpositions(folder: Path | None) -> dict[str, Transposition]:
    """What is known by domain; nothing where the folder has no ``KEYS_FILE``."""
    path = folder / KEYS_FILE if folder else None
    if path is None or not path.is_file():
        return {}
    return {name: Transposition.from_json(each) for name, each in json.loads(path.read_text(encoding="utf-8")).items()}


def _histogram(piece: Piece) -> Floats:
    """The share of the notes that have each pitch, ``(128,)``."""
    found: Floats = np.bincount(piece.notes[:, 2], minlength=128) / len(piece.notes)
    return found


def _terms(table: Floats, piece: Piece) -> Floats:
    """What the weights weigh, for each of ``SHIFTS``: ``(12, 3)``; pitches beyond 0-127 count as the outermost."""
    pitch = np.clip(piece.notes[:, 2][None] + SHIFTS[:, None], 0, 127)
    return np.stack([table[0][pitch].mean(1), table[1][pitch.min(1)], table[2][pitch.max(1)]], axis=1)
