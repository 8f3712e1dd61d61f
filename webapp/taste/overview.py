"""What the taste page shows: what a listener seems to love, how well their votes were foreseen, their best clips."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass

from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import listeners as listener_rows
from db.queries import offers as offer_rows
from db.queries import statistics
from db.queries import votes as vote_rows
from db.tables import OWN, PICTURES, Clip, Listener
from models.metrics.preference import accuracy
from models.taste.explain import BesideOthers, Habits, beside_others, explain, habits
from models.taste.head import Head, utilities
from models.taste.space import TasteSpace
from webapp.composing.wishes import MODES
from webapp.learning import heads
from webapp.learning.playable_clips import PlayablePool, music_of
from webapp.listening.comparison import ShownClip
from webapp.runtime.database import in_transaction, known_listener

BEST = 5
CHANCE = 0.5


@dataclass(frozen=True)
class StyleLiking:
    """One style's effect on utility, for one standard deviation more of its attribute, in figures and in words.

    ``lean`` tells it with the ``odds`` that it is right, and is empty while it is open. ``confidence`` that the sign is
    right; ``others`` where the study's listeners can be told of.
    """

    style: str
    attribute: str
    effect: float
    sd: float
    words: str
    lean: str
    odds: float
    confidence: float
    others: BesideOthers | None


@dataclass(frozen=True)
class Accuracy:
    """How often the side thought likelier before a vote was picked; 95 % interval, ``value`` None without votes."""

    value: float | None
    low: float
    high: float
    n: int
    chance: float = CHANCE


@dataclass(frozen=True)
class LovedClip:
    """A clip that the listener has met, as the page plays or shows it; ``mode``: the wish that composed it."""

    clip_id: uuid.UUID
    audio_url: str | None
    notes_url: str | None
    seconds: float
    image_url: str | None
    utility: float
    composed: bool
    mode: str | None
    domain: str


@dataclass(frozen=True)
class TasteOverview:
    """The whole page; ``best`` of all clips met and of those ``composed`` for the listener, best first."""

    picks: int
    domain: str
    styles: list[StyleLiking]
    habits: Habits
    accuracy: Accuracy
    best: list[LovedClip]
    composed: list[LovedClip]


@in_transaction
def overview(session: Session, playable: PlayablePool, listener_id: uuid.UUID) -> TasteOverview:
    """What is known of a listener's taste for music, or pictures, as chosen; raises ``UnknownListenerError``."""
    listener = known_listener(session, listener_id)
    space = playable.space_of(listener.domain)
    head = heads.load(session, listener_id, space)
    met = _by_utility(session, space, listener_id, head)
    return TasteOverview(
        picks=vote_rows.count_picks_of(session, listener_id, pictures=space.of_pictures),
        domain=listener.domain,
        styles=styles_of(session, space, playable, listener, head),
        habits=habits(head),
        accuracy=foreseen(session, listener_id, space),
        best=_played(session, met),
        composed=_played(session, [(clip, utility) for clip, utility in met if clip.kind in OWN]),
    )


def best_clips(session: Session, space: TasteSpace, listener_id: uuid.UUID, head: Head) -> list[LovedClip]:
    """Of the clips met those of highest utility, best first."""
    return _played(session, _by_utility(session, space, listener_id, head))


def foreseen(session: Session, listener_id: uuid.UUID, space: TasteSpace) -> Accuracy:
    """How well this listener's votes were foreseen, on music or on pictures as the taste space is."""
    votes = statistics.foreseen_votes(session, listener_id, pictures=space.of_pictures)
    figure = accuracy([v.p_left for v in votes], [v.p_right for v in votes], [v.outcome for v in votes])
    return Accuracy(figure.value if figure.n else None, figure.low, figure.high, figure.n)


def styles_of(
    session: Session, space: TasteSpace, playable: PlayablePool, listener: Listener, head: Head
) -> list[StyleLiking]:
    """What the listener's head says of each style."""
    domain = listener.domain if space.of_pictures else music_of(listener.domain)
    around = playable.clips(session, domain).features
    effects = explain(head, space, around=around)
    population = heads.population_of(session, listener.study_id, space)
    others = beside_others(effects, population, space, around=around) if population else [None] * len(effects)
    return [
        StyleLiking(
            each.style, each.attribute, each.effect, each.sd, each.words, each.lean, each.odds, each.confidence, beside
        )
        for each, beside in zip(effects, others, strict=True)
    ]


def _by_utility(session: Session, space: TasteSpace, listener_id: uuid.UUID, head: Head) -> list[tuple[Clip, float]]:
    met = offer_rows.met_clips(session, listener_id, model_version=space.version) if head.votes_seen else []
    if not met:
        return []
    listener = listener_rows.get_listener(session, listener_id)
    effects = heads.effects_for(session, listener, space) if listener else heads.NO_EFFECTS
    own = heads.effects_on(effects, [clip.id for clip in met])
    utility = utilities(head, space.features([clip.summary for clip in met]), own).mean
    return [(met[index], float(utility[index])) for index in utility.argsort()[::-1]]


def _played(session: Session, clips: list[tuple[Clip, float]]) -> list[LovedClip]:
    """The first ``BEST`` of them that have sound."""
    found = []
    for clip, utility in clips[:BEST]:
        if lengths := clip_rows.audio_lengths(session, clip.id):
            found.append(
                LovedClip(
                    **asdict(ShownClip.of(clip.id, max(lengths), picture=clip.domain == PICTURES)),
                    utility=utility,
                    composed=clip.kind in OWN,
                    mode=MODES.get(clip.kind),
                    domain=clip.domain,
                )
            )
    return found
