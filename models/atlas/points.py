"""What a map is drawn of, the drawn map as one Parquet file, and the maps that come with the weights.

The file opens in Apple's Embedding Atlas: ``embedding-atlas FILE --x x --y y --text text --neighbors neighbors``
(https://apple.github.io/embedding-atlas/tool.html: neighbours are zero-based row numbers with their distances).

Maps that come with the weights are made small: what every installation has already is not in them. An excerpt of a
collection that comes with music21 is named instead of written out, figures are rounded, and only the neighbours that
pages show are kept.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import models
from models.atlas.projection import FloatArray, Neighbours
from models.music import corpora, played
from models.music.notes import MusicError, Piece

ABOUT = b"kallos"
FORMAT = 1
KINDS = ("clips", "tunes", "titles", "joint", "pictures")

SHIPPED = Path(models.__file__).parent / "weights" / "maps"
LEVELS = 95  # of a rounded figure, on either side of 0
DECIMALS = 3  # of places and distances
SHIPPED_NEIGHBOURS = 10
FIRST_BARS = 4  # an excerpt begins in one of them

LIST = "tracks.json"


@dataclass(frozen=True)
class Points:
    """Points in the order of their ``ids``, which are unique; a label "" is unknown.

    ``vectors`` float32 ``(n, d)``: what is mapped. ``colours``: label of each point by colouring. ``pieces``: the music
    of each, ``packed`` or ``named``. ``terms``: under which it may be played. ``links``: rows that a point belongs
    to, such as a title's tunes. ``summaries``: float32 ``(n, D)``, what taste is computed from, for clips alone.

    Of pictures alone: ``thumbnails`` (WebP), ``measures`` float32 ``(n, 4)`` and ids of the clips that they are
    ``tied`` to, the nearest first, whose music is the point's.
    """

    ids: tuple[str, ...]
    texts: tuple[str, ...]
    vectors: FloatArray
    colours: Mapping[str, tuple[str, ...]]
    pieces: tuple[str, ...]
    terms: tuple[str, ...]
    links: tuple[tuple[int, ...], ...] = ()
    summaries: FloatArray | None = None
    thumbnails: tuple[bytes, ...] = ()
    measures: FloatArray | None = None
    tied: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        sizes = {len(self.texts), len(self.vectors), len(self.pieces), len(self.terms)}
        sizes |= {len(labels) for labels in self.colours.values()}
        if sizes != {len(self.ids)} or len(set(self.ids)) != len(self.ids):
            raise ValueError(f"{len(self.ids)} points of which each needs an id of its own, text, music and colours")
        if not np.isfinite(self.vectors).all():
            raise ValueError("the vectors of a map must be finite")

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def hash(self) -> str:
        """Digest of what is mapped: ids, texts, labels and vectors."""
        told = [self.ids, self.texts, [[name, *labels] for name, labels in sorted(self.colours.items())], self.links]
        digest = hashlib.sha256(json.dumps(told, ensure_ascii=False).encode())
        digest.update(np.ascontiguousarray(self.vectors, dtype="<f4").tobytes())
        return digest.hexdigest()[:16]


@dataclass(frozen=True)
class StoredClip:
    """A composed clip as it is stored: a name, its notes (``Piece.to_json``) and its ``summary`` ``(D,)``."""

    name: str
    notes: dict[str, Any]
    summary: FloatArray


@dataclass(frozen=True)
class Material:
    """Points of a map, the version of the model whose space they lie in, and what else belongs to that space.

    ``about``: ``sizes`` of the latent groups for clips; mean and deviation of the ``music`` that pictures are tied to;
    ``left_out``: how many ``pieces`` are not on the map and ``why``.
    """

    points: Points
    model_version: str
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DrawnMap:
    """Points with their places float32 ``(n, 2)``, nearest neighbours, and what is known about the picture.

    ``about``: kind, model_version, data_hash, seed, commit, quality (``models.atlas.quality.Quality.to_json``).
    """

    points: Points
    places: FloatArray
    neighbours: Neighbours
    about: Mapping[str, Any] = field(default_factory=dict)

    def to_parquet(self) -> bytes:
        """The whole map as a file."""
        import pyarrow as pa  # noqa: PLC0415 (only where maps are)
        from pyarrow import parquet  # noqa: PLC0415 (takes a moment)

        points = self.points
        near = [
            {"ids": ids, "distances": [round(each, 5) for each in distances]}
            for ids, distances in zip(self.neighbours.index.tolist(), self.neighbours.distance.tolist(), strict=True)
        ]
        near_type = pa.struct([("ids", pa.list_(pa.int32())), ("distances", pa.list_(pa.float32()))])
        columns: dict[str, Any] = {
            "id": pa.array(points.ids, pa.string()),
            "x": pa.array(self.places[:, 0], pa.float32()),
            "y": pa.array(self.places[:, 1], pa.float32()),
            "text": pa.array(points.texts, pa.string()),
            **{name: pa.array(labels, pa.string()) for name, labels in points.colours.items()},
            "neighbors": pa.array(near, near_type),
            "terms": pa.array(points.terms, pa.string()),
            "links": pa.array(points.links or [()] * len(points), pa.list_(pa.int32())),
            "piece": pa.array(points.pieces, pa.string()),
            "vector": _rows(points.vectors),
        }
        if points.summaries is not None:
            columns["summary"] = _rows(points.summaries)
        if points.measures is not None:
            columns["picture"] = pa.array(points.thumbnails, pa.binary())
            columns["measures"] = _rows(points.measures)
            columns["tied"] = pa.array(points.tied, pa.list_(pa.string()))
        about = {"format": FORMAT, "colours": list(points.colours), **self.about}
        table = pa.table(columns).replace_schema_metadata({ABOUT: json.dumps(about).encode()})
        file = io.BytesIO()
        parquet.write_table(table, file, compression="zstd", row_group_size=4096)
        return file.getvalue()

    @classmethod
    def from_parquet(cls, data: bytes) -> DrawnMap:
        """Read what ``to_parquet`` wrote; raises ``ValueError`` on another file."""
        import pyarrow as pa  # noqa: PLC0415 (takes a moment)
        from pyarrow import parquet  # noqa: PLC0415 (takes a moment)

        try:
            table = parquet.read_table(io.BytesIO(data))
        except (pa.ArrowInvalid, OSError) as error:
            raise ValueError(f"this is no Parquet file: {error}") from error
        about = json.loads((table.schema.metadata or {}).get(ABOUT, b"{}"))
        if about.get("format") != FORMAT:
            raise ValueError(f"this Parquet file is no map of format {FORMAT}; draw the map again")
        lists: dict[str, list[Any]] = {
            name: table[name].to_pylist() for name in ("id", "text", "piece", "terms", "links", *about["colours"])
        }
        near = table["neighbors"].combine_chunks()
        shape = (len(table), -1)
        points = Points(
            ids=tuple(lists["id"]),
            texts=tuple(lists["text"]),
            vectors=_matrix(table["vector"]),
            colours={name: tuple(lists[name]) for name in about["colours"]},
            pieces=tuple(lists["piece"]),
            terms=tuple(lists["terms"]),
            links=tuple(map(tuple, lists["links"])),
            summaries=_matrix(table["summary"]) if "summary" in table.column_names else None,
            **_pictures(table),
        )
        neighbours = Neighbours(
            near.field("ids").flatten().to_numpy().astype(np.int64).reshape(shape),
            near.field("distances").flatten().to_numpy().reshape(shape),
        )
        places = np.stack([table["x"].to_numpy(), table["y"].to_numpy()], axis=1).astype(np.float32)
        return cls(points, places, neighbours, about)

    def piece(self, row: int) -> Piece:
        """The music of a point; raises ``MusicError`` where its collection has gone."""
        found = json.loads(self.points.pieces[row])
        if "corpus" not in found:
            return Piece.from_json(found)
        return played.read(found["corpus"], found["name"])[1].window(found["first_bar"], found["bars"])


def packed(piece: Piece) -> str:
    """A piece as ``Points.pieces`` keeps it."""
    return json.dumps(piece.to_json(), separators=(",", ":"), ensure_ascii=False)


def named(piece: Piece, first_bar: int, bars: int) -> str:
    """An excerpt of a piece of a collection as ``Points.pieces`` keeps it: by name, without its notes."""
    corpus, _, name = piece.piece_id.partition("/")
    return json.dumps({"corpus": corpus, "name": name, "first_bar": first_bar, "bars": bars}, separators=(",", ":"))


def joined(parts: Sequence[Points]) -> Points:
    """Points of several kinds in one map; all need the same colourings and dimensions, links count from the first."""
    links = [tuple(each) for part in parts for each in (part.links or ((),) * len(part))]
    return Points(
        ids=tuple(each for part in parts for each in part.ids),
        texts=tuple(each for part in parts for each in part.texts),
        vectors=np.concatenate([part.vectors for part in parts]),
        colours={name: tuple(each for part in parts for each in part.colours[name]) for name in parts[0].colours},
        pieces=tuple(each for part in parts for each in part.pieces),
        terms=tuple(each for part in parts for each in part.terms),
        links=tuple(links),
        summaries=np.concatenate([part.summaries for part in parts if part.summaries is not None])
        if all(part.summaries is not None for part in parts)
        else None,
    )


def _pictures(table: Any) -> dict[str, Any]:
    """What only a map of pictures has, as ``Points`` takes it."""
    if "picture" not in table.column_names:
        return {}
    return {
        "thumbnails": tuple(table["picture"].to_pylist()),
        "measures": _matrix(table["measures"]),
        "tied": tuple(map(tuple, table["tied"].to_pylist())),
    }


def _rows(matrix: FloatArray) -> Any:
    import pyarrow as pa  # noqa: PLC0415 (takes a moment)

    values = pa.array(np.ascontiguousarray(matrix, dtype=np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(values, matrix.shape[1])


def _matrix(column: Any) -> FloatArray:
    array = column.combine_chunks()
    matrix: FloatArray = array.flatten().to_numpy().astype(np.float32).reshape(len(array), -1)
    return matrix


def ship(maps: Mapping[str, DrawnMap], collections: Mapping[str, Piece], folder: Path) -> None:
    """Write maps by kind as they are shipped; ``collections``: the pieces that every installation has, by their id."""
    folder.mkdir(parents=True, exist_ok=True)
    names = _names_of_excerpts(maps, collections)
    for kind, drawn in maps.items():
        points = drawn.points
        slim = replace(
            points,
            ids=tuple(_elsewhere(name) for name in points.ids),
            vectors=rounded(points.vectors),
            summaries=None if points.summaries is None else rounded(points.summaries),
            pieces=tuple(names.get(text, text) for text in points.pieces),
            tied=tuple(tuple(map(_elsewhere, each)) for each in points.tied),
        )
        near = drawn.neighbours
        kept = Neighbours(near.index[:, :SHIPPED_NEIGHBOURS], np.round(near.distance[:, :SHIPPED_NEIGHBOURS], DECIMALS))
        file = DrawnMap(slim, np.round(drawn.places, DECIMALS), kept, drawn.about).to_parquet()
        (folder / f"{kind}.parquet").write_bytes(file)


def every_installation_has() -> dict[str, Piece]:
    """The pieces that come with music21 and may be played, by their id."""
    names = [name for name in played.PLAYED if corpora.CORPORA[name].shipped]
    return {piece.piece_id: piece for name in names for piece in corpora.load(name)}


def load_shipped_map(kind: str, folder: Path = SHIPPED) -> DrawnMap | None:
    """The map of a kind that came with the weights; None where none did."""
    path = folder / f"{kind}.parquet"
    return DrawnMap.from_parquet(path.read_bytes()) if path.is_file() else None


def rounded(matrix: FloatArray) -> FloatArray:
    """A matrix on a grid of ``2 * LEVELS + 1`` values, which Parquet keeps as numbers of a dictionary."""
    step = float(np.abs(matrix).max()) / LEVELS
    return (np.round(matrix / step) * step).astype(np.float32)


def _elsewhere(name: str) -> str:
    """A clip's id without a meaning: other installations have no such clip to open or to find again."""
    kind, _, rest = name.partition("/")
    return f"composed/{rest}" if kind == "clips" else name


def _names_of_excerpts(maps: Mapping[str, DrawnMap], collections: Mapping[str, Piece]) -> dict[str, str]:
    """For the music of each point that a collection has (as ``Points.pieces`` keeps it), its name there."""
    found: dict[str, str] = {}
    for drawn in maps.values():
        for name, text in zip(drawn.points.ids, drawn.points.pieces, strict=True):
            whole = collections.get(name.removeprefix("tunes/"))
            if whole is not None and text not in found and (reference := _reference(whole, text)):
                found[text] = reference
    return found


def _reference(whole: Piece, text: str) -> str | None:
    """The name of an excerpt of a piece, where it is one from some bar on."""
    bars = len(json.loads(text)["bars"])
    for first in range(FIRST_BARS):
        try:
            if packed(whole.window(first, bars)) == text:
                return named(whole, first, bars)
        except MusicError:
            return None
    return None


@dataclass(frozen=True)
class Track:
    """A track that was played, at ``(x, y)``: its name and genre, how often it was played and liked, p of that."""

    name: str
    genre: str
    played: int
    liked: int
    p: float
    x: float
    y: float


def known_tracks(folder: Path, version: str) -> tuple[Track, ...]:
    """The tracks on the map of the networks of this ``version``; none where there is no map, or one of others."""
    try:
        said: dict[str, Any] = json.loads((folder / LIST).read_text(encoding="utf-8"))
        return tuple(Track(**each) for each in said["tracks"]) if said["version"] == version else ()
    except (OSError, ValueError, KeyError, TypeError):
        return ()
