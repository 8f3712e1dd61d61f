"""Train the piece model: ``python -m models.train.pieces DATA --preset tiny|cpu|gpu --out OUT [--resume]``.

DATA is the folder of the corpora (what ``KALLOS_CORPORA`` names elsewhere; those that come with music21 are trained on
as well) or a folder of MIDI and ABC files. EMOPIA's clips get the bars that the shipped beat network hears in them. The
shipped judge says which mood bars have. ``--minutes`` ends the run after that time, with the learning rate falling to
its end; else it ends after the preset's steps. ``--from`` goes on from trained weights, at a lower learning rate that
soon falls, and in the end averages both where that validates better. ``--context`` has rows of so many steps instead,
and as many fewer of them: what the model hears at once, in writing too. ``--domains`` trains on these kinds alone, and
``--outer-first`` lets the outer voices of each onset come first. With ``--latents`` it learns to hear the bar latents
of these style weights, which stay as they are; in writing it can then be told some of them, all or none. OUT has what
``--resume`` needs after the run was killed, the log (``log.jsonl``), and in ``OUT/bundle`` the weights that validated
best so far. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.experiments.arguments import (
    add_domains_argument,
    add_run_arguments,
    exit_on_error,
    exit_without_music,
    positive_int,
    run_folder,
)
from models.experiments.optimisation import trained_weights
from models.experiments.provenance import commit
from models.mood.beats import load_beats, performances_with_bars
from models.mood.judge import load_mood, with_moods
from models.music import corpora
from models.style.bundle import CARD
from models.style.checkpoint import Origin, StyleBundle, load_style
from models.style.pieces.bar_latents import Reader, scale_of
from models.style.pieces.model import PieceBundle, load_pieces_model, weights_with_moods
from models.style.pieces.training import PRESETS, STATE, PieceTraining, Preset, RunPieces, run_pieces

# Of the preset's learning rate, for weights that were trained before, and the share of the steps over which it falls:
# held high it undoes for an hour what its fall had brought
FINE_TUNING, FALLING = 0.4, 0.8
WARM_UP = 20  # steps at most
HEARING = 2e-3  # the learning rate of what is to hear latents
SCALED = 600  # pieces off which the scale of latents is read
ENCODER = "encoder.txt"
DROPOUT = 0.2  # at least, of weights that know music already: the less of it they go on with, the sooner by heart


def own_folder(data: Path) -> Path | None:
    """``data`` as a folder of one's own music; None where it is the corpora's, which are read from there then."""
    if not data.is_dir():
        raise SystemExit(f"{data} is no folder; give the one of the corpora or of your MIDI and ABC files")
    before = os.environ.get("KALLOS_CORPORA", "")
    os.environ["KALLOS_CORPORA"] = str(data)
    if any(corpus.files() for corpus in corpora.CORPORA.values() if not corpus.shipped):
        return None
    os.environ["KALLOS_CORPORA"] = before
    return data


def _trained(name: str) -> PieceBundle:
    with exit_on_error():
        return load_pieces_model(name)


def _fine_tuning(preset: Preset, trained: PieceBundle) -> Preset:
    """At a lower learning rate, the trained model in rows as long as the preset's, and told moods if it would be."""
    config = replace(trained.model.config, context=preset.config.context, moods=preset.config.moods)
    rate, dropout = FINE_TUNING * preset.learning_rate, max(DROPOUT, preset.dropout)
    warm_up = min(WARM_UP, preset.warm_up)
    return replace(preset, learning_rate=rate, falling=FALLING, warm_up=warm_up, dropout=dropout, config=config)


def _with_context(preset: Preset, context: int) -> Preset:
    """Rows of ``context`` steps, and as many of them as make a batch of about as many steps as the preset's."""
    rows = max(1, preset.rows * preset.config.context // context)
    return replace(preset, rows=rows, config=replace(preset.config, context=context))


def _config_of(out: Path) -> dict[str, Any]:
    """The sizes of the model that the run in ``out`` trains, as its log says."""
    with (out / "log.jsonl").open(encoding="utf-8") as log:
        found: dict[str, Any] = json.loads(log.readline())["config"]
        return found


def _encoder(name: str | None, out: Path) -> StyleBundle:
    """The style weights ``name``, by default the shipped; those that the run in ``out`` began with, if it did."""
    with exit_on_error():
        style = load_style(name or "default")
    noted = out / ENCODER
    if noted.exists() and (before := noted.read_text(encoding="utf-8").strip()) != style.version:
        raise SystemExit(
            f"the run in {out} hears the latents of {before}, not of {style.version}; give --latents for it"
        )
    return style


def _adopt(style: StyleBundle, folder: Path) -> None:
    """A style model of one's own that names no piece model composes with the one in ``folder`` from now on."""
    if style.folder is None or "pieces" in style.card:
        return
    card = {**style.card, "pieces": str(folder.absolute())}
    (style.folder / CARD).write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _scale(style: StyleBundle, pieces: RunPieces, begun: Path | None) -> Tensor:
    """The scale of the latents: what the run that has ``begun`` goes by, else as they vary in the training pieces."""
    if begun:
        return trained_weights(begun / STATE)[0]["latents.scale"]
    every = pieces.train.each()
    return scale_of(style.model, every[:: max(1, len(every) // SCALED)])


def _hearing(preset: Preset, style: StyleBundle, start: PieceBundle | None) -> Preset:
    """As the preset, for a model that learns to hear latents: quickly, with an average of its weights kept.

    It is to write with as many steps in its ears as the one that it began as.
    """
    sizes = Reader(style.model, torch.ones(0)).sizes
    config = replace(preset.config, latents=sizes)
    if preset.anew:
        return replace(preset, falling=0.6, averaging=0.995, config=config)
    return replace(
        preset, rows=max(1, preset.rows // 2), learning_rate=HEARING, falling=0.4, dropout=0.1, averaging=0.998,
        config=config, writes_with=start.model.config.context if start else 0,
    )  # fmt: skip


def _begun_from(given: argparse.Namespace, out: Path) -> tuple[PieceBundle | None, Origin | None]:
    """The trained weights that the run goes on from, or went on from when it began in ``out``."""
    origin = Origin.of(out) if given.resume else None
    if origin:
        start = _trained(origin.folder)
        if start.version != origin.version:
            raise SystemExit(f"{origin.folder} holds {start.version} now, the run began with {origin.version}")
        return start, origin
    if given.start and not given.resume:
        start = _trained(given.start)
        return start, Origin(start.version, int(start.card["steps"]), str(start.folder))
    return None, None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m models.train.pieces", description=__doc__)
    parser.add_argument("data", type=Path, help="folder of the corpora, or of MIDI and ABC files")
    add_run_arguments(parser, PRESETS, "runs/pieces")
    parser.add_argument("--from", dest="start", help="trained weights to go on from: a shipped piece model or a folder")
    parser.add_argument("--context", type=positive_int, help="steps a row, instead of the preset's")
    add_domains_argument(parser)
    parser.add_argument(
        "--outer-first", action="store_true", help="an onset's highest note comes first, then its lowest"
    )
    parser.add_argument("--latents", help="style weights whose bar latents the model is to hear: a name or a folder")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    given = _parser().parse_args(argv)
    preset = PRESETS[given.preset]
    if given.steps:
        preset = replace(preset, steps=given.steps)
    out = run_folder(given, STATE)
    start, origin = _begun_from(given, out)
    before = _config_of(out) if given.resume else {}
    hears = bool(given.latents or before.get("latents"))
    if start and not (hears and preset.anew):
        preset = _fine_tuning(preset, start)
    if context := before.get("context", given.context):
        preset = _with_context(preset, context)
    style = _encoder(given.latents, out) if hears else None
    if style:
        preset = _hearing(preset, style, start)
    if before.get("outer_first", given.outer_first):
        preset = replace(preset, config=replace(preset.config, outer_first=True))
    data = own_folder(given.data)
    with exit_without_music("train"):
        pieces = run_pieces(
            data,
            out,
            again=given.resume,
            domains=given.domains,
            judged=partial(with_moods, load_mood().first),
            joined=partial(performances_with_bars, load_beats().network) if "pop" in given.domains else None,
        )
    reader = None if style is None else Reader(style.model, _scale(style, pieces, out if given.resume else None))
    if style:
        (out / ENCODER).write_text(style.version + "\n", encoding="utf-8")
    training = PieceTraining(
        given.preset, preset, pieces, out, seed=given.seed, minutes=given.minutes, device=given.device, origin=origin,
        start=weights_with_moods(start.model) if start else None, reader=reader,
        hears=style.version if style else "",
    )  # fmt: skip
    if origin:
        origin.write(out)
    else:
        Origin.forget(out)
    if given.resume:
        try:
            training.resume()
        except (ValueError, RuntimeError) as error:
            raise SystemExit(f"the run in {out} cannot go on as {given.preset}: {error}") from error
    progress = training.run()
    if style:
        _adopt(style, out / "bundle")
    card = json.loads((out / "bundle" / "card.json").read_text(encoding="utf-8"))
    last = {
        "command": "models.train.pieces", "version": card["version"], "commit": commit(), "seed": given.seed,
        "steps": training.training.step, "seconds": round(progress.seconds, 1), "best_step": progress.best_step,
        "data": card["data"]["hash"], "validation": card["validation"],
    }  # fmt: skip
    print(json.dumps(last))


if __name__ == "__main__":
    main()
