"""Performances as rows of neighbouring notes: split by song, dithered, at times without the score's dynamics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from models.music import corpora
from models.music.grouping import part_of, split
from models.music.notes import MusicError

from .model import PlayedBatch, in_units
from .reading import Example, read_example
from .score import FEATURES, KNOWN, VELOCITY, bars_of, read_score
from .units import LOUD

PERFORMED = "pop1k7"  # the corpus whose timing is a person's
DITHER = {LOUD: 0.5 / 12}  # in units: what a tick and a step of velocity may hide
PARTS = ("train", "validation", "test")
HELD_OUT = {"validation": 0.1, "test": 0.1}  # of songs that nobody has divided yet


@dataclass(frozen=True)
class PlayedSet:
    """Notes of all performances behind each other, in playing order; ``edges`` ``(pieces + 1,)`` divide them.

    ``features`` float16 ``(notes, FEATURES)``, ``values`` float32 ``(notes, 4)`` in units, ``first``, ``opens``.
    """

    features: npt.NDArray[np.float16]
    values: npt.NDArray[np.float32]
    first: npt.NDArray[np.bool_]
    opens: npt.NDArray[np.bool_]
    edges: npt.NDArray[np.int64]

    @classmethod
    def of(cls, examples: Sequence[Example]) -> PlayedSet:
        """The set of ``examples``, of which there is at least one."""
        columns: list[list[npt.NDArray[Any]]] = [[], [], [], []]
        for example in examples:
            score, played = read_score(example.piece), example.played
            bar = bars_of(example.piece, example.piece.notes[score.order, 0])
            told = np.stack([played.tempo[bar], played.late_s, played.velocity, played.length], axis=1)
            values = in_units(torch.from_numpy(told)).numpy()
            parts: tuple[npt.NDArray[Any], ...] = (
                score.features.astype(np.float16),
                values.astype(np.float32),
                score.first,
                score.opens,
            )
            for column, part in zip(columns, parts, strict=True):
                column.append(part)
        edges = np.cumsum([0, *map(len, columns[0])])
        features, values, first, opens = (np.concatenate(column) for column in columns)
        return cls(features, values, first, opens, edges)


def performed_songs(folder: Path) -> dict[str, list[Example]]:
    """The performances in a folder by part, whole songs.

    A folder of the corpora gives Pop1K7, divided as for the other models; any other the MIDI files in it. Raises
    ``MusicError`` where there are none.
    """
    if files := sorted(folder.glob(corpora.CORPORA[PERFORMED].pattern)):
        known = split(corpora.load(PERFORMED), seed=0)
        part_of_song = {piece.piece_id: part for part, pieces in known.items() for piece in pieces}
        named = [(path, f"{PERFORMED}/{path.stem}") for path in files]
    else:
        found = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in {".mid", ".midi"}]
        named = [(path, str(path.relative_to(folder))) for path in found]
        part_of_song = {name: part_of(name, 0, HELD_OUT) for _, name in named}
    parts: dict[str, list[Example]] = {part: [] for part in PARTS}
    for path, name in named:
        try:
            parts[part_of_song.get(name, "train")].append(read_example(path, name))
        except MusicError as error:
            print(f"{name} is left out: {error}")
    if not any(parts.values()):
        raise MusicError(f"{folder} has no performances: MIDI files whose tempo map follows the beats")
    return parts


def rows_of(played: PlayedSet, begins: Sequence[tuple[int, int]], size: int) -> PlayedBatch:
    """Rows of ``size`` notes, from each first note up to at most the end of its piece, filled up with nothing."""
    features = np.zeros((len(begins), size, FEATURES), dtype=np.float32)
    values = np.zeros((len(begins), size, 4), dtype=np.float32)
    first, opens, real = (np.zeros((len(begins), size), dtype=bool) for _ in range(3))
    for row, (begin, end) in enumerate(begins):
        count = min(size, end - begin)
        features[row, :count] = played.features[begin : begin + count]
        values[row, :count] = played.values[begin : begin + count]
        first[row, :count] = played.first[begin : begin + count]
        opens[row, :count] = played.opens[begin : begin + count]
        real[row, :count] = True
    first[:, 0] = True
    tensors = (torch.from_numpy(array) for array in (features, values, first, opens, real))
    return PlayedBatch(*tensors)


def training_batch(
    played: PlayedSet, *, rows: int, context: int, without_dynamics: float, rng: np.random.Generator
) -> PlayedBatch:
    """Rows from anywhere in the music, each note of it equally likely, some without the score's dynamics."""
    at = rng.integers(0, played.edges[-1], rows)
    piece = np.searchsorted(played.edges, at, side="right") - 1
    begins = np.maximum(played.edges[piece], at - rng.integers(0, context, rows))
    batch = rows_of(played, list(zip(begins.tolist(), played.edges[piece + 1].tolist(), strict=True)), context)
    for aspect, width in DITHER.items():
        batch.values[..., aspect] += torch.from_numpy(rng.uniform(-width, width, batch.real.shape)).float()
    mute(batch, rng.random(rows) < without_dynamics)
    return batch


def mute(batch: PlayedBatch, rows: npt.NDArray[np.bool_]) -> None:
    """Take the score's dynamics out of some rows."""
    chosen = torch.from_numpy(rows)
    batch.features[chosen, :, KNOWN] = 0
    batch.features[chosen, :, VELOCITY] = 0


def held_out_batch(played: PlayedSet, *, rows: int, context: int) -> PlayedBatch:
    """The same rows every time, spread over the pieces; every other one without dynamics, dithered the same way."""
    rng = np.random.default_rng(0)
    pieces = np.linspace(0, len(played.edges) - 2, min(rows, 4 * (len(played.edges) - 1))).astype(int)
    begins = []
    for piece in pieces:
        low, high = int(played.edges[piece]), int(played.edges[piece + 1])
        begins.append((int(rng.integers(low, max(low + 1, high - context))), high))
    batch = rows_of(played, begins, context)
    for aspect, width in DITHER.items():
        batch.values[..., aspect] += torch.from_numpy(rng.uniform(-width, width, batch.real.shape)).float()
    mute(batch, np.arange(len(begins)) % 2 == 1)
    return batch
