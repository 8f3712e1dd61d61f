"""A listener's film set to music, a long task: it is followed stage by stage, found again and can be stopped."""

from __future__ import annotations

import hashlib
import json
import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from models.picture.shorts import SHORTS
from models.style.bundle import WEIGHTS
from webapp.runtime.database import Database
from webapp.runtime.errors import NotAllowed, Problem
from webapp.runtime.limits import FILM_BYTES
from webapp.runtime.listener_files import FILM_WITH_SOUND, Downloads
from webapp.runtime.long_tasks import LongTask

Method = Literal["annotated", "learned", "axes", "rotation"]
LINKS = "links.json"  # of the listener, where the method is learned
MOVIE, NOTES, SOUND = FILES = ("film.mp4", "film.mid", "film.wav")
MOST_FILES = 40  # pictures
SHORT, SHORT_SEED = ".short", 1  # how a source is called that names a film made here; the music that is kept of it
LONGEST_S = 180.0
SECONDS = 900  # that the work may take
MOST_SEED = 1_000_000
MADE = "made.json"  # of a film that is kept
SHORT_MODELS = ("drawings-cpu", "picture-cpu", "tie-cpu")

TASK = LongTask(
    "film",
    "webapp.film.scoring_process",
    SECONDS,
    busy="another film is being set to music; it takes a minute or two, try again then",
    broken="the film could not be set to music in the time and memory there is; try a shorter or smaller one",
)


@dataclass(frozen=True)
class Made:
    """What was made: seconds and bars of the film, how many of its cuts have a bar line (``met``), and the tempi.

    ``seed``: with which the music was composed; ``refused``: how many seeds before it gave a copy of a song.
    """

    seconds: float
    bars: int
    cuts: int
    met: int
    notes: int
    slowest_bpm: float
    fastest_bpm: float
    seed: int
    refused: int

    @property
    def again(self) -> str:
        """A sentence on why the seed isn't the one that was asked for; "" where it is."""
        if not self.refused:
            return ""
        times = "once" if self.refused == 1 else f"{self.refused} times"
        return f"What was composed first copied a song, so it was composed again {times}, with seed {self.seed}."


@dataclass(frozen=True)
class Scoring:
    """How far it is: the ``stage`` and the ``share`` of it that is done; at the end what was ``made``, as ``files``.

    ``ended`` without ``made``: it was stopped, or there is a ``problem``. ``short``: it is one of ours.
    ``seconds_left``: as the films before it took, None where unknown.
    """

    stage: str = ""
    share: float = 0.0
    seconds_left: float | None = None
    made: Made | None = None
    files: tuple[Path, ...] = ()
    ended: bool = False
    problem: Problem | None = None
    short: bool = False


def methods() -> tuple[Method, ...]:
    """The methods for which this installation has a model: a tie is fitted for one picture model alone."""
    pictures, tie = (_card(WEIGHTS / name) for name in ("picture-cpu", "tie-cpu"))
    fits = bool(tie) and tie.get("pictures") == pictures.get("version")
    return ("annotated", "learned", *(("axes", "rotation") if fits else ()))


def require_size(total: int) -> None:
    """Raises ``NotAllowed`` where all files together have too many bytes."""
    if total > FILM_BYTES:
        given, allowed = math.ceil(total / 1e6), FILM_BYTES // 1_000_000
        raise NotAllowed(
            f"the files have {given} MB together, at most {allowed} MB are allowed; give fewer or smaller ones"
        )


def begin(
    database: Database,
    home: Path,
    listener_id: uuid.UUID,
    files: Sequence[tuple[str, bytes]],
    *,
    method: str,
    seed: int,
    style_folder: Path,
    links: Sequence[Sequence[float]] | None = None,
    kept: Path | None = None,
) -> None:
    """Set one film, or pictures, to music; what came of it is there for an hour.

    ``links`` are the listener's own, for the method "learned". ``kept``: where it is kept for everybody.

    Raises ``NotAllowed`` for what can't be used, ``TooMany`` for a listener who asks without end, and ``NotReady``.
    """
    if method not in get_args(Method) or not 0 <= seed <= MOST_SEED:
        raise NotAllowed(
            f"{method!r} and {seed} were given; a way is one of {', '.join(get_args(Method))}, a seed 0 to {MOST_SEED}"
        )
    if not 0 < len(files) <= MOST_FILES:
        raise NotAllowed(f"{len(files)} files were given; one film is needed, or 1 to {MOST_FILES} pictures")
    require_size(sum(len(data) for _, data in files))

    def prepared() -> Path:
        folder = Downloads(home).folder(listener_id, FILM_WITH_SOUND)
        sources = folder / "sources"
        sources.mkdir()
        for number, (name, data) in enumerate(files):
            (sources / f"{number:03}{Path(name).suffix.lower()}").write_bytes(data)
        if links is not None:
            (folder / LINKS).write_text(json.dumps(links), encoding="utf-8")
        return folder

    given = [method, str(seed), str(LONGEST_S), str(style_folder), *([str(kept)] if kept else [])]
    TASK.begin(database, home, listener_id, prepared, given, short=files[0][0].endswith(SHORT))


def begin_short(
    database: Database,
    home: Path,
    listener_id: uuid.UUID,
    name: str,
    *,
    method: str,
    seed: int,
    style_folder: Path,
    links: Sequence[Sequence[float]] | None = None,
) -> Scoring | None:
    """As ``begin``, for one of ``SHORTS``, which is made here; what its first music came to is kept, and given at once.

    Raises ``NotAllowed`` for a name that there is not, and as ``begin`` does.
    """
    if name not in SHORTS:
        raise NotAllowed(f"there is no film {name[:40]!r}; there are {', '.join(SHORTS)}")
    models = "".join(str(_card(each).get("version")) for each in (style_folder, *map(WEIGHTS.joinpath, SHORT_MODELS)))
    of = hashlib.sha256(f"{SHORTS[name]}{models}".encode()).hexdigest()[:12]
    kept = home / "cache" / "shorts" / f"{name}-{method}-{of}" if seed == SHORT_SEED and links is None else None
    if kept and (kept / MADE).is_file():
        made = Made(**json.loads((kept / MADE).read_text(encoding="utf-8")))
        return Scoring("done", 1.0, made=made, files=tuple(kept / each for each in FILES), ended=True, short=True)
    source = [(f"{name}{SHORT}", name.encode())]
    begin(
        database, home, listener_id, source, method=method, seed=seed, style_folder=style_folder, links=links, kept=kept
    )
    return None


def look(database: Database, home: Path, listener_id: uuid.UUID) -> Scoring | None:
    """How far the listener's last film is, or what came of it; None where there is none of the last hour."""
    task = TASK.look(database, home, listener_id)
    if task is None or not task.folder.is_dir():
        return None
    short = bool(task.about.get("short"))
    if task.done:
        files, made = tuple(task.folder / name for name in FILES), Made(**task.lines[-1]["made"])
        return Scoring("done", 1.0, made=made, files=files, ended=True, short=short)
    return Scoring(*task.stage, task.seconds_left, ended=task.ended, problem=task.problem, short=short)


def _card(folder: Path) -> dict[str, Any]:
    card = folder / "card.json"
    return json.loads(card.read_text(encoding="utf-8")) if card.is_file() else {}
