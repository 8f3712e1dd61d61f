"""Constrained decoding: locked notes are fed, and what is sampled makes room for them.

Locked bars are fed note by note. Of a locked melody each note is fed where it begins, and whatever is drawn stays below
it: positions and pitches follow the model's own distributions under that condition, and notes end in time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.music.notes import Piece, in_melody
from models.music.tokens import BAR, DURATIONS, GRID_TICKS, LOWEST_PITCH, PITCHES, POSITIONS, to_tokens
from models.style.elements import half_of
from models.style.latents import GROUPS
from models.style.locks import Locks

NEVER = -1e4
Step = list[int]  # position, pitch (0-87), duration class, velocity class


class Constraints:
    """The notes of ``piece`` that ``locks`` hold, for clips of as many bars of ``length`` grid steps each.

    Raises ``ValueError`` where the bars of the piece are others than the clip's, or a locked bar is not among them.
    """

    def __init__(self, piece: Piece, locks: Locks, bars: int, length: int) -> None:
        if len(piece.bars) < bars or (piece.bars[:bars, 1] != length * GRID_TICKS).any():
            raise ValueError(
                f"the locked notes have {len(piece.bars)} bars of {sorted(set(piece.bars[:, 1].tolist()))} ticks; "
                f"{bars} of {length * GRID_TICKS} are composed, and both must be the same"
            )
        self.piece, self.bars = piece.window(0, bars), frozenset(locks.bars)
        self._fed = _steps_by_bar(self.piece)
        self.melody = MelodyConstraint(self.piece, length) if locks.melody and len(self.piece.notes) else None

    def fed(self, bar: int, placed: int) -> Step | None:
        """The note that follows ``placed`` ones of a locked bar; None where there is none or the bar isn't locked."""
        notes = self._fed[bar] if bar in self.bars else []
        return notes[placed] if placed < len(notes) else None

    @property
    def onsets(self) -> dict[int, list[tuple[int, int]]]:
        """Position and number of notes of the onsets of each locked bar."""
        return {bar: [*Counter(position for position, *_ in self._fed[bar]).items()] for bar in self.bars}

    def guide(self, bar: int) -> MelodyConstraint | None:
        """What steers drawing in this bar."""
        return None if bar in self.bars else self.melody

    def restore(self, made: Piece) -> Piece:
        """``made`` with the locked notes exactly as they were, whatever the token grid made of them."""
        bar = np.searchsorted(made.bars[:, 0], made.notes[:, 0], side="right") - 1
        stays = np.isin(np.searchsorted(self.piece.bars[:, 0], self.piece.notes[:, 0], side="right") - 1, [*self.bars])
        gone = np.isin(bar, [*self.bars])
        if self.melody is not None:
            fed = {(onset, pitch) for onset, pitch in self.melody.told.tolist()}
            gone |= np.array([(onset, pitch) in fed for onset, pitch in made.notes[:, [0, 2]].tolist()], dtype=bool)
            stays |= self.melody.among
        return replace(made, notes=np.concatenate([made.notes[~gone], self.piece.notes[stays]]))


class MelodyConstraint:
    """Keeps drawn notes below a melody and lets each of its notes begin where it did.

    ``among`` ``(notes,)`` marks the melody in the piece: the notes that are the highest sounding where they begin.
    ``told`` ``(melody, 2)``: onset tick and pitch of each as tokens tell it.
    """

    def __init__(self, piece: Piece, length: int) -> None:
        self.among = in_melody(piece)
        melody = replace(piece, notes=piece.notes[self.among])
        self.length = length
        self._due = [{step[0]: step for step in steps} for steps in _steps_by_bar(melody)]  # the highest of an onset
        rows = [(bar * length + at, *step[1:3]) for bar, due in enumerate(self._due) for at, step in due.items()]
        self._onset, self._pitch, duration = np.array(sorted(rows), dtype=np.int64).T
        self.told = np.stack([self._onset * GRID_TICKS, self._pitch + LOWEST_PITCH], axis=1)
        self._ceiling = self._ceilings(np.asarray(DURATIONS)[duration], len(piece.bars) * length)

    def _ceilings(self, steps: npt.NDArray[np.int64], total: int) -> npt.NDArray[np.int64]:
        """The pitch below which notes may begin, ``(total,)``: the one that sounds; in a rest its higher neighbour."""
        place = np.searchsorted(self._onset, np.arange(total), side="right") - 1
        last, following = np.maximum(place, 0), np.minimum(place + 1, len(self._onset) - 1)
        sounds = (place >= 0) & (np.arange(total) < (self._onset + steps)[last])
        higher = np.maximum(self._pitch[last], self._pitch[following])
        ceilings: npt.NDArray[np.int64] = np.where(sounds, self._pitch[last], higher)
        return ceilings

    def chroma(self, bars: int) -> Tensor:
        """How many melody notes of each pitch class begin in each half bar: ``(bars, 2, 12)``."""
        half = half_of(torch.from_numpy(self._onset % self.length), torch.tensor(self.length))
        place = torch.from_numpy(self._onset // self.length) * 2 + half
        index = place * 12 + torch.from_numpy(self._pitch + LOWEST_PITCH) % 12
        return torch.bincount(index, minlength=bars * 24).float().view(bars, 2, 12)

    def note_at(self, bar: int, position: int, pitch: int) -> Step | None:
        """The melody note of this place, where there is one."""
        step = self._due[bar].get(position)
        return step if step is not None and step[1] == pitch else None

    def onsets(self, logits: Tensor, bar: int, last: int) -> Tensor:
        """Logits ``(POSITION_CLASSES,)`` of the onset after ``last``: where there is room, at most the melody's next.

        What was to come at that one's position or later comes there. ``last`` is BAR before the first.
        """
        ceiling = torch.from_numpy(self._ceiling[bar * self.length : (bar + 1) * self.length]).to(logits.device)
        out = logits.clone()
        out[: self.length] = out[: self.length].masked_fill(ceiling <= 0, NEVER)
        due = min((at for at in self._due[bar] if last >= POSITIONS or at > last), default=None)
        if due is not None:
            out[due + 1 :] = NEVER
            out[due] = logits[due:].logsumexp(0)
        return out

    def room(self, bar: int, position: int) -> int:
        """How many notes can be struck there at most, its own among them."""
        return int(self._ceiling[bar * self.length + position]) + (position in self._due[bar])

    def pitches(self, logits: Tensor, bar: int, position: int, left: int) -> Tensor:
        """Logits ``(PITCHES,)`` at a position with ``left`` more notes to come over this one: below the melody.

        Where one of its own notes begins, it is the last.
        """
        classes = torch.arange(PITCHES, device=logits.device)
        step = self._due[bar].get(position)
        if step is not None and left == 0:
            return torch.where(classes == step[1], 0.0, NEVER)
        highest = int(self._ceiling[bar * self.length + position]) - 1 - left + (step is not None)
        return logits.masked_fill(classes > highest, NEVER)

    def shortened(self, duration: int, bar: int, position: int, pitch: int) -> int:
        """The ``duration`` class, or the longest that ends before the melody comes down to the drawn note."""
        now = bar * self.length + position
        below = self._onset[(self._onset > now) & (self._pitch <= pitch)]
        if not len(below):
            return duration
        return min(duration, int(np.searchsorted(DURATIONS, int(below[0]) - now, side="right") - 1))


def latent_mask(locks: Locks, chosen: Iterable[str], widths: Mapping[str, int], bars: int) -> Tensor:
    """Which latents stay ``(bars, latent)``: all of locked bars, of locked groups and of ``chosen`` ones."""
    kept = {*locks.groups, *chosen}
    mask = torch.cat([torch.full((bars, widths[name]), name in kept) for name in GROUPS], 1)
    mask[list(locks.bars)] = True
    return mask


def _steps_by_bar(piece: Piece) -> list[list[Step]]:
    """Position, pitch (0-87), duration and velocity class of the notes of each bar, in the decoder's order."""
    bars: list[list[Step]] = []
    for position, pitch, duration, velocity, *_ in to_tokens(piece).tolist():
        if position == BAR:
            bars.append([])
        else:
            bars[-1].append([position, pitch - LOWEST_PITCH, duration, velocity])
    return bars
