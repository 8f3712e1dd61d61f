"""Compose for me, calmer or tenser: of the drafts that a head likes best, those whose future is as open as asked.

The head chooses first, by its own score, ``SEARCHED`` written drafts; these are heard by the generation server, and
among them the head's score and the distance from the dial count alike (``models.tension.dial``). Nothing is recombined,
since only what is written can be heard.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from models.style.drafts import Draft
from models.taste.head import Head
from models.taste.search import SEARCHED, Candidate, Candidates, best_latents, scores
from models.taste.space import TasteSpace
from models.tension.dial import cost
from webapp.generation.protocol import Rewards

NOTED = "tension"  # in the latents' ``piece``, and from there in the recipe


@dataclass
class TensionDial:
    """A search among drafts for ``head`` with the dial at a ``step``; ``listen`` gives the rewards of pieces."""

    head: Head
    space: TasteSpace
    kappa: float
    step: int
    listen: Callable[[Sequence[dict[str, Any]]], Sequence[Rewards | None]]
    _openness: dict[int, float] = field(default_factory=dict)  # of what was heard, by the id of its latents

    def search(self, candidates: Candidates, drafts: Sequence[Draft], wanted: int) -> list[Candidate]:
        """As a bank asks for it; where too few drafts are written, as if the dial stood in the middle."""
        places = self._heard(self._liked(candidates, drafts), drafts)
        if len(places) < wanted:
            return best_latents(self.head, self.space, candidates, wanted, kappa=self.kappa)
        away = cost([self._openness[id(drafts[place].latents)] for place in places], self.step)
        among = candidates.chosen(places)
        found = best_latents(self.head, self.space, among, wanted, kappa=self.kappa, cost=away)
        return [replace(each, origin=places[each.origin]) for each in found]

    def noted(self, draft: Draft) -> Draft:
        """The draft, with where the dial stood and how open it was heard to be."""
        about = {"dial": self.step, "future": round(self._openness[id(draft.latents)], 3)} if self._knows(draft) else {}
        piece = {**draft.latents.piece, **({NOTED: about} if about else {})}
        return replace(draft, latents=replace(draft.latents, piece=piece))

    def _knows(self, draft: Draft) -> bool:
        return id(draft.latents) in self._openness

    def _liked(self, candidates: Candidates, drafts: Sequence[Draft]) -> list[int]:
        """The places of the written drafts that the head likes best."""
        written = [place for place, draft in enumerate(drafts) if draft.notes is not None]
        if not written:
            return []
        features = self.space.with_distances(candidates.chosen(written).lines)
        order = np.argsort(-scores(self.head, features, self.kappa), kind="stable")
        return [written[place] for place in order[:SEARCHED]]

    def _heard(self, places: Sequence[int], drafts: Sequence[Draft]) -> list[int]:
        """Those that can be heard."""
        new = [draft for draft in (drafts[place] for place in places) if draft.notes and not self._knows(draft)]
        if new:
            rewards = self.listen([draft.notes.to_json() for draft in new if draft.notes])
            found = zip(new, rewards, strict=True)
            self._openness |= {id(draft.latents): reward.future for draft, reward in found if reward is not None}
        return [place for place in places if self._knows(drafts[place])]
