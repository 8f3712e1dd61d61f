"""Element decoders: each sees one latent group alone, so that a swapped style says what is played.

Onsets: rhythm; notes an onset: texture; pitch classes: harmony; height: register; tempo.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.music.notes import DOMAINS
from models.music.tokens import (
    BAR,
    DURATION,
    DURATIONS,
    LENGTH,
    PITCH,
    POSITION,
    POSITION_CLASSES,
    POSITIONS,
    TEMPI_BPM,
)
from models.style.features import SLOTS, overlap_with_halves
from models.style.layers import Multihot, finite_scalar, norm

MOST_AT_ONCE = 12  # notes of one onset that the texture decoder counts
GAPS = 64  # classes of grid steps until an onset; the last is for all that is later
AHEAD = (MOST_AT_ONCE, GAPS, GAPS)


class TempoScale(nn.Module):
    """Tempo is one number, so its latent is one: bins of log tempo, centred and scaled.

    A learned code of two dimensions knew the frequent tempi only (a fifth of all bins came back after 4,000 steps).
    """

    centre, width, doubt = 40.0, 8.0, 0.5  # bins: the middle of the scale, a unit of the latent, half a step

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features ``(bars, FEATURE_SIZES["tempo"])`` to mean and log-variance ``(bars, 1)``."""
        mean = (x[:, :1].float() * len(TEMPI_BPM) - self.centre) / self.width
        return mean, torch.full_like(mean, 2 * math.log(self.doubt / self.width))

    def logits(self, z: Tensor) -> Tensor:
        """Log-likelihood of each tempo bin given latents ``(..., 1)``, up to a constant: ``(..., tempi)``."""
        weight, bias = self.readout()
        return z.float() * weight.to(z.device) + bias.to(z.device)

    def readout(self) -> tuple[Tensor, Tensor]:
        """Weight and bias ``(tempi,)`` of ``logits``: the square of what they have in common is left out."""
        bins = torch.arange(len(TEMPI_BPM), dtype=torch.float32)
        return self.width * bins / self.doubt**2, (self.centre * bins - bins**2 / 2) / self.doubt**2


class OnsetDecoder(nn.Module):
    """When the next onset comes: rhythm latents and the last onset, nothing else."""

    def __init__(self, latent: int, hidden: int) -> None:
        super().__init__()
        self.latent = nn.Linear(latent, hidden, bias=False)
        self.given = Multihot([POSITION_CLASSES, len(DOMAINS)], hidden)
        self.out = nn.Linear(hidden, POSITION_CLASSES, bias=False)

    def forward(self, planned: Tensor, last: Tensor, domain: Tensor) -> Tensor:
        """Log-probabilities of the next onset after ``last``, or BAR: ``planned`` ``(rows, hidden)``."""
        logits = self.out(F.silu(norm(planned + self.given([last, domain])))).float()
        classes = torch.arange(POSITION_CLASSES, device=last.device)
        over = (classes <= torch.where(last == BAR, -1, last)[:, None]) & (classes < POSITIONS)
        return torch.log_softmax(logits.masked_fill(over, -1e4), -1)


class TextureDecoder(nn.Module):
    """How many notes an onset has: ordinal regression on how thick the texture latents say that moment is."""

    def __init__(self, latent: int, hidden: int) -> None:
        super().__init__()
        self.inner = nn.Linear(latent, hidden, bias=False)
        self.out = nn.Linear(hidden, SLOTS, bias=False)
        thresholds = torch.log2(torch.arange(MOST_AT_ONCE) + 1.5)
        self.slope = nn.Parameter(torch.full((len(DOMAINS), MOST_AT_ONCE), 4.0))
        self.bias = nn.Parameter((-4 * thresholds).repeat(len(DOMAINS), 1))

    def thickness(self, z: Tensor) -> Tensor:
        """Notes an onset in log2 in each time slot, ``(..., SLOTS)``, whether or not an onset falls there."""
        found: Tensor = self.out(F.silu(self.inner(z))).float()
        return found

    def forward(self, thickness: Tensor, last: Tensor, count: Tensor, domain: Tensor) -> Tensor:
        """Logit of another note at ``last``, which has ``count`` ``(rows,)``; about minus infinity after a BAR."""
        at = count.clamp(1, MOST_AT_ONCE) - 1
        logit = self.slope[domain, at].float() * thickness + self.bias[domain, at].float()
        return torch.where(last == BAR, -1e4, logit)


class ChromaBudget(nn.Module):
    """What harmony says of the next pitch class, given how long each has sounded in the half bar so far.

    And how long the next note will sound in it and in the one after it. Without the sounded ones harmony can only say
    how frequent a pitch class is, and a half bar of four notes drawn so has it by luck; without the note's length long
    notes fall on rare pitch classes. The same small network serves each pitch class.
    """

    def __init__(self, hidden: int, *, counting: bool = True) -> None:
        """Without ``counting`` it says the same whatever has sounded."""
        super().__init__()
        self.counting = counting
        self.inner = nn.Linear(12, hidden, bias=False)
        self.out = nn.Linear(hidden, 1, bias=False)

    def forward(self, chroma: Tensor, sounded: Tensor, place: Tensor, left: Tensor, sounds: Tensor) -> Tensor:
        """Logits of the pitch classes C..B, ``(rows, 12)``.

        ``chroma`` ``(rows, 2, 12)`` are those of the time that each sounds in the half bar and in the next one,
        ``sounded`` ``(rows, 12)`` the time that each has sounded in it, in half bars, ``place`` ``(rows,)`` where the
        next onset lies in it, 0..1, ``left`` ``(rows,)`` how many notes it is still to have, the next one among them,
        ``sounds`` ``(rows, 2)`` how long that one sounds in both half bars.
        """
        chroma, later = chroma.unbind(1)
        here, held = (each[:, None].expand_as(chroma) for each in sounds.to(chroma).unbind(1))
        if not self.counting:
            sounded, left = torch.zeros_like(sounded), torch.zeros_like(left)
        total = sounded.sum(-1, keepdim=True)
        coming = left.to(chroma)[:, None].clamp(min=1)
        found = torch.stack(
            [
                chroma / 4, torch.softmax(chroma, -1), sounded, sounded / total.clamp(min=1e-3),
                (total / 4).expand_as(chroma), place[:, None].expand_as(chroma), (coming / 8).expand_as(chroma),
                (1 / coming).expand_as(chroma), here, held, held * later / 4, held * torch.softmax(later, -1),
            ],
            -1,
        )  # fmt: skip
        more: Tensor = self.out(F.silu(self.inner(found.to(self.inner.weight.dtype))))
        return chroma + more[..., 0].float()


class LevelBudget(nn.Module):
    """What a group says of the next value (register: of pitch, dynamics: of velocity), given those of the bar so far.

    A Gaussian about where it should lie. The note-level decoder knows where lines and chords lie, not how far the mean
    of all their notes is from the one that is asked for; where latents disagree, that drifts towards what would suit
    the others. What lies high in a clip also depends on which bars have many notes: another's levels on a rhythm of
    one's own are moved together, so that the whole clip's mean is the other's.
    """

    def __init__(
        self, latent: int, hidden: int, shapes: int, classes: int, units: float, *, counting: bool = True
    ) -> None:
        """``classes`` values of which ``units`` are one of what levels are told in, ``shapes`` more numbers a bar.

        Without ``counting`` it says the same whatever the values so far.
        """
        super().__init__()
        self.counting = counting
        self.asked = nn.Sequential(nn.Linear(latent, hidden), nn.SiLU(), nn.Linear(hidden, shapes + 2))
        self.inner = nn.Linear(6 + shapes, hidden)
        self.out = nn.Linear(hidden, 2)
        self.classes, self.units = classes, units
        nn.init.normal_(self.out.weight, std=0.01)
        nn.init.zeros_(self.out.bias)

    def levels(self, z: Tensor) -> Tensor:
        """Mean, shapes and the clip's mean of each bar, by its latents ``(batch, bars, latent)``: ``(…, shapes + 2)``.

        What several bars say of the clip's mean is averaged.
        """
        found: Tensor = self.asked(z).float()
        clip = found[..., -1:].mean(-2, keepdim=True).expand(*found.shape[:-1], 1)
        return torch.cat([found[..., :-1], clip], -1)

    @staticmethod
    def moved(levels: Tensor, counts: Tensor) -> Tensor:
        """``levels`` ``(batch, bars, …)`` with the clip's mean, if its bars have ``counts`` ``(batch, bars)`` notes."""
        share = counts / counts.sum(-1, keepdim=True).clamp(min=1)
        short = levels[..., 0, -1] - (share * levels[..., 0]).sum(-1)
        mean = levels[..., :1] + short[..., None, None]
        return torch.cat([mean, levels[..., 1:]], -1)

    def forward(self, levels: Tensor, total: Tensor, count: Tensor, left: Tensor, place: Tensor) -> Tensor:
        """Logits of the values 0 to ``classes``, ``(rows, classes)``.

        ``levels`` ``(rows, shapes + 2)`` are those of the whole bar, ``total`` ``(rows,)`` the sum of its values so
        far, ``count`` ``(rows,)`` how many they are, ``left`` ``(rows,)`` how many it is still to have, the next one
        among them, ``place`` ``(rows,)`` where that one lies in the bar, 0..1.
        """
        if not self.counting:
            total, count, left = (torch.zeros_like(each) for each in (total, count, left))
        mean, left = levels[..., 0], left.to(levels).clamp(min=1)
        short = mean * count - total  # that the values so far lie too low, in all
        told = torch.stack([short / 4, short / count.clamp(min=1), count / 8, place], -1)
        found = torch.cat([told, levels[..., 1:-1], torch.stack([short / left, 1 / left], -1)], -1)
        tilt, spread = self.out(F.silu(self.inner(found.to(self.inner.weight.dtype)))).float().unbind(-1)
        away = torch.arange(self.classes, device=levels.device) / self.units - mean[:, None]
        logits: Tensor = tilt[:, None] * away - F.softplus(spread[:, None] - 3) * away.square()
        return logits


class CodeEncoder(nn.Module):
    """Style codes of a whole piece: what nobody has named and its windows share, each one of a few levels.

    ``models.style.prior_training`` makes two windows of a piece agree on them and keeps them from saying nothing and
    from saying what has a name. Quantised by finite scalars (Mentzer et al. 2024).
    """

    def __init__(self, features: int, hidden: int, codes: int, levels: int) -> None:
        super().__init__()
        self.levels = levels
        self.inner = nn.Linear(features, hidden, bias=False)
        self.deep = nn.Linear(hidden, hidden, bias=False)
        self.out = nn.Linear(hidden, codes, bias=False)

    def open(self, bars: Tensor) -> Tensor:
        """Features ``(clips, bars, features)`` to what the codes are before they are bounded, ``(clips, codes)``."""
        x = F.silu(norm(self.inner(bars.to(self.inner.weight.dtype)))).mean(1)
        found: Tensor = self.out(F.silu(norm(self.deep(x)))).float()
        return found

    def quantise(self, found: Tensor) -> Tensor:
        """Codes of what is ``open``, one of the levels in -1..1 each."""
        return finite_scalar(found, self.levels)


def notes_left(part: Tensor) -> Tensor:
    """For notes in their order how many more their bar or half bar has, themselves among them: ``(notes,)``.

    ``part`` ``(notes,)`` is its number, which only grows.
    """
    ends = torch.bincount(part, minlength=1).cumsum(0)
    return ends[part] - torch.arange(len(part), device=part.device)


def notes_at_once(tokens: Tensor) -> Tensor:
    """How many notes the onset of each step has up to that step, of tokens ``(batch, steps, 7)``; 1 for other steps."""
    position = tokens[..., POSITION]
    place = torch.arange(position.shape[1], device=tokens.device).expand_as(position)
    begins = torch.ones_like(position, dtype=torch.bool)
    begins[:, 1:] = position[:, 1:] != position[:, :-1]
    begins |= position >= POSITIONS
    return place - torch.where(begins, place, 0).cummax(1).values + 1


def sounded_so_far(tokens: Tensor, length: Tensor, held_over: Tensor) -> Tensor:
    """How long each pitch class has sounded in both halves of the bar of each step, up to that step, in half bars.

    ``tokens`` ``(batch, steps, 7)``, ``length`` ``(batch, steps)``; what sounds of bars before, ``held_over``, and the
    result: ``(batch, steps, 2, 12)``.
    """
    position, pitch_class = tokens[..., POSITION], tokens[..., PITCH] % 12
    steps = torch.as_tensor(DURATIONS, device=tokens.device)[tokens[..., DURATION].clamp(min=0)]
    overlap = overlap_with_halves(position, steps, length)[..., :2] * (position < POSITIONS)[..., None]
    total = (overlap[..., None] * F.one_hot(pitch_class, 12)[..., None, :]).cumsum(1)
    before = torch.where((position == BAR)[..., None, None], total, 0).cummax(1).values
    return (total - before + held_over) * 2 / length[..., None, None]


def so_far(tokens: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Sum of the ``values`` ``(batch, steps)`` of each step's bar and number of its notes, up to that step.

    ``tokens`` ``(batch, steps, 7)``; both ``(batch, steps)``.
    """
    note = tokens[..., POSITION] < POSITIONS
    both = torch.stack([values, torch.ones_like(values)], -1) * note[..., None]
    total = both.double().cumsum(1)
    before = torch.where((tokens[..., POSITION] == BAR)[..., None], total, 0).cummax(1).values
    sums, counts = (total - before).float().unbind(-1)
    return sums, counts


def place_in_half(position: Tensor, length: Tensor) -> Tensor:
    """Where a position lies in its half bar, 0..1."""
    return (position * 2 / length) % 1


def sounds_in_halves(position: Tensor, steps: Tensor, length: Tensor) -> Tensor:
    """How long notes sound in the half bar of their onset and in the next one, in half bars: ``(..., 2)``."""
    overlap = overlap_with_halves(position, steps, length)
    first = half_of(position, length)[..., None] + torch.arange(2, device=position.device)
    return overlap.gather(-1, first) * 2 / length[..., None]


def half_of(position: Tensor, length: Tensor) -> Tensor:
    """0 in the first half of a bar of ``length`` grid steps, 1 in the second."""
    return (position * 2 >= length).long()


def weight_of_sure(doubt: Tensor | float, clips: int, device: torch.device) -> Tensor:
    """How much each clip ``(clips,)`` counts where only those whose latents aren't doubted do, for as many in all."""
    sure = (torch.as_tensor(doubt, dtype=torch.float32, device=device) == 0).float().expand(clips)
    return sure * clips / sure.sum().clamp(min=1)


def group_losses(
    chroma: Tensor,
    sounding: Tensor,
    height: tuple[Tensor, Tensor],
    loudness: tuple[Tensor, Tensor],
    weight: Tensor,
) -> dict[str, Tensor]:
    """Losses of what harmony, register and dynamics tell of whole bars, each of ``weight`` ``(batch, bars)``.

    ``chroma`` ``(batch, bars, 2, 12)`` against the shares of ``sounding`` time, asked levels against real ones.
    """
    errors = {"sounding": -(sounding * torch.log_softmax(chroma.view(-1, 2, 12), -1)).sum((-2, -1))}
    for name, (asked, real) in (("height", height), ("loudness", loudness)):
        errors[name] = (asked.flatten(0, 1) - real).square().sum(-1)
    return {name: (error * weight.flatten()).sum() for name, error in errors.items()}


def ahead(tokens: Tensor) -> Tensor:
    """What comes after each step of tokens ``(batch, steps, 7)``: ``(batch, steps, 3)``, sizes as in ``AHEAD``.

    Notes of the same onset that are still to come, and grid steps until the next onset and the one after it; where none
    follows, until the end of the clip. What it says of steps that aren't notes means nothing.
    """
    position = tokens[..., POSITION]
    is_bar, is_note = position == BAR, position < POSITIONS
    length = torch.where(is_bar, tokens[..., LENGTH], 0)
    end = length.sum(1, keepdim=True)
    starts = (length.cumsum(1) - length).masked_fill(~is_bar, 0).cummax(1).values
    time = torch.where(is_note, starts + position, end)
    begins = is_note.clone()
    begins[:, 1:] &= ~(is_note[:, :-1] & (time[:, 1:] == time[:, :-1]))

    def following(marked: Tensor) -> Tensor:
        """Index of the first marked step after each one; the number of steps where there is none."""
        steps = marked.shape[1]
        index = torch.where(marked, torch.arange(steps, device=marked.device), steps)
        first = index.flip(1).cummin(1).values.flip(1)
        return torch.cat([first[:, 1:], torch.full_like(first[:, :1], steps)], 1)

    place = torch.arange(tokens.shape[1], device=tokens.device)
    left = following(begins | ~is_note) - place - 1
    onset = torch.cat([following(begins), torch.full_like(end, tokens.shape[1])], 1)  # its last step leads to itself
    times = torch.cat([time, end], 1)
    second = onset.gather(1, onset)
    gaps = [(times.gather(1, which)[:, :-1] - time).clamp(0, GAPS - 1) for which in (onset, second)]
    return torch.stack([left.clamp(0, MOST_AT_ONCE - 1), *gaps], -1)
