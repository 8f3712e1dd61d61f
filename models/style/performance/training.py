"""Training the performance model: performances, the rows of notes that it trains on, and the loop.

An example is performed MIDI whose beats are known, taken apart into score and playing. The files are as Pop1K7's: notes
where they were played, the tempo map on the beats that were found, 4/4 from tick 0. The score is what the composing
models would see of the same file: notes on the token grid, tempi and velocities in steps. Rows are of neighbouring
notes, split by song, dithered, at times without the score's dynamics.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from models.experiments.optimisation import AveragedTraining, progress_bar, rise_and_fall, share_done
from models.experiments.provenance import commit
from models.experiments.run_log import RunLog
from models.music import corpora
from models.music.grouping import part_of, split
from models.music.midi import read_midi, seconds_per_tick, sounding
from models.music.midi_file import parse
from models.music.notes import TICKS_PER_QUARTER, MusicError, Piece
from models.music.tokens import on_grid
from models.style.performance.model import PerformanceConfig, PerformanceModel, PlayedBatch, in_units
from models.style.performance.player import save_performance_model
from models.style.performance.score import (
    ASPECTS,
    FEATURES,
    KNOWN,
    LOUD,
    MOST_LENGTH,
    MOST_SECONDS,
    MOST_TEMPO,
    TEMPO,
    VELOCITY,
    Floats,
    Played,
    bars_of,
    read_score,
    seconds_of_ticks,
)


@dataclass(frozen=True)
class Preset:
    """Optimiser steps, rows of ``context`` notes a batch, peak learning rate, held-out rows.

    Of the training rows a share are ``without_dynamics``: there the score does not tell how loud it is. The player's
    memory is spoiled by ``noise`` units.
    """

    steps: int
    rows: int
    context: int
    learning_rate: float
    check_every: int
    held_out_rows: int
    config: PerformanceConfig = field(default_factory=PerformanceConfig)
    without_dynamics: float = 0.35
    noise: float = 0.03
    falling: float = 0.4
    warm_up: int = 100


PRESETS: Mapping[str, Preset] = {
    "tiny": Preset(
        30, 4, 64, 2e-3, 10, 4, PerformanceConfig(dim=24, hidden=24, head=16, dilations=(1, 2), mixtures=3), warm_up=5
    ),
    "cpu": Preset(6000, 24, 192, 2e-3, 250, 96),
    "gpu": Preset(20_000, 96, 256, 2e-3, 500, 256, PerformanceConfig(dim=160, hidden=192)),
}


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


LEAST_NOTES = 32


@dataclass(frozen=True)
class Example:
    """A piece on the grid and how it was played."""

    piece: Piece
    played: Played


def read_example(path: Path, piece_id: str = "") -> Example:
    """The score and the playing in a file; raises ``MusicError`` where it can't be read or has few notes."""
    midi = parse(path)
    raw = sounding(midi)
    read = read_midi(path, piece_id=piece_id or path.stem, performed=True)
    piece = on_grid(read)
    if len(piece.notes) < LEAST_NOTES:
        raise MusicError(f"{path.name} has {len(piece.notes)} notes; at least {LEAST_NOTES} are needed")
    sixteenth = midi.tpq // 4
    places = (2 * raw[:, 0] + sixteenth) // (2 * sixteenth)
    skip = int(places.min()) // 16
    tempo_map = seconds_per_tick(np.array(midi.tempi, dtype=np.int64).reshape(-1, 2), midi.tpq)

    def seconds(ticks: npt.NDArray[np.number]) -> Floats:
        row = np.clip(np.searchsorted(tempo_map[:, 0], ticks, side="right") - 1, 0, None)
        found: Floats = tempo_map[row, 1] + (ticks - tempo_map[row, 0]) * tempo_map[row, 2]
        return found

    bars_s = seconds((np.arange(len(piece.bars) + 1) + skip) * 4 * midi.tpq)
    onset_s, end_s = seconds(raw[:, 0]), seconds(raw[:, 0] + raw[:, 1])
    # the longest of the notes that fall together on the grid is the one that the grid keeps
    longest = np.lexsort((raw[:, 1],))
    ticks = (places - 16 * skip) * (TICKS_PER_QUARTER // 4)
    found = {(int(ticks[i]), int(raw[i, 2])): int(i) for i in longest}
    score = read_score(piece)
    notes = piece.notes[score.order]
    rows = np.array([found.get((on, pitch), -1) for on, pitch in notes[:, [0, 2]].tolist()])
    if (rows < 0).any():
        raise MusicError(f"{path.name} has notes outside the piano")
    start = seconds_of_ticks(piece, bars_s, notes[:, 0])
    lasts = seconds_of_ticks(piece, bars_s, notes[:, 0] + notes[:, 1]) - start
    ratio = np.log(np.maximum(end_s[rows] - onset_s[rows], 0.01) / np.maximum(lasts, 0.01))
    actual = piece.bars[:, 1] / TICKS_PER_QUARTER * 60.0 / np.maximum(np.diff(bars_s), 1e-3)
    played = Played(
        np.clip(np.log(actual / score.base_tempo_bpm), -MOST_TEMPO, MOST_TEMPO),
        np.clip(onset_s[rows] - start, -MOST_SECONDS, MOST_SECONDS),
        raw[rows, 3].astype(np.float64),
        np.clip(ratio, -MOST_LENGTH, MOST_LENGTH),
    )
    return Example(piece, played)


LOG_EVERY = 25  # steps
SAVE_EVERY = 250
STATE = "state.safetensors"


def nats(model: PerformanceModel, batch: PlayedBatch, noise: float = 0.0) -> torch.Tensor:
    """Nats of each aspect, of tempo a bar, of the others a note: ``(4,)``."""
    counts = torch.full((4,), float(batch.real.sum()))
    counts[TEMPO] = max(1.0, float((batch.real & batch.opens).sum()))
    return model.losses(batch, noise) / counts


class PerformanceTraining:
    """A run in the folder ``out``; ``run`` goes on from where it stands until it has ``steps`` or ``minutes``."""

    def __init__(
        self,
        name: str,
        preset: Preset,
        sets: Mapping[str, PlayedSet],
        out: Path,
        *,
        about: Mapping[str, Any],
        held_out: Mapping[str, Sequence[str]],
        seed: int,
        minutes: float | None,
    ) -> None:
        self.name, self.preset, self.sets, self.out = name, preset, sets, out
        self.about, self.held_out, self.seed, self.minutes = about, held_out, seed, minutes
        torch.manual_seed(seed)
        self.training = AveragedTraining(PerformanceModel(preset.config), preset.learning_rate, 0.01)
        self.training.best_score = float("-inf")
        self.seconds, self.lines = 0.0, 0
        self.validation = held_out_batch(sets["validation"], rows=preset.held_out_rows, context=preset.context)

    def resume(self) -> None:
        """Take up what ``save`` wrote; raises ``FileNotFoundError``, or ``RuntimeError`` for another preset."""
        counts = self.training.resume(self.out / STATE)
        self.lines, self.seconds = int(counts["lines"]), counts["seconds"]

    def save(self, lines: int) -> None:
        """Write all that ``resume`` needs; a crash while writing leaves the last state whole."""
        self.training.save(self.out / STATE, {"lines": lines, "seconds": self.seconds})

    @property
    def done(self) -> float:
        """The share of the run that lies behind, 0 to 1."""
        return share_done(self.training.step, self.preset.steps, self.seconds, self.minutes)

    def learning_rate(self) -> float:
        """At this step, by the preset."""
        chosen = self.preset
        return rise_and_fall(
            chosen.learning_rate, self.training.step, self.done, warm_up=chosen.warm_up, falling=chosen.falling
        )

    def step(self) -> dict[str, float]:
        """One optimiser step; what it says of its batch."""
        preset = self.preset
        batch = training_batch(
            self.sets["train"], rows=preset.rows, context=preset.context, without_dynamics=preset.without_dynamics,
            rng=np.random.default_rng([self.seed, self.training.step]),
        )  # fmt: skip
        loss = nats(self.training.model, batch, preset.noise).sum()
        rate = self.learning_rate()
        return {"gradient": self.training.update(loss, rate), "loss": loss.item(), "learning_rate": rate}

    @torch.inference_mode()
    def check(self, log: RunLog) -> None:
        """Validate the average of the weights, and keep it in ``out/bundle`` where it is the best so far."""
        found = nats(self.training.average, self.validation)
        values = {**dict(zip(ASPECTS, found.tolist(), strict=True)), "sum": found.sum().item()}
        log.write("metrics", step=self.training.step, part="validation", values=values)
        self.training.judged(-values["sum"])
        if self.training.best_step == self.training.step:
            card = {
                "name": f"performance-{self.name}", "preset": self.name, "steps": self.training.step,
                "seed": self.seed, "data": dict(self.about),
                "validation": {name: round(value, 4) for name, value in values.items()},
                "config": asdict(self.preset.config),
            }  # fmt: skip
            weights = {name: value.numpy() for name, value in self.training.best.items()}
            save_performance_model(self.out / "bundle", weights, card, self.held_out)

    def run(self) -> None:
        """Train to the end."""
        with RunLog(self.out / "log.jsonl", self.lines) as log, progress_bar("performance", "loss") as bar:
            if not log.lines:
                until = {"steps": self.preset.steps} if self.minutes is None else {"minutes": self.minutes}
                about = {"preset": self.name, "seed": self.seed, "data": self.about["hash"], "commit": commit()}
                log.write("run", what="performance", **about, **until, config=asdict(self.preset.config))
            task = bar.add_task("performance", total=1000, completed=round(1000 * self.done), loss="")
            while self.done < 1:
                began = time.monotonic()
                found = self.step()
                self.seconds += min(time.monotonic() - began, 60.0)  # whoever stops the process costs it a minute
                at, last = self.training.step, self.done >= 1
                if at % LOG_EVERY == 0 or last:
                    log.write("metrics", step=at, part="train", values=found)
                    bar.update(task, completed=round(1000 * self.done), loss=f"{found['loss']:.3f}")
                if at % self.preset.check_every == 0 or last:
                    self.check(log)
                if at % SAVE_EVERY == 0 or last:
                    self.save(log.lines)
            log.write("end", step=self.training.step, best=-self.training.best_score, best_step=self.training.best_step)
