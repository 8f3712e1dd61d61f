"""Train what scores tension: ``python -m models.train.tension --preset tiny|cpu|gpu [--data DIR] [--out OUT]``.

The piece model (``--pieces``, the shipped one by default) hears the music and stays as it is; what is trained is the
recogniser of a piece's own bars. Validation music says what is usual. DIR is a folder of MIDI and ABC files instead of
the corpora. OUT gets the bundle; it takes minutes, so nothing is resumed. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from models.experiments.arguments import exit_without_music, output_folder
from models.experiments.dataset import piece_name, training_pieces
from models.experiments.provenance import commit, data_hash
from models.music.notes import MusicError
from models.style.evaluation.clips import corpora_parts
from models.style.pieces.checkpoint import load_pieces_model
from models.style.release import terms_of
from models.style.training_data import own_parts
from models.tension.evaluation import EXCERPT_BARS, measured
from models.tension.past import Others
from models.tension.score import Ears, Usual, load_tension, save_tension
from models.tension.training import PRESETS, read_all, train

MOST_OTHERS = 4000  # bars a domain that are shipped, among which others are recognised


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.train.tension", description=__doc__)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="cpu")
    parser.add_argument("--data", type=Path, help="folder of MIDI and ABC files instead of the corpora")
    parser.add_argument("--pieces", default="pieces-gpu", help="the piece model, by name or folder")
    parser.add_argument("--out", type=Path, default=Path("runs/tension"))
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(argv)
    preset, out, started = PRESETS[given.preset], output_folder(given.out), time.monotonic()
    try:
        pieces = load_pieces_model(given.pieces)
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(str(error)) from error
    if pieces.model.config.outer_first:
        raise SystemExit(f"{given.pieces} hears outer voices first; give a piece model that hears notes upwards")
    with exit_without_music("train"):
        parts = corpora_parts(pieces.folder) if given.data is None else own_parts(training_pieces(given.data))
        bars = read_all(pieces.model, parts["train"], each=preset.pieces, most=preset.bars, seed=given.seed)
        validation = parts["validation"] or parts["test"] or parts["train"]
        few = max(4, preset.pieces // 4)
        held_out = read_all(pieces.model, validation, each=few, most=preset.bars, seed=given.seed)
    recogniser, found = train(bars, held_out, preset, inputs=pieces.model.config.dim, seed=given.seed)
    others = {}
    for domain, own in bars.items():
        whole = Others.of(recogniser, own)
        some = np.sort(np.random.default_rng(given.seed).permutation(len(whole.piece))[:MOST_OTHERS])
        others[domain] = Others(*(getattr(whole, name)[some] for name in Others.__dataclass_fields__))
    ears = Ears(pieces.model, recogniser, others)
    usual = {}
    for domain in bars:
        heard = measured(ears, validation, domain, limit=few, seed=given.seed)
        if len(heard) < 2:  # a small folder: its own music is what is usual
            heard = measured(ears, parts["train"], domain, limit=few, seed=given.seed)
        if len(heard) < 2:
            raise SystemExit(
                f"{len(heard)} {domain} pieces have {EXCERPT_BARS[domain]} bars; give at least two of each domain"
            )
        usual[domain] = Usual.of(heard)
    heard_from = [piece for piece in parts["train"] if piece.domain in bars]
    card = {
        "name": f"tension-{given.preset}", "preset": given.preset, "steps": preset.steps, "seed": given.seed,
        "hidden": preset.hidden,
        "pieces": {"name": given.pieces, "version": pieces.version},
        "data": {"hash": data_hash(heard_from), "terms": terms_of(heard_from), "pieces": len(heard_from),
                 "held_out": "by tune, names in held_out.json"},
        "validation": {domain: round(value, 4) for domain, value in found.items()},
    }  # fmt: skip
    names = {part: [piece_name(piece) for piece in parts[part]] for part in ("validation", "test")}
    save_tension(out, recogniser, others, usual, card=card, held_out=names)
    written = load_tension(out).card
    last = {
        "command": "models.train.tension", "version": written["version"], "commit": commit(), "seed": given.seed,
        "steps": preset.steps, "seconds": round(time.monotonic() - started, 1), "validation": written["validation"],
    }  # fmt: skip
    print(json.dumps(last))


if __name__ == "__main__":
    try:
        main()
    except MusicError as error:
        raise SystemExit(str(error)) from error
