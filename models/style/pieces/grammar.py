"""What may come next in a piece, what has to, and what is made likelier.

Notes of a bar come in order and within it, bars within their meter, an end when it is wished for. Each of the first
functions takes logits of one element, of rows side by side, and gives them with minus infinity for what may not be;
``draw`` then samples. All of it is NumPy on the CPU, or compiled: a step is many small things, and these cost torch
three times as much to call.

Four classes follow pieces that are written side by side. ``Onsets``: the order of an onset's notes. ``RepeatBias``:
what was heard in a bar that comes again. ``HeldNotes``: bars, or a melody, that stay note for note. ``Steering``: what
the notes so far lack of targets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.music.tokens import (
    BAR,
    BAR_RANGES,
    DURATION,
    DURATIONS,
    END,
    LENGTH,
    LOWEST_PITCH,
    PITCH,
    PITCHES,
    POSITION,
    POSITION_CLASSES,
    POSITIONS,
    VELOCITY,
    VELOCITY_BINS,
    TokenArray,
    velocity_of,
)
from models.style.pieces.conditions import ABSENT, CLASSES, LOWEST, WHOLE, BarTargets, IntArray
from models.style.pieces.next_step import compiled

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]

MOST_NOTES = 96  # of a bar
COOLEST = np.float32(1e-4)  # temperature


def draw(logits: Floats, uniform: Floats, temperature: Floats, top_p: Floats) -> IntArray:
    """Nucleus sampling by inverse CDF: ``logits`` ``(rows, classes)``, the rest ``(rows,)`` → classes ``(rows,)``.

    Source: Holtzman et al. 2020.
    """
    return _drawn(logits, np.argsort(-logits, axis=1), uniform, temperature, top_p)


@compiled
def _drawn(logits: Floats, order: IntArray, uniform: Floats, temperature: Floats, top_p: Floats) -> IntArray:
    """As ``draw``; ``order`` ``(rows, classes)`` has the likeliest class first."""
    rows, classes = logits.shape
    found = np.empty(rows, dtype=np.int64)
    edge = np.empty(classes, dtype=np.float32)
    for r in range(rows):
        highest, heat, total = logits[r, order[r, 0]], max(temperature[r], COOLEST), np.float32(0)
        for i in range(classes):
            total += np.exp((logits[r, order[r, i]] - highest) / heat)
            edge[i] = total
        mass, before = np.float32(0), np.float32(0)
        for i in range(classes):
            if before < top_p[r] * total:
                mass = edge[i]
            before = edge[i]
        place = 0
        while edge[place] < uniform[r] * mass:
            place += 1
        found[r] = order[r, place]
    return found


def position_logits(
    logits: Floats,
    last: IntArray,
    length: IntArray,
    notes: IntArray,
    number: IntArray,
    *,
    room: Bools,
    earliest: int,
    latest: int,
) -> Floats:
    """Positions ``(rows, POSITION_CLASSES)``: at the last one or after it, within the bar; BAR; END.

    ``last`` ``(rows,)`` is the position of the last step, ``length`` the grid steps of its bar, ``notes`` how many
    notes that bar has, ``number`` its number, ``room`` whether another note may come at the last position. END may come
    from the bar ``earliest`` on, BAR before the bar ``latest``. Where only one of them may, it has the weight of both:
    the bar is over either way.
    """
    classes = np.arange(logits.shape[1])
    floor = np.where(last == BAR, 0, last + 1 - room)
    here = (classes >= floor[:, None]) & (classes < length[:, None]) & (notes < MOST_NOTES)[:, None]
    ends, goes_on = number >= earliest, number < latest
    over = np.logaddexp(logits[:, BAR], logits[:, END])
    found = np.where(here, logits, -np.inf)
    found[:, BAR] = np.where(goes_on, np.where(ends, logits[:, BAR], over), -np.inf)
    found[:, END] = np.where(ends, np.where(goes_on, logits[:, END], over), -np.inf)
    return found


def pitch_logits(logits: Floats, low: IntArray, high: IntArray) -> Floats:
    """Pitches ``(rows, PITCHES)`` between ``low`` ``(rows,)`` and ``high``, neither of them."""
    classes = np.arange(PITCHES)
    return np.where((classes > low[:, None]) & (classes < high[:, None]), logits, -np.inf)


def length_logits(logits: Floats, meter: IntArray) -> Floats:
    """Lengths of bars ``(rows, POSITIONS)``: no longer than a whole bar of ``meter`` ``(rows,)``."""
    longest = WHOLE[meter] - BAR_RANGES[LENGTH][0]
    return np.where(np.arange(POSITIONS) <= longest[:, None], logits, -np.inf)


def same(logits: Floats, wanted: IntArray) -> Floats:
    """Just the class ``wanted`` ``(rows,)`` of each row, or all where that is -1."""
    classes = np.arange(logits.shape[1])
    return np.where((classes == wanted[:, None]) | (wanted == ABSENT)[:, None], logits, -np.inf)


NOWHERE = -1


def upwards(tokens: TokenArray) -> TokenArray:
    """Steps ``(steps, 7)`` with the notes of each onset from the lowest to the highest, as ``to_tokens`` has them."""
    return tokens[np.lexsort((tokens[:, PITCH], *_places(tokens)))]


def outer_first(tokens: TokenArray) -> TokenArray:
    """Steps ``(steps, 7)`` with the highest note of each onset first, then the lowest, then the others upwards."""
    tokens = upwards(tokens)
    place, bar = _places(tokens)
    follows = (np.diff(place) == 0) & (np.diff(bar) == 0)
    highest = np.append(~follows, True)
    return tokens[np.lexsort((tokens[:, PITCH], ~highest, place, bar))]


def _places(tokens: TokenArray) -> tuple[IntArray, IntArray]:
    """The position of each step in its bar, -1 for the BAR step itself, and the bar's number."""
    is_bar = tokens[:, POSITION] == BAR
    return np.where(is_bar, NOWHERE, tokens[:, POSITION].astype(np.int64)), np.cumsum(is_bar)


class Onsets:
    """Of pieces side by side: the onset that each is at, its first note, its last one, and how many it has.

    ``outer``: whether its outer voices come first.
    """

    def __init__(self, rows: int, *, outer: bool) -> None:
        self.outer = outer
        # (rows, 4): position, the first pitch and the last in classes, how many notes
        self._at = np.full((rows, 4), NOWHERE, dtype=np.int64)

    def follow(self, step: IntArray) -> None:
        """Note a step ``(rows, 7)`` of each piece."""
        position, pitch = step[:, POSITION], step[:, PITCH] - LOWEST_PITCH
        at, first, _, count = self._at.T
        goes_on = position == at
        fresh = np.stack([position, np.where(goes_on, first, pitch), pitch, np.where(goes_on, count + 1, 1)], 1)
        self._at = np.where((position < BAR)[:, None], fresh, NOWHERE)

    def choose(self, source: IntArray) -> None:
        """Each piece goes on as the one that ``source`` ``(rows,)`` names."""
        self._at = self._at[source]

    def between(self, position: IntArray) -> tuple[IntArray, IntArray]:
        """The pitches (classes) between which a note at ``position`` ``(rows,)`` lies, neither of them; ``(rows,)``."""
        at, first, last, count = self._at.T
        here = at == position
        below = here & ((count > 1) | (not self.outer))
        above = here & self.outer
        return np.where(below, last, NOWHERE), np.where(above, first, PITCHES)

    def room(self) -> npt.NDArray[np.bool_]:
        """Whether there is a pitch for another note at the onset that each piece is at: ``(rows,)``."""
        low, high = self.between(self._at[:, 0])
        return low + 1 < high


COPIED = (POSITION, PITCH, DURATION)  # how loud a note is stays the model's choice

Note = tuple[int, int, int]  # position, pitch and duration, in classes


class RepeatBias:
    """Of pieces side by side: the notes of all their bars, and those of the bar that each hears again just now."""

    def __init__(self, rows: int) -> None:
        self._bars: list[dict[int, list[Note]]] = [{} for _ in range(rows)]  # by number
        self._again = np.full((rows, POSITIONS, PITCHES), ABSENT, dtype=np.int64)  # durations
        self._last = np.full((rows, 2), ABSENT, dtype=np.int64)  # position and pitch, in the bar that is being written

    def follow(self, step: IntArray, number: IntArray, returns: IntArray) -> None:
        """Note a step ``(rows, 7)`` of each piece, in its bar ``number`` ``(rows,)``.

        ``returns`` ``(rows,)`` is how many bars back that bar was heard; where it is new (0), or nothing is told of it
        (-1), nothing is heard again, nor a bar that was heard twice just before.
        """
        for row, (position, pitch, duration) in enumerate((step - LOWEST)[:, list(COPIED)].tolist()):
            now, back, bars = int(number[row]), int(returns[row]), self._bars[row]
            if position == BAR:
                bars[now] = []
                self._again[row], self._last[row] = ABSENT, ABSENT
                again = bars.get(now - back, []) if back > 0 else []
                struck = [[note[:2] for note in bars.get(each, [])] for each in (now - 2, now - 1, now - back)]
                for at, key, held in again if struck[0] != struck[1] or struck[1] != struck[2] else []:
                    self._again[row, at, key] = held
            elif position < BAR:
                bars[now].append((position, pitch, duration))
                self._last[row] = position, pitch

    def choose(self, source: IntArray) -> None:
        """Each piece goes on as the one that ``source`` ``(rows,)`` names."""
        self._bars = [{number: [*notes] for number, notes in self._bars[row].items()} for row in source.tolist()]
        self._again, self._last = self._again[source], self._last[source]

    def expected(self, element: int, step: IntArray) -> npt.NDArray[np.float32]:
        """1 for the class of an element of ``COPIED`` that would be heard next, 0 for all others: ``(rows, classes)``.

        ``step`` ``(rows, 7)`` is as much of the next step as is drawn, in classes. Notes at one onset go upwards: one
        that was passed over doesn't come any more.
        """
        found = np.zeros((len(step), CLASSES[element]), dtype=np.float32)
        for row, (at, key) in enumerate(step[:, [POSITION, PITCH]].tolist()):
            again, (last_at, last_key) = self._again[row], self._last[row].tolist()
            if element == POSITION:
                first = max(last_at, 0)
                to_come = again[first:] != ABSENT
                to_come[0] &= (np.arange(PITCHES) > last_key) | (last_at != first)
                places = first + np.flatnonzero(to_come.any(axis=1))
            elif at >= BAR or (element == DURATION and again[at, key] == ABSENT):
                continue
            elif element == PITCH:
                lowest = last_key + 1 if at == last_at else 0
                places = lowest + np.flatnonzero(again[at, lowest:] != ABSENT)
            else:
                places = again[at, [key]]
            found[row, places[:1]] = 1
        return found


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
        self._new = [next(bar for bar in range(len(each.bars) + 1) if bar not in each.bars) for each in held]
        self._melody = [None if each.melody is None else Melody(each.melody) for each in held]
        self._bar, self._steps = (np.full(len(held), value, dtype=np.int64) for value in (-1, 0))
        self._last = np.full((len(held), 2), BEGIN, dtype=np.int64)  # position and pitch of the last note of the bar

    def instead(self, drawn: IntArray, ended: npt.NDArray[np.bool_]) -> tuple[IntArray, IntArray]:
        """The next step of each piece ``(rows, 7)``: as ``drawn``, or what stays; noted as having come.

        And the numbers of the pieces whose step had to be this one, after something new.
        """
        step, had_to = drawn.copy(), []
        for row in np.flatnonzero(~ended).tolist():
            step[row], forced = self._next(row, step[row])
            had_to += [row] * forced
        begins = step[:, POSITION] == BAR
        self._bar += begins
        self._steps = np.where(begins, 1, self._steps + 1)
        self._last = np.where(begins[:, None], BEGIN, step[:, [POSITION, PITCH]])
        return step, np.array(had_to, dtype=np.int64)

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
        self._new = [self._new[row] for row in source]
        self._melody = [self._melody[row] for row in source]
        self._bar, self._steps, self._last = self._bar[source], self._steps[source], self._last[source]

    def _next(self, row: int, drawn: IntArray) -> tuple[IntArray, bool]:
        bars, stay, now, steps = self._bars[row], self._stay[row], int(self._bar[row]), int(self._steps[row])
        step: IntArray = drawn
        melody, due = self._melody[row], False
        if melody is not None and now >= 0 and now not in stay:
            step, due = melody.instead(now, self._last[row], drawn)
        if now in stay and steps < len(bars[now]):
            step = bars[now][steps]
        elif now in stay and now + 1 == len(bars):
            step = np.array([END, *[ABSENT] * (len(drawn) - 1)])
        elif now in stay or ((now < 0 or step[POSITION] == BAR) and now + 1 in stay):
            step = bars[now + 1][0]
        return step, due or (now in stay and now > self._new[row] and int(step[POSITION]) != END)


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

    def instead(self, bar: int, before: IntArray, drawn: IntArray) -> tuple[IntArray, bool]:
        """What comes in the place of ``drawn``: the melody's note where it is due, else what ends in time for it.

        And whether it is due.

        ``before`` ``(2,)``: position and pitch of the bar's last note.
        """
        due, (last, pitch) = self._due[bar], before.tolist()
        waits = (at for at in due if at > last or (at == last and pitch != due[at][PITCH]))
        following = min(waits, default=None)
        position = int(drawn[POSITION])
        if following is not None and (position, int(drawn[PITCH])) >= (following, int(due[following][PITCH])):
            note: IntArray = due[following]
            return note, True
        if position >= BAR:
            return drawn, False
        now = int(self._begins[bar]) + position
        coming = self._onset[(self._onset > now) & (self._pitch <= drawn[PITCH])]
        if not len(coming):
            return drawn, False
        step = drawn.copy()
        longest = int(np.searchsorted(DURATIONS, int(coming[0]) - now, side="right") - 1)
        step[DURATION] = min(int(drawn[DURATION]), max(longest, 0))
        return step, False


def _by_bar(tokens: TokenArray) -> list[IntArray]:
    begins = np.flatnonzero(tokens[:, POSITION] == BAR)[1:]
    bars: list[IntArray] = np.split(tokens.astype(np.int64), begins)
    return bars


GAIN = {PITCH: 1.0, POSITION: 1.5, VELOCITY: 1.5}  # nats an octave, a quarter, 16 of velocity; a deviation lacking


RECENT = 0.3  # by which share the newest note moves the mean of the last ones


MOST_LACKING = 2.0  # deviations: what lacks more is pulled no more


SLOPES = {
    PITCH: np.arange(PITCHES) / 12,
    POSITION: np.arange(POSITION_CLASSES) / 12,
    VELOCITY: velocity_of(np.arange(VELOCITY_BINS)) / 16,
}


class Steering:
    """Of pieces side by side: their last notes, and what these lack."""

    def __init__(self, targets: BarTargets, rows: int) -> None:
        self.targets = targets
        self._pitch, self._velocity = np.full(rows, targets.pitch[0]), np.full(rows, targets.velocity[0])
        self._before, self._notes = np.full(rows, targets.notes[0]), np.zeros(rows)  # in the last bar and in this one

    def follow(self, step: IntArray) -> None:
        """Note a step ``(rows, 7)`` of each piece, in tokens."""
        note, begins = (step[:, POSITION] < BAR) & (step[:, POSITION] != ABSENT), step[:, POSITION] == BAR
        self._before = np.where(begins, self._notes, self._before)
        self._notes = np.where(begins, 0, self._notes + note)
        moved = RECENT * note
        self._pitch += moved * (step[:, PITCH] - self._pitch)
        self._velocity += moved * (velocity_of(step[:, VELOCITY]) - self._velocity)

    def choose(self, source: IntArray) -> None:
        """Each piece goes on as the one that ``source`` ``(rows,)`` names."""
        for name in ("_pitch", "_velocity", "_before", "_notes"):
            setattr(self, name, getattr(self, name)[source])

    def bias(
        self, element: int, rows: IntArray, bar: IntArray, passed: IntArray, length: IntArray
    ) -> npt.NDArray[np.float32]:
        """What is added to the logits of an element of some ``rows``, ``(rows, classes)``; 0 where nothing is steered.

        ``bar`` ``(rows,)`` is the number of the bar since the place, from 0; ``length`` how many grid steps it has, and
        ``passed`` how many of these are over.
        """
        if element not in GAIN:
            return np.zeros((len(bar), 1), dtype=np.float32)
        targets, at = self.targets, np.clip(bar, 0, len(self.targets.pitch) - 1)
        lacking = {
            PITCH: targets.pitch[at] - self._pitch[rows],
            POSITION: targets.notes[at] - (self._before[rows] * (1 - passed / length) + self._notes[rows]),
            VELOCITY: targets.velocity[at] - self._velocity[rows],
        }[element] / targets.deviations[tuple(GAIN).index(element)]
        pull = GAIN[element] * np.clip(lacking, -MOST_LACKING, MOST_LACKING)
        slopes = SLOPES[element]
        if element == POSITION:  # the sooner the next note comes, the more there are; a bar is over at its end
            slopes = -np.minimum(slopes, length[:, None] / 12)
        found: npt.NDArray[np.float32] = (pull[:, None] * slopes).astype(np.float32)
        return found
