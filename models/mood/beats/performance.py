"""Performances whose beats are known, in seconds, and what a network hears of them in frames of 25 ms."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.music.midi import sounding
from models.music.midi_bars import seconds_per_tick
from models.music.midi_file import parse
from models.music.notes import MusicError

Floats = npt.NDArray[np.float64]
Frames = npt.NDArray[np.float32]

RATE_HZ = 40
LEAD_S = 0.5  # before the first note
BANDS = (0, 36, 43, 50, 57, 64, 71, 78, 85, 128)  # edges in MIDI pitches
FEATURES = len(BANDS) - 1 + 12 + 1
BEATS = 4  # of a bar
LEAST_NOTES = 32
USUAL_VELOCITY = 64.0


@dataclass(frozen=True)
class Performance:
    """Notes in seconds ``(notes,)``, and where they are known the beats and downbeats among them ``(beats,)``."""

    onset_s: Floats
    pitch: npt.NDArray[np.int64]
    velocity: Floats
    beats_s: Floats
    downbeats_s: Floats

    @property
    def start_s(self) -> float:
        """When the first frame begins."""
        return float(self.onset_s[0]) - LEAD_S

    @property
    def frames(self) -> int:
        """How many there are, with some silence at the end."""
        return int(np.ceil((float(self.onset_s[-1]) + LEAD_S - self.start_s) * RATE_HZ)) + 1

    def excerpt(self, start_s: float, seconds: float) -> Performance:
        """What begins in so many seconds."""

        def within(times: Floats) -> npt.NDArray[np.bool_]:
            return (times >= start_s) & (times < start_s + seconds)

        notes = within(self.onset_s)
        return replace(
            self,
            onset_s=self.onset_s[notes],
            pitch=self.pitch[notes],
            velocity=self.velocity[notes],
            beats_s=self.beats_s[within(self.beats_s)],
            downbeats_s=self.downbeats_s[within(self.downbeats_s)],
        )


def read_performance(path: Path) -> Performance:
    """A file as Pop1K7's: its tempo map is on the beats, four of them a bar from tick 0. Raises ``MusicError``."""
    midi = parse(path)
    raw = sounding(midi)
    if len(raw) < LEAST_NOTES:
        raise MusicError(f"{path.name} has {len(raw)} notes; at least {LEAST_NOTES} are needed")
    raw = raw[np.argsort(raw[:, 0], kind="stable")]
    tempo_map = seconds_per_tick(np.array(midi.tempi, dtype=np.int64).reshape(-1, 2), midi.tpq)

    def seconds(ticks: npt.NDArray[np.int64]) -> Floats:
        row = np.clip(np.searchsorted(tempo_map[:, 0], ticks, side="right") - 1, 0, None)
        found: Floats = tempo_map[row, 1] + (ticks - tempo_map[row, 0]) * tempo_map[row, 2]
        return found

    number = np.arange(raw[0, 0] // midi.tpq, raw[-1, 0] // midi.tpq + 1)
    onset, beats = seconds(raw[:, 0]), seconds(number * midi.tpq)
    kept = beats > onset[0] - LEAD_S / 2
    return Performance(onset, raw[:, 2], raw[:, 3].astype(np.float64), beats[kept], beats[kept & (number % BEATS == 0)])


def frames_of(played: Performance) -> Frames:
    """What begins in each frame: how loud in each register and of each pitch class, how many; ``(FEATURES, frames)``.

    Velocities count beside the usual one of the performance.
    """
    found = np.zeros((FEATURES, played.frames), dtype=np.float32)
    at = np.round((played.onset_s - played.start_s) * RATE_HZ).astype(np.int64)
    loud = played.velocity / max(float(played.velocity.mean()), 1.0)
    band = np.searchsorted(BANDS, played.pitch, side="right") - 1
    rows = played.pitch % 12 + len(BANDS) - 1
    np.add.at(found, (band, at), loud)
    np.add.at(found, (rows, at), loud)
    found[FEATURES - 1] = 0.5 * np.bincount(at, minlength=played.frames)
    return np.log1p(found)


def targets_of(played: Performance) -> Frames:
    """1 in the frame of each beat and of each downbeat, half in those beside it: ``(2, frames)``."""
    found = np.zeros((2, played.frames), dtype=np.float32)
    for row, times in enumerate((played.beats_s, played.downbeats_s)):
        at = np.round((times - played.start_s) * RATE_HZ).astype(np.int64)
        for beside, value in ((-1, 0.5), (1, 0.5), (0, 1.0)):
            places = at + beside
            places = places[(places >= 0) & (places < played.frames)]
            found[row, places] = np.maximum(found[row, places], value)
    return found


def varied(played: Performance, rng: np.random.Generator) -> Performance:
    """Another key, up to a seventh faster or slower, and now and then every note equally loud."""
    stretch = float(np.exp(rng.uniform(-0.15, 0.15)))
    flat = rng.random() < 0.2
    return Performance(
        played.onset_s * stretch,
        np.clip(played.pitch + int(rng.integers(-5, 7)), 0, 127),
        np.full_like(played.velocity, USUAL_VELOCITY) if flat else played.velocity,
        played.beats_s * stretch,
        played.downbeats_s * stretch,
    )
