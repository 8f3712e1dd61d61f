"""What may come next in a piece: notes of a bar in order and within it, bars within their meter, an end when asked for.

Each function takes logits of one element, of rows side by side, and gives them with minus infinity for what may not be.
``draw`` then takes one of what may be. All of it is NumPy on the CPU, or compiled: a step is many small things, and
these cost torch three times as much to call.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.music.tokens import BAR, BAR_RANGES, END, LENGTH, PITCHES, POSITIONS
from models.style.pieces.conditions import ABSENT, WHOLE, IntArray
from models.style.pieces.machine_code import compiled

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

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
