"""Music that moves pictures: key frames with their times for a page, and the same as a film with the music.

The generation server makes the drawings, as it has torch and the models. They are cached in memory and nowhere else.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_args

import numpy as np

from models.music.performance import bars_in_seconds, notes_in_seconds, sounding_seconds
from webapp.composing import media, sources
from webapp.composing.sources import Source
from webapp.film.scored_films import MOST_SEED, MOVIE, Method
from webapp.generation.protocol import Look, answered
from webapp.generation.remote import PLAIN, RemoteGenerator
from webapp.runtime.database import Database
from webapp.runtime.errors import NotAllowed, Problem, TooMany
from webapp.runtime.limits import UPLOADS_A_SECOND, UPLOADS_AT_ONCE, Buckets
from webapp.runtime.listener_files import FILM_WITH_SOUND, Downloads
from webapp.runtime.long_tasks import LongTask
from webapp.runtime.recent import Recent

LONGEST_BARS = 200
SECONDS = 300  # that writing a film may take
TOLD = "shown.json"

_asked = Buckets(UPLOADS_A_SECOND, UPLOADS_AT_ONCE)
_kept: Recent[str, ShownMusic] = Recent(32)  # of some 300 kB each
TASK = LongTask(
    "canvas",
    "webapp.film.showing_process",
    SECONDS,
    busy="another film is being written; it takes half a minute, try again then",
    broken="the film could not be written in the time and memory there is; try a shorter piece",
)


@dataclass(frozen=True)
class ShownMusic:
    """Drawings that move with music: ``subjects`` and ``moments`` (``PicturesResult``), each at one of ``times_s``.

    These are seconds of the sound at ``audio_url``, which lasts ``seconds``; between two moments colours and outlines
    change evenly. ``notes``: start and length in seconds, MIDI pitch and velocity of each.
    """

    name: str
    title: str
    subjects: list[dict[str, Any]]
    moments: list[dict[str, Any]]
    times_s: list[float]
    seconds: float
    notes: list[tuple[float, float, int, int]]
    audio_url: str


@dataclass(frozen=True)
class Writing:
    """How far the film is: the ``stage`` and the ``share`` of it; at the end the ``film`` itself (MP4).

    ``folder`` has what is shown. ``ended`` without a film: it was stopped, or there is a ``problem``. ``seconds_left``:
    as the films before it took, None where unknown.
    """

    folder: Path
    stage: str = ""
    share: float = 0.0
    seconds_left: float | None = None
    film: Path | None = None
    ended: bool = False
    problem: Problem | None = None

    def shown(self) -> ShownMusic:
        """Of what the film is."""
        told = json.loads((self.folder / TOLD).read_text(encoding="utf-8"))
        return ShownMusic(**{each.name: told[each.name] for each in fields(ShownMusic)})


def show(
    database: Database,
    generation: RemoteGenerator,
    listener_id: uuid.UUID,
    name: str,
    look: Look = PLAIN,
    *,
    link_key: str = "",
) -> ShownMusic:
    """Show ``clips/ID`` or ``pieces/ID``; ``link_key`` opens somebody else's piece.

    Raises ``NotYours``, ``NotAllowed`` for what can't be shown, ``TooMany`` for a listener who asks without end, and
    ``NotReady`` where no generator answers.
    """
    if look.way not in get_args(Method) or not 0 <= look.seed <= MOST_SEED:
        raise NotAllowed(
            f"{look.way!r} and {look.seed} were given; a way is one of {', '.join(get_args(Method))}, a seed 0 to "
            f"{MOST_SEED}"
        )
    source = database.transaction(lambda session: sources.find(session, name, listener_id, link_key))
    # a digest, so that nobody's pictures are kept with it
    key = hashlib.sha256(json.dumps([name, asdict(look), link_key]).encode()).hexdigest()
    if (known := _kept.get(key)) is not None:
        return known
    if not _asked.take(str(listener_id)):
        raise TooMany("so many pieces were shown that others must come first; wait a minute")
    return _kept.keep(key, _shown(generation, source, look, link_key))


def begin(database: Database, home: Path, listener_id: uuid.UUID, shown: ShownMusic, *, link_key: str = "") -> None:
    """Write the film of music that is ``shown``; it is there for an hour.

    Raises ``NotYours`` for music that is gone meanwhile, ``TooMany`` and ``NotReady``.
    """
    source = database.transaction(lambda session: sources.find(session, shown.name, listener_id, link_key))
    told = {**asdict(shown), "piece": source.notes, "domain": source.domain, "written": source.written}

    def prepared() -> Path:
        folder = Downloads(home).folder(listener_id, FILM_WITH_SOUND)
        (folder / TOLD).write_text(json.dumps(told), encoding="utf-8")
        return folder

    TASK.begin(database, home, listener_id, prepared)


def look(database: Database, home: Path, listener_id: uuid.UUID) -> Writing | None:
    """How far the listener's last film is, or what came of it; None where there is none of the last hour."""
    task = TASK.look(database, home, listener_id)
    if task is None or not task.folder.is_dir():
        return None
    if task.done:
        return Writing(task.folder, "done", 1.0, film=task.folder / MOVIE, ended=True)
    return Writing(task.folder, *task.stage, task.seconds_left, ended=task.ended, problem=task.problem)


def _shown(generation: RemoteGenerator, source: Source, look: Look, link_key: str) -> ShownMusic:
    piece, performance = source.piece, source.performance
    if len(piece.bars) > LONGEST_BARS:
        raise NotAllowed(f"the piece has {len(piece.bars)} bars; up to {LONGEST_BARS} can be shown")
    with answered("the picture model", "this music can't be shown"):
        drawn = generation.pictures(source.notes, source.music, look)
    bars_s = bars_in_seconds(piece, performance)
    times = np.interp(np.arange(len(drawn.moments)) / drawn.a_bar, np.arange(len(bars_s)), bars_s)
    seconds = round(sounding_seconds(piece, performance), 3)
    link = {"link": link_key} if link_key else {}
    return ShownMusic(
        name=source.name,
        title=source.called,
        subjects=drawn.subjects,
        moments=drawn.moments,
        times_s=np.minimum(times.round(3), seconds).tolist(),
        seconds=seconds,
        notes=notes_in_seconds(piece, None, performance),
        audio_url=f"/api/studio/{source.name}/flac{media.played(**link)}",
    )
