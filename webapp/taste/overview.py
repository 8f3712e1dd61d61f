"""What the taste page shows: what a listener seems to love, how well their votes were foreseen, their best clips."""

from __future__ import annotations

import uuid
from dataclasses import asdict
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.queries import listeners as listener_rows
from db.queries import offers as offer_rows
from db.queries import statistics
from db.queries import votes as vote_rows
from db.tables import OWN, Clip, ClipAudio, Listener
from models.metrics.preference import accuracy
from models.taste.explain import beside_others, explain, habits
from models.taste.head import Head, utilities
from models.taste.space import TasteSpace
from webapp.composing.wishes import MODES
from webapp.learning import heads
from webapp.learning.playable_clips import PlayablePool
from webapp.runtime.database import Database
from webapp.runtime.errors import UnknownListenerError

BEST = 5
CHANCE = 0.5


def overview(database: Database, space: TasteSpace, playable: PlayablePool, listener_id: uuid.UUID) -> dict[str, Any]:
    """``{picks, domain, styles, habits, accuracy, best, composed}``; raises ``UnknownListenerError``."""

    def work(session: Session) -> dict[str, Any]:
        listener = listener_rows.get_listener(session, listener_id)
        if listener is None:
            raise UnknownListenerError
        head = heads.load(session, listener_id, space)
        return {
            "picks": vote_rows.count_picks(session, listener_id),
            "domain": listener.domain,
            "styles": _styles(session, space, playable, listener, head),
            "habits": asdict(habits(head)),
            "accuracy": foreseen(session, listener_id),
            **best_clips(session, space, listener_id, head),
        }

    return database.transaction(work)


def _styles(
    session: Session, space: TasteSpace, playable: PlayablePool, listener: Listener, head: Head
) -> list[dict[str, Any]]:
    """Each style's effect; ``others`` where the study's listeners can be told of, else null."""
    around = playable.clips(session, listener.domain).features
    effects = explain(head, space, around=around)
    population = heads.population_of(session, listener.study_id, space)
    others = beside_others(effects, population, space, around=around) if population else [None] * len(effects)
    return [
        {
            "style": effect.style,
            "attribute": effect.attribute,
            "effect": effect.effect,
            "sd": effect.sd,
            "words": effect.words,
            "confidence": effect.confidence,
            "others": beside and asdict(beside),
        }
        for effect, beside in zip(effects, others, strict=True)
    ]


def foreseen(session: Session, listener_id: uuid.UUID) -> dict[str, Any]:
    """How often the side thought likelier before a vote was picked; 95 % interval, ``value`` null without votes."""
    votes = statistics.foreseen_votes(session, listener_id)
    figure = accuracy([v.p_left for v in votes], [v.p_right for v in votes], [v.outcome for v in votes])
    value = figure.value if figure.n else None
    return {"value": value, "low": figure.low, "high": figure.high, "n": figure.n, "chance": CHANCE}


def best_clips(
    session: Session, space: TasteSpace, listener_id: uuid.UUID, head: Head
) -> dict[str, list[dict[str, Any]]]:
    """``{best, composed}``: of the clips met those of highest utility, and those among their own; best first."""
    met = offer_rows.met_clips(session, listener_id, model_version=space.version) if head.votes_seen else []
    if not met:
        return {"best": [], "composed": []}
    utility = utilities(head, space.features([clip.summary for clip in met])).mean
    order = utility.argsort()[::-1]
    own = [index for index in order if met[index].kind in OWN]
    return {
        name: [shown for index in chosen[:BEST] if (shown := _shown(session, met[index], float(utility[index])))]
        for name, chosen in (("best", order), ("composed", own))
    }


def _shown(session: Session, clip: Clip, utility: float) -> dict[str, Any] | None:
    """A clip as the page plays it; None where it has no sound."""
    lengths = session.scalars(select(ClipAudio.seconds).where(ClipAudio.clip_id == clip.id)).all()
    if not lengths:
        return None
    at = f"/api/clips/{clip.id}/{{}}/{max(lengths):g}"
    return {
        "clip_id": clip.id,
        "audio_url": at.format("audio"),
        "notes_url": at.format("notes"),
        "seconds": max(lengths),
        "utility": utility,
        "composed": clip.kind in OWN,
        "mode": MODES.get(clip.kind),
        "domain": clip.domain,
    }
