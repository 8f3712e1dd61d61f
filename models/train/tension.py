"""Train what scores tension: ``python -m models.train.tension --preset tiny|cpu|gpu [--data DIR] [--out OUT]``.

The piece model (``--pieces``, the shipped one by default) hears the music and stays as it is. What is trained is the
recogniser of a piece's own bars, and heads: what comes in one, two and four bars, and what was heard after one, two,
four and eight (``models.tension.unfolding``). These hear bars by a style model (``--style``); the mood of a piece is
what the shipped judge says of it. Validation music says what is usual, test music what the heads are worth. DIR is a
folder of MIDI and ABC files instead of the corpora. OUT gets the bundle; it takes minutes, so nothing is resumed. The
last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from models.experiments.arguments import exit_on_error, exit_without_music, output_folder
from models.experiments.dataset import piece_name, training_pieces
from models.experiments.provenance import commit, data_hash
from models.mood.judge import bar_moods, load_mood
from models.music.corpora import NEVER_SHIPPED
from models.music.notes import DOMAINS, MusicError, Piece
from models.style.checkpoint import load_style, terms_of
from models.style.evaluation.clips import corpora_parts
from models.style.pieces.model import PieceBundle, load_pieces_model
from models.style.pieces.sampling import Writer
from models.style.windows import own_parts
from models.tension.evaluation import EXCERPT_BARS, measured
from models.tension.past import Bars, Others
from models.tension.reading import LEAST
from models.tension.reading import read_all as read_bar_by_bar
from models.tension.score import Ears, Usual, load_tension, save_tension
from models.tension.training import PRESETS, Preset, read_all, train
from models.tension.unfolding import figures, fit

MOST_OTHERS = 4000  # bars a domain that are shipped, among which others are recognised
COMPOSED_BARS = 16  # of each composed piece, where bars of real ones may not be shipped


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.train.tension", description=__doc__)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="cpu")
    parser.add_argument("--data", type=Path, help="folder of MIDI and ABC files instead of the corpora")
    parser.add_argument("--pieces", default="pieces-latents", help="the piece model, by name or folder")
    parser.add_argument("--style", default="style-cpu", help="the style model that places bars, by name or folder")
    parser.add_argument("--recogniser", help="a tension model whose recogniser is taken over: heads alone are trained")
    parser.add_argument("--out", type=Path, default=Path("runs/tension"))
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(argv)
    preset, out, started = PRESETS[given.preset], output_folder(given.out), time.monotonic()
    with exit_on_error():
        kept = load_tension(given.recogniser) if given.recogniser else None
        pieces = load_pieces_model(kept.card["pieces"]["name"] if kept else given.pieces)
        style = load_style(given.style)
    if pieces.model.config.outer_first:
        raise SystemExit(f"{given.pieces} hears outer voices first; give a piece model that hears notes upwards")
    few = max(4, preset.pieces // 4)
    with exit_without_music("train"):
        parts = corpora_parts(pieces.folder) if given.data is None else own_parts(training_pieces(given.data))
        validation = parts["validation"] or parts["test"] or parts["train"]
        if kept:
            card = {name: value for name, value in kept.card.items() if name != "version"}
            ears, usual = kept.ears, kept.usual
        else:
            card, ears, usual = _recogniser(pieces, parts["train"], validation, preset, given.seed)
            card |= {"name": f"tension-{given.preset}", "preset": given.preset, "seed": given.seed}
            card["pieces"] = {"name": given.pieces, "version": pieces.version}
        judge = load_mood()
        moods = partial(bar_moods, judge.first)
        music = {
            "train": (parts["train"], preset.pieces),
            "validation": (validation, few),
            "test": (parts["test"] or validation, 2 * few),
        }
        read = {
            part: read_bar_by_bar(pieces.model, style.model, moods, some, each=each, seed=given.seed)
            for part, (some, each) in music.items()
        }
    if not all(read.values()):
        raise SystemExit(f"no piece has {LEAST} bars; give longer ones, from which heads can learn")
    heads = fit(style.model, read, seed=given.seed, steps=preset.head_steps, task_steps=preset.head_steps)
    card["heads"] = {
        "style": {"name": given.style, "version": style.version},
        "mood": {"version": judge.version, "terms": judge.card["data"]["terms"]},
        "steps": preset.head_steps, "seed": given.seed, "commit": commit(),
        "pieces": {part: len(each) for part, each in read.items()},
        "test": figures(heads, read, seed=given.seed),
    }  # fmt: skip
    names = {part: [piece_name(piece) for piece in parts[part]] for part in ("validation", "test")}
    save_tension(out, ears, usual, heads=heads, card=card, held_out=names)
    written = load_tension(out).card
    last = {
        "command": "models.train.tension", "version": written["version"], "commit": commit(), "seed": given.seed,
        "steps": preset.steps, "seconds": round(time.monotonic() - started, 1), "validation": written["validation"],
    }  # fmt: skip
    print(json.dumps(last))


def _recogniser(
    pieces: PieceBundle, train_on: Sequence[Piece], validation: Sequence[Piece], preset: Preset, seed: int
) -> tuple[dict[str, Any], Ears, dict[str, Usual]]:
    """Train it: its part of the card, what hears with it, and what is usual; ends where there is too little music."""
    few = max(4, preset.pieces // 4)
    bars = read_all(pieces.model, train_on, each=preset.pieces, most=preset.bars, seed=seed)
    held_out = read_all(pieces.model, validation, each=few, most=preset.bars, seed=seed)
    recogniser, found = train(bars, held_out, preset, inputs=pieces.model.config.dim, seed=seed)
    others = {}
    composed = composed_bars(pieces, train_on, preset, seed=seed)
    for domain, own in (bars | composed).items():
        whole = Others.of(recogniser, own)
        some = np.sort(np.random.default_rng(seed).permutation(len(whole.piece))[:MOST_OTHERS])
        others[domain] = Others(*(getattr(whole, name)[some] for name in Others.__dataclass_fields__))
    ears = Ears(pieces.model, recogniser, others)
    usual = {}
    for domain in bars:
        heard = measured(ears, validation, domain, limit=few, seed=seed)
        if len(heard) < 2:  # a small folder: its own music is what is usual
            heard = measured(ears, train_on, domain, limit=few, seed=seed)
        if len(heard) < 2:
            raise SystemExit(
                f"{len(heard)} {domain} pieces have {EXCERPT_BARS[domain]} bars; give at least two of each domain"
            )
        usual[domain] = Usual.of(heard)
    heard_from = [piece for piece in train_on if piece.domain in bars]
    card = {
        "steps": preset.steps, "hidden": preset.hidden,
        "data": {"hash": data_hash(heard_from), "terms": terms_of(heard_from), "pieces": len(heard_from),
                 "held_out": "by tune, names in held_out.json"},
        "validation": {domain: round(value, 4) for domain, value in found.items()},
        "composed_distractors": sorted(composed),
    }  # fmt: skip
    return card, ears, usual


def composed_bars(pieces: PieceBundle, train_on: Sequence[Piece], preset: Preset, *, seed: int) -> dict[str, Bars]:
    """Bars that the piece model composes, by domain, where points of real ones may not be shipped."""
    writer, found = Writer(pieces), dict[str, Bars]()
    for domain in DOMAINS:
        if any(piece.domain == domain and piece.source in NEVER_SHIPPED for piece in train_on):
            composed = writer.compose(domain, count=preset.pieces, bars=min(preset.bars, COMPOSED_BARS), seed=seed)
            found |= read_all(pieces.model, composed, each=preset.pieces, most=preset.bars, seed=seed)
    return found


if __name__ == "__main__":
    try:
        main()
    except MusicError as error:
        raise SystemExit(str(error)) from error
