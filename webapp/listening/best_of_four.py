"""The most beautiful of four: a listener always has two open fours, as they have two open pairs, and picks once.

All four clips are short ones, so that hearing a few seconds of each stays a matter of half a minute. A pick teaches the
same head as a vote on a pair and counts among the same picks.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import fours as rows
from db.queries import votes as vote_rows
from db.queries.offers import met_among, open_ones
from db.tables import FOUR_PICKS, Four, FourVote, Listener
from models.taste.best_of_four import NoFourLeftError, choose_four
from models.taste.head import Head
from models.taste.plackett_luce import FOUR, predict_four
from models.taste.space import TasteSpace
from webapp.learning import heads
from webapp.learning.playable_clips import PlayableClips, PlayablePool
from webapp.listening.pairs import NEWEST_OWN, OPEN, SHORT_SECONDS, candidates, shown_clip
from webapp.listening.voting import Game, open_now
from webapp.runtime.database import Database
from webapp.runtime.journal import Journal


def open_fours(
    database: Database, journal: Journal, space: TasteSpace, playable: PlayablePool, listener_id: uuid.UUID
) -> list[dict[str, Any]]:
    """The two open fours, oldest first, made where missing; raises ``NotReady`` where there is not even one."""
    return open_now(database, journal, space, playable, listener_id, _fill_up, _shown)


def _learn(
    session: Session, space: TasteSpace, listener: Listener, four: Four, *, outcome: str, heard_ms: Sequence[int]
) -> Head:
    """Predict, store the pick with the prediction, update the head."""
    head = heads.load_to_learn(session, listener, space)
    known = heads.features_of(session, four.clips, space)
    features = [known[clip] for clip in four.clips if clip in known]
    rows.store_four_vote(
        session,
        four,
        outcome=outcome,
        chances=predict_four(head, features if len(features) == FOUR else np.zeros((FOUR, space.size))).tolist(),
        head_version=head.version,
        votes_seen=head.votes_seen,
        heard_ms=heard_ms,
        model_version=space.version,
    )
    if len(features) == FOUR:  # of the same model as the head
        head = heads.after(head, known, four.clips, outcome)
        heads.save(session, listener.id, head)
    return head


def _fill_up(
    session: Session,
    journal: Journal,
    space: TasteSpace,
    playable: PlayablePool,
    listener: Listener,
    head: Head | None = None,
    picks: int | None = None,
    *,
    voted: uuid.UUID | None = None,
) -> list[Four]:
    """The open fours of a listener whose row is locked, drawn up to two; new ones are written down with ``voted``."""
    fours = open_ones(session, Four, listener.id)
    changed = [voted] if voted else []
    if len(fours) < OPEN:
        head = head or heads.load(session, listener.id, space)
        picks = vote_rows.count_picks(session, listener.id) if picks is None else picks
        while (
            len(fours) < OPEN
            and (four := _draw(session, space, playable, listener, head, picks + len(fours))) is not None
        ):
            fours.append(four)
            changed.append(four.id)
    if changed:
        journal.append(session, listener.id, fours=changed)
    return fours


def _draw(
    session: Session, space: TasteSpace, playable: PlayablePool, listener: Listener, head: Head, picks: int
) -> Four | None:
    """Draw and store one more four from the listener's domain; None where none is left."""
    pool, version = playable.clips(session, listener.domain), space.version
    theirs = clip_rows.composed_clips(
        session, listener.id, domain=listener.domain, model_version=version, newest=NEWEST_OWN
    )
    own = PlayableClips.of(theirs, space).playing(SHORT_SECONDS)
    met = met_among(session, listener.id, {*pool.ids, *own.ids})
    among = candidates(pool.playing(SHORT_SECONDS), own, met, listener.id)
    try:
        choice = choose_four(
            among.clips.features,
            head,
            offered=rows.sets_among(session, listener.id, among.clips.ids),
            picks=picks,
            generator=np.random.default_rng(),
            heard=among.heard,
            composed=among.composed,
            mixture=among.mixture,
            styles=space.together,
            seed=listener.id.int % 2**32,
        )
    except NoFourLeftError:
        return None
    return rows.create_four(
        session,
        listener=listener,
        clips=[among.clips.ids[index] for index in choice.clips],
        seconds=SHORT_SECONDS,
        policy=choice.policy,
        four_probability=choice.four_probability,
        order_probability=choice.order_probability,
    )


def _shown(four: Four) -> dict[str, Any]:
    """A four as the page sees it."""
    return {"four_id": four.id, "clips": [shown_clip(clip, four.seconds) for clip in four.clips]}


FOURS = Game(Four, FourVote, "four", FOUR_PICKS, _learn, _fill_up, _shown)
take = FOURS.take
