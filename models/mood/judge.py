"""Judges of mood: what they hear of a clip, small networks on it, and what they say of each bar of a piece.

The first judge hears statistics of a clip's notes, the second one histograms; in seconds, since bars may mean nothing.
Each is several small networks, of which each has not learned from one fold of the songs. They are saved as float16
safetensors beside a JSON card; loading is strict, nothing is pickled.

Variants are the same music as others would have it: a part of it, another key, a little faster, or written instead of
played. None of these changes the mood that people gave a clip by much, and a judge has to bear them: phrases are short,
scores have no velocities, and the notes of their chords begin together.

Fifths say which fifth of real music of its kind a bar belongs to, by valence and by arousal: what a piece model is
told. The first judge alone says so; the second one can then tell whether music that was asked for has come.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.progress import track
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn import functional as F

from models.metrics.music_statistics import note_statistics
from models.mood.labels import AROUSAL, LEAST_NOTES, QUADRANTS, VALENCE, digest
from models.mood.steering import PIANO
from models.music.keys import key_fits
from models.music.notes import Piece
from models.music.tokens import TokenArray, from_tokens
from models.style.bundle import BundleFormat
from models.style.pieces.conditions import FIFTHS
from models.style.pieces.data import PieceSet

Floats = npt.NDArray[np.float64]
Features = Callable[[Piece], Floats]
IntArray = npt.NDArray[np.int64]

LEAST_IN_EXCERPT, SHORTEST_S = 8, 6.0
FLAT, WRITTEN = 0.3, 0.35  # shares of variants that are flattened, and written down
GRIDS = (3, 4, 6)  # ticks of EMOPIA's 120 quarters a minute: 62 to 125 ms
LOWER, HIGHER, STRETCH = 5, 6, 0.1  # semitones at most, and the logarithm of the tempo
USUAL_VELOCITY = 64

OF_BARS = {"onsets_per_bar", "tempo_bpm", "bar_similarity", "first_onset", "contour"}
HAND_MADE = ("onsets_per_second", "mode", "mean_pitch", "pitch_sd", "mean_velocity")
LONGEST_S = 1.5  # of a note, as far as it counts for the key
STEP_S, WITHIN_S = 0.5, 0.25
GAPS = (-9.0, -4.0, -3.0, -2.5, -2.0, -1.5, -1.0, 0.0, 9.0)  # edges in octaves of a second
HEIGHTS = (0, 36, 43, 50, 57, 64, 71, 78, 85, 128)  # edges in MIDI pitches
QUANTILES = (0.1, 0.5, 0.9)

FARTHEST = 2.0  # standard deviations: music of another kind is heard as the most extreme that was learned from
PART_S, HOP_S = 30.0, 20.0  # EMOPIA's clips are about so long; longer music is heard in parts
DROPPED_IN, DROPPED = 0.1, 0.4

SHIPPED = "mood-cpu"
FORMAT = BundleFormat("mood", "judge of mood", "python -m models.train.mood makes one")

BARS_TOGETHER = 8  # bars that are judged as one


def excerpt(piece: Piece, start_s: float, seconds: float) -> Piece:
    """The notes that begin in so many seconds, or the whole piece where these are too few to tell."""
    onset = piece.seconds_at(piece.notes[:, 0])
    notes = piece.notes[(onset >= start_s) & (onset < start_s + seconds)]
    return replace(piece, notes=notes, chords=()) if len(notes) >= LEAST_IN_EXCERPT else piece


def flattened(piece: Piece, velocity: int = USUAL_VELOCITY) -> Piece:
    """Every note as loud as the next."""
    notes = piece.notes.copy()
    notes[:, 3] = velocity
    return replace(piece, notes=notes)


def written(piece: Piece, grid: int, *, legato: bool) -> Piece:
    """On a coarser grid, so that chords begin together; ``legato``: no note lasts beyond the next but one."""
    notes = piece.notes.copy()
    notes[:, 0] = np.minimum((notes[:, 0] + grid // 2) // grid * grid, (piece.end_tick - 1) // grid * grid)
    notes[:, 1] = np.maximum((notes[:, 1] + grid // 2) // grid * grid, grid)
    if legato:
        onsets = np.append(np.unique(notes[:, 0]), [piece.end_tick, piece.end_tick + grid])
        until = onsets[np.searchsorted(onsets, notes[:, 0]) + 2] - notes[:, 0]
        notes[:, 1] = np.clip(notes[:, 1], grid, until)
    _, kept = np.unique(notes[:, [0, 2]], axis=0, return_index=True)
    return replace(piece, notes=notes[kept])


def as_heard(piece: Piece) -> Piece:
    """Velocities that are all the same say nothing of how loud it was: they are taken for the usual one."""
    return flattened(piece) if len(piece.notes) and np.ptp(piece.notes[:, 3]) == 0 else piece


def drawn_variant(piece: Piece, rng: np.random.Generator) -> Piece:
    """A random variant."""
    lowest, highest = int(piece.notes[:, 2].min()), int(piece.notes[:, 2].max())
    by = int(rng.integers(-LOWER, HIGHER + 1))
    by = max(min(by, max(0, PIANO[1] - highest)), min(0, PIANO[0] - lowest))
    found = piece.transposed(by)
    found = replace(found, tempo_bpm=found.tempo_bpm * np.float32(np.exp(rng.uniform(-STRETCH, STRETCH))))
    last = float(found.seconds_at(found.notes[-1, 0]))
    seconds = float(rng.uniform(SHORTEST_S, max(last, SHORTEST_S + 1)))
    found = excerpt(found, float(rng.uniform(0, max(last - seconds, 0.01))), seconds)
    if rng.random() < WRITTEN:
        found = written(found, int(rng.choice(GRIDS)), legato=bool(rng.random() < 0.5))
    return flattened(found) if rng.random() < FLAT else found


def named_statistics(piece: Piece) -> dict[str, float]:
    """Statistics that need no bars by name; raises ``ValueError`` without a note."""
    found = note_statistics(as_heard(piece))
    return {name: value for name, value in found.items() if name not in OF_BARS}


def statistics(piece: Piece) -> Floats:
    """What the first judge hears: 45 statistics, in the order of ``named_statistics``."""
    return np.array(list(named_statistics(piece).values()))


def hand_made(piece: Piece) -> Floats:
    """Density of onsets, mode, register, spread of pitch and loudness ``(5,)``."""
    found = named_statistics(piece)
    return np.array([found[name] for name in HAND_MADE])


def histograms(piece: Piece) -> Floats:
    """What the second judge hears: pitch classes above the tonic and its bass, gaps, heights, loudness, lengths (61).

    Raises ``ValueError`` without a note.
    """
    heard = as_heard(piece)
    if len(heard.notes) == 0:
        raise ValueError("the clip has no notes; at least one is needed")
    pitch = heard.notes[:, 2]
    onset, end = heard.seconds_at(heard.notes[:, 0]), heard.seconds_at(heard.notes[:, 0] + heard.notes[:, 1])
    chroma = np.bincount(pitch % 12, np.minimum(end - onset, LONGEST_S), minlength=12)
    fits = key_fits(chroma)
    major, minor = float(fits[:12].max()), float(fits[12:].max())
    tonic = int(fits[:12].argmax()) if major >= minor else int(fits[12:].argmax())
    relative = tonic if major >= minor else (tonic + 3) % 12  # the major key with the same notes
    gaps = np.log2(np.maximum(np.diff(np.unique(onset)), 0.02))
    shares = chroma / chroma.sum()
    bass = _bass(onset, end, pitch)
    return np.concatenate(
        [
            [major - minor, float(major >= minor)],
            np.roll(shares, -tonic), np.roll(shares, -relative), np.roll(bass, -relative),
            np.histogram(gaps, GAPS)[0] / max(len(gaps), 1),
            np.histogram(pitch, HEIGHTS)[0] / len(pitch),
            np.quantile(heard.notes[:, 3], QUANTILES),
            np.quantile(np.log(end - onset), QUANTILES),
        ]
    )  # fmt: skip


def _bass(onset: Floats, end: Floats, pitch: npt.NDArray[np.int32]) -> Floats:
    """How often each pitch class is the lowest that sounds ``(12,)``, every half second."""
    found = np.zeros(12)
    for start in np.arange(0, end.max(), STEP_S):
        sounding = (onset <= start + WITHIN_S) & (end > start)
        if sounding.any():
            found[pitch[sounding].min() % 12] += 1
    shares: Floats = found / max(float(found.sum()), 1.0)
    return shares


FEATURES: dict[str, Features] = {"first": statistics, "second": histograms}


class MoodNetwork(nn.Module):
    """Some networks of one hidden layer side by side, from features ``(batch, features)`` to quadrants.

    ``forward`` gives logits ``(members, batch, 4)``.
    """

    mean: Tensor
    deviation: Tensor
    temperature: Tensor

    def __init__(self, features: int, hidden: int, members: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))
        self.register_buffer("temperature", torch.ones(()))
        bound = features**-0.5
        self.into = nn.Parameter(torch.empty(members, features, hidden).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(members, 1, hidden))
        self.out = nn.Parameter(torch.empty(members, hidden, len(QUADRANTS)).uniform_(-(hidden**-0.5), hidden**-0.5))
        self.out_bias = nn.Parameter(torch.zeros(members, 1, len(QUADRANTS)))

    def standardised(self, features: Tensor) -> Tensor:
        """In standard deviations of what was learned from, no farther away than ``FARTHEST``."""
        return ((features - self.mean) / self.deviation).clamp(-FARTHEST, FARTHEST)

    def forward(self, features: Tensor) -> Tensor:
        """Logits of each member."""
        x = self.standardised(features).expand(len(self.into), -1, -1)
        x = F.dropout(x, DROPPED_IN, self.training)
        hidden = F.dropout(F.gelu(x @ self.into + self.bias), DROPPED, self.training)
        logits: Tensor = hidden @ self.out + self.out_bias
        return logits

    @torch.inference_mode()
    def probabilities(self, features: Floats) -> Floats:
        """Of the quadrants ``(batch, 4)``: the mean of all members at the temperature of the network."""
        logits = self(torch.from_numpy(np.atleast_2d(features).astype(np.float32)))
        found: Floats = (logits / self.temperature).softmax(-1).mean(0).double().numpy()
        return found


@dataclass(frozen=True)
class Moods:
    """What a judge says of clips: ``quadrant`` ``(clips, 4)`` probabilities."""

    quadrant: Floats

    @property
    def valence(self) -> Floats:
        """-1 to 1: how much likelier it is positive than negative, ``(clips,)``."""
        return np.asarray(self.quadrant @ VALENCE)

    @property
    def arousal(self) -> Floats:
        """-1 to 1, ``(clips,)``."""
        return np.asarray(self.quadrant @ AROUSAL)

    @classmethod
    def mean(cls, several: Sequence[Moods]) -> Moods:
        """What several judges say together."""
        return cls(np.mean([each.quadrant for each in several], axis=0))


@dataclass(frozen=True)
class Judge:
    """One kind of ``features`` and a network for each fold; ``folds`` names the fold of each clip it has learned from.

    A clip that was learned from is judged by the network that has not heard it, any other by all of them.
    """

    features: str
    networks: Sequence[MoodNetwork]
    folds: Mapping[str, int]

    def judge(self, pieces: Sequence[Piece]) -> Moods:
        """What it says of each piece; raises ``ValueError`` for one without a note."""
        return Moods(np.array([self._one(piece) for piece in pieces]).reshape(-1, len(QUADRANTS)))

    def _one(self, piece: Piece) -> Floats:
        heard = np.array([FEATURES[self.features](part) for part in parts(piece)])
        fold = self.folds.get(digest(piece))
        asked = self.networks if fold is None else [self.networks[fold]]
        found: Floats = np.mean([network.probabilities(heard) for network in asked], axis=(0, 1))
        return found


def parts(piece: Piece) -> list[Piece]:
    """A piece as it is heard: whole, or in overlapping parts of half a minute where it is much longer."""
    last = float(piece.seconds_at(piece.notes[:, 0].max(initial=0)))
    if last <= PART_S + HOP_S:
        return [piece]
    return [excerpt(piece, float(start), PART_S) for start in np.arange(0, last - PART_S + HOP_S / 2, HOP_S)]


@dataclass(frozen=True)
class MoodBundle:
    """The ``first`` judge, the ``second`` one, which checks what the first rewards, and their card."""

    first: Judge
    second: Judge
    card: Mapping[str, Any]
    folder: Path

    @property
    def version(self) -> str:
        """Which weights these are."""
        return str(self.card["version"])

    def judge(self, pieces: list[Piece]) -> Moods:
        """What both say together."""
        return Moods.mean([self.first.judge(pieces), self.second.judge(pieces)])


def save_mood(folder: Path, judges: Mapping[str, Judge], card: Mapping[str, Any]) -> None:
    """Write ``mood.safetensors``, ``held_out.json`` (the fold of each clip by digest) and, last, ``card.json``."""
    weights = {
        f"{name}.{number}.{key}": (value.half() if value.ndim == 3 else value).detach().contiguous()
        for name, judge in judges.items()
        for number, network in enumerate(judge.networks)
        for key, value in network.state_dict().items()
    }
    sizes = {name: judge.networks[0].into.shape[1] for name, judge in judges.items()}
    full = {**card, "features": sizes, "folds": len(judges["first"].networks)}
    FORMAT.save(folder, save(weights), full, held_out=dict(sorted(judges["first"].folds.items())))


def load_mood(name_or_path: str | Path = SHIPPED) -> MoodBundle:
    """A shipped one by name or one of your own by folder; raises ``FileNotFoundError`` or ``ValueError``."""
    with FORMAT.opened(name_or_path) as found:
        weights, folds = load_file(found.weights), found.held_out()
        judges = {
            name: Judge(name, [_network(found.card, weights, name, each) for each in range(found.card["folds"])], folds)
            for name in FEATURES
        }
    return MoodBundle(judges["first"], judges["second"], found.card, found.folder)


def _network(card: Mapping[str, Any], weights: Mapping[str, Tensor], name: str, number: int) -> MoodNetwork:
    begin = f"{name}.{number}."
    network = MoodNetwork(card["features"][name], card["hidden"], card["members"])
    state = {key.removeprefix(begin): value.float() for key, value in weights.items() if key.startswith(begin)}
    network.load_state_dict(state, strict=True)
    return network.eval()


@dataclass(frozen=True)
class Fifths:
    """Where the fifths of each domain lie: its number → ``(2, 4)``, of valence and arousal."""

    edges: Mapping[int, Floats]

    @classmethod
    def of(cls, moods: Sequence[Floats], domains: IntArray) -> Fifths:
        """Of pieces' moods ``(bars, 2)`` and domains."""
        share = np.arange(1, FIFTHS) / FIFTHS
        found = {}
        for domain in np.unique(domains):
            every = np.concatenate([each for each, own in zip(moods, domains, strict=True) if own == domain])
            known = every[np.isfinite(every).all(1)]
            found[int(domain)] = np.quantile(known, share, axis=0).T if len(known) else np.zeros((2, FIFTHS - 1))
        return cls(found)

    def number(self, moods: Floats, domain: int) -> IntArray:
        """The fifths of moods ``(bars, 2)``, 1 to 5 each, 0 where nobody could judge or the domain is unknown."""
        if domain not in self.edges:
            return np.zeros(moods.shape, dtype=np.int64)
        columns = [
            1 + np.searchsorted(edge, own, "right") for edge, own in zip(self.edges[domain], moods.T, strict=True)
        ]
        return np.where(np.isfinite(moods), np.stack(columns, 1), 0)


def bar_moods(judge: Judge, tokens: TokenArray) -> Floats:
    """Valence and arousal of each bar of a piece ``(bars, 2)``, judged eight bars at a time; NaN for too few notes."""
    piece = from_tokens(tokens)
    bars = len(piece.bars)
    found = np.full((bars, 2), np.nan)
    parts = {start: piece.window(start, min(BARS_TOGETHER, bars - start)) for start in range(0, bars, BARS_TOGETHER)}
    parts = {start: part for start, part in parts.items() if len(part.notes) >= LEAST_NOTES}
    if parts:
        moods = judge.judge(list(parts.values()))
        for start, valence, arousal in zip(parts, moods.valence, moods.arousal, strict=True):
            found[start : start + BARS_TOGETHER] = valence, arousal
    return found


def with_moods(judge: Judge, train: PieceSet, others: Sequence[PieceSet]) -> list[PieceSet]:
    """The training pieces and the ``others`` with the fifths of their bars, as these lie in the training pieces."""
    every = [train, *others]
    console = Console(stderr=True)
    moods = [[bar_moods(judge, each) for each in track(some.each(), "moods", console=console)] for some in every]
    fifths = Fifths.of(moods[0], train.domain)
    return [
        replace(
            some, moods=np.concatenate([fifths.number(own, int(d)) for own, d in zip(found, some.domain, strict=True)])
        )
        for some, found in zip(every, moods, strict=True)
    ]
