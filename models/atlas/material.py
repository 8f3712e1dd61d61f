"""What the maps are drawn of: tunes and their titles by the title towers, clips and excerpts by their style latents.

Only music that may be played to anybody is on a map (``models.music.played``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from models.atlas.points import KINDS, Material, Points, StoredClip, joined, packed
from models.atlas.projection import FloatArray, style_vectors
from models.experiments.dataset import neutral
from models.mood.judge import load_mood
from models.mood.liking import MOODS
from models.music import corpora
from models.music.corpora import Tell, silent
from models.music.grouping import title_key
from models.music.keys import likely_key
from models.music.notes import MusicError, Piece
from models.music.played import COLLECTIONS, PLAYED, TUNE_BOOKS
from models.music.tokens import to_tokens
from models.style.checkpoint import StyleBundle, load_style
from models.style.compose import whole_bars
from models.style.features import bar_features, gather_notes
from models.style.latents import BARS, Latents
from models.style.windows import pad
from models.taste.readouts import summary
from models.title.tunes import Tune, make_pool, name_of, tunes_of
from models.title.two_tower import TitleBundle, load_towers

COMPOSED_TERMS = "made by this installation; see models/weights/LICENSE"
EXCERPT_BARS = 16
READING, ENCODING = "Reading the music", "Encoding it"  # the two stages of ``gather``
SLOW = {"chorale": 50}  # times as long as a tune a chorale takes to parse
AT_ONCE = 64
LIKELIER = 0.5  # than all other moods together


def gather(
    kind: str,
    clips: Sequence[StoredClip] = (),
    *,
    data: Path | None = None,
    limit: int | None = None,
    style: str | Path = "default",
    tell: Callable[[str, float], None] = lambda stage, share: None,  # noqa: ARG005
) -> Material:
    """The points of a map of one of ``KINDS``; ``clips`` join the corpora's excerpts where clips are mapped.

    ``data``: a folder of tunes instead of the corpora; ``limit``: about so many pieces of each corpus. Pieces that have
    not what the map is drawn by are counted (``left_out``). ``style``: the model that clips are mapped by. ``tell`` is
    called with a stage and how much of it is done. Raises ``MusicError`` where there is nothing to map.
    """
    if kind not in KINDS:
        raise ValueError(f"a map of {kind!r} was asked for; there are {', '.join(KINDS)}")
    if kind == "pictures":
        raise ValueError("a map of pictures is gathered by models.atlas.picture_points.gather_pictures")
    if kind == "clips":
        bundle, pieces = load_style(style), played(PLAYED, data, limit, lambda share: tell(READING, share))
        points = clip_points(bundle, clips, pieces, lambda share: tell(ENCODING, share))
        left_out = {"pieces": len(clips) + len(pieces) - len(points), "why": "without eight whole bars"}
        return Material(points, bundle.version, {"sizes": dict(bundle.model.config.latent), "left_out": left_out})
    towers, pieces = load_towers(), played(TUNE_BOOKS, data, limit, lambda share: tell(READING, share))
    tell(ENCODING, 0.0)
    tunes = tunes_of(pieces)
    left_out = {"pieces": len(pieces) - len(tunes), "why": "without a title or a melody"}
    return Material(tune_points(towers, tunes, pieces, kind), towers.version, {"left_out": left_out})


def played(
    names: Sequence[str], data: Path | None = None, limit: int | None = None, tell: Tell = silent
) -> list[Piece]:
    """The pieces of those corpora that are there, or of a folder."""
    if data is not None:
        return [replace(piece, source="folder") for piece in corpora.load_folder(data, neutral)][:limit]
    there = [corpora.CORPORA[name] for name in names if corpora.registry()[name].available]
    cost = [SLOW.get(each.domain, 1) * min(_count(each), limit or _count(each)) for each in there]
    found: list[Piece] = []
    for number, corpus in enumerate(there):
        before, own, all_of_it = sum(cost[:number]), cost[number], sum(cost)

        def told(share: float, before: int = before, own: int = own, all_of_it: int = all_of_it) -> None:
            tell((before + own * share) / all_of_it)

        told(0.0)
        found += corpora.load(corpus.name, limit=limit, tell=told)
    return found


def _count(corpus: corpora.Corpus) -> int:
    """How many pieces a corpus has, which is known long before they are parsed."""
    count = 0
    for path in corpus.files():
        with suppress(MusicError, OSError):
            count += len(list(corpus.read(path)))
    return max(1, count)


def tune_points(bundle: TitleBundle, tunes: Sequence[Tune], pieces: Sequence[Piece], kind: str) -> Points:
    """Tunes by their melodies, their titles by the words, or both in one space with links from titles to tunes.

    ``pieces``: those that the tunes were made of, and perhaps others.
    For the joint map each side is moved to its own mean: towers keep their sides apart by a constant that says nothing
    about any tune (Liang et al. 2022, "Mind the gap").
    """
    by_name = {name_of(piece): piece for piece in pieces}
    melodies = _tunes(bundle, tunes, by_name)
    if kind == "tunes":
        return melodies
    titles = _titles(bundle, tunes, melodies)
    if kind == "titles":
        return replace(titles, links=())
    sides = [(melodies, "tune"), (titles, "title")]
    return joined(
        [
            replace(
                each,
                vectors=each.vectors - each.vectors.mean(0),
                colours={**each.colours, "side": (side,) * len(each)},
            )
            for each, side in sides
        ]
    )


def _tunes(bundle: TitleBundle, tunes: Sequence[Tune], pieces: dict[str, Piece]) -> Points:
    excerpts = [pieces[tune.name].window(0, EXCERPT_BARS) for tune in tunes]
    return Points(
        ids=tuple(f"tunes/{tune.name}" for tune in tunes),
        texts=tuple(tune.titles[0] for tune in tunes),
        vectors=bundle.towers.melodies(tunes),
        colours={
            "genre": tuple(tune.genre or "" for tune in tunes),
            "meter": tuple(tune.meter for tune in tunes),
            "mode": tuple(mode_of(piece) for piece in excerpts),
            "collection": tuple(COLLECTIONS.get(tune.source, tune.source) for tune in tunes),
        },
        pieces=tuple(map(packed, excerpts)),
        terms=tuple(piece.terms for piece in excerpts),
    )


def _titles(bundle: TitleBundle, tunes: Sequence[Tune], melodies: Points) -> Points:
    """Distinct titles, linked to the rows of their tunes; each plays and is coloured as the first of these."""
    pool = make_pool(tunes)
    bears: dict[str, list[int]] = {}
    for row, tune in enumerate(tunes):
        for title in tune.titles:
            bears.setdefault(title_key(title), []).append(row)
    links = [tuple(bears[title_key(title)]) for title in pool.titles]
    rows = [each[0] for each in links]
    return Points(
        ids=tuple(f"titles/{title_key(title)}" for title in pool.titles),
        texts=pool.titles,
        vectors=bundle.towers.titles(pool.titles),
        colours={name: tuple(labels[row] for row in rows) for name, labels in melodies.colours.items()},
        pieces=tuple(melodies.pieces[row] for row in rows),
        terms=tuple(melodies.terms[row] for row in rows),
        links=tuple(links),
    )


def clip_points(
    bundle: StyleBundle, clips: Sequence[StoredClip], pieces: Sequence[Piece], tell: Tell = silent
) -> Points:
    """Composed clips and the first eight whole bars of each piece, by their style latents."""
    excerpts: list[Piece] = []
    for piece in pieces:
        try:
            excerpt = whole_bars(piece)
            to_tokens(excerpt)
        except MusicError:
            continue
        if len(excerpt.bars) == BARS:
            excerpts.append(excerpt)
    if not excerpts and not clips:
        raise MusicError("there is neither a composed clip nor a piece of eight whole bars to map")
    composed = [Piece.from_json(dict(clip.notes)) for clip in clips]
    stored = [clip.summary[None] for clip in clips]
    summaries = np.concatenate([*stored, encoded(bundle, excerpts, tell)] if excerpts else stored)
    everything = [*composed, *excerpts]
    return Points(
        ids=(*(clip.name for clip in clips), *(f"tunes/{name_of(piece)}" for piece in excerpts)),
        texts=(*map(described, composed), *(title_of(piece) for piece in excerpts)),
        vectors=style_vectors(summaries, bundle.model.config.latent),
        colours={
            "source": ("composed",) * len(composed) + ("collection",) * len(excerpts),
            "domain": tuple(piece.domain or "" for piece in everything),
            "genre": tuple(piece.genre or "" for piece in everything),
            "meter": tuple(f"{piece.bars[0, 2]}/{piece.bars[0, 3]}" for piece in everything),
            "mode": tuple(map(mode_of, everything)),
            "mood": moods_of(everything),
            "collection": (
                *("",) * len(composed),
                *(COLLECTIONS.get(piece.source, piece.source) for piece in excerpts),
            ),
        },
        pieces=tuple(map(packed, everything)),
        terms=(*(COMPOSED_TERMS,) * len(composed), *(piece.terms for piece in excerpts)),
        summaries=summaries,
    )


@torch.inference_mode()
def encoded(bundle: StyleBundle, excerpts: Sequence[Piece], tell: Tell = silent) -> FloatArray:
    """Summaries float32 ``(excerpts, D)`` of pieces of exactly ``BARS`` whole bars."""
    found = []
    for start in range(0, len(excerpts), AT_ONCE):
        tell(start / len(excerpts))
        part = [to_tokens(piece) for piece in excerpts[start : start + AT_ONCE]]
        mean = bundle.model.encode(bar_features(gather_notes(pad(part), BARS))).mean.float()
        clips = [bundle.model.config.split(clip) for clip in mean.view(len(part), BARS, -1)]
        found += [summary(Latents(bundle.version, {name: z.numpy() for name, z in clip.items()})) for clip in clips]
    return np.stack(found)


def mode_of(piece: Piece) -> str:
    """Whether a major or a minor key fits best; "" for a piece without notes."""
    if len(piece.notes) == 0:
        return ""
    chroma = np.bincount(piece.notes[:, 2] % 12, piece.notes[:, 1], minlength=12)
    return "major" if likely_key(chroma) < 12 else "minor"


def moods_of(pieces: Sequence[Piece]) -> tuple[str, ...]:
    """One of ``MOODS`` where the first judge thinks it likelier than the others together; else ""."""
    judge = load_mood().first
    likely = [judge.judge([piece]).quadrant[0] if len(piece.notes) else np.zeros(len(MOODS)) for piece in pieces]
    return tuple(MOODS[each.argmax()] if each.max() > LIKELIER else "" for each in likely)


def title_of(piece: Piece) -> str:
    """The first title, or what else the piece is called."""
    return piece.titles[0] if piece.titles else piece.piece_id.rpartition("/")[2]


def described(piece: Piece) -> str:
    """A composed clip in a few words: it has no title."""
    tempo = float(np.median(piece.tempo_bpm))
    return f"Composed, {piece.domain or 'piece'}, {tempo:.0f} bpm"
