"""The most beautiful of four: four clips of which a listener picks one, or none.

All four are short, so that hearing a few seconds of each stays a matter of half a minute. A pick teaches the same head
as a vote on a pair and counts among the same picks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from db.queries import export
from db.queries import votes as rows
from db.queries.heads import HeadColumns
from db.tables import FOUR_PICKS, Four, FourVote, Listener
from models.taste.best_of_four import NoFourLeftError, choose_four
from models.taste.head import FOUR, Head, predict_four
from webapp.learning.playable_clips import PlayablePool
from webapp.listening.comparison import Cast, Draw, FloatArray, Repertoire, trust_of


class BestOfFour:
    """Best of four, as ``Comparison`` says."""

    name, rows, asked, votes = "four", "fours", Four, FourVote
    picks: Sequence[str] = FOUR_PICKS

    def __init__(self, playable: PlayablePool) -> None:
        self.playable = playable

    def predict(self, head: Head, features: FloatArray, effects: FloatArray) -> Sequence[float]:
        """How likely each of the four is picked, if one is."""
        chances: list[float] = predict_four(head, features, effects).tolist()
        return chances

    def store(
        self,
        session: Session,
        asked: Four,
        vote: Cast,
        predicted: Sequence[float],
        head: Head,
        *,
        learned: HeadColumns | None,
    ) -> dict[str, Any]:
        """Store the pick with its prediction, and the head."""
        stored = rows.store_four_vote(
            session,
            asked,
            outcome=vote.outcome,
            chances=predicted,
            head_version=head.version,
            votes_seen=head.votes_seen,
            heard_ms=vote.heard_ms,
            model_version=head.version,
            trust=trust_of(vote, asked.created_at),
            learned=learned,
        )
        return export.four_row(asked, stored)

    def draw(
        self,
        session: Session,  # noqa: ARG002 (pairs need it)
        listener: Listener,
        head: Head,
        before: int,
        repertoire: Repertoire,
    ) -> Draw | None:
        """Draw a new four; None where none is left."""
        candidates = repertoire.candidates(repertoire.shortest)
        try:
            choice = choose_four(
                candidates.clips.features,
                head,
                offered=candidates.places(repertoire.shown, FOUR),
                picks=before,
                generator=np.random.default_rng(),
                heard=candidates.heard,
                composed=candidates.composed,
                mixture=candidates.mixture,
                styles=self.playable.space_of(listener.domain).together,
                effects=candidates.effects,
                seed=listener.id.int % 2**32,
            )
        except NoFourLeftError:
            return None
        return Draw(
            tuple(candidates.clips.ids[index] for index in choice.clips),
            repertoire.shortest,
            choice.policy,
            choice.four_probability,
            choice.order_probability,
        )

    def offer(self, session: Session, listener: Listener, drawn: Draw, **fixed: Any) -> Four | None:
        """Store a four that was drawn."""
        return rows.create_four(
            session,
            listener=listener,
            clips=drawn.clips,
            seconds=drawn.seconds,
            policy=drawn.policy,
            four_probability=drawn.probability,
            order_probability=drawn.order_probability,
            **fixed,
        )

    def row(self, asked: Four) -> dict[str, Any]:
        """A four that waits for its pick."""
        return export.four_row(asked)
