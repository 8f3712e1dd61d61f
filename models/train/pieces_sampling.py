"""Choose how a piece model draws, by domain, on validation music: ``python -m models.train.pieces_sampling BUNDLE``.

For each temperature and nucleus (of pitches, and of all else) excerpts are written. Of those that a classifier hardly
tells from real ones, the most idiomatic are best: nearest to real ones in bits a note. Then, in the same way, for how
much the forms of real pieces are heeded. The best is noted in the card, from which ``Writer`` takes it. Beside the card
lie then the forms of real pieces and the transpositions in which they stand. Test music is never looked at.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from models.experiments.arguments import exit_without_music, positive_int
from models.experiments.dataset import training_pieces
from models.music.grouping import split
from models.music.notes import DOMAINS, Domain, Piece
from models.music.tokens import FIELDS
from models.style.bundle import write_card
from models.style.evaluation.excerpts import Excerpts, composed_excerpts, real_excerpts, regular
from models.style.evaluation.pieces import REACH_TWO_SAMPLE, Judges, matched, measures, told_apart
from models.style.evaluation.rivals import written
from models.style.latents import BARS
from models.style.pieces import forms, transposition
from models.style.pieces.sampling import Writer
from models.style.pieces.transposition import Transposition
from models.style.pieces.wishes import PerElement
from models.style.training_data import own_parts

# (temperature, nucleus of pitches, nucleus of all else)
CHOICES = (
    (1.0, 1.0, 1.0), (1.0, 0.98, 1.0), (1.0, 0.97, 1.0), (1.0, 0.95, 1.0), (1.0, 0.95, 0.98), (1.0, 0.95, 0.95),
    (1.0, 0.9, 1.0), (0.9, 0.98, 1.0), (0.9, 0.95, 1.0), (0.9, 0.98, 0.98), (0.8, 0.98, 0.98),
)  # fmt: skip
GUIDANCE = (1.5, 2.0, 3.0)  # beside 1, with which the others are chosen
AS_GOOD = 0.02  # told so much more often than the best
EXCERPTS, LEAST_EXCERPTS = 3000, 20  # from which is learned where real music lies
POOL = 3  # times as many real clips, to find matched ones in


def choose(
    writer: Writer, domain: Domain, parts: dict[str, list[Piece]], *, limit: int, seed: int
) -> list[dict[str, Any]]:
    """A row for each of ``CHOICES`` and, of the best of them, for each of ``GUIDANCE``; the best comes first.

    ``{temperature, nucleus, guidance, told, bits}``: told (matched; 1 where it can't be had) and bits a note. None
    where the domain has no music to train and validate on.
    """
    training, held_out = (
        regular(piece for piece in parts[part] if piece.domain == domain) for part in ("train", "validation")
    )
    if not training or not held_out:
        return []
    judges, real = Judges.fit(domain, training), real_excerpts(held_out, BARS, POOL * limit, seed)

    def measured(way: dict[str, Any]) -> dict[str, Any]:
        card = {**writer.bundle.card, "sampling": {domain: way}}
        own = Writer(replace(writer.bundle, card=card))
        made = composed_excerpts(written(own)(domain, limit, BARS, seed), BARS, seed)
        told = told_apart(matched(real, made), made, whole=False).value
        return {**way, "told": 1.0 if told is None else round(told, 4), "bits": round(_bits(made, judges), 4)}

    ways = [{"temperature": t, "nucleus": nuclei(pitch, rest), "guidance": 1.0} for t, pitch, rest in CHOICES]
    found = [measured(way) for way in track(ways, domain, console=Console(stderr=True))]
    wanted = _bits(real.some(np.arange(min(limit, len(real.pieces)))), judges)

    def best(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        told = max(REACH_TWO_SAMPLE, min(row["told"] for row in rows) + AS_GOOD)
        return min((row for row in rows if row["told"] <= told), key=lambda row: abs(row["bits"] - wanted))

    if writer.forms.get(domain):
        ways = [{**best(found), "guidance": guidance} for guidance in GUIDANCE]
        found += [measured(way) for way in track(ways, f"{domain}, forms", console=Console(stderr=True))]
    chosen = best(found)
    return [chosen, *sorted((row for row in found if row is not chosen), key=lambda row: row["told"])]


def nuclei(pitch: float, rest: float) -> PerElement:
    """A nucleus for pitches and one for all else, as ``Wishes`` has it."""
    return rest if pitch == rest else {**dict.fromkeys(FIELDS, rest), "pitch": pitch}


def _bits(excerpts: Excerpts, judges: Judges) -> float:
    """Bits a note of the melodies, under an n-gram model of training music."""
    bits, notes = (sum(measures(piece, judges)["idiom_bits"][part] for piece in excerpts.pieces) for part in range(2))
    return bits / max(1.0, notes)


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
    parser.add_argument(
        "--domains", nargs="+", choices=DOMAINS, default=list(DOMAINS), help="of others the card stays as it is"
    )
    parser.add_argument(
        "--keep", action="store_true", help="leave the card as it is: learn forms and transpositions alone"
    )
    given = parser.parse_args(argv)
    try:
        writer = Writer.load(given.bundle)
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(str(error)) from error
    with exit_without_music("choose how to draw"):
        pieces = training_pieces(given.data)
    parts = split(pieces, seed=0) if given.data is None else own_parts(pieces)
    card = dict(writer.bundle.card)
    transposition.save(given.bundle, places(parts["train"]))
    forms.save(given.bundle, forms.learn(parts["train"], given.seed))
    rows: dict[str, list[dict[str, Any]]] = {}
    if not given.keep:
        writer = Writer(writer.bundle)
        rows = {name: choose(writer, name, parts, limit=given.limit, seed=given.seed) for name in given.domains}
        _show(rows)
        card["sampling"] = {**card.get("sampling", {}), **{domain: found[0] for domain, found in rows.items() if found}}
        write_card(given.bundle, card)
    print(json.dumps({"command": "models.train.pieces_sampling", "version": card["version"], "sampling": rows}))


def _show(rows: dict[str, list[dict[str, Any]]]) -> None:
    table = Table("domain", "temperature", "nucleus", "guidance", "told from real (matched)", "bits a note")
    for domain, found in rows.items():
        for row in found:
            nucleus = row["nucleus"]
            share = nucleus if isinstance(nucleus, float) else f"pitch {nucleus['pitch']}, else {nucleus['position']}"
            numbers = (f"{row[name]:.3f}" for name in ("guidance", "told", "bits"))
            table.add_row(domain, f"{row['temperature']}", str(share), *numbers)
    Console().print(table)


if __name__ == "__main__":
    main()
