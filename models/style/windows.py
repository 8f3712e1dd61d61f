"""The music of a training run: what it trains on, what it holds out, and eight-bar windows of it as token batches.

Batches are padded, balanced over domains and transposed at random.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from models.experiments.dataset import piece_name, training_pieces
from models.music.grouping import group_ids, split
from models.music.notes import DOMAINS, Domain, MusicError, Piece
from models.music.tokens import (
    BAR,
    END,
    LOWEST_PITCH,
    METERS,
    PITCH,
    PITCHES,
    POSITION,
    TokenArray,
    bar_ticks,
    regular_bars,
    to_tokens,
)
from models.style.latents import BARS

DOMAIN_SHARE = {"pop": 0.5, "dance": 0.35, "chorale": 0.15}
PHRASE_BARS: Mapping[Domain, int] = {"pop": 1, "dance": 8, "chorale": 2}  # from where one may begin to the next
POOL = 12  # batches
LEAST_NOTES, MOST_NOTES = 8, 440


@dataclass(frozen=True)
class WindowSet:
    """All usable windows of some pieces.

    ``tokens`` int16 ``(steps, 7)`` of all pieces behind each other; ``spans`` int64 ``(windows, 2)``: first step and
    the one after the last; ``domain``, ``piece`` ``(windows,)`` indices; ``first_bar`` ``(windows,)``; ``start`` marks
    windows that begin a phrase as far as that is known.
    """

    tokens: TokenArray
    spans: npt.NDArray[np.int64]
    domain: npt.NDArray[np.int64]
    piece: npt.NDArray[np.int64]
    first_bar: npt.NDArray[np.int64]
    start: npt.NDArray[np.bool_]
    pieces: list[Piece]

    def __len__(self) -> int:
        return len(self.spans)

    def clip(self, index: int) -> Piece:
        """The window as a piece."""
        return self.pieces[int(self.piece[index])].window(int(self.first_bar[index]), BARS)

    def choose(self, indices: npt.ArrayLike) -> WindowSet:
        """A set with only some of the windows."""
        i = np.asarray(indices)
        fields = ("spans", "domain", "piece", "first_bar", "start")
        return replace(self, **{name: getattr(self, name)[i] for name in fields})


def make_windows(pieces: Sequence[Piece]) -> WindowSet:
    """Windows of eight whole bars of one known meter with enough notes; pieces whose bars mean nothing are left out."""
    tokens: list[TokenArray] = []
    rows: list[tuple[int, int, int, int, int, bool]] = []
    used: list[Piece] = []
    offset = 0
    for original in pieces:
        if original.extra.get("bars") == "unestimated" or original.domain is None:
            continue
        piece = regular_bars(original)
        try:
            steps = to_tokens(piece)
        except MusicError:
            continue
        heads = np.flatnonzero(steps[:, POSITION] == BAR)
        edges = np.append(heads, len(steps))
        whole = np.array([(n, d) in METERS and ticks == bar_ticks(n, d) for _, ticks, n, d in piece.bars.tolist()])
        first_whole = int(np.argmax(whole))
        stride = 2 if piece.domain == "dance" else 1
        for first in range(first_whole, len(heads) - BARS + 1, stride):
            meters = piece.bars[first : first + BARS, 2:]
            begin, end = int(edges[first]), int(edges[first + BARS])
            counts = np.diff(edges[first : first + BARS + 1]) - 1
            if (
                not whole[first : first + BARS].all()
                or (meters != meters[0]).any()
                or not LEAST_NOTES <= counts.sum() <= MOST_NOTES
                or (counts == 0).sum() > 2
            ):
                continue
            aligned = piece.domain == "pop" or (first - first_whole) % (8 if piece.domain == "dance" else 2) == 0
            rows.append((offset + begin, offset + end, DOMAINS.index(piece.domain), len(used), first, aligned))
        used.append(piece)
        tokens.append(steps)
        offset += len(steps)
    if not rows:
        raise MusicError(f"none of the {len(pieces)} pieces has eight whole bars with {LEAST_NOTES}-{MOST_NOTES} notes")
    table = np.array(rows, dtype=np.int64)
    return WindowSet(
        np.concatenate(tokens), table[:, :2], table[:, 2], table[:, 3], table[:, 4], table[:, 5].astype(bool), used
    )


def pad(clips: Sequence[TokenArray], shifts: npt.NDArray[np.int64] | None = None) -> torch.Tensor:
    """Token clips as one int64 tensor ``(batch, steps, 7)`` padded with END steps; ``shifts`` transposes each."""
    longest = max(map(len, clips)) + 1
    out = np.full((len(clips), longest, 7), -1, dtype=np.int64)
    out[..., POSITION] = END
    for row, clip in enumerate(clips):
        out[row, : len(clip)] = clip
    if shifts is not None:
        out[..., PITCH] += np.where(out[..., PITCH] >= 0, shifts[:, None], 0)
    return torch.from_numpy(out)


def transposition(clip: TokenArray, rng: np.random.Generator) -> int:
    """A random shift of -5..6 semitones that keeps the clip on the piano."""
    pitches = clip[clip[:, PITCH] >= 0, PITCH]
    low, high = LOWEST_PITCH - int(pitches.min()), LOWEST_PITCH + PITCHES - 1 - int(pitches.max())
    return int(np.clip(rng.integers(-5, 7), low, high))


Batch = tuple[torch.Tensor, torch.Tensor]


def batches(
    windows: WindowSet,
    *,
    steps_per_batch: int,
    seed: int,
    first: int = 0,
    stride: int = 1,
    transpose: bool = True,
    domain_share: Mapping[str, float] = DOMAIN_SHARE,
) -> Iterator[Batch]:
    """Endless training batches of about ``steps_per_batch`` padded steps; resumable at ``first``.

    Each has ``tokens`` and ``domain``. Batch ``n`` depends on ``seed``, ``n`` and the shares alone; every ``stride``-th
    comes. Windows are drawn by domain (``domain_share``) and sorted by length within a pool of batches, so that little
    is padding.
    """
    members = {d: np.flatnonzero(windows.domain == d) for d in range(len(DOMAINS))}
    present = [d for d in members if len(members[d])]
    share = np.array([domain_share[DOMAINS[d]] for d in present])
    share /= share.sum()
    mean_length = float(np.diff(windows.spans, axis=1).mean())
    count = max(POOL, int(POOL * steps_per_batch / mean_length))  # at least one window a batch
    for round_ in range(first // POOL, 1 << 40):
        rng = np.random.default_rng([seed, round_])
        domains = rng.choice(present, size=count, p=share)
        chosen = np.array([members[d][rng.integers(len(members[d]))] for d in domains])
        lengths = np.diff(windows.spans[chosen], axis=1)[:, 0]
        chosen = chosen[np.argsort(lengths, kind="stable")]
        for index, number in enumerate(rng.permutation(POOL)):
            place = round_ * POOL + index
            if place < first or (place - first) % stride:
                continue
            rows = chosen[len(chosen) * number // POOL : len(chosen) * (number + 1) // POOL]
            draw = np.random.default_rng([seed, round_, index])
            clips = [windows.tokens[a:b] for a, b in windows.spans[rows]]
            shifts = np.array([transposition(clip, draw) if transpose else 0 for clip in clips])
            yield pad(clips, shifts), torch.from_numpy(windows.domain[rows])


@dataclass(frozen=True)
class RunMusic:
    """The pieces that a run trains on, their windows, and windows of songs that it doesn't train on."""

    pieces: list[Piece]
    windows: WindowSet
    held_out: WindowSet


def run_music(data: Path | None, out: Path, *, again: bool) -> RunMusic:
    """The music of the run in ``out``: split now and noted in ``out/split.json``, or as noted there (``again``).

    So a run that is taken up later never trains on what it held out, whatever became of the corpora in between.
    Raises ``MusicError`` where nothing can be trained on.
    """
    pieces, record = training_pieces(data), out / "split.json"
    if again and record.exists():
        names = {part: set(found) for part, found in json.loads(record.read_text(encoding="utf-8")).items()}
        missing = set().union(*names.values()) - {piece_name(p) for p in pieces}
        if missing:
            raise MusicError(
                f"{len(missing)} pieces of this run are not there now, such as {min(missing)}; give --data or "
                "KALLOS_CORPORA as before, or begin another run"
            )
        parts = {part: [p for p in pieces if piece_name(p) in found] for part, found in names.items()}
    else:
        parts = split(pieces, seed=0) if data is None else own_parts(pieces)
        text = json.dumps({part: [piece_name(p) for p in found] for part, found in parts.items()})
        record.write_text(text + "\n", encoding="utf-8")
    windows = make_windows(parts["train"])
    held_out = _first_windows([parts["validation"], parts["test"]])
    if data is not None:
        kept = f"{len(held_out.pieces)} held out" if held_out else "none held out: figures are of what is trained on"
        print(f"{len(parts['train'])} pieces with {len(windows)} windows of eight bars to train on, {kept}")
    return RunMusic(parts["train"], windows, held_out or windows)


def own_parts(pieces: list[Piece]) -> dict[str, list[Piece]]:
    """The split of a folder, of which some is trained on and some held out even where it holds two tunes only.

    One tune is all trained on. A split that came with the music stays. Raises ``MusicError`` where nothing is usable.
    """
    windows = make_windows(pieces)
    usable = [windows.pieces[index] for index in np.unique(windows.piece)]
    ids = {piece_name(piece) for piece in usable}
    usable = [piece for piece in pieces if piece_name(piece) in ids]
    if left := len(pieces) - len(usable):
        print(f"{left} of {len(pieces)} pieces have no eight whole bars to train on and are left out")
    parts = split(usable, seed=0)
    if (parts["train"] and len(parts["train"]) < len(usable)) or any("split" in piece.extra for piece in usable):
        return parts
    groups = group_ids(usable)
    by_size = sorted(set(groups), key=lambda name: (sum(len(p.bars) for p in _of(name, groups, usable)), name))
    held_out = by_size[: min(len(by_size) - 1, max(1, len(by_size) // 10))]  # the shortest: little is lost to training
    chosen = {name: "test" if name in held_out else "train" for name in by_size}
    parts = {part: [] for part in parts}
    for name, piece in zip(groups, usable, strict=True):
        parts[chosen[name]].append(piece)
    return parts


def _of(name: str, groups: Sequence[str], pieces: Sequence[Piece]) -> list[Piece]:
    return [piece for group, piece in zip(groups, pieces, strict=True) if group == name]


def _first_windows(parts: Sequence[Sequence[Piece]]) -> WindowSet | None:
    """Windows of the first part that has any; a few tunes may leave a part without."""
    for pieces in parts:
        try:
            return make_windows(pieces)
        except MusicError:
            continue
    return None
