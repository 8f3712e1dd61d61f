"""Music for so many bars: a piece written freely to its end, its latents bar by bar, and these decoded again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce

import numpy as np
import numpy.typing as npt

from models.music.keys import half_bar_chroma, likely_key
from models.music.midi import without_overlaps
from models.music.notes import Domain, MusicError, Piece
from models.music.tokens import TEMPI_BPM
from models.picture.tie.bars import QUARTERS, BarLines
from models.style.compose import Composer
from models.style.elements import TempoScale
from models.style.latents import BARS, GROUPS, Latents
from models.style.pieces.steering import BarTargets

METER, METER_NAME = (QUARTERS, 4), f"{QUARTERS}/4"
CLOSING_BASS, CLOSING_VELOCITY = 36, 56
TOGETHER = 32  # eights of bars that are decoded at a time


def write(
    composer: Composer, domain: Domain, lines: BarLines, seed: int, *, targets: BarTargets | None = None, count: int = 1
) -> list[Piece]:
    """``count`` pieces of as many bars as the film has, the last ones of a longer piece; its ``targets`` steer them.

    Without these they know nothing else of the film. Raises ``ValueError`` where the model has no piece model.
    """
    if composer.writer is None:
        raise ValueError("this style model composes no whole pieces: its card names no piece model")
    tempo = float(np.exp(np.log(lines.tempo_bpm).mean()))
    pieces = composer.writer.last_bars(
        domain, lines.bars, seed, meter=METER, tempo_bpm=tempo, targets=targets, count=count
    )
    return [in_time(piece.window(len(piece.bars) - lines.bars, lines.bars), lines) for piece in pieces]


def in_time(piece: Piece, lines: BarLines) -> Piece:
    """The piece with its bars on the film's."""
    return replace(piece, tempo_bpm=lines.tempo_bpm.astype(np.float32))


def latents_of(composer: Composer, piece: Piece) -> Latents:
    """Latents of all bars of a piece in whole bars, however long; silent bars have those of the nearest one.

    Raises ``MusicError`` for a piece without notes.
    """
    parts: list[Mapping[str, npt.NDArray[np.float32]] | None] = []
    spans = [(first, min(BARS, len(piece.bars) - first)) for first in range(0, len(piece.bars), BARS)]
    about: Mapping[str, object] = {}
    for first, count in spans:
        try:
            found = composer.encode(piece.window(first, count))
        except MusicError:
            parts.append(None)
            continue
        about = about or found.piece
        lead = count - found.bars  # silent bars at the beginning, where encoding leaves them out
        parts.append({name: np.concatenate([value[:1].repeat(lead, 0), value]) for name, value in found.groups.items()})
    there = [part for part in parts if part is not None]
    if not there:
        raise MusicError("a piece without notes has no latents")
    whole = [
        part if part is not None else {name: value[:1].repeat(count, 0) for name, value in there[0].items()}
        for part, (_, count) in zip(parts, spans, strict=True)
    ]
    groups = {name: np.concatenate([part[name] for part in whole]) for name in GROUPS}
    return Latents(composer.version, groups, dict(about))


def with_tempo(latents: Latents, lines: BarLines) -> Latents:
    """The latents with the film's tempi."""
    bins = np.interp(np.log(lines.tempo_bpm), np.log(TEMPI_BPM), np.arange(len(TEMPI_BPM)))
    tempo = ((bins - TempoScale.centre) / TempoScale.width)[:, None].astype(np.float32)
    return replace(latents, groups={**latents.groups, "tempo": tempo})


def decoded(
    composer: Composer, domain: Domain, latents: Latents, seed: int, moved: Sequence[str] = (), *, drawn: bool = False
) -> Piece:
    """Music of latents of any number of bars; ``moved`` are the styles that were changed, ``drawn``: by the prior.

    Eight bars at a time, side by side.
    """
    plans = []
    for number, first in enumerate(range(0, latents.bars, BARS)):
        bars = min(BARS, latents.bars - first)
        part = replace(latents, groups={name: value[first : first + bars] for name, value in latents.groups.items()})
        plans.append(
            composer.plan(
                domain=domain, content=None if drawn else part, styles=dict.fromkeys(moved, part), bars=bars,
                seed=seed + number, drawn=part if drawn else None,
            )
        )  # fmt: skip
    parts = [plans[first : first + TOGETHER] for first in range(0, len(plans), TOGETHER)]
    pieces = [piece for part in parts for piece in composer.compose(part)]
    piece = reduce(Piece.followed_by, pieces)
    return replace(piece, notes=without_overlaps(piece.notes))


def with_last_bar(piece: Piece, ending: Piece) -> Piece:
    """The piece with the last bar of ``ending``, which was written to be one."""
    begin = int(piece.bars[-1, 0])
    notes = np.concatenate([piece.notes[piece.notes[:, 0] < begin], ending.notes[ending.notes[:, 0] >= begin]])
    return replace(piece, notes=without_overlaps(notes))


def closed(piece: Piece) -> Piece:
    """The piece with a last bar that rests on the tonic: for music that was not written to an end."""
    minor, tonic = divmod(likely_key(half_bar_chroma(piece).sum(axis=0)), 12)
    begin, length = piece.bars[-1, :2].tolist()
    before = piece.notes[piece.notes[:, 0] < begin]
    velocity = round(float(before[:, 3].mean())) if len(before) else CLOSING_VELOCITY
    chord = [(begin, length, CLOSING_BASS + (tonic - CLOSING_BASS) % 12 + above, velocity) for above in (0, 12, 19)]
    chord.append((begin, length, chord[1][2] + (3 if minor else 4), velocity))
    return replace(piece, notes=without_overlaps(np.concatenate([before, np.array(chord, dtype=np.int32)])))
