"""Pairs and best of four: what is drawn, what is stored of an answer, and what it teaches.

Of two clips a listener picks one, calls them equal, or likes neither. Most pairs are drawn to learn from. Some are
mirrored repeats, which tell how consistent the person is, and some are blind tests: a clip for this listener's taste
against one for the average listener's, or one just as it was drafted; and against one another what the tension
model chose among some drafts, the first of them, and what was written by the writer that was trained for its reward.

Of four clips a listener picks the most beautiful one, or none. All four are short, so that hearing a few seconds of
each stays a matter of half a minute. A pick teaches the same head as a vote on a pair and counts among the same picks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from db.queries import export
from db.queries import offers as rows
from db.queries import votes as vote_rows
from db.queries.clips import PoolClip
from db.queries.heads import HeadColumns
from db.tables import BY_TENSION, FOUR_PICKS, PICKS, PICTURES, Four, FourVote, Listener, Offer, Vote
from models.taste.head import Head, predict, predict_four
from models.taste.policy import (
    REPEAT_AFTER,
    REPEAT_GAP,
    REPEAT_WINDOW,
    NoFourLeftError,
    NoPairLeftError,
    choose,
    choose_four,
    choose_named,
)
from webapp.learning.playable_clips import PlayablePool
from webapp.listening.comparison import LONG_SECONDS, CandidatePool, Candidates, Draw, FloatArray, VoteRequest, trust_of

SHORT_PAIRS = 6  # the first pairs are short
ENOUGH_LONG = 12  # clips of a domain that can be played long before pairs get long
BLIND_TESTS = {"average": "for_me_vs_average", "drawn": "for_me_vs_prior"}  # the condition, by the rival's kind
# of policy ``tension``: guided_vs_plain, trained_vs_plain, trained_vs_guided
TENSION_TESTS = tuple(f"{one}_vs_{rival}" for rival, one in combinations(BY_TENSION, 2))
NEVER_REPEATED = ("proof", "tension", "studio", "claim")  # policies


class Pairs:
    """Pairs, as ``Comparison`` says."""

    name, journal_name, offer_table, vote_table = "offer", "offers", Offer, Vote
    picks: Sequence[str] = PICKS

    def __init__(self, playable: PlayablePool) -> None:
        self.playable = playable

    def predict(self, head: Head, features: FloatArray, effects: FloatArray) -> Sequence[float]:
        """How likely left, equal and right are."""
        expected = predict(head, features[0] - features[1], effects[0] - effects[1])
        return float(expected.left[0]), float(expected.equal[0]), float(expected.right[0])

    def store(
        self,
        session: Session,
        offer: Offer,
        vote: VoteRequest,
        predicted: Sequence[float],
        head: Head,
        *,
        learned: HeadColumns | None,
    ) -> dict[str, Any]:
        """Store the vote with its prediction and what was heard, and the head."""
        left, equal, right = predicted
        stored = vote_rows.store_vote(
            session,
            offer,
            outcome=vote.outcome,
            expected=vote_rows.Expected(left, equal, right, head.version, head.votes_seen),
            left_ms=vote.heard_ms[0],
            right_ms=vote.heard_ms[1],
            model_version=head.version,
            trust=trust_of(vote, offer.created_at),
            learned=learned,
        )
        return export.offer_row(offer, *stored)

    def draw(
        self, session: Session, listener: Listener, head: Head, before: int, available: CandidatePool
    ) -> Draw | None:
        """A repeat, a blind test, or else the pair to learn from; None where none is left."""
        shortest = seconds = available.shortest
        if (
            available.domain != PICTURES
            and before >= SHORT_PAIRS
            and len(available.pool.playing(LONG_SECONDS).ids) >= ENOUGH_LONG
        ):
            seconds = LONG_SECONDS
        waiting = available.waiting
        if waiting and not any(seconds in clip.seconds for clip in waiting):
            seconds = shortest  # of a first clip that was made in a hurry there is no more yet
        generator = np.random.default_rng()
        repeats = self._repeatable(session, listener) if before >= REPEAT_AFTER else []
        tests, by_tension = _blind_tests(available, seconds), _tension_tests(available, seconds)
        named, share = choose_named(len(repeats), len(tests), generator, tension=len(by_tension))
        if named is not None and named.policy == "repeat":
            return _mirrored(repeats[named.index], named.policy, named.pair_probability)
        if named is not None:
            test = (by_tension if named.policy == "tension" else tests)[named.index]
            one, other = (test.one, test.rival) if generator.random() < 0.5 else (test.rival, test.one)
            clips = (one.id, other.id)
            return Draw(clips, test.seconds, named.policy, named.pair_probability, 0.5, condition=test.condition)
        for length in dict.fromkeys((seconds, shortest)):
            pair = self._to_learn_from(session, listener, head, before, available, seconds=length, share=share)
            if pair is not None:
                return pair
        return None

    def offer(self, session: Session, listener: Listener, drawn: Draw, **fixed: Any) -> Offer | None:
        """Store a pair that was drawn."""
        left, right = drawn.clips
        return rows.create_offer(
            session,
            listener=listener,
            left_clip=left,
            right_clip=right,
            seconds=drawn.seconds,
            policy=drawn.policy,
            pair_probability=drawn.probability,
            order_probability=drawn.order_probability,
            condition=drawn.condition,
            repeats=drawn.repeats,
            **fixed,
        )

    def row(self, offer: Offer) -> dict[str, Any]:
        """A pair that waits for its vote."""
        return export.offer_row(offer)

    def _repeatable(self, session: Session, listener: Listener) -> list[Offer]:
        return rows.repeatable(
            session,
            listener,
            model_version=self.playable.space_of(listener.domain).version,
            kept_out=NEVER_REPEATED,
            gap=REPEAT_GAP,
            window=REPEAT_WINDOW,
        )

    def _to_learn_from(
        self,
        session: Session,
        listener: Listener,
        head: Head,
        pairs_before: int,
        available: CandidatePool,
        *,
        seconds: float,
        share: float,
    ) -> Draw | None:
        """A new pair; ``share`` of all draws are such."""
        candidates = available.candidates(session, Offer, seconds)
        clips = candidates.clips
        if len(clips.ids) < 2:
            return None
        try:
            choice = choose(clips.features, head, **_known(self.playable, listener, pairs_before, candidates))
        except NoPairLeftError:
            return None
        return Draw(
            (clips.ids[choice.left], clips.ids[choice.right]),
            seconds,
            choice.policy,
            choice.pair_probability * share,
            choice.order_probability,
        )


def _known(playable: PlayablePool, listener: Listener, before: int, candidates: Candidates) -> dict[str, Any]:
    """What the draw of a pair and that of a four depend on alike, beside features and head."""
    return {
        "offered": candidates.offered,
        "picks": before,
        "generator": np.random.default_rng(),
        "heard": candidates.heard,
        "composed": candidates.composed,
        "mixture": candidates.mixture,
        "styles": playable.space_of(listener.domain).together,
        "effects": candidates.effects,
        "seed": listener.id.int % 2**32,
    }


def _mirrored(before: Offer, policy: str, probability: float) -> Draw:
    return Draw(
        (before.right_clip, before.left_clip),
        before.seconds,
        policy,
        probability,
        order_probability=1.0,
        repeats=before.id,
    )


@dataclass(frozen=True)
class _Test:
    """A clip, and the rival that it stands against for ``seconds``; ``condition``: what that compares."""

    one: PoolClip
    rival: PoolClip
    seconds: float
    condition: str


def _blind_tests(available: CandidatePool, seconds: float) -> list[_Test]:
    """Every clip composed for the listener against every rival, neither met yet, with how long both can play."""
    mine = [clip for clip in available.made_for if clip.kind == "composed"]
    return _tests(available, mine, available.rivals, seconds, lambda _, rival: BLIND_TESTS[rival.kind])


def _tension_tests(available: CandidatePool, seconds: float) -> list[_Test]:
    """Likewise every clip of one kind of ``BY_TENSION`` against every one of a kind before it."""
    found = []
    for kinds in combinations(BY_TENSION, 2):
        rivals, ones = ([clip for clip in available.by_tension if clip.kind == kind] for kind in kinds)
        found += _tests(available, ones, rivals, seconds, lambda one, rival: f"{one.kind}_vs_{rival.kind}")
    return found


def _tests(
    available: CandidatePool,
    ones: Sequence[PoolClip],
    rivals: Sequence[PoolClip],
    seconds: float,
    condition: Callable[[PoolClip, PoolClip], str],
) -> list[_Test]:
    found = []
    rivals = [rival for rival in rivals if rival.id not in available.met]
    for one in ones:
        for rival in rivals if one.id not in available.met else ():
            lengths = [length for length in one.seconds if length in rival.seconds and length <= seconds]
            if lengths:
                found.append(_Test(one, rival, max(lengths), condition(one, rival)))
    return found


class BestOfFour:
    """Best of four, as ``Comparison`` says."""

    name, journal_name, offer_table, vote_table = "four", "fours", Four, FourVote
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
        offer: Four,
        vote: VoteRequest,
        predicted: Sequence[float],
        head: Head,
        *,
        learned: HeadColumns | None,
    ) -> dict[str, Any]:
        """Store the pick with its prediction, and the head."""
        stored = vote_rows.store_four_vote(
            session,
            offer,
            outcome=vote.outcome,
            chances=predicted,
            head_version=head.version,
            votes_seen=head.votes_seen,
            heard_ms=vote.heard_ms,
            model_version=head.version,
            trust=trust_of(vote, offer.created_at),
            learned=learned,
        )
        return export.four_row(offer, stored)

    def draw(
        self,
        session: Session,
        listener: Listener,
        head: Head,
        before: int,
        available: CandidatePool,
    ) -> Draw | None:
        """Draw a new four; None where none is left."""
        candidates = available.candidates(session, Four, available.shortest)
        try:
            known = _known(self.playable, listener, before, candidates)
            choice = choose_four(candidates.clips.features, head, **known)
        except NoFourLeftError:
            return None
        return Draw(
            tuple(candidates.clips.ids[index] for index in choice.clips),
            available.shortest,
            choice.policy,
            choice.four_probability,
            choice.order_probability,
        )

    def offer(self, session: Session, listener: Listener, drawn: Draw, **fixed: Any) -> Four | None:
        """Store a four that was drawn."""
        return vote_rows.create_four(
            session,
            listener=listener,
            clips=drawn.clips,
            seconds=drawn.seconds,
            policy=drawn.policy,
            four_probability=drawn.probability,
            order_probability=drawn.order_probability,
            **fixed,
        )

    def row(self, offer: Four) -> dict[str, Any]:
        """A four that waits for its pick."""
        return export.four_row(offer)
