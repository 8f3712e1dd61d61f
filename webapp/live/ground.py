"""The ground of live music: bars that know of no picture, written ahead and without end, as latents.

A draft is played on by the piece model, ``ADDED`` bars at a time. What it writes beyond them comes to an end, and is
thrown away: music that is steered has none. Where a model has no piece model, the prior goes on from the last bars.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from models.music.keys import half_bar_chroma, likely_key
from models.music.notes import Domain, Piece
from models.style.draft_files import first_drafts
from models.style.drafts import Draft
from models.style.latents import BARS, Latents
from webapp.generation.protocol import BadRequest, Generator

Row = npt.NDArray[np.float32]

ADDED = 16  # bars that are written on at once
ENDING = 8  # bars beyond them, in which the piece would come to its end
AHEAD = 12  # bars that are to lie ready
KEPT = 0.4  # how like the last bars those are that the prior goes on with

_writing = ThreadPoolExecutor(1, "live ground")  # one at a time: those who listen come first


@dataclass(frozen=True)
class GroundBar:
    """Latents of a bar, by group, and its key: tonic 0 to 11 (C to B), and whether it is major."""

    groups: Mapping[str, Row]
    tonic: int
    major: bool


class Ground:
    """Bars of one piece of music, of one meter, without end; the same again for the same domain and seed.

    Raises a ``GenerationError`` where no generator answers.
    """

    def __init__(self, generation: Generator, domain: Domain, seed: int) -> None:
        self._generation, self._domain, self._seed = generation, domain, seed
        draft = _beginning(generation, domain, seed)
        self.version, self.about = draft.latents.version, dict(draft.latents.piece)
        self._last: Piece | Latents = draft.notes or draft.latents
        self.tempo_bpm = 92.0
        self.meter = _meter(str(self.about.get("meter", "4/4")))
        if draft.notes is not None:
            self.tempo_bpm = float(np.exp(np.log(draft.notes.tempo_bpm.astype(np.float64)).mean()))
        self._bars: dict[int, GroundBar] = {}
        self._count = 0
        self._lock = threading.Lock()
        self._more: Future[None] | None = None
        self._add(draft.latents, draft.notes)

    def bar(self, number: int) -> GroundBar:
        """The bar with this number, from 0 on; waits where it is not written yet. Earlier ones are forgotten."""
        while number >= self._count:
            self._begin_more().result()
        for old in [each for each in self._bars if each < number]:
            del self._bars[old]
        if self._count - number < AHEAD:
            self._begin_more()
        return self._bars[number]

    def _begin_more(self) -> Future[None]:
        with self._lock:
            if self._more is None or self._more.done():
                self._more = _writing.submit(self._write_on)
            return self._more

    def _write_on(self) -> None:
        seed = int(np.random.SeedSequence([self._seed, self._count]).generate_state(1)[0])
        if isinstance(self._last, Piece):
            try:
                found = self._generation.play_on(self._last.to_json(), ADDED + ENDING, seed)
            except BadRequest:  # no piece model
                self._last = _latents_of(self._generation, self._last)
            else:
                whole = Piece.from_json(found.notes)
                for begin in range(len(self._last.bars), len(self._last.bars) + ADDED, BARS):
                    written = whole.window(begin, BARS)
                    self._add(_latents_of(self._generation, written), written)
                self._last = whole.window(len(self._last.bars) + ADDED - BARS, BARS)
                return
        drawn = self._generation.latents(self._domain, 1, seed, near=self._last.to_json(), keep=KEPT).latents[0]
        self._last = Latents.from_json(drawn)
        self._add(self._last, None)

    def _add(self, latents: Latents, notes: Piece | None) -> None:
        key = likely_key(half_bar_chroma(notes).sum(axis=0)) if notes is not None else 0
        minor, tonic = divmod(key, 12)
        for place in range(latents.bars):
            groups = {name: value[place] for name, value in latents.groups.items()}
            self._bars[self._count] = GroundBar(groups, tonic, major=not minor)
            self._count += 1


def _latents_of(generation: Generator, piece: Piece) -> Latents:
    """Of all bars: silent ones at the beginning, which encoding leaves out, have those of the first that is not."""
    found = Latents.from_json(generation.encode(piece.to_json()).latents)
    lead = len(piece.bars) - found.bars
    groups = {name: np.concatenate([value[:1].repeat(lead, 0), value]) for name, value in found.groups.items()}
    return Latents(found.version, groups, found.piece)


def _beginning(generation: Generator, domain: Domain, seed: int) -> Draft:
    """One of the drafts that come with the weights, which is there at once; else a new one."""
    there = _openings(domain, str(generation.health(waiting=True)["model_version"]))
    if there:
        return there[seed % len(there)]
    return Draft.from_json(generation.drafts(domain, 1, seed).drafts[0])


@lru_cache(6)
def _openings(domain: Domain, version: str) -> tuple[Draft, ...]:
    return tuple(each for each in first_drafts(domain, version) if each.opens and each.notes is not None)


def _meter(name: str) -> tuple[int, int]:
    above, _, below = name.partition("/")
    return int(above), int(below)
