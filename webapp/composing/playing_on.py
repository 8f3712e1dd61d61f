"""A whole piece for one listener: an opening that their head likes, played on to its end."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from db.tables import WHOLE
from models.music.notes import Domain
from models.style.drafts import Draft
from models.taste.head import Head
from models.taste.search import Candidate, Candidates, best_latents
from webapp.composing.bank import Bank
from webapp.composing.clip_maker import ClipMaker, Order
from webapp.composing.jobs import JobInHand
from webapp.learning import heads

log = logging.getLogger(__name__)

GOES_ON: Mapping[Domain, int] = {"pop": 16, "dance": 24, "chorale": 8}  # bars after the opening's eight
FORMS: Mapping[Domain, str] = {"pop": "", "dance": "AABB", "chorale": ""}  # of the whole
AMONG = 8  # of the best openings one is taken, so that not all pieces are alike
TRIES = 3  # openings, where a piece may not be offered


class WholePieceComposer:
    """Composes whole pieces for one listener at a time; may be used from many threads."""

    def __init__(self, maker: ClipMaker, bank: Bank) -> None:
        self._maker, self._bank = maker, bank

    def do(self, job: JobInHand) -> dict[str, Any]:
        """Do a job; done again it composes the same piece, which is then stored once. Raises ``GenerationError``."""
        head = self._maker.database.transaction(
            lambda session: heads.load(session, job.listener_id, self._maker.style.space)
        )
        found = [Draft.from_json(each) for each in job.found]
        if not found:
            found = self._openings(head, job.domain, job.seed)
            job.remember([draft.to_json() for draft in found])
        for place, draft in enumerate(found):
            if self._compose(draft, job, job.seed + place):
                return {"composed": place + 1}
        log.warning("no_whole_piece listener=%s openings=%d", job.listener_id, len(found))
        raise RuntimeError(f"none of {len(found)} openings could be played on to a piece")

    def _openings(self, head: Head, domain: Domain, seed: int) -> list[Draft]:
        """Some of the best of the bank, as they were written."""
        rng, space = np.random.default_rng(seed), self._maker.style.space

        def search(candidates: Candidates, wanted: int) -> Sequence[Candidate]:
            best = best_latents(head, space, candidates, AMONG, refine=False)
            return [best[i] for i in rng.permutation(len(best))[:wanted]]

        return self._bank.choose(domain, search, TRIES)

    def _compose(self, draft: Draft, job: JobInHand, seed: int) -> bool:
        """Whether the piece could be offered, and is stored."""
        generation, domain = self._maker.generation, job.domain
        opening = Order(domain, seed, draft).composed(generation)
        played = generation.play_on(opening.notes, GOES_ON[domain], seed, FORMS[domain])
        recipe = {**opening.recipe, "content": "written", "writer": played.writer, "played_on": GOES_ON[domain]}
        recipe |= {"form": FORMS[domain]}
        whole = opening.model_copy(update={"notes": played.notes, "recipe": recipe})
        kept = self._maker.keep(whole, domain, job.listener_id, WHOLE, whole=True)
        log.info("whole_piece domain=%s fault=%s", domain, kept.fault or "none")
        return kept.clip_id is not None
