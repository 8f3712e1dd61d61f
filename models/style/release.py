"""From trained weights to what is shipped: beside them the training songs' fingerprint, a taste space and a card."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models.music.notes import DOMAINS, Piece
from models.music.tokens import on_grid
from models.style.checkpoint import StyleBundle, load_style, save_style
from models.style.compose import Composer
from models.style.fingerprint import Fingerprint
from models.style.model import StyleModel
from models.style.prior import Prior
from models.style.windows import WindowSet
from models.taste.measured import clips_of, fit_space, measure

UNSTATED = "terms unstated: ask whoever made the music"


def terms_of(pieces: Sequence[Piece]) -> dict[str, str]:
    """The terms of each source that ``pieces`` come from; weights trained on them have these and their base's."""
    found: dict[str, set[str]] = {}
    for piece in pieces:
        found.setdefault(piece.source, set()).add(piece.terms or UNSTATED)
    return {source: "; ".join(sorted(terms)) for source, terms in sorted(found.items())}


def data_hash(pieces: Sequence[Piece]) -> str:
    """Digest of the notes and names of ``pieces``, whatever their order."""
    digests = sorted(
        hashlib.sha256(f"{p.source}/{p.piece_id}".encode() + p.notes.tobytes() + p.bars.tobytes()).hexdigest()
        for p in pieces
    )
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:16]


def release(
    out: Path,
    model: StyleModel,
    prior: Prior,
    training: Sequence[Piece],
    windows: WindowSet,
    *,
    card: Mapping[str, Any],
    seed: int = 0,
    clips: int = 6000,
) -> StyleBundle:
    """Write a whole bundle to ``out`` and load it again.

    ``windows`` of the training pieces fit the taste space (``clips`` of them, spread evenly over the domains).
    """
    full = {
        **card,
        "data": {
            **card.get("data", {}),
            "hash": data_hash(training),
            "pieces": len(training),
            "terms": terms_of(training),
        },
    }
    fingerprint = Fingerprint.of(map(on_grid, windows.pieces))  # composed clips are on the token grid and in these bars
    save_style(out, model, prior, fingerprint, full)
    composer = Composer(load_style(out))
    found = measure(composer, clips_of(windows, clips // len(DOMAINS), seed))
    fit_space(composer, found).save(out / "taste.safetensors")
    return load_style(out)
