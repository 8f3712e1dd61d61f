"""The next bar of music by what is seen now, and who plays live at the moment: few at once, and none that is idle.

Latents of the backing track are moved along the annotated tie, and the writer is conditioned on them. A bar is written
with the two before it as locked notes, so that it continues what sounded. It depends on nothing later than what was
seen when it was requested. What is seen after that counts from its middle beat on: the bar is written once more, and
its second half takes the place of the first version's.

The backing track has bars that depend on no picture, written ahead and without end, as latents. The writer continues a
draft, ``ADDED`` bars at a time. What it writes beyond them comes to an end, and is thrown away: music that is steered
has none.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache, reduce

import numpy as np
import numpy.typing as npt

from models.music.keys import half_bar_chroma, in_mode, likely_key
from models.music.midi import without_overlaps
from models.music.notes import TICKS_PER_QUARTER, Domain, Piece
from models.picture.readouts import READOUTS
from models.picture.tie import annotated
from models.style.drafts import Draft, first_drafts
from models.style.latents import BARS, Directions, Latents
from webapp.generation.protocol import GenerateRequest, Generator, Locked, answered
from webapp.generation.protocol import Source as Origin
from webapp.live import steering
from webapp.runtime.errors import Contradiction, NotAllowed, NotYours, Problem, TooMany
from webapp.runtime.limits import Buckets

ADDED = 16  # bars that are written on at once
ENDING = 8  # bars beyond them, in which the piece would come to its end
AHEAD = 12  # bars that are to lie ready

_writing = ThreadPoolExecutor(1, "live backing track")  # one at a time: those who listen come first
Row = npt.NDArray[np.float32]
BEFORE = 2  # bars of context before the one that is written; each costs as much as that one
TEMPI_BPM = (48.0, 176.0)
DEADLINE_MS = 8_000
MOTION, WARMTH = READOUTS.index("motion"), READOUTS.index("warmth")
AT_ONCE = 4  # a bar takes some tenths of a second of a core and lasts two seconds
IDLE_S = 30.0
BARS_A_SECOND, BARS_AT_ONCE = 3.0, 12  # of one session, and second halves: no bar is as short
BEGUN_A_SECOND, BEGUN_AT_ONCE = 0.1, 8  # of one listener
MOST_SEED = 999_999
FULL = f"{AT_ONCE} people play live just now, as many as can; try again in a few minutes"


@dataclass(frozen=True)
class BackingBar:
    """Latents of a bar, by group, and its key: tonic 0 to 11 (C to B), and whether it is major."""

    groups: Mapping[str, Row]
    tonic: int
    major: bool


class BackingTrack:
    """Bars of one piece of music, of one meter, without end; the same again for the same domain and seed.

    Raises a ``GenerationError`` where no generator answers.
    """

    def __init__(self, generation: Generator, domain: Domain, seed: int) -> None:
        self._generation, self._domain, self._seed = generation, domain, seed
        draft = _beginning(generation, domain, seed)
        self.version, self.about = draft.latents.version, dict(draft.latents.piece)
        assert draft.notes is not None
        self._last = draft.notes
        self.tempo_bpm = float(np.exp(np.log(draft.notes.tempo_bpm.astype(np.float64)).mean()))
        self.meter = _meter(str(self.about.get("meter", "4/4")))
        self._bars: dict[int, BackingBar] = {}
        self._count = 0
        self._lock = threading.Lock()
        self._more: Future[None] | None = None
        self._add(draft.latents, draft.notes)

    def bar(self, number: int) -> BackingBar:
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
        played = self._generation.play_on(self._last.to_json(), ADDED + ENDING, seed, regular=True)
        whole = Piece.from_json(played.notes)
        first = len(whole.bars) - ADDED - ENDING  # silent bars before and after what is played on are left out
        for begin in range(first, first + ADDED, BARS):
            written = whole.window(begin, BARS)
            self._add(_latents_of(self._generation, written), written)
        self._last = whole.window(first + ADDED - BARS, BARS)

    def _add(self, latents: Latents, notes: Piece) -> None:
        minor, tonic = divmod(likely_key(half_bar_chroma(notes).sum(axis=0)), 12)
        for place in range(latents.bars):
            groups = {name: value[place] for name, value in latents.groups.items()}
            self._bars[self._count] = BackingBar(groups, tonic, major=not minor)
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


@dataclass(frozen=True)
class LiveBar:
    """One bar as it sounds: a ``piece`` of one bar.

    ``readouts`` are what was seen, ``sides`` what that requests of the music, in usual deviations; ``latents`` what the
    writer was conditioned on, by group. ``tonic``: 0 to 11, C to B. ``before``: the bars that sounded before it, none
    at first.
    ``from_tick``: where they begin to hold, its tempo too; notes before that are those that sounded already.
    """

    number: int
    piece: Piece
    readouts: Mapping[str, float]
    sides: Mapping[str, float]
    latents: Mapping[str, Row]
    tonic: int
    major: bool
    before: Piece | None = None
    from_tick: int = 0

    @property
    def tempo_bpm(self) -> float:
        """Quarters a minute."""
        return float(self.piece.tempo_bpm[0])

    @property
    def ticks(self) -> int:
        """Its length in ticks, 24 a quarter: as many as MIDI has clocks."""
        return int(self.piece.bars[0, 1])

    @property
    def seconds(self) -> float:
        """How long it lasts, all of it at its tempo."""
        return self.ticks * self.tick_s

    @property
    def tick_s(self) -> float:
        """Seconds a tick."""
        return 60 / (self.tempo_bpm * TICKS_PER_QUARTER)

    @property
    def beats(self) -> range:
        """The ticks of its beats, as its meter counts them."""
        return range(0, self.ticks, 4 * TICKS_PER_QUARTER // int(self.piece.bars[0, 3]))

    @property
    def middle(self) -> int:
        """The tick of its middle beat, from which on it can still change; 0 for a bar of one beat, which can't."""
        return self.beats[len(self.beats) // 2]


@dataclass(frozen=True)
class _WrittenBar:
    written: Piece  # before its mode, as the writer continues it
    sounding: Piece
    groups: Mapping[str, Row]

    def after(self, first: _WrittenBar, tick: int) -> _WrittenBar:
        """The ``first``, and this one from a tick on."""
        return replace(
            self, written=_joined(first.written, self.written, tick),
            sounding=_joined(first.sounding, self.sounding, tick),
        )  # fmt: skip


@dataclass(frozen=True)
class _Course:
    """How far the music has come: what the next bar goes on from, whether it is major, if asked, and its number."""

    before: tuple[_WrittenBar, ...] = ()
    major: bool | None = None  # as warmth has last asked for
    number: int = 0


class LiveMusic:
    """Music of one kind that goes on bar after bar; not for several threads at once.

    ``directions``: how styles are moved, where there are any for the generator's model; else mode and tempo alone are
    steered. ``links`` ``(5, 5)`` are a listener's own. The same seed and readouts give the same bars again.
    """

    def __init__(
        self,
        generation: Generator,
        directions: Directions | None,
        domain: Domain = "pop",
        seed: int = 0,
        links: Sequence[Sequence[float]] | None = None,
    ) -> None:
        self._generation, self._domain, self._seed, self._links = generation, domain, seed, links
        self._backing = BackingTrack(generation, domain, seed)
        fits = directions is not None and directions.version == self._backing.version
        self._directions = directions if fits else None
        self._course = self._earlier = _Course()  # after the last bar, and before it

    def next_bar(self, readouts: Mapping[str, float]) -> LiveBar:
        """Compose the next bar by ``readouts``; raises ``NotAllowed`` or a ``GenerationError``, after which the same
        bar can be asked for again.
        """
        bar, course = self._composed(readouts, self._course)
        self._earlier, self._course = self._course, course
        return bar

    def second_half(self, readouts: Mapping[str, float]) -> tuple[LiveBar, Callable[[], None]]:
        """The last bar, from its middle beat on by other ``readouts``, and what has the music go on from it.

        Raises as ``next_bar``, and ``NotAllowed`` before there is a bar.
        """
        if not self._course.before:
            raise NotAllowed("the second half of a bar was asked for and none has begun; ask for a bar first")
        bar, course = self._composed(readouts, self._earlier, self._course.before[-1])

        def goes_on() -> None:
            self._course = course

        return bar, goes_on

    def _composed(
        self, readouts: Mapping[str, float], course: _Course, sounds: _WrittenBar | None = None
    ) -> tuple[LiveBar, _Course]:
        """The bar that follows ``course``; only its second half where it ``sounds`` already."""
        seen = steering.checked(readouts)
        wanted = steering.asked_of_music(seen, self._links)
        backing_bar = self._backing.bar(course.number)
        own = Latents(
            self._backing.version, {name: row[None] for name, row in backing_bar.groups.items()}, self._backing.about
        )
        styles: tuple[str, ...] = ()
        if self._directions is not None:
            own, styles = annotated.moved(own, wanted[None], self._directions)
        tempo = self._backing.tempo_bpm * 2 ** (annotated.OCTAVE * wanted[MOTION])
        piece = self._write(own, styles, float(np.clip(tempo, *TEMPI_BPM)), course)
        wished = bool(wanted[WARMTH] > 0) if abs(wanted[WARMTH]) > annotated.SURE else course.major
        major = backing_bar.major if wished is None else wished
        sounding = piece if wished is None else _in_mode(piece, backing_bar.tonic, major=major)
        groups = {name: value[0] for name, value in own.groups.items()}
        written = _WrittenBar(piece, sounding, groups)
        before = reduce(Piece.followed_by, [each.sounding for each in course.before]) if course.before else None
        bar = LiveBar(
            course.number, sounding, seen, dict(zip(steering.SIDES, wanted.round(4).tolist(), strict=True)), groups,
            backing_bar.tonic, major, before,
        )  # fmt: skip
        if sounds is not None:
            written = written.after(sounds, bar.middle)
            bar = replace(bar, piece=written.sounding, from_tick=bar.middle)
        return bar, _Course((*course.before, written)[-BEFORE:], wished, course.number + 1)

    def _write(self, own: Latents, styles: Sequence[str], tempo_bpm: float, course: _Course) -> Piece:
        """One bar of music, of the latents of one bar, that goes on from the bars before it."""
        context = course.before
        groups = {
            name: np.stack([*(each.groups[name] for each in context), value[0]]) for name, value in own.groups.items()
        }
        window = Origin(latents=replace(own, groups=groups).to_json())
        above, below = self._backing.meter
        empty = Piece(
            np.zeros((0, 4), dtype=np.int32),
            np.array([[0, 4 * TICKS_PER_QUARTER * above // below, above, below]], dtype=np.int32),
            np.array([tempo_bpm], dtype=np.float32), domain=self._domain,
        )  # fmt: skip
        locks = Locked()
        if context:
            notes = reduce(Piece.followed_by, [*(each.written for each in context), empty])
            locks = Locked(bars=list(range(len(context))), notes=notes.to_json())
        seed = int(np.random.SeedSequence([self._seed, course.number]).generate_state(1)[0])
        request = GenerateRequest(
            id=uuid.uuid4().hex, domain=self._domain, content=window, styles=dict.fromkeys(styles, window),
            bars=len(context) + 1, seed=seed, locks=locks, deadline_ms=DEADLINE_MS,
        )  # fmt: skip
        made = Piece.from_json(self._generation.generate(request).notes).window(len(context), 1)
        return replace(made, notes=without_overlaps(made.notes), tempo_bpm=empty.tempo_bpm, domain=self._domain)


def _joined(first: Piece, second: Piece, tick: int) -> Piece:
    """The notes of one bar that begin before a tick, and those of another from there on, at the other's tempo."""
    notes = np.vstack([first.notes[first.notes[:, 0] < tick], second.notes[second.notes[:, 0] >= tick]])
    return replace(second, notes=without_overlaps(notes))


def _in_mode(piece: Piece, tonic: int, *, major: bool) -> Piece:
    notes = piece.notes.copy()
    notes[:, 2] = in_mode(notes[:, 2], tonic, major=major)
    return replace(piece, notes=without_overlaps(notes))


@dataclass
class _Session:
    listener_id: uuid.UUID
    music: LiveMusic | None = None
    asked: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Sessions:
    """Live music of listeners by session, in memory alone: what is seen is never stored."""

    def __init__(self, generation: Generator, directions: Directions | None) -> None:
        self._generation, self._directions = generation, directions
        self._sessions: dict[uuid.UUID, _Session] = {}
        self._lock = threading.Lock()
        self._begun = Buckets(BEGUN_A_SECOND, BEGUN_AT_ONCE)
        self._bars = Buckets(BARS_A_SECOND, BARS_AT_ONCE)

    def begin(
        self,
        listener_id: uuid.UUID,
        domain: Domain = "pop",
        seed: int = 0,
        links: Sequence[Sequence[float]] | None = None,
    ) -> uuid.UUID:
        """Begin to play; ends what the listener had begun before.

        Raises ``TooMany`` where as many play as can or the listener begins without end, ``NotAllowed`` for a seed
        that there is not, and ``NotReady``.
        """
        if not 0 <= seed <= MOST_SEED:
            raise NotAllowed(f"the seed {seed} was given; 0 to {MOST_SEED} are allowed")
        if not self._begun.take(str(listener_id)):
            raise TooMany("live music was begun so often that others must come first; wait a minute")
        session_id = uuid.uuid4()
        with self._lock:
            self._sweep()
            for each in [key for key, session in self._sessions.items() if session.listener_id == listener_id]:
                del self._sessions[each]
            if len(self._sessions) >= AT_ONCE:
                raise TooMany(FULL)
            session = self._sessions[session_id] = _Session(listener_id)  # its place is taken while it is prepared
        try:
            with answered():
                session.music = LiveMusic(self._generation, self._directions, domain, seed, links)
        except Problem:
            self.end(listener_id, session_id)
            raise
        session.asked = time.monotonic()
        return session_id

    def next_bar(self, listener_id: uuid.UUID, session_id: uuid.UUID, readouts: Mapping[str, float]) -> LiveBar:
        """The next bar by what is seen.

        Raises ``NotYours`` for a session that is not the listener's or has ended, ``Contradiction`` while the bar
        before is being composed, ``TooMany``, ``NotAllowed`` and ``NotReady``.
        """
        return self._composed(listener_id, session_id, lambda music: music.next_bar(readouts))

    def second_half(self, listener_id: uuid.UUID, session_id: uuid.UUID, readouts: Mapping[str, float]) -> LiveBar:
        """The last bar, from its middle beat on by what is seen now; the music goes on from that. Raises alike."""

        def composed(music: LiveMusic) -> LiveBar:
            bar, goes_on = music.second_half(readouts)
            goes_on()
            return bar

        return self._composed(listener_id, session_id, composed)

    def _composed(
        self, listener_id: uuid.UUID, session_id: uuid.UUID, compose: Callable[[LiveMusic], LiveBar]
    ) -> LiveBar:
        with self._lock:
            self._sweep()
            session = self._sessions.get(session_id)
        if session is None or session.listener_id != listener_id or session.music is None:
            raise NotYours("this live music has ended; begin it anew")
        if not self._bars.take(str(session_id)):
            raise TooMany("bars were asked for faster than they sound; ask for one shortly before it is to sound")
        if not session.lock.acquire(blocking=False):
            raise Contradiction("the bar before is still being composed; ask for one after the other")
        try:
            with answered(refused="this music can't go on"):
                return compose(session.music)
        finally:
            session.asked = time.monotonic()
            session.lock.release()

    def end(self, listener_id: uuid.UUID, session_id: uuid.UUID) -> None:
        """Stop; what has ended already stays so."""
        with self._lock:
            session = self._sessions.get(session_id)
            if session is not None and session.listener_id == listener_id:
                del self._sessions[session_id]

    def __len__(self) -> int:
        with self._lock:
            self._sweep()
            return len(self._sessions)

    def _sweep(self) -> None:
        now = time.monotonic()
        for key, session in list(self._sessions.items()):
            if now - session.asked > IDLE_S and not session.lock.locked():
                del self._sessions[key]
