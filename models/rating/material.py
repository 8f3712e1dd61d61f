"""What training and evaluation work on: the pictures of tracks that can be read, and random excerpts of them, changed.

Augmentation is the same music a little louder, higher or faster, or through a duller microphone, in the log-mel
picture. A phase vocoder's stretch of magnitudes is interpolation along time (Flanagan & Golden 1966), and another pitch
moves each mel band to the band of its frequency: both are done where the picture is, so every step sees new ones.

The judge sees pictures that are drawn anew at every step. What the rating networks see comes from a tagger that takes a
tenth of a second for three of sound, so a few excerpts of each track are drawn once and kept.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.progress import track
from safetensors.torch import load_file, save_file

from models.music.decoding import SoundError
from models.music.files import replacing
from models.rating.mel_bands import MELS, band_centres_hz, mel_of_hz
from models.rating.plays import FEWEST, Plays, PlaysError, equal_exposure, target
from models.rating.sound import DARK, Sound, log_mel, read_sound
from models.rating.tagger import WINDOW, FeatureExtractor, Features

Floats = npt.NDArray[np.float64]
Picture = npt.NDArray[np.float32]
Floats32 = npt.NDArray[np.float32]

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
        with replacing(path) as part, part.open("wb") as file:
            np.save(file, log_mel(sound.samples))
    return np.asarray(np.load(path), dtype=np.float32)


@dataclass(frozen=True)
class Augmentation:
    """The most of each: decibels, semitones, share of the tempo; and how often the upper bands are cut off."""

    gain_db: float = 4.0
    semitones: float = 2.0
    stretch: float = 0.15
    dull: float = 0.1


def gain(picture: Picture, decibels: float) -> Picture:
    """Louder or softer; nothing falls below the floor."""
    return np.asarray(np.maximum(picture + decibels * np.log(10) / 10, DARK), dtype=np.float32)


def pitch_shift(picture: Picture, semitones: float) -> Picture:
    """``(MELS, frames)`` of the same music at another pitch; what comes from above the highest band is silent."""
    centres = band_centres_hz()
    bands = mel_of_hz(centres)
    place = np.interp(mel_of_hz(centres / 2 ** (semitones / 12)), bands, np.arange(MELS), right=np.nan, left=0.0)
    known = np.isfinite(place)
    low = np.clip(np.floor(np.nan_to_num(place)).astype(int), 0, MELS - 2)
    share = (np.nan_to_num(place) - low).astype(np.float32)[:, None]
    moved = picture[low] * (1 - share) + picture[low + 1] * share
    moved[~known] = DARK
    return np.asarray(moved, dtype=np.float32)


def time_stretch(picture: Picture, frames: int, start: float, speed: float) -> Picture:
    """``frames`` frames from ``start`` on, ``speed`` times as fast."""
    place = np.clip(start + speed * np.arange(frames), 0, picture.shape[1] - 1)
    low = np.minimum(place.astype(int), max(picture.shape[1] - 2, 0))
    share = (place - low).astype(np.float32)
    high = np.minimum(low + 1, picture.shape[1] - 1)
    return np.asarray(picture[:, low] * (1 - share) + picture[:, high] * share, dtype=np.float32)


def dulled(picture: Picture, bands: int) -> Picture:
    """As through a telephone: nothing in the bands from ``bands`` on."""
    found = picture.copy()
    found[bands:] = DARK
    return found


def drawn(picture: Picture, frames: int, most: Augmentation, rng: np.random.Generator) -> Picture:
    """A random excerpt ``(MELS, at most frames)`` of ``picture``, changed by at most ``most``."""
    speed = float(np.exp(rng.uniform(-1, 1) * np.log1p(most.stretch)))
    frames = min(frames, max(1, int((picture.shape[1] - 1) / speed)))
    start = rng.uniform(0, max(picture.shape[1] - 1 - speed * (frames - 1), 0))
    found = time_stretch(picture, frames, start, speed)
    if most.semitones:
        found = pitch_shift(found, rng.uniform(-1, 1) * most.semitones)
    if rng.random() < most.dull:
        found = dulled(found, int(rng.integers(MELS // 2, MELS)))
    return gain(found, rng.uniform(-1, 1) * most.gain_db) if most.gain_db else found


@dataclass(frozen=True)
class Drawn:
    """What a network sees of some excerpts ``(rows, …)``, where the mask ``(rows, steps)`` is 1."""

    seen: Floats32
    mask: Floats32


@dataclass(frozen=True)
class PictureExcerpts:
    """Excerpts ``(rows, MELS, frames)`` of ``pictures``."""

    pictures: Sequence[Picture]
    augmentation: Augmentation
    frames: int

    def draw(self, rows: npt.NDArray[np.int64], rng: np.random.Generator) -> Drawn:
        """An excerpt of each of ``rows``."""
        seen = np.zeros((len(rows), MELS, self.frames), dtype=np.float32)
        mask = np.zeros((len(rows), self.frames), dtype=np.float32)
        for at, row in enumerate(rows):
            excerpt = drawn(self.pictures[row], self.frames, self.augmentation, rng)
            seen[at, :, : excerpt.shape[1]] = excerpt
            mask[at, : excerpt.shape[1]] = 1
        return Drawn(seen, mask)


@dataclass(frozen=True)
class FeatureExcerpts:
    """Of every sound a few excerpts: ``(sounds, excerpts, windows, width)``, and their mask."""

    features: Features

    @classmethod
    def of(
        cls,
        pictures: Sequence[Picture],
        extractor: FeatureExtractor,
        augmentation: Augmentation,
        windows: int,
        each: int,
        *,
        seed: int,
        kept: Path | None = None,
        about: str = "",
    ) -> FeatureExcerpts:
        """``each`` of every sound, drawn by ``seed``; in the folder ``kept`` for the next time, named by ``about``."""
        said = json.dumps([about, len(pictures), asdict(augmentation), windows, each, seed])
        path = kept / f"excerpts-{hashlib.sha256(said.encode()).hexdigest()[:16]}.safetensors" if kept else None
        if path and path.exists():
            return cls(Features(**load_file(path)))
        found = Features(
            torch.zeros(len(pictures), each, windows, extractor.width),
            torch.zeros(len(pictures), each, windows),
        )
        with torch.inference_mode():
            for row, picture in enumerate(track(pictures, "excerpts", console=Console(stderr=True))):
                rng = np.random.default_rng([seed, 17, row])
                for at in range(each):
                    excerpt = drawn(picture, windows * WINDOW, augmentation, rng)
                    one = extractor(torch.from_numpy(excerpt)[None])
                    count = one.windows.shape[1]
                    found.windows[row, at, :count], found.mask[row, at, :count] = one.windows[0], 1
        if path:
            with replacing(path) as part:
                save_file(asdict(found), part)
        return cls(found)

    def draw(self, rows: npt.NDArray[np.int64], rng: np.random.Generator) -> Drawn:
        """One of the excerpts of each of ``rows``."""
        found = self.features
        each = rng.integers(found.mask.shape[1], size=len(rows))
        return Drawn(found.windows[rows, each].numpy(), found.mask[rows, each].numpy())


Excerpts = PictureExcerpts | FeatureExcerpts
