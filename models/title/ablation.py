"""Ablations: information taken away from tunes and titles, to measure by its lack what it is worth.

A field of the notes is silenced inside the encoders (``melody_encoders.INFORMATION``); what no field holds is taken
away here, before tune and title are read: the order of a tune's bars, and what a title is besides its letters. What is
left may tell of what went: durations are shares of a bar, so without the meter its beat can still be heard.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from models.title.melody_encoders import INFORMATION
from models.title.titles import spelled, without_type_words
from models.title.tunes import FIELD_SIZES, FIELDS, IntTable

BAR_ORDER = "bar_order"
MELODY_INFORMATION = (*INFORMATION, BAR_ORDER)
TITLE_INFORMATION: Mapping[str, Callable[[str], str]] = {
    "type_words": without_type_words,
    "words": lambda title: re.sub(r"[^ ]", "x", spelled(title)),  # how many and how long they are is left
    "word_order": lambda title: " ".join(sorted(spelled(title).split())),
    "all_but_characters": lambda title: "".join(sorted(spelled(title).replace(" ", ""))),
}
INTERVAL, PITCH, POSITION, BAR = (FIELDS.index(name) for name in ("interval", "pitch", "position", "bar"))


def ablate_melody(notes: IntTable, without: Sequence[str]) -> IntTable:
    """The notes ``(notes, fields)`` of a tune, with its bars in random order where ``without`` names it."""
    return shuffled_bars(notes) if BAR_ORDER in without else notes


def ablate_title(title: str, without: Sequence[str]) -> str:
    """The title without what ``without`` names; may be empty."""
    for name in without:
        title = TITLE_INFORMATION[name](title)
    return title


def shuffled_bars(notes: IntTable) -> IntTable:
    """Bars in an order that depends on the notes alone, counted anew; intervals into them are those now heard.

    A bar begins where positions fall back. An interval whose two pitches aren't known is unknown.
    """
    begins = np.append(0, np.flatnonzero(np.diff(notes[:, POSITION]) <= 0) + 1)
    bars = np.split(notes, begins[1:])
    order = np.random.default_rng(zlib.crc32(notes.tobytes())).permutation(len(bars))
    table = np.concatenate([bars[index] for index in order])
    told = table[:, BAR] >= 0
    number = np.repeat(np.arange(len(bars)), [len(bars[index]) for index in order])
    table[told, BAR] = np.minimum(number, FIELD_SIZES["bar"] - 1)[told]
    first = np.cumsum([0, *(len(bars[index]) for index in order[:-1])])
    steps = np.clip(table[first, PITCH] - table[first - 1, PITCH], -12, 12) + 12
    known = (table[first, PITCH] >= 0) & (table[first - 1, PITCH] >= 0) & (table[:, INTERVAL] >= 0).any()
    table[first, INTERVAL] = np.where(known & (first > 0), steps, -1)
    return table
