"""Hearing a piece for its curves: every note and bar, and the rewards of the whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from models.experiments.dataset import is_loose, likely_domain
from models.music.dance_types import beat_ticks
from models.music.midi import SIXTEENTH, on_grid
from models.music.notes import TICKS_PER_QUARTER, Piece
from models.music.tokens import from_tokens
from models.style.pieces.data import regular_tokens
from models.tension.checkpoint import TensionBundle
from models.tension.curves import Curves, HeardBeat, HeardNote
from models.tension.future import MOST_STEPS, Heard, hear
from models.tension.past import bars_of, recognised
from models.tension.score import Measured, score

DECIMALS = 3


def curves(bundle: TensionBundle, piece: Piece) -> Curves:
    """Hear a piece as music of its own domain, or of the one that it is most like.

    Raises ``MusicError`` where there is no note.
    """
    domain, loose = piece.domain or likely_domain(piece), is_loose(piece)
    if loose:
        piece = replace(piece, notes=on_grid(piece.notes.astype(np.int64), TICKS_PER_QUARTER, SIXTEENTH))
    tokens = regular_tokens(piece)
    heard = hear(bundle.ears.model, piece, domain)
    chances = recognised(bundle.ears.recogniser, bars_of(bundle.ears.model, piece, domain), bundle.ears.others[domain])
    own = float(np.nanmean(chances)) if np.isfinite(chances).any() else 0.0
    measured = Measured(float(heard.surprise.sum(1).mean()), float(heard.uncertainty.sum(1).mean()), own)
    usual = bundle.usual[domain]
    rewards = score(measured, usual)
    surprise, uncertainty = heard.by_bar()
    silent = int(np.searchsorted(piece.bars[:, 0], piece.notes[:, 0].min(), "right")) - 1
    sounding = from_tokens(tokens[:MOST_STEPS])
    return Curves(
        domain, rewards.future, rewards.past, rewards.both(), _notes(heard, sounding),
        _numbers(surprise), _numbers(uncertainty), _numbers(np.exp(chances)), len(tokens) <= MOST_STEPS, loose,
        round(usual.mean["surprise"], DECIMALS), round(usual.mean["uncertainty"], DECIMALS), silent,
        _beats(heard, sounding),
    )  # fmt: skip


def _notes(heard: Heard, sounding: Piece) -> tuple[HeardNote, ...]:
    begins, ticks = sounding.bars[:, 0], sounding.bars[:, 1]
    ticks_at, lengths, pitches = sounding.notes[:, :3].T
    onset = heard.bar + (ticks_at - begins[heard.bar]) / ticks[heard.bar]
    figures = (onset, lengths / ticks[heard.bar], heard.surprise.sum(1), heard.uncertainty.sum(1))
    rows = np.round(np.stack(figures, axis=1), DECIMALS).tolist()
    return tuple(
        HeardNote(
            start, length, int(pitch), surprise, uncertainty,
            tuple((int(each), round(float(chance), DECIMALS)) for each, chance in zip(likely, chances, strict=True)),
        )
        for (start, length, surprise, uncertainty), pitch, likely, chances in zip(
            rows, pitches, heard.expected, heard.chance, strict=True
        )
    )  # fmt: skip


def _beats(heard: Heard, sounding: Piece) -> tuple[HeardBeat, ...]:
    begins, ticks = sounding.bars[:, 0], sounding.bars[:, 1]
    felt = np.array([beat_ticks(above, below) for above, below in sounding.bars[:, 2:4].tolist()])
    beat = (sounding.notes[:, 0] - begins[heard.bar]) // felt[heard.bar]
    length = felt[heard.bar] / ticks[heard.bar]
    onsets, first, owner = np.unique(heard.bar + beat * length, return_index=True, return_inverse=True)
    figures = [np.bincount(owner, each.sum(1)) / np.bincount(owner) for each in (heard.surprise, heard.uncertainty)]
    return tuple(
        HeardBeat(*row) for row in np.round(np.stack([onsets, length[first], *figures], axis=1), DECIMALS).tolist()
    )


def _numbers(values: npt.NDArray[np.float64]) -> tuple[float | None, ...]:
    return tuple(round(float(value), DECIMALS) if np.isfinite(value) else None for value in values)
