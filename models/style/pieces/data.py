"""Whole pieces as tokens, and the rows of steps that a piece model trains on.

A row is ``context`` steps long and filled with parts of pieces of one domain, one behind the other: parts that begin
with a piece's first bar (a share of ``FROM_THE_START``) or with any bar, each up to the piece's end where it fits.

``density``: a model that hears many notes goes on with many, so one unlikely chord can lead to five notes on each
sixteenth to the end of a piece. What is denser than nearly all real music of its kind is given up and begun anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from models.experiments.dataset import piece_name
from models.music.files import replacing
from models.music.notes import DOMAINS, MusicError, Piece
from models.music.tokens import BAR, END, METER, PITCH, POSITION, TEMPO, VELOCITY, TokenArray
from models.style.latents import BARS
from models.style.pieces.bar_latents import BarLatents, Reader, RowLatents, drop, heard_size
from models.style.pieces.conditions import (
    ABSENT,
    CONDITIONS,
    LEAST_BARS,
    LEAST_NOTES,
    OF_TEMPO,
    Along,
    along,
    before_first,
    classes,
    first_numbers,
    regular_tokens,
    returns_of,
    whole_tokens,
)
from models.style.pieces.grammar import outer_first
from models.style.pieces.model import Steps
from models.style.windows import DOMAIN_SHARE, transposition

IntArray = npt.NDArray[np.int64]

FROM_THE_START = 0.4
# Shares of the parts in which the model is not told the piece's last bar, or the tempo or the meter that begin it, or
# any bar's return, or the mood; of the other parts it is told the returns of some bars, from none to all, and where it
# is told the mood, it isn't told valence, or arousal, in a share of ``HALF_UNKNOWN`` each
UNKNOWN_SHARE = {"last": 0.2, "tempo": 0.3, "meter": 0.2, "returns": 0.4, "mood": 0.5}
HALF_UNKNOWN = 0.15
UNKNOWN_FIELDS, UNKNOWN = (VELOCITY, TEMPO), 0.1  # of a share of the parts nobody knows them: files may have neither
OF_FIELD = {VELOCITY: "dynamics", TEMPO: "tempo"}  # the latent group that would tell them


@dataclass(frozen=True)
class PieceSet:
    """Pieces as tokens behind each other: int16 ``(steps, 7)``, without END.

    ``edges`` ``(pieces + 1,)``: where each begins; ``heads`` ``(bars,)``: the BAR steps; ``first`` ``(pieces + 1,)``:
    each one's first among them; ``returns`` ``(bars,)``; ``domain`` ``(pieces,)``; ``names`` as in ``split.json``;
    ``moods`` ``(bars, 2)``: the fifths of valence and arousal, 0 where nobody has judged them.
    """

    tokens: TokenArray
    edges: IntArray
    heads: IntArray
    first: IntArray
    returns: IntArray
    domain: IntArray
    names: tuple[str, ...]
    moods: IntArray

    @classmethod
    def of(cls, pieces: Sequence[Piece]) -> PieceSet:
        """Those of ``pieces`` that can be told in tokens; raises ``MusicError`` where none can."""
        kept = [(piece, steps) for piece in pieces if (steps := whole_tokens(piece)) is not None]
        if not kept:
            raise MusicError(f"none of the {len(pieces)} pieces has {LEAST_BARS} bars and {LEAST_NOTES} notes")
        return cls.joined(
            [steps for _, steps in kept],
            np.array([DOMAINS.index(p.domain) for p, _ in kept if p.domain], dtype=np.int64),
            tuple(piece_name(p) for p, _ in kept),
        )

    @classmethod
    def joined(cls, found: Sequence[TokenArray], domain: IntArray, names: tuple[str, ...]) -> PieceSet:
        """From the tokens of each piece."""
        tokens = np.concatenate(found)
        edges = np.cumsum([0, *map(len, found)])
        heads = np.flatnonzero(tokens[:, POSITION] == BAR)
        returns = np.concatenate([returns_of(steps) for steps in found])
        moods = np.zeros((len(heads), 2), dtype=np.int64)
        return cls(tokens, edges, heads, np.searchsorted(heads, edges), returns, domain, names, moods)

    def __len__(self) -> int:
        return len(self.domain)

    def each(self) -> list[TokenArray]:
        """The tokens of each piece."""
        return np.split(self.tokens, self.edges[1:-1])

    def outer_first(self) -> PieceSet:
        """The same pieces with the outer voices of each onset first."""
        return replace(self, tokens=np.concatenate([outer_first(steps) for steps in self.each()]))

    def save(self, path: Path) -> None:
        """Write tokens, domains and names; the file appears whole or not at all."""
        names = np.frombuffer(json.dumps(self.names).encode(), dtype=np.uint8)
        with replacing(path) as part, part.open("wb") as file:
            np.savez_compressed(
                file, tokens=self.tokens, edges=self.edges, domain=self.domain, names=names, moods=self.moods
            )

    @classmethod
    def load(cls, path: Path) -> PieceSet:
        """What ``save`` wrote."""
        with np.load(path, allow_pickle=False) as data:
            names = tuple(json.loads(data["names"].tobytes()))
            found = cls.joined(np.split(data["tokens"], data["edges"][1:-1]), data["domain"], names)
            return replace(found, moods=data["moods"]) if "moods" in data else found


@dataclass(frozen=True)
class Part:
    """Steps of one piece in a row: classes ``(steps, 7)``, their conditions and places (``conditions.along``).

    ``tokens``: what its latents are read off, up to the end of the window in which it ends; ``unknown``: fields that
    nobody knows of it.
    """

    classes: IntArray
    conditions: IntArray
    bars: npt.NDArray[np.float32]
    tokens: TokenArray
    unknown: tuple[int, ...] = ()

    def told(self, latents: BarLatents, sizes: Sequence[int]) -> _PartLatents:
        """``latents`` of the bars of ``tokens``, as the part's steps hear them."""
        is_bar = self.classes[:, POSITION] == BAR
        own = np.cumsum(is_bar)  # 1 for the first bar's steps, 0 before it
        count = int(is_bar.sum())
        heard = latents.heard(sizes)[: count + 1]
        own[self.classes[:, POSITION] == END] = 0
        coming = np.where((own > 0) | (np.arange(len(own)) == 0), own + 1, 0)
        coming[coming > len(heard)] = 0
        place = np.concatenate([self.bars[is_bar], self.bars[is_bar][-1:] + 1])[: len(heard)]
        told: npt.NDArray[np.bool_] = np.asarray(latents.told[: len(heard)].any(axis=1), dtype=bool)
        return _PartLatents(heard, told, own, coming, place)


@dataclass(frozen=True)
class _PartLatents:
    """``heard`` ``(bars, …)``, whether anything is ``told`` of them, steps' ``own`` and ``coming`` bars (0: none)."""

    heard: npt.NDArray[np.float32]
    told: npt.NDArray[np.bool_]
    own: IntArray
    coming: IntArray
    place: npt.NDArray[np.float32]


def draw_part(
    pieces: PieceSet, members: IntArray, room: int, rng: np.random.Generator, *, training: bool, latents: bool = False
) -> Part:
    """A part of one of ``members`` (indices of pieces), at most ``room`` steps and the one before the first.

    In training it is transposed, and some conditions are unknown (``UNKNOWN_SHARE``); else returns and mood are.
    Where ``latents`` are read off it, nobody knows the velocities, or the tempo, of a share of ``UNKNOWN`` of parts.
    """
    if rng.random() < FROM_THE_START:
        index = int(members[rng.integers(len(members))])
        bar = 0
    else:
        counts = np.cumsum((pieces.first[1:] - pieces.first[:-1])[members])
        drawn = int(rng.integers(counts[-1]))
        place = int(np.searchsorted(counts, drawn, side="right"))
        index, bar = int(members[place]), drawn - (int(counts[place - 1]) if place else 0)
    start, stop = int(pieces.heads[pieces.first[index] + bar]), int(pieces.edges[index + 1])
    upto = min(stop, start + room)
    read = pieces.tokens[start : _window_end(pieces, index, start, upto) if latents else upto]
    if training:
        read = transposed(read, rng)
    tokens = read[: min(stop - start, room)]
    fields = [field for field in UNKNOWN_FIELDS if latents and training and rng.random() < UNKNOWN]
    first, told = _told(pieces, index, bar, tokens, rng, training=training)
    tokens = tokens.copy()
    for field in fields:
        tokens[:, field] = ABSENT
    if TEMPO in fields:
        first.conditions[:, OF_TEMPO] = told.conditions[:, OF_TEMPO] = ABSENT
    nothing = np.full((1, 7), ABSENT, dtype=np.int64)
    end = np.full((int(start + room > stop), 7), ABSENT, dtype=np.int64)
    end[:, POSITION] = END
    return Part(
        np.concatenate([nothing, classes(tokens), end]),
        np.concatenate([first.conditions, told.conditions, np.full((len(end), len(CONDITIONS)), ABSENT)]),
        np.concatenate([first.bars, told.bars, np.zeros(len(end), dtype=np.float32)]),
        read,
        tuple(fields),
    )


def _window_end(pieces: PieceSet, index: int, start: int, stop: int) -> int:
    """The step after the last of the eight bars in which a part of a piece from ``start`` to ``stop`` ends."""
    first, last = (int(np.searchsorted(pieces.heads, step)) for step in (start, stop))
    pickup = int(first_numbers(pieces.tokens[start : start + 1])[0] == 0)
    upto = first + pickup + -(-(last - first - pickup) // BARS) * BARS
    return int(pieces.heads[upto]) if upto < pieces.first[index + 1] else int(pieces.edges[index + 1])


def transposed(tokens: TokenArray, rng: np.random.Generator) -> TokenArray:
    """Tokens ``(steps, 7)`` moved by -5..6 semitones, as far as the piano goes."""
    is_note = tokens[:, PITCH] >= 0
    if not is_note.any():
        return tokens
    moved = tokens.copy()
    moved[is_note, PITCH] += transposition(tokens, rng)
    return moved


def _told(
    pieces: PieceSet, index: int, bar: int, tokens: TokenArray, rng: np.random.Generator, *, training: bool
) -> tuple[Along, Along]:
    """What is told before and along ``tokens``, which begin with the ``bar``-th bar of a piece."""
    untold = {name: training and rng.random() < share for name, share in UNKNOWN_SHARE.items()}
    is_bar = tokens[:, POSITION] == BAR
    heads, of_bar = tokens[is_bar], np.cumsum(is_bar) - 1
    begin, end = (int(edge) for edge in pieces.first[index : index + 2])
    first_number = int(first_numbers(pieces.tokens[pieces.edges[index] : pieces.edges[index] + 1])[0])
    number = np.arange(bar, bar + len(heads)) + first_number
    moods = pieces.moods[begin + bar : begin + bar + len(heads)].copy()
    hidden = rng.random(2) < HALF_UNKNOWN
    moods[:, hidden | untold["mood"] | (not training)] = 0
    known: dict[str, int] = {
        "domain": int(pieces.domain[index]),
        "last": ABSENT if untold["last"] else end - begin - 1 + first_number,
    }
    first = before_first(
        **known,
        before=max(0, bar - 1 + first_number),
        meter=ABSENT if untold["meter"] else int(tokens[0, METER]),
        tempo=ABSENT if untold["tempo"] else int(tokens[0, TEMPO]),
        mood=(int(moods[0, 0]), int(moods[0, 1])),
    )
    returns = pieces.returns[begin + bar : begin + bar + len(heads)].copy()
    silent = rng.random(len(heads)) < rng.random()
    returns[silent | untold["returns"] | (not training)] = ABSENT
    position = np.where(is_bar, 0, tokens[:, POSITION])
    told = along(heads[of_bar], number[of_bar], position, returns=returns[of_bar], mood=moods[of_bar], **known)
    return first, told


@dataclass(frozen=True)
class Batch:
    """Rows of steps and, for each, the step that comes next ``(batch, steps, 7)``; its position is -1 for none."""

    steps: Steps
    following: torch.Tensor

    def to(self, device: str) -> Batch:
        """The same on a device."""
        s = self.steps
        part = None if s.part is None else s.part.to(device)
        told = None if s.told is None else s.told.to(device)
        moved = Steps(s.classes.to(device), s.conditions.to(device), s.bars.to(device), part, told)
        return Batch(moved, self.following.to(device))


Masking = Callable[[Sequence[BarLatents], Sequence[Part]], Sequence[BarLatents]]


@dataclass(frozen=True)
class Latents:
    """How the latents of parts are told: read off by ``reader``, as ``masked`` leaves them."""

    reader: Reader
    masked: Masking

    @classmethod
    def dropped(cls, reader: Reader, rng: np.random.Generator) -> Latents:
        """As in training."""

        def masked(read: Sequence[BarLatents], parts: Sequence[Part]) -> list[BarLatents]:
            never = [[OF_FIELD[field] for field in part.unknown] for part in parts]
            return [drop(each, rng, reader.sizes, groups) for each, groups in zip(read, never, strict=True)]

        return cls(replace(reader, noise=rng), masked)


def make_batch(
    pieces: PieceSet,
    domains: Sequence[int],
    context: int,
    rng: np.random.Generator,
    *,
    training: bool,
    latents: Latents | None = None,
) -> Batch:
    """One row of ``context`` steps for each of ``domains``."""
    rows = []
    for domain in domains:
        members, parts, length = np.flatnonzero(pieces.domain == domain), [], 0
        while length <= context:
            room = max(1, context - length)
            parts.append(draw_part(pieces, members, room, rng, training=training, latents=latents is not None))
            length += len(parts[-1].classes)
        rows.append(parts)

    def joined(name: str) -> torch.Tensor:
        return torch.from_numpy(
            np.stack([np.concatenate([getattr(p, name) for p in row])[: context + 1] for row in rows])
        )

    numbers = [np.repeat(np.arange(len(row)), [len(p.classes) for p in row])[:context] for row in rows]
    every = joined("classes")
    steps = Steps(
        every[:, :-1],
        joined("conditions")[:, :-1],
        joined("bars")[:, :-1],
        torch.from_numpy(np.stack(numbers)),
        None if latents is None else _latents_of(rows, latents, context),
    )
    return Batch(steps, every[:, 1:])


def _latents_of(rows: Sequence[Sequence[Part]], latents: Latents, context: int) -> RowLatents:
    """What the rows' steps are told of their bars."""
    parts = [part for row in rows for part in row]
    read = latents.masked(latents.reader.read([part.tokens for part in parts]), parts)
    sizes = latents.reader.sizes
    told = iter([part.told(each, sizes) for part, each in zip(parts, read, strict=True)])
    by_row = [[next(told) for _ in row] for row in rows]
    most = 1 + max(sum(len(each.heard) for each in row) for row in by_row)
    heard = np.zeros((len(rows), most, heard_size(sizes)), dtype=np.float32)
    place, number = np.zeros((len(rows), most), dtype=np.float32), np.full((len(rows), most), ABSENT)
    own, coming = (np.zeros((len(rows), context), dtype=np.int64) for _ in range(2))
    for r, row in enumerate(by_row):
        step, bar = 0, 1
        for n, each in enumerate(row):
            bars, count = slice(bar, bar + len(each.heard)), min(len(each.own), context - step)
            heard[r, bars], place[r, bars] = each.heard, each.place
            number[r, bars] = np.where(each.told, n, ABSENT)
            for found, index in ((own, each.own), (coming, each.coming)):
                found[r, step : step + count] = np.where(index > 0, index + bar - 1, 0)[:count]
            step, bar = step + len(each.own), bars.stop
    return RowLatents(*(torch.from_numpy(each) for each in (heard, own, coming, place, number)))


def training_batch(
    pieces: PieceSet,
    *,
    rows: int,
    context: int,
    seed: int,
    number: int,
    share: Mapping[str, float] = DOMAIN_SHARE,
    reader: Reader | None = None,
) -> Batch:
    """The ``number``-th training batch: it depends on its arguments alone. Domains come by ``share`` of the rows."""
    rng = np.random.default_rng([seed, number])
    present = np.unique(pieces.domain)
    weight = np.array([share[DOMAINS[d]] for d in present])
    domains = rng.choice(present, size=rows, p=weight / weight.sum())
    latents = None if reader is None else Latents.dropped(reader, np.random.default_rng([seed, number, 1]))
    return make_batch(pieces, domains.tolist(), context, rng, training=True, latents=latents)


def held_out_batches(pieces: PieceSet, *, rows: int, context: int, reader: Reader | None = None) -> dict[str, Batch]:
    """One batch of each domain that is there, always the same, untransposed; with a ``reader`` told all, as well."""
    told = None if reader is None else Latents(reader, lambda read, _: read)
    found = {}
    for d in np.unique(pieces.domain).tolist():
        for name, latents in (("", None), ("_told", told)):
            if latents or not name:
                rng = np.random.default_rng(d)
                found[DOMAINS[d] + name] = make_batch(pieces, [d] * rows, context, rng, training=False, latents=latents)
    return found


TOGETHER = 4  # bars
SHARE = 0.97  # of real pieces, which are less crowded


def density(tokens: TokenArray) -> float:
    """Notes a bar in the most crowded ``TOGETHER`` bars of tokens ``(steps, 7)``, or in all where they are fewer."""
    is_bar = tokens[:, POSITION] == BAR
    notes = np.bincount(np.cumsum(is_bar)[tokens[:, POSITION] < BAR], minlength=int(is_bar.sum()) + 1)[1:]
    together = min(TOGETHER, len(notes))
    return float(np.convolve(notes, np.ones(together) / together, "valid").max()) if together else 0.0


def usually_at_most(pieces: Sequence[Piece]) -> float | None:
    """What ``SHARE`` of these pieces don't exceed; None where none has a note."""
    found = []
    for piece in pieces:
        try:
            found.append(density(regular_tokens(piece)))
        except MusicError:
            continue
    return round(float(np.quantile(found, SHARE)), 1) if found else None
