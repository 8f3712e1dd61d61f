"""What a study's listeners hear alike in clips beyond their features, learned from all their votes."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from models.metrics.music_statistics import note_statistics
from models.music.notes import Piece
from models.taste.clip_effects import Clips, factor_of, learn_common
from models.taste.head import Answer, Head, after
from models.taste.hierarchy import PopulationPrior
from models.taste.likelihood import FloatArray
from models.taste.space import TasteSpace
from webapp.learning import clip_effects, heads

MOST_JUDGED = 800  # clips whose votes count: what is learned from them costs the third power of their number

Votes = Sequence[tuple[tuple[uuid.UUID, ...], str]]


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
            fold.append(clip_effects.fold_of(listener))
    if not factors:
        return {}
    summaries = {each.id: each.summary for each in music}
    features = space.features(np.stack([summaries[clip] for clip in ids]))
    clips = Clips(features, [np.stack([statistics[clip] for clip in ids])], np.arange(len(judged)))
    fixed = PopulationPrior.fixed(heads.prior(space))
    common = learn_common(factors, population, fixed, clips, fold=fold, folds=clip_effects.FOLDS)
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
