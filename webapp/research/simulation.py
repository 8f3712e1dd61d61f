"""A study of simulated listeners, who vote on music or on pictures through the same pairs and heads as people.

Their tastes are half common, a quarter along one direction and the rest their own (``SharedTaste``). They go by the
notes, which heads do not see, or by what is measured of a picture, which they do: no taste for pictures is beyond them
here, as a person's may be.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from db.queries.clips import pool_music
from db.queries.statistics import clips_named
from db.tables import PICTURES, Clip
from models.music.notes import DOMAINS, Piece
from models.style.latents import MEASURED
from models.taste.readouts import PICTURE_ATTRIBUTES
from models.taste.simulated_people import SharedTaste
from models.taste.space import TasteSpace
from models.taste.space_fitting import attribute_row
from webapp.composing.clip_maker import ClipMaker, Order
from webapp.learning.playable_clips import AnyDomain, PlayablePool
from webapp.learning.population import refit_population
from webapp.listeners import accounts
from webapp.listening.newcomers import Newcomers
from webapp.listening.pairs import Pairs
from webapp.listening.voting import Voting
from webapp.research import study_listeners
from webapp.runtime.database import Database
from webapp.runtime.journal import Journal

STUDY = "default"
FEWEST_CLIPS = 24
HEARD_MS = (4000, 4000)
AT_ONCE = 4  # clips that are made side by side


class NotEmptyError(Exception):
    """People have voted here; simulated votes would stand among theirs."""


@dataclass(frozen=True)
class Installation:
    """What simulated listeners vote on: music, or pictures where ``space`` is theirs."""

    database: Database
    journal: Journal
    space: TasteSpace
    playable: PlayablePool


def fill_pool(here: Installation, maker: ClipMaker, seed: int) -> None:
    """Compose or draw what the pool lacks; raises a ``GenerationError``."""
    domain: AnyDomain = "pictures" if here.space.of_pictures else DOMAINS[0]
    while (lacks := FEWEST_CLIPS - len(_pool(here))) > 0:
        maker.make([Order(domain, seed + number) for number in range(min(lacks, AT_ONCE))], shortest=True)
        seed += AT_ONCE


def simulate(here: Installation, listeners: int, votes: int, seed: int) -> dict[str, Any]:
    """Let simulated listeners vote on the pool of an installation of their own; what the Listeners page shows of them.

    ``{about, listeners, votes, seed, model, figures: {name: {frame, data, commits, told}}}``, ``about`` "music" or
    "pictures". Raises ``NotEmptyError`` where anybody has voted.
    """
    both = (here.database.transaction(partial(study_listeners.overview, pictures=each)) for each in (False, True))
    if any(study["votes"] for studies in both for study in studies):
        raise NotEmptyError("there are votes here already; give simulated listeners a KALLOS_HOME of their own")
    pool = _pool(here)
    tastes = SharedTaste([_attributes(clip) for clip in pool], seed)
    places = {clip.id: place for place, clip in enumerate(pool)}
    for number in range(listeners):
        _listen(here, tastes, places, votes, np.random.default_rng([seed, number]))
    refit_population(here.database, here.journal, here.space, here.playable, STUDY)
    names = [*study_listeners.OF_VOTES, *study_listeners.OF_HEADS]
    figures = {name: _figure(here, name) for name in names}
    about = "pictures" if here.space.of_pictures else "music"
    size = {"listeners": listeners, "votes": votes, "seed": seed}
    return {"about": about, **size, "model": here.space.version, "figures": figures}


def _pool(here: Installation) -> list[Clip]:
    def work(session: Session) -> list[Clip]:
        return clips_named(session, [clip.id for clip in pool_music(session, model_version=here.space.version)])

    return here.database.transaction(work)


def _attributes(clip: Clip) -> list[float]:
    """What tastes go by."""
    if clip.domain == PICTURES:
        measured = clip.latents["piece"][MEASURED]
        return [measured[name] for name in PICTURE_ATTRIBUTES]
    return attribute_row(Piece.from_json(clip.notes))


def _listen(
    here: Installation, tastes: SharedTaste, places: Mapping[uuid.UUID, int], votes: int, generator: np.random.Generator
) -> None:
    """One of them, from the first pair to the last."""
    someone, listener = tastes.person(generator), accounts.create(here.database)
    if here.space.of_pictures:
        accounts.change_domain(here.database, here.journal, listener, PICTURES)
    kind = Pairs(here.playable)
    pairs = Voting(here.database, here.journal, kind, Newcomers(here.database, here.journal, []))
    opened = pairs.open(listener)
    for before in range(votes):
        pair = opened[0]
        left, right = (places[clip.clip_id] for clip in pair.clips)
        outcome = someone.vote(left, right, before, generator)
        opened = pairs.record_vote(listener, pair.id, outcome, HEARD_MS).open


def _figure(here: Installation, name: str) -> dict[str, Any]:
    drawn = here.database.transaction(lambda session: study_listeners.draw(session, here.space, name, STUDY))
    source = {"data": drawn.source.data, "commits": drawn.source.commits}
    return {"frame": json.loads(drawn.frame.to_json(orient="split")), **source, "told": drawn.details["told"]}
