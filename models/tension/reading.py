"""Pieces read once for heads: the piece model's states, plain statistics and bar latents, bar by bar.

The plain statistics of a bar are what heads hear that do without the piece model's states.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from rich.progress import track

from models.experiments.dataset import piece_name
from models.music.keys import half_bar_chroma, likely_key
from models.music.notes import DOMAINS, MusicError, Piece
from models.music.tokens import BAR, DURATION, DURATIONS, METER, PITCH, POSITION, VELOCITY, VELOCITY_BINS, TokenArray
from models.style.features import bar_features, gather_notes
from models.style.model import StyleModel
from models.style.pieces.conditions import ABSENT, IntArray, classes, regular_tokens
from models.style.pieces.model import PieceModel
from models.style.windows import pad
from models.tension.future import MOST_STEPS, steps_of
from models.tension.past import Bars, bars_of, tokens_in_c

Floats32 = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Moods = Callable[[TokenArray], Floats]  # valence and arousal of each bar of tokens (bars, 2), NaN where unknown

SLOTS, SLOT = 24, 4  # slots of a bar in which notes begin, the last for all that is later; grid steps of each
LENGTHS = (0, 3, 6, 9, 12, 18, 24, 48, 10_000)  # edges of durations in grid steps; a quarter is 12
SIZE = 12 + SLOTS + len(LENGTHS) - 1 + 8

MARKS = (1, 2, 4, 8)  # bars after which classes are predicted
LEAST = 8  # bars of a piece that is read
UNTOLD = ABSENT  # the domain of a piece that is to be recognised


def bar_statistics(tokens: TokenArray) -> Floats32:
    """Statistics of each bar of tokens ``(steps, 7)`` that begin with a BAR step: ``(bars, SIZE)``.

    How long each pitch class sounds, where notes begin, how long they are, and of pitch lowest, mean, spread and
    highest, of velocity mean and spread, of the notes their number and how many begin at once.
    """
    number = np.cumsum(tokens[:, POSITION] == BAR) - 1
    found = np.zeros((int(number.max()) + 1, SIZE), dtype=np.float32)
    lengths = np.asarray(DURATIONS)
    for bar in range(len(found)):
        notes = tokens[(number == bar) & (tokens[:, PITCH] >= 0)]
        if not len(notes):
            continue
        pitch, steps = notes[:, PITCH].astype(np.int64), lengths[notes[:, DURATION]].astype(np.float64)
        velocity = notes[:, VELOCITY] / VELOCITY_BINS
        chroma = np.bincount(pitch % 12, steps, minlength=12)
        begins = np.bincount(np.minimum(notes[:, POSITION] // SLOT, SLOTS - 1), minlength=SLOTS)
        found[bar] = np.concatenate(
            [
                chroma / chroma.sum(), np.log1p(begins), np.histogram(steps, LENGTHS)[0] / len(notes),
                [pitch.min() / 12, pitch.mean() / 12, pitch.std() / 12, pitch.max() / 12],
                [velocity.mean(), velocity.std(), np.log(len(notes)), len(notes) / len(np.unique(notes[:, POSITION]))],
            ]
        )  # fmt: skip
    return found


@dataclass(frozen=True)
class Read:
    """A piece as heads hear it.

    ``states`` ``(bars, 2 dim)``: the model's mean state in a bar and in all so far; ``plain`` ``(bars, 2 SIZE)``: the
    same of statistics. ``latents`` ``(bars, latent)``: each bar encoded by itself, so that it knows no other;
    ``sounds`` ``(bars,)``. ``marks`` ``(4, dim)``, ``plain_marks`` ``(4, SIZE)``: means over the first of ``MARKS``
    bars, of states where the model was not told the domain. ``opening`` ``(steps, 7)``: the classes of the steps of all
    these bars, and ``ends`` ``(4,)`` how many steps the first of ``MARKS`` bars have. ``own``: for the recogniser, and
    ``own_plain`` the same of statistics. ``mood``: mean valence and arousal, NaN where nobody could judge.
    """

    song: str
    domain: str
    collection: str
    meter: int
    key: int
    mood: Floats
    states: Floats32
    plain: Floats32
    latents: Floats32
    sounds: npt.NDArray[np.bool_]
    marks: Floats32
    plain_marks: Floats32
    opening: IntArray
    ends: IntArray
    own: Bars
    own_plain: Bars


@torch.inference_mode()
def read(model: PieceModel, style: StyleModel, moods: Moods, piece: Piece, *, most: int = 40) -> Read:
    """The first ``most`` bars of a piece; raises ``MusicError`` where it is too short or its domain is unknown."""
    if piece.domain is None:
        raise MusicError("the piece has no domain")
    tokens = regular_tokens(piece)[:MOST_STEPS]
    edges = [*np.flatnonzero(tokens[:, POSITION] == BAR)[: most + 1].tolist(), len(tokens)]
    edges = edges[: most + 1]
    if len(edges) - 1 < LEAST:
        raise MusicError(f"the piece has {len(edges) - 1} bars; at least {LEAST} are needed")
    tokens = tokens[: edges[-1]]
    bars = [tokens[begin:end] for begin, end in pairwise(edges)]
    plain = bar_statistics(tokens)
    untold = states_of(model, tokens[: edges[LEAST]], UNTOLD)
    in_c, _ = tokens_in_c(piece)
    own = bars_of(model, piece, most=most)
    plain_c = bar_statistics(in_c)[: len(own)]
    before = np.concatenate([np.zeros_like(plain_c[:1]), _so_far(plain_c)[:-1]])
    return Read(
        piece_name(piece), piece.domain, piece.source, int(tokens[0, METER]),
        likely_key(half_bar_chroma(piece).sum(axis=0)), _mood(moods(tokens)),
        with_past(states_of(model, tokens, DOMAINS.index(piece.domain)), edges),
        np.concatenate([plain, _so_far(plain)], axis=1),
        *latents_of(style, bars),
        np.stack([untold[: edges[mark]].mean(0) for mark in MARKS]),
        np.stack([plain[:mark].mean(0) for mark in MARKS]),
        classes(tokens[: edges[LEAST]]), np.array([edges[mark] for mark in MARKS]),
        own, replace(own, context=before, own=plain_c),
    )  # fmt: skip


def read_all(
    model: PieceModel, style: StyleModel, moods: Moods, pieces: Sequence[Piece], *, each: int, seed: int
) -> list[Read]:
    """Up to ``each`` pieces of every domain in a random order; those that can't be read are left out."""
    rng, found = np.random.default_rng(seed), []
    for domain in DOMAINS:
        own = [piece for piece in pieces if piece.domain == domain]
        for index in track(rng.permutation(len(own))[:each].tolist(), f"{domain} read"):
            try:
                found.append(read(model, style, moods, own[index]))
            except MusicError:
                continue
    return found


def latents_of(style: StyleModel, bars: Sequence[TokenArray]) -> tuple[Floats32, npt.NDArray[np.bool_]]:
    """Each bar's latents ``(bars, latent)``, encoded by itself, and whether it sounds ``(bars,)``."""
    found: Floats32 = style.encode(bar_features(gather_notes(pad(bars), 1))).mean.float().numpy()
    return found, np.array([bool((bar[:, PITCH] >= 0).any()) for bar in bars])


def states_of(model: PieceModel, tokens: TokenArray, domain: int) -> Floats32:
    """After each step ``(steps, dim)``."""
    found: Floats32 = model(steps_of([tokens], domain))[0, 1:].float().numpy()
    return found


def with_past(states: Floats32, edges: Sequence[int]) -> Floats32:
    """Means of states ``(steps, dim)`` in each bar between ``edges`` and in all so far ``(bars, 2 dim)``."""
    sums = np.concatenate([np.zeros_like(states[:1]), np.cumsum(states, axis=0)])
    begins, ends = np.array(edges[:-1]), np.array(edges[1:])
    within = (sums[ends] - sums[begins]) / (ends - begins)[:, None]
    return np.concatenate([within, sums[ends] / ends[:, None]], axis=1).astype(np.float32)


def _so_far(values: Floats32) -> Floats32:
    """Means of all bars up to each."""
    return (np.cumsum(values, axis=0) / np.arange(1, len(values) + 1)[:, None]).astype(np.float32)


def _mood(moods: Floats) -> Floats:
    known = moods[np.isfinite(moods).all(1)]
    found: Floats = known.mean(0) if len(known) else np.full(2, np.nan)
    return found
