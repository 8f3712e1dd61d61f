"""Why a clip is liked, what would have to change, and whether that claim is right: offered as a pair, and counted.

Only clips that the listener has voted on are explained: what a waiting clip is made of would spoil its blind pair.
"""

from __future__ import annotations

import math
import secrets
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import listeners as listener_rows
from db.queries import offers as offer_rows
from db.queries import proofs as rows
from db.tables import Clip
from models.metrics.always_valid import win_rate
from models.metrics.music_statistics import ATTRIBUTES
from models.style.latents import GROUPS, Latents
from models.taste.attribution import Swap, attribution, best_swaps, chance_of, swapped
from models.taste.explain import WORDS
from models.taste.head import Head
from models.taste.space import TasteSpace, summary
from webapp.composing.sources import CLIPS, LEAST_POOL, PIECES, find, named_traits
from webapp.generation.remote import RemoteGenerator
from webapp.learning import heads
from webapp.learning.playable_clips import PlayablePool
from webapp.runtime.database import Database
from webapp.runtime.errors import NotAllowed, NotYours, UnknownListenerError
from webapp.runtime.journal import Journal
from webapp.studio import composing, opening, pairs

if TYPE_CHECKING:
    from webapp.composing.clip_maker import ClipMaker  # the piano, only where it is needed

FloatArray = npt.NDArray[np.float64]
TRIES = 3  # swaps that are composed: what sounds is not always what the latents promise
TOLD = 3  # of what a change is heard to bring along
SAME = 0.3  # standard deviations by which an attribute must move to be named


@dataclass(frozen=True)
class _Room:
    """What explaining one clip needs: its parts and those of the ``pool`` ``(clips, groups, L)``.

    ``donors`` ``(clips, groups, L)``, ``ids``: the pool, and what the listener has met of what was composed for them.
    """

    clip: Clip
    head: Head
    parts: FloatArray
    pool: FloatArray
    donors: FloatArray
    ids: tuple[uuid.UUID, ...]
    traits: dict[str, float]


def of_clip(
    database: Database, space: TasteSpace, playable: PlayablePool, listener_id: uuid.UUID, clip_id: uuid.UUID
) -> dict[str, Any]:
    """``{chance, utility, sd, parts, votes}`` of a clip beside the average of its domain; raises ``NotYours``."""

    def work(session: Session) -> dict[str, Any]:
        room = _room(session, space, playable, listener_id, clip_id)
        found = attribution(room.head, space, room.parts, room.pool.mean(axis=0), room.traits)
        return asdict(found) | {"votes": room.head.votes_seen}

    return database.transaction(work)


def change(
    database: Database,
    journal: Journal,
    generation: RemoteGenerator,
    space: TasteSpace,
    playable: PlayablePool,
    style_folder: Path,
    listener_id: uuid.UUID,
    clip_id: uuid.UUID,
) -> dict[str, Any]:
    """Compose the one style swap that promises most, with a clip of the pool or of the listener's, and hear it.

    ``{part, words, expected, heard, became, original, piece}``: ``expected`` and ``heard`` are ``{gain, sd, chance}``
    over the original, by the latents and by what the notes are heard as; ``became`` says in words what is heard to have
    changed, most first ("sparser", "softer"); of the ``TRIES`` most promising swaps the best as it is
    heard. Raises ``NotAllowed`` where no swap is surely better, and as the studio does.
    """

    def read(session: Session) -> tuple[_Room, list[tuple[Swap, str]], dict[str, Any]]:
        room = _room(session, space, playable, listener_id, clip_id)
        swaps = best_swaps(room.head, space, room.parts, room.donors)[:TRIES]
        return room, [(swap, _change_in_words(session, space, playable, room, swap)) for swap in swaps], room.clip.notes

    room, swaps, notes = database.transaction(read)
    if not swaps:
        raise NotAllowed(
            "no other clip's style would surely make this one better for you; a few more picks may tell more"
        )
    before = _as_heard(generation, space, notes)

    def tried(offered: tuple[Swap, str]) -> dict[str, Any]:
        swap, words = offered
        piece, composed = _compose(
            database, journal, generation, space, playable, style_folder, listener_id, room, swap
        )
        donor = room.donors[swap.donor : swap.donor + 1]
        expected = _gain(room.head, swapped(space, room.parts, donor, swap.group)[0])
        came = _as_heard(generation, space, composed)
        told = {"part": swap.group, "words": words, "expected": expected, "heard": _gain(room.head, came - before)}
        return told | {"piece": piece, "came": came}

    with ThreadPoolExecutor(len(swaps)) as together:
        best = max(together.map(tried, swaps), key=lambda each: each["heard"]["gain"])
    moved = np.stack([before, best.pop("came")])
    became = database.transaction(lambda session: _became(session, space, playable, room.clip.domain, moved))
    return best | {
        "became": became,
        "original": opening.open_piece(database, space, playable, style_folder, listener_id, f"{CLIPS}/{clip_id}"),
    }


def _compose(
    database: Database,
    journal: Journal,
    generation: RemoteGenerator,
    space: TasteSpace,
    playable: PlayablePool,
    style_folder: Path,
    listener_id: uuid.UUID,
    room: _Room,
    swap: Swap,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The swap as a piece of the listener's studio, as the page shows it, and its notes."""
    borrowed = composing.Borrowed(f"{CLIPS}/{room.ids[swap.donor]}", 1.0)
    recipe = composing.Recipe(f"{CLIPS}/{room.clip.id}", {swap.group: borrowed}, secrets.randbits(52))
    piece = composing.compose(database, journal, generation, space, playable, style_folder, listener_id, recipe)

    def read(session: Session) -> dict[str, Any]:
        return find(session, piece["name"], listener_id).notes

    return piece, database.transaction(read)


def check(maker: ClipMaker, listener_id: uuid.UUID, piece_id: uuid.UUID) -> dict[str, Any]:
    """Offer a changed piece against its original to see whether the claim is right; the checks so far.

    Raises ``NotAllowed`` for a piece that is not one style's swap, and as ``studio.pairs.offer`` does.
    """
    recipe = maker.database.transaction(lambda s: find(s, f"{PIECES}/{piece_id}", listener_id).recipe)
    whole = recipe and recipe.get("keep", 1.0) == 1.0 and not (recipe.get("toward") or recipe.get("turned"))
    if not whole or len(recipe["styles"]) != 1:
        raise NotAllowed("only a piece that took one style from another clip, and nothing else, checks such a claim")
    pairs.offer(maker, listener_id, piece_id, claim=True)
    return checks(maker.database, listener_id)


def checks(database: Database, listener_id: uuid.UUID) -> dict[str, Any]:
    """``{right, equal, wrong, waiting, value, low, high}``: what became of the claims that were offered as pairs.

    ``value`` (None without votes) counts a tie half; its interval holds whenever one looks.
    """

    def work(session: Session) -> list[rows.Claim]:
        if listener_rows.get_listener(session, listener_id) is None:
            raise UnknownListenerError
        return rows.claims(session, listener_id)

    found = database.transaction(work)
    right, equal, wrong = (sum(claim.right == each for claim in found) for each in (1.0, 0.5, 0.0))
    figure = win_rate(right, equal, wrong)
    return {
        "right": right,
        "equal": equal,
        "wrong": wrong,
        "waiting": sum(claim.outcome is None for claim in found),
        "value": None if math.isnan(figure.value) else figure.value,
        "low": figure.low,
        "high": figure.high,
    }


def _room(
    session: Session, space: TasteSpace, playable: PlayablePool, listener_id: uuid.UUID, clip_id: uuid.UUID
) -> _Room:
    if listener_rows.get_listener(session, listener_id) is None:
        raise UnknownListenerError
    met = offer_rows.met_clips(session, listener_id, model_version=space.version)
    if clip_id not in {each.id for each in met}:
        raise NotYours(f"there is no clip {clip_id} among those that you have voted on")
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
    traits = named_traits(session, space, playable, clip.domain, parts[0].sum(axis=0)[None])[0]
    head = heads.load(session, listener_id, space)
    ids = (*(each.id for each in pool), *(each.id for each in own))
    return _Room(clip, head, parts[0], parts[1 : 1 + len(pool)], parts[1:], ids, traits)


def _gain(head: Head, off: FloatArray) -> dict[str, float]:
    """What a difference of features ``(F,)`` is worth to this listener."""
    sd = math.sqrt(max(float(off @ head.covariance @ off), 0.0))
    return {"gain": float(off @ head.mean), "sd": sd, "chance": float(chance_of(head, off)[0])}


def _as_heard(generation: RemoteGenerator, space: TasteSpace, notes: Mapping[str, Any]) -> FloatArray:
    """Features ``(F,)`` of what the notes are encoded to: latents asked for are not always what sounds."""
    latents = Latents.from_json(generation.encode(dict(notes)).latents)
    features: FloatArray = space.features(summary(latents))[0]
    return features


def _became(
    session: Session, space: TasteSpace, playable: PlayablePool, domain: str, features: FloatArray
) -> list[str]:
    """What is heard to differ between two clips by their features ``(2, F)``, most first."""
    before, after = named_traits(session, space, playable, domain, features)
    moved = {name: after[name] - before[name] for name in WORDS if abs(after[name] - before[name]) >= SAME}
    return [WORDS[name][moved[name] < 0] for name in sorted(moved, key=lambda each: -abs(moved[each]))][:TOLD]


def _change_in_words(session: Session, space: TasteSpace, playable: PlayablePool, room: _Room, swap: Swap) -> str:
    """How the swapped style changes: "sparser", or "another one" where its attribute hardly moves."""
    place = GROUPS.index(swap.group)
    changed = room.parts.sum(axis=0) - room.parts[place] + room.donors[swap.donor, place]
    now = named_traits(session, space, playable, room.clip.domain, changed[None])[0]
    moved = {name: now[name] - room.traits[name] for name, style in ATTRIBUTES.items() if style == swap.group}
    name = max(moved, key=lambda each: abs(moved[each]), default="")
    return WORDS[name][moved[name] < 0] if name and abs(moved[name]) >= SAME else "another one"
