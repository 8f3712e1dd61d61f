"""Broken clips are never offered: silent, nearly empty, stuck on a note, absurdly dense, or copied from a song."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from models.music.notes import Piece
from models.style.fingerprint import Fingerprint

LEAST_NOTES = 8
MOST_NOTES_PER_QUARTER = 24
STUCK_SHARE = 0.6
LONGEST_COPY_BARS = 2


def rejection_reason(piece: Piece, fingerprint: Fingerprint | None = None) -> str | None:
    """The first reason not to offer a clip, or None: silent, few_notes, one_note, gap, too_dense, copy."""
    return next(_faults(piece, fingerprint), None)


def _faults(piece: Piece, fingerprint: Fingerprint | None) -> Iterator[str]:
    notes = piece.notes
    if len(notes) == 0:
        yield "silent"
        return
    if len(notes) < LEAST_NOTES:
        yield "few_notes"
    _, counts = np.unique(notes[:, 2], return_counts=True)
    if counts.max() / len(notes) > STUCK_SHARE or len(counts) < 3:
        yield "one_note"
    onsets = np.append(np.unique(notes[:, 0]), piece.end_tick)
    if np.diff(onsets, prepend=0).max() > 2.5 * piece.bars[:, 1].max():
        yield "gap"
    if len(notes) > MOST_NOTES_PER_QUARTER * piece.end_tick / 24:
        yield "too_dense"
    if fingerprint is not None and fingerprint.copied_bars(piece) > LONGEST_COPY_BARS:
        yield "copy"
