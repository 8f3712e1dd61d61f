"""What each encoder is allowed to hear of a bar: restricted inputs are what keeps the latent groups apart.

Rhythm hears onsets and durations, register hears octaves, harmony half-bar chroma and bass, dynamics velocities, tempo
the tempo, texture notes an onset. Content hears contours: the top and the bottom line and, coarsely, what sounds
between them, relative to the bar's own mean and held through time, so that it knows neither the register nor a note
that is struck again.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from models.music.tokens import (
    BAR,
    DURATION,
    DURATIONS,
    LENGTH,
    LOWEST_PITCH,
    METER,
    METERS,
    PITCH,
    PITCHES,
    POSITION,
    POSITIONS,
    TEMPI_BPM,
    TEMPO,
    VELOCITY,
    VELOCITY_BINS,
)

SLOTS = 24  # time slots of a bar, whatever its meter
REACH = 2  # bars in which harmony hears a note: its own and, where it is held over, the next
BEATS = 8
CONTOUR = 37  # semitones relative to the bar's mean line, -18..18
ROLL = 31  # bins of two semitones relative to the bar's mean pitch

FEATURE_SIZES = {
    "content": SLOTS * CONTOUR + SLOTS // 2 * CONTOUR + SLOTS * ROLL + 2,
    "rhythm": 2 * POSITIONS + len(METERS),
    "register": 8 + 6,
    "harmony": 4 * 12,
    "dynamics": 2 * BEATS + 3,
    "tempo": 1 + len(TEMPI_BPM),
    "texture": SLOTS + 3,
}


@dataclass(frozen=True)
class NoteBatch:
    """Notes of some bars, flat: fields ``(notes,)``; ``bar`` indexes ``length`` to ``clip``, ``(bars,)``."""

    bar: Tensor
    position: Tensor
    pitch: Tensor  # 0..87
    steps: Tensor  # duration in grid steps
    velocity: Tensor  # 0..1
    length: Tensor
    meter: Tensor
    tempo: Tensor
    clip: Tensor  # which clip each bar is of; those of one clip lie behind one another


def gather_notes(tokens: Tensor, bars: int) -> NoteBatch:
    """Notes of token clips ``(batch, steps, 7)`` with ``bars`` bars each, padded with END steps."""
    count = int((tokens[..., POSITION] == BAR).sum())
    return notes_of(tokens.flatten(0, 1), torch.arange(count, device=tokens.device) // bars)


def notes_of(tokens: Tensor, clip: Tensor) -> NoteBatch:
    """Notes of tokens ``(steps, 7)``, clips behind one another; ``clip`` ``(bars,)``: which each bar is of."""
    is_bar = tokens[:, POSITION] == BAR
    index = is_bar.cumsum(0) - 1
    is_note = tokens[:, POSITION] < POSITIONS
    notes, heads = tokens[is_note], tokens[is_bar]
    durations = torch.as_tensor(DURATIONS, device=tokens.device)
    return NoteBatch(
        bar=index[is_note],
        position=notes[:, POSITION],
        pitch=notes[:, PITCH] - LOWEST_PITCH,
        steps=durations[notes[:, DURATION]].long(),
        velocity=(notes[:, VELOCITY].float() + 0.5) / VELOCITY_BINS,
        length=heads[:, LENGTH],
        meter=heads[:, METER],
        tempo=heads[:, TEMPO],
        clip=clip,
    )


def bar_features(notes: NoteBatch, jitter: torch.Generator | None = None) -> dict[str, Tensor]:
    """Encoder inputs a bar, name → float32 ``(bars, FEATURE_SIZES[name])``.

    With a ``jitter`` generator content hears each pitch moved by up to two semitones and each begin and end by up to a
    slot (training only): so the exact pitch has to come from harmony, the time from rhythm, and when those are swapped
    the tune moves onto the other's chords and onsets.
    """
    return {"content": _contours(notes, jitter), **style_features(notes)}


def style_features(notes: NoteBatch) -> dict[str, Tensor]:
    """What ``bar_features`` gives for the style groups."""
    bars, device = len(notes.length), notes.length.device
    bar, position, pitch, velocity = notes.bar, notes.position, notes.pitch, notes.velocity
    length = notes.length[bar]
    weight = torch.ones_like(velocity)

    def total(index: Tensor, values: Tensor, size: int) -> Tensor:
        return torch.zeros(bars * size, device=device).index_add_(0, bar * size + index, values).view(bars, size)

    def greatest(index: Tensor, values: Tensor, size: int) -> Tensor:
        flat = torch.zeros(bars * size, device=device)
        return flat.scatter_reduce_(0, bar * size + index, values, "amax").view(bars, size)

    onset = (total(position, weight, POSITIONS) > 0).float()
    log_steps = torch.log2(notes.steps.float() + 1) / 8
    count = total(torch.zeros_like(position), weight, 1)
    per_bar = count.clamp(min=1)

    tone = pitch.float() / 87
    mean = total(torch.zeros_like(position), tone, 1) / per_bar
    octaves = total(pitch // 12, weight, 8) / per_bar
    highest = greatest(torch.zeros_like(position), tone, 1)
    lowest = 1 - greatest(torch.zeros_like(position), 1 - tone, 1)

    half = (position * 2 >= length).long()
    chroma = sounding_time(notes)
    chroma = (chroma / chroma.sum(-1, keepdim=True).clamp(min=1e-6)).sqrt()
    low = greatest(half, (PITCHES - pitch).float(), 2)  # PITCHES - lowest pitch of each half, 0 where empty
    bass = F.one_hot((PITCHES - low.long() + LOWEST_PITCH) % 12, 12).float() * (low > 0)[..., None]

    beat = (position * BEATS // length).clamp(max=BEATS - 1)
    in_beat = total(beat, weight, BEATS)
    loudness = total(beat, velocity, BEATS) / in_beat.clamp(min=1)
    mean_velocity = total(torch.zeros_like(position), velocity, 1) / per_bar
    spread = total(torch.zeros_like(position), (velocity - mean_velocity[bar, 0]) ** 2, 1) / per_bar

    onsets = onset.sum(1, keepdim=True)
    chords = (total(position, weight, POSITIONS) >= 3).float().sum(1, keepdim=True)
    polyphony = total(torch.zeros_like(position), notes.steps.float() / length, 1)

    return {
        "rhythm": torch.cat([onset, greatest(position, log_steps, POSITIONS), F.one_hot(notes.meter, len(METERS))], 1),
        "register": torch.cat(
            [octaves, mean, highest, lowest, (count > 0).float(), highest - mean, clip_mean(notes, tone)], 1
        ),
        "harmony": torch.cat([chroma.flatten(1), bass.flatten(1)], 1),
        "dynamics": torch.cat(
            [loudness, (in_beat > 0).float(), mean_velocity, spread.sqrt() * 4, clip_mean(notes, velocity)], 1
        ),
        "tempo": torch.cat([notes.tempo[:, None].float() / len(TEMPI_BPM), F.one_hot(notes.tempo, len(TEMPI_BPM))], 1),
        "texture": torch.cat(
            [held_thickness(notes) / 4, count / onsets.clamp(min=1) / 4, chords / onsets.clamp(min=1), polyphony / 8], 1
        ),
    }


def held_thickness(notes: NoteBatch) -> Tensor:
    """Notes an onset in each time slot of a bar, held where none begins: ``(bars, SLOTS)``; 1 in silent bars."""
    bars, device = len(notes.length), notes.length.device
    slot = slot_of(notes.position, notes.length[notes.bar])
    struck = torch.zeros(bars * SLOTS, device=device).index_add_(
        0, notes.bar * SLOTS + slot, torch.ones_like(notes.velocity)
    )
    onset = torch.zeros(bars * POSITIONS, device=device).index_fill_(0, notes.bar * POSITIONS + notes.position, 1.0)
    slots = slot_of(torch.arange(POSITIONS, device=device).expand(bars, -1), notes.length[:, None])
    onsets = torch.zeros(bars, SLOTS, device=device).scatter_add_(1, slots, onset.view(bars, -1))
    return _hold(struck.view(bars, -1) / onsets.clamp(min=1)).clamp(min=1)


def sounding_time(notes: NoteBatch, *, own: bool = True) -> Tensor:
    """Grid steps that each pitch class sounds in both halves of each bar: ``(bars, 2, 12)``.

    Without its ``own`` notes: those alone that are held over from bars before.
    """
    bars, device = len(notes.length), notes.length.device
    overlap = overlap_with_halves(notes.position, notes.steps, notes.length[notes.bar]).view(-1, REACH, 2)
    found = torch.zeros(bars * 24, device=device)
    pitch_class = (notes.pitch + LOWEST_PITCH) % 12
    for later in range(0 if own else 1, REACH):
        bar = notes.bar + later
        there = (notes.clip[bar.clamp(max=bars - 1)] == notes.clip[notes.bar]) & (bar < bars)
        for half in range(2):
            steps = overlap[:, later, half] * there
            found.index_add_(0, bar.clamp(max=bars - 1) * 24 + half * 12 + pitch_class, steps.float())
    return found.view(bars, 2, 12)


def overlap_with_halves(position: Tensor, steps: Tensor, length: Tensor) -> Tensor:
    """Grid steps that notes of ``steps`` sound in the halves of their bar and of those after it: ``(..., 2 * REACH)``.

    The bars after it are taken to be as long.
    """
    half = torch.arange(2 * REACH + 1, device=position.device)
    edge = half // 2 * length[..., None] + half % 2 * ((length[..., None] + 1) // 2)
    end = torch.minimum((position + steps)[..., None], edge[..., 1:])
    return (end - torch.maximum(position[..., None], edge[..., :-1])).clamp(min=0)


def clip_mean(notes: NoteBatch, values: Tensor) -> Tensor:
    """Mean of ``values`` ``(notes,)`` over the notes of each bar's clip, ``(bars, 1)``; 0 where it has none."""
    clip = notes.clip[notes.bar]
    sums, counts = torch.zeros(2, int(notes.clip[-1]) + 1, device=values.device)
    sums, counts = sums.index_add(0, clip, values), counts.index_add(0, clip, torch.ones_like(values))
    mean: Tensor = sums / counts.clamp(min=1)
    return mean[notes.clip, None]


def heights(notes: NoteBatch) -> Tensor:
    """Of each bar in octaves above A0 ``(bars, 4)``.

    Mean pitch, how far the highest lies above it, how far the lowest below it, mean pitch of the whole clip.
    """
    octaves = notes.pitch / 12
    mean, highest, lowest = (_of_bars(notes, octaves, how) for how in ("mean", "amax", "amin"))
    return torch.cat([torch.stack([mean, highest - mean, mean - lowest], 1), clip_mean(notes, octaves)], 1)


def levels(notes: NoteBatch) -> Tensor:
    """Of each bar in eighths of the loudest ``(bars, 3)``: mean velocity, its deviation, mean of the whole clip."""
    loud = notes.velocity * 8
    mean = _of_bars(notes, loud, "mean")
    away = _of_bars(notes, (loud - mean[notes.bar]).abs(), "mean")
    return torch.cat([torch.stack([mean, away], 1), clip_mean(notes, loud)], 1)


def _of_bars(notes: NoteBatch, values: Tensor, how: str) -> Tensor:
    """``values`` ``(notes,)`` reduced to ``(bars,)``; 0 where a bar is silent."""
    silent = torch.zeros(len(notes.length), device=values.device)
    return silent.scatter_reduce(0, notes.bar, values, how, include_self=False)


def slot_of(position: Tensor, length: Tensor) -> Tensor:
    """Time slot 0..23 of grid positions in bars of ``length`` grid steps (same shape)."""
    return (position * SLOTS // length.clamp(min=1)).clamp(0, SLOTS - 1)


def _contours(notes: NoteBatch, jitter: torch.Generator | None) -> Tensor:
    """Top line, bottom line and inner notes of each bar about their own means: ``(bars, FEATURE_SIZES["content"])``."""
    bars, device = len(notes.length), notes.length.device
    bar, pitch = notes.bar, notes.pitch
    if jitter is not None:
        pitch = (pitch + _jitter((0.1, 0.2, 0.4, 0.2, 0.1), len(pitch), jitter)).clamp(0, 87)
    sounding = _sounding(notes, pitch, jitter)

    scale = torch.arange(1, PITCHES + 1, device=device)
    top = (sounding * scale).amax(-1)  # 0 where silent, else pitch + 1
    bottom = PITCHES + 1 - (sounding * scale.flip(0)).amax(-1)
    bottom = torch.where(bottom > PITCHES, 0, bottom)
    lines = []
    for line, stride in ((_hold(top), 1), (_hold(bottom), 2)):
        mean = line.float().mean(1, keepdim=True).round()
        relative = (line[:, ::stride] - mean).clamp(-(CONTOUR // 2), CONTOUR // 2).long() + CONTOUR // 2
        lines.append((F.one_hot(relative, CONTOUR).float() * (line[:, ::stride, None] > 0)).flatten(1))

    total = torch.zeros(bars, device=device).index_add_(0, bar, pitch.float())
    count = torch.zeros(bars, device=device).index_add_(0, bar, torch.ones_like(notes.velocity))
    centre = (total / count.clamp(min=1)).round().long()
    bins = ((torch.arange(PITCHES, device=device) - centre[:, None]).clamp(-30, 30) + 30) // 2
    roll = torch.zeros(bars, SLOTS, ROLL, device=device)
    roll.scatter_reduce_(2, bins[:, None].expand(-1, SLOTS, -1), sounding.float(), "amax")
    spans = torch.stack([_hold(top).float().std(1), _hold(top).float().mean(1) - _hold(bottom).float().mean(1)], 1) / 24
    return torch.cat([*lines, roll.flatten(1), spans], 1)


def top_line(notes: NoteBatch) -> Tensor:
    """Of each time slot the highest pitch that sounds, + 1, held through rests; 0 in silent bars: ``(bars, SLOTS)``."""
    sounding = _sounding(notes, notes.pitch, None)
    return _hold((sounding * torch.arange(1, PITCHES + 1, device=sounding.device)).amax(-1))


def _sounding(notes: NoteBatch, pitch: Tensor, jitter: torch.Generator | None) -> Tensor:
    """Whether each pitch sounds in each time slot of its own bar, ``(bars, SLOTS, PITCHES)``; moved by ``jitter``."""
    bars, length = len(notes.length), notes.length[notes.bar]
    start, end = slot_of(notes.position, length), torch.minimum(notes.position + notes.steps, length)
    stop = (end * SLOTS + length - 1) // length
    if jitter is not None:
        start = (start + _jitter((0.15, 0.7, 0.15), len(start), jitter)).clamp(0, SLOTS - 1)
        stop = stop + _jitter((0.15, 0.7, 0.15), len(stop), jitter)
    stop = torch.maximum(start + 1, stop).clamp(max=SLOTS)
    change = torch.zeros(bars * (SLOTS + 1) * PITCHES, device=length.device)
    row = notes.bar * (SLOTS + 1)
    change.index_add_(0, (row + start) * PITCHES + pitch, torch.ones_like(notes.velocity))
    change.index_add_(0, (row + stop) * PITCHES + pitch, -torch.ones_like(notes.velocity))
    return change.view(bars, SLOTS + 1, PITCHES).cumsum(1)[:, :SLOTS] > 0.5


def _jitter(chances: tuple[float, ...], count: int, generator: torch.Generator) -> Tensor:
    """``count`` shifts about 0 with the given ``chances``."""
    chance = torch.tensor(chances, device=generator.device)
    return torch.multinomial(chance, count, replacement=True, generator=generator) - len(chances) // 2


def _hold(line: Tensor) -> Tensor:
    """Fill silent slots (0) of a line ``(bars, slots)`` with the last value before, or the first after."""
    index = torch.arange(line.shape[1], device=line.device).expand_as(line)
    last = torch.where(line > 0, index, -1).cummax(1).values
    first = torch.where(line > 0, index, line.shape[1]).amin(1, keepdim=True).clamp(max=line.shape[1] - 1)
    return line.gather(1, torch.where(last < 0, first, last))
