"""From a piece to sound: the shipped piano in a small room, exactly as long as requested, at one loudness, as MP3.

Every clip goes through the same steps, so that nothing but the music tells two clips apart.

The piano is sampled key by key from a SoundFont through symusic's synthesiser. symusic 0.5.9 (prestosynth) gives every
velocity the same loudness and, within one score, the same sample to every note of one pitch. So each key is rendered
once, alone, and cached; loudness and brightness by velocity and damper are ours.

Loudness is that of ITU-R BS.1770-4 through pyloudnorm, with the true peak by four-fold oversampling. Where a clip's
peaks leave no room for the wanted loudness, a look-ahead limiter rounds off those few peaks.
"""

from __future__ import annotations

import io
import struct
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import lameenc
import numpy as np
import numpy.typing as npt
import pyloudnorm
import soundfile
import symusic
from scipy.ndimage import minimum_filter1d, uniform_filter1d
from scipy.signal import butter, oaconvolve, resample_poly, sosfilt

from models.music.notes import MusicError, Piece
from models.music.performance import Performance, sounding_seconds, timed

SAMPLE_RATE_HZ = 44_100
TARGET_LUFS = -18.0
CEILING_DB = -1.8  # true peak before the codec, which may add some tenths; after it the peak stays under -1 dB
BLOCK_SECONDS = 0.4  # the meter's gating block: nothing shorter has a loudness
SILENCE_LUFS = -70.0  # the meter's absolute gate
RELATIVE_GATE = 10.0  # below the mean of what is above the absolute one
LOOK_AHEAD_SAMPLES = 221  # 5 ms
OVERSAMPLING = 4

Audio = npt.NDArray[np.float32]

SHIPPED_SOUNDFONT = Path(__file__).parent / "soundfonts" / "musescore_grand_piano.sf3"

KEY_SECONDS = 7.0  # by then the longest string has lost 35 dB
LOWEST_KEY, HIGHEST_KEY = 21, 108
LOUD_LAYER_FROM = 106  # the SoundFont's brighter samples begin here
LAYER_VELOCITIES = (64, 120)  # one velocity inside each of its two layers
DARK_CUTOFF_HZ = 900.0
FULL_SCALE = 32_767

__all__ = [
    "SAMPLE_RATE_HZ",
    "Loudness",
    "encode_lossless",
    "encode_mp3",
    "measure",
    "render",
    "render_long",
    "warm_up",
]

FADE_SECONDS = 0.6
MAX_SECONDS = 600.0
PART_SECONDS = 60.0  # of long music that is played at a time
RINGING_SECONDS = 3.0  # after a note's end: its damper and the room

WET_DB = -16.0
REVERBERATION_SECONDS = 0.9  # time to −60 dB
PRE_DELAY_SECONDS = 0.012
ROOM_SEED = 17

ARTIST = "Kallos"
MP3_KBITS = 128
MP3_QUALITY = 3  # LAME's own choice for constant bit rates; libsndfile's MP3 takes three times as long
MP3_FRAME, MP3_DELAY = 1152, 576  # samples a frame, and those that LAME puts before the sound
LAME_SCALE = np.float32(0.95)  # LAME turns everything down by this at 128 kbit/s (measured: −0.44 dB)


@dataclass(frozen=True)
class Loudness:
    """Integrated loudness in LUFS (−inf for silence) and true peak in dB of full scale."""

    lufs: float
    true_peak_db: float


def measure(audio: Audio) -> Loudness:
    """Loudness and true peak of ``(samples, channels)`` audio at 44,100 Hz; a clip under 0.4 s is measured repeated."""
    return Loudness(_lufs(audio), _decibels(float(_true_peaks(audio).max(initial=0.0))))


def normalise(audio: Audio) -> Audio:
    """``audio`` ``(samples, channels)`` at ``TARGET_LUFS`` with its true peak under −1.8 dB; silence stays as it is."""
    lufs = _lufs(audio)
    if lufs <= SILENCE_LUFS:
        return audio
    louder = audio * np.float32(10 ** ((TARGET_LUFS - lufs) / 20))
    limited = _limited(louder)
    if limited is louder:
        return louder
    lost_db = TARGET_LUFS - _lufs(limited)
    return _limited(limited * np.float32(10 ** (lost_db / 20)))


def normalise_parts(parts: Sequence[Audio]) -> None:
    """What ``normalise`` does to a whole, to its consecutive ``parts`` ``(samples, channels)`` in place.

    Peaks are rounded off within each part.
    """
    for _ in range(2):  # the second time for what the limiter took
        lufs = _lufs_of_parts(parts)
        if lufs <= SILENCE_LUFS:
            return
        gain = np.float32(10 ** ((TARGET_LUFS - lufs) / 20))
        for part in parts:
            part[:] = _limited(part * gain)


def _lufs_of_parts(parts: Sequence[Audio]) -> float:
    """Integrated loudness of what comes in parts: both gates over the blocks of all (BS.1770-4)."""
    blocks: list[float] = []
    for part in parts:
        if len(part) > BLOCK_SECONDS * SAMPLE_RATE_HZ and part.any():
            meter = pyloudnorm.Meter(SAMPLE_RATE_HZ, block_size=BLOCK_SECONDS)
            meter.integrated_loudness(part)
            blocks += meter.blockwise_loudness
    levels = np.array([each for each in blocks if each > SILENCE_LUFS])
    if len(levels) == 0:
        return -np.inf
    loud = levels[levels > _mean_level(levels) - RELATIVE_GATE]
    return _mean_level(loud)


def _mean_level(levels: npt.NDArray[np.float64]) -> float:
    return float(10 * np.log10(np.mean(10 ** (levels / 10))))


def _lufs(audio: Audio) -> float:
    block = int(BLOCK_SECONDS * SAMPLE_RATE_HZ) + 1
    if len(audio) == 0 or not audio.any():
        return -np.inf
    if len(audio) < block:
        audio = np.tile(audio, (-(-block // len(audio)), 1))
    return float(_meter().integrated_loudness(audio))


@cache
def _meter() -> pyloudnorm.Meter:
    return pyloudnorm.Meter(SAMPLE_RATE_HZ, block_size=BLOCK_SECONDS)


def _limited(audio: Audio) -> Audio:
    """The same audio where it has room; else with a gain that dips 5 ms before a peak and comes back 5 ms after it."""
    ceiling = 10 ** (CEILING_DB / 20)
    peaks = _true_peaks(audio)
    if peaks.max(initial=0.0) <= ceiling:
        return audio
    gain = np.minimum(1.0, ceiling / np.maximum(peaks, 1e-9))
    window = 2 * LOOK_AHEAD_SAMPLES + 1
    # The lowest gain within reach, then its mean over the same reach: never above the gain a peak needs.
    smooth = uniform_filter1d(minimum_filter1d(gain, window), LOOK_AHEAD_SAMPLES)
    limited: Audio = audio * smooth[:, None].astype(np.float32)
    return limited


def _true_peaks(audio: Audio) -> npt.NDArray[np.float64]:
    """Largest magnitude around each sample ``(samples,)``: between samples too, wherever that could matter.

    Only stretches within 9 dB of full scale are oversampled; between lower samples a band-limited piano stays lower.
    """
    peaks: npt.NDArray[np.float64] = np.abs(audio).max(axis=1, initial=0.0).astype(np.float64)
    for start, stop in _stretches(peaks > max(0.35, 0.7 * peaks.max(initial=0.0)), margin=64, samples=len(audio)):
        between = np.abs(resample_poly(audio[start:stop], OVERSAMPLING, 1, axis=0)).max(axis=1)
        each = between.reshape(stop - start, OVERSAMPLING).max(axis=1)
        peaks[start:stop] = np.maximum(peaks[start:stop], each)
    return peaks


def _stretches(loud: npt.NDArray[np.bool_], *, margin: int, samples: int) -> list[tuple[int, int]]:
    where = np.flatnonzero(loud)
    if len(where) == 0:
        return []
    breaks = np.flatnonzero(np.diff(where) > 2 * margin)
    starts = np.maximum(0, where[np.concatenate([[0], breaks + 1])] - margin)
    stops = np.minimum(samples, where[np.concatenate([breaks, [len(where) - 1]])] + margin + 1)
    return list(zip(starts.tolist(), stops.tolist(), strict=True))


def _decibels(amplitude: float) -> float:
    return float(20 * np.log10(amplitude)) if amplitude > 0 else -np.inf


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


def render(
    piece: Piece,
    seconds: float | None = None,
    performance: Performance | None = None,
    *,
    levelled: bool = True,
) -> Audio:
    """``piece`` as float32 ``(samples, 2)`` at 44,100 Hz, −18 LUFS, true peak under −1 dB.

    As it was played in ``performance``, or as it is written; in half the time, and as loud as it comes, where it is
    not to be ``levelled``. With ``seconds`` exactly that long, fading over the last 0.6 s; without, to the end of the
    last note's sound. Raises ``MusicError`` on a piece without notes or longer than ten minutes.
    """
    notes = timed(piece, performance)
    if len(notes) == 0:
        raise MusicError("a piece without notes has no sound")
    length = sounding_seconds(piece, performance) if seconds is None else seconds
    if not 0 < length <= MAX_SECONDS:
        raise MusicError(
            f"{length:g} seconds of sound were asked for; it must be more than 0 and at most {MAX_SECONDS:g}"
        )
    audio = _in_room(notes, length)
    fade_out(audio)
    return normalise(audio) if levelled else audio


def render_long(piece: Piece, seconds: float, performance: Performance) -> Audio:
    """``piece`` as in ``render``, of any length and with the silence before its first note; memory stays bounded.

    It is played a minute at a time into a file without a name, which is what is returned (a memory map).
    Raises ``MusicError`` on a piece without notes.
    """
    notes = timed(piece, performance)
    if len(notes) == 0:
        raise MusicError("a piece without notes has no sound")
    starts = np.rint((notes[:, 0] + performance.onset_s.min()) * SAMPLE_RATE_HZ)
    with tempfile.TemporaryFile() as file:
        audio: Audio = np.memmap(file, np.float32, "w+", shape=(round(seconds * SAMPLE_RATE_HZ), 2))
    step = round(PART_SECONDS * SAMPLE_RATE_HZ)
    edges = range(0, len(audio), step)
    for first in edges:
        here = (starts >= first) & (starts < first + step)
        if not here.any():
            continue
        own = notes[here]
        own[:, 0] = (starts[here] - first) / SAMPLE_RATE_HZ
        sound = _in_room(own, float((own[:, 0] + own[:, 1]).max()) + RINGING_SECONDS)
        audio[first : first + len(sound)] += sound[: len(audio) - first]
    fade_out(audio)
    normalise_parts([audio[first : first + step] for first in edges])
    return audio


def encode_mp3(audio: Audio, quality: int = MP3_QUALITY, title: str = "") -> bytes:
    """``(samples, 2)`` at 44,100 Hz as MP3 of constant 128 kbit/s: clips of one length have files of one size.

    ``quality``: LAME's, 0 the best and 9 the quickest. The first frame tells players how long the sound is, so that
    they begin and end where it does. Without a ``title`` there is no tag that names the music.
    """
    encoder = lameenc.Encoder()
    encoder.silence()
    encoder.set_in_sample_rate(SAMPLE_RATE_HZ)
    encoder.set_channels(2)
    encoder.set_bit_rate(MP3_KBITS)
    encoder.set_quality(quality)
    pcm = np.clip(audio / LAME_SCALE * 32_768, -32_768, 32_767).round().astype("<i2")
    frames = bytes(encoder.encode(pcm.tobytes())) + bytes(encoder.flush())
    return (_id3(title) if title else b"") + _info_frame(frames, len(audio)) + frames


def _id3(title: str) -> bytes:
    """A tag with title and artist, as ID3v2.3 (id3.org) has it: text in UTF-16, sizes of seven bits a byte."""
    texts = {name: b"\1" + text.encode("utf-16") for name, text in (("TIT2", title), ("TPE1", ARTIST))}
    body = b"".join(name.encode() + struct.pack(">IH", len(text), 0) + text for name, text in texts.items())
    return b"ID3\3\0\0" + bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0)) + body


def _info_frame(frames: bytes, samples: int) -> bytes:
    """A silent frame with the tag that LAME puts first: number of frames, and samples to leave out at either end.

    As in the "Xing VBR and LAME tag" (mp3-tech.org); lameenc leaves it out.
    """
    size = 144_000 * MP3_KBITS // SAMPLE_RATE_HZ
    header = bytes([*frames[:2], frames[2] & 0b11111101, frames[3]])  # of the first frame, without its padding
    count = round(len(frames) / (144_000 * MP3_KBITS / SAMPLE_RATE_HZ))
    left_out = MP3_DELAY << 12 | (count * MP3_FRAME - MP3_DELAY - samples)
    tag = b"Info" + struct.pack(">III", 0b0011, count, size + len(frames)) + b"LAME3.100" + bytes(12)
    return (header + bytes(32) + tag + left_out.to_bytes(3, "big")).ljust(size, b"\0")


def encode_lossless(audio: Audio, form: str, title: str = "") -> bytes:
    """``(samples, 2)`` at 44,100 Hz in 16 bits; ``form``: ``wav``, or ``flac`` in a twentieth of the time of MP3.

    Without a ``title`` there is no tag that names the music.
    """
    data = io.BytesIO()
    with soundfile.SoundFile(data, "w", SAMPLE_RATE_HZ, audio.shape[1], "PCM_16", format=form.upper()) as file:
        if title:
            file.title, file.artist = title, ARTIST
        file.write(audio)
    return data.getvalue()


def warm_up() -> None:
    """Decode the piano's keys and make the room now, so that the first clip doesn't wait for them."""
    _room()
    _shipped_piano().warm_up()


def _in_room(notes: npt.NDArray[np.float64], seconds: float) -> Audio:
    """``notes`` as in ``Piano.play``, with the room: float32 ``(samples, 2)``."""
    dry = _shipped_piano().play(notes, seconds)
    wet = oaconvolve(dry, _room(), axes=1)[:, : dry.shape[1]]
    return np.ascontiguousarray((dry + wet).T, dtype=np.float32)


def fade_out(audio: Audio) -> None:
    """Let the last 0.6 s of ``(samples, 2)`` audio fade, in place."""
    fade = min(len(audio), round(FADE_SECONDS * SAMPLE_RATE_HZ))
    audio[len(audio) - fade :] *= (0.5 + 0.5 * np.cos(np.linspace(0, np.pi, fade, dtype=np.float32)))[:, None]


@cache
def _shipped_piano() -> Piano:
    return Piano()


@cache
def _room() -> Audio:
    """A small room's stereo impulse response, float32 ``(2, samples)``: a few early reflections, then decaying noise.

    High frequencies decay twice as fast as low ones, as air and curtains do (Moorer 1979: decaying noise).
    The same noise every time; left and right independent.
    """
    random = np.random.default_rng(ROOM_SEED)
    samples = round(1.2 * REVERBERATION_SECONDS * SAMPLE_RATE_HZ)
    time = np.arange(samples) / SAMPLE_RATE_HZ
    noise = random.standard_normal((2, samples))
    low = sosfilt(butter(2, [120, 1_800], "bandpass", fs=SAMPLE_RATE_HZ, output="sos"), noise)
    high = sosfilt(butter(2, [1_800, 7_000], "bandpass", fs=SAMPLE_RATE_HZ, output="sos"), noise)
    tail = low * 10 ** (-3 * time / REVERBERATION_SECONDS) + 0.5 * high * 10 ** (-6 * time / REVERBERATION_SECONDS)
    tail *= np.minimum(1.0, time / 0.03)  # builds up over the first reflections
    tail /= np.sqrt((tail**2).sum(axis=1, keepdims=True))
    for channel in range(2):
        delays = np.sort(random.uniform(0.004, 0.045, size=6))
        tail[channel, (delays * SAMPLE_RATE_HZ).astype(int)] += (
            0.25 * random.choice([-1, 1], size=6) * np.exp(-delays / 0.03)
        )
    response = np.pad(tail, ((0, 0), (round(PRE_DELAY_SECONDS * SAMPLE_RATE_HZ), 0)))
    response *= 10 ** (WET_DB / 20) / np.sqrt((response**2).sum(axis=1, keepdims=True))
    room: Audio = response.astype(np.float32)
    return room
