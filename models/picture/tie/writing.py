"""Music for so many bars: the end of a piece written freely, its latents bar by bar, and what is written of latents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from models.music.notes import Domain, MusicError, Piece
from models.music.tokens import METERS, TEMPI_BPM
from models.picture.tie.bars import QUARTERS, BarLines
from models.style.compose import AT_BAR, Composer
from models.style.drafts import ANEW_TEMPERATURE
from models.style.elements import TempoScale
from models.style.latents import BARS, GROUPS, Latents
from models.style.pieces.conditions import BarTargets, Place

METER, METER_NAME = (QUARTERS, 4), f"{QUARTERS}/4"


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


def from_latents(composer: Composer, domain: Domain, latents: Latents, seed: int) -> Piece:
    """The end of a longer piece as ``latents`` of its bars say.

    Raises ``ValueError`` where the model has no piece model that hears latents.
    """
    if composer.writer is None:
        raise ValueError("this style model's card names no piece model that hears latents")
    reader = composer.writer.reader(composer.model)
    known = reader.stored(latents)
    place = Place(AT_BAR, AT_BAR + latents.bars, (), METERS.index(METER), reader.tempo(known))
    ((piece, _),) = composer.writer.told(domain, [known], [(seed,)], [place], temperature=ANEW_TEMPERATURE)
    return piece
