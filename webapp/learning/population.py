"""The population part: what a study's listeners share, learned by a job as votes come in and when somebody leaves.

That is how tastes are spread, and what all hear alike in a clip beyond its features. There is one of music and one of
pictures, each of the heads in its own taste space. A newcomer's head begins at the newest population of their study.
Heads that know few votes move on to each new one, learned again from their votes; what many votes have taught hardly
depends on where it began, and stays.
"""

from __future__ import annotations

import logging
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import heads as rows
from db.queries import jobs
from db.queries import listeners as listener_rows
from db.tables import PICTURES, Listener, StoredPopulation
from models.metrics.music_statistics import note_statistics
from models.music.notes import DOMAINS, Piece
from models.taste.clip_effects import Clips, factor_of, learn_common
from models.taste.head import Answer, Head, after
from models.taste.hierarchy import Evidence, PopulationPrior, learn, measure_dimensionality
from models.taste.likelihood import FloatArray
from models.taste.space import TasteSpace
from webapp.learning import heads, refits
from webapp.learning.playable_clips import PlayablePool
from webapp.runtime.database import Database
from webapp.runtime.journal import Journal

MOST_JUDGED = 800  # clips whose votes count: what is learned from them costs the third power of their number

Votes = Sequence[tuple[tuple[uuid.UUID, ...], str]]
log = logging.getLogger(__name__)
KIND = "refit_population"
FEWEST = 5  # listeners; what fewer have in common would tell one person's taste
GROWTH = 1.2  # times the votes that the newest population was learned from: then there is news
MOVES_ON = 50  # a head that knows fewer votes begins anew at each new population
TRIES = 3  # where listeners leave while the population is learned


def leave_jobs(session: Session, spaces: Iterable[TasteSpace]) -> int:
    """Leave a job for each study whose votes have grown enough, of music and of pictures; how many."""
    left = 0
    for space in spaces:
        for study in rows.growth(session, space.version, votes=heads.VOTES_OF_OTHERS):
            if study.listeners >= FEWEST and study.votes >= GROWTH * study.learned_from:
                left += _leave(session, study.study_id, space)
    return left


def _leave(session: Session, study_id: str, space: TasteSpace) -> bool:
    payload = {"study": study_id, "pictures": space.of_pictures}
    key = f"{KIND}:{study_id}:pictures" if space.of_pictures else f"{KIND}:{study_id}"
    return jobs.enqueue(session, KIND, payload, dedupe_key=key) is not None


def withdraw(session: Session, spaces: Sequence[TasteSpace], listener: Listener) -> list[uuid.UUID]:
    """Forget the populations that a locked listener, who leaves, is part of, and leave jobs; their ids."""
    withdrawn = rows.withdraw(session, listener)
    if withdrawn:
        refits.leave_job(session, spaces)
        for space in spaces:
            if space.version in withdrawn.values():
                _leave(session, listener.study_id, space)
    return list(withdrawn)


def refit_population(
    database: Database, journal: Journal, space: TasteSpace, playable: PlayablePool, study_id: str
) -> dict[str, Any]:
    """Learn the study's population from all heads, let heads with few votes begin there, forget older ones."""
    refits.refit_heads(database, [space])
    transaction = database.transaction
    for _ in range(TRIES):
        evidence = transaction(lambda session: heads.evidence_of(session, study_id, space))
        if len(evidence) < FEWEST:
            return {"listeners": len(evidence), "population": None, "moved": 0}
        spread = transaction(partial(_spread, space=space, playable=playable))
        heard = transaction(partial(Heard.of, listeners=list(evidence), space=space))
        music, everybody = transaction(partial(_music, heard=heard, version=space.version))
        row = _learned(study_id, list(evidence.values()), space, spread)
        effects = effects_of(heard, music, heads.prior_of(row), space)
        row.effects = heads.effects_as_stored({clip: found for clip, found in effects.items() if clip in everybody})
        if transaction(partial(_store, journal=journal, who=list(evidence), row=row)):
            break
    else:
        raise RuntimeError(f"listeners left the study {study_id} whenever its population was learned")
    moving = transaction(lambda session: rows.begun_elsewhere(session, row, votes=MOVES_ON))
    moved = sum(
        transaction(partial(_move_on, journal=journal, space=space, listener_id=who, population_id=row.id))
        for who in moving
    )
    journal.forget_populations(
        transaction(lambda session: rows.forget_unused(session, row, pictures=space.of_pictures))
    )
    log.info("population_learned study=%s listeners=%d votes=%d moved=%d", study_id, row.listeners, row.votes, moved)
    return {"listeners": row.listeners, "population": str(row.id), "moved": moved}


def _learned(study_id: str, evidence: list[Evidence], space: TasteSpace, clips: FloatArray) -> StoredPopulation:
    """The population with as many taste directions as the votes support."""
    fixed = PopulationPrior.fixed(heads.prior(space))
    kinds = measure_dimensionality(evidence, fixed, clips)
    found = learn(evidence, fixed, directions=kinds.chosen)
    return StoredPopulation(
        measured=kinds.to_json(),
        study_id=study_id,
        model_version=found.version,
        mean=found.mean.astype("<f8").tobytes(),
        factors=found.factors.astype("<f8").tobytes(),
        diagonal=found.diagonal.astype("<f8").tobytes(),
        listeners=found.listeners,
        votes=found.votes,
    )


def _spread(session: Session, *, space: TasteSpace, playable: PlayablePool) -> FloatArray:
    """Covariance of the pool's features ``(F, F)`` within a domain; of no clips that of the taste space's own data."""
    domains = [PICTURES] if space.of_pictures else DOMAINS
    pools = [playable.clips(session, domain).features for domain in domains]
    known = [np.cov(features.T) for features in pools if len(features) > space.size]
    return np.mean(known, axis=0) if known else np.eye(space.size)


def _music(session: Session, *, heard: Heard, version: str) -> tuple[list[clip_rows.PoolMusic], set[uuid.UUID]]:
    """The clips of everybody and those that were judged, and which of them are everybody's."""
    pool = clip_rows.pool_music(session, model_version=version)
    there = {each.id for each in pool}
    judged = clip_rows.music_of(session, set(heard.known) - there)
    return [*pool, *judged], there | set(clip_rows.of_everybody(session, [each.id for each in judged]))


def _store(session: Session, *, journal: Journal, who: list[uuid.UUID], row: StoredPopulation) -> bool:
    """Whether it could be stored: not where one of those whom it was learned from has left meanwhile."""
    if not rows.keep_listeners(session, who):
        return False
    rows.add_population(session, row)
    if journal.folder.exists():  # a worker may be elsewhere: then the web writes it down with the first vote
        journal.keep_population(session, row.id)
    return True


def _move_on(
    session: Session, *, journal: Journal, space: TasteSpace, listener_id: uuid.UUID, population_id: uuid.UUID
) -> bool:
    """Learn one listener's head again from this population; False where they or it have left."""
    listener = listener_rows.lock_listener(session, listener_id)
    if listener is None or not rows.populations_named(session, [population_id]):
        return False
    listener.begin_at(population_id, pictures=space.of_pictures)
    session.flush()
    heads.save(session, listener_id, heads.learned(session, listener, space))
    journal.tell(session, listener_id)
    return True


@dataclass(frozen=True)
class Heard:
    """All votes of some listeners, and the features ``(F,)`` of the clips in them."""

    votes: Mapping[uuid.UUID, Votes]
    known: heads.Features

    @classmethod
    def of(cls, session: Session, listeners: Sequence[uuid.UUID], space: TasteSpace) -> Heard:
        """Read them."""
        votes = {each: heads.votes_of(session, each) for each in listeners}
        clips = {clip for given in votes.values() for about, _ in given for clip in about}
        return cls(votes, heads.features_of(session, clips, space))

    def judged(self) -> list[uuid.UUID]:
        """The clips that most votes were about, ``MOST_JUDGED`` at most."""
        asked = Counter(clip for given in self.votes.values() for about, _ in given for clip in about)
        return [clip for clip, _ in asked.most_common() if clip in self.known][:MOST_JUDGED]


def effects_of(
    heard: Heard, music: Sequence[clip_rows.PoolMusic], population: PopulationPrior, space: TasteSpace
) -> dict[uuid.UUID, FloatArray]:
    """The effects ``(folds,)`` of the clips in ``music``, as these votes tell them."""
    statistics = lines_of(music, space) if space.of_pictures else statistics_of(music)
    judged = [clip for clip in heard.judged() if clip in statistics]
    ids = [*judged, *(statistics.keys() - set(judged))]
    place = {clip: index for index, clip in enumerate(judged)}
    head = population.newcomer()
    factors, fold = [], []
    for listener, votes in heard.votes.items():
        factor = factor_of(_answers(head, heard.known, votes, place), len(population.mean))
        if len(factor.clips):
            factors.append(factor)
            fold.append(heads.fold_of(listener))
    if not factors:
        return {}
    summaries = {each.id: each.summary for each in music}
    features = space.features(np.stack([summaries[clip] for clip in ids]))
    clips = Clips(features, [np.stack([statistics[clip] for clip in ids])], np.arange(len(judged)))
    fixed = PopulationPrior.fixed(heads.prior(space))
    common = learn_common(factors, population, fixed, clips, fold=fold, folds=heads.FOLDS)
    return dict(zip(ids, common.effects.T, strict=True))


def lines_of(pictures: Sequence[clip_rows.PoolMusic], space: TasteSpace) -> dict[uuid.UUID, FloatArray]:
    """Of pictures, which have no notes, the lines of their taste space ``(L,)``: an effect is no linear function."""
    return {each.id: space.lines(each.summary)[0] for each in pictures}


def _answers(
    head: Head, known: heads.Features, votes: Votes, place: Mapping[uuid.UUID, int]
) -> Iterator[tuple[list[int], Answer]]:
    """The votes that are about clips with a ``place`` alone."""
    for clips, outcome in votes:
        if all(clip in place for clip in clips) and (answer := heads.heard(head, known, clips, outcome)):
            yield [place[clip] for clip in clips], answer
            head = after(head, answer)


def statistics_of(music: Sequence[clip_rows.PoolMusic]) -> dict[uuid.UUID, FloatArray]:
    """What is measured on each clip's notes ``(S,)``; nothing of one without a note."""
    pieces = {each.id: Piece.from_json(each.notes) for each in music}
    return {clip: np.array(list(note_statistics(piece).values())) for clip, piece in pieces.items() if len(piece.notes)}
