"""What a model behind the generation server heard in clips, stored: a clip is heard once, and again by a new model."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from db.embedded import EmbeddedPostgresError
from db.queries import clips
from models.style.bundle import shipped_version
from webapp.generation.protocol import GenerationError
from webapp.runtime.database import Database
from webapp.runtime.errors import Problem

logger = logging.getLogger(__name__)
# the second from a client that was closed meanwhile, the last two where the database was
SILENT = (GenerationError, RuntimeError, Problem, SQLAlchemyError, EmbeddedPostgresError)

END_S = 10.0  # what is asked of a client that is closed ends sooner
_begun: dict[str, threading.Thread] = {}  # by the model's name the last one

Heard = Mapping[uuid.UUID, dict[str, Any] | None]


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
