"""The playable clips of each domain with their features, kept in memory, and the style model that is installed here.

Choosing a pair reads no clip. The pool only grows, and a clip that has been retired since may still be offered: looking
again once a second is enough. ``HeardClips`` stores what a model behind the generation server measured of a clip: each
clip is measured once, and again by a new model.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from db.embedded import EmbeddedPostgresError
from db.queries import clips
from db.queries import clips as rows
from db.tables import PICTURES
from models.music.notes import DOMAINS, Domain
from models.style.bundle import shipped_version
from models.style.fingerprint import Fingerprint
from models.taste.space import TasteSpace
from webapp.generation.protocol import GenerationError
from webapp.runtime.database import Database
from webapp.runtime.errors import Problem

AnyDomain = Domain | Literal["pictures"]
ALL_DOMAINS: tuple[AnyDomain, ...] = (*DOMAINS, "pictures")
FRESH_SECONDS = 1.0

logger = logging.getLogger(__name__)
# the second from a client that was closed meanwhile, the last two where the database was
SILENT = (GenerationError, RuntimeError, Problem, SQLAlchemyError, EmbeddedPostgresError)

END_S = 10.0  # what is asked of a client that is closed ends sooner
_begun: dict[str, threading.Thread] = {}  # by the model's name the last one

Heard = Mapping[uuid.UUID, dict[str, Any] | None]


def music_of(domain: str) -> Domain:
    """The domain of music of a listener who has chosen ``domain``: of pictures the first, where only music will do."""
    return next((music for music in DOMAINS if music == domain), DOMAINS[0])


@dataclass(frozen=True)
class PlayableClips:
    """``ids`` of clips, their ``features`` float64 ``(clips, F)``, and the lengths in seconds that each has."""

    ids: tuple[uuid.UUID, ...]
    features: npt.NDArray[np.float64]
    seconds: tuple[tuple[float, ...], ...]
    _playing: dict[float, PlayableClips] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, clips: Sequence[rows.PoolClip], space: TasteSpace) -> PlayableClips:
        """Features of clips as they are stored."""
        summaries = np.stack([clip.summary for clip in clips]) if clips else np.zeros((0, space.dims))
        features = space.features(summaries) if clips else np.zeros((0, space.size))
        return cls(tuple(clip.id for clip in clips), features, tuple(clip.seconds for clip in clips))

    def chosen(self, indices: Sequence[int]) -> PlayableClips:
        """Some of them, in this order."""
        where = list(indices)
        return PlayableClips(
            tuple(self.ids[i] for i in where), self.features[where], tuple(self.seconds[i] for i in where)
        )

    def joined(self, other: PlayableClips) -> PlayableClips:
        """These, then the others."""
        return PlayableClips(
            self.ids + other.ids, np.vstack([self.features, other.features]), self.seconds + other.seconds
        )

    def playing(self, seconds: float) -> PlayableClips:
        """Those that can be played for so long."""
        if seconds not in self._playing:
            self._playing[seconds] = self.chosen([i for i, lengths in enumerate(self.seconds) if seconds in lengths])
        return self._playing[seconds]


class PlayablePool:
    """The pool by domain, with the taste space of each: music has one, ``pictures`` another. Safe between threads."""

    def __init__(self, space: TasteSpace, pictures: TasteSpace | None = None) -> None:
        self._space, self._pictures = space, pictures
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, int, PlayableClips]] = {}

    def space_of(self, domain: str) -> TasteSpace:
        """In which taste for a domain is learned; ``ValueError`` where there is none of pictures."""
        if domain != PICTURES:
            return self._space
        if self._pictures is None:
            raise ValueError("this pool was made without the taste space of pictures")
        return self._pictures

    def clips(self, session: Session, domain: str) -> PlayableClips:
        """Everybody's playable clips of a domain; read again only where their number has changed."""
        now = time.monotonic()
        kept = self._kept.get(domain)
        if kept and now - kept[0] < FRESH_SECONDS and len(kept[2].ids) >= 2:
            return kept[2]
        space = self.space_of(domain)
        count = rows.count_pool(session, domain=domain, model_version=space.version)
        with self._lock:
            kept = self._kept.get(domain)
            if kept and kept[1] == count:
                clips = kept[2]
            else:
                found = rows.pool_clips(session, domain=domain, model_version=space.version)
                clips = PlayableClips.of(found, space)
            self._kept[domain] = (now, count, clips)
        return clips


@dataclass(frozen=True)
class InstalledStyle:
    """``folder`` of the model and the ``space`` in which taste is learned from its latents."""

    folder: Path
    space: TasteSpace

    @property
    def version(self) -> str:
        """Of the model; latents of another one don't fit."""
        return self.space.version

    @cached_property
    def fingerprint(self) -> Fingerprint | None:
        """The training songs' melodies, which no clip may copy; None where the model's folder is not here."""
        path = self.folder / "fingerprint.safetensors"
        return Fingerprint(load_file(path)["bits"]) if path.exists() else None


def domain_named(name: object) -> Domain:
    """The domain of this name; ``ValueError`` where there is none."""
    for domain in DOMAINS:
        if name == domain:
            return domain
    raise ValueError(f"domain {name!r} was given; there are {', '.join(DOMAINS)}")


class HeardClips:
    """One model's. It is the shipped one of this ``name`` until the generation server has answered with another."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._answered = ""
        self._hearing = threading.Lock()  # one listener's clips at a time

    def known(self, database: Database, clip_ids: Sequence[uuid.UUID]) -> Heard:
        """What was heard of those of these clips that were heard; None of one that can't be."""
        version = self._answered or shipped_version(self._name)
        return database.transaction(lambda session: clips.heard_clips(session, clip_ids, model_version=version))

    def keep(self, database: Database, found: Heard, model_version: str) -> None:
        """Store what the model of this version heard; a clip that is gone by now is left out."""
        self._answered = model_version
        database.transaction(lambda session: clips.keep_heard(session, found, model_version=model_version))

    def begin(self, hear: Callable[[], object]) -> threading.Thread | None:
        """Hear some clips in the background; None where others are being heard just now."""
        if not self._hearing.acquire(blocking=False):
            return None

        def work() -> None:
            try:
                hear()
            except SILENT as error:
                logger.info("clips were not heard by %s: %s", self._name, error)
            finally:
                self._hearing.release()

        thread = threading.Thread(target=work, name=f"hear clips by {self._name}", daemon=True)
        try:
            thread.start()
            _begun[self._name] = thread
        except BaseException:
            self._hearing.release()
            raise
        return thread


def end() -> None:
    """Wait for what is heard in the background, which stores it, before the database is closed."""
    for thread in list(_begun.values()):
        thread.join(END_S)
