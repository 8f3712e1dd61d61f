"""What is evaluated on: held-out clips, chosen evenly over songs, and real and composed excerpts cut alike.

``Clips`` know whom each may take a style from. ``Excerpts`` are cut so that nothing but the music tells real from
composed ones: pieces get regular bars on the token grid; excerpts are so many whole bars of one meter from where a
phrase may begin, or whole pieces; what would never be offered to a listener is left out.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.experiments.dataset import piece_name, training_pieces
from models.music.grouping import split
from models.music.notes import DOMAINS, Domain, MusicError, Piece
from models.music.tokens import bar_ticks, on_grid, regular_bars
from models.style.compose import Composer
from models.style.fingerprint import rejection_reason
from models.style.latents import BARS, TEMPERATURE, Latents
from models.style.windows import DOMAIN_SHARE, PHRASE_BARS, WindowSet

BATCH = 24


@dataclass(frozen=True)
class Clips:
    """Held-out clips on the token grid, and whose they are."""

    pieces: list[Piece]
    later: list[Piece | None]  # the same song four bars on
    songs: list[str]
    domains: list[Domain]

    def of(self, domain: Domain) -> npt.NDArray[np.int64]:
        """Indices of one domain."""
        return np.flatnonzero([d == domain for d in self.domains])

    def some(self, count: int) -> Clips:
        """At most ``count`` of them, evenly over all."""
        rows = np.unique(np.linspace(0, len(self.pieces) - 1, min(count, len(self.pieces))).astype(int)).tolist()
        fields = (self.pieces, self.later, self.songs, self.domains)
        pieces, later, songs, domains = ([each[row] for row in rows] for each in fields)
        return Clips(pieces, later, songs, domains)


def held_out_pieces(data: Path | None, model: Path | None) -> list[Piece]:
    """The pieces to test on: all of a folder, or of the corpora those that the ``model``'s training held out.

    The names of the latter lie in the model's folder, so that a machine with fewer corpora holds out the same songs.
    """
    if data is not None:
        return training_pieces(data)
    found = corpora_parts(model)["test"]
    if not found:
        raise MusicError(f"none of the pieces that {model} held out is in the corpora; give --data")
    return found


def corpora_parts(model: Path | None) -> dict[str, list[Piece]]:
    """The corpora as "train", "validation" and "test", as the ``model``'s training divided them, anew without one.

    Raises ``MusicError`` where the model's record can't be read.
    """
    pieces = training_pieces(None)
    record = model / "held_out.json" if model else None
    if record is None or not record.exists():
        return split(pieces, seed=0)
    try:
        names = json.loads(record.read_text(encoding="utf-8"))
        part_of = {name: part for part in ("validation", "test") for name in names[part]}
    except (ValueError, KeyError, TypeError) as error:
        raise MusicError(f"{record} does not tell what was held out; give --data") from error
    parts: dict[str, list[Piece]] = {"train": [], "validation": [], "test": []}
    for piece in pieces:
        parts[part_of.get(piece_name(piece), "train")].append(piece)
    return parts


def choose_clips(windows: WindowSet, limit: int, seed: int) -> Clips:
    """Up to ``limit`` windows, shared over the domains as in training, as few a song as possible."""
    rng = np.random.default_rng(seed)
    present = [d for d in range(len(DOMAINS)) if (windows.domain == d).any()]
    share = np.array([DOMAIN_SHARE[DOMAINS[d]] for d in present])
    counts = np.floor(limit * share / share.sum()).astype(int)
    counts[0] += limit - counts.sum()
    rows: list[int] = []
    for domain, count in zip(present, counts, strict=True):
        members = np.flatnonzero(windows.domain == domain)
        members = rng.permutation(members[windows.start[members]] if windows.start[members].any() else members)
        seen: Counter[int] = Counter()
        turns = []
        for member in members:
            seen[int(windows.piece[member])] += 1
            turns.append(seen[int(windows.piece[member])])
        rows += members[np.argsort(turns, kind="stable")][:count].tolist()
    pieces: list[Piece] = []
    later: list[Piece | None] = []
    songs: list[str] = []
    domains: list[Domain] = []
    for row in rows:
        whole, first = windows.pieces[int(windows.piece[row])], int(windows.first_bar[row])
        pieces.append(on_grid(windows.clip(row)))
        later.append(on_grid(whole.window(first + 4, BARS)) if first + 4 + BARS <= len(whole.bars) else None)
        songs.append(piece_name(whole))
        domains.append(DOMAINS[int(windows.domain[row])])
    return Clips(pieces, later, songs, domains)


def donors_of(clips: Clips, seed: int) -> npt.NDArray[np.int64]:
    """For each clip another one of the same domain, of another song and the same meter where there is one."""
    rng = np.random.default_rng(seed)
    donors = np.arange(len(clips.pieces))
    meters = [tuple(p.bars[0, 2:].tolist()) for p in clips.pieces]
    for i in range(len(donors)):
        same = [j for j in clips.of(clips.domains[i]) if clips.songs[j] != clips.songs[i]]
        close = [j for j in same if meters[j] == meters[i]]
        if close or same:
            donors[i] = rng.choice(close or same)
    return donors


def compose_all(
    composer: Composer,
    clips: Clips,
    *,
    seed: int,
    temperature: float = TEMPERATURE,
    styles: Mapping[str, npt.NDArray[np.int64]] | None = None,
    encoded: Sequence[Latents] | None = None,
) -> list[Piece]:
    """Each clip composed again, with the groups of ``styles`` taken from the clips of the given indices.

    A clip that is its own donor keeps that group. ``encoded``: latents of the clips, instead of the posterior's means.
    """
    encoded = encoded or [composer.encode(p) for p in clips.pieces]
    order = np.argsort([len(p.notes) for p in clips.pieces], kind="stable")
    out: dict[int, Piece] = {}
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        plans = [
            composer.plan(
                domain=clips.domains[i],
                content=encoded[i],
                styles={name: encoded[donors[i]] for name, donors in (styles or {}).items()},
                seed=seed + int(i),
                temperature=temperature,
            )
            for i in rows
        ]
        out |= dict(zip(rows.tolist(), composer.compose(plans), strict=True))
    return [out[i] for i in range(len(clips.pieces))]


SHORTEST, LONGEST = 8, 64  # bars of a whole piece; longer ones end there


@dataclass(frozen=True)
class Excerpts:
    """Excerpts and the song that each comes from; ``thrown_away`` says of all that were cut which were unusable."""

    pieces: list[Piece]
    songs: list[str]
    thrown_away: list[bool]

    def some(self, rows: npt.ArrayLike) -> Excerpts:
        """Those of the given rows."""
        chosen = np.asarray(rows, dtype=np.int64).tolist()
        return Excerpts([self.pieces[i] for i in chosen], [self.songs[i] for i in chosen], self.thrown_away)


def regular(pieces: Iterable[Piece]) -> list[Piece]:
    """Pieces with regular bars on the token grid, the last one filled up; without those whose bars mean nothing."""
    found = []
    for piece in pieces:
        if piece.extra.get("bars") == "unestimated":
            continue
        try:
            found.append(_filled(on_grid(regular_bars(piece))))
        except MusicError:  # a bar longer than the grid can tell
            continue
    return found


def real_excerpts(pieces: Sequence[Piece], bars: int | None, limit: int, seed: int) -> Excerpts:
    """Up to ``limit`` excerpts of regular ``pieces``, first one of each piece in a random order, then a second, …."""
    rng = np.random.default_rng(seed)
    shuffled = [pieces[i] for i in rng.permutation(len(pieces))]
    turns = [rng.permutation(starts_of(piece, bars)).tolist() for piece in shuffled]
    found: list[Piece] = []
    songs: list[str] = []
    thrown_away: list[bool] = []
    for turn in range(max(map(len, turns), default=0)):
        for piece, starts in zip(shuffled, turns, strict=True):
            if turn >= len(starts) or len(found) == limit:
                continue
            cut = excerpt(piece, starts[turn], bars)
            thrown_away.append(rejection_reason(cut) is not None)
            if not thrown_away[-1]:
                found.append(cut)
                songs.append(piece_name(piece))
    return Excerpts(found, songs, thrown_away)


def composed_excerpts(pieces: Sequence[Piece], bars: int | None, seed: int) -> Excerpts:
    """One excerpt of each composed piece, which is a song of its own, where it is usable."""
    rng = np.random.default_rng(seed)
    found: list[Piece] = []
    songs: list[str] = []
    thrown_away: list[bool] = []
    for number, piece in enumerate(pieces):
        whole = regular([piece])
        starts = starts_of(whole[0], bars) if whole else []
        cut = excerpt(whole[0], int(rng.choice(starts)), bars) if starts else None
        thrown_away.append(cut is None or rejection_reason(cut) is not None)
        if cut is not None and not thrown_away[-1]:
            found.append(cut)
            songs.append(f"composed-{number}")
    return Excerpts(found, songs, thrown_away)


def starts_of(piece: Piece, bars: int | None) -> list[int]:
    """Bars at which an excerpt of a regular piece may begin: phrases of its longest run of whole bars of one meter.

    Its first bar alone for whole pieces (``bars`` None); none where the run is too short.
    """
    first, length = _longest_run(piece)
    if bars is None:
        return [first] if length >= SHORTEST else []
    return list(range(first, first + length - bars + 1, PHRASE_BARS[piece.domain or "pop"]))


def excerpt(piece: Piece, start: int, bars: int | None) -> Piece:
    """``bars`` bars of a regular piece from ``start`` on, or its longest run of bars, without chord symbols."""
    count = min(_longest_run(piece)[1], LONGEST) if bars is None else bars
    return replace(piece.window(start, count), chords=())


def _filled(piece: Piece) -> Piece:
    """The piece with a last bar as long as its meter: a tune that has a pickup ends before."""
    bars = piece.bars.copy()
    bars[-1, 1] = max(bars[-1, 1], bar_ticks(int(bars[-1, 2]), int(bars[-1, 3])))
    return replace(piece, bars=bars)


def _longest_run(piece: Piece) -> tuple[int, int]:
    """First bar and length of the longest run of whole bars of one meter."""
    bars = piece.bars
    whole = np.array([ticks == bar_ticks(n, d) for _, ticks, n, d in bars.tolist()])
    same = np.append(False, (bars[1:, 2:] == bars[:-1, 2:]).all(axis=1) & whole[:-1])
    breaks = np.append(np.flatnonzero(~(whole & same)), len(bars))
    best = (0, 0)
    for start, end in zip(breaks[:-1].tolist(), breaks[1:].tolist(), strict=True):
        if whole[start] and end - start > best[1]:
            best = (start, end - start)
    return best
