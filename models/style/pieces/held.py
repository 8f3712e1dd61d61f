"""What stays note for note while the rest is written: bars, and a melody above what is written below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.music.tokens import (
    BAR,
    DURATION,
    DURATIONS,
    END,
    LENGTH,
    LOWEST_PITCH,
    PITCH,
    PITCHES,
    POSITION,
    TokenArray,
)
from models.style.pieces.conditions import ABSENT, IntArray

Floats = npt.NDArray[np.float32]
BEGIN = -1  # in place of a position: nothing of a bar has come yet


@dataclass(frozen=True)
class Held:
    """``bars`` (counted from 0) of the music in ``tokens`` ``(steps, 7)``, which has as many as are to be written.

    ``melody`` ``(steps, 7)``: as many bars with one note an onset at most. These stay, and are the highest.
    """

    tokens: TokenArray
    bars: tuple[int, ...] = ()
    melody: TokenArray | None = None

    @property
    def stays(self) -> bool:
        """Whether anything does."""
        return bool(self.bars) or self.melody is not None


class HeldNotes:
    """Of pieces that are written side by side: the steps that come in place of what is drawn; ``held`` has one each."""

    def __init__(self, held: Sequence[Held]) -> None:
        self._bars = [_by_bar(each.tokens) for each in held]
        self._stay = [{*each.bars} for each in held]
        self._melody = [None if each.melody is None else Melody(each.melody) for each in held]
        self._bar, self._steps = (np.full(len(held), value, dtype=np.int64) for value in (-1, 0))
        self._last = np.full((len(held), 2), BEGIN, dtype=np.int64)  # position and pitch of the last note of the bar

    def instead(self, drawn: IntArray, ended: npt.NDArray[np.bool_]) -> IntArray:
        """The next step of each piece ``(rows, 7)``: as ``drawn``, or what stays; noted as having come."""
        step = drawn.copy()
        for row in np.flatnonzero(~ended).tolist():
            step[row] = self._next(row, step[row])
        begins = step[:, POSITION] == BAR
        self._bar += begins
        self._steps = np.where(begins, 1, self._steps + 1)
        self._last = np.where(begins[:, None], BEGIN, step[:, [POSITION, PITCH]])
        return step

    def allow(self, element: int, rows: IntArray, logits: Floats, position: IntArray) -> None:
        """Take from ``logits`` ``(rows, classes)`` what may not be drawn below a melody.

        ``position`` ``(rows,)`` is where the note comes whose pitch is drawn.
        """
        for place, (row, at) in enumerate(zip(rows.tolist(), position.tolist(), strict=True)):
            melody, bar = self._melody[row], int(self._bar[row])
            if melody is None or bar < 0 or bar in self._stay[row]:
                continue
            if element == POSITION:
                last = int(self._last[row, 0])
                if BEGIN < last < BAR and not melody.room(bar, last, int(self._last[row, 1])):
                    logits[place, last] = -np.inf
            elif element == PITCH:
                allowed = np.where(melody.below(bar, at), logits[place], -np.inf)
                if np.isfinite(allowed).any():
                    logits[place] = allowed

    def choose(self, source: IntArray) -> None:
        """Each piece goes on as the one that ``source`` ``(rows,)`` names."""
        self._bars, self._stay = [self._bars[row] for row in source], [self._stay[row] for row in source]
        self._melody = [self._melody[row] for row in source]
        self._bar, self._steps, self._last = self._bar[source], self._steps[source], self._last[source]

    def _next(self, row: int, drawn: IntArray) -> IntArray:
        bars, stay, now, steps = self._bars[row], self._stay[row], int(self._bar[row]), int(self._steps[row])
        step: IntArray = drawn
        melody = self._melody[row]
        if melody is not None and now >= 0 and now not in stay:
            step = melody.instead(now, self._last[row], drawn)
        if now in stay and steps < len(bars[now]):
            step = bars[now][steps]
        elif now in stay and now + 1 == len(bars):
            step = np.array([END, *[ABSENT] * (len(drawn) - 1)])
        elif now in stay or ((now < 0 or step[POSITION] == BAR) and now + 1 in stay):
            step = bars[now + 1][0]
        return step


class Melody:
    """Notes that begin where they did, in the bars of ``tokens`` ``(steps, 7)``; what is drawn stays below them."""

    def __init__(self, tokens: TokenArray) -> None:
        bars = _by_bar(tokens)
        self._due = [{int(note[POSITION]): note for note in steps[1:]} for steps in bars]
        begins = np.cumsum([0, *(int(steps[0, LENGTH]) for steps in bars)])
        self._begins, total = begins[:-1], int(begins[-1])
        rows = [
            (int(begin) + at, note[PITCH], DURATIONS[note[DURATION]])
            for begin, due in zip(self._begins, self._due, strict=True)
            for at, note in sorted(due.items())
        ]
        self._onset, self._pitch, steps = np.array(rows, dtype=np.int64).reshape(-1, 3).T
        self._ceiling = self._ceilings(steps, total)

    def _ceilings(self, steps: IntArray, total: int) -> IntArray:
        """The pitch below which notes may begin, ``(total,)``: the one that sounds; in a rest its higher neighbour."""
        if not len(self._onset):
            return np.full(total, np.iinfo(np.int64).max)
        place = np.searchsorted(self._onset, np.arange(total), side="right") - 1
        last, following = np.maximum(place, 0), np.minimum(place + 1, len(self._onset) - 1)
        sounds = (place >= 0) & (np.arange(total) < (self._onset + steps)[last])
        higher = np.maximum(self._pitch[last], self._pitch[following])
        ceilings: IntArray = np.where(sounds, self._pitch[last], higher)
        return ceilings

    def room(self, bar: int, position: int, pitch: int) -> bool:
        """Whether another note may come there, above one of this ``pitch``."""
        note = self._due[bar].get(position)
        highest = note[PITCH] if note is not None else self._ceiling[self._begins[bar] + position] - 1
        return bool(pitch < highest)

    def below(self, bar: int, position: int) -> npt.NDArray[np.bool_]:
        """Which pitches (classes) may come there: those below the melody, and its own note."""
        pitches = np.arange(PITCHES) + LOWEST_PITCH
        note = self._due[bar].get(position)
        allowed: npt.NDArray[np.bool_] = pitches < self._ceiling[self._begins[bar] + position]
        return allowed | (pitches == note[PITCH]) if note is not None else allowed

    def instead(self, bar: int, before: IntArray, drawn: IntArray) -> IntArray:
        """What comes in the place of ``drawn``: the melody's note where it is due, else what ends in time for it.

        ``before`` ``(2,)``: position and pitch of the bar's last note.
        """
        due, (last, pitch) = self._due[bar], before.tolist()
        waits = (at for at in due if at > last or (at == last and pitch != due[at][PITCH]))
        following = min(waits, default=None)
        position = int(drawn[POSITION])
        if following is not None and (position, int(drawn[PITCH])) >= (following, int(due[following][PITCH])):
            note: IntArray = due[following]
            return note
        if position >= BAR:
            return drawn
        now = int(self._begins[bar]) + position
        coming = self._onset[(self._onset > now) & (self._pitch <= drawn[PITCH])]
        if not len(coming):
            return drawn
        step = drawn.copy()
        longest = int(np.searchsorted(DURATIONS, int(coming[0]) - now, side="right") - 1)
        step[DURATION] = min(int(drawn[DURATION]), max(longest, 0))
        return step


def _by_bar(tokens: TokenArray) -> list[IntArray]:
    begins = np.flatnonzero(tokens[:, POSITION] == BAR)[1:]
    bars: list[IntArray] = np.split(tokens.astype(np.int64), begins)
    return bars
