"""What training and evaluation work on: the pictures of the tracks that can be read, and what is known of them."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from models.music.decoding import SoundError

from .plays import FEWEST, Plays, PlaysError, target
from .reliability import equal_exposure
from .sound import Sound, read_sound
from .spectrogram import log_mel

Floats = npt.NDArray[np.float64]
Picture = npt.NDArray[np.float32]
TRACKS_A_GENRE = 5  # on average, or there is nothing to learn of genres
USUAL = 20.0  # listenings after which a track counts half of what it could


@dataclass(frozen=True)
class Material:
    """Tracks and their pictures ``(MELS, frames)``; ``digests`` name the sounds, whatever the files are called.

    ``smooth``: p is liked / played · log(1 + liked), in which a single like counts.
    """

    plays: Plays
    pictures: tuple[Picture, ...]
    digests: tuple[str, ...]
    smooth: bool = False

    @property
    def p(self) -> Floats:
        """The target as the mission has it, ``(tracks,)``."""
        return target(self.plays.played, self.plays.liked, smooth=self.smooth)

    @property
    def even(self) -> Floats:
        """The target at equal exposure, ``(tracks,)``."""
        return equal_exposure(self.plays.played, self.plays.liked, smooth=self.smooth)

    @property
    def weight(self) -> Floats:
        """How much a track's p says, by how often it was played, ``(tracks,)``."""
        played = self.plays.played.astype(np.float64)
        return played / (played + USUAL)

    @property
    def genres(self) -> Floats:
        """Which genre each track is of, ``(tracks, genres)``; none where they are told of few tracks each."""
        kinds = sorted(set(self.plays.genres))
        kinds = kinds if 1 < len(kinds) <= len(self.plays.genres) / TRACKS_A_GENRE else []
        return np.array([[name == kind for kind in kinds] for name in self.plays.genres], dtype=np.float64)

    @property
    def hash(self) -> str:
        """Digest of the sounds and their counts, whatever their order."""
        counts = zip(self.plays.played.tolist(), self.plays.liked.tolist(), strict=True)
        lines = sorted(f"{d} {n} {k}" for d, (n, k) in zip(self.digests, counts, strict=True))
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def sounds_of(plays: Plays, *, quiet: bool = False) -> tuple[Plays, list[Sound]]:
    """The tracks whose files can be read, and their sounds; one line on stderr for each that can't, and each remark."""
    kept, sounds = [], []
    lines = list(plays.remarks)
    for row, file in enumerate(track(plays.files, "sounds", console=Console(stderr=True), disable=quiet)):
        try:
            sound = read_sound(file)
        except SoundError as error:
            lines.append(f"{error}: left out")
            continue
        lines += sound.remarks
        kept.append(row)
        sounds.append(sound)
    for line in lines:
        print(line, file=sys.stderr)
    if len(kept) < FEWEST:
        raise PlaysError(f"{len(kept)} tracks can be read; {FEWEST} are needed")
    return plays.choose(kept), sounds


def load_material(plays: Plays, *, smooth: bool = False, cache: Path | None = None, quiet: bool = False) -> Material:
    """Pictures of ``plays``, kept in the folder ``cache`` for the next time; raises ``PlaysError``."""
    chosen, sounds = sounds_of(plays, quiet=quiet)
    pictures = tuple(_picture(sound, cache) for sound in sounds)
    return Material(chosen, pictures, tuple(sound.digest for sound in sounds), smooth)


def limited(plays: Plays, most: int | None) -> Plays:
    """The first ``most`` tracks."""
    return plays.choose(range(min(most, len(plays.clips)))) if most else plays


def _picture(sound: Sound, cache: Path | None) -> Picture:
    if cache is None:
        return log_mel(sound.samples)
    path = cache / f"{sound.digest}.npy"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.save(file, log_mel(sound.samples))
        part.replace(path)
    return np.asarray(np.load(path), dtype=np.float32)
