"""A search for a head that also goes by what is heard: how open the future of drafts is, or which mood they have.

The head chooses first, by its own score, ``SEARCHED`` written drafts; these are heard by the generation server, and
among them what lies away from what is wanted loses as its ``Dial`` says (``webapp.composing.dials``). Nothing is
recombined, since only what is written can be heard.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import numpy as np

from models.style.drafts import Draft
from models.taste.head import Head
from models.taste.search import SEARCHED, Candidate, Candidates, FloatArray, best_latents, scores
from models.taste.space import TasteSpace

Heard = TypeVar("Heard")


@dataclass(frozen=True)
class Dial(Generic[Heard]):
    """Something that is wanted of a piece beside its being liked, noted in its recipe under ``name``.

    ``hear`` says what pieces (``Piece.to_json``) are like, None for one that can't be heard; ``cost`` what each of them
    loses ``(N,)``, in standard deviations of the head's score; ``note`` what the recipe says of one.
    """

    name: str
    hear: Callable[[Sequence[dict[str, Any]]], Sequence[Heard | None]]
    cost: Callable[[Sequence[Heard]], FloatArray]
    note: Callable[[Heard], dict[str, Any]]


@dataclass
class SteeredSearch:
    """A search among drafts for ``head``; what the ``dials`` cost is added up.

    ``written`` for what is wanted are drafts that are heard however well the head likes them.
    """

    head: Head
    space: TasteSpace
    kappa: float
    dials: Sequence[Dial[Any]]
    written: Sequence[Draft] = ()
    # of what could be heard, by the id of its latents: what each dial has heard
    _heard: dict[int, list[Any]] = field(default_factory=dict)

    def search(self, candidates: Candidates, drafts: Sequence[Draft], wanted: int) -> list[Candidate]:
        """As a bank asks for it; where too few drafts are written, as if no dial were turned."""
        places = self._audible(self._liked(candidates, drafts), drafts)
        if len(places) < wanted:
            return best_latents(self.head, self.space, candidates, wanted, kappa=self.kappa)
        heard = [self._heard[id(drafts[place].latents)] for place in places]
        away = np.sum([dial.cost(of) for dial, of in zip(self.dials, zip(*heard, strict=True), strict=True)], axis=0)
        among = candidates.chosen(places)
        found = best_latents(self.head, self.space, among, wanted, kappa=self.kappa, cost=away)
        return [replace(each, origin=places[each.origin]) for each in found]

    def noted(self, draft: Draft) -> Draft:
        """The draft, with what was asked of it and what was heard."""
        heard = zip(self.dials, self._heard.get(id(draft.latents), ()), strict=False)
        piece = {**draft.latents.piece, **{dial.name: dial.note(of) for dial, of in heard}}
        return replace(draft, latents=replace(draft.latents, piece=piece))

    def _liked(self, candidates: Candidates, drafts: Sequence[Draft]) -> list[int]:
        """The places of the drafts with notes that the head likes best, and of those written for what is wanted."""
        wanted = {id(draft.latents) for draft in self.written}
        mine = [place for place, draft in enumerate(drafts) if draft.notes and id(draft.latents) in wanted]
        written = [place for place, draft in enumerate(drafts) if draft.notes and place not in mine]
        if not written:
            return mine
        features = self.space.with_distances(candidates.chosen(written).lines)
        order = np.argsort(-scores(self.head, features, self.kappa), kind="stable")
        return [*mine, *(written[place] for place in order[:SEARCHED])]

    def _audible(self, places: Sequence[int], drafts: Sequence[Draft]) -> list[int]:
        """Those that every dial can hear."""
        new = [draft for draft in (drafts[place] for place in places) if draft.notes and not self._knows(draft)]
        if new:
            music = [draft.notes.to_json() for draft in new if draft.notes]
            for draft, *heard in zip(new, *(dial.hear(music) for dial in self.dials), strict=True):
                if None not in heard:
                    self._heard[id(draft.latents)] = heard
        return [place for place in places if self._knows(drafts[place])]

    def _knows(self, draft: Draft) -> bool:
        return id(draft.latents) in self._heard
