"""Choose how a piece model draws, by domain, on validation music: ``python -m models.train.pieces_sampling BUNDLE``.

For each temperature and nucleus excerpts are written; the pair is chosen whose excerpts a classifier tells least often
from real ones, and noted in the card, from which ``Writer`` takes it, with how long real pieces are. Beside the card
lies then in which transpositions real pieces stand. Test music is never looked at.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from models.experiments.arguments import exit_without_music, positive_int
from models.experiments.dataset import training_pieces
from models.music.grouping import split
from models.music.notes import DOMAINS, Domain, Piece
from models.style.bundle import write_card
from models.style.evaluation.excerpts import composed_excerpts, real_excerpts, regular
from models.style.evaluation.pieces import Judges, matched, measures, told_apart
from models.style.evaluation.rivals import written
from models.style.latents import BARS
from models.style.pieces import transposition
from models.style.pieces.sampling import Writer
from models.style.pieces.transposition import Transposition
from models.style.training_data import own_parts

CHOICES = ((1.0, 1.0), (1.0, 0.98), (1.0, 0.95), (0.95, 0.98), (0.9, 0.98), (0.9, 0.95), (0.8, 0.98))
QUANTILES = 64
EXCERPTS, LEAST_EXCERPTS = 3000, 20  # from which is learned where real music lies
POOL = 3  # times as many real clips, to find matched ones in


def choose(
    writer: Writer, domain: Domain, parts: dict[str, list[Piece]], *, limit: int, seed: int
) -> list[dict[str, float]]:
    """A row for each of ``CHOICES``, the best first: temperature, nucleus, told (matched), bits a note.

    None where the domain has no music to train and validate on.
    """
    training, held_out = (
        regular(piece for piece in parts[part] if piece.domain == domain) for part in ("train", "validation")
    )
    if not training or not held_out:
        return []
    judges, real = Judges.fit(domain, training), real_excerpts(held_out, BARS, POOL * limit, seed)
    found = []
    for temperature, nucleus in track(CHOICES, domain, console=Console(stderr=True)):
        card = {**writer.bundle.card, "sampling": {domain: {"temperature": temperature, "nucleus": nucleus}}}
        own = Writer(replace(writer.bundle, card=card))
        made = composed_excerpts(written(own)(domain, limit, BARS, seed), BARS, seed)
        told = told_apart(matched(real, made), made, whole=False)
        bits, notes = (sum(measures(p, judges)["idiom_bits"][part] for p in made.pieces) for part in range(2))
        row = {"temperature": temperature, "nucleus": nucleus, "told": told.value, "bits": bits / max(1.0, notes)}
        found.append({name: 1.0 if value is None else round(value, 4) for name, value in row.items()})
    return sorted(found, key=lambda row: row["told"])


def lengths(pieces: Sequence[Piece]) -> dict[str, list[int]]:
    """How many bars pieces have, by domain: quantiles, half of a ``QUANTILES``-th apart from the ends."""
    found: dict[str, list[int]] = {}
    shares = (np.arange(QUANTILES) + 0.5) / QUANTILES
    for domain in DOMAINS:
        bars = [len(piece.bars) for piece in regular(p for p in pieces if p.domain == domain)]
        if bars:
            found[domain] = np.quantile(bars, shares, method="nearest").astype(int).tolist()
    return found


def places(pieces: Sequence[Piece]) -> dict[str, Transposition]:
    """Where real music lies, learned from excerpts of ``pieces``, by domain."""
    found: dict[str, Transposition] = {}
    for domain in DOMAINS:
        own = regular(piece for piece in pieces if piece.domain == domain)
        excerpts = real_excerpts(own, BARS, EXCERPTS, 0).pieces if own else []
        if len(excerpts) >= LEAST_EXCERPTS:
            found[domain] = Transposition.fit(excerpts)
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.train.pieces_sampling", description=__doc__)
    parser.add_argument("bundle", type=Path, help="folder of the piece model, whose card is written")
    parser.add_argument("--data", type=Path, help="folder of MIDI and ABC files instead of the corpora")
    parser.add_argument("--limit", type=positive_int, default=150, help="excerpts for each choice")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", action="store_true", help="leave temperature and nucleus as they are in the card")
    given = parser.parse_args(argv)
    try:
        writer = Writer.load(given.bundle)
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(str(error)) from error
    with exit_without_music("choose how to draw"):
        pieces = training_pieces(given.data)
    parts = split(pieces, seed=0) if given.data is None else own_parts(pieces)
    card = {**writer.bundle.card, "lengths": lengths(parts["train"])}
    transposition.save(given.bundle, places(parts["train"]))
    if given.keep:
        rows: dict[str, list[dict[str, float]]] = {}
    else:
        writer = Writer(replace(writer.bundle, card=card))
        rows = {name: choose(writer, name, parts, limit=given.limit, seed=given.seed) for name in DOMAINS}
        _show(rows)
        card["sampling"] = {domain: found[0] for domain, found in rows.items() if found}
    write_card(given.bundle, card)
    print(json.dumps({"command": "models.train.pieces_sampling", "version": card["version"], "sampling": rows}))


def _show(rows: dict[str, list[dict[str, float]]]) -> None:
    table = Table("domain", "temperature", "nucleus", "told from real (matched)", "bits a note")
    for domain, found in rows.items():
        for row in found:
            table.add_row(domain, *(f"{row[name]:.3f}" for name in ("temperature", "nucleus", "told", "bits")))
    Console().print(table)


if __name__ == "__main__":
    main()
