"""From trained weights to what is shipped: beside them the training songs' fingerprint, a taste space and a card."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from models.music.notes import DOMAINS, Domain, Piece
from models.music.tokens import LOWEST_PITCH, PITCHES, on_grid
from models.style.checkpoint import StyleBundle, load_style, save_style
from models.style.compose import Composer
from models.style.fingerprint import Fingerprint
from models.style.model import StyleModel
from models.style.prior import Prior
from models.style.windows import WindowSet
from models.taste.measured import clips_of, fit_space, measure

ENOUGH = 100  # clips of a domain that a taste space is fitted on, by which both clips of a pair are measured
BATCH = 20
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


def composed(composer: Composer, domain: Domain, count: int, seed: int) -> list[Piece]:
    """So many clips of the model's own, none where ``count`` is below 1; those without a note are left out."""
    made: list[Piece] = []
    for start in range(0, count, BATCH):
        seeds = [seed * 1_000_000 + k for k in range(start, min(start + BATCH, count))]
        made += composer.compose([composer.plan(domain=domain, content=None, styles={}, seed=s) for s in seeds])
    return [replace(piece, domain=domain) for piece in made if len(piece.notes)]


def in_other_keys(clips: Sequence[Piece], count: int) -> list[Piece]:
    """So many transpositions of ``clips``, up to a tritone either way, none where ``count`` is below 1."""
    shifts = (semitones for step in range(1, 7) for semitones in (step, -step))
    moved = (clip.transposed(semitones) for semitones in shifts for clip in clips if _reaches(clip, semitones))
    return list(islice(cycle(moved), max(0, count)))


def _reaches(clip: Piece, semitones: int) -> bool:
    pitches = clip.notes[:, 2] + semitones
    return bool(pitches.min() >= LOWEST_PITCH and pitches.max() < LOWEST_PITCH + PITCHES)


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
    base: StyleBundle | None = None,
) -> StyleBundle:
    """Write a whole bundle to ``out`` and load it again.

    ``windows`` of the training pieces fit the taste space (``clips`` of them, spread evenly over the domains); where a
    domain has few, the model composes more. What the weights that it went on from, ``base``, may not copy, it may not
    copy either, and their terms stand beside its own.
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
    known = base.fingerprint if base else None
    fingerprint = Fingerprint.of(map(on_grid, windows.pieces), known)  # composed clips are on the grid, in these bars
    save_style(out, model, prior, fingerprint, full)
    composer = Composer(load_style(out))
    drawn = clips_of(windows, clips // len(DOMAINS), seed)
    present = {piece.domain for piece in drawn}
    for domain in DOMAINS:
        if base is not None or domain in present:
            drawn += composed(composer, domain, ENOUGH - sum(piece.domain == domain for piece in drawn), seed)
    drawn += in_other_keys(drawn, ENOUGH - len(drawn))  # what hardly learned composes silence
    found = measure(composer, drawn)
    fit_space(composer, found).save(out / "taste.safetensors")
    return load_style(out)
