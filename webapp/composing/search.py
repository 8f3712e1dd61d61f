"""The search for music that a listener would like: in the bank, or among latents sampled near a piece that they named.

The bank holds drafts on disk for searches: composing for a head plays its winners as the writer wrote them, and writes
nothing new. Latents sampled near a piece have no notes yet; the writer writes the winners.

A file holds the drafts of one moment: it is written whole or not at all, never changed, and deleted when it is old, so
that several workers may share a folder. Whoever takes a draft leaves an empty file that says so, and nobody else is
given that draft, unless it is put back unused: a piece composed for one listener is no copy of another's.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from db.queries.clips import get_clip
from models.music.notes import DOMAINS, Domain
from models.style.drafts import ENDING, FIRST, Ask, Draft, first_drafts, load_drafts, save_drafts
from models.style.latents import Latents
from models.taste.head import Head
from models.taste.search import (
    CAREFUL,
    OPTIMISTIC,
    SEARCHED,
    Candidate,
    Candidates,
    asks_for,
    best_latents,
    best_written,
    gifts,
    ideas,
)
from models.taste.space import TasteSpace
from webapp.composing.dials import SteeredSearch, WantedMood, dials, place_of
from webapp.composing.wishes import Wish
from webapp.generation.protocol import BadRequest, GenerationError, Generator, Mood
from webapp.learning.playable_clips import AnyDomain, InstalledStyle, domain_named
from webapp.runtime.database import Database

ROOM = 512  # drafts of a domain, at most: about 2.5 MB; among more a search finds nothing that pleases more
BANKED_AT_ONCE = 32  # four seconds of one core
ENOUGH = SEARCHED  # drafts, before which a search has some written first
PLENTY = 256  # drafts, below which others are written at once: the best of what others have left please less
TRIES = 4  # searches, where others take the winners in the meantime
RESTS = 4.0  # times as long as writing took, where there is enough: other work has the machine
RENEW_SECONDS = 300.0  # between new drafts for the oldest, when the bank is full
ABANDONED_SECONDS = 3600.0  # after which a file that was never finished is nobody's
OTHER_VERSION_SECONDS = 86_400.0  # after which the drafts of another model go
TAKEN, FIRST_PUT = ".taken", "first"
FULL_POOL = 48  # clips of a domain that lie ready, from which on there is all the room

Choice = Callable[[Candidates, Sequence[Draft], int], Sequence[Candidate]]
log = logging.getLogger(__name__)
WRITTEN_FOR_MOOD: dict[Domain, int] = {"pop": 16, "dance": 16, "chorale": 6}  # seconds of a processor
DRAWN_AT_ONCE = 16  # latents, after which the search reports its progress
KAPPAS = {"careful": CAREFUL, "near": CAREFUL, "surprise": OPTIMISTIC}  # of a wish's mode
OnDrawn = Callable[[int, int], None]  # is called with how many there are, of how many


def room_beside(pool: int) -> int:
    """How many drafts of a domain are kept where ``pool`` clips of it lie ready: who wants few has few of both."""
    return max(ENOUGH, min(ROOM, ROOM * pool // FULL_POOL))


@dataclass(frozen=True)
class _Shelf:
    """The free drafts of a domain and their names."""

    candidates: Candidates
    drafts: Sequence[Draft]
    names: Sequence[str]

    def chosen(self, places: Sequence[int]) -> _Shelf:
        """Those at some places."""
        drafts, names = [self.drafts[place] for place in places], [self.names[place] for place in places]
        return _Shelf(self.candidates.chosen(places), drafts, names)

    def with_others(self, space: TasteSpace, others: Sequence[Draft]) -> _Shelf:
        """These and others, which have no names."""
        candidates = Candidates.joined([self.candidates, Candidates.of(space, [each.latents for each in others])])
        return _Shelf(candidates, [*self.drafts, *others], [*self.names, *[""] * len(others)])


class Bank:
    """The drafts of one style model below ``folder``, ``room`` of each domain; for many threads and processes."""

    def __init__(self, folder: Path, style: InstalledStyle, generation: Generator, room: int = ROOM) -> None:
        self._root, self._style, self._generation, self._room = folder, style, generation, room
        self._files: dict[Path, tuple[Candidates, list[Draft]]] = {}
        self._reading, self._drawing = threading.Lock(), threading.Lock()
        self._renewed = self._rested = time.monotonic()

    def choose(
        self,
        domain: Domain,
        search: Choice,
        count: int,
        *,
        openings: bool = False,
        beside: Sequence[Draft] = (),
    ) -> list[Draft]:
        """The best ``count`` that ``search`` finds, which nobody else is given from now on; fewer where there are few.

        It searches all drafts, or only the ``openings`` of pieces where there are any, and those ``beside`` the
        bank's, which are not kept there. ``search`` gets the candidates, the drafts that they are of, and how
        many to find. Raises a ``GenerationError`` where there are too few drafts and no generator answers.
        """
        chosen: list[Draft] = []
        for _ in range(TRIES):
            shelf = self._shelf(domain)
            opening = [place for place, draft in enumerate(shelf.drafts) if draft.opens] if openings else []
            if opening:
                shelf = shelf.chosen(opening)
            chosen_ids = {id(draft.latents) for draft in chosen}
            if others := [each for each in beside if id(each.latents) not in chosen_ids]:
                shelf = shelf.with_others(self._style.space, others)
            winners = search(shelf.candidates, shelf.drafts, count - len(chosen))
            taken = [each.origin for each in winners if self._take(domain, shelf.names[each.origin])]
            chosen += [replace(shelf.drafts[place], name=shelf.names[place]) for place in taken]
            if len(chosen) >= count:
                break
        return chosen

    def put_back(self, domain: Domain, drafts: Sequence[Draft]) -> None:
        """Others may be given these, which were taken and not used."""
        for draft in drafts:
            if draft.name:
                (self._folder(domain) / f"{draft.name}{TAKEN}").unlink(missing_ok=True)

    def size(self, domain: Domain) -> int:
        """How many drafts are free."""
        return len(self._names(domain))

    def grow(self, domain: Domain, *, background: bool = False) -> None:
        """Write some more and keep them; the oldest go where there is no room. Raises a ``GenerationError``.

        In the ``background`` nobody waits for them.
        """
        answer = self._generation.drafts(domain, BANKED_AT_ONCE, secrets.randbits(63), background=background)
        self._write(domain, [Draft.from_json(each) for each in answer.drafts])
        self._tidy(domain)

    def put_first(self, folder: Path = FIRST) -> bool:
        """Put the drafts there that come with the weights, once, where they are of this model; whether there were any.

        Who composes for somebody at once then drafts nothing first. Raises ``OSError`` or ``ValueError`` for files
        that can't be read.
        """
        put = False
        for domain in DOMAINS:
            done = self._folder(domain) / FIRST_PUT
            drafts = [] if done.exists() else first_drafts(domain, self._style.version, folder)
            for start in range(0, len(drafts) - BANKED_AT_ONCE + 1, BANKED_AT_ONCE):  # whole files
                # Named as the oldest, and the same by whoever puts them there too.
                self._write(domain, drafts[start : start + BANKED_AT_ONCE], f"{start:020d}-first")
            if drafts:
                done.touch()
                put = True
        return put

    def replenish(self) -> bool:
        """Write some of what there is least of, where that is not plenty; whether any. Raises a ``GenerationError``."""
        scarce = min(DOMAINS, key=self.size)
        if self.size(scarce) + BANKED_AT_ONCE > min(PLENTY, self._room):
            return False
        self.grow(scarce, background=True)
        return True

    def tend(self) -> bool:
        """Grow a little where there is room, or renew a little now and then; whether anything was written.

        Without a pause until there is enough to search, then with long ones. Raises a ``GenerationError``.
        """
        began = time.monotonic()
        domain = min(DOMAINS, key=self.size)
        if self.size(domain) >= ENOUGH and began < self._rested:
            return False
        if self.size(domain) + BANKED_AT_ONCE > self._room:
            if began < self._renewed + RENEW_SECONDS:
                return False
            domain = min(DOMAINS, key=lambda name: min(self._drawn_at(name), default=Path()).name)
            self._renewed = began
        self.grow(domain, background=True)
        now = time.monotonic()
        self._rested = now + RESTS * (now - began)
        return True

    def _shelf(self, domain: Domain) -> _Shelf:
        """The free drafts, of which some are written first where there are too few."""
        for _ in range(TRIES):  # a file that can't be read counts until somebody has tried
            with self._drawing:  # one writes, and who waited finds that there are enough
                while self.size(domain) < ENOUGH:
                    self.grow(domain)
            shelf = self._read_all(domain)
            if len(shelf.names) >= ENOUGH:
                break
        return shelf

    def _read_all(self, domain: Domain) -> _Shelf:
        taken = self._taken(domain)
        paths = self._drawn_at(domain)
        with self._reading:
            read = {path: self._read(path) for path in paths}
            for path in [path for path in self._files if path.parent.name == domain and path not in read]:
                del self._files[path]
        some, drafts, names = [Candidates.of(self._style.space, [])], list[Draft](), list[str]()
        for path, loaded in read.items():
            if loaded is not None:
                candidates, stored = loaded
                free = [place for place in range(len(stored)) if f"{path.stem}.{place}" not in taken]
                some.append(candidates.chosen(free))
                drafts += [stored[place] for place in free]
                names += [f"{path.stem}.{place}" for place in free]
        return _Shelf(Candidates.joined(some), drafts, names)

    def _names(self, domain: Domain) -> list[str]:
        taken = self._taken(domain)
        names = (f"{path.stem}.{place}" for path in self._drawn_at(domain) for place in range(BANKED_AT_ONCE))
        return [name for name in names if name not in taken]

    def _folder(self, domain: Domain) -> Path:
        return self._root / self._style.version / domain

    def _drawn_at(self, domain: Domain) -> list[Path]:
        """The files of a domain, oldest first."""
        return sorted(self._folder(domain).glob(f"[0-9]*{ENDING}"))

    def _taken(self, domain: Domain) -> set[str]:
        return {path.name.removesuffix(TAKEN) for path in self._folder(domain).glob(f"*{TAKEN}")}

    def _take(self, domain: Domain, name: str) -> bool:
        """Whether the draft was free; now it is ours. One that has no name was nobody else's."""
        if not name:
            return True
        try:
            os.close(os.open(self._folder(domain) / f"{name}{TAKEN}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
        except FileExistsError:
            return False
        return True

    def _read(self, path: Path) -> tuple[Candidates, list[Draft]] | None:
        """The drafts of a file; None, and it goes, where it can't be read."""
        known = self._files.get(path)
        if known is not None:
            return known
        try:
            drafts = load_drafts(path, self._style.version)
            candidates = Candidates.of(self._style.space, [each.latents for each in drafts])
        except FileNotFoundError:
            return None  # somebody has just made room
        except ValueError as error:
            log.warning("bank_file_broken file=%s error=%s", path.name, error)
            path.unlink(missing_ok=True)
            return None
        self._files[path] = candidates, drafts
        return candidates, drafts

    def _write(self, domain: Domain, drafts: Sequence[Draft], name: str = "") -> None:
        folder = self._folder(domain)
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{name or f'{time.time_ns():020d}-{secrets.token_hex(4)}'}{ENDING}"
        draft = folder / f".{name}.{os.getpid()}"
        save_drafts(draft, drafts)
        draft.replace(folder / name)

    def _tidy(self, domain: Domain) -> None:
        """Take away files that there is no room for or that nobody finished, what was taken from them, old models'."""
        folder = self._folder(domain)
        files = self._drawn_at(domain)
        used: dict[str, int] = {}
        for name in self._taken(domain):
            stem = name.rpartition(".")[0]
            used[stem] = used.get(stem, 0) + 1
        spent = [path for path in files if used.get(path.stem, 0) >= BANKED_AT_ONCE]
        surplus = max(0, self.size(domain) - self._room)
        for path in [*spent, *files[: -(-surplus // BANKED_AT_ONCE)]]:
            path.unlink(missing_ok=True)
        stems = {path.stem for path in self._drawn_at(domain)}
        now = time.time()
        for path in folder.iterdir():
            old = now - _changed_at(path) > ABANDONED_SECONDS
            gone = path.name.endswith(TAKEN) and path.name.removesuffix(TAKEN).rpartition(".")[0] not in stems
            if (gone and old) or (path.name.startswith(".") and old):
                path.unlink(missing_ok=True)
        for path in self._root.iterdir():
            if path.name != self._style.version and now - _newest(path) > OTHER_VERSION_SECONDS:
                for file in sorted(path.rglob("*"), reverse=True):
                    file.rmdir() if file.is_dir() else file.unlink(missing_ok=True)
                path.rmdir()


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return time.time()  # somebody else took it away


def _newest(folder: Path) -> float:
    return max(map(_changed_at, [folder, *folder.rglob("*")]))


class Search(Protocol):
    """What composes for heads searches with: music by ``LatentSearch``, pictures by ``PictureSearch``."""

    def best(
        self,
        head: Head,
        domain: AnyDomain,
        count: int,
        *,
        wish: Wish,
        seed: int,
        among: int | None = None,
        on_drawn: OnDrawn = ...,
    ) -> list[Draft]:
        """The ``count`` best that differ, as the wish says.

        ``among`` so many, where there are enough; by default as many as the head's votes are worth (``ideas``).
        """
        ...

    def drawn(self, domain: AnyDomain, count: int, seed: int) -> list[Draft]:
        """New drafts, just as they come."""
        ...

    def put_back(self, domain: AnyDomain, drafts: Sequence[Draft]) -> None:
        """These were chosen and are not used: others may have them."""
        ...


class LatentSearch:
    """Chooses drafts for heads from the bank, to be played as they were written; near a piece it chooses latents.

    Where it ``asks``, the writer also writes requests by latents, and the best of both are chosen.
    """

    def __init__(
        self, database: Database, generation: Generator, style: InstalledStyle, bank: Bank, *, asks: bool = False
    ) -> None:
        self._database, self._generation, self._style, self._bank = database, generation, style, bank
        self._asks = asks

    def best(
        self,
        head: Head,
        domain: AnyDomain,
        count: int,
        *,
        wish: Wish,
        seed: int,
        among: int | None = None,
        on_drawn: OnDrawn = lambda *_: None,
    ) -> list[Draft]:
        """As ``Search`` has it; ``seed`` is for latents sampled near a piece, and for which drafts are considered.

        What comes from the bank is given to nobody else, so the next call chooses others. Raises a ``GenerationError``.
        """
        domain = domain_named(domain)
        space, kappa = self._style.space, KAPPAS[wish.mode]
        if wish.near is not None:
            near = self._near(wish.near, wish.keep, domain, seed, on_drawn)
            return [Draft(each.latents) for each in best_latents(head, space, near, count, kappa=kappa, refine=True)]

        turned = dials(self._generation, domain, tension=wish.tension, mood=wish.mood)
        written = self._written_for(wish.mood, domain, seed) if wish.mood else []
        steered = SteeredSearch(head, space, kappa, turned, written) if turned else None

        most = ideas(head.votes_seen) if among is None else among
        asks: list[Ask] = []

        def search(candidates: Candidates, drafts: Sequence[Draft], wanted: int) -> list[Candidate]:
            looked_at = len(drafts) if steered else min(most, len(drafts))
            on_drawn(looked_at, looked_at)
            if steered:  # which has the models evaluate what the head likes best
                return steered.search(candidates, drafts, wanted)
            if self._asks and not asks:
                wishes = asks_for(head, space, candidates, drafts, seed=seed, kappa=kappa, among=most)
                asks.extend(ask for ask, _ in wishes)
            return gifts(head, space, candidates, wanted, seed=seed, kappa=kappa, among=most)

        winners = self._bank.choose(domain, search, count, beside=written)
        if asks:
            return self._with_asked(head, domain, winners, asks, seed=seed, kappa=kappa)
        return winners if steered is None else [steered.noted(draft) for draft in winners]

    def _with_asked(
        self, head: Head, domain: Domain, winners: list[Draft], asks: Sequence[Ask], *, seed: int, kappa: float
    ) -> list[Draft]:
        """As many as there are ``winners``, of these and of what the writer was asked for; unused ones are put back.

        Where there is no answer (no writer that is conditioned on latents, or no server) they stay.
        """
        try:
            answer = self._generation.asked(domain, [ask.to_json() for ask in asks], seed)
        except GenerationError as error:
            log.warning("nothing_asked domain=%s error=%s", domain, error)
            return winners
        except BaseException:  # given up, before anybody else knows of the winners
            self._bank.put_back(domain, winners)
            raise
        rivals = [*winners, *(Draft.from_json(each) for each in answer.drafts if each)]
        best = best_written(head, self._style.space, rivals, len(winners), kappa=kappa)
        self._bank.put_back(domain, [draft for place, draft in enumerate(winners) if place not in best])
        return [rivals[place] for place in best]

    def drawn(self, domain: AnyDomain, count: int, seed: int) -> list[Draft]:
        """New drafts, just as they come: of a bank from which the best were taken they would be the rest."""
        return [Draft.from_json(each) for each in self._generation.drafts(domain, count, seed).drafts]

    def put_back(self, domain: AnyDomain, drafts: Sequence[Draft]) -> None:
        """As ``Search`` has it."""
        self._bank.put_back(domain_named(domain), drafts)

    def _written_for(self, mood: WantedMood, domain: Domain, seed: int) -> list[Draft]:
        """Drafts conditioned on a mood: of those written for nobody, few pop pieces are tense and no chorale is sad."""
        place, count = place_of(mood), WRITTEN_FOR_MOOD[domain]
        wanted = Mood(valence=place.valence, arousal=place.arousal)
        return [Draft.from_json(each) for each in self._generation.drafts(domain, count, seed, wanted).drafts]

    def _near(self, clip_id: uuid.UUID, keep: float, domain: Domain, seed: int, on_drawn: OnDrawn) -> list[Latents]:
        clip = self._database.transaction(partial(get_clip, clip_id=clip_id))
        if clip is None:
            raise BadRequest(f"clip {clip_id}, near which was to be composed, is gone")
        latents: list[Latents] = []
        on_drawn(0, SEARCHED)
        while len(latents) < SEARCHED:
            count = min(DRAWN_AT_ONCE, SEARCHED - len(latents))
            answer = self._generation.latents(domain, count, seed + len(latents), near=clip.latents, keep=keep)
            latents += [Latents.from_json(each) for each in answer.latents]
            on_drawn(len(latents), SEARCHED)
        return latents
