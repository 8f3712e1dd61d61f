"""Beats and downbeats of performances: a network says where one may be, and a model of the bar which of them are.

A performance has notes in seconds; the network hears them in frames of 25 ms and says how likely each frame begins a
beat and a bar: dilated convolutions over time (Davies & Böck 2019). It learns from Pop1K7's performances, whose beats
are known, divided by song, or from files as Pop1K7's in a folder. It is saved as float16 safetensors beside a JSON
card; loading is strict, nothing is pickled.

The likeliest beats follow from a hidden Markov model of tempo and place in the bar: the bar pointer model in the form
of Krebs, Böck & Widmer (2015). A state is a place in one of four beats of some length, and the length may change only
where a beat begins. Lengths are as likely as they are in Pop1K7, without which one song in six is heard at half or
double its tempo.

A performance that has no bars gets some: its notes are moved onto the grid of the beats that are found in it. EMOPIA's
clips are such performances. A bar has the tempo that its four beats had, so that it lasts as long as it did.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn import functional as F

from models.music import corpora
from models.music.grouping import part_of, split
from models.music.midi import seconds_per_tick, sounding
from models.music.midi_file import parse
from models.music.notes import TICKS_PER_QUARTER, MusicError, Piece
from models.style.bundle import BundleFormat

Floats = npt.NDArray[np.float64]
Frames = npt.NDArray[np.float32]
Files = dict[str, Path]

RATE_HZ = 40
LEAD_S = 0.5  # before the first note
BANDS = (0, 36, 43, 50, 57, 64, 71, 78, 85, 128)  # edges in MIDI pitches
FEATURES = len(BANDS) - 1 + 12 + 1
BEATS = 4  # of a bar
LEAST_NOTES = 32
USUAL_VELOCITY = 64.0

TRAINED_ON = "pop1k7"
HELD_OUT = {"test": 0.1}  # of the files of a folder

DROPPED = 0.1

SHIPPED = "beats-cpu"
FORMAT = BundleFormat("beats", "beat network", "python -m models.train.beats makes one", ("preset", "steps", "seed"))

SHORTEST, LONGEST = 12, 48  # frames of a beat: 200 to 50 beats a minute
STEADY = 40.0  # nats that it costs to change the length of a beat by a factor of e
ONE_FRAME = 0.3  # and by one frame, since few tempi have beats of whole frames
USUAL_S, SPREAD = 0.54, 0.256  # median length of a beat in 300 training songs, and its deviation in natural logarithms
TEMPO = 0.4  # how much each beat counts for how likely its length is
LEAST_CHANCE = 1e-3

PERFORMED = "emopia"
BAR = BEATS * TICKS_PER_QUARTER


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


def divided(folder: Path | None) -> dict[str, Files]:
    """The files to train and to test on by name; raises ``MusicError`` where there are none."""
    parts: dict[str, Files] = {"train": {}, "test": {}}
    if folder is None:
        there = corpus_files()
        for part, pieces in split(corpora.load(TRAINED_ON), seed=0).items():
            if part in parts:
                parts[part] = {piece.piece_id: there[piece.piece_id] for piece in pieces}
    else:
        for path in sorted(folder.rglob("*.mid")):
            name = str(path.relative_to(folder))
            parts[part_of(name, 0, HELD_OUT)][name] = path
    if not parts["train"]:
        raise MusicError(f"{folder or TRAINED_ON} has no performances: MIDI files whose tempo map follows the beats")
    return parts


def corpus_files() -> Files:
    """Pop1K7's files by the names of the pieces; empty where the corpus is not there."""
    return {f"{TRAINED_ON}/{path.stem}": path for path in corpora.CORPORA[TRAINED_ON].files()}


def read_all(files: Iterable[tuple[str, Path]]) -> list[tuple[str, Performance]]:
    """Those that can be read, with their names; the others are left out with a line."""
    found = []
    for name, path in files:
        try:
            found.append((name, read_performance(path)))
        except MusicError as error:
            print(f"{name} is left out: {error}")
    return found


class BeatNetwork(nn.Module):
    """From ``(batch, FEATURES, frames)`` to logits of beat and downbeat ``(batch, 2, frames)``.

    ``layers`` dilations of 1, 2, 4, … frames, so that ten of them hear 25 seconds to each side.
    """

    def __init__(self, dim: int = 48, layers: int = 10) -> None:
        super().__init__()
        self.first = nn.Conv1d(FEATURES, dim, 5, padding=2)
        self.convs = nn.ModuleList(
            nn.Conv1d(dim, dim, 3, padding=2**layer, dilation=2**layer) for layer in range(layers)
        )
        self.mixes = nn.ModuleList(nn.Conv1d(dim, dim, 1) for _ in range(layers))
        self.out = nn.Conv1d(dim, 2, 1)

    def forward(self, frames: Tensor) -> Tensor:
        """Logits of each frame."""
        x = F.elu(self.first(frames))
        for conv, mix in zip(self.convs, self.mixes, strict=True):
            x = x + mix(F.dropout(F.elu(conv(x)), DROPPED, self.training))
        logits: Tensor = self.out(F.elu(x))
        return logits

    @torch.inference_mode()
    def chances(self, played: Performance) -> Frames:
        """Of a beat and of a downbeat in each frame ``(2, frames)``."""
        found: Frames = self(torch.from_numpy(frames_of(played))[None])[0].sigmoid().numpy().astype(np.float32)
        return found


@dataclass(frozen=True)
class BeatBundle:
    """The network, its card, and the names of the songs that it was not trained on."""

    network: BeatNetwork
    card: Mapping[str, Any]
    held_out: Sequence[str]


def save_beats(folder: Path, network: BeatNetwork, card: Mapping[str, Any], held_out: Sequence[str]) -> None:
    """Write ``beats.safetensors``, ``held_out.json`` and, last, ``card.json``."""
    weights = {name: value.half().contiguous() for name, value in network.state_dict().items()}
    FORMAT.save(folder, save(weights), card, held_out={"test": sorted(held_out)})


def load_beats(name_or_path: str | Path = SHIPPED) -> BeatBundle:
    """A shipped one by name or one of your own by folder; raises ``FileNotFoundError`` or ``ValueError``."""
    with FORMAT.opened(name_or_path) as found:
        network = BeatNetwork(int(found.card["dim"]), int(found.card["layers"]))
        weights = {name: value.float() for name, value in load_file(found.weights).items()}
        network.load_state_dict(weights, strict=True)
        held_out = found.held_out()["test"]
    return BeatBundle(network.eval(), found.card, held_out)


@dataclass(frozen=True)
class Found:
    """Beats and the downbeats among them, in seconds."""

    beats_s: Floats
    downbeats_s: Floats


def tracked(chances: Frames, start_s: float) -> Found:
    """The likeliest beats of what a network says of each frame ``(2, frames)``."""
    beat, down = np.clip(chances.astype(np.float64), LEAST_CHANCE, 1 - LEAST_CHANCE)
    down = np.minimum(down, 0.95 * beat)
    begins = np.log(np.stack([down, *[beat - down] * (BEATS - 1)], axis=1))  # (frames, BEATS)
    goes_on = np.log1p(-beat)
    lengths = np.arange(SHORTEST, LONGEST + 1)
    change = _changes(lengths) + _likely(lengths)
    first = np.concatenate([[0], np.cumsum(lengths)[:-1]])  # of each length's places, within one beat
    places, last = int(lengths.sum()), first + lengths - 1
    score = np.full((BEATS, places), -np.log(BEATS * places))
    score[:, first] += begins[0][:, None] + _likely(lengths)
    came = np.zeros((len(begins), BEATS, len(lengths)), dtype=np.int64)
    for frame in range(1, len(begins)):
        ended = np.roll(score[:, last], 1, axis=0)  # what ended is followed by the next beat
        ways = ended[:, :, None] + change
        came[frame] = ways.argmax(1)
        score[:, 1:] = score[:, :-1] + goes_on[frame]
        score[:, first] = ways.max(1) + begins[frame][:, None]
    return _traced(score, came, lengths, first, start_s)


def _changes(lengths: npt.NDArray[np.int64]) -> Floats:
    """What it adds to go from one length to another ``(from, to)``, in nats."""
    far = -STEADY * np.abs(np.log(lengths[:, None] / lengths[None]))
    frames = np.abs(lengths[:, None] - lengths[None])
    found: Floats = np.where(frames == 1, -ONE_FRAME, far)
    return found


def _likely(lengths: npt.NDArray[np.int64]) -> Floats:
    """What beats of each length add ``(lengths,)``, in nats."""
    away = np.log(lengths / (RATE_HZ * USUAL_S)) / SPREAD
    found: Floats = -TEMPO * away**2 / 2
    return found


def _traced(
    score: Floats,
    came: npt.NDArray[np.int64],
    lengths: npt.NDArray[np.int64],
    first: npt.NDArray[np.int64],
    start_s: float,
) -> Found:
    """Back along the likeliest way."""
    number, place = np.unravel_index(int(score.argmax()), score.shape)
    length = int(np.searchsorted(first, place, side="right")) - 1
    frame, beat = len(came) - 1 - int(place - first[length]), int(number)
    beats, downs = [], []
    while frame >= 0:
        beats.append(frame)
        if beat == 0:
            downs.append(frame)
        length = int(came[frame, beat, length]) if frame else length
        frame, beat = frame - int(lengths[length]), (beat - 1) % BEATS
    return Found(*(start_s + np.array(each[::-1], dtype=np.float64) / RATE_HZ for each in (beats, downs)))


def autocorrelated(played: Performance) -> Found:
    """The rival: one tempo, where the onsets agree best with themselves later, from where most notes lie on the beats.

    Bars begin on the fourth beat out of four with most in the bass.
    """
    at = np.round((played.onset_s - played.start_s) * RATE_HZ).astype(np.int64)
    loud = np.bincount(at, played.velocity, minlength=played.frames)
    bass = np.bincount(at, played.velocity * (played.pitch < 50), minlength=played.frames)
    centred = loud - loud.mean()
    lags = np.arange(SHORTEST, LONGEST + 1)
    alike = [float(centred[lag:] @ centred[:-lag]) if lag < len(centred) else 0.0 for lag in lags]
    period = int(lags[int(np.argmax(alike))])
    phase = int(np.argmax([loud[start::period].sum() for start in range(period)]))
    beats = np.arange(phase, played.frames, period)
    bar = int(np.argmax([bass[beats[start::BEATS]].sum() for start in range(BEATS)]))
    found = played.start_s + beats / RATE_HZ
    return Found(found, found[bar::BEATS])


def performances_with_bars(network: BeatNetwork) -> list[Piece]:
    """EMOPIA's published training clips in bars, where the corpus is there; those without beats are left out."""
    corpus = corpora.registry()[PERFORMED]
    every = corpora.load(PERFORMED) if corpus.available else []
    found = []
    for piece in every:
        if piece.extra.get("split") == "train":
            with suppress(MusicError):
                found.append(with_bars(piece, network))
    return found


def with_bars(piece: Piece, network: BeatNetwork) -> Piece:
    """The piece in bars of four beats that the network hears in it; raises ``MusicError`` where it hears too few."""
    if len(piece.notes) < LEAST_NOTES:
        raise MusicError(f"the performance has {len(piece.notes)} notes; at least {LEAST_NOTES} are needed")
    onset_s, end_s = (_seconds(piece, ticks) for ticks in (piece.notes[:, 0], piece.notes[:, :2].sum(1)))
    nothing = np.zeros(0)
    played = Performance(onset_s, piece.notes[:, 2].astype(np.int64), piece.notes[:, 3].astype(float), nothing, nothing)
    return _on_grid(piece, onset_s, end_s, tracked(network.chances(played), played.start_s))


def _seconds(piece: Piece, ticks: npt.NDArray[np.int32]) -> Floats:
    """When ticks sound, by the tempi of the bars that the piece came in."""
    lasts = piece.bars[:, 1] * 60.0 / (TICKS_PER_QUARTER * piece.tempo_bpm.astype(np.float64))
    edges = np.append(piece.bars[:, 0], piece.end_tick).astype(np.float64)
    return _beyond(ticks.astype(np.float64), edges, np.append(0.0, np.cumsum(lasts)))


def _on_grid(piece: Piece, onset_s: Floats, end_s: Floats, found: Found) -> Piece:
    if len(found.beats_s) <= BEATS or not len(found.downbeats_s):
        raise MusicError(f"{len(found.beats_s)} beats were found in the performance; a bar has {BEATS}")
    number = np.arange(len(found.beats_s)) - int(np.argmin(np.abs(found.beats_s - found.downbeats_s[0])))
    onset, end = (_beyond(times, found.beats_s, number.astype(np.float64)) for times in (onset_s, end_s))
    first = int(np.floor(np.round(onset[0] * TICKS_PER_QUARTER) / BAR))  # the bar in which the first note lies
    start = np.round(onset * TICKS_PER_QUARTER).astype(np.int64) - first * BAR
    stop = np.maximum(np.round(end * TICKS_PER_QUARTER).astype(np.int64) - first * BAR, start + 1)
    count = int(start.max()) // BAR + 1
    edges_s = _beyond(BEATS * np.arange(first, first + count + 1.0), number.astype(np.float64), found.beats_s)
    at = BAR * np.arange(count)
    bars = np.stack([at, *(np.full(count, value) for value in (BAR, BEATS, BEATS))], 1)
    notes = np.stack([start, stop - start, piece.notes[:, 2], piece.notes[:, 3]], 1)
    extra = {name: value for name, value in piece.extra.items() if name != "bars"}
    tempo = (60.0 * BEATS / np.diff(edges_s)).astype(np.float32)
    return replace(piece, notes=notes, bars=bars, tempo_bpm=tempo, chords=(), performed=True, extra=extra)


def _beyond(x: Floats, known: Floats, values: Floats) -> Floats:
    """Between and beyond ``known`` places, where it goes on as between the two outermost."""
    place = np.clip(np.searchsorted(known, x, side="right") - 1, 0, len(known) - 2)
    share = (x - known[place]) / (known[place + 1] - known[place])
    found: Floats = values[place] + share * (values[place + 1] - values[place])
    return found
