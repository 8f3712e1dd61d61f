"""The same tune in several files or collections, found by its melody, so that no split has it on both sides.

Melodies are sampled at fixed places of each bar, which makes 2/4 in sixteenths and 4/4 in eighths alike, and compared
as pitch classes in any transposition: bars that two pieces share propose a pair (an inverted index over hashed
shingles, A. Broder, "On the resemblance and containment of documents", 1997), the share of bars in common decides.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from .corpora import CORPORA
from .notes import IntArray, Piece

SAME_TUNE = (
    0.35  # share of the shorter melody; of pairs between 0.4 and 0.5 that were looked at, nearly all were one tune
)
COMMON_TITLE = 6  # a title of more pieces ("Quick Step") names none
POPULAR = 60  # a shingle of more pieces says nothing
SHARED_SHINGLES = 2
RUN = 3
HELD_OUT: Mapping[str, float] = {"validation": 0.05, "test": 0.1}
PUBLISHED = {"train": "train", "val": "validation", "valid": "validation", "validation": "validation", "test": "test"}


def melody_bars(piece: Piece) -> tuple[IntArray, int]:
    """Pitch classes of the highest voice at 8 places of each whole bar (6 or 9 where the meter is in threes).

    Returns int32 ``(bars, width)`` and the width; bars under 3/5 of their meter are left out, 12/8 counts as two.
    """
    numerator, denominator = (int(x) for x in _main_meter(piece.bars))
    parts = 2 if (numerator, denominator) == (12, 8) else 1
    width = {0: 6, 1: 8, 2: 8}[numerator % 3] if numerator != 9 else 9
    full = 96 * numerator // denominator
    rows = piece.bars[(piece.bars[:, 2] == numerator) & (5 * piece.bars[:, 1] >= 3 * full)]
    melody = piece.notes[piece.notes[:, 1] > 4]  # graces are nobody's melody
    if len(rows) == 0 or len(melody) == 0:
        return np.zeros((0, width), dtype=np.int32), width
    places = np.arange(width * parts) * full // (width * parts)
    times = (rows[:, :1] + np.minimum(places[None, :], rows[:, 1:2] - 1)).reshape(-1)
    return (_highest(melody, times) % 12).reshape(-1, width).astype(np.int32), width


def _main_meter(bars: IntArray) -> IntArray:
    meters, counts = np.unique(bars[:, 2:], axis=0, return_counts=True)
    main: IntArray = meters[counts.argmax()]
    return main


def _highest(notes: IntArray, times: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The highest pitch that sounds at each time, the last one held through rests."""
    order = np.argsort(times, kind="stable")
    sorted_times = times[order]
    first = np.searchsorted(sorted_times, notes[:, 0])
    count = np.searchsorted(sorted_times, notes[:, 0] + notes[:, 1]) - first
    top = np.full(len(times), -1, dtype=np.int64)
    steps = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    np.maximum.at(top, np.repeat(first, count) + steps, np.repeat(notes[:, 2], count))
    held = np.maximum(top[np.maximum.accumulate(np.where(top >= 0, np.arange(len(top)), 0))], 0)
    highest = np.empty_like(held)
    highest[order] = held
    return highest


def shingles(bars: IntArray) -> npt.NDArray[np.uint64]:
    """Hashes of what identifies a tune in any key: ``(shingles,)``, distinct.

    A bar with the next downbeat, and the strong places of two bars.
    """
    count, width = bars.shape
    if count < 2:
        return np.zeros(0, dtype=np.uint64)
    strong = {8: [0, 2, 4, 6], 6: [0, 2, 3, 5], 9: [0, 3, 6]}[width]
    one = np.concatenate([bars[:-1], bars[1:, :1]], axis=1)
    two = np.concatenate([bars[:-1, strong], bars[1:, strong]], axis=1)
    hashes = []
    for salt, rows in ((1, one), (2, two)):
        steps = np.diff(rows, axis=1) % 12
        rich = np.array([len(set(row)) > 3 for row in rows.tolist()])
        code = np.full(len(rows), width * 10 + salt, dtype=np.uint64)
        for column in steps.T:
            code = code * np.uint64(0x9E3779B97F4A7C15) + column.astype(np.uint64) + np.uint64(1)
        hashes.append(code[rich])
    return np.unique(np.concatenate(hashes))


def candidate_pairs(sets: Sequence[npt.NDArray[np.uint64]]) -> npt.NDArray[np.int64]:
    """Pairs of pieces that share at least ``SHARED_SHINGLES`` shingles that few have: int64 ``(pairs, 2)``."""
    codes = np.concatenate([*sets, np.zeros(0, dtype=np.uint64)])
    owner = np.repeat(np.arange(len(sets)), [len(s) for s in sets])
    order = np.argsort(codes, kind="stable")
    codes, owner = codes[order], owner[order]
    starts = np.flatnonzero(np.append(True, codes[1:] != codes[:-1])) if len(codes) else np.zeros(0, dtype=np.int64)
    sizes = np.diff(np.append(starts, len(codes)))
    keys = [np.zeros(0, dtype=np.int64)]
    for start, size in zip(
        starts[(sizes > 1) & (sizes <= POPULAR)], sizes[(sizes > 1) & (sizes <= POPULAR)], strict=True
    ):
        members = np.sort(owner[start : start + size])
        left, right = np.triu_indices(size, 1)
        keys.append(members[left] * len(sets) + members[right])
    pairs, counts = np.unique(np.concatenate(keys), return_counts=True)
    pairs = pairs[counts >= SHARED_SHINGLES]
    return np.stack([pairs // len(sets), pairs % len(sets)], axis=1)


def similarity(left: IntArray, right: IntArray) -> float:
    """Share of the shorter melody's bars that the other has too, in one transposition: 0 to 1.

    Two bars are the same where three quarters of their places are; only runs of three such bars or more count, because
    any two tunes share single bars.
    """
    if left.shape[1] != right.shape[1] or min(len(left), len(right)) < RUN:
        return 0.0
    if len(left) > len(right):
        left, right = right, left
    enough = -(-3 * left.shape[1] // 4)
    keys = np.convolve(np.bincount(left.ravel(), minlength=12), np.bincount(right.ravel(), minlength=12)[::-1])
    votes = keys[:12] + np.append(keys[12:], 0)  # how often each shift makes two places equal
    other, best = right.astype(np.int8), 0.0
    for vote in np.argsort(votes)[-3:]:
        shifted = ((left + (11 - vote)) % 12).astype(np.int8)
        same = (shifted[:, None, :] == other[None, :, :]).sum(axis=2) >= enough
        run = same[:-2, :-2] & same[1:-1, 1:-1] & same[2:, 2:]
        starts = np.flatnonzero(run.any(axis=1))
        covered = np.unique(np.concatenate([starts, starts + 1, starts + 2]))
        best = max(best, len(covered) / len(left))
    return best


def without_repeats(bars: IntArray) -> IntArray:
    """The bars without second passes of 4, 8 or 16 bars, at most 64: int32 ``(bars, width)``."""
    rows = bars
    for length in (16, 8, 4):
        at = 0
        while at + 2 * length <= len(rows):
            if (rows[at : at + length] == rows[at + length : at + 2 * length]).all():
                rows = np.delete(rows, np.s_[at + length : at + 2 * length], axis=0)
            else:
                at += length
    return rows[:64]


def group_ids(pieces: Sequence[Piece]) -> list[str]:
    """The group of each piece, named after its first member by corpus and ``piece_id``: stable when a corpus is added.

    Besides the same melody, the same ``piece_id``, the same song of EMOPIA (whose bars mean nothing) and the same title
    hold pieces together: a title that a model has learned must not be asked for.
    """
    parent = list(range(len(pieces)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for members in _known_together(pieces):
        for index in members[1:]:
            parent[root(index)] = root(members[0])
    measured = [
        melody_bars(p)[0] if p.extra.get("bars") != "unestimated" else np.zeros((0, 8), np.int32) for p in pieces
    ]
    short = [without_repeats(bars) for bars in measured]
    for left, right in candidate_pairs([shingles(bars) for bars in measured]).tolist():
        if root(left) != root(right) and similarity(short[left], short[right]) >= SAME_TUNE:
            parent[root(left)] = root(right)
    ranks = {name: rank for rank, name in enumerate(CORPORA)}
    groups: dict[int, list[int]] = defaultdict(list)
    for index in range(len(pieces)):
        groups[root(index)].append(index)
    names = [""] * len(pieces)
    for members in groups.values():
        first = min(members, key=lambda i: (ranks.get(pieces[i].source, len(ranks)), pieces[i].piece_id))
        for index in members:
            names[index] = pieces[first].piece_id or f"piece-{first}"
    return names


def _known_together(pieces: Sequence[Piece]) -> list[list[int]]:
    """Indices of pieces that belong together whatever their notes: by ``piece_id``, by song, by a title few have."""
    together: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, piece in enumerate(pieces):
        if piece.piece_id:
            together["id", piece.piece_id].append(index)
        if "song" in piece.extra:
            together["song", piece.source, piece.extra["song"]].append(index)
        for title in dict.fromkeys(title_key(title) for title in piece.titles):
            if len(title) > 5:
                together["title", piece.domain or "", title].append(index)
    return [m for key, m in together.items() if len(m) > 1 and (key[0] != "title" or len(m) <= COMMON_TITLE)]


def title_key(title: str) -> str:
    """A title without case, article and punctuation."""
    return re.sub(r"^(the|an|a)\s+|[^\w]", "", title.casefold())


def split(
    pieces: Sequence[Piece], seed: int, held_out: Mapping[str, float] = HELD_OUT, groups: Sequence[str] | None = None
) -> dict[str, list[Piece]]:
    """Pieces as "train" and the parts of ``held_out`` (name: share), whole groups only.

    A group's part is drawn from a hash of its name and ``seed``, so that adding a corpus moves nothing; a split that
    came with the music (``extra["split"]``) is kept, and holds for the whole group.
    """
    if sum(held_out.values()) >= 1.0:
        raise ValueError(f"{sum(held_out.values()):g} of the pieces are held out; less than 1 is allowed")
    names = list(group_ids(pieces) if groups is None else groups)
    published = {
        name: PUBLISHED[piece.extra["split"]]
        for name, piece in zip(names, pieces, strict=True)
        if piece.extra.get("split") in PUBLISHED
    }
    parts: dict[str, list[Piece]] = {"train": [], **{name: [] for name in held_out}}
    for name, piece in zip(names, pieces, strict=True):
        part = published.get(name) or part_of(name, seed, held_out)
        parts[part if part in parts else "train"].append(piece)
    return parts


def part_of(name: str, seed: int, held_out: Mapping[str, float]) -> str:
    """The part that a group's name falls into: one of ``held_out`` (name: share), or "train"."""
    digest = hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest()
    draw = int.from_bytes(digest, "big") / 2.0**64
    for part, share in held_out.items():
        if draw < share:
            return part
        draw -= share
    return "train"
