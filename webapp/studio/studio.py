"""What the studio works on, the dials that turn a style, and how much it takes at once.

A dial moves a style along the data's regression, in standard deviations of the attribute that names it.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from db.queries import composed
from models.metrics.music_statistics import attributes
from models.music.notes import Piece
from models.style.latents import MEASURED, PERCENTILES, STYLE_GROUPS, Directions, Latents, tonic_of
from models.taste.readouts import PICTURE_DIALS
from models.taste.space import TasteSpace
from webapp.generation.remote import RemoteGenerator
from webapp.learning.playable_clips import PlayablePool
from webapp.runtime.clip_store import ClipStore
from webapp.runtime.database import Database, known_listener
from webapp.runtime.errors import NotAllowed, NotReady, TooMany
from webapp.runtime.journal import Journal
from webapp.runtime.waiting import slot

# mode hardly follows the regression of harmony's latents, however far one goes: harmony is borrowed
WITH_DIAL = tuple(group for group in STYLE_GROUPS if group != "harmony")
REACHES = (1.0, 2.0, 3.5, 5.0)  # times the regression's step, which are tried for a turned style
MUSIC = {"pop": "pop piano", "dance": "dance tunes", "chorale": "chorales"}
FEWEST = 12  # pictures among which it can be said where one lies
FILL = "python -m models.evaluate.relations --save"
MOST_A_MINUTE = 40
AT_ONCE = 6  # requests that may wait for a renderer or a composer: votes need the other threads
_slots = threading.BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True)
class Dial:
    """A style that can be turned: the piece's value of its attribute, and one standard deviation of that.

    ``real``: the 5th, 25th, 50th, 75th and 95th percentile of real music of the domain; None where that isn't known.
    """

    attribute: str
    value: float
    sd: float
    real: list[float] | None


def of_picture(latents: Latents, space: TasteSpace, pool: npt.NDArray[np.float64]) -> dict[str, Dial]:
    """A dial for each measure of a picture; ``pool`` ``(pictures, F)``: the features of those it is seen among."""
    found = {}
    measured = latents.piece[MEASURED]
    for place, name in enumerate(space.names):
        if name not in PICTURE_DIALS:
            continue
        mean, sd = float(space.attribute_mean[place]), float(space.attribute_sd[place])
        real = None
        if len(pool) >= FEWEST:
            real = [round(mean + sd * value, 4) for value in np.percentile(pool[:, place], PERCENTILES).tolist()]
        found[name] = Dial(name, round(float(measured[name]), 4), sd, real)
    return found


@dataclass(frozen=True)
class Dials:
    """What can be turned with one model; ``known`` is None where no directions are saved for it."""

    version: str
    known: Directions | None

    @classmethod
    def load(cls, space: TasteSpace, style_folder: Path) -> Dials:
        """The dials of the model that plays; raises ``ValueError`` where what is saved can't be read."""
        found = Directions.load(style_folder)
        return cls(space.version, found if found and found.version == space.version else None)

    def of_piece(self, piece: Piece, domain: str) -> dict[str, Dial]:
        """The dial of each style that varies in real music of ``domain``."""
        if self.known is None:
            return {}
        own, found = attributes(piece), {}
        for group, direction in self.known.groups.items():
            real = direction.real.get(domain)
            if group not in WITH_DIAL or (direction.real and real is None):
                continue
            value = round(own[direction.attribute], 3)
            found[group] = Dial(direction.attribute, value, direction.sd, list(real) if real else None)
        return found

    def missing(self, domain: str) -> dict[str, str]:
        """The styles that can't be turned in music of ``domain``, and why."""
        why = {}
        for group in STYLE_GROUPS:
            if group not in WITH_DIAL:
                why[group] = "a dial hardly moves it"
            elif self.known is None or group not in self.known.groups:
                why[group] = "a dial for it was not measured"
            elif self.known.groups[group].real and domain not in self.known.groups[group].real:
                why[group] = f"it hardly varies in {MUSIC[domain]}"
        return why

    def moved(self, own: Latents, piece: Piece, domain: str, by: Mapping[str, float]) -> dict[str, Latents]:
        """``own`` with each style so many standard deviations on; raises ``NotAllowed`` where there is no dial."""
        if not by:
            return {}
        unknown = sorted(set(by) - set(self.of_piece(piece, domain)))
        if self.known is None or unknown:
            raise NotAllowed(
                f"{', '.join(unknown)} can't be turned in this music with the model {self.version}; borrow instead"
            )
        tonic = tonic_of(piece)
        return {group: self.known.moved(own, group, sds, tonic) for group, sds in by.items() if sds}

    def steps_to_sound(self, begin: Piece, asked: Mapping[str, float], made: Sequence[Piece]) -> dict[str, float]:
        """By how much each style has to be moved so that it sounds as ``asked``, given ``made``: pieces at ``REACHES``.

        On the line between the first two of them between which the attribute passes the requested value, else where it
        comes nearest: the writer follows the regression of its latents less than all the way, and not evenly.
        """
        own, found = attributes(begin), {}
        values = [attributes(piece) for piece in made]
        for group, by in asked.items():
            direction = self.known.groups[group] if self.known else None
            if direction is None:
                continue
            short = [
                own[direction.attribute] + by * direction.sd - each[direction.attribute] for each in (own, *values)
            ]
            times = (0.0, *REACHES)
            best = min(range(1, len(times)), key=lambda place: abs(short[place]))
            found[group] = by * times[best]
            for place in range(1, len(times)):
                if short[place - 1] * short[place] < 0:
                    share = short[place - 1] / (short[place - 1] - short[place])
                    found[group] = by * (times[place - 1] + share * (times[place] - times[place - 1]))
                    break
        return found


@dataclass(frozen=True)
class Studio:
    """The parts that the studio's functions share; ``Context.studio`` puts them together."""

    database: Database
    journal: Journal
    clip_store: ClipStore
    generation: RemoteGenerator
    space: TasteSpace
    playable: PlayablePool
    style_folder: Path

    @property
    def dials(self) -> Dials:
        """What can be turned with the model that plays; raises ``ValueError`` where what is saved can't be read."""
        return Dials.load(self.space, self.style_folder)


def slow_slot() -> AbstractContextManager[None]:
    """One of the few slots for slow work; raises ``NotReady`` where all are taken."""
    return slot(_slots, NotReady("the studio is busy with other pieces; nothing is lost, try again in a second"))


def check_rate(session: Session, listener_id: uuid.UUID, more: int = 1) -> None:
    """Raises ``TooMany`` where the listener would have more than ``MOST_A_MINUTE`` new pieces within a minute."""
    known_listener(session, listener_id)
    made = composed.count_recent(session, listener_id, timedelta(minutes=1))
    if made + more > MOST_A_MINUTE:
        raise TooMany(
            f"{made} pieces were made in your studio within a minute; {MOST_A_MINUTE} are allowed, wait a bit"
        )
