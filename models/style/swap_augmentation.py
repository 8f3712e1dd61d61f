"""What a swap should sound like, as notes: clips whose pitches, velocities and tempo are moved to other clips' styles.

Latents of real clips always agree with one another, so a decoder that has heard nothing else may take the harmony from
the register, or from the notes so far, and does so where they disagree. These clips are the supervision for that case.
Each note goes to a near pitch, shifted to the register asked for, such that the pitch classes of each half bar sound as
long as the donor's: greedily and the longest notes first, then by ascent, one note of each half bar at a time. Each
velocity keeps its distance from the mean of its beat. Bars keep the donor's differences; all of a clip move together so
that its mean pitch and velocity are the donor's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from models.music.notes import DOMAINS
from models.music.tokens import (
    BAR,
    LOWEST_PITCH,
    PITCH,
    PITCHES,
    POSITION,
    POSITIONS,
    TEMPO,
    VELOCITY,
    VELOCITY_BINS,
)
from models.style.elements import MOST_AT_ONCE, half_of
from models.style.features import BEATS, REACH, NoteBatch, clip_mean, gather_notes, overlap_with_halves, style_features
from models.style.latents import BARS
from models.style.windows import DOMAIN_SHARE

SWAPPED = 0.35  # share of a batch that is told once more, with styles of others
SWAP_CHANCE = 0.5  # that a group of a rearranged clip is another's
REARRANGED = ("register", "harmony", "dynamics", "tempo")  # groups whose swaps are made
# semitones that a note goes for a pitch class that is short of a whole half bar, in a swapped harmony and its own
SHORT, SHORT_OWN = 60.0, 12.0
ALIKE = 1.4  # times as many for a half bar's correlation of 1 with the chroma that is asked for
PASSES = 2  # of ascent
FOREIGN = 6.0  # semitones that it goes to avoid one that doesn't sound there
BASS = 4.0  # semitones that the lowest note of a half bar goes for the donor's bass


@dataclass(frozen=True)
class Schedule:
    """What training batches are made of: each domain's share, and the share of their clips that is told once more.

    ``chances`` ``(DOMAINS, REARRANGED)``: that a group of a rearranged clip is another's.
    """

    domain_share: Mapping[str, float] = field(default_factory=lambda: DOMAIN_SHARE)
    swapped: float = SWAPPED
    chances: tuple[tuple[float, ...], ...] = ((SWAP_CHANCE,) * len(REARRANGED),) * len(DOMAINS)


UNIFORM = Schedule()


@dataclass(frozen=True)
class Swaps:
    """Clips of a batch with styles of others in it: ``tokens`` ``(swaps, steps, 7)``, of the ``rows`` ``(swaps,)``.

    ``donors``: for each group of ``REARRANGED`` the rows that it is taken from, ``(swaps,)``.
    """

    tokens: Tensor
    rows: Tensor
    donors: Mapping[str, Tensor]

    def to(self, device: str) -> Swaps:
        """The same on ``device``."""
        donors = {group: rows.to(device) for group, rows in self.donors.items()}
        return Swaps(self.tokens.to(device), self.rows.to(device), donors)


def draw_swaps(tokens: Tensor, domain: Tensor, generator: torch.Generator, schedule: Schedule = UNIFORM) -> Swaps:
    """Some of the clips ``(batch, steps, 7)`` of ``domain`` ``(batch,)``, with styles of one another.

    Donors are of the same domain; how many clips and which groups are another's is drawn by the ``schedule``.
    """
    rows = torch.nonzero(torch.rand(len(tokens), generator=generator) < schedule.swapped)[:, 0]
    chances = torch.tensor(schedule.chances)[domain[rows]]
    mixed = torch.randperm(len(rows), generator=generator)
    mixed = mixed[torch.argsort(domain[rows][mixed], stable=True)]  # clips of one domain side by side
    donors = {}
    for number, group in enumerate(REARRANGED, start=1):
        other = torch.empty_like(mixed)
        other[mixed] = mixed.roll(number)
        taken = torch.rand(len(rows), generator=generator) < chances[:, number - 1]
        same = domain[rows][other] == domain[rows]
        donors[group] = torch.where(taken & same, other, torch.arange(len(rows)))
    if len(rows) == 0:
        return Swaps(tokens[rows], rows, donors)
    made, whole = rearrange(tokens[rows], donors)
    return Swaps(made[whole], rows[whole], {group: rows[found[whole]] for group, found in donors.items()})


def rearrange(tokens: Tensor, donors: Mapping[str, Tensor], short: float = SHORT) -> tuple[Tensor, Tensor]:
    """Clips ``(batch, steps, 7)`` with the styles of others, and which of them could be made ``(batch,)``.

    ``donors``: for each group of ``REARRANGED`` the row of ``tokens`` that it is taken from, ``(batch,)``; ``short``
    is as above.
    """
    notes = gather_notes(tokens, BARS)
    features = style_features(notes)
    first = torch.arange(BARS, device=tokens.device)
    bars = {group: (rows[:, None] * BARS + first).flatten() for group, rows in donors.items()}
    pitch = _pitches(notes, features["register"], features["harmony"], bars, short)
    is_note = tokens[..., POSITION] < POSITIONS
    made = tokens.clone()
    made[..., PITCH][is_note] = pitch + LOWEST_PITCH
    made[..., VELOCITY][is_note] = _velocities(notes, features["dynamics"], bars["dynamics"])
    made[..., TEMPO][tokens[..., POSITION] == BAR] = notes.tempo[bars["tempo"]]
    crowded = (pitch <= _below(notes, pitch)).float()
    failed = torch.zeros(len(tokens), device=tokens.device).index_add_(0, notes.bar // BARS, crowded)
    return made, failed == 0


def _pitches(notes: NoteBatch, register: Tensor, harmony: Tensor, bars: Mapping[str, Tensor], short: float) -> Tensor:
    """Pitches 0-87 of the notes in the donors' register and harmony."""
    device = notes.pitch.device
    sounds, mean = register[:, 11] > 0, register[:, 8] * (PITCHES - 1)
    shift = torch.where(sounds[bars["register"]] & sounds, mean[bars["register"]] - mean, 0.0)
    target = notes.pitch.float() + shift[notes.bar]
    asked = clip_mean(notes, notes.pitch.float())
    target = target + (asked[bars["register"]] - clip_mean(notes, target))[notes.bar, 0]

    chroma, bass = harmony[:, :24].square().view(-1, 2, 12), harmony[:, 24:].view(-1, 2, 12)
    silent = chroma[bars["harmony"]].sum(-1, keepdim=True) == 0
    chroma = torch.where(silent, chroma, chroma[bars["harmony"]]).flatten(0, 1)
    bass = torch.where(silent, bass, bass[bars["harmony"]]).flatten(0, 1)
    swapped = bars["harmony"] != torch.arange(len(mean), device=device)
    length = notes.length[notes.bar]
    half = notes.bar * 2 + half_of(notes.position, length)
    lowest = torch.full((len(chroma),), PITCHES, device=device).scatter_reduce_(0, half, notes.pitch, "amin")
    every = torch.arange(PITCHES, device=device)
    pitch_class = (every + LOWEST_PITCH) % 12
    wish = BASS * (notes.pitch == lowest[half])[:, None] * bass[half] - FOREIGN * (chroma[half] == 0)
    near = wish[:, pitch_class] - (every - target[:, None]).abs()
    worth = torch.where(swapped, short, SHORT_OWN)[notes.bar]

    # of each note, all half bars from that of its onset on that it may sound in, and for how many grid steps
    places = half[:, None] + torch.arange(2 * REACH - 1, device=device)
    overlap = overlap_with_halves(notes.position, notes.steps, length)
    steps = overlap.gather(1, (half % 2)[:, None] + torch.arange(2 * REACH - 1, device=device)).float()
    steps[:, 0].clamp_(min=1)
    clip = notes.clip.repeat_interleave(2)
    there = places < len(chroma)
    places = places.clamp(max=len(chroma) - 1)
    steps *= there & (clip[places] == clip[half, None])
    total = torch.zeros(len(chroma), device=device).index_add_(0, places.flatten(), steps.flatten()).clamp(min=1)
    sounding = torch.zeros_like(chroma)  # grid steps of each pitch class

    def sound(rows: Tensor, sign: int) -> None:
        index = places[rows] * 12 + pitch_class[pitch[rows], None]
        sounding.view(-1).index_add_(0, index.flatten(), sign * steps[rows].flatten())

    score, pitch = torch.empty_like(near), torch.empty_like(notes.pitch)
    turns = list(_longest_first(half, steps[:, 0]))
    for rows in turns:
        left = chroma[half[rows]] - sounding[half[rows]] / total[half[rows], None]  # that it is still short of
        score[rows] = near[rows] + (worth[rows, None] * left)[:, pitch_class]
        pitch[rows] = score[rows].argmax(1)
        sound(rows, 1)
    for _ in range(PASSES):
        for rows in turns:
            sound(rows, -1)
            heard = steps[rows] > 0
            alike = (_likeness(sounding[places[rows]], steps[rows], chroma[places[rows]]) * heard[..., None]).sum(1)
            score[rows] = near[rows] + (ALIKE * worth[rows, None] * alike)[:, pitch_class]
            pitch[rows] = score[rows].argmax(1)
            sound(rows, 1)
    for _ in range(MOST_AT_ONCE):  # notes of one onset ascend
        below = _below(notes, pitch)
        wrong = torch.nonzero(pitch <= below)[:, 0]
        above = score[wrong].masked_fill(every <= below[wrong, None], -1e6)
        pitch = pitch.index_put((wrong,), above.argmax(1))
    return pitch


def _likeness(sounding: Tensor, steps: Tensor, asked: Tensor) -> Tensor:
    """Correlation with the chroma ``asked`` if ``steps`` ``(...)`` of a pitch class come to those ``sounding``.

    Both and the result, which is that for each pitch class: ``(..., 12)``.
    """
    found = sounding[..., None, :] + steps[..., None, None] * torch.eye(12, device=asked.device)
    found, asked = found - found.mean(-1, keepdim=True), asked - asked.mean(-1, keepdim=True)
    size = found.norm(dim=-1) * asked.norm(dim=-1, keepdim=True)
    likeness: Tensor = (found @ asked[..., None])[..., 0] / size.clamp(min=1e-6)
    return likeness


def _longest_first(half: Tensor, steps: Tensor) -> Iterator[Tensor]:
    """Indices of notes, at most one of each half bar at a time, the longest first; first halves before second ones."""
    order = torch.argsort(half * 10_000 - steps, stable=True)
    place = torch.arange(len(half), device=half.device)
    begins = torch.ones_like(half, dtype=torch.bool)
    begins[1:] = half[order][1:] != half[order][:-1]
    rank = place - torch.where(begins, place, 0).cummax(0).values
    turn = rank + (int(rank.max()) + 1 if len(rank) else 0) * (half[order] % 2)
    yield from (order[turn == number] for number in torch.unique(turn).tolist())


def _below(notes: NoteBatch, pitch: Tensor) -> Tensor:
    """Pitch of the note before in the same onset, -1 where there is none."""
    same = torch.zeros_like(pitch, dtype=torch.bool)
    same[1:] = (notes.bar[1:] == notes.bar[:-1]) & (notes.position[1:] == notes.position[:-1])
    return torch.where(same, pitch.roll(1), -1)


def _velocities(notes: NoteBatch, dynamics: Tensor, donor: Tensor) -> Tensor:
    """Velocity bins that lie as far from the donor's mean of that beat as they lay from their own."""
    loudness, live, mean = dynamics[:, :BEATS], dynamics[:, BEATS : 2 * BEATS] > 0, dynamics[:, 2 * BEATS, None]
    level = torch.where(live, loudness, mean)
    wanted = torch.where(live[donor].any(1, keepdim=True), level[donor], level)
    beat = (notes.position * BEATS // notes.length[notes.bar]).clamp(max=BEATS - 1)
    moved = notes.velocity - level[notes.bar, beat] + wanted[notes.bar, beat]
    moved = moved + (clip_mean(notes, notes.velocity)[donor] - clip_mean(notes, moved))[notes.bar, 0]
    return (moved * VELOCITY_BINS - 0.5).round().long().clamp(0, VELOCITY_BINS - 1)
