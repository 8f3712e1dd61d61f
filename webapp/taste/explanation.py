"""Why a clip is liked: its utility beside the average clip's, split over its styles; and what would have to change.

Only clips that the listener has voted on are explained: what a waiting clip is made of would spoil its blind pair. What
would change is the one style swap that would raise a clip most for this listener, composed and heard.
"""

from __future__ import annotations

import math
import secrets
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import offers as offer_rows
from db.tables import Clip
from models.style.latents import Latents
from models.taste.explain import WORDS, Attribution, Swap, attribution, best_swaps, chance_of, swapped
from models.taste.head import Head
from models.taste.space import TasteSpace, summary
from webapp.composing.sources import CLIPS, LEAST_POOL, named_traits
from webapp.learning import heads
from webapp.runtime.database import known_listener
from webapp.runtime.errors import NotAllowed, NotYours
from webapp.studio import blind_pairs, composing
from webapp.studio.blind_pairs import MakerOf
from webapp.studio.pieces import Borrowed, OpenedPiece, Recipe, open_piece, source_of
from webapp.studio.studio import Studio

FloatArray = npt.NDArray[np.float64]
TRIES = 3  # swaps that are composed: what sounds is not always what the latents promise
MOST_WORDS = 3  # for what a change is heard to bring along
SAME = 0.3  # standard deviations by which an attribute must move to be named


@dataclass(frozen=True)
class Explanation(Attribution):
    """A clip's attribution by a head that has seen so many ``votes``."""

    votes: int


@dataclass(frozen=True)
class Basis:
    """What explaining one clip rests on: its parts and those of the ``pool`` ``(clips, groups, L)``.

    ``donors`` ``(clips, groups, L)``, ``ids``: the pool, and what the listener has met of what was composed for them.
    ``effect``: what others hear in the clip beyond its styles, above the pool's average.
    """

    clip: Clip
    head: Head
    parts: FloatArray
    pool: FloatArray
    donors: FloatArray
    ids: tuple[uuid.UUID, ...]
    traits: dict[str, float]
    effect: float
    space: TasteSpace


def explain_clip(studio: Studio, listener_id: uuid.UUID, clip_id: uuid.UUID) -> Explanation:
    """A clip beside the average of its domain; raises ``NotYours``."""

    def work(session: Session) -> Explanation:
        base = basis(session, studio, listener_id, clip_id)
        usual = base.pool.mean(axis=0)
        found = attribution(base.head, base.space, base.parts, usual, base.traits, effect=base.effect)
        return Explanation(**vars(found), votes=base.head.votes_seen)

    return studio.database.transaction(work)


def basis(session: Session, studio: Studio, listener_id: uuid.UUID, clip_id: uuid.UUID) -> Basis:
    """What a clip that the listener has voted on is explained from; raises ``NotYours``, ``NotAllowed``."""
    listener = known_listener(session, listener_id)
    found = clip_rows.get_clip(session, clip_id)
    space = studio.playable.space_of(found.domain if found else "")
    met = offer_rows.met_clips(session, listener_id, model_version=space.version)
    if clip_id not in {each.id for each in met}:
        raise NotYours(f"there is no clip {clip_id} among those that you have voted on and that wait in no open pair")
    clip = clip_rows.get_clip(session, clip_id)
    assert clip is not None
    pool = clip_rows.pool_clips(session, domain=clip.domain, model_version=space.version)
    if len(pool) < LEAST_POOL:
        raise NotAllowed(f"there are {len(pool)} clips to compare with; {LEAST_POOL} are needed, ask again in a minute")
    sizes = {name: each.shape[1] for name, each in Latents.from_json(clip.latents).groups.items()}
    ours = {clip_id, *(each.id for each in pool)}
    own = [each for each in met if each.composed_for and each.domain == clip.domain and each.id not in ours]
    summaries = [clip.summary, *(each.summary for each in pool), *(each.summary for each in own)]
    parts = space.parts(np.stack(summaries), sizes)
    traits = named_traits(session, space, studio.playable, clip.domain, parts[0].sum(axis=0)[None])[0]
    head = heads.load(session, listener_id, space)
    ids = (*(each.id for each in pool), *(each.id for each in own))
    effects = heads.effects_for(session, listener, space)
    usual = float(heads.effects_on(effects, [each.id for each in pool]).mean())
    effect = effects[clip_id] - usual if clip_id in effects else 0.0
    return Basis(clip, head, parts[0], parts[1 : 1 + len(pool)], parts[1:], ids, traits, effect, space)


class NothingBetter(NotAllowed):
    """No change promises to be better."""


@dataclass(frozen=True)
class Gain:
    """By how much one clip's utility lies above another's, and the chance to be picked of the two."""

    gain: float
    sd: float
    chance: float


@dataclass(frozen=True)
class Counterfactual:
    """One style from another clip, composed: what was ``expected`` of it, and what the head hears in its notes.

    Both over the original. ``became``: what is heard to have changed, in words, most first ("sparser", "softer").
    """

    part: str
    words: str
    expected: Gain
    heard: Gain
    became: list[str]
    original: OpenedPiece
    piece: OpenedPiece


@dataclass(frozen=True)
class _Tried:
    swap: Swap
    words: str
    expected: Gain
    heard: Gain
    piece: OpenedPiece
    features: FloatArray
    fault: str


def compose_change(studio: Studio, maker_of: MakerOf, listener_id: uuid.UUID, clip_id: uuid.UUID) -> Counterfactual:
    """Compose the one style swap that promises most, with a clip of the pool or of the listener's, and hear it.

    Of the ``TRIES`` most promising swaps the best as it is heard, of those that could be offered as a pair. Raises
    ``NothingBetter`` where no swap is surely better or none can be offered, and as the studio does.
    """

    def read(session: Session) -> tuple[Basis, list[tuple[Swap, str]]]:
        base = basis(session, studio, listener_id, clip_id)
        swaps = best_swaps(base.head, base.space, base.parts, base.donors)[:TRIES]
        return base, [(swap, _in_words(session, studio, base, swap)) for swap in swaps]

    base, swaps = studio.database.transaction(read)
    if not swaps:
        raise NothingBetter(
            "no other clip's style would surely make this one better for you; a few more picks may tell more"
        )
    before = _as_heard(studio, base.space, base.clip.notes, base.clip.latents)

    def tried(offered: tuple[Swap, str]) -> _Tried:
        swap, words = offered
        piece = composing.compose(studio, listener_id, _recipe(base, swap))
        donor = base.donors[swap.donor : swap.donor + 1]
        expected = _gain(base.head, swapped(base.space, base.parts, donor, swap.group)[0])
        made = source_of(studio, listener_id, piece.name)
        after = _as_heard(studio, base.space, made.notes, made.latents)
        fault = blind_pairs.fault_of(maker_of, made)
        return _Tried(swap, words, expected, _gain(base.head, after - before), piece, after, fault)

    with ThreadPoolExecutor(len(swaps)) as together:
        contexts = [copy_context() for _ in swaps]  # in which it is known whether somebody still waits
        all_tried = list(together.map(lambda one, swap: one.run(tried, swap), contexts, swaps))
    whole = [each for each in all_tried if not each.fault]
    if not whole:
        raise NothingBetter(f"what promised to be better came out broken ({all_tried[0].fault}); try again")
    best = max(whole, key=lambda each: each.heard.gain)
    moved = np.stack([before, best.features])
    return Counterfactual(
        part=best.swap.group,
        words=best.words,
        expected=best.expected,
        heard=best.heard,
        became=studio.database.transaction(lambda session: _became(session, studio, base, moved)),
        original=open_piece(studio, listener_id, f"{CLIPS}/{clip_id}"),
        piece=best.piece,
    )


def _recipe(base: Basis, swap: Swap) -> Recipe:
    borrowed = Borrowed(f"{CLIPS}/{base.ids[swap.donor]}", 1.0)
    return Recipe(f"{CLIPS}/{base.clip.id}", {swap.group: borrowed}, secrets.randbits(52))


def _gain(head: Head, off: FloatArray) -> Gain:
    """What a difference of features ``(F,)`` is worth to this listener."""
    sd = math.sqrt(max(float(off @ head.covariance @ off), 0.0))
    return Gain(float(off @ head.mean), sd, float(chance_of(head, off)[0]))


def _as_heard(studio: Studio, space: TasteSpace, notes: Mapping[str, Any], latents: Mapping[str, Any]) -> FloatArray:
    """Features ``(F,)`` of what the notes are encoded to: latents asked for are not always what sounds.

    The latents of a picture carry what was measured of it as it was decoded, which is what is seen.
    """
    found = latents if space.of_pictures else studio.generation.encode(dict(notes)).latents
    features: FloatArray = space.features(summary(Latents.from_json(found)))[0]
    return features


def _became(session: Session, studio: Studio, base: Basis, features: FloatArray) -> list[str]:
    """What is heard to differ between two clips by their features ``(2, F)``, most first."""
    before, after = named_traits(session, base.space, studio.playable, base.clip.domain, features)
    moved = {name: after[name] - before[name] for name in before if name in WORDS}
    moved = {name: by for name, by in moved.items() if abs(by) >= SAME}
    return [WORDS[name][moved[name] < 0] for name in sorted(moved, key=lambda each: -abs(moved[each]))][:MOST_WORDS]


def _in_words(session: Session, studio: Studio, base: Basis, swap: Swap) -> str:
    """How the swapped style changes: "sparser", or "another one" where its attribute hardly moves."""
    place = base.space.groups.index(swap.group)
    changed = base.parts.sum(axis=0) - base.parts[place] + base.donors[swap.donor, place]
    now = named_traits(session, base.space, studio.playable, base.clip.domain, changed[None])[0]
    moved = {name: now[name] - base.traits[name] for name, style in base.space.style_of.items() if style == swap.group}
    name = max(moved, key=lambda each: abs(moved[each]), default="")
    return WORDS[name][moved[name] < 0] if name and abs(moved[name]) >= SAME else "another one"
