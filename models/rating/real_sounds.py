"""Real sounds for the critic of realness, as log-mel pictures: which ones there are, and what they are of.

First the excerpts beside a rating model, of the tracks that it was trained on; then Emotify, where ``KALLOS_CORPORA``
has it; then pieces rendered on the piano that ships. Pictures are saved in 256 levels, without the sounds themselves.
Loaded without torch, for the page that says which they are.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load, save

from models.experiments.provenance import commit
from models.music.corpora import corpora_folder, default_cache
from models.music.decoding import SoundError
from models.music.files import replacing
from models.rating.mel_bands import MELS
from models.style.bundle import model_folder

Picture = npt.NDArray[np.float32]
Read = tuple[list[Picture], list[str]]  # pictures and digests

PICTURES, ABOUT = "real.safetensors", "real.json"
EMOTIFY = Path("emotify") / "audio"
EXCERPTS, FRAMES = 48, 375  # six seconds each
PIECES, WHOLE_FRAMES = 6, 2000  # rendered of each collection; longer than each of them
SEED = 23
LEVELS = 255
log = logging.getLogger(__name__)
REMADE = "make it again by python -m models.train.rating --data FOLDER --excerpts"


@dataclass(frozen=True)
class RealSounds:
    """Pictures ``(MELS, frames)`` of real sounds; ``digests`` name the files that they are of."""

    pictures: tuple[Picture, ...]
    digests: tuple[str, ...]
    about: Mapping[str, Any]


def excerpts(
    pictures: Sequence[Picture], *, seed: int, count: int = EXCERPTS, frames: int = FRAMES
) -> tuple[list[int], list[Picture]]:
    """``count`` of the tracks at most, in random order, and a random excerpt of ``frames`` of each."""
    rng = np.random.default_rng([seed, SEED])
    rows = rng.permutation(len(pictures))[:count].tolist()
    found = []
    for row in rows:
        start = int(rng.integers(max(pictures[row].shape[1] - frames, 0) + 1))
        found.append(pictures[row][:, start : start + frames])
    return rows, found


def save_real(
    folder: Path,
    pictures: Sequence[Picture],
    digests: Sequence[str],
    *,
    seed: int,
    about: Mapping[str, Any],
    frames: int = FRAMES,
) -> None:
    """Write excerpts of some of the tracks, and what ``about`` says of them, into ``folder``."""
    rows, chosen = excerpts(pictures, seed=seed, frames=frames)
    low, high = min(float(each.min()) for each in chosen), max(float(each.max()) for each in chosen)
    step = (high - low) / LEVELS
    packed = save({f"{at}": np.round((each - low) / step).astype(np.uint8) for at, each in enumerate(chosen)})
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / PICTURES) as part:
        part.write_bytes(packed)
    card = {
        **about, "excerpts": len(rows), "tracks": len(pictures), "low": low, "step": step,
        "digests": [digests[row] for row in rows], "seed": seed, "commit": commit(),
        "sha256": hashlib.sha256(packed).hexdigest(),
    }  # fmt: skip
    with replacing(folder / ABOUT) as part:
        part.write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def remove_real(folder: Path) -> None:
    """Delete the excerpts in ``folder``, if there are any."""
    for name in (ABOUT, PICTURES):
        (folder / name).unlink(missing_ok=True)


def load_real(folder: Path) -> RealSounds | None:
    """The excerpts in ``folder``, None where there are none; raises ``ValueError`` for a file that isn't whole."""
    about = _about(folder)
    if about is None:
        return None
    packed = (folder / PICTURES).read_bytes() if (folder / PICTURES).is_file() else b""
    if hashlib.sha256(packed).hexdigest() != about["sha256"]:
        raise ValueError(f"{folder / PICTURES} is not the file that {ABOUT} describes; {REMADE}")
    coded, count = load(packed), len(about["digests"])
    names = {f"{at}" for at in range(count)}
    if set(coded) != names or any(each.dtype != np.uint8 or each.shape[:1] != (MELS,) for each in coded.values()):
        raise ValueError(f"{folder / PICTURES} holds no {count} pictures of {MELS} bands; {REMADE}")
    pictures = tuple(
        np.asarray(about["low"] + about["step"] * coded[f"{at}"].astype(np.float32), dtype=np.float32)
        for at in range(count)
    )
    return RealSounds(pictures, tuple(about["digests"]), about)


def _about(folder: Path) -> dict[str, Any] | None:
    path = folder / ABOUT
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        _ = found["sha256"], found["low"] + found["step"], len(found["digests"]), found["excerpts"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} doesn't describe excerpts ({error}); {REMADE}") from error
    return dict(found)


def _songs() -> list[Path]:
    """Some files of Emotify, always the same; none where it isn't there."""
    root = corpora_folder()
    files = sorted((root / EMOTIFY).glob("*.*")) if root else []
    return [files[row] for row in np.random.default_rng(SEED).permutation(len(files))[:EXCERPTS]]


def _kept(name: str, read: Callable[[], Read], about: Mapping[str, Any], *, frames: int) -> RealSounds | None:
    """Excerpts of the pictures and digests that ``read`` gives, kept in the cache by ``name``; None of none."""
    cache = default_cache() / name
    try:
        kept = load_real(cache)
    except (OSError, ValueError):
        kept = None
    if kept:
        return kept
    pictures, digests = read()
    if not pictures:
        return None
    try:
        save_real(cache, pictures, digests, seed=SEED, about=about, frames=frames)
        return load_real(cache)
    except (OSError, ValueError) as error:  # they are made again the next time
        log.warning("real_sounds_not_kept folder=%s error=%s", cache, error)
    rows, chosen = excerpts(pictures, seed=SEED, frames=frames)
    return RealSounds(tuple(chosen), tuple(digests[row] for row in rows), about)


def _heard_songs() -> RealSounds | None:
    """Excerpts of Emotify; None where it can't be read."""
    songs = _songs()

    def read() -> Read:
        from models.rating.sound import log_mel, read_sound  # noqa: PLC0415 (torch, where sounds are read)

        sounds = []
        for file in songs:
            try:
                sounds.append(read_sound(file))
            except SoundError as error:
                log.warning("no_real_sound file=%s error=%s", file.name, error)
        return [log_mel(sound.samples) for sound in sounds], [sound.digest for sound in sounds]

    name = f"songs-{hashlib.sha256(str(songs).encode()).hexdigest()[:16]}"
    return _kept(name, read, {"of": "Emotify", "terms": "research only"}, frames=FRAMES) if songs else None


def _renders() -> RealSounds | None:
    """Twenty seconds of pieces that music21 distributes, on the piano that ships; None where it has none."""

    def read() -> Read:
        from models.rating.synthetic import piano_pictures  # noqa: PLC0415 (torch, where sounds are made)

        pictures = piano_pictures(PIECES)
        return pictures, [hashlib.sha256(picture.tobytes()).hexdigest() for picture in pictures]

    return _kept(f"renders-{PIECES}", read, {"of": "pieces of music21"}, frames=WHOLE_FRAMES)


def real_sounds(model: str | Path) -> RealSounds:
    """What a critic of dreams by the rating model ``model`` listens to; raises ``ValueError`` where there is nothing.

    The order is that of the module docstring.
    """
    found = load_real(model_folder(model)) or _heard_songs() or _renders()
    if found is None:
        raise ValueError("music21 has no chorale and no tune here; install Kallos again")
    return found


def sentence(model: str | Path) -> str:
    """Says which sounds ``real_sounds`` gives for ``model``, without reading them."""
    own = _about(model_folder(model))
    if own:
        known = f"{own['excerpts']} of the tracks that this network was trained on"
    elif songs := _songs():
        known = f"{len(songs)} songs of Emotify"
    else:
        known = f"{PIECES} chorales and {PIECES} Irish tunes, played on the piano that comes with Kallos"
    return f"The critic of realness knows music from {known}."
