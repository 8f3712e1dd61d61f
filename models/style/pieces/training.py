"""Training the piece model: presets, the pieces of a run, and the loop (data, forward, backward, log, evaluate, save).

Pieces are split by tune as the style model's, and kept as tokens in the run's folder. ``element_losses`` is the
cross-entropy by element. Fine-tuned weights are averaged with those that they began from: on the way from the one to
the other lie weights that keep more of what was known before and nearly all that was learned since (WiSE-FT, Wortsman
et al. 2022).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from models.experiments.dataset import training_pieces
from models.experiments.optimisation import MasterWeights, progress_bar, rise_and_fall, share_done
from models.experiments.provenance import commit, data_hash
from models.experiments.run_log import RunLog
from models.music.grouping import group_ids, split
from models.music.notes import DOMAINS, MusicError, Piece
from models.music.tokens import FIELDS, POSITION
from models.style.checkpoint import Origin, terms_of
from models.style.pieces.bar_latents import Reader
from models.style.pieces.conditions import ABSENT
from models.style.pieces.data import Batch, PieceSet, held_out_batches, training_batch
from models.style.pieces.model import CHAINS, Coming, PieceConfig, PieceModel, load_pieces_model, save_pieces_model
from models.style.windows import own_parts


@dataclass(frozen=True)
class Preset:
    """Optimiser steps, rows of ``config.context`` steps a batch, peak learning rate, held-out rows a domain.

    ``share`` is that of each domain's rows: chorales are few, and soon known by heart. The learning rate rises for
    ``warm_up`` steps and falls over the last ``falling`` of them all. It validates every ``check_every`` steps.
    ``dropout``: the share of what is heard, and of what each layer adds, that is left out. ``averaging``: of the
    weights that are kept, as in ``MasterWeights``. ``writes_with``: how many steps the model hears at once in writing,
    where these are others than in training. ``anew``: whether weights that know music learn as fast as those that are
    added to hear latents, which takes far more steps than two cores do; else they change slowly.
    """

    steps: int
    rows: int
    learning_rate: float
    check_every: int
    held_out_rows: int
    config: PieceConfig = field(default_factory=PieceConfig)
    falling: float = 0.4
    share: Mapping[str, float] = field(default_factory=lambda: {"pop": 0.65, "dance": 0.29, "chorale": 0.06})
    warm_up: int = 200
    dropout: float = 0.0
    averaging: float = 0.0
    writes_with: int = 0
    anew: bool = False


PRESETS: Mapping[str, Preset] = {
    "tiny": Preset(
        60,
        4,
        2e-3,
        20,
        2,
        PieceConfig(dim=64, layers=2, heads=2, hidden=64, condition=32, context=128, moods=True),
        warm_up=10,
    ),
    "cpu": Preset(6000, 8, 1e-3, 250, 12, PieceConfig(context=1024, moods=True)),
    "gpu": Preset(
        2200,
        32,
        1e-3,
        200,
        12,
        PieceConfig(dim=320, hidden=384, context=2048, moods=True),
        falling=0.5,
        share={"pop": 0.7, "dance": 0.26, "chorale": 0.04},
        warm_up=100,
        dropout=0.2,
        anew=True,
    ),
}


PARTS = ("train", "validation", "test")
Joined = Callable[[], Sequence[Piece]]
Judged = Callable[[PieceSet, Sequence[PieceSet]], Sequence[PieceSet]]


@dataclass(frozen=True)
class RunPieces:
    """What a run trains on, what it validates on, and what a card says of both (sources, terms, hash, counts).

    ``held_out`` has the names of the pieces of the other parts.
    """

    train: PieceSet
    validation: PieceSet
    about: Mapping[str, Any]
    held_out: Mapping[str, list[str]]


def run_pieces(
    data: Path | None,
    out: Path,
    *,
    again: bool,
    domains: Collection[str] = DOMAINS,
    judged: Judged | None = None,
    joined: Joined | None = None,
) -> RunPieces:
    """The pieces of the run in ``out``: read and split now and noted there, or as noted there (``again``).

    ``data`` is a folder of MIDI and ABC files; None stands for the corpora, to whose training part come those
    ``joined`` pieces that are no tune of the others. Those of ``domains`` are kept. ``judged`` gives the training
    pieces, and others, the moods of their bars. Raises ``MusicError`` where there is nothing to train on.
    """
    kept = {part: out / f"{part}.npz" for part in ("train", "validation")}
    record = out / "data.json"
    if not (again and record.exists() and all(path.exists() for path in kept.values())):
        _read(data, out, domains, judged, joined)
    noted = json.loads(record.read_text(encoding="utf-8"))
    sets = {part: PieceSet.load(path) for part, path in kept.items()}
    return RunPieces(sets["train"], sets["validation"], noted["about"], noted["held_out"])


def _read(data: Path | None, out: Path, domains: Collection[str], judged: Judged | None, joined: Joined | None) -> None:
    pieces = training_pieces(data)
    parts = split(pieces, seed=0) if data is None else own_parts(pieces)
    if joined and data is None:
        others = [piece for part in PARTS[1:] for piece in parts[part]]
        parts = {**parts, "train": [*parts["train"], *unlike(joined(), others)]}
    parts = {part: [piece for piece in pieces if piece.domain in domains] for part, pieces in parts.items()}
    sets: dict[str, PieceSet] = {}
    for part in PARTS:
        try:
            sets[part] = PieceSet.of(parts[part])
        except MusicError:
            if part == "train":
                raise
    held_out = sets.get("validation") or sets.get("test")
    train, validation = sets["train"], held_out or sets["train"]
    if judged is not None:
        train, validation = judged(train, [validation])
    train.save(out / "train.npz")
    validation.save(out / "validation.npz")
    about = {
        "hash": data_hash(parts["train"]),
        "sources": sorted({piece.source for piece in parts["train"]}),
        "terms": terms_of(parts["train"]),
        "pieces": len(sets["train"]),
        "steps": len(sets["train"].tokens),
        "held_out": "by tune, names in held_out.json" if held_out else "nothing, for want of a second piece",
    }
    names = {part: sorted(sets[part].names) for part in PARTS[1:] if part in sets}
    text = json.dumps({"about": about, "held_out": names}, ensure_ascii=False)
    (out / "data.json").write_text(text + "\n", encoding="utf-8")


def unlike(pieces: Sequence[Piece], others: Sequence[Piece]) -> list[Piece]:
    """Those of ``pieces`` that are of no group (``group_ids``) of the ``others``."""
    groups = group_ids([*others, *pieces])
    held_out = set(groups[: len(others)])
    return [piece for piece, group in zip(pieces, groups[len(others) :], strict=True) if group not in held_out]


SHARES = (0.9, 0.75, 0.6, 0.5, 0.25)  # of the fine-tuned weights


@dataclass(frozen=True)
class Average:
    """Weights of which a ``share`` is fine-tuned, and their ``validation``, as ``validate`` gives it."""

    share: float
    weights: Mapping[str, Tensor]
    validation: Mapping[str, float]


def best_average(
    before: Mapping[str, Tensor],
    after: Mapping[str, Tensor],
    config: PieceConfig,
    held_out: Mapping[str, Batch],
    device: str = "cpu",
) -> Average:
    """The one of ``SHARES`` with the fewest nats in the mean over the domains; both are weights of ``config``."""
    model = PieceModel(config).to(device)
    found: list[Average] = []
    for share in SHARES:
        weights = {name: torch.lerp(before[name].to(last), last, share) for name, last in after.items()}
        model.load_state_dict(weights)
        found.append(Average(share, weights, validate(model, held_out)))
    return min(found, key=lambda average: average.validation["mean"])


def element_losses(model: PieceModel, batch: Batch) -> dict[int, Tensor]:
    """The summed cross-entropy in nats of each element over the steps that have it, and so the whole of all of them."""
    memory = model.remember(batch.steps.told)
    state, following = model(batch.steps, memory=memory).flatten(0, 1), batch.following.flatten(0, 1)
    found: dict[int, Tensor] = {}
    for chain in CHAINS:
        rows = torch.nonzero(following[:, chain[0]] >= 0)[:, 0]
        own, coming = state.index_select(0, rows), following[rows]
        place = None if memory is None else Coming.after(batch.steps, memory, rows)
        for element in chain:
            logits = model.logits(own, element, coming, place)
            found[element] = F.cross_entropy(logits, coming[:, element], reduction="sum", ignore_index=ABSENT)
    return found


def step_count(batch: Batch) -> int:
    """How many steps of ``batch`` are to be told."""
    return int((batch.following[..., POSITION] >= 0).sum())


@torch.inference_mode()
def validate(model: PieceModel, held_out: Mapping[str, Batch]) -> dict[str, float]:
    """Nats a step of each domain's batch, in all and by element; ``mean`` is over the domains. Nothing drops out."""
    found: dict[str, float] = {}
    training = model.training
    model.eval()
    for domain, batch in held_out.items():
        losses, count = element_losses(model, batch), step_count(batch)
        found |= {f"{domain}.{FIELDS[element]}": loss.item() / count for element, loss in losses.items()}
        found[domain] = sum(loss.item() for loss in losses.values()) / count
    model.train(training)
    found["mean"] = sum(found[domain] for domain in held_out) / len(held_out)
    return found


LOG_EVERY = 25  # steps
WORKERS = 16  # processes that make batches ahead for a GPU
SAVE_SECONDS = 240.0
# Those that the log tells
HYPERPARAMETERS = ("rows", "learning_rate", "falling", "warm_up", "check_every", "share", "dropout", "averaging")
STATE = "state.safetensors"


@dataclass
class Progressed:
    """How far a run has come, saved with its weights: seconds it trained, its best validation, lines of its log."""

    seconds: float = 0.0
    best: float = float("inf")
    best_step: int = 0
    lines: int = 0


class _Batches(Dataset[Batch]):
    """Training batches by number."""

    def __init__(self, pieces: PieceSet, preset: Preset, seed: int, reader: Reader | None) -> None:
        self.pieces, self.preset, self.seed, self.reader = pieces, preset, seed, reader

    def __getitem__(self, number: int) -> Batch:
        chosen = self.preset
        return training_batch(
            self.pieces, rows=chosen.rows, context=chosen.config.context, seed=self.seed, number=number,
            share=chosen.share, reader=self.reader,
        )  # fmt: skip


class PieceTraining:
    """A run in the folder ``out``; ``run`` goes on from where it stands until it has ``steps`` or ``minutes``.

    With ``minutes`` the learning rate falls by the time that has passed, whatever was reached in it, so that two such
    runs aren't the same; by steps alone they are. ``origin``: the weights that it went on from, which the card names,
    with ``start``, what they are. ``reader``: of the latents that the model is told; where ``start`` was told none,
    what hears them learns, and all else changes slowly. ``hears``: the version of the weights that these are of.
    """

    def __init__(
        self,
        name: str,
        preset: Preset,
        pieces: RunPieces,
        out: Path,
        *,
        seed: int,
        minutes: float | None,
        device: str,
        origin: Origin | None = None,
        start: Mapping[str, Tensor] | None = None,
        reader: Reader | None = None,
        hears: str = "",
    ) -> None:
        if preset.config.outer_first:
            pieces = replace(pieces, train=pieces.train.outer_first(), validation=pieces.validation.outer_first())
        self.name, self.preset, self.pieces, self.out, self.seed = name, preset, pieces, out, seed
        self.minutes, self.device, self.origin, self.start = minutes, device, origin, start
        self.reader, self.hears = reader, hears
        torch.manual_seed(seed)
        model = PieceModel(preset.config, preset.dropout).to(device)
        fresh = {} if start is None else {k: v for k, v in model.state_dict().items() if k not in start}
        if fresh and reader:
            fresh["latents.scale"] = reader.scale
        gently = bool(fresh) and not preset.anew
        known = [weight for name, weight in model.named_parameters() if name not in fresh] if gently else []
        orthogonal = [] if gently else model.matrices()
        averaging = preset.averaging
        self.training = MasterWeights(model, preset.learning_rate, averaging, orthogonal, slower=known)
        if start is not None:
            self.training.begin_with({**fresh, **start})
            self.start = None if fresh else start  # nothing to average with
        self.progress = Progressed()
        held_out = held_out_batches(
            pieces.validation, rows=preset.held_out_rows, context=preset.config.context, reader=reader
        )
        self.held_out = {domain: batch.to(device) for domain, batch in held_out.items()}

    def resume(self) -> None:
        """Take up what ``save`` wrote; raises ``FileNotFoundError``, or ``ValueError`` for another kind of training."""
        counts = self.training.resume(self.out / STATE)
        self.progress = Progressed(counts["seconds"], counts["best"], int(counts["best_step"]), int(counts["lines"]))

    def save(self) -> None:
        """Write all that ``resume`` needs; a crash while writing leaves the last state whole."""
        self.training.save(self.out / STATE, asdict(self.progress))

    @property
    def done(self) -> float:
        """The share of the run that lies behind, 0 to 1."""
        return share_done(self.training.step, self.preset.steps, self.progress.seconds, self.minutes)

    def learning_rate(self) -> float:
        """At this step, by the preset."""
        chosen = self.preset
        return rise_and_fall(
            chosen.learning_rate, self.training.step, self.done, warm_up=chosen.warm_up, falling=chosen.falling
        )

    def batches(self) -> Iterator[Batch]:
        """Training batches from this step on, each depends on its number alone; made ahead where a GPU waits."""
        workers = 0 if self.device == "cpu" else min(WORKERS, os.cpu_count() or 1)
        numbered = _Batches(self.pieces.train, self.preset, self.seed, self.reader)
        return iter(DataLoader(numbered, batch_size=None, sampler=count(self.training.step), num_workers=workers))

    def step(self, batch: Batch) -> dict[str, float]:
        """One optimiser step; what it says of its batch."""
        torch.manual_seed(self.seed * 1_000_003 + self.training.step)  # what drops out, also after a run was killed
        batch = batch.to(self.device)
        told = step_count(batch)
        loss = torch.stack(list(element_losses(self.training.working, batch).values())).sum() / told
        rate = self.learning_rate()
        gradient = self.training.update(loss, rate)
        return {"loss": loss.item(), "gradient": gradient, "learning_rate": rate, "steps": told}

    def check(self, log: RunLog) -> None:
        """Validate, and keep the weights in ``out/bundle`` where they are the best so far."""
        kept = self.training.average if self.preset.averaging else self.training.master
        found = validate(kept if self.preset.averaging else self.training.working, self.held_out)
        log.write("metrics", step=self.training.step, part="validation", values=found)
        if found["mean"] < self.progress.best:
            self.progress.best, self.progress.best_step = found["mean"], self.training.step
            self._keep(kept.state_dict(), found)
        self.progress.lines = log.lines

    def _keep(self, weights: Mapping[str, Tensor], found: Mapping[str, float], **more: Any) -> None:
        """Write ``out/bundle``; ``found`` is what validation said of the weights, ``more`` is for the card as well."""
        card = {
            "name": f"pieces-{self.name}", "preset": self.name, "steps": self.progress.best_step, "seed": self.seed,
            "data": dict(self.pieces.about),
            **({"from": self.origin.told()} if self.origin else {}), **({"latents": self.hears} if self.hears else {}),
            **more,
            "validation": {name: round(value, 4) for name, value in found.items()},
        }  # fmt: skip
        config = self.preset.config
        config = replace(config, context=self.preset.writes_with or config.context)
        save_pieces_model(self.out / "bundle", config, weights, card, self.pieces.held_out)

    def _average(self, start: Mapping[str, Tensor]) -> None:
        """Average the best weights with those that the run went on from, where that is better still."""
        best = load_pieces_model(self.out / "bundle", self.device).model.state_dict()
        found = best_average(start, best, self.preset.config, self.held_out, self.device)
        if found.validation["mean"] < self.progress.best:
            self.progress.best = found.validation["mean"]
            self._keep(found.weights, found.validation, average=found.share)

    def run(self) -> Progressed:
        """Train to the end."""
        with RunLog(self.out / "log.jsonl", self.progress.lines) as log, progress_bar("pieces", "loss") as bar:
            if not log.lines:
                about = {"preset": self.name, "seed": self.seed, "data": self.pieces.about["hash"], "commit": commit()}
                until = {"steps": self.preset.steps} if self.minutes is None else {"minutes": self.minutes}
                chosen = {name: getattr(self.preset, name) for name in HYPERPARAMETERS}
                config = asdict(self.preset.config)
                log.write("run", what="pieces", **about, **until, config=config, hyperparameters=chosen)
            task = bar.add_task("pieces", total=1000, completed=round(1000 * self.done), loss="")
            saved, batches = time.monotonic(), self.batches()
            while self.done < 1:
                began = time.monotonic()
                found = self.step(next(batches))
                took = min(time.monotonic() - began, 60.0)  # whoever stops the process for a while costs it a minute
                self.progress.seconds += took
                at, last = self.training.step, self.done >= 1
                if at % LOG_EVERY == 0 or last:
                    speed = found.pop("steps") / took
                    log.write("metrics", step=at, part="train", values={**found, "steps_per_second": speed})
                    bar.update(task, completed=round(1000 * self.done), loss=f"{found['loss']:.3f}")
                if at % self.preset.check_every == 0 or last:
                    self.check(log)
                if at % self.preset.check_every == 0 or last or time.monotonic() - saved > SAVE_SECONDS:
                    self.progress.lines = log.lines
                    self.save()
                    saved = time.monotonic()
            if self.start is not None:
                self._average(self.start)
            log.write("end", step=self.training.step, best=self.progress.best, best_step=self.progress.best_step)
        return self.progress
