"""The search for latents that a listener would like: in the bank, or among draws near a piece that they named."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from db.queries.clips import get_clip
from models.music.notes import Domain
from models.style.drafts import Ask, Draft
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
from webapp.composing.bank import Bank
from webapp.composing.dials import WantedMood, dials, place_of
from webapp.composing.jobs import domain_named
from webapp.composing.steered_search import SteeredSearch
from webapp.composing.wishes import Wish
from webapp.generation.protocol import BadRequest, GenerationError, Generator, Mood
from webapp.learning.installed_style import InstalledStyle
from webapp.learning.playable_clips import AnyDomain
from webapp.runtime.database import Database

log = logging.getLogger(__name__)

WRITTEN_FOR_MOOD: dict[Domain, int] = {"pop": 16, "dance": 16, "chorale": 6}  # seconds of a processor
DRAWN_AT_ONCE = 16  # latents, after which is said how far the search is
KAPPAS = {"careful": CAREFUL, "near": CAREFUL, "surprise": OPTIMISTIC}  # of a wish's mode

OnDrawn = Callable[[int, int], None]  # hears how many there are of how many


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
        """These were found and are not used: others may have them."""
        ...


class LatentSearch:
    """Finds drafts for heads in the bank, to be played as they were written; near a piece it finds latents.

    Where it ``asks``, the piece model also writes what is asked for by latents, and the best of both is found.
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
        """As ``Search`` has it; ``seed`` is for draws near a piece, and for which drafts are looked at.

        What comes from the bank is given to nobody else, so this finds others when it is asked again. Raises a
        ``GenerationError``.
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
            if steered:  # which has what the head likes best heard
                return steered.search(candidates, drafts, wanted)
            if self._asks and not asks:
                wishes = asks_for(head, space, candidates, drafts, seed=seed, kappa=kappa, among=most)
                asks.extend(ask for ask, _ in wishes)
            return gifts(head, space, candidates, wanted, seed=seed, kappa=kappa, among=most)

        found = self._bank.choose(domain, search, count, beside=written)
        if asks:
            return self._with_asked(head, domain, found, asks, seed=seed, kappa=kappa)
        return found if steered is None else [steered.noted(draft) for draft in found]

    def _with_asked(
        self, head: Head, domain: Domain, found: list[Draft], asks: Sequence[Ask], *, seed: int, kappa: float
    ) -> list[Draft]:
        """As many as were ``found``, of these and of what is written as it was asked for; unused ones are put back.

        Where nothing can be asked for (no model that hears latents, or no answer) they are what was found.
        """
        try:
            answer = self._generation.asked(domain, [ask.to_json() for ask in asks], seed)
        except GenerationError as error:
            log.warning("nothing_asked domain=%s error=%s", domain, error)
            return found
        every = [*found, *(Draft.from_json(each) for each in answer.drafts if each)]
        best = best_written(head, self._style.space, every, len(found), kappa=kappa)
        self._bank.put_back(domain, [draft for place, draft in enumerate(found) if place not in best])
        return [every[place] for place in best]

    def drawn(self, domain: AnyDomain, count: int, seed: int) -> list[Draft]:
        """New drafts, just as they come: of a bank from which the best were taken they would be the rest."""
        return [Draft.from_json(each) for each in self._generation.drafts(domain, count, seed).drafts]

    def put_back(self, domain: AnyDomain, drafts: Sequence[Draft]) -> None:
        """As ``Search`` has it."""
        self._bank.put_back(domain_named(domain), drafts)

    def _written_for(self, mood: WantedMood, domain: Domain, seed: int) -> list[Draft]:
        """Drafts that lean to a mood: of those written for nobody, few pop pieces are tense and no chorale is sad."""
        place, count = place_of(mood), WRITTEN_FOR_MOOD[domain]
        wanted = Mood(valence=place.valence, arousal=place.arousal)
        return [Draft.from_json(each) for each in self._generation.drafts(domain, count, seed, wanted).drafts]

    def _near(self, clip_id: uuid.UUID, keep: float, domain: Domain, seed: int, on_drawn: OnDrawn) -> list[Latents]:
        clip = self._database.transaction(partial(get_clip, clip_id=clip_id))
        if clip is None:
            raise BadRequest(f"clip {clip_id}, near which was to be composed, is gone")
        found: list[Latents] = []
        on_drawn(0, SEARCHED)
        while len(found) < SEARCHED:
            count = min(DRAWN_AT_ONCE, SEARCHED - len(found))
            answer = self._generation.latents(domain, count, seed + len(found), near=clip.latents, keep=keep)
            found += [Latents.from_json(each) for each in answer.latents]
            on_drawn(len(found), SEARCHED)
        return found
