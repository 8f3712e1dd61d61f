"""The piano: notes in, dry stereo sound out, sampled key by key from a SoundFont through symusic's synthesiser.

symusic 0.5.9 (prestosynth) gives every velocity the same loudness and, within one score, the same sample to every note
of one pitch. So each key is rendered once, alone, and kept; loudness and brightness by velocity and damper are ours.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
import symusic
from scipy.signal import butter, sosfilt

SAMPLE_RATE_HZ = 44_100
SHIPPED_SOUNDFONT = Path(__file__).parent / "soundfonts" / "musescore_grand_piano.sf3"

KEY_SECONDS = 7.0  # by then the longest string has lost 35 dB
LOWEST_KEY, HIGHEST_KEY = 21, 108
LOUD_LAYER_FROM = 106  # the SoundFont's brighter samples begin here
LAYER_VELOCITIES = (64, 120)  # one velocity inside each of its two layers
DARK_CUTOFF_HZ = 900.0
FULL_SCALE = 32_767

Audio = npt.NDArray[np.float32]


class Piano:
    """A sampled grand piano; keys are decoded when first needed (25 ms each) and kept as 16-bit samples (0.6 MB each).

    May be shared by threads.
    """

    def __init__(self, soundfont: Path = SHIPPED_SOUNDFONT) -> None:
        if not soundfont.is_file():
            raise FileNotFoundError(f"there is no SoundFont at {soundfont}")
        self._soundfont = soundfont
        self._keys: dict[tuple[int, int], npt.NDArray[np.int16]] = {}
        self._lock = Lock()

    def play(self, notes: npt.NDArray[np.float64], seconds: float) -> Audio:
        """The first ``seconds`` of ``notes`` ``(n, 4)`` (onset_s, duration_s, pitch, velocity): float32
        ``(2, samples)``.

        Pitches off the keyboard sound an octave or more towards it.
        """
        samples = round(seconds * SAMPLE_RATE_HZ)
        bright = np.zeros((2, samples), dtype=np.float32)
        dark = np.zeros((2, samples), dtype=np.float32)
        for onset, duration, pitch, velocity in notes:
            start = round(onset * SAMPLE_RATE_HZ)
            if start >= samples or start < 0:
                continue
            key = self._key(_on_keyboard(int(pitch)), int(velocity >= LOUD_LAYER_FROM))
            held = round(duration * SAMPLE_RATE_HZ)
            release = _damper(int(pitch))
            sound = key[:, : min(held + len(release), samples - start)] * np.float32(_gain(velocity) / FULL_SCALE)
            if sound.shape[1] > held:
                sound[:, held:] *= release[: sound.shape[1] - held]
            share = np.float32(_darkness(velocity))
            stop = start + sound.shape[1]
            bright[:, start:stop] += sound if share == 0 else sound * (1 - share)
            if share:
                dark[:, start:stop] += sound * share
        if dark.any():
            bright += sosfilt(_dark_filter(), dark).astype(np.float32)
        return bright

    def warm_up(self) -> None:
        """Decode five octaves now, the middle first (about two seconds)."""
        for pitch in sorted(range(36, 97), key=lambda pitch: abs(pitch - 66)):
            self._key(_on_keyboard(pitch), 0)

    def _key(self, pitch: int, layer: int) -> npt.NDArray[np.int16]:
        """One key struck and held: int16 ``(2, samples)``, from its attack on, faded where the sample ends."""
        with self._lock:
            key = self._keys.get((pitch, layer))
            if key is None:
                key = self._keys[pitch, layer] = _strike(self._soundfont, pitch, LAYER_VELOCITIES[layer])
            return key


def _strike(soundfont: Path, pitch: int, velocity: int) -> npt.NDArray[np.int16]:
    """Render one held key; a synthesiser of its own, since symusic never frees the full-length samples it decodes."""
    track = symusic.core.TrackSecond("piano", 0, is_drum=False)
    columns: list[Any] = [np.array([0.0], np.float32), np.array([KEY_SECONDS], np.float32)]
    columns += [np.array([pitch], np.int8), np.array([velocity], np.int8)]
    track.notes = symusic.core.NoteSecondList.from_numpy(*columns)
    score = symusic.core.ScoreSecond(24)
    score.tracks.append(track)
    synthesiser = symusic.Synthesizer(str(soundfont), SAMPLE_RATE_HZ, 4)
    sound: Audio = np.ascontiguousarray(synthesiser.render(score, stereo=True), dtype=np.float32)
    loudness = np.maximum(np.abs(sound[0]), np.abs(sound[1]))
    peak = float(loudness.max(initial=0.0))
    if peak == 0.0:
        raise ValueError(f"the SoundFont {soundfont.name} has no sound for key {pitch}")
    attack = max(0, int(np.argmax(loudness > 0.02 * peak)) - 32)  # leave out the silence before the hammer
    last = attack + round(KEY_SECONDS * SAMPLE_RATE_HZ)
    heard = np.flatnonzero(loudness[attack:last] > 0.002 * peak)[-1] + 1
    sound = sound[:, attack : attack + heard] * np.float32(FULL_SCALE)
    fade = min(int(heard), SAMPLE_RATE_HZ // 4)
    sound[:, heard - fade :] *= np.linspace(1.0, 0.0, fade, dtype=np.float32) ** 2
    return np.rint(np.clip(sound, -FULL_SCALE, FULL_SCALE, out=sound), out=sound).astype(np.int16)


def _on_keyboard(pitch: int) -> int:
    while pitch < LOWEST_KEY:
        pitch += 12
    while pitch > HIGHEST_KEY:
        pitch -= 12
    return pitch


def _gain(velocity: float) -> float:
    """Amplitude goes with the square of velocity (Dannenberg, "The interpretation of MIDI velocity", 2006)."""
    return float((velocity / 127.0) ** 2)


def _darkness(velocity: float) -> float:
    """Share of a note that goes through the low-pass: a soft hammer excites fewer partials."""
    return float(np.clip((80.0 - velocity) / 60.0, 0.0, 0.75))


@cache
def _dark_filter() -> npt.NDArray[np.float64]:
    sections: npt.NDArray[np.float64] = butter(1, DARK_CUTOFF_HZ, fs=SAMPLE_RATE_HZ, output="sos")
    return sections


@cache
def _damper(pitch: int) -> Audio:
    """Gain after a key's release: bass strings ring on longer; the top two octaves have almost no damper."""
    seconds = float(np.interp(pitch, [21, 60, 88, 96, 108], [0.55, 0.32, 0.25, 0.8, 1.5]))
    time = np.arange(round(seconds * SAMPLE_RATE_HZ)) / (seconds * SAMPLE_RATE_HZ)
    curve: Audio = (np.exp(-6.0 * time) * (1.0 - time)).astype(np.float32)
    return curve
