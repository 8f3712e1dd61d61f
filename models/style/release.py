"""From trained weights to a bundle: beside them the training songs' fingerprint and a card with terms and data hash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models.experiments.provenance import data_hash
from models.music.notes import Piece
from models.music.tokens import on_grid
from models.style.checkpoint import StyleBundle, load_style, save_style
from models.style.fingerprint import Fingerprint
from models.style.model import StyleModel
from models.style.prior import Prior
from models.style.windows import WindowSet

UNSTATED = "terms unstated: ask whoever made the music"


def terms_of(pieces: Sequence[Piece]) -> dict[str, str]:
    """The terms of each source that ``pieces`` come from; weights trained on them have these and their base's."""
    found: dict[str, set[str]] = {}
    for piece in pieces:
        found.setdefault(piece.source, set()).add(piece.terms or UNSTATED)
    return {source: "; ".join(sorted(terms)) for source, terms in sorted(found.items())}


def release(
    out: Path,
    model: StyleModel,
    prior: Prior,
    training: Sequence[Piece],
    windows: WindowSet,
    *,
    card: Mapping[str, Any],
    base: StyleBundle | None = None,
) -> StyleBundle:
    """Write a bundle to ``out`` and load it again; a taste space is fitted to it after that.

    What the weights that it went on from, ``base``, may not copy, it may not copy either, and their terms stand beside
    its own.
    """
    full = {
        **card,
        "data": {
            **card.get("data", {}),
            "hash": data_hash(training),
            "pieces": len(training),
            "terms": {**(base.card.get("data", {}).get("terms", {}) if base else {}), **terms_of(training)},
        },
    }
    if base and "pieces" in base.card:  # which hears latents that have moved a little all the same
        named = str(base.card["pieces"])
        beside = base.folder / named if base.folder else None
        full["pieces"] = str(beside) if beside and beside.is_dir() else named
    known = base.fingerprint if base else None
    fingerprint = Fingerprint.of(map(on_grid, windows.pieces), known)  # composed clips are on the grid, in these bars
    save_style(out, model, prior, fingerprint, full)
    return load_style(out)
