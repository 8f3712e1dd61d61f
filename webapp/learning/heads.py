"""A listener's head: where it begins, from and to its row, learned again from all votes, and by which is composed.

A head is a function of the population that it began from and of the votes in their order, and of nothing else, so that
it comes out the same, bit for bit, whether it was learned vote by vote, refitted, rewound or rebuilt from the journal.
What is composed for a listener also goes by what they heard out and skipped; that head is made anew each time and
stored nowhere, so that votes alone decide what they are told of their taste.

The effects of clips are what the other listeners of a study hear in a clip beyond its features. They are stored with
the population that a head begins from. Listeners are divided into folds, and for each fold the effects are learned from
all others: what somebody's own votes have taught does not come back to them as others' taste.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import composed, heads
from db.queries import heads as rows
from db.queries import votes as vote_rows
from db.queries.listeners import get_listener
from db.tables import Listener, StoredHead, StoredPopulation
from db.tables.base import Floats
from models.taste.head import (
    Answer,
    Head,
    HeadColumns,
    after,
    answer_vote,
    learn_from_plays,
    preferences_of_plays,
)
from models.taste.hierarchy import Evidence, PopulationPrior, average
from models.taste.space import TasteSpace
from webapp.runtime.recent import Recent

FOLDS = 5
DECIMALS = 4

Effects = Mapping[uuid.UUID, float]
NO_EFFECTS: Effects = {}
FloatArray = npt.NDArray[np.float64]
Features = Mapping[uuid.UUID, FloatArray]
FEWEST_OTHERS, VOTES_OF_OTHERS = 3, 6  # an average of fewer would tell one person's taste
LEAST_MS = 5_000  # who goes on sooner looks for something, and has not judged


def prior(space: TasteSpace) -> Head:
    """The fixed prior: somebody about whom, and about whose like, nothing is known."""
    return Head.of(space.prior_mean, space.prior_covariance, space.version)


def newcomer(session: Session, study_id: str, space: TasteSpace) -> Head:
    """The head of somebody who has not voted yet in this study."""
    return _beginning(rows.newest_population(session, study_id, space.version), space)


def load(session: Session, listener_id: uuid.UUID, space: TasteSpace) -> Head:
    """The listener's head in this taste space, learned from their votes where none is stored.

    The fixed prior where there is no such listener. Raises ``ValueError`` where the stored one has another size.
    """
    head = stored(session, listener_id, space)
    if head is not None:
        return head
    listener = get_listener(session, listener_id)
    if listener is None:
        return prior(space)
    if vote_rows.has_voted(session, listener.id, pictures=space.of_pictures):
        return learned(session, listener, space)
    return newcomer(session, listener.study_id, space)


def before_first_vote(session: Session, listener: Listener, space: TasteSpace) -> Head:
    """The head of a locked listener who has not voted yet: their first vote begins at the newest population, for good.

    Call it before that vote is stored.
    """
    population = rows.newest_population(session, listener.study_id, space.version, keep=True)
    listener.begin_at(population.id if population else None, pictures=space.of_pictures)
    return _beginning(population, space)


def stored(session: Session, listener_id: uuid.UUID, space: TasteSpace) -> Head | None:
    """The head as its row has it; raises ``ValueError`` where it has another size than this taste space's."""
    row = rows.load_head(session, listener_id, space.version)
    return None if row is None else from_row(row, space)


def from_row(row: StoredHead, space: TasteSpace) -> Head:
    """The head in a row; raises ``ValueError`` where it has another size than this taste space's."""
    head = _head(row)
    if len(head.mean) != space.size:
        raise ValueError(f"the head of {row.listener_id} has {len(head.mean)} weights, its taste space {space.size}")
    return head


def learned(session: Session, listener: Listener, space: TasteSpace) -> Head:
    """The head that the listener's votes on pairs and on fours lead to, in their order, from where it began."""
    votes = votes_of(session, listener.id)
    known = features_of(session, {clip for clips, _ in votes for clip in clips}, space)
    effects = effects_for(session, listener, space)
    began = listener.began_at(pictures=space.of_pictures)
    head = _beginning(rows.get_population(session, began), space)
    for clips, outcome in votes:
        head = after(head, heard(head, known, clips, outcome, effects))
    return head


def votes_of(session: Session, listener_id: uuid.UUID) -> list[tuple[tuple[uuid.UUID, ...], str]]:
    """The clips and the outcome of each vote on a pair or on four, in their order."""
    pairs = [
        (vote.created_at, vote.offer_id, (vote.left_clip, vote.right_clip), vote.outcome)
        for vote in vote_rows.votes_of(session, listener_id)
    ]
    fours = [
        (vote.created_at, vote.four_id, tuple(vote.clips), vote.outcome)
        for vote in vote_rows.four_votes_of(session, listener_id)
    ]
    return [(clips, outcome) for _, _, clips, outcome in sorted([*pairs, *fours], key=lambda vote: vote[:2])]


def heard(
    head: Head, known: Features, clips: Sequence[uuid.UUID], outcome: str, effects: Effects = NO_EFFECTS
) -> Answer | None:
    """What a vote on two or four ``clips`` tells; None where it was skipped or one of them is of another model."""
    if not all(clip in known for clip in clips):
        return None
    features, own = np.stack([known[clip] for clip in clips]), effects_on(effects, clips)
    return answer_vote(head, features, outcome, own)


def features_of(session: Session, clip_ids: Iterable[uuid.UUID], space: TasteSpace) -> dict[uuid.UUID, FloatArray]:
    """Features ``(F,)`` of these clips; those that belong to another model are left out."""
    return features_from(clip_rows.summaries(session, clip_ids, space.version), space)


def features_from(summaries: Mapping[uuid.UUID, Floats], space: TasteSpace) -> dict[uuid.UUID, FloatArray]:
    """Features ``(F,)`` of clips by their summaries; one by one, since rounding depends on how many go together."""
    return {clip_id: space.features(summary)[0] for clip_id, summary in summaries.items()}


def columns_of(head: Head) -> rows.HeadColumns:
    """The head as its row has it."""
    columns = head.to_columns()
    return rows.HeadColumns(
        columns.version, columns.mean, columns.covariance, columns.lapses, columns.attentive, columns.votes_seen
    )


def save(session: Session, listener_id: uuid.UUID, head: Head) -> None:
    """Store the head in place of the one before."""
    rows.save_head(session, listener_id, **vars(columns_of(head)))


def average_of_others(session: Session, listener_id: uuid.UUID, space: TasteSpace) -> Head | None:
    """The average listener of this one's study, this one left out; None where too few others have a taste yet."""
    listener = get_listener(session, listener_id)
    evidence = evidence_of(session, listener.study_id, space, but=listener_id) if listener else {}
    if listener is None or len(evidence) < FEWEST_OTHERS:
        return None
    fixed = PopulationPrior.fixed(prior(space))
    return average(list(evidence.values()), population_of(session, listener.study_id, space) or fixed, fixed)


def evidence_of(
    session: Session, study_id: str, space: TasteSpace, *, but: uuid.UUID | None = None
) -> dict[uuid.UUID, Evidence]:
    """What the votes of a study's listeners said, of those who have given some, by listener."""
    found = rows.heads_of_study(session, study_id, space.version, votes=VOTES_OF_OTHERS, but=but)
    named = rows.populations_named(session, {began for _, began in found if began})
    beginnings = {began: _beginning(named.get(began) if began else None, space) for _, began in found}
    return {row.listener_id: Evidence.of(_head(row), beginnings[began]) for row, began in found}


def population_of(session: Session, study_id: str, space: TasteSpace) -> PopulationPrior | None:
    """The newest population of a study; None where there is none."""
    row = rows.newest_population(session, study_id, space.version)
    return prior_of(row) if row else None


def prior_of(row: StoredPopulation) -> PopulationPrior:
    """A stored population as numbers."""
    mean, diagonal = np.frombuffer(row.mean, dtype="<f8"), np.frombuffer(row.diagonal, dtype="<f8")
    factors = np.frombuffer(row.factors, dtype="<f8").reshape(len(mean), -1)
    return PopulationPrior(mean, factors, diagonal, row.model_version, row.listeners, row.votes)


def _beginning(population: StoredPopulation | None, space: TasteSpace) -> Head:
    fixed = prior(space)
    if population is None or population.model_version != space.version:
        return fixed
    found = prior_of(population).newcomer()
    return found if len(found.mean) == len(fixed.mean) else fixed  # a journal may be older than the taste space


def _head(row: StoredHead) -> Head:
    return Head.from_columns(
        HeadColumns(row.mean, row.covariance, row.lapses, row.attentive, row.votes_seen, row.model_version)
    )


def head_for_composing(session: Session, listener_id: uuid.UUID, space: TasteSpace, domain: str) -> Head:
    """The listener's head for composing music of a domain; that of the votes where plays are not to tell anything."""
    head = load(session, listener_id, space)
    listener = get_listener(session, listener_id)
    if listener is None or not listener.plays_tell:
        return head
    played = composed.judged(session, listener_id, domain=domain, least_ms=LEAST_MS)
    known = features_of(session, [clip_id for clip_id, _ in played], space)
    pairs = preferences_of_plays((known[clip_id], to_the_end) for clip_id, to_the_end in played if clip_id in known)
    if not pairs:
        return head
    better, worse = (np.stack(side) for side in zip(*pairs, strict=True))
    return learn_from_plays(head, better, worse)


def fold_of(listener_id: uuid.UUID) -> int:
    """The fold of a listener: always the same, and as good as drawn."""
    return listener_id.int % FOLDS


def effects_for(session: Session, listener: Listener, space: TasteSpace) -> Effects:
    """By clip, where the listener's head in this space began at a population that knows some.

    A clip that isn't there has none; nor has any where the population is of another model.
    """
    began = listener.began_at(pictures=space.of_pictures)
    version, by_fold = _effects_of(session, began) if began else ("", [])
    return by_fold[fold_of(listener.id)] if version == space.version else NO_EFFECTS


def effects_on(effects: Effects, clips: Sequence[uuid.UUID]) -> FloatArray:
    """The effects of these clips ``(clips,)``, 0 where there is none."""
    return np.array([effects.get(clip, 0.0) for clip in clips], dtype=np.float64)


def effects_as_stored(effects: Mapping[uuid.UUID, FloatArray]) -> dict[str, list[float]]:
    """Effects ``(folds,)`` by clip as a population's row has them."""
    return {str(clip): np.round(by_fold, DECIMALS).tolist() for clip, by_fold in effects.items()}


_kept: Recent[uuid.UUID, tuple[str, list[Effects]]] = Recent(16)  # by population, whose row never changes


def _effects_of(session: Session, population_id: uuid.UUID) -> tuple[str, list[Effects]]:
    """The population's model version, and its effects by fold."""
    if (known := _kept.get(population_id)) is not None:
        return known
    version, stored = heads.effects_of(session, population_id)
    found: list[Effects] = [
        {uuid.UUID(clip): by_fold[fold] for clip, by_fold in stored.items()} for fold in range(FOLDS)
    ]
    return _kept.keep(population_id, (version, found))
