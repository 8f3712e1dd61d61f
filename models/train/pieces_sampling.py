"""Choose how a piece model draws, by domain, on validation music: ``python -m models.train.pieces_sampling BUNDLE``.

For each temperature and nucleus (of pitches, and of all else) excerpts are written. Of those that a classifier hardly
tells from real ones, the most idiomatic are best: nearest to real ones in bits a note. Then, in the same way, for how
much the forms of real pieces are heeded; for how chorales are searched, where the nearest in faults of part writing is
best; and for how much likelier what was heard before is in pop, where it is the nearest in ``si_long`` for whole pieces
and in ``si_mid`` for excerpts. The best is noted in the card, from which ``Writer`` takes it, with how crowded real
pieces are at most. Beside the card lie then the forms of real pieces and the transpositions in which they stand. Test
music is never looked at.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from models.experiments.arguments import add_domains_argument, exit_on_error, exit_without_music, positive_int
from models.experiments.dataset import training_pieces
from models.metrics.voice_leading import part_writing_faults
from models.music.grouping import split
from models.music.notes import DOMAINS, Domain, Piece
from models.music.tokens import FIELDS
from models.style.bundle import write_card
from models.style.evaluation.clips import Excerpts, composed_excerpts, real_excerpts, regular
from models.style.evaluation.pieces import REACH_TWO_SAMPLE, Judges, matched, measures, told_apart, written
from models.style.latents import BARS
from models.style.pieces import forms
from models.style.pieces.conditions import PerElement
from models.style.pieces.data import usually_at_most
from models.style.pieces.forms import Transposition, save_transpositions
from models.style.pieces.sampling import Writer
from models.style.windows import own_parts

# (temperature, nucleus of pitches, nucleus of all else)
CHOICES = (
    (1.0, 1.0, 1.0), (1.0, 0.98, 1.0), (1.0, 0.97, 1.0), (1.0, 0.95, 1.0), (1.0, 0.95, 0.98), (1.0, 0.95, 0.95),
    (1.0, 0.9, 1.0), (0.9, 0.98, 1.0), (0.9, 0.95, 1.0), (0.9, 0.98, 0.98), (0.8, 0.98, 0.98),
)  # fmt: skip
GUIDANCE = (1.5, 2.0, 3.0)  # beside 1, with which the others are chosen
# A model knows no voices. So many pieces of a seed are written side by side (``among``), and those with few faults in
# part writing, weighed so (``faults``), go on. The first is what the others are chosen with
SEARCHES: Mapping[Domain, Sequence[tuple[int, float]]] = {"chorale": ((8, 24.0), (8, 8.0), (5, 8.0), (1, 0.0))}
# Nats by which what was heard before is likelier in whole pieces, and in excerpts
REPEAT_BIAS: Mapping[Domain, Sequence[float]] = {"pop": (0.0, 2.5, 3.5, 4.5)}
REPEAT_BIAS_EXCERPTS: Mapping[Domain, Sequence[float]] = {"pop": (0.0, 1.0, 2.0, 3.0)}
AS_GOOD = 0.02  # told so much more often than the best
EXCERPTS, LEAST_EXCERPTS = 3000, 20  # from which is learned where real music lies
POOL = 3  # times as many real clips, to find matched ones in
MOST_WHOLE = 60  # whole pieces for each choice


@dataclass(frozen=True)
class Trials:
    """Excerpts, or whole pieces where ``bars`` is None, that are written in some way and stand beside real ones.

    ``limit`` is how many; ``measure`` says what else than being told counts: it is to be near real music's.
    """

    writer: Writer
    domain: Domain
    real: Excerpts
    measure: Callable[[Excerpts], float]
    bars: int | None
    limit: int
    seed: int

    def of(self, way: Mapping[str, Any], name: str) -> dict[str, Any]:
        """The way with how often its music is told (matched; 1 where it can't be had) and its measure as ``name``."""
        card = {**self.writer.bundle.card, "sampling": {self.domain: way}}
        own = Writer(replace(self.writer.bundle, card=card))
        made = composed_excerpts(written(own)(self.domain, self.limit, self.bars, self.seed), self.bars, self.seed)
        told = told_apart(matched(self.real, made), made, whole=self.bars is None).value
        return {**way, "told": 1.0 if told is None else round(told, 4), name: round(self.measure(made), 4)}

    def best(self, rows: Sequence[dict[str, Any]], name: str) -> dict[str, Any]:
        """Of those that are hardly told, the one whose measure is nearest to real music's."""
        real = self.measure(self.real.some(np.arange(min(self.limit, len(self.real.pieces)))))
        told = max(REACH_TWO_SAMPLE, min(row["told"] for row in rows) + AS_GOOD)
        return min((row for row in rows if row["told"] <= told), key=lambda row: abs(row[name] - real))


def choose(
    writer: Writer, domain: Domain, parts: dict[str, list[Piece]], *, limit: int, seed: int
) -> list[dict[str, Any]]:
    """A row for each way that was tried, in the order of the module docstring; what was chosen comes first.

    ``{temperature, nucleus, guidance, told, bits}``: told and bits a note as ``Trials`` has them; with ``among``,
    ``faults`` and ``part_writing`` where it is searched, with ``returning``, ``told_whole`` and ``si_long`` where bars
    that return were made likelier, and with ``returning_excerpts`` and ``si_mid`` where those of excerpts were.
    ``most_crowded`` is how crowded real music usually is at most. None where the domain has no music to train and
    validate on.
    """
    training, held_out = (
        regular(piece for piece in parts[part] if piece.domain == domain) for part in ("train", "validation")
    )
    if not training or not held_out:
        return []
    judges, real = Judges.fit(domain, training), real_excerpts(held_out, BARS, POOL * limit, seed)
    trials = Trials(writer, domain, real, lambda clips: _mean(clips, judges, "idiom_bits"), BARS, limit, seed)
    searches = [{"among": among, "faults": faults} for among, faults in SEARCHES.get(domain, ())]
    search = searches[0] if searches else {}
    crowded = usually_at_most(training)
    always = search if crowded is None else {"most_crowded": crowded, **search}

    def tried(ways: Sequence[Mapping[str, Any]], what: str, on: Trials, name: str) -> list[dict[str, Any]]:
        return [on.of(way, name) for way in track(ways, f"{domain}{what}", console=Console(stderr=True))]

    ways = [{"temperature": t, "nucleus": nuclei(pitch, rest), "guidance": 1.0, **always} for t, pitch, rest in CHOICES]
    found = tried(ways, "", trials, "bits")
    chosen = trials.best(found, "bits")
    if writer.forms.get(domain):
        guided = tried([{**chosen, "guidance": guidance} for guidance in GUIDANCE], ", forms", trials, "bits")
        found += guided
        chosen = trials.best(found, "bits")
    if searches:
        on = replace(trials, measure=lambda clips: float(np.mean([part_writing_faults(each) for each in clips.pieces])))
        rows = tried([{**chosen, **each} for each in searches], ", searched", on, "part_writing")
        found += rows
        chosen = on.best(rows, "part_writing")
    if not writer.bundle.model.config.outer_first:  # else what would be heard again is not known
        on = replace(trials, measure=lambda clips: _mean(clips, judges, "si_mid"))
        again = [{**chosen, "returning_excerpts": nats} for nats in REPEAT_BIAS_EXCERPTS.get(domain, ())]
        if rows := tried(again, ", again", on, "si_mid"):
            found += rows
            chosen = on.best(rows, "si_mid")
        whole = real_excerpts(held_out, None, POOL * MOST_WHOLE, seed)
        several = min(limit, MOST_WHOLE)
        on = Trials(writer, domain, whole, lambda clips: _mean(clips, judges, "si_long"), None, several, seed)
        plain = {name: value for name, value in chosen.items() if name != "told"}
        again = [{**plain, "returning": nats} for nats in REPEAT_BIAS.get(domain, ())]
        if rows := tried(again, ", whole", on, "si_long"):
            found += rows
            best = on.best(rows, "si_long")
            chosen = {**best, "told": chosen["told"], "told_whole": best["told"]}
    return [chosen, *sorted((row for row in found if row != chosen), key=lambda row: row["told"])]


def nuclei(pitch: float, rest: float) -> PerElement:
    """A nucleus for pitches and one for all else, as ``Wishes`` has it."""
    return rest if pitch == rest else {**dict.fromkeys(FIELDS, rest), "pitch": pitch}


def _mean(excerpts: Excerpts, judges: Judges, name: str) -> float:
    """One of ``measures``, over all of ``excerpts``: bits a note, for one."""
    found = [measures(piece, judges)[name] for piece in excerpts.pieces]
    amount, number = (sum(each[part] for each in found) for part in range(2))
    return amount / max(1.0, number)


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
    add_domains_argument(parser, "of others the card stays as it is")
    parser.add_argument(
        "--keep", action="store_true", help="leave the card as it is: learn forms and transpositions alone"
    )
    given = parser.parse_args(argv)
    with exit_on_error():
        writer = Writer.load(given.bundle)
    with exit_without_music("choose how to draw"):
        pieces = training_pieces(given.data)
    parts = split(pieces, seed=0) if given.data is None else own_parts(pieces)
    card = dict(writer.bundle.card)
    save_transpositions(given.bundle, places(parts["train"]))
    forms.save_forms(given.bundle, forms.forms_of(parts["train"], given.seed))
    rows: dict[str, list[dict[str, Any]]] = {}
    if not given.keep:
        writer = Writer(writer.bundle)
        rows = {name: choose(writer, name, parts, limit=given.limit, seed=given.seed) for name in given.domains}
        _show(rows)
        card["sampling"] = {**card.get("sampling", {}), **{domain: found[0] for domain, found in rows.items() if found}}
        write_card(given.bundle, card)
    print(json.dumps({"command": "models.train.pieces_sampling", "version": card["version"], "sampling": rows}))


def _show(rows: dict[str, list[dict[str, Any]]]) -> None:
    """Each way that was tried, with all that tells it from others; what was chosen stands first."""
    table = Table("domain", "way", "told from real (matched)", "beside real music")
    for domain, found in rows.items():
        for row in found:
            nucleus = row["nucleus"]
            share = nucleus if isinstance(nucleus, float) else f"pitch {nucleus['pitch']}, else {nucleus['position']}"
            way = {
                name: row[name] for name in ("temperature", "guidance", "among", "faults", "returning") if name in row
            }
            near = {name: row[name] for name in ("bits", "part_writing", "si_long") if name in row}
            words = [", ".join(f"{name} {value:g}" for name, value in each.items()) for each in (way, near)]
            table.add_row(domain, f"nucleus {share}, {words[0]}", f"{row['told']:.3f}", words[1])
    Console().print(table)


if __name__ == "__main__":
    main()
