"""Training a writer of titles: pairs of tune and title, early stopping by nats a letter on validation tunes.

There are some 3,000 titles, so a network learns them by heart within minutes. What holds it back: dropout, melodies
that are excerpts with fields unheard (``training.varied_notes``), melodies left out, weights averaged over steps, and
stopping when validation gets no better.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.progress import track
from torch import Tensor

from models.experiments.optimisation import AveragedTraining, rise_and_fall, share_done
from models.title.melody_encoders import LinearEncoder, MelodyConfig
from models.title.training import TERMS, WARM_UP, PairBatches, Variation
from models.title.tunes import Tune, padded, tunes_hash
from models.title.writer import TitleWriter, WriterConfig, save_writer

NO_MELODY = 0.2  # of the pairs in training
LEAST_GAIN = 1e-9
WHOLE_TITLES = Variation(word=0.0)


@dataclass(frozen=True)
class WriterPreset:
    """How much to train: steps at most, pairs a batch, peak learning rate, steps between validations, patience."""

    steps: int
    batch: int
    learning_rate: float
    validate_every: int
    patience: int
    config: WriterConfig
    weight_decay: float = 0.05


WRITER_PRESETS: Mapping[str, WriterPreset] = {
    "tiny": WriterPreset(120, 64, 1e-2, 20, 3, WriterConfig(MelodyConfig("bag", 16, 8), width=16, hidden=48)),
    "cpu": WriterPreset(900, 128, 6e-3, 50, 3, WriterConfig(MelodyConfig("bag", 48, 24))),
    "gpu": WriterPreset(1800, 128, 6e-3, 50, 6, WriterConfig(MelodyConfig("bag", 96, 48), hidden=512)),
}


@dataclass(frozen=True)
class TrainedWriter:
    """A writer after ``steps``, in eval mode, and its nats a letter on the validation tunes."""

    writer: TitleWriter
    steps: int
    nats: float


def train_writer(parts: Mapping[str, Sequence[Tune]], preset: WriterPreset, seed: int) -> TrainedWriter:
    """The weights that validate best, of the running mean of all."""
    torch.manual_seed(seed)
    writer = TitleWriter(preset.config)
    if isinstance(writer.melody, LinearEncoder):
        writer.melody.fit(padded([tune.notes for tune in parts["train"]]))
    training = AveragedTraining(writer, preset.learning_rate, preset.weight_decay)
    batches = PairBatches(parts["train"], preset.batch, seed, WHOLE_TITLES)
    for step in track(range(preset.steps), f"writer of titles, at most {preset.steps} steps"):
        torch.manual_seed(seed * 1_000_003 + step)  # dropout
        notes, titles = batches.draw(step)
        loss = batch_loss(training.model.train(), padded(notes), titles)
        done = share_done(step, preset.steps)
        training.update(loss, rise_and_fall(preset.learning_rate, step, done, warm_up=WARM_UP, least=0.05))
        if training.step % preset.validate_every == 0:
            training.judged(math.exp(-nats_a_letter(training.average, parts["validation"])))
            if training.step - training.best_step >= preset.patience * preset.validate_every:
                break
    training.average.load_state_dict(training.best)
    return TrainedWriter(training.average, training.best_step, -math.log(max(training.best_score, LEAST_GAIN)))


def batch_loss(writer: TitleWriter, notes: Tensor, titles: Sequence[str]) -> Tensor:
    """Nats a letter, of which some titles have no melody."""
    vectors = writer.melody(notes)
    known = torch.rand(len(titles), 1) >= NO_MELODY
    told, letters = writer.nats(torch.where(known, vectors, writer.no_melodies(len(titles))), titles)
    return told.sum() / letters.sum()


@torch.inference_mode()
def nats_a_letter(writer: TitleWriter, tunes: Sequence[Tune], *, melody: bool = True) -> float:
    """The mean over all letters of all titles of ``tunes``, with their melodies or with none; in eval mode."""
    owners = [row for row, tune in enumerate(tunes) for _ in tune.titles]
    vectors = writer.melodies(tunes)[owners] if melody else writer.no_melodies(len(owners))
    told, letters = writer.nats(vectors, [title for tune in tunes for title in tune.titles])
    return float(told.sum() / letters.sum())


def train_and_release(folder: Path, parts: Mapping[str, Sequence[Tune]], preset: str, seed: int) -> None:
    """Train a writer, write it with its card into ``folder``, and say how well it validates."""
    trained = train_writer(parts, WRITER_PRESETS[preset], seed)
    without = nats_a_letter(trained.writer, parts["validation"], melody=False)
    card = {
        "name": f"title-writer-{preset}",
        "preset": preset,
        "seed": seed,
        "steps": trained.steps,
        "data": {
            "sources": sorted({tune.source for tune in parts["train"]}),
            "hash": tunes_hash(parts["train"]),
            "tunes": len(parts["train"]),
            "held_out": "whole groups, drawn by hash; by name in held_out.json",
            "terms": TERMS,
        },
        "validation": {"nats": round(trained.nats, 4), "nats_without_melody": round(without, 4)},
    }
    held_out = {part: [tune.name for tune in tunes] for part, tunes in parts.items() if part != "train"}
    save_writer(folder, trained.writer, card, held_out)
    print(f"{folder}: {trained.nats:.4f} nats a letter on validation, {without:.4f} without the melody; evaluate it:")
    print(f"python -m models.evaluate.titles --generation --writer {folder}")
