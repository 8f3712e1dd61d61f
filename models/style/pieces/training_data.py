"""The pieces of a training run: split by tune as the style model's, kept as tokens in the run's folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.experiments.dataset import training_pieces
from models.experiments.provenance import data_hash
from models.music.grouping import group_ids, split
from models.music.notes import DOMAINS, MusicError, Piece
from models.style.pieces.data import PieceSet
from models.style.release import terms_of
from models.style.training_data import own_parts

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
