"""A listener's film set to music in a process of its own, which is followed stage by stage and can be ended."""

from __future__ import annotations

import hashlib
import json
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from models.picture.shorts import SHORTS
from models.style.bundle import WEIGHTS
from webapp.runtime.errors import NotAllowed, NotReady, TooMany
from webapp.runtime.followed_process import Followed, FollowedProcess
from webapp.runtime.limits import UPLOADS_A_SECOND, UPLOADS_AT_ONCE, Buckets

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

_films = FollowedProcess(
    "webapp.film.scoring_process",
    SECONDS,
    "another film is being set to music; it takes a minute or two, try again then",
)
_asked = Buckets(UPLOADS_A_SECOND, UPLOADS_AT_ONCE)


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
    """How far it is: the ``stage`` and the ``share`` of it that is done; at the end what was ``made``, with ``files``.

    ``ended`` without ``made``: it was stopped. ``seconds_left``: as the films before it took, None where unknown.
    """

    stage: str = ""
    share: float = 0.0
    seconds_left: float | None = None
    made: Made | None = None
    files: tuple[tuple[str, bytes], ...] = ()
    ended: bool = False


def methods() -> tuple[Method, ...]:
    """The methods for which this installation has a model: axes were fitted for one picture model alone."""
    pictures, tie = (_card(WEIGHTS / name) for name in ("picture-cpu", "tie-cpu"))
    fits = bool(tie) and tie.get("pictures") == pictures.get("version")
    return ("annotated", "learned", *(("axes",) if fits else ()), *(("rotation",) if pictures else ()))


def follow(
    listener_id: uuid.UUID,
    files: Sequence[tuple[str, bytes]],
    method: str,
    seed: int,
    *,
    style_folder: Path,
    links: Sequence[Sequence[float]] | None = None,
) -> Iterator[Scoring]:
    """Set one film, or pictures, to music; some twice a second how far it is. Closing the iterator ends it.

    ``links`` are the listener's own, for the method "learned".

    Raises ``NotAllowed`` for what can't be used, ``TooMany`` for a listener who asks without end, and ``NotReady``.
    """
    if method not in get_args(Method) or not 0 <= seed <= MOST_SEED:
        raise NotAllowed(
            f"{method!r} and {seed} were given; a way is one of {', '.join(get_args(Method))}, a seed 0 to {MOST_SEED}"
        )
    if not 0 < len(files) <= MOST_FILES:
        raise NotAllowed(f"{len(files)} files were given; one film is needed, or 1 to {MOST_FILES} pictures")
    if not _asked.take(str(listener_id)):
        raise TooMany("so many films were set to music that others must come first; wait a minute")
    with tempfile.TemporaryDirectory(prefix="kallos-film-") as place:
        folder = Path(place)
        sources = folder / "sources"
        sources.mkdir()
        for number, (name, data) in enumerate(files):
            (sources / f"{number:03}{Path(name).suffix.lower()}").write_bytes(data)
        if links is not None:
            (folder / LINKS).write_text(json.dumps(links), encoding="utf-8")
        given = [method, str(seed), str(LONGEST_S), str(style_folder)]
        with _films.begun(listener_id, lambda: folder, given) as film:
            yield _read(film, listener_id)
            while film.goes_on():
                yield _read(film, listener_id)
        yield _ended(film)


def follow_short(
    home: Path,
    listener_id: uuid.UUID,
    name: str,
    method: str,
    seed: int,
    *,
    style_folder: Path,
    links: Sequence[Sequence[float]] | None = None,
) -> Iterator[Scoring]:
    """As ``follow``, for one of ``SHORTS``, which is made here; what its first music came to is kept for everybody.

    Raises ``NotAllowed`` for a name that there is not, and as ``follow`` does.
    """
    if name not in SHORTS:
        raise NotAllowed(f"there is no film {name[:40]!r}; there are {', '.join(SHORTS)}")
    models = "".join(str(_card(each).get("version")) for each in (style_folder, *map(WEIGHTS.joinpath, SHORT_MODELS)))
    of = hashlib.sha256(f"{SHORTS[name]}{models}".encode()).hexdigest()[:12]
    kept = home / "cache" / "shorts" / f"{name}-{method}-{of}"
    if seed == SHORT_SEED and (kept / MADE).is_file():
        made = Made(**json.loads((kept / MADE).read_text(encoding="utf-8")))
        files = tuple((each, (kept / each).read_bytes()) for each in FILES)
        yield Scoring("done", 1.0, made=made, files=files, ended=True)
        return
    source = [(f"{name}{SHORT}", name.encode())]
    for now in follow(listener_id, source, method, seed, style_folder=style_folder, links=links):
        if now.made and seed == SHORT_SEED and links is None:
            kept.mkdir(parents=True, exist_ok=True)
            for each, data in (*now.files, (MADE, json.dumps(asdict(now.made)).encode())):
                (kept / f"{each}.part").write_bytes(data)
                (kept / f"{each}.part").replace(kept / each)  # the last one says that all are whole
        yield now


def end(listener_id: uuid.UUID) -> None:
    """End the work on the listener's film, where one is being worked on."""
    _films.end(listener_id)


def _ended(film: Followed) -> Scoring:
    """What came of it; raises ``NotAllowed`` with what is wrong with the film, or ``NotReady``."""
    told = _lines(film)
    last = told[-1] if told else {}
    if problem := last.get("problem"):
        raise NotAllowed(str(problem))
    if film.status > 0 or (film.status == 0 and "made" not in last):
        raise NotReady(
            "the film could not be set to music in the time and memory there is; try a shorter or smaller one"
        )
    if film.status < 0:
        return Scoring(ended=True)
    files = tuple((name, (film.folder / name).read_bytes()) for name in FILES)
    return Scoring("done", 1.0, made=Made(**last["made"]), files=files, ended=True)


def _card(folder: Path) -> dict[str, Any]:
    card = folder / "card.json"
    return json.loads(card.read_text(encoding="utf-8")) if card.is_file() else {}


def _read(film: Followed, listener_id: uuid.UUID) -> Scoring:
    told = [{"stage": "", "share": 0.0}, *(each for each in _lines(film) if "stage" in each)][-1]
    return Scoring(told["stage"], told["share"], _films.seconds_left(listener_id))


def _lines(film: Followed) -> list[dict[str, Any]]:
    return [json.loads(line) for line in film.lines()]
