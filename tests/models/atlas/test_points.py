import io
import json

import numpy as np
import pandas as pd
import pytest

from models.atlas.points import DrawnMap, Points, joined, packed
from models.atlas.projection import nearest
from models.music.notes import Piece


def piece(pitch: int = 60) -> Piece:
    return Piece(notes=np.array([[0, 24, pitch, 80]]), bars=np.array([[0, 96, 4, 4]]), tempo_bpm=np.array([100.0]))


def some(count: int = 30, seed: int = 0, prefix: str = "tunes") -> Points:
    vectors = np.random.default_rng(seed).normal(size=(count, 6)).astype(np.float32)
    return Points(
        ids=tuple(f"{prefix}/{i}" for i in range(count)),
        texts=tuple(f"Tune {i} of “Café”" for i in range(count)),
        vectors=vectors,
        colours={"genre": tuple("reel" if i % 2 else "" for i in range(count))},
        pieces=tuple(packed(piece(40 + i)) for i in range(count)),
        terms=("free",) * count,
        links=tuple((i, (i + 1) % count) for i in range(count)),
    )


def drawn(points: Points) -> DrawnMap:
    return DrawnMap(points, points.vectors[:, :2], nearest(points.vectors, 5), {"kind": "tunes", "seed": 3})


def test_a_map_comes_back_from_its_file_as_it_was():
    before = drawn(some())
    after = DrawnMap.from_parquet(before.to_parquet())
    assert after.points.hash == before.points.hash
    assert np.array_equal(after.places, before.places)
    assert np.array_equal(after.neighbours.index, before.neighbours.index)
    assert np.allclose(after.neighbours.distance, before.neighbours.distance, atol=1e-5)
    assert (after.about["kind"], after.about["seed"], after.points.links) == ("tunes", 3, before.points.links)
    assert np.array_equal(after.piece(7).notes, piece(47).notes)


def test_the_file_has_the_columns_that_embedding_atlas_reads():
    before = drawn(some())
    table = pd.read_parquet(io.BytesIO(before.to_parquet()))
    assert {"id", "x", "y", "text", "genre", "neighbors"} <= set(table.columns)
    first = table.neighbors[0]
    assert first["ids"].tolist() == before.neighbours.index[0].tolist()
    assert np.allclose(first["distances"], before.neighbours.distance[0], atol=1e-5)
    assert json.loads(table.piece[0])["notes"]


def test_the_hash_tells_other_points_from_the_same():
    assert some().hash == some().hash
    assert some().hash != some(seed=1).hash
    assert some().hash != some(prefix="titles").hash


def test_points_that_contradict_themselves_are_refused():
    good = some(4)
    with pytest.raises(ValueError, match="id of its own"):
        Points(("a", "a"), ("x", "y"), good.vectors[:2], {}, ("", ""), ("", ""))
    with pytest.raises(ValueError, match="finite"):
        Points(("a",), ("x",), np.full((1, 2), np.nan, np.float32), {}, ("",), ("",))


def test_joined_points_keep_their_order_and_links():
    both = joined([some(3), some(4, seed=1, prefix="titles")])
    assert both.ids[3] == "titles/0"
    assert both.links[3] == (0, 1)
    assert len(both.colours["genre"]) == 7


def test_another_file_is_refused() -> None:
    for data in (b"", b"no parquet at all"):
        with pytest.raises(ValueError, match="no Parquet file"):
            DrawnMap.from_parquet(data)


def test_a_parquet_file_of_somebody_elses_is_refused():
    file = io.BytesIO()
    pd.DataFrame({"x": [1]}).to_parquet(file)
    with pytest.raises(ValueError, match="no map"):
        DrawnMap.from_parquet(file.getvalue())
