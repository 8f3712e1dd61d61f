"""How well some sounds will be liked: the network's rating of each, best first, and what raised and lowered it.

The sounds are files that were brought, or clips and pieces of a listener's studio, from their first note to their last.
"""

from __future__ import annotations

import io
import json
import tempfile
import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import soundfile

from models.atlas.points import Track, known_tracks
from models.music.decoding import LONGEST_S, SoundError
from models.style.bundle import CARD, WEIGHTS, model_folder
from webapp.rating import untrusted_audio
from webapp.runtime import supervised_process
from webapp.runtime.errors import NotAllowed, NotReady, TooMany
from webapp.runtime.limits import UPLOADS_A_SECOND, UPLOADS_AT_ONCE, Buckets
from webapp.runtime.waiting import slot
from webapp.studio import formats
from webapp.studio.pieces import source_of
from webapp.studio.studio import Studio

MODEL = "rating-cpu"
RUN = "rating"  # below the folder of runs
TRAINED = Path(RUN) / "bundle"
MOST_FILES = 12
AT_ONCE = 2  # processes that listen
BIASES, MEL, ORDERINGS = "biases.json", "mel.json", "orderings.json"
Ears = Literal["tagger", "mel"]
SECONDS = 180  # for all sounds of a request
LONGEST_NAME = 80

Grid = npt.NDArray[np.float32]
Sound = tuple[int, npt.NDArray[np.float32]]
_slots = threading.BoundedSemaphore(AT_ONCE)
_asked = Buckets(UPLOADS_A_SECOND, UPLOADS_AT_ONCE)
CALLED = {"pop": "pop piano", "dance": "dance tune", "chorale": "chorale"}


def sound_of(wav: bytes) -> Sound:
    """What a WAV file holds, as a player of a page takes it: samples a second, and the samples."""
    samples, rate = soundfile.read(io.BytesIO(wav), dtype="float32")
    return rate, samples


@dataclass(frozen=True)
class RatedSound:
    """A file and how well it will be liked: ``p`` with its 95 % interval, and the share of the collection below it.

    All of these are None where the sound is unlike anything heard (``outlier`` above 1), or where ``problem`` says why
    it can't be rated. ``x`` and ``y``: its place on the map of ``tracks``, where there is one, and the names of those
    ``nearest`` to it. ``picture`` and ``attribution``: ``(bands, columns)`` of ``shown_s`` seconds, for a page.
    """

    name: str
    seconds: float = 0.0
    outlier: float = 0.0
    p: float | None = None
    low: float | None = None
    high: float | None = None
    rank: float | None = None
    x: float | None = None
    y: float | None = None
    nearest: tuple[str, ...] = ()
    shown_s: float = 0.0
    problem: str = ""
    remarks: tuple[str, ...] = ()
    picture: Grid | None = field(default=None, compare=False)
    attribution: Grid | None = field(default=None, compare=False)


def model(runs: Path) -> str:
    """The network to ask: the shipped one, else the one that was trained into ``runs``; empty where there is none."""
    places = {MODEL: WEIGHTS / MODEL, str(runs / TRAINED): runs / TRAINED}
    return next((name for name, folder in places.items() if (folder / "card.json").is_file()), "")


def tracks(model: str) -> tuple[Track, ...]:
    """The tracks on the map of the network's collection; none where there is no map."""
    if not model:
        return ()
    folder = model_folder(model)
    try:
        version = str(json.loads((folder / CARD).read_text(encoding="utf-8"))["version"])
    except (OSError, ValueError, KeyError):
        return ()
    return known_tracks(folder, version)


def biases(model: str) -> list[dict[str, Any]]:
    """What the likes that a network learned from depend on beside the sound (``models.rating.plays``); may be none."""
    path = model_folder(model) / BIASES if model else None
    if path is None or not path.is_file():
        return []
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["biases"]
    return found


def has_mel(model: str) -> bool:
    """Whether networks that learned here alone lie beside the network."""
    return bool(model) and (model_folder(model) / MEL).is_file()


def orderings(model: str) -> dict[str, dict[str, Any]]:
    """How well each method orders pairs: by folder of sounds (``models.evaluate.rating --save``), then by figure."""
    path = model_folder(model) / ORDERINGS if model else None
    if path is None or not path.is_file():
        return {}
    found = json.loads(path.read_text(encoding="utf-8"))
    return {place: {name: each for line in lines for name, each in line["metrics"].items()}
            for place, lines in found.items()}  # fmt: skip


def rate(
    listener_id: uuid.UUID, files: Sequence[tuple[str, bytes]], *, model: str, ears: Ears = "tagger"
) -> list[RatedSound]:
    """Rate files of one listener: the best first, then what is unlike anything heard, then what can't be rated.

    Raises ``NotAllowed`` for too many or none, ``TooMany`` for a listener who asks without end, and ``NotReady``.
    """
    if not 0 < len(files) <= MOST_FILES:
        raise NotAllowed(f"{len(files)} sounds were given; 1 to {MOST_FILES} can be rated at once")
    if not model:
        raise NotReady("there is no rating network here; python -m models.train.rating makes one")
    if ears == "mel" and not has_mel(model):
        raise NotReady("no networks without a tagger are here; python -m models.train.rating --mel makes them")
    if not all(_asked.take(str(listener_id)) for _ in files):
        raise TooMany("so many sounds were rated that others must come first; wait a minute")
    with slot(_slots, NotReady("other sounds are being rated; nothing is lost, try again in a moment")):
        return _rated(files, model, ears)


def _rated(files: Sequence[tuple[str, bytes]], model: str, ears: Ears) -> list[RatedSound]:
    broken, whole, lengths = [], [], []
    for given, data in files:
        name = " ".join(given.split())[-LONGEST_NAME:] or "the sound"
        try:
            sound = untrusted_audio.decode(data, name)
        except SoundError as error:
            broken.append(RatedSound(name, problem=str(error)))
            continue
        whole.append((name, sound.rate_hz, sound.samples))
        lengths.append(sound.seconds)
    if not whole:
        return broken
    with tempfile.TemporaryDirectory(prefix="kallos-rating-") as place:
        folder = Path(place)
        np.savez(folder / "sounds.npz", allow_pickle=False, **{str(n): each[2] for n, each in enumerate(whole)})
        (folder / "sounds.json").write_text(json.dumps([each[:2] for each in whole]), encoding="utf-8")
        supervised_process.run_program(
            "webapp.rating.rating_process", place, model, ears, seconds=SECONDS,
            late="the sounds could not be rated in time; try fewer at once",
            broken="the rating network did not answer; it is in the log, try again in a moment",
        )  # fmt: skip
        answer = json.loads((folder / "ratings.json").read_text(encoding="utf-8"))
        with np.load(folder / "pictures.npz") as pictures:
            sounds = [
                _sound(told, length, pictures.get(f"picture{n}"), pictures.get(f"attribution{n}"))
                for n, (told, length) in enumerate(zip(answer["sounds"], lengths, strict=True))
            ]
    placed = [sounds[at] for at in answer["order"]]
    return [*placed, *(each for each in sounds if each.problem), *broken]


def _sound(told: dict[str, Any], length: float, picture: Grid | None, attribution: Grid | None) -> RatedSound:
    remarks, nearest = ([str(each) for each in told.pop(key, [])] for key in ("remarks", "nearest"))
    if length > LONGEST_S + 1:
        remarks.append(f"{told['name']} lasts {length / 60:.0f} minutes; the first two are heard")
    return RatedSound(**told, remarks=tuple(remarks), nearest=tuple(nearest), picture=picture, attribution=attribution)


def sounds_of_clips(studio: Studio, listener_id: uuid.UUID, names: Sequence[str]) -> list[tuple[str, bytes]]:
    """A title and an MP3 of each of ``names`` (``clips/ID`` or ``pieces/ID``), as ``rated_sounds.rate`` takes them.

    Raises ``NotAllowed`` for too many and ``NotYours`` for what this listener may not hear.
    """
    if len(names) > MOST_FILES:
        raise NotAllowed(f"{len(names)} clips were given; {MOST_FILES} can be rated at once")
    sources = [source_of(studio, listener_id, name) for name in names]
    return [(each.title or CALLED[each.domain], formats.sound(each, "mp3")) for each in sources]
