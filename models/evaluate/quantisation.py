"""How far the grids move the notes: ``python -m models.evaluate.quantisation [--data DIR] [--limit N]``.

For each corpus the distance from a note's onset in its file to its onset in memory (24 ticks a quarter; sixteenths for
performances), and to its onset in tokens, in ticks and milliseconds; with the size of the corpus, its broken files and
its meters. For performances also what other grids would have cost. Nothing is random.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from models.experiments.arguments import exit_without_music, positive_int
from models.experiments.report import Metric, Report
from models.music import corpora
from models.music.abc import decoded, exact_onsets, split_tunes
from models.music.folder import music_files, read_folder
from models.music.midi import SIXTEENTH, seconds_per_tick, sounding
from models.music.midi_file import parse
from models.music.notes import TICKS_PER_QUARTER, MusicError, Piece
from models.music.tokens import GRID_TICKS

FloatArray = npt.NDArray[np.float64]
TRIPLET = TICKS_PER_QUARTER // 3
CAPTION = (
    "whole: bars as long as their meter. memory: the form in memory. tokens: what the style model sees. "
    "Chorales come from MusicXML and are not measured; EMOPIA's bars mean nothing."
)


@dataclass(frozen=True)
class Onsets:
    """Exact onsets of one file: ``ticks`` from its start and ``ms_per_tick`` where they stand, both ``(notes,)``."""

    ticks: FloatArray
    ms_per_tick: FloatArray


def onsets_of(path: Path) -> Iterator[Onsets]:
    """Onsets of a MIDI file or of every tune of an ABC file, before any grid; raises ``MusicError``."""
    if path.suffix.lower() == ".abc":
        for tune in split_tunes(decoded(path)):
            try:
                ticks, bpm = exact_onsets(tune)
            except MusicError:
                continue  # counted as broken where the corpus is read
            yield Onsets(ticks, np.full(len(ticks), 60_000 / bpm / TICKS_PER_QUARTER))
        return
    midi = parse(path)
    raw = sounding(midi)[:, 0]
    tempo_map = seconds_per_tick(np.array(midi.tempi, dtype=np.int64).reshape(-1, 2), midi.tpq)
    row = np.clip(np.searchsorted(tempo_map[:, 0], raw, side="right") - 1, 0, None)
    scale = midi.tpq / TICKS_PER_QUARTER
    yield Onsets(raw / scale, 1000 * tempo_map[row, 2] * scale)


def distance(ticks: FloatArray, step: int) -> FloatArray:
    """Distance in ticks from each onset to the nearest multiple of ``step``: ``(notes,)``."""
    far: FloatArray = np.abs(ticks - np.floor(ticks / step + 0.5) * step)
    return far


def distance_with_triplets(ticks: FloatArray) -> FloatArray:
    """As ``distance`` to sixteenths, but each beat takes triplets where they at least halve its mean error."""
    beat = np.floor(ticks / TICKS_PER_QUARTER + 1 / 8).astype(np.int64)
    sixteenths, triplets = distance(ticks, SIXTEENTH), distance(ticks, TRIPLET)
    _, index, count = np.unique(beat, return_inverse=True, return_counts=True)
    four, three = np.bincount(index, sixteenths), np.bincount(index, triplets)
    swing = (count >= 3) & (2 * three < four)
    return np.where(swing[index], triplets, sixteenths)


@dataclass(frozen=True)
class Row:
    """One corpus: its size, the share of its bars a meter has, and the errors on each grid, file by file."""

    pieces: list[Piece]
    broken: dict[str, str]
    onsets: list[Onsets]
    errors: dict[str, list[FloatArray]]

    @property
    def bars(self) -> int:
        """Number of bars."""
        return sum(len(piece.bars) for piece in self.pieces)

    @property
    def notes(self) -> int:
        """Number of notes in memory."""
        return sum(len(piece.notes) for piece in self.pieces)

    def whole_bars(self) -> float:
        """Share of bars that are as long as their meter says."""
        whole = sum(int((96 * p.bars[:, 2] == p.bars[:, 1] * p.bars[:, 3]).sum()) for p in self.pieces)
        return whole / max(1, self.bars)

    def meters(self) -> list[tuple[str, float]]:
        """Share of bars in each meter, the commonest first."""
        count = Counter(f"{n}/{d}" for piece in self.pieces for n, d in piece.bars[:, 2:].tolist())
        return [(meter, bars / max(1, self.bars)) for meter, bars in count.most_common()]

    def figures(self, grid: str) -> dict[str, float]:
        """Mean and 95th percentile of the errors on a grid, in ticks and milliseconds; empty without a note."""
        if not self.onsets:
            return {}
        ticks = np.concatenate(self.errors[grid])
        ms = ticks * np.concatenate([onsets.ms_per_tick for onsets in self.onsets])
        return {
            "mean_ticks": float(ticks.mean()),
            "p95_ticks": float(np.quantile(ticks, 0.95)),
            "mean_ms": float(ms.mean()),
            "p95_ms": float(np.quantile(ms, 0.95)),
        }


def measure(pieces: list[Piece], broken: dict[str, str], files: Sequence[Path], *, performed: bool) -> Row:
    """The row of one corpus; ``files`` hold the onsets before any grid."""
    onsets: list[Onsets] = []
    for path in files:
        try:
            onsets += [found for found in onsets_of(path) if len(found.ticks)]
        except (MusicError, OSError):
            continue  # counted as broken where the corpus was read
    step = SIXTEENTH if performed else 1
    errors: dict[str, list[FloatArray]] = {"memory": [distance(o.ticks, step) for o in onsets], "tokens": []}
    for exact in onsets:
        stored = np.floor(exact.ticks / step + 0.5) * step
        errors["tokens"].append(np.abs(np.floor(stored / GRID_TICKS + 0.5) * GRID_TICKS - exact.ticks))
    if performed:
        errors["24 a quarter"] = [distance(o.ticks, 1) for o in onsets]
        errors["12 a quarter"] = [distance(o.ticks, GRID_TICKS) for o in onsets]
        errors["sixteenths or triplets"] = [distance_with_triplets(o.ticks) for o in onsets]
    return Row(pieces, broken, onsets, errors)


def evaluate(data: Path | None, limit: int | None) -> dict[str, Row]:
    """A row for each corpus that is there, or for the folder ``data`` alone."""
    if data is not None:
        loaded = read_folder(data)
        return {"data": measure(loaded.pieces, loaded.broken, sorted(music_files(data))[:limit], performed=False)}
    rows = {}
    for name, status in corpora.registry().items():
        if status.available:
            loaded = corpora.build(name, limit=limit)
            files = [path for path in corpora.CORPORA[name].files() if path.suffix in {".abc", ".mid"}]
            if limit is not None and len(files) > limit:
                files = files[:limit]
            rows[name] = measure(loaded.pieces, loaded.broken, files, performed=name == "pop1k7")
    return rows


def print_table(rows: dict[str, Row]) -> None:
    """The rows as a table for people, errors as mean / 95 %."""
    table = Table(title="How far the grids move onsets: mean / 95 % of notes", caption=CAPTION)
    for column in ("corpus", "pieces", "broken", "notes", "bars", "whole", "grid", "ticks", "ms", "meters"):
        table.add_column(column)
    for name, row in rows.items():
        shares = ", ".join(f"{meter} {share:.0%}" for meter, share in row.meters()[:4])
        sizes = [str(n) for n in (len(row.pieces), len(row.broken), row.notes, row.bars)]
        start = [name, *sizes, f"{row.whole_bars():.1%}"]
        for grid in row.errors:
            error = row.figures(grid)
            ticks = f"{error['mean_ticks']:.3f} / {error['p95_ticks']:.2f}" if error else "-"
            ms = f"{error['mean_ms']:.2f} / {error['p95_ms']:.1f}" if error else "-"
            table.add_row(*start, grid, ticks, ms, shares)
            start, shares = [""] * 6, ""
    Console(width=150).print(table)


def report(rows: dict[str, Row]) -> Report:
    """The rows as metrics: ``quantisation.CORPUS.GRID.{mean_ticks,p95_ticks,mean_ms,p95_ms}`` and the sizes."""
    digest = hashlib.blake2b(digest_size=12)
    out = Report("evaluate.quantisation", {}, {}, 0)
    for name, row in rows.items():
        for piece in row.pieces:
            digest.update(piece.notes.tobytes())
        notes = sum(len(onsets.ticks) for onsets in row.onsets)
        for grid in row.errors:
            for figure, value in row.figures(grid).items():
                out.add(f"quantisation.{name}.{grid.replace(' ', '_')}.{figure}", Metric(value, n=notes))
        sizes = {"pieces": len(row.pieces), "broken": len(row.broken), "notes": row.notes, "bars": row.bars}
        for figure, size in sizes.items():
            out.add(f"corpus.{name}.{figure}", Metric(float(size), n=len(row.pieces)))
        out.add(f"corpus.{name}.whole_bars", Metric(row.whole_bars(), n=row.bars))
        for meter, share in row.meters():
            out.add(f"corpus.{name}.meter.{meter}", Metric(share, n=row.bars))
    out.data = {"hash": digest.hexdigest(), "n": sum(len(row.pieces) for row in rows.values())}
    return out


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table and, as the last line, one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="a folder of MIDI and ABC files instead of the corpora")
    parser.add_argument("--limit", type=positive_int, help="about so many pieces of each corpus")
    given = parser.parse_args(argv)
    with exit_without_music():
        rows = evaluate(given.data, given.limit)
        if not any(row.pieces for row in rows.values()):
            raise MusicError(f"none of the {sum(len(row.broken) for row in rows.values())} pieces there can be read")
    print_table(rows)
    print(json.dumps(report(rows).to_json()))


if __name__ == "__main__":
    main()
