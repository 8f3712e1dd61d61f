"""A whole piece for one listener: an opening that their head likes, or one like a piece, played on to its end.

Another ending of a piece is the piece without its last bars, played on. A dance tune gets a title (``titling``).
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from db.queries.clips import get_clip
from db.tables import WHOLE
from models.music.notes import Domain, Piece
from models.style.drafts import Draft
from models.style.latents import Latents
from models.style.pieces.forms import SECTION_BARS, heard_form, sounding_bars
from models.taste.likelihood import FloatArray
from models.taste.search import CAREFUL, Candidate, Candidates, best_latents
from models.taste.space import nearest_clips
from webapp.composing import sources
from webapp.composing.clip_maker import ClipMaker, Order
from webapp.composing.dials import (
    FORM,
    FORMS,
    IN_FORM,
    MOOD,
    SECTIONS,
    WISHED,
    SteeredSearch,
    mood_dial,
    noted_mood,
    wanted_mood,
)
from webapp.composing.search import Bank
from webapp.composing.titling import Titling
from webapp.composing.wishes import JobInHand
from webapp.generation.protocol import GenerateResult, GenerationError, PlayedOnResult
from webapp.learning import heads
from webapp.runtime.errors import NotYours

log = logging.getLogger(__name__)
GOES_ON: Mapping[Domain, int] = {"pop": 16, "dance": 24, "chorale": 8}  # bars after the opening's eight
ENDS: Mapping[Domain, int] = {"pop": 8, "dance": 8, "chorale": 4}  # bars of another ending
NAMED = {"clip": sources.CLIPS, "piece": sources.PIECES}  # what is played on, by its name in a job
PLAYED_ON = ", played on"  # behind a title that the beginning has
AMONG = 8  # of the best openings one is taken, so that not all pieces are alike; of a mood, the nearest
ALIKE = 12  # the nearest to a piece, of which the head takes the best
TRIES = 3  # openings, where a piece may not be offered


class WholePieceComposer:
    """Composes whole pieces for one listener at a time; may be used from many threads."""

    def __init__(self, maker: ClipMaker, bank: Bank, titling: Titling) -> None:
        self._maker, self._bank, self._titling = maker, bank, titling

    def do(self, job: JobInHand) -> dict[str, Any]:
        """Do a job; done again it composes the same piece, which is then stored once. Raises ``GenerationError``."""
        if "ending" in job.payload:
            return self._another_ending(job)
        found = [Draft.from_json(each) for each in job.found]
        if not found:
            found = self._given(job) if {"clip", "piece"} & job.payload.keys() else self._openings(job)
            job.remember([draft.to_json() for draft in found])
        for place, draft in enumerate(found):
            if self._compose(draft, job, job.seed + place):
                job.remember([each.to_json() for each in found[: place + 1]])
                self._bank.put_back(job.domain, found[place + 1 :])
                return {"composed": place + 1}
        log.warning("no_whole_piece listener=%s openings=%d", job.listener_id, len(found))
        raise RuntimeError(f"none of {len(found)} openings could be played on to a piece")

    def _given(self, job: JobInHand) -> list[Draft]:
        """The clip or the studio's piece that is to be played on; raises ``NotYours`` where it is gone."""
        kind, number = next((kind, job.payload[key]) for key, kind in NAMED.items() if key in job.payload)
        name = f"{kind}/{number}"
        given = self._maker.database.transaction(lambda session: sources.find(session, name, job.listener_id))
        latents = given.latents
        if given.model_version != self._maker.style.version:
            latents = self._maker.generation.encode(given.notes).latents
        titles = (given.title,) if given.title else ()
        # as a whole it is no section of another
        piece = replace(given.piece, piece_id="", source=sources.COMPOSED, titles=titles)
        return [Draft(Latents.from_json(latents), piece)] * TRIES

    def _openings(self, job: JobInHand) -> list[Draft]:
        """Some of the best of the bank, as they were written."""
        rng, space = np.random.default_rng(job.seed), self._maker.style.space
        head = self._maker.database.transaction(
            lambda s: heads.head_for_composing(s, job.listener_id, space, job.domain)
        )
        like, mood = self._like(job), wanted_mood(job.payload.get(MOOD))
        steered = SteeredSearch(head, space, CAREFUL, [mood_dial(self._maker.generation, mood)]) if mood else None

        def search(candidates: Candidates, drafts: Sequence[Draft], wanted: int) -> Sequence[Candidate]:
            if like is not None:
                near = nearest_clips(space.with_distances(candidates.lines), like, ALIKE)
                best = best_latents(head, space, candidates.chosen(near), wanted)
                return [replace(each, origin=near[each.origin]) for each in best]
            if steered is not None:
                return steered.search(candidates, drafts, min(wanted, len(drafts)))
            best = best_latents(head, space, candidates, AMONG)
            return [best[i] for i in rng.permutation(len(best))[:wanted]]

        return self._bank.choose(job.domain, search, TRIES, openings=True)

    def _like(self, job: JobInHand) -> FloatArray | None:
        """The features of the piece that another one like it is wanted of; raises ``NotYours`` where it is gone."""
        if "like" not in job.payload:
            return None
        clip_id, space = uuid.UUID(job.payload["like"]), self._maker.style.space
        known = self._maker.database.transaction(lambda session: heads.features_of(session, [clip_id], space))
        if clip_id not in known:
            raise NotYours(f"piece {clip_id}, of which more was wanted, is gone")
        return known[clip_id]

    def _another_ending(self, job: JobInHand) -> dict[str, Any]:
        """The piece up to its last bars, and others after it; raises ``NotYours`` where it is gone."""
        database, clip_id = self._maker.database, uuid.UUID(job.payload["ending"])
        clip = database.transaction(lambda session: get_clip(session, clip_id))
        if clip is None:
            raise NotYours(f"piece {clip_id}, of which another ending was wanted, is gone")
        piece, domain = Piece.from_json(clip.notes), job.domain
        kept = piece.window(0, len(piece.bars) - ENDS[domain])
        asked = clip.recipe.get(FORM, "") if clip.recipe.get(IN_FORM) else FORMS[domain]
        form = _dividing(asked, sounding_bars(kept) + ENDS[domain])
        began = Order(domain, job.seed, Draft(Latents.from_json(clip.latents), kept)).composed(self._maker.generation)
        for seed in range(job.seed, job.seed + TRIES):
            played = self._maker.generation.play_on(kept.to_json(), ENDS[domain], seed, form)
            recipe = {**clip.recipe, "writer": played.writer, "seed": seed, "ending": str(clip_id)}
            recipe |= {FORM: form or _heard(played, domain)}
            recipe.pop("clip", None)  # what this begins with is a piece, which need not give way to it
            if self._keep(began, played, recipe, job):
                return {"composed": 1}
        raise RuntimeError(f"none of {TRIES} endings of {clip_id} could be offered")

    def _compose(self, draft: Draft, job: JobInHand, seed: int) -> bool:
        """Whether the piece could be offered, and is stored."""
        generation, domain = self._maker.generation, job.domain
        opening = Order(domain, seed, draft).composed(generation)
        begun, asked = Piece.from_json(opening.notes), job.payload.get(FORM, "")
        there = sounding_bars(begun)
        form, bars = _form(domain, there, asked)
        wished = wanted_mood(job.payload.get(MOOD))
        played = generation.play_on(opening.notes, bars, seed, form, wished)
        recipe = {**opening.recipe, "content": "written", "writer": played.writer, "played_on": bars}
        recipe |= {"bars": there, IN_FORM: True} if asked else {}  # silent ones are none of the form's
        recipe |= {FORM: form or _heard(played, domain)}
        own = f"{begun.titles[0].removesuffix(PLAYED_ON)}{PLAYED_ON}" if begun.titles else ""
        recipe |= {"title": own or self._titling.title(domain, played.notes, seed)}
        recipe |= {name: job.payload[name] for name in (*NAMED, "like") if name in job.payload}
        return self._keep(opening, played, recipe, job)

    def _keep(self, opening: GenerateResult, played: PlayedOnResult, recipe: dict[str, Any], job: JobInHand) -> bool:
        recipe = {**recipe, **self._mood(played, recipe, job)}
        domain, whole = job.domain, opening.model_copy(update={"notes": played.notes, "recipe": recipe})
        kept = self._maker.keep(whole, domain, job.listener_id, WHOLE, whole=True)
        log.info("whole_piece domain=%s fault=%s", domain, kept.fault or "none")
        return kept.clip_id is not None

    def _mood(self, played: PlayedOnResult, recipe: Mapping[str, Any], job: JobInHand) -> dict[str, Any]:
        """What the whole is heard to express, beside the mood that was asked for; neither where nothing is known."""
        about = {**recipe.get(MOOD, {}), **({WISHED: job.payload[MOOD]} if MOOD in job.payload else {})}
        try:
            (heard,) = self._maker.generation.moods([played.notes]).moods
        except GenerationError as error:  # the piece is as good without a word for it
            log.warning("whole_piece_unheard error=%s", error)
            heard = None
        about |= noted_mood(heard) if heard else {}
        return {MOOD: about} if about else {}


def _form(domain: Domain, there: int, asked: str) -> tuple[str, int]:
    """The form of a whole of which so many bars are there, and the bars to come; none where they can't be divided."""
    bars = max(1, SECTION_BARS * len(asked) - there) if asked else GOES_ON[domain]
    return _dividing(asked or FORMS[domain], there + bars), bars


def _dividing(form: str, bars: int) -> str:
    """The form where so many bars can be divided into its sections, or else none."""
    return form if form and bars % len(form) == 0 else ""


def _heard(played: PlayedOnResult, domain: Domain) -> str:
    return heard_form(Piece.from_json(played.notes), SECTIONS[domain])
