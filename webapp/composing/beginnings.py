"""The clip of the pool that a whole piece begins with: it sounds at once, while it is played on to the piece's end."""

from __future__ import annotations

import logging
import secrets
import uuid
from dataclasses import dataclass
from functools import partial

import numpy as np
from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import composed as rows
from db.queries import offers
from db.tables import Listener
from models.taste.head import Head
from models.taste.search import CAREFUL, SEARCHED, pick, scores
from models.taste.space import TasteSpace
from webapp.composing.dials import MoodPlace, mood_dial
from webapp.generation.protocol import GenerationError, Generator
from webapp.learning import plays
from webapp.learning.playable_clips import PlayableClips, PlayablePool, music_of
from webapp.runtime.database import Database

log = logging.getLogger(__name__)

AMONG = 8  # of the clips that the head likes best one is played on, so that not every listener's first is the same
AMONG_IN_MOOD = 3  # the same where a mood is wanted, which few clips have


@dataclass(frozen=True)
class Beginnings:
    """The ``clips`` of a ``domain`` that a listener's next piece may begin with; the head says which they like."""

    domain: str
    head: Head
    clips: PlayableClips

    @classmethod
    def of(cls, session: Session, space: TasteSpace, playable: PlayablePool, listener: Listener) -> Beginnings:
        """Those that wait in no pair of theirs and were not played on before."""
        domain = music_of(listener.domain)
        clips = playable.clips(session, domain)
        taken = offers.ids_shown(session, listener.id, state="open")
        known = rows.whole_pieces(session, listener.id)
        taken |= {uuid.UUID(piece.recipe["clip"]) for piece in known if "clip" in piece.recipe}
        free = clips.chosen([place for place, clip_id in enumerate(clips.ids) if clip_id not in taken])
        return cls(domain, plays.head_of(session, listener.id, space, domain), free)

    def choose(self, database: Database, generation: Generator, mood: MoodPlace | None) -> uuid.UUID | None:
        """One that is liked, and near the ``mood``; None where there is none, or no mood can be heard just now."""
        best = self._of_mood(database, generation, mood) if mood else self._best()
        return secrets.choice(best) if best else None

    def _best(self) -> list[uuid.UUID]:
        best = pick(self.head, self.clips.features, AMONG) if self.clips.ids else []
        return [self.clips.ids[place] for place in best]

    def _of_mood(self, database: Database, generation: Generator, mood: MoodPlace) -> list[uuid.UUID]:
        """As drafts are chosen with a dial: among those that the head likes best (``steered_search``)."""
        if not self.clips.ids:
            return []
        order = np.argsort(-scores(self.head, self.clips.features, CAREFUL), kind="stable")
        liked = self.clips.chosen(order[:SEARCHED].tolist())
        notes = {each.id: each.notes for each in database.transaction(partial(clip_rows.music_of, clip_ids=liked.ids))}
        liked = liked.chosen([place for place, clip_id in enumerate(liked.ids) if clip_id in notes])
        dial = mood_dial(generation, mood)
        try:
            moods = dial.hear([notes[clip_id] for clip_id in liked.ids])
        except GenerationError as error:  # the bank's openings are heard when somebody answers again
            log.warning("no_beginning_in_mood error=%s", error)
            return []
        heard = {place: each for place, each in enumerate(moods) if each is not None}
        if not heard:
            return []
        liked = liked.chosen(list(heard))
        best = pick(self.head, liked.features, AMONG_IN_MOOD, cost=dial.cost(list(heard.values())))
        return [liked.ids[place] for place in best]
